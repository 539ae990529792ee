/* Fibers in pools that are whole: how one is handed over, real fibers on the explorer's threads. */
#include "explore.h"
#include <thrum/event.h>
#include <thrum/fiber.h>
#include <thrum/lock.h>
#include <thrum/thread.h>

#include <errno.h>

static thrum_executor *pool;
static thrum_event event;
static int shared;

static void make(int workers)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = workers});
}

static void expect(thrum_future *future, int code)
{
    EXPLORE_CHECK(OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                               thrum_future_error(future)) == code);
    thrum_future_free(future);
}

static int read_after_event(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&event, THRUM_FOREVER);
    if (rc == 0)
        EXPLORE_CHECK(EXPLORE_READ(shared) == 1);
    return rc;
}

/* A fiber that parks while another thread wakes it. */
EXPLORE(fiber_park, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    make(1);
    thrum_future *future = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    EXPLORE_WRITE(shared, 1);
    thrum_event_set(&event);
    expect(future, 0);
    thrum_executor_shutdown(pool);
}

static int set_event(thrum_task *self)
{
    (void)self;
    EXPLORE_WRITE(shared, 1);
    thrum_event_set(&event);
    return 0;
}

/* Two fibers of one worker, one of which wakes the other. */
EXPLORE(fiber_park_here, .preemptions = 1, .long_preemptions = 2)
{
    make(1);
    thrum_future *waits = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    thrum_future_free(thrum_submit(pool, set_event, THRUM_NOTHING));
    expect(waits, 0);
    thrum_executor_shutdown(pool);
}

/* A request to stop meets a wake. */
EXPLORE(fiber_cancel, .preemptions = 1, .long_preemptions = 3)
{
    make(1);
    EXPLORE_WRITE(shared, 1);
    thrum_future *future = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    int rc = thrum_future_cancel(future);
    EXPLORE_CHECK(rc == 0 || rc == -EINPROGRESS);
    thrum_event_set(&event);
    rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                      thrum_future_error(future));
    EXPLORE_CHECK(rc == 0 || rc == -ECANCELED);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

static int wait_a_while(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&event, thrum_at(thrum_now() + 1000));
    if (rc == -ETIMEDOUT)
        explore_seen("timed out");
    if (rc == 0)
        EXPLORE_CHECK(EXPLORE_READ(shared) == 1);
    return 0;
}

/* A deadline meets a wake. */
EXPLORE(fiber_deadline, .preemptions = 1, .long_preemptions = 2, .timeouts = 1, .rescue = true,
        .sees = "timed out")
{
    make(1);
    thrum_future *future = thrum_submit(pool, wait_a_while, THRUM_NOTHING);
    EXPLORE_WRITE(shared, 1);
    thrum_event_set(&event);
    expect(future, 0);
    thrum_executor_shutdown(pool);
}

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

/* The end: a pool of two with tasks on both; the shutdown meets the last of them. */
EXPLORE(fiber_shutdown, .preemptions = 1, .long_preemptions = 2)
{
    make(2);
    thrum_future_free(thrum_submit(pool, nothing, THRUM_NOTHING));
    thrum_future_free(thrum_submit(pool, nothing, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
}

/* An abandoned pool: the last worker frees it, with the submitter and the one who shuts it down still
 * inside perhaps. */
EXPLORE(fiber_abandoned, .preemptions = 2, .long_preemptions = 3)
{
    make(1);
    thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    expect(future, 0);
}

/* What is pending is cancelled, what waits is asked to stop. */
EXPLORE(fiber_shutdown_cancels, .preemptions = 1, .long_preemptions = 2)
{
    make(1);
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_pending = true, .cancel_running = true});
    for (int i = 0; i < 2; i++)
        expect(futures[i], -ECANCELED);
}

/* A task starts another, which either worker may begin, and waits for it. */
static int start_another(thrum_task *self)
{
    (void)self;
    EXPLORE_WRITE(shared, 1);
    thrum_future *other = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    thrum_event_set(&event);
    expect(other, 0);
    return 0;
}

EXPLORE(fiber_steal, .preemptions = EXPLORE_NONE, .long_preemptions = 2)
{
    make(2);
    expect(thrum_submit(pool, start_another, THRUM_NOTHING), 0);
    thrum_executor_shutdown(pool);
}

