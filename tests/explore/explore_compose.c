/* Compositions: two features of an executor that meet, the same on thread pools and on fiber pools, of one
 * worker and of two. docs/explorer.md has the table; a row of it names a client without the kind of pool.
 *
 * A pool may only be used before its shutdown, or by what the shutdown waits for. So what meets a shutdown
 * here is a task of the pool, or a callback of one, while the main thread shuts the pool down. Which
 * shutdown is the first choice of each run. In every run each future must end, with a code that the
 * composition allows, and each task runs at most once.
 */
#include "base/spin.h"
#include "explore.h"
#include <thrum/event.h>
#include <thrum/executor.h>
#include <thrum/fiber.h>
#include <thrum/group.h>
#include <thrum/thread.h>

#include <errno.h>

static thrum_executor *pool;
static thrum_event go;
static uint32_t ran;

static void make_thread(int workers)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
}

static void make_fiber(int workers)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = workers});
}

/* Defines the client of one kind of pool, whose body follows later, with at least one option of a client. */
#define EXPLORE_POOL(client, kind, workers, bound, long_bound, ...)                                \
    static void body_##client(void);                                                               \
    EXPLORE(client##_##kind##_##workers, .preemptions = bound, .long_preemptions = long_bound,     \
            __VA_ARGS__)                                                                           \
    {                                                                                              \
        make_##kind(workers);                                                                      \
        body_##client();                                                                           \
    }

/* Defines a client for each kind of pool, and is followed by the body of all of them. Those of two workers are large,
 * and have no preemption in the short set. `seen` is what the others reach. */
#define EXPLORE_POOLS(client, seen, ...)                                                           \
    EXPLORE_POOL(client, thread, 1, 1, 2, .sees = seen, __VA_ARGS__)                               \
    EXPLORE_POOL(client, thread, 2, EXPLORE_NONE, 2, __VA_ARGS__)                                  \
    EXPLORE_POOL(client, fiber, 1, 1, 2, .sees = seen, __VA_ARGS__)                                \
    EXPLORE_POOL(client, fiber, 2, EXPLORE_NONE, 1, __VA_ARGS__)                                   \
    static void body_##client(void)

/* Each variant of a shutdown, and two together. */
static const thrum_shutdown_options variants[] = {
    {0},
    {.cancel_pending = true},
    {.cancel_running = true},
    {.no_wait = true},
    {.cancel_pending = true, .cancel_running = true, .no_wait = true},
};

static void shut_down(void)
{
    thrum_executor_shutdown_with(pool, &variants[explore_any(5)]);
}

/* Waits until the task has ended. Its code is 0, -EPIPE or -ECANCELED. */
static int end_of(thrum_future *future)
{
    EXPLORE_CHECK(thrum_future_wait(future, THRUM_FOREVER) == 0);
    int rc =
        OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future));
    EXPLORE_CHECK(rc == 0 || rc == -EPIPE || rc == -ECANCELED);
    if (rc == -EPIPE)
        explore_seen("refused");
    thrum_future_free(future);
    return rc;
}

static int count(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&ran, 1);
    return 0;
}

static int wait_for_go(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&ran, 1);
    return thrum_event_wait(&go, THRUM_FOREVER);
}

/* Waits for a future in a task, and returns what it became. A wait that is cancelled leaves it to end alone. */
static int join(thrum_future *future)
{
    int rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(future));
    EXPLORE_CHECK(rc == 0 || rc == -EPIPE || rc == -ECANCELED);
    (void)thrum_future_error(future);
    thrum_future_free(future);
    return rc;
}

/* ---------------------------------------------------------------------------------- a shutdown */

static int fork_and_join(thrum_task *self)
{
    (void)self;
    return join(thrum_submit(pool, count, THRUM_NOTHING));
}

/* Two tasks that were submitted by one call. */
EXPLORE_POOLS(compose_many_shutdown, NULL, .leaks = false)
{
    thrum_future *futures[2];
    thrum_submit_many(pool, count, 2, NULL, 0, futures);
    shut_down();
    uint32_t ended = 0;
    for (int i = 0; i < 2; i++)
        ended += end_of(futures[i]) == 0;
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == ended);
}

/* A task whose future is in memory of the caller. Its free is the last touch of that memory, whatever runs or cancels the
 * task. */
static void free_with_memory(thrum_future *future)
{
    thrum_future_free(future);
    thrum__free(future);
}

static thrum_future *submit_into(thrum_task_fn *function)
{
    return thrum_submit_into(pool, thrum__alloc_line(sizeof(thrum_future_memory)), function,
                             THRUM_NOTHING);
}

static int fork_into_and_free(thrum_task *self)
{
    (void)self;
    thrum_future *inner = submit_into(count);
    (void)thrum_future_error(inner); /* it may have been refused */
    free_with_memory(inner);
    return 0;
}

