/* What the tasks of a pool submit to it: it stays with their worker unless another has nothing to do.
 * Each is run once or cancelled, in order, and none is left behind by a worker that sleeps, leaves, or
 * whose pool is shut down. */
#include "explore.h"
#include <thrum/event.h>
#include <thrum/executor.h>
#include <thrum/select.h>

#include <errno.h>

static thrum_executor *pool;
static thrum_event met;
static uint32_t runs;
static int position;

static void make(int workers)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
}

static void finish(thrum_future *future)
{
    EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(future);
}

static int count(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&runs, 1);
    return 0;
}

static int come_to_meet(thrum_task *self)
{
    (void)self;
    thrum_event_set(&met);
    return 0;
}

/* A task that waits for what another does, which it has submitted, but not for its future. */
static int submit_and_meet(thrum_task *self)
{
    (void)self;
    thrum_future_free(thrum_submit(pool, come_to_meet, THRUM_NOTHING));
    return thrum_event_wait(&met, THRUM_FOREVER);
}

EXPLORE(pool_own_wakes, .preemptions = EXPLORE_NONE, .long_preemptions = 2, .stale = 1)
{
    make(2);
    finish(thrum_submit(pool, submit_and_meet, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
}

/* The same when the other worker has been at work, and has gone to sleep. */
EXPLORE(pool_own_wakes_a_sleeper, .preemptions = 1, .long_preemptions = 2)
{
    make(2);
    for (int i = 0; i < 2; i++) {
        finish(thrum_submit(pool, submit_and_meet, THRUM_NOTHING));
        thrum_event_clear(&met);
    }
    thrum_executor_shutdown(pool);
}

/* The newest is joined first, the other may have been taken by another worker. */

static int joined;

static int write_joined(thrum_task *self)
{
    (void)self;
    EXPLORE_WRITE(joined, 1);
    return 0;
}

static int fork_and_join(thrum_task *self)
{
    (void)self;
    thrum_future *first = thrum_submit(pool, write_joined, THRUM_NOTHING);
    thrum_future *second = thrum_submit(pool, count, THRUM_NOTHING);
    finish(second);
    finish(first);
    EXPLORE_CHECK(EXPLORE_READ(joined) == 1);
    return 0;
}

EXPLORE(pool_own_joined, .preemptions = 1, .long_preemptions = 2)
{
    make(2);
    finish(thrum_submit(pool, fork_and_join, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(runs == 1);
}

/* The one between is joined first: it stays in its place, and is dropped when its turn comes. Then the
 * oldest. */
static int join_from_between(thrum_task *self)
{
    (void)self;
    thrum_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = thrum_submit(pool, count, THRUM_NOTHING);
    finish(futures[1]);
    finish(futures[0]);
    finish(futures[2]);
    return 0;
}

EXPLORE(pool_own_joined_from_between, .preemptions = 1, .long_preemptions = 2)
{
    make(2);
    finish(thrum_submit(pool, join_from_between, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(runs == 3);
}

/* One that is made while it is waited for, by a thread that is no worker: he who waits may run it as
 * soon as it is whole. */
static thrum_future *first, *second;

static int read_joined(thrum_task *self)
{
    (void)self;
    EXPLORE_CHECK(EXPLORE_READ(joined) == 1);
    return 0;
}

static int join_second(thrum_task *self)
{
    (void)self;
    return thrum_future_result(second, NULL, 0, THRUM_FOREVER);
}

static void make_first(void *argument)
{
    (void)argument;
    EXPLORE_WRITE(joined, 1);
    EXPLORE_CHECK(thrum_future_set_result(first, THRUM_NOTHING) == 0);
}

EXPLORE(pool_own_then, .preemptions = 1, .long_preemptions = 3)
{
    make(1);
    first = thrum_future_new();
    second = thrum_future_then(first, pool, read_joined);
    explore_spawn("maker", make_first, NULL);
    finish(thrum_submit(pool, join_second, THRUM_NOTHING));
    explore_join_all();
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(pool);
}

/* A task of the pool that is not in the inbox of the worker that waits for it. It is run in place, and the inbox keeps
 * what it has. */
static int join_common(thrum_task *self)
{
    (void)self;
    thrum_future *own = thrum_submit(pool, count, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&met, THRUM_FOREVER) == 0);
    finish(second);
    finish(own);
    return 0;
}

EXPLORE(pool_own_joined_from_common, .preemptions = 1, .long_preemptions = 2)
{
    make(1);
    thrum_future *joins = thrum_submit(pool, join_common, THRUM_NOTHING);
    second = thrum_submit(pool, count, THRUM_NOTHING);
    thrum_event_set(&met);
    finish(joins);
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(runs == 2);
}

/* One that was cancelled is dropped, whoever comes upon it. */
static int submit_and_cancel(thrum_task *self)
{
    (void)self;
    thrum_future *inner = thrum_submit(pool, count, THRUM_NOTHING);
    int cancelled = thrum_future_cancel(inner);
    int rc =
        OUTCOME_CODE(thrum_future_result(inner, NULL, 0, THRUM_FOREVER), thrum_future_error(inner));
    EXPLORE_CHECK(cancelled == 0 ? rc == -ECANCELED : rc == 0);
    thrum_future_free(inner);
    return 0;
}

EXPLORE(pool_own_cancelled, .preemptions = 1, .long_preemptions = 2)
{
    make(2);
    finish(thrum_submit(pool, submit_and_cancel, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
}

/* The order of submission. */

static int follow(thrum_task *self)
{
    EXPLORE_CHECK(EXPLORE_READ(position) == thrum_arg(self, int));
    EXPLORE_WRITE(position, thrum_arg(self, int) + 1);
    return 0;
}

static int submit_three(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 3; i++)
        thrum_future_free(thrum_submit(pool, follow, thrum_value(int, i)));
    return 0;
}

EXPLORE(pool_own_order, .preemptions = 1, .long_preemptions = 3)
{
    make(1);
    finish(thrum_submit(pool, submit_three, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(EXPLORE_READ(position) == 3);
}

/* A shutdown, while a task submits. What is refused says so; the rest runs or is cancelled. */
static int submit_late(thrum_task *self)
{
    (void)self;
    thrum_future *inner = thrum_submit(pool, count, THRUM_NOTHING);
    if (thrum_future_error(inner))
        EXPLORE_CHECK(thrum_future_error(inner)->code == -EPIPE ||
                      thrum_future_error(inner)->code == -ECANCELED);
    thrum_future_free(inner);
    return 0;
}

EXPLORE(pool_own_shutdown, .preemptions = 2, .long_preemptions = 3)
{
    make(1);
    thrum_future_free(thrum_submit(pool, submit_late, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
}

EXPLORE(pool_own_shutdown_cancels, .preemptions = 2, .long_preemptions = 3)
{
    make(1);
    thrum_future_free(thrum_submit(pool, submit_late, THRUM_NOTHING));
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.cancel_pending = true});
}

/* A worker that leaves, as the pool shrinks, leaves its tasks to the other. */
static int submit_and_shrink(thrum_task *self)
{
    (void)self;
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    EXPLORE_CHECK(thrum_thread_pool_resize(pool, 1) == 0);
    return 0;
}

static int wait_to_meet(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&met, THRUM_FOREVER);
}

EXPLORE(pool_own_left, .preemptions = 1, .long_preemptions = 2)
{
    make(2);
    thrum_future *waits = thrum_submit(pool, wait_to_meet, THRUM_NOTHING);
    finish(thrum_submit(pool, submit_and_shrink, THRUM_NOTHING));
    thrum_event_set(&met);
    finish(waits);
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(runs == 1);
}

/* A worker that waits lets another in. That one sleeps when it has nothing to do, and is woken by the next wait, or by a
 * resize. The waits have a deadline, so the worker that waits does not run the task itself. */
static thrum_event ready;

static void wait_for_another(void)
{
    thrum_future *future = thrum_submit(pool, count, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_future_wait(future, thrum_in(1000)) == 0);
    thrum_future_free(future);
}

static int wait_twice(thrum_task *self)
{
    (void)self;
    wait_for_another();
    wait_for_another();
    return 0;
}

EXPLORE(pool_own_wait_wakes_a_sleeper, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    make(1);
    finish(thrum_submit(pool, wait_twice, THRUM_NOTHING));
    EXPLORE_CHECK(runs == 2);
    thrum_executor_shutdown(pool);
}

static int select_in_task(thrum_task *self)
{
    (void)self;
    thrum_event never = THRUM_EVENT_INIT;
    thrum_future *future = thrum_submit(pool, count, THRUM_NOTHING);
    thrum_case cases[] = {thrum_case_event(&never), thrum_case_future(future)};
    EXPLORE_CHECK(thrum_select(cases, 2, THRUM_FOREVER) == 1);
    thrum_future_free(future);
    return 0;
}

EXPLORE(pool_own_selected, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    make(1);
    finish(thrum_submit(pool, select_in_task, THRUM_NOTHING));
    EXPLORE_CHECK(runs == 1);
    thrum_executor_shutdown(pool);
}

static int wait_and_meet(thrum_task *self)
{
    wait_for_another();
    thrum_future_free(thrum_submit(pool, come_to_meet, THRUM_NOTHING));
    thrum_event_set(&ready);
    return wait_to_meet(self);
}

EXPLORE(pool_own_resize_wakes_a_sleeper, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    make(1);
    thrum_future *future = thrum_submit(pool, wait_and_meet, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&ready, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_thread_pool_resize(pool, 2) == 0);
    finish(future);
    thrum_executor_shutdown(pool);
}

/* One of higher priority goes before those of its own that a worker has. */
static int be_first(thrum_task *self)
{
    (void)self;
    EXPLORE_CHECK(EXPLORE_READ(position) == 0);
    return 0;
}

static int submit_low_and_high(thrum_task *self)
{
    (void)self;
    thrum_submit_options low = {.priority = THRUM_PRIORITY_LOW},
                         high = {.priority = THRUM_PRIORITY_HIGH};
    thrum_future_free(thrum_submit_with(pool, &low, follow, thrum_value(int, 1)));
    thrum_future_free(thrum_submit(pool, follow, thrum_value(int, 0)));
    thrum_future_free(thrum_submit_with(pool, &high, be_first, THRUM_NOTHING));
    return 0;
}

EXPLORE(pool_own_priority, .preemptions = 1, .long_preemptions = 3)
{
    make(1);
    finish(thrum_submit(pool, submit_low_and_high, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(EXPLORE_READ(position) == 2);
}

static int fork_and_join_while_closing(thrum_task *self)
{
    (void)self;
    thrum_future *forked = thrum_submit(pool, count, THRUM_NOTHING);
    int rc = OUTCOME_CODE(thrum_future_result(forked, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(forked));
    EXPLORE_CHECK(rc == 0 || rc == -EPIPE || rc == -ECANCELED);
    thrum_future_free(forked);
    return 0;
}

static void shut_down(void *argument)
{
    (void)argument;
    thrum_executor_shutdown(pool);
}

/* A task forks and joins while another thread shuts the pool down, which empties the worker's inbox. */
EXPLORE(pool_own_close, .preemptions = 1, .long_preemptions = 3)
{
    make(1);
    thrum_future *future = thrum_submit(pool, fork_and_join_while_closing, THRUM_NOTHING);
    explore_spawn("shutdown", shut_down, NULL);
    finish(future);
    explore_join_all();
}
