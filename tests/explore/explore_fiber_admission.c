/* Fiber pools that keep an order: a bounded backlog, priorities, an initializer, and every way to end amid
 * them. That a run ends at all says that each ticket found a task and nobody was left asleep. */
#include "base/futex.h"
#include "executor/core/pool.h"
#include "explore.h"
#include <thrum/event.h>
#include <thrum/fiber.h>

#include <errno.h>

static thrum_executor *pool;
static thrum_event runs_here, go;
static int position;
static uint32_t ran, released;

static void make(thrum_fiber_pool_options options)
{
    pool = thrum_fiber_pool_new(&options);
}

static int count(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&ran, 1);
    return 0;
}

static int end_of(thrum_future *future)
{
    int rc = thrum_future_wait(future, THRUM_FOREVER);
    const thrum_error *error = thrum_future_error(future);
    EXPLORE_CHECK(rc == 0);
    rc = error ? error->code : 0;
    thrum_future_free(future);
    return rc;
}

static void submit_one(void *argument)
{
    (void)argument;
    int rc = end_of(thrum_submit(pool, count, THRUM_NOTHING));
    EXPLORE_CHECK(rc == 0);
}

/* ----------------------------------------------------------------------------------- the backlog */

/* A backlog of one: a submit waits until the task before was taken. */
EXPLORE(fiber_admission_waits, .preemptions = 1, .long_preemptions = 2)
{
    make((thrum_fiber_pool_options){.max_workers = 1, .max_pending = 1});
    for (int i = 0; i < 3; i++)
        thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 3);
}

EXPLORE(fiber_admission_of_two, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    make((thrum_fiber_pool_options){.max_workers = 1, .max_pending = 1});
    explore_spawn("submitter 1", submit_one, NULL);
    explore_spawn("submitter 2", submit_one, NULL);
    explore_join_all();
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 2);
}

EXPLORE(fiber_admission_two_workers, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    make((thrum_fiber_pool_options){.max_workers = 2, .max_pending = 1});
    for (int i = 0; i < 3; i++)
        thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 3);
}

/* A task of the pool itself finds the backlog full, and runs what it submits. */
static int submit_two(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 2; i++)
        thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    return 0;
}

EXPLORE(fiber_admission_inside, .preemptions = 1, .long_preemptions = 2)
{
    make((thrum_fiber_pool_options){.max_workers = 1, .max_pending = 1});
    EXPLORE_CHECK(end_of(thrum_submit(pool, submit_two, THRUM_NOTHING)) == 0);
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 2);
}

/* ----------------------------------------------------------------------------------------- the end */

/* Holds the worker: what waits by thrum would leave it to the next task. */
static int hold(thrum_task *self)
{
    (void)self;
    thrum_event_set(&runs_here);
    while (!thrum__load_acquire(&released))
        thrum__futex_wait(&released, 0, THRUM_FOREVER);
    return 0;
}

static void release(void)
{
    thrum__store_release(&released, 1);
    thrum__futex_wake(&released, 1);
}

/* A pool of one worker that is held, and a full backlog. */
static thrum_future *make_full(thrum_when_full when_full, thrum_future **ret_pending)
{
    make((thrum_fiber_pool_options){.max_workers = 1, .max_pending = 1, .when_full = when_full});
    thrum_future *busy = thrum_submit(pool, hold, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&runs_here, THRUM_FOREVER) == 0);
    thrum_event_clear(&runs_here);
    *ret_pending = thrum_submit(pool, count, THRUM_NOTHING);
    return busy;
}

static size_t submitters_inside(void)
{
    thrum__pool *common = (thrum__pool *)pool;
    thrum_lock_acquire(&common->lock);
    size_t holders = common->holders;
    thrum_lock_release(&common->lock);
    return holders - 1; /* the workers */
}

static int submitted;

static void submit_for_any_end(void *argument)
{
    (void)argument;
    submitted = end_of(thrum_submit(pool, count, THRUM_NOTHING));
}

/* A submitter waits for a place while another thread shuts the pool down: it is refused or its task runs,
 * and it does not touch a pool that was freed. */
static void close_on_submitter(bool cancels, bool abandons)
{
    thrum_future *pending;
    thrum_future *busy = make_full(THRUM_WHEN_FULL_WAIT, &pending);
    explore_spawn("submitter", submit_for_any_end, NULL);
    while (submitters_inside() == 0) /* else it might come to a pool that is gone */
        thrum_yield();
    if (!abandons)
        release();
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_pending = cancels, .no_wait = abandons});
    explore_join_all();
    if (abandons) /* it was refused though the worker is still held */
        release();
    EXPLORE_CHECK(end_of(busy) == 0);
    int rc = end_of(pending);
    EXPLORE_CHECK(rc == 0 || (cancels && rc == -ECANCELED));
    EXPLORE_CHECK(submitted == 0 || submitted == -EPIPE || (cancels && submitted == -ECANCELED));
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == (uint32_t)(rc == 0) + (submitted == 0));
    if (submitted == -EPIPE)
        explore_seen("refused");
}

