/* A request to stop reaches the task that it names, wherever that task runs (park/scope.h): in the caller
 * of an inline executor, in the submitter of a full pool, in place of a wait. */
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <unistd.h>

static thrum_event go, entered;
static uint32_t carrier; /* the ident of the context that runs the inner task */

static int wait_for_ever(thrum_task *self)
{
    static thrum_event never;
    (void)self;
    tell_ident(&carrier);
    return thrum_event_wait(&never, THRUM_FOREVER);
}

static int wait_for_go(thrum_task *self)
{
    (void)self;
    tell_ident(&carrier);
    thrum_event_set(&entered);
    return thrum_event_wait(&go, THRUM_FOREVER);
}

static thrum_group *group;

static int cancel_the_group(thrum_task *self)
{
    (void)self;
    UNTIL(waits_for(&carrier, "event"));
    thrum_group_cancel(group);
    return 0;
}

/* Submits a task that runs in this thread and is cancelled there by another thread. */
static void submit_and_be_spared(thrum_executor *executor)
{
    group = thrum_group_new();
    thrum_thread *canceller = thrum_thread_start(cancel_the_group, THRUM_NOTHING);
    thrum_future *future = thrum_group_submit(group, executor, wait_for_ever, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future),
                  -ECANCELED);
    thrum_future_free(future);
    CHECK_INT(thrum_sleep(thrum_in(1e-4)), ==, 0); /* the thread itself is not cancelled */
    JOIN(canceller, 0);
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ECANCELED);
    thrum_group_free(group);
}

TEST(a_cancel_of_an_inline_task_spares_the_caller)
{
    thrum_executor *direct = thrum_inline_new();
    submit_and_be_spared(direct);
    thrum_executor_shutdown(direct);
}

/* Calls `body` with a pool that is full and runs what comes in its submitter. */
static void with_full_pool(void (*body)(thrum_executor *pool))
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){
        .max_workers = 1, .max_pending = 1, .when_full = THRUM_WHEN_FULL_RUN});
    thrum_future *busy = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    CHECK_INT(thrum_event_wait(&entered, THRUM_FOREVER), ==, 0);
    thrum_future *pending = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    carrier = 0;
    body(pool);
    thrum_event_set(&go);
    CHECK_INT(thrum_future_result(busy, NULL, 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_result(pending, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(busy);
    thrum_future_free(pending);
    thrum_executor_shutdown(pool);
}

TEST(a_cancel_of_a_task_in_its_submitter_spares_the_submitter)
{
    with_full_pool(submit_and_be_spared);
}

static thrum_future *inner;
static thrum_event inner_entered, inner_go;

static int run_in_its_place(thrum_task *self)
{
    (void)self;
    thrum_event_set(&inner_entered);
    return thrum_event_wait(&inner_go, THRUM_FOREVER);
}

static int wait_for_inner(thrum_task *self)
{
    CHECK_INT(thrum_future_result(inner, NULL, 0, THRUM_FOREVER), ==, 0);
    CHECK(thrum_cancelled(self));
    return thrum_sleep(THRUM_FOREVER);
}

TEST(a_cancel_of_a_waiting_task_spares_the_task_that_runs_in_its_place)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *first = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    CHECK_INT(thrum_event_wait(&entered, THRUM_FOREVER), ==, 0);
    thrum_future *outer = thrum_submit(pool, wait_for_inner, THRUM_NOTHING);
    inner = thrum_submit(pool, run_in_its_place, THRUM_NOTHING);
    thrum_event_set(&go); /* the one worker runs `outer`, which runs `inner` */
    CHECK_INT(thrum_event_wait(&inner_entered, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_cancel(outer), ==, -EINPROGRESS);
    thrum_event_set(&inner_go);
    CHECK_INT(thrum_future_result(inner, NULL, 0, THRUM_FOREVER), ==, 0);
    CHECK_OUTCOME(thrum_future_result(outer, NULL, 0, THRUM_FOREVER), thrum_future_error(outer),
                  -ECANCELED);
    thrum_future *futures[] = {first, outer, inner};
    for (int i = 0; i < 3; i++)
        thrum_future_free(futures[i]);
    thrum_executor_shutdown(pool);
}

/* Sleeps in a worker process; returns at once in the process that submitted it. */
static int sleep_elsewhere(thrum_task *self)
{
    bool here = thrum_arg(self, pid_t) == getpid();
    if (!here)
        thrum_sleep(THRUM_FOREVER);
    return thrum_return(self, thrum_value(bool, here));
}

static bool runs_here(thrum_executor *pool)
{
    bool here = false;
    thrum_future *future = thrum_submit(pool, sleep_elsewhere, thrum_value(pid_t, getpid()));
    (void)!thrum_future_result(future, &here, sizeof here,
                               THRUM_NOW); /* another process may have it */
    thrum_future_free(future);
    return here;
}

static int submit_while_cancelled(thrum_task *self)
{
    thrum_executor *full = thrum_arg(self, thrum_executor *);
    UNTIL(thrum_cancelled(self));
    CHECK(runs_here(full));
    CHECK(thrum_cancelled(self)); /* the request was for this thread, and stands */
    return thrum_sleep(THRUM_FOREVER);
}

TEST(a_task_in_its_submitter_leaves_the_threads_own_cancel_alone)
{
    thrum_executor *pool = thrum_process_pool_new(&(thrum_process_pool_options){
        .max_workers = 1, .max_pending = 1, .when_full = THRUM_WHEN_FULL_RUN});
    thrum_executor_stats stats;
    (void)runs_here(pool);
    UNTIL((thrum_executor_stats_get(pool, &stats), stats.running == 1));
    UNTIL(runs_here(pool)); /* it is full now: its only worker sleeps */
    thrum_thread *thread =
        thrum_thread_start(submit_while_cancelled, thrum_value(thrum_executor *, pool));
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_pending = true, .cancel_running = true});
}