EXPLORE_POOLS(compose_into_shutdown, NULL, .leaks = false)
{
    thrum_future *outer = thrum_submit(pool, fork_into_and_free, THRUM_NOTHING);
    shut_down();
    (void)end_of(outer);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) <= 1);
}

/* A task waits for a task that it has submitted. */
EXPLORE_POOLS(compose_join_shutdown, "refused", .leaks = false)
{
    thrum_future *outer = thrum_submit(pool, fork_and_join, THRUM_NOTHING);
    shut_down();
    if (end_of(outer) == 0)
        EXPLORE_CHECK(thrum__load_relaxed(&ran) == 1);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) <= 1);
}

static int map(thrum_task *self)
{
    (void)self;
    thrum_error error;
    int rc = OUTCOME_CODE(
        thrum_map(pool, count, &(thrum_map_options){.count = 2, .window = 1, .ret_error = &error}),
        &error);
    EXPLORE_CHECK(rc == 0 || rc == -EPIPE || rc == -ECANCELED);
    return rc;
}

/* A task maps a function over items. */
EXPLORE_POOLS(compose_map_shutdown, "refused", .leaks = false)
{
    thrum_future *outer = thrum_submit(pool, map, THRUM_NOTHING);
    shut_down();
    if (end_of(outer) == 0)
        EXPLORE_CHECK(thrum__load_relaxed(&ran) == 2);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) <= 2);
}

static int join_group(thrum_task *self)
{
    (void)self;
    thrum_group *group = thrum_group_new();
    thrum_future_free(thrum_group_submit(group, pool, count, THRUM_NOTHING));
    thrum_future_free(thrum_group_submit(group, pool, count, THRUM_NOTHING));
    int rc = OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group));
    EXPLORE_CHECK(rc == 0 || rc == -EPIPE || rc == -ECANCELED);
    thrum_group_free(group);
    return rc;
}

/* A task joins a group. Cancelled members are no failure of the group. */
EXPLORE_POOLS(compose_group_shutdown, "refused", .leaks = false)
{
    thrum_future *outer = thrum_submit(pool, join_group, THRUM_NOTHING);
    shut_down();
    (void)end_of(outer);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) <= 2);
}

/* A task is chained to one of its own executor. */
EXPLORE_POOLS(compose_then_shutdown, "refused", .leaks = false)
{
    thrum_future *first = thrum_submit(pool, count, THRUM_NOTHING);
    thrum_future *second = thrum_future_then(first, pool, count);
    shut_down();
    unsigned succeeded = end_of(first) == 0;
    succeeded += end_of(second) == 0;
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == succeeded);
}

static thrum_future *late;

static int submit_late(thrum_future *future, void *context)
{
    (void)future, (void)context;
    thrum__store_release(&late, thrum_submit(pool, count, THRUM_NOTHING));
    return 0;
}

/* The callback of a task submits another. Where the shutdown cancels the task, it makes that call. */
EXPLORE_POOLS(compose_callback_shutdown, "refused", .leaks = false)
{
    thrum_future *first = thrum_submit(pool, count, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_future_add_done_callback(first, submit_late, NULL) == 0);
    shut_down();
    unsigned succeeded = end_of(first) == 0;
    thrum_future *second; /* the callback may come after the end of its future is known */
    while (!(second = thrum__load_acquire(&late)))
        thrum__pause();
    succeeded += end_of(second) == 0;
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == succeeded);
}

static thrum_future *submit_ranked(thrum_priority priority)
{
    return thrum_submit_with(pool, &(thrum_submit_options){.priority = priority}, count,
                             THRUM_NOTHING);
}

/* Tasks of all priorities are pending. */
EXPLORE_POOLS(compose_priority_shutdown, "cancelled", .leaks = false)
{
    thrum_future *futures[] = {submit_ranked(THRUM_PRIORITY_LOW),
                               submit_ranked(THRUM_PRIORITY_NORMAL),
                               submit_ranked(THRUM_PRIORITY_HIGH)};
    shut_down();
    unsigned succeeded = 0;
    for (int i = 0; i < 3; i++)
        succeeded += end_of(futures[i]) == 0;
    if (succeeded < 3)
        explore_seen("cancelled");
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == succeeded);
}

static int resize(thrum_task *self)
{
    int most = thrum_arg(self, int);
    EXPLORE_CHECK(thrum_thread_pool_resize(pool, most) == 0);
    return 0;
}

static void resize_against_shutdown(int from, int to)
{
    make_thread(from);
    thrum_future *first = thrum_submit(pool, resize, thrum_value(int, to));
    thrum_future *second = thrum_submit(pool, count, THRUM_NOTHING);
    shut_down();
    (void)end_of(first);
    unsigned succeeded = end_of(second) == 0;
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == succeeded);
}