EXPLORE(fiber_admission_close, .preemptions = 1, .long_preemptions = 2, .sees = "refused")
{
    close_on_submitter(false, false);
}

EXPLORE(fiber_admission_close_cancels, .preemptions = EXPLORE_NONE, .long_preemptions = 1,
        .sees = "refused")
{
    close_on_submitter(true, false);
}

EXPLORE(fiber_admission_abandoned, .preemptions = EXPLORE_NONE, .long_preemptions = 1,
        .sees = "refused")
{
    close_on_submitter(false, true);
}

static int say_and_wait(thrum_task *self)
{
    (void)self;
    thrum_event_set(&runs_here);
    return thrum_event_wait(&go, THRUM_FOREVER);
}

static void submit_and_run(void *argument)
{
    (void)argument;
    thrum_future_free(thrum_submit(pool, say_and_wait, THRUM_NOTHING));
}

/* A submitter runs its own task while another thread shuts the pool down: the pool stands until then. */
EXPLORE(fiber_admission_run_here, .preemptions = 1, .long_preemptions = 2)
{
    thrum_future *pending;
    thrum_future *busy = make_full(THRUM_WHEN_FULL_RUN, &pending);
    explore_spawn("submitter", submit_and_run, NULL);
    EXPLORE_CHECK(thrum_event_wait(&runs_here, THRUM_FOREVER) == 0);
    release();
    thrum_event_set(&go);
    thrum_executor_shutdown(pool);
    explore_join_all();
    EXPLORE_CHECK(end_of(busy) == 0 && end_of(pending) == 0);
}

/* ------------------------------------------------------------------------------------- priorities */

static int follow(thrum_task *self)
{
    EXPLORE_CHECK(EXPLORE_READ(position) == thrum_arg(self, int));
    EXPLORE_WRITE(position, thrum_arg(self, int) + 1);
    return 0;
}

static void submit_next(thrum_priority priority, int number)
{
    thrum_future_free(thrum_submit_with(pool, &(thrum_submit_options){.priority = priority}, follow,
                                        thrum_value(int, number)));
}

/* Tasks that the scheduler had before it knew of an order give way to those of high priority, and stay in
 * their own order. */
EXPLORE(fiber_admission_overtakes, .preemptions = 1, .long_preemptions = 2)
{
    make((thrum_fiber_pool_options){.max_workers = 1});
    thrum_future *busy = thrum_submit(pool, hold, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&runs_here, THRUM_FOREVER) == 0);
    submit_next(THRUM_PRIORITY_NORMAL, 1);
    submit_next(THRUM_PRIORITY_NORMAL, 2);
    submit_next(THRUM_PRIORITY_LOW, 4);
    submit_next(THRUM_PRIORITY_HIGH, 0);
    submit_next(THRUM_PRIORITY_NORMAL, 3);
    release();
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(EXPLORE_READ(position) == 5);
    EXPLORE_CHECK(end_of(busy) == 0);
}

/* The first task with a priority meets one without. */
static void submit_high(void *argument)
{
    (void)argument;
    thrum_future_free(thrum_submit_with(
        pool, &(thrum_submit_options){.priority = THRUM_PRIORITY_HIGH}, count, THRUM_NOTHING));
}

EXPLORE(fiber_admission_begins, .preemptions = EXPLORE_NONE, .long_preemptions = 2)
{
    make((thrum_fiber_pool_options){.max_workers = 1});
    explore_spawn("submitter", submit_high, NULL);
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    explore_join_all();
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 3);
}

/* ------------------------------------------------------------------------------------ initializers */

static int fail_to_initialize(thrum_task *self)
{
    (void)self;
    return -EACCES;
}

static void hear(const thrum_failure *failure, void *context)
{
    (void)failure, (void)context;
}

EXPLORE(fiber_admission_broken, .preemptions = EXPLORE_NONE, .long_preemptions = 2)
{
    thrum_failure_hook_set(hear, NULL);
    make((thrum_fiber_pool_options){
        .max_workers = 1, .max_pending = 1, .initializer = fail_to_initialize});
    explore_spawn("submitter", submit_for_any_end, NULL);
    EXPLORE_CHECK(end_of(thrum_submit(pool, count, THRUM_NOTHING)) == -EACCES);
    EXPLORE_CHECK(end_of(thrum_submit(pool, count, THRUM_NOTHING)) == -EACCES);
    explore_join_all();
    EXPLORE_CHECK(submitted == -EACCES && thrum__load_relaxed(&ran) == 0);
    thrum_executor_shutdown(pool);
}