/* No memory for a stack, a thread, or anything else: it fails or runs, and nothing hangs. */
EXPLORE(fiber_no_memory, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .no_memory = 1,
        .no_thread = 1, .rescue = true)
{
    make(1);
    if (!pool)
        return;
    EXPLORE_WRITE(shared, 1);
    thrum_event_set(&event);
    thrum_future *future = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    int rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(future));
    EXPLORE_CHECK(rc == 0 || rc == -ENOMEM || rc == -EAGAIN);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

/* A task that submits another and ends, while the pool is shut down: what was taken is done. */

static int submit_another(thrum_task *self)
{
    thrum_future *another = thrum_submit(pool, set_event, THRUM_NOTHING);
    bool refused = thrum_future_done(another) && thrum_future_error(another);
    thrum_future_free(another);
    return thrum_return(self, thrum_value(bool, refused));
}

EXPLORE(fiber_end, .preemptions = EXPLORE_NONE, .long_preemptions = 2)
{
    bool refused;
    make(2);
    thrum_future *future = thrum_submit(pool, submit_another, THRUM_NOTHING);
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum_future_result(future, &refused, sizeof refused, THRUM_NOW) == 0);
    EXPLORE_CHECK(refused != thrum_event_is_set(&event));
    thrum_future_free(future);
}

/* A deadline that was not reached leaves nothing behind for the next wait. */

static int wait_twice(thrum_task *self)
{
    static thrum_event never;
    (void)self;
    int rc = thrum_event_wait(&event, thrum_at(thrum_now() + 1000));
    if (rc == 0)
        explore_seen("woken");
    thrum_deadline deadline = thrum_at(thrum_now() + 5000);
    EXPLORE_CHECK(thrum_event_wait(&never, deadline) == -ETIMEDOUT);
    EXPLORE_CHECK(thrum_now() >= deadline.ns);
    return 0;
}

EXPLORE(fiber_deadline_twice, .preemptions = 1, .timeouts = 1, .rescue = true, .sees = "woken")
{
    make(1);
    thrum_future *future = thrum_submit(pool, wait_twice, THRUM_NOTHING);
    thrum_event_set(&event);
    expect(future, 0);
    thrum_executor_shutdown(pool);
}

static int leave_a_shield(thrum_task *self)
{
    (void)self;
    thrum_shield_begin();
    return 0;
}

/* A shield that a task leaves behind does not keep the next task of its fiber from being cancelled. */
EXPLORE(fiber_shields_end, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    make(1);
    expect(thrum_submit(pool, leave_a_shield, THRUM_NOTHING), 0);
    thrum_future *future = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    while (!thrum_future_running(future))
        thrum_yield();
    EXPLORE_CHECK(thrum_future_cancel(future) == -EINPROGRESS);
    expect(future, -ECANCELED);
    thrum_executor_shutdown(pool);
}

enum {
    PATIENCE = 20,
    TURNS = 100
}; /* the second: more than worker.c lets a task from outside wait */
static uint32_t turns, is_there, came;
static bool alone; /* the second worker could not start */

static int come(thrum_task *self)
{
    (void)self;
    thrum__store_relaxed(&came, 1);
    return 0;
}

/* Submits itself again until the task from outside has come, so the ring of its worker is never empty; gives
 * up if none was submitted in time. */
static int go_on(thrum_task *self)
{
    (void)self;
    bool waits = thrum__load_acquire(&is_there);
    turns += waits;
    EXPLORE_CHECK(turns < TURNS);
    static uint32_t before;
    if (!before)
        thrum_event_set(&event);
    if (!thrum__load_relaxed(&came) && (waits || before++ < PATIENCE))
        thrum_future_free(thrum_submit(pool, go_on, THRUM_NOTHING));
    return 0;
}

static void hear(const thrum_failure *failure, void *context)
{
    (void)failure, (void)context;
}

/* A task from outside is not kept waiting by tasks that go on for ever on the only worker that could start. */
EXPLORE(fiber_injected_come, .preemptions = 1, .no_thread = 1, .steps = 100000, .sees = "one")
{
    thrum_failure_hook_set(hear, NULL); /* of a pool without any worker */
    make(2);
    thrum_future_free(thrum_submit(pool, go_on, THRUM_NOTHING));
    thrum_executor_stats stats;
    thrum_executor_stats_get(pool, &stats);
    alone = stats.workers == 1;
    if (alone) {
        EXPLORE_CHECK(thrum_event_wait(&event, THRUM_FOREVER) == 0);
        thrum_future *future = thrum_submit(pool, come, THRUM_NOTHING);
        thrum__store_release(&is_there, 1);
        expect(future, 0);
        explore_seen("one");
    }
    thrum_executor_shutdown(pool);
}