/* A task gives its pool more workers, or fewer. */
EXPLORE(compose_resize_shutdown_grows, .preemptions = 1, .long_preemptions = 2)
{
    resize_against_shutdown(1, 2);
}

EXPLORE(compose_resize_shutdown_shrinks, .preemptions = 1, .long_preemptions = 2)
{
    resize_against_shutdown(2, 1);
}

/* ----------------------------------------------------------------------- cancel, failure, deadline */

/* Of two tasks that were submitted by one call, one is cancelled while both start and wait. */
EXPLORE_POOLS(compose_many_cancel, NULL, .leaks = false)
{
    thrum_future *futures[2];
    thrum_submit_many(pool, wait_for_go, 2, NULL, 0, futures);
    (void)thrum_future_cancel(futures[0]);
    EXPLORE_CHECK(end_of(futures[0]) == -ECANCELED);
    thrum_event_set(&go);
    EXPLORE_CHECK(end_of(futures[1]) == 0);
    thrum_executor_shutdown(pool);
}

/* A task in memory of the caller is cancelled, and freed at once. */
EXPLORE_POOLS(compose_into_cancel, NULL, .leaks = false)
{
    thrum_future *future = submit_into(wait_for_go);
    (void)thrum_future_cancel(future);
    free_with_memory(future);
    thrum_executor_shutdown(pool);
}

/* A group is cancelled while its tasks start and wait. */
EXPLORE_POOLS(compose_group_cancel, NULL, .leaks = false)
{
    thrum_group *group = thrum_group_new();
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_group_submit(group, pool, wait_for_go, THRUM_NOTHING);
    thrum_group_cancel(group);
    EXPLORE_CHECK(OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group)) ==
                  -ECANCELED);
    thrum_group_free(group);
    for (int i = 0; i < 2; i++)
        EXPLORE_CHECK(end_of(futures[i]) == -ECANCELED);
    thrum_executor_shutdown(pool);
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "on purpose");
}

/* A task of a group fails: the other one, which would wait for ever, is stopped. */
EXPLORE_POOLS(compose_group_failure, NULL, .leaks = false)
{
    thrum_group *group = thrum_group_new();
    thrum_future_free(thrum_group_submit(group, pool, fail, THRUM_NOTHING));
    thrum_future *other = thrum_group_submit(group, pool, wait_for_go, THRUM_NOTHING);
    EXPLORE_CHECK(OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group)) ==
                  -ERANGE);
    thrum_group_free(group);
    EXPLORE_CHECK(thrum_future_wait(other, THRUM_NOW) == 0);
    thrum_future_free(other);
    thrum_executor_shutdown(pool);
}

static thrum_future *inner;
static thrum_event inner_is_there;

/* Submits a task that waits, tells of it, and waits for it: a thread runs it in place of the wait. */
static int join_a_waiter(thrum_task *self)
{
    inner = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    thrum_event_set(&inner_is_there);
    thrum_shield_begin(); /* so that a cancelled task can tell what the inner one became */
    int rc = thrum_future_wait(inner, THRUM_FOREVER);
    thrum_shield_end();
    EXPLORE_CHECK(rc == 0);
    return thrum_cancelled(self) ? -ECANCELED : 0;
}

/* The outer task is cancelled while it waits for the inner one, which must not notice. */
EXPLORE_POOLS(compose_join_cancel_outer, NULL, .leaks = false)
{
    thrum_future *outer = thrum_submit(pool, join_a_waiter, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&inner_is_there, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_future_cancel(outer) == -EINPROGRESS);
    thrum_event_set(&go);
    EXPLORE_CHECK(end_of(outer) == -ECANCELED);
    EXPLORE_CHECK(end_of(inner) == 0);
    thrum_executor_shutdown(pool);
}

/* The inner task is cancelled, before it runs or while it does; the outer one goes on. */
EXPLORE_POOLS(compose_join_cancel_inner, NULL, .leaks = false)
{
    thrum_future *outer = thrum_submit(pool, join_a_waiter, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&inner_is_there, THRUM_FOREVER) == 0);
    int rc = thrum_future_cancel(inner);
    EXPLORE_CHECK(rc == 0 || rc == -EINPROGRESS);
    EXPLORE_CHECK(end_of(outer) == 0);
    EXPLORE_CHECK(end_of(inner) == -ECANCELED);
    thrum_executor_shutdown(pool);
}

/* The deadline of the outer task passes, or not, while the inner one runs in place of its wait: the inner
 * one has none. */
