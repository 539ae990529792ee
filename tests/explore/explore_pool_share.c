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
