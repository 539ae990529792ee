/* The thread pool beyond plain submits: tasks that wait for tasks, a full backlog, and every way to
 * end. That a run ends at all says that nobody was left asleep. */
#include "explore.h"
#include <thrum/event.h>
#include <thrum/executor.h>

#include <errno.h>

static thrum_executor *pool;
static int data; /* counted under nothing: the pool's own order is what protects it */

static int mark(thrum_task *self)
{
    (void)self;
    EXPLORE_WRITE(data, EXPLORE_READ(data) + 1);
    return 0;
}

static void make(thrum_thread_pool_options options)
{
    pool = thrum_thread_pool_new(&options);
}

static int wait_for_inner(thrum_task *self)
{
    thrum_deadline until = thrum_arg(self, thrum_deadline);
    thrum_future *inner = thrum_submit(pool, mark, THRUM_NOTHING);
    int rc = thrum_future_result(inner, NULL, 0,
                                 thrum_deadline_is_forever(until) ? until : thrum_in(1e6));
    EXPLORE_CHECK(rc == 0 && EXPLORE_READ(data) == 1);
    thrum_future_free(inner);
    return 0;
}

static void nest(thrum_deadline until)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *outer = thrum_submit(pool, wait_for_inner, &until, sizeof until);
    EXPLORE_CHECK(thrum_future_result(outer, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(outer);
    thrum_executor_shutdown(pool);
}

/* The waiting worker runs it itself. */
EXPLORE(pool_nested, .preemptions = 2, .long_preemptions = 3)
{
    nest(THRUM_FOREVER);
}

/* With a deadline a spare worker steps in. */
EXPLORE(pool_nested_until, .preemptions = 1, .long_preemptions = 3)
{
    nest(THRUM_NOW);
}

/* Of the two workers that there are then, one leaves and one sleeps; the next task wakes it, though
 * there was another that called for nobody. */
static int wait_and_submit(thrum_task *self)
{
    int rc = wait_for_inner(self);
    thrum_future_free(thrum_submit(pool, mark, THRUM_NOTHING));
    return rc;
}

EXPLORE(pool_after_nested, .preemptions = 1, .long_preemptions = 2)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *outer = thrum_submit(pool, wait_and_submit, thrum_value(thrum_deadline, 0));
    EXPLORE_CHECK(thrum_future_result(outer, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(outer);
    for (int i = 0; i < 2; i++) {
        thrum_future *next = thrum_submit(pool, mark, THRUM_NOTHING);
        EXPLORE_CHECK(thrum_future_result(next, NULL, 0, THRUM_FOREVER) == 0);
        thrum_future_free(next);
    }
    thrum_executor_shutdown(pool);
}

static thrum_event met;

static int wait_to_meet(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&met, THRUM_FOREVER);
}

static int come_to_meet(thrum_task *self)
{
    (void)self;
    thrum_event_set(&met);
    return 0;
}

/* A pool that has grown has a second worker for the task that the first one waits for, whether that
 * was submitted before or after. */
EXPLORE(pool_grows, .preemptions = 1, .long_preemptions = 3)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *waits = thrum_submit(pool, wait_to_meet, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_thread_pool_resize(pool, 2) == 0);
    thrum_future_free(thrum_submit(pool, come_to_meet, THRUM_NOTHING));
    EXPLORE_CHECK(thrum_future_result(waits, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(waits);
    thrum_executor_shutdown(pool);
}

static void submit_to_meet(void *argument)
{
    (void)argument;
    thrum_future_free(thrum_submit(pool, come_to_meet, THRUM_NOTHING));
}

/* Two submit at once to a pool of two, one task of which waits for the other. */
EXPLORE(pool_inbox_of_two, .preemptions = EXPLORE_NONE, .long_preemptions = 2)
{
    make((thrum_thread_pool_options){.max_workers = 2});
    thrum_future *first = thrum_submit(pool, mark, THRUM_NOTHING);
    explore_spawn("submitter", submit_to_meet, NULL);
    thrum_future *waits = thrum_submit(pool, wait_to_meet, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_future_result(first, NULL, 0, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_future_result(waits, NULL, 0, THRUM_FOREVER) == 0);
    explore_join_all();
    thrum_future_free(first);
    thrum_future_free(waits);
    thrum_executor_shutdown(pool);
}

/* The order of submission, past a worker that takes, sleeps and is woken meanwhile. */

static int position;

static int follow(thrum_task *self)
{
    EXPLORE_CHECK(EXPLORE_READ(position) == thrum_arg(self, int));
    EXPLORE_WRITE(position, thrum_arg(self, int) + 1);
    return 0;
}

EXPLORE(pool_order, .preemptions = 1, .long_preemptions = 3)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    for (int i = 0; i < 4; i++)
        thrum_future_free(thrum_submit(pool, follow, thrum_value(int, i)));
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(EXPLORE_READ(position) == 4);
}

/* One of higher priority is begun before what is left in the inbox. */
static int be_first(thrum_task *self)
{
    (void)self;
    EXPLORE_CHECK(EXPLORE_READ(position) == 0);
    return 0;
}

EXPLORE(pool_priority_and_inbox, .preemptions = 2, .long_preemptions = 3)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future_free(thrum_submit(pool, wait_to_meet, THRUM_NOTHING));
    thrum_future_free(thrum_submit(pool, follow, thrum_value(int, 0)));
    thrum_submit_options high = {.priority = THRUM_PRIORITY_HIGH};
    thrum_future_free(thrum_submit_with(pool, &high, be_first, THRUM_NOTHING));
    thrum_event_set(&met);
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(EXPLORE_READ(position) == 1);
}

/* A backlog of one: the second submit waits until the first task was taken. */
EXPLORE(pool_backlog, .preemptions = 1, .long_preemptions = 3)
{
    make((thrum_thread_pool_options){.max_workers = 1, .max_pending = 1});
    for (int i = 0; i < 3; i++)
        thrum_future_free(thrum_submit(pool, mark, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(EXPLORE_READ(data) == 3);
}

static void submit_one(void *argument)
{
    (void)argument;
    thrum_future *future = thrum_submit(pool, mark, THRUM_NOTHING);
    int rc = thrum_future_result(future, NULL, 0, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0);
    thrum_future_free(future);
}

EXPLORE(pool_backlog_two, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    make((thrum_thread_pool_options){.max_workers = 1, .max_pending = 1});
    explore_spawn("submitter 1", submit_one, NULL);
    explore_spawn("submitter 2", submit_one, NULL);
    explore_join_all();
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(EXPLORE_READ(data) == 2);
}

/* A shutdown that cancels what is pending: each task ran or was cancelled, and its future tells. */
EXPLORE(pool_shutdown_cancels, .preemptions = 2, .long_preemptions = 3)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_submit(pool, mark, THRUM_NOTHING);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.cancel_pending = true});
    int ran = 0;
    for (int i = 0; i < 2; i++) {
        int rc = OUTCOME_CODE(thrum_future_result(futures[i], NULL, 0, THRUM_NOW),
                              thrum_future_error(futures[i]));
        EXPLORE_CHECK(rc == 0 || rc == -ECANCELED);
        ran += rc == 0;
        thrum_future_free(futures[i]);
    }
    EXPLORE_CHECK(EXPLORE_READ(data) == ran);
}