/* --------------------------------------------------------------------------------- items of a map */

static int map_for_ever(thrum_task *self)
{
    thrum_executor *executor = thrum_arg(self, thrum_executor *);
    thrum_error error;
    int rc = thrum_map(executor, wait_for_ever,
                       &(thrum_map_options){.count = 2, .window = 2, .ret_error = &error});
    return rc == THRUM_FAILED ? thrum_fail_with(self, &error) : rc;
}

/* Cancels a thread that maps, while it runs an item itself. */
static void cancel_mapping_thread(thrum_executor *executor)
{
    carrier = 0;
    thrum_thread *thread =
        thrum_thread_start(map_for_ever, thrum_value(thrum_executor *, executor));
    UNTIL(waits_for(&carrier, "event"));
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
}

TEST(a_cancel_of_a_thread_that_maps_ends_items_that_it_runs_inline)
{
    thrum_executor *direct = thrum_inline_new();
    cancel_mapping_thread(direct);
    thrum_executor_shutdown(direct);
}

TEST(a_cancel_of_a_thread_that_maps_ends_items_that_it_runs_for_a_full_pool)
{
    with_full_pool(cancel_mapping_thread);
}

TEST(a_cancel_of_a_task_that_maps_over_its_own_pool_ends_its_items)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *outer = thrum_submit(pool, map_for_ever, thrum_value(thrum_executor *, pool));
    UNTIL(waits_for(&carrier, "event"));
    CHECK_INT(thrum_future_cancel(outer), ==, -EINPROGRESS);
    CHECK_OUTCOME(thrum_future_result(outer, NULL, 0, THRUM_FOREVER), thrum_future_error(outer),
                  -ECANCELED);
    thrum_future_free(outer);
    thrum_executor_shutdown(pool);
}

TEST(a_deadline_of_a_task_that_maps_over_its_own_pool_ends_its_items)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *outer =
        thrum_submit_with(pool, &(thrum_submit_options){.deadline = thrum_in(0.01)}, map_for_ever,
                          thrum_value(thrum_executor *, pool));
    CHECK_OUTCOME(thrum_future_result(outer, NULL, 0, THRUM_FOREVER), thrum_future_error(outer),
                  -ETIMEDOUT);
    thrum_future_free(outer);
    thrum_executor_shutdown(pool);
}
