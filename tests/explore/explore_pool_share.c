/* Shares: a worker takes many tasks at one visit, and others take from it what it has not begun. Each
 * runs once, and none waits for a worker that is held up. Futures in memory of the caller. */
#include "executor/thread/thread_pool.h"
#include "explore.h"
#include <thrum/event.h>
#include <thrum/executor.h>

#include <errno.h>

static thrum_executor *pool;
static thrum_event met;
static uint32_t runs;

static void make(int workers)
{
    thrum__pool_parts = 1;
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
}

static int wait_or_come(thrum_task *self)
{
    thrum__add_relaxed(&runs, 1);
    if (!thrum_arg(self, int))
        return thrum_event_wait(&met, THRUM_FOREVER);
    thrum_event_set(&met);
    return 0;
}

static void finish(thrum_future **futures, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        EXPLORE_CHECK(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER) == 0);
        thrum_future_free(futures[i]);
    }
    EXPLORE_CHECK(runs == count);
}

/* The first of a share waits for the last one. */
EXPLORE(pool_share_of_one_that_waits, .preemptions = 1, .long_preemptions = 2)
{
    static const int comes[] = {0, 1};
    thrum_future *futures[2];
    make(2);
    thrum_submit_many(pool, wait_or_come, 2, comes, sizeof comes[0], futures);
    finish(futures, 2);
    thrum_executor_shutdown(pool);
}

/* One worker runs its share without the lock. */
EXPLORE(pool_share_of_one_worker, .preemptions = 2, .long_preemptions = 3)
{
    static const int comes[] = {1, 1, 0};
    thrum_future *futures[3];
    make(1);
    thrum_submit_many(pool, wait_or_come, 3, comes, sizeof comes[0], futures);
    finish(futures, 3);
    thrum_executor_shutdown(pool);
}

/* A worker takes the next task of its share while another worker takes half of the share. */
static int count_run(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&runs, 1);
    return 0;
}

EXPLORE(pool_share_of_two_workers, .preemptions = 1, .long_preemptions = 2)
{
    thrum_future *futures[4];
    make(2);
    thrum_submit_many(pool, count_run, 4, NULL, 0, futures);
    finish(futures, 4);
    thrum_executor_shutdown(pool);
}

/* A worker that has a task of its own left takes one task of another's share, and no more: it has no place for the
 * rest. The first of the share lets this worker go on, so the share stands in the other's inbox by then. */
static thrum_event begun, shared;
static thrum_future *kept;

static int submit_two_and_cancel(thrum_task *self)
{
    (void)self;
    thrum_future *cancelled = thrum_submit(pool, count_run, THRUM_NOTHING);
    kept = thrum_submit(pool, count_run, THRUM_NOTHING);
    (void)thrum_future_cancel(
        cancelled); /* after a cancelled task a worker visits the pool's lock */
    thrum_future_free(cancelled);
    thrum_event_set(&begun);
    return thrum_event_wait(&shared, THRUM_FOREVER);
}

static int share_or_come(thrum_task *self)
{
    thrum_event_set(&shared);
    return wait_or_come(self);
}

EXPLORE(pool_share_beside_own, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    static const int comes[] = {0, 1, 1, 1};
    thrum_future *futures[4];
    make(2);
    thrum_future *owner = thrum_submit(pool, submit_two_and_cancel, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&begun, THRUM_FOREVER) == 0);
    thrum_submit_many(pool, share_or_come, 4, comes, sizeof comes[0], futures);
    EXPLORE_CHECK(thrum_future_result(owner, NULL, 0, THRUM_FOREVER) == 0);
    for (int i = 0; i < 4; i++) {
        EXPLORE_CHECK(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER) == 0);
        thrum_future_free(futures[i]);
    }
    EXPLORE_CHECK(thrum_future_result(kept, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(owner);
    thrum_future_free(kept);
    thrum_executor_shutdown(pool);
}

/* The first of a share joins the newest of it, and then the other worker takes some. */
static thrum_future *joined[4];

static int join_newest(thrum_task *self)
{
    thrum__add_relaxed(&runs, 1);
    if (thrum_arg(self, int) != 0)
        return 0;
    EXPLORE_CHECK(thrum_event_wait(&begun, THRUM_FOREVER) == 0);
    return thrum_future_result(joined[3], NULL, 0, THRUM_FOREVER) == 0 ? 0 : -EIO;
}

EXPLORE(pool_share_joined, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    static const int first[] = {0, 1, 1, 1};
    make(1);
    thrum_submit_many(pool, join_newest, 4, first, sizeof first[0], joined);
    thrum_event_set(&begun);
    EXPLORE_CHECK(thrum_thread_pool_resize(pool, 2) == 0);
    finish(joined, 4);
    thrum_executor_shutdown(pool);
}

/* A shutdown stops what runs, and what comes after it in the share is not stopped by that. */
static int wait_for_stop(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&runs, 1);
    return thrum_event_wait(&met, THRUM_FOREVER);
}

EXPLORE(pool_share_shutdown, .preemptions = 2, .long_preemptions = 3)
{
    thrum_future *futures[2];
    make(1);
    thrum_submit_many(pool, wait_for_stop, 2, NULL, 0, futures);
    while (!thrum__load_relaxed(&runs))
        thrum__explore_pause();
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_running = true, .cancel_pending = true});
    EXPLORE_CHECK(runs == 1);
    for (int i = 0; i < 2; i++) {
        EXPLORE_CHECK(thrum_future_error(futures[i]) != NULL);
        thrum_future_free(futures[i]);
    }
}

/* The free of a future in memory of the caller is the last touch by anybody. */
static void use_own_memory(void)
{
    thrum_future_memory *memory = thrum__alloc_line(sizeof *memory);
    static const int comes = 1;
    thrum_future *future = thrum_submit_into(pool, memory, wait_or_come, &comes, sizeof comes);
    thrum_future_free(future);
    EXPLORE_CHECK(runs == 1);
    thrum__free(memory);
}

EXPLORE(pool_in_place, .preemptions = 2, .long_preemptions = 3)
{
    make(1);
    use_own_memory();
    thrum_executor_shutdown(pool);
}

/* The only worker frees what stands between others in its inbox: it has run it in place of the wait, and another worker
 * takes it out. */
static int free_from_between(thrum_task *self)
{
    static const int order[] = {1, 0, 2};
    thrum_future_memory *memory[3];
    (void)self;
    for (int i = 0; i < 3; i++) {
        memory[i] = thrum__alloc_line(sizeof *memory[i]);
        (void)thrum_submit_into(pool, memory[i], count_run, THRUM_NOTHING);
    }
    for (int i = 0; i < 3; i++) {
        thrum_future_free((thrum_future *)(void *)memory[order[i]]);
        thrum__free(memory[order[i]]);
    }
    return 0;
}

EXPLORE(pool_in_place_between, .preemptions = 1, .long_preemptions = 2)
{
    make(1);
    thrum_future *future = thrum_submit(pool, free_from_between, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(future);
    EXPLORE_CHECK(runs == 3);
    thrum_executor_shutdown(pool);
}