/* An abandoned pool: the last worker frees it, and nothing is lost or leaked. */
EXPLORE(pool_abandoned, .preemptions = 2, .long_preemptions = 3)
{
    make((thrum_thread_pool_options){.max_workers = 2});
    thrum_future *future = thrum_submit(pool, mark, THRUM_NOTHING);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(EXPLORE_READ(data) == 1);
    thrum_future_free(future);
}

static int fail_to_initialize(thrum_task *self)
{
    (void)self;
    return -EACCES;
}

static void hear(const thrum_failure *failure, void *context)
{
    (void)failure, (void)context;
}

EXPLORE(pool_broken, .preemptions = 1, .long_preemptions = 3)
{
    thrum_failure_hook_set(hear, NULL);
    make((thrum_thread_pool_options){.max_workers = 2, .initializer = fail_to_initialize});
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_submit(pool, mark, THRUM_NOTHING);
    for (int i = 0; i < 2; i++) {
        EXPLORE_CHECK(OUTCOME_CODE(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER),
                                   thrum_future_error(futures[i])) == -EACCES);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
}

/* A worker that goes idle and is woken, again and again. */
EXPLORE(pool_idle_again, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    for (int i = 1; i <= 4; i++) {
        thrum_future *future = thrum_submit(pool, mark, THRUM_NOTHING);
        EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0);
        EXPLORE_CHECK(EXPLORE_READ(data) == i);
        thrum_future_free(future);
        thrum_executor_stats stats;
        thrum_executor_stats_get(pool, &stats);
        EXPLORE_CHECK(stats.workers == 1 && stats.idle + stats.running <= 1);
    }
    thrum_executor_shutdown(pool);
}

/* A request to stop is for one task, not for the next on the same worker. */

static thrum_event never;

static int wait_to_be_stopped(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&never, THRUM_FOREVER);
}

static int check_not_stopped(thrum_task *self)
{
    EXPLORE_CHECK(!thrum_cancelled(self));
    return 0;
}

EXPLORE(pool_cancel_is_for_one, .preemptions = 1, .long_preemptions = 2)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *first = thrum_submit(pool, wait_to_be_stopped, THRUM_NOTHING);
    thrum_future *second = thrum_submit(pool, check_not_stopped, THRUM_NOTHING);
    int rc = thrum_future_cancel(first);
    EXPLORE_CHECK(rc == 0 || rc == -EINPROGRESS);
    EXPLORE_CHECK(OUTCOME_CODE(thrum_future_result(first, NULL, 0, THRUM_FOREVER),
                               thrum_future_error(first)) == -ECANCELED);
    EXPLORE_CHECK(thrum_future_result(second, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(pool);
}
