/* The life of a thread pool: how it is made, and how it ends.
 *
 * A pool ends when it is closing and its last worker has left. Who shuts it down waits for that, or
 * abandons it, and then the last worker frees it. One that was not shut down is drained at the end of
 * the program (pools.c).
 *
 * A child made by fork has the pool but none of its workers: it refuses to submit, and a shutdown
 * frees what it can.
 */
#include "base/cpu.h"
#include "base/panic.h"
#include "base/process.h"
#include "executor/thread_pool.h"
#include "park/park.h"
#include <thrum/with.h>

#include <stddef.h>
#include <string.h>

enum { DEFAULT_MOST = 32, DEFAULT_EXTRA = 4 };

/* Asks the workers' tasks to stop, a batch at a time, as nothing is done to a future under the lock. */
static void cancel_running(thrum__pool *pool)
{
    enum { BATCH = 32 };
    thrum_future *batch[BATCH];
    size_t count;
    do {
        count = 0;
        thrum_with (&pool->lock)
            for (thrum__worker *w = pool->all_workers; w && count < BATCH; w = w->next)
                if (w->future && !w->asked_to_stop) {
                    w->asked_to_stop = true;
                    thrum__future_reference(w->future);
                    batch[count++] = w->future;
                }
        for (size_t i = 0; i < count; i++) {
            thrum_future_cancel(batch[i]);
            thrum__future_unreference(batch[i]);
        }
    } while (count > 0);
}

/* Cancels a chain of pending futures; those that one who waited for them has begun go on. */
static void cancel_pending(thrum_future *chain)
{
    while (chain) {
        thrum_future *next = chain->next;
        if (!thrum_future_running(chain))
            thrum_future_cancel(chain);
        thrum__future_unreference(chain);
        chain = next;
    }
}

/* Refuses further tasks; cancels what it is told to. True if no worker is left to wait for. The pool
 * may be gone when it returns, if it was abandoned. */
static bool close_pool(thrum__pool *pool, const thrum_shutdown_options *options)
{
    bool empty = false;
    thrum__waiter *idle = NULL, *refused = NULL;
    thrum_future *pending = NULL;
    if (options->cancel_running)
        cancel_running(pool);
    thrum_with (&pool->lock) {
        uint32_t count = 0;
        pool->closing = true;
        thrum__inbox_close(&pool->inbox);
        thrum__pool_empty_inbox(pool);
        for (thrum__worker *worker = pool->all_workers; worker; worker = worker->next)
            thrum__pool_close_own(pool, worker);
        pool->abandoned = options->no_wait;
        empty = pool->workers == 0;
        if (options->cancel_pending) {
            pool->cancelled += pool->pending_count;
            pending = thrum__pool_take_all(pool);
        }
        idle = thrum__pool_rouse(pool);
        refused = thrum__waiters_claim_chain(&pool->submitters, UINT32_MAX, &count);
    }
    thrum__unpark_chain(idle);
    thrum__unpark_chain(refused);
    cancel_pending(pending);
    return empty;
}

static void wait_until_gone(thrum__pool *pool)
{
    thrum_shield_begin(); /* a pool that is left half shut down would be lost */
    thrum_event_wait(&pool->gone, THRUM_FOREVER);
    thrum_shield_end();
}

static void drain(thrum__listed_pool *listed)
{
    static const thrum_shutdown_options finish;
    thrum__pool *pool = (thrum__pool *)((char *)listed - offsetof(thrum__pool, listed));
    if (!close_pool(pool, &finish))
        wait_until_gone(pool);
}

void thrum__pool_free(thrum__pool *pool)
{
    thrum__free(pool->name_prefix);
    thrum__free(pool);
}

void thrum__pool_shutdown(thrum_executor *executor, const thrum_shutdown_options *options,
                          const void *place)
{
    thrum__pool *pool = (thrum__pool *)executor;
    if (thrum__self()->executor == pool && !options->no_wait)
        thrum__panic(place,
                     "thread pool \"%s\" shut down by its own worker \"%s\", which would wait "
                     "for itself",
                     pool->name_prefix, thrum__self()->name);
    bool ours = thrum__pools_leave(&pool->listed);
    bool lost = pool->process != thrum__process_generation;
    if (!lost) {
        bool empty = close_pool(pool, options);
        if (!empty && options->no_wait)
            return;
        if (!empty)
            wait_until_gone(pool);
    }
    if (!ours)
        return;
    cancel_pending(thrum__pool_take_all(pool)); /* some only in a child of a fork */
    thrum__pool_free(pool);
}

static size_t default_workers(void)
{
    int count = thrum__cpu_count() + DEFAULT_EXTRA;
    return (size_t)(count < DEFAULT_MOST ? count : DEFAULT_MOST);
}

thrum_executor *thrum_thread_pool_new(const thrum_pool_options *options)
{
    static const thrum_pool_options defaults;
    if (!options)
        options = &defaults;
    if (options->max_workers < 0)
        thrum__panic(thrum__caller(), "a thread pool cannot have %d workers", options->max_workers);
    const char *prefix = options->name_prefix ? options->name_prefix : "pool";
    size_t length = strlen(prefix) + 1;
    thrum__pool *pool = thrum__alloc_line(sizeof *pool);
    char *name = thrum__alloc(length);
    if (!pool || !name) {
        thrum__free(pool);
        thrum__free(name);
        return NULL;
    }
    pool->base.ops = &thrum__thread_pool_ops;
    pool->max_workers = options->max_workers ? (size_t)options->max_workers : default_workers();
    pool->max_pending = options->max_pending;
    pool->when_full = options->when_full;
    pool->initializer = options->initializer;
    pool->context = options->context;
    pool->process = thrum__process_generation;
    pool->name_prefix = memcpy(name, prefix, length);
    pool->direct = !options->max_pending && !options->initializer;
    thrum__inbox_init(&pool->inbox);
    for (int level = 0; level < THRUM__PRIORITIES; level++)
        pool->pending[level].last = &pool->pending[level].first;
    pool->listed.drain = drain;
    thrum__pools_enter(&pool->listed, pool);
    return &pool->base;
}