EXPLORE_POOLS(compose_nested_deadline, NULL, .timeouts = 1)
{
    thrum_future *outer =
        thrum_submit_with(pool, &(thrum_submit_options){.deadline = thrum_at(thrum_now() + 1000)},
                          join_a_waiter, THRUM_NOTHING);
    while (!thrum_future_done(outer) && !thrum_event_is_set(&inner_is_there))
        thrum_yield();
    thrum_event_set(&go);
    EXPLORE_CHECK(thrum_future_wait(outer, THRUM_FOREVER) == 0);
    int rc =
        OUTCOME_CODE(thrum_future_result(outer, NULL, 0, THRUM_NOW), thrum_future_error(outer));
    EXPLORE_CHECK(rc == 0 || rc == -ETIMEDOUT);
    thrum_future_free(outer);
    if (inner)
        EXPLORE_CHECK(end_of(inner) == 0);
    thrum_executor_shutdown(pool);
}

/* A task with a deadline waits for ever while its pool is shut down: one of the two ends it. */
EXPLORE_POOLS(compose_deadline_shutdown, NULL, .timeouts = 1, .rescue = true)
{
    thrum_future *future =
        thrum_submit_with(pool, &(thrum_submit_options){.deadline = thrum_at(thrum_now() + 1000)},
                          wait_for_go, THRUM_NOTHING);
    shut_down();
    EXPLORE_CHECK(thrum_future_wait(future, THRUM_FOREVER) == 0);
    int rc =
        OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future));
    EXPLORE_CHECK(rc == -ETIMEDOUT || rc == -ECANCELED);
    thrum_future_free(future);
}

static thrum_event outer_runs;

static int map_waiters(thrum_task *self)
{
    (void)self;
    thrum_event_set(&outer_runs);
    thrum_error error;
    return OUTCOME_CODE(
        thrum_map(pool, wait_for_go,
                  &(thrum_map_options){.count = 2, .window = 2, .ret_error = &error}),
        &error);
}

static int join_waiters(thrum_task *self)
{
    (void)self;
    thrum_event_set(&outer_runs);
    thrum_group *group = thrum_group_new();
    thrum_future_free(thrum_group_submit(group, pool, wait_for_go, THRUM_NOTHING));
    int rc = OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group));
    thrum_group_free(group);
    return rc;
}

/* Cancels a task whose parts wait for ever: they end with it, or the pool could not be shut down. */
static void cancel_outer(thrum_task_fn *function)
{
    thrum_future *outer = thrum_submit(pool, function, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&outer_runs, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_future_cancel(outer) == -EINPROGRESS);
    EXPLORE_CHECK(end_of(outer) == -ECANCELED);
    thrum_executor_shutdown(pool);
}

/* A worker of a thread pool runs an item in place of its wait for it: the request reaches that item. */
EXPLORE_POOLS(compose_map_cancel, NULL, .leaks = false)
{
    cancel_outer(map_waiters);
}

EXPLORE_POOL(compose_group_cancel_outer, thread, 1, 1, 2, .leaks = false)
EXPLORE_POOL(compose_group_cancel_outer, thread, 2, EXPLORE_NONE, 1, .leaks = false)
EXPLORE_POOL(compose_group_cancel_outer, fiber, 1, 1, 2, .leaks = false)
EXPLORE_POOL(compose_group_cancel_outer, fiber, 2, EXPLORE_NONE, 1, .leaks = false)
static void body_compose_group_cancel_outer(void)
{
    cancel_outer(join_waiters);
}

static int fail_at_one(thrum_task *self)
{
    return thrum_arg(self, int) == 1 ? thrum_fail(self, -ERANGE, "on purpose") : count(self);
}

/* An item fails: no later one is left behind. */
EXPLORE_POOLS(compose_map_failure, NULL, .leaks = false)
{
    int items[] = {0, 1, 2};
    size_t failed = 0;
    thrum_map_options options = {
        .count = 3, .window = 2, .args = items, .arg_size = sizeof *items, .ret_failed = &failed};
    EXPLORE_CHECK(thrum_map(pool, fail_at_one, &options) == THRUM_FAILED);
    EXPLORE_CHECK(failed == 1);
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) <= 2);
}

/* One of a chain is cancelled while the first ends: a cancel of the second spares the first. */
EXPLORE_POOLS(compose_then_cancel, NULL, .leaks = false)
{
    thrum_future *first = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    thrum_future *second = thrum_future_then(first, pool, count);
    bool cancels_first = explore_any(2);
    thrum_event_set(&go);
    int rc = thrum_future_cancel(cancels_first ? first : second);
    int first_rc = end_of(first), second_rc = end_of(second);
    EXPLORE_CHECK(cancels_first || first_rc == 0);
    EXPLORE_CHECK(rc != 0 || second_rc == -ECANCELED);
    EXPLORE_CHECK(first_rc == 0 || second_rc == -ECANCELED);
    thrum_executor_shutdown(pool);
}
