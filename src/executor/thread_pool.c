/* The thread pool.
 *
 * One lock, one first-in-first-out list of futures, one condition on which idle workers sleep.
 * Everything below is under the lock:
 *
 *     idle      workers that sleep and that no notify is meant for yet. Whoever submits takes one
 *               off and notifies; so each submit either wakes a worker of its own, or starts one,
 *               or finds as many at work as the pool may have
 *     workers   threads started
 *     closing   no further submits; workers end when the list is empty
 *
 * A worker that was woken may find the list empty, as a busy one came first: it counts itself idle
 * again. A task runs without the lock. Tasks of one thread start in the order of submission because
 * there is one list.
 *
 * The worker of a task that was asked to stop too late takes the request back before its next
 * task: no canceller can reach its context between two tasks (future.c).
 *
 * At the end of the program pools that were not shut down finish what was submitted, as Python's
 * do: their workers are daemons, and a drain (thread/living.h) closes every pool and joins them.
 * A child made by fork has the pool but none of its workers: it refuses to submit, and a shutdown
 * frees what it can. `pools` lists all; a pool being drained is not freed by a shutdown that comes meanwhile.
 */
#include "base/cpu.h"
#include "base/panic.h"
#include "base/process.h"
#include "executor/executor.h"
#include "sync/fork_lock.h"
#include "thread/living.h"
#include <thrum/condition.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_MOST = 32, DEFAULT_EXTRA = 4 };

struct pool {
    thrum_executor base;
    thrum_condition work;
    thrum_future *first, **last;
    size_t idle, workers, max_workers;
    bool closing;
    uint32_t process; /* the generation in which it was made */
    bool drained;     /* under pools_lock */
    struct pool *next, *prev;
    char *name_prefix;
    thrum_thread *threads[];
};

static thrum_lock pools_lock;
static struct pool *pools;

static thrum_future *pop(struct pool *pool)
{
    thrum_future *future = pool->first;
    pool->first = future->next;
    if (!pool->first)
        pool->last = &pool->first;
    return future;
}

/* Waits for a task; NULL when there will be none any more. */
static thrum_future *next_task(struct pool *pool)
{
    thrum_future *future = NULL;
    thrum_with (&pool->work) {
        while (!pool->first && !pool->closing) {
            pool->idle++;
            thrum_condition_wait(&pool->work, THRUM_FOREVER);
        }
        if (pool->first)
            future = pop(pool);
    }
    return future;
}

static int work(thrum_task *self)
{
    struct pool *pool = thrum_arg(self, struct pool *);
    self->context->executor = pool;
    thrum_future *future;
    while ((future = next_task(pool))) {
        thrum__future_run(future);
        thrum__store_relaxed(&self->context->cancelled, 0);
    }
    return 0;
}

/* Starts one more worker. Under the lock. Returns 0 or the error of the start. */
static int start_worker(struct pool *pool)
{
    char name[128];
    snprintf(name, sizeof name, "%s-%zu", pool->name_prefix, pool->workers);
    thrum_thread *thread =
        thrum_thread_start_with(&(thrum_thread_options){.name = name, .daemon = true}, work,
                                thrum_value(struct pool *, pool));
    const thrum_error *error = thrum_thread_error(thread);
    if (error) {
        int code = error->code;
        thrum_thread_free(thread);
        return code;
    }
    pool->threads[pool->workers++] = thread;
    return 0;
}

static int submit(thrum_executor *executor, thrum_future *future)
{
    struct pool *pool = (struct pool *)executor; /* its first member */
    if (pool->process != thrum__process_generation)
        return -ESRCH;
    thrum_with (&pool->work) {
        if (pool->closing)
            return -EPIPE;
        if (pool->idle > 0) {
            pool->idle--;
            thrum_condition_notify(&pool->work, 1);
        } else if (pool->workers < pool->max_workers) {
            int rc = start_worker(pool);
            if (rc < 0 && pool->workers == 0)
                return rc; /* with fewer workers than wished for it still runs */
        }
        future->next = NULL;
        *pool->last = future;
        pool->last = &future->next;
    }
    return 0;
}

static size_t width(const thrum_executor *executor)
{
    return ((const struct pool *)executor)->max_workers;
}

/* Lets the workers finish what was submitted, and waits for them. */
static void drain(struct pool *pool)
{
    thrum_with (&pool->work) {
        pool->closing = true;
        thrum_condition_notify_all(&pool->work);
    }
    for (size_t i = 0; i < pool->workers; i++) /* no more are started */
        thrum_thread_join(pool->threads[i], THRUM_FOREVER);
}

static void drain_all(void)
{
    const void *own = thrum__self()->executor; /* exit called by a task: its pool goes as it is */
    for (;;) {
        struct pool *pool;
        thrum_with (&pools_lock) {
            for (pool = pools; pool && (pool->drained || pool == own); pool = pool->next)
                ;
            if (pool)
                pool->drained = true;
        }
        if (!pool)
            return;
        drain(pool);
    }
}

/* Takes the pool off the list; false if it is being drained, and so not to be freed. */
static bool unlist(struct pool *pool)
{
    bool ours = false;
    thrum_with (&pools_lock) {
        ours = !pool->drained;
        if (ours) {
            if (pool->prev)
                pool->prev->next = pool->next;
            else
                pools = pool->next;
            if (pool->next)
                pool->next->prev = pool->prev;
        }
    }
    return ours;
}

static void shutdown(thrum_executor *executor, const void *place)
{
    struct pool *pool = (struct pool *)executor;
    if (thrum__self()->executor == pool)
        thrum__panic(place,
                     "thread pool \"%s\" shut down by its own worker \"%s\", which would wait "
                     "for itself",
                     pool->name_prefix, thrum__self()->name);
    bool ours = unlist(pool);
    if (pool->process == thrum__process_generation) {
        drain(pool);
        if (!ours)
            return;
        thrum_condition_finish(&pool->work);
    }
    for (size_t i = 0; i < pool->workers; i++)
        thrum_thread_free(pool->threads[i]);
    thrum__free(pool->name_prefix);
    thrum__free(pool);
}

static const thrum__executor_ops thread_pool_ops = {submit, width, shutdown};

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
    size_t most = options->max_workers ? (size_t)options->max_workers : default_workers();
    const char *prefix = options->name_prefix ? options->name_prefix : "pool";
    size_t length = strlen(prefix) + 1;
    struct pool *pool = thrum__alloc(sizeof *pool + most * sizeof(thrum_thread *));
    char *name = thrum__alloc(length);
    if (!pool || !name) {
        thrum__free(pool);
        thrum__free(name);
        return NULL;
    }
    pool->base.ops = &thread_pool_ops;
    pool->last = &pool->first;
    pool->max_workers = most;
    pool->process = thrum__process_generation;
    pool->name_prefix = memcpy(name, prefix, length);
    thrum__living_at_exit(drain_all);
    thrum__lock_across_fork(&pools_lock);
    thrum_with (&pools_lock) {
        pool->next = pools;
        if (pools)
            pools->prev = pool;
        pools = pool;
    }
    return &pool->base;
}
