/* The thread pool: how tasks get in, and how it begins and ends.
 *
 * Everything about a pool is under its one lock, but for the inboxes (inbox.c). A task runs without the
 * lock. A task from outside goes into the common inbox, one from a task of the pool into its worker's own,
 * if the pool has a worker already, its backlog has no bound and the task no priority; else it goes through
 * the lock into the backlog. tasks.c says where pending tasks are, worker.c how workers come for them.
 *
 * Nothing is done to a future, and no hook called, under the pool's lock; only threads are started
 * there. The guards of inboxes are taken inside of it.
 *
 * The end: each worker holds the pool, and so does close_pool while it cancels (core/pool.c). Tasks
 * that run are asked to stop one by one, each with all that it runs in place of its waits: the request goes
 * to the worker's context (park/scope.h), under the lock, while the worker runs that task.
 *
 * What limits it: a task from outside costs its submitter the future's memory and one visit to the
 * inbox, the worker one visit to the lock, and each of the two the future's first line from the
 * other's cache. A task that forks and joins costs two visits to an inbox and four changes of the
 * future's two words, all of them in the cache of its worker.
 *
 * Rejected: to hand tasks to workers in batches. The tasks behind one that takes long, or that waits for
 * them, must not wait for that worker, so other workers have to take them out of its batch again. Tasks
 * then begin out of order. Only submit_many gains, about a tenth (docs/performance.md).
 *
 * Sources: Python's concurrent.futures.thread; Java's ForkJoinPool (compensation, helping a join);
 * Cilk (the oldest is stolen, the newest joined); Go's scheduler (a searching worker wakes the next).
 */
#include "executor/thread/thread_pool.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "executor/thread/reserve.h"
#include "park/scope.h"
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>

/* --------------------------------------------------------------------------------------- submit */

/* Takes the future into the backlog. Under the lock; `*ret_called` as thrum__thread_pool_staff. Returns 0,
 * THRUM__ADMIT_RUN, or a code.
 *
 * A task that helps tasks which were begun is taken in any case: its pool may be full, closing or broken, and
 * may have no worker, as a submitter runs tasks, too. Parts may wait for each other, so without a helper they
 * might wait for ever. */
static int submit_locked(thrum__thread_pool *pool, thrum_future *future, const char **ret_reason,
                         thrum__context **ret_called, bool *ret_inside)
{
    bool helps = thrum__load_relaxed(&future->state) & THRUM__FUTURE_HELPER;
    int rc = helps ? 0 : thrum__pool_admit(&pool->pool, ret_reason, ret_inside);
    if (rc != 0)
        return rc;
    thrum__thread_pool_push(pool, future);
    rc = thrum__thread_pool_staff(pool, ret_called);
    if (pool->workers > 0) {
        if (pool->direct && !pool->pool.closing)
            thrum__inbox_open(&pool->inbox);
        return 0; /* with fewer workers than wished for it still runs */
    }
    (void)thrum__pool_pop(&pool->pool); /* the task just pushed: nobody was there to take another */
    return rc;
}

/* Sees to it that a worker comes for what is in an inbox. */
static void call_worker(thrum__thread_pool *pool)
{
    thrum__context *called = NULL;
    thrum_with (&pool->pool.lock)
        (void)thrum__thread_pool_staff(pool, &called);
    if (called)
        thrum__unpark(called);
}

/* Leaves the future in the inbox, if that is open to it; true if it did. */
static bool submit_directly(thrum__thread_pool *pool, thrum_future *future)
{
    if (!pool->direct ||
        thrum__load_relaxed(&future->state) & (THRUM__FUTURE_LOW | THRUM__FUTURE_HIGH))
        return false;
    enum thrum__inbox_outcome outcome;
    thrum__context *self = thrum__self();
    if (self->executor == &pool->pool.base) {
        thrum__thread_pool_begin_to_pend(pool, future, THRUM__UNTIMED);
        outcome = thrum__inbox_put_own(&thrum__thread_pool_worker_of(self)->own, future);
    } else {
        thrum__thread_pool_begin_to_pend(pool, future, thrum__load_relaxed(&pool->inbox.put));
        outcome = thrum__inbox_put(&pool->inbox, future);
    }
    if (outcome == THRUM__INBOX_CALLS)
        call_worker(pool);
    return outcome != THRUM__INBOX_CLOSED;
}

static int ready(thrum_executor *executor, const char **ret_reason)
{
    (void)executor;
    int rc = thrum__reserve_begin();
    if (rc == -EAGAIN)
        *ret_reason = "the system refuses the executor's first thread";
    return rc;
}

static int submit(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    thrum__thread_pool *pool = thrum__thread_pool_of(executor);
    if (thrum__pool_lost(&pool->pool))
        return -ESRCH;
    if (submit_directly(pool, future))
        return 0;
    bool inside = false;
    int rc = ready(executor, ret_reason);
    if (rc < 0)
        return rc;
    thrum__context *called = NULL;
    thrum_with (&pool->pool.lock)
        rc = submit_locked(pool, future, ret_reason, &called, &inside);
    if (called)
        thrum__unpark(called);
    return thrum__pool_end_submit(&pool->pool, future, rc, inside);
}

/* All of the chain into the common inbox, as submit_directly does for one. */
static thrum_future *submit_chain(thrum_executor *executor, thrum_future *first, thrum_future *last,
                                  size_t count)
{
    thrum__thread_pool *pool = (thrum__thread_pool *)executor;
    if (!pool->direct || count > UINT32_MAX || thrum__self()->executor == executor ||
        thrum__pool_lost(&pool->pool))
        return first;
    uint64_t number = thrum__load_relaxed(&pool->inbox.put);
    for (thrum_future *future = first, *next; future; future = next) {
        next = future->next;
        thrum__thread_pool_begin_to_pend(pool, future, number++);
        future->next = next;
    }
    enum thrum__inbox_outcome outcome =
        thrum__inbox_put_chain(&pool->inbox, first, last, (uint32_t)count);
    if (outcome == THRUM__INBOX_CALLS)
        call_worker(pool);
    return outcome == THRUM__INBOX_CLOSED ? first : NULL;
}

static size_t width(const thrum_executor *executor)
{
    return thrum__load_relaxed(&((const thrum__thread_pool *)executor)->max_workers);
}

static void stats(thrum_executor *executor, thrum_executor_stats *ret_stats)
{
    thrum__thread_pool *pool = thrum__thread_pool_of(executor);
    if (thrum__pool_lost(&pool->pool))
        return; /* a lost thread may hold the lock */
    thrum_with (&pool->pool.lock) {
        size_t pending = pool->pool.pending_count + thrum__inbox_count(&pool->inbox);
        uint64_t done = pool->pool.done, failed = pool->pool.failed;
        for (thrum__thread_pool_worker *worker = pool->all_workers; worker; worker = worker->next) {
            /* Under the guard a worker takes a task and counts the one before in one step. */
            uint32_t word = thrum__inbox_guard(&worker->own);
            pending += worker->own.count;
            done += thrum__load_relaxed(&worker->counted);
            failed += thrum__load_relaxed(&worker->counted_failed);
            thrum__inbox_unguard(&worker->own, word);
        }
        *ret_stats = (thrum_executor_stats){
            .workers = pool->workers,
            .idle = pool->idle_count,
            .pending = pending,
            .running = pool->running,
            .done = done,
            .failed = failed,
            .cancelled = pool->pool.cancelled,
            .longest_wait = pool->longest_wait,
        };
    }
}

static const thrum__executor_ops thread_pool_ops = {.submit = submit,
                                                    .submit_chain = submit_chain,
                                                    .ready = ready,
                                                    .width = width,
                                                    .shutdown = thrum__pool_shutdown,
                                                    .stats = stats};

int thrum_thread_pool_resize(thrum_executor *executor, int max_workers)
{
    thrum__executor_check(executor, thrum__caller());
    if (executor->ops != &thread_pool_ops)
        return -EINVAL;
    if (max_workers < 1)
        thrum__panic(thrum__caller(), "a thread pool cannot be resized to %d workers", max_workers);
    thrum__thread_pool *pool = thrum__thread_pool_of(executor);
    if (thrum__pool_lost(&pool->pool))
        return -ESRCH; /* a lost worker may hold the lock */
    thrum__waiter *woken = NULL;
    thrum__context *called = NULL;
    thrum_with (&pool->pool.lock) {
        thrum__store_relaxed(&pool->max_workers, (size_t)max_workers); /* `width` reads it */
        if (pool->workers > pool->max_workers) {
            thrum__store_relaxed(&pool->attention, 1);
            woken = thrum__thread_pool_wake_all(pool);
        }
        thrum__thread_pool_empty_inbox(pool);
        for (size_t i = 0; i <= pool->pool.pending_count && i < pool->max_workers; i++) {
            if (called)
                thrum__unpark(called);
            (void)thrum__thread_pool_staff(pool,
                                           &called); /* once in any case: see `coming` above */
        }
    }
    thrum__unpark_chain(woken);
    if (called)
        thrum__unpark(called);
    return 0;
}

/* --------------------------------------------------------------------------------------- the end */

/* Asks the tasks that ran when the pool was closed to stop, a batch at a time, as nothing is done to a future
 * under the lock. */
static void stop_running(thrum__thread_pool *pool)
{
    enum { BATCH = 32 };
    thrum_future *futures[BATCH];
    thrum__context *owed[BATCH];
    size_t count;
    do {
        count = 0;
        thrum_with (&pool->pool.lock)
            for (thrum__thread_pool_worker *w = pool->all_workers; w && count < BATCH;
                 w = w->next) {
                uint32_t word = thrum__inbox_guard(&w->own);
                if (w->stop == THRUM__STOP_WANTED) {
                    w->stop = THRUM__STOP_ASKED;
                    thrum__future_reference(w->future);
                    owed[count] = thrum__scopes_stop(w->context) ? w->context : NULL;
                    futures[count++] = w->future;
                }
                thrum__inbox_unguard(&w->own, word);
            }
        for (size_t i = 0; i < count; i++) {
            if (owed[i])
                thrum__unpark(owed[i]);
            thrum_future_cancel(futures[i]);
            thrum__future_unreference(futures[i]);
        }
    } while (count > 0);
}

static size_t close_pool(thrum__pool *common, const thrum_shutdown_options *options)
{
    thrum__thread_pool *pool = (thrum__thread_pool *)common; /* its first member */
    thrum__waiter *idle = NULL, *refused = NULL;
    thrum_future *pending = NULL;
    thrum_with (&common->lock) {
        refused = thrum__pool_begin_close(common);
        thrum__inbox_close(&pool->inbox);
        thrum__thread_pool_empty_inbox(pool);
        for (thrum__thread_pool_worker *worker = pool->all_workers; worker; worker = worker->next)
            thrum__thread_pool_close_own(pool, worker);
        thrum__store_relaxed(&pool->attention, 1);
        for (thrum__thread_pool_worker *worker = pool->all_workers; worker; worker = worker->next) {
            uint32_t word = thrum__inbox_guard(&worker->own);
            if (worker->future && options->cancel_running)
                worker->stop = THRUM__STOP_WANTED;
            thrum__inbox_unguard(&worker->own, word);
        }
        if (options->cancel_pending)
            pending = thrum__thread_pool_take_tasks(pool);
        idle = thrum__thread_pool_wake_all(pool);
    }
    thrum__unpark_chain(idle);
    thrum__unpark_chain(refused);
    if (options->cancel_running)
        stop_running(pool);
    return thrum__pool_cancel(pending);
}

static bool forsake(thrum__pool *common)
{
    (void)thrum__pool_cancel(thrum__thread_pool_take_all((thrum__thread_pool *)common));
    return true;
}

/* ----------------------------------------------------------------------------------- the beginning */

static size_t default_workers(void)
{
    enum { DEFAULT_MOST = 32, DEFAULT_EXTRA = 4 };
    int count = thrum__cpu_count() + DEFAULT_EXTRA;
    return (size_t)(count < DEFAULT_MOST ? count : DEFAULT_MOST);
}

static const thrum__pool_kind thread_pool = {
    .name = "thread pool", .close = close_pool, .forsake = forsake};

thrum_executor *thrum_thread_pool_new(const thrum_thread_pool_options *options)
{
    static const thrum_thread_pool_options defaults;
    if (!options)
        options = &defaults;
    thrum__pool_options common = thrum__pool_options_of(options);
    thrum__pool_options_check(&common, &thread_pool, thrum__caller());
    thrum__thread_pool *pool = thrum__alloc_line(sizeof *pool);
    if (!pool)
        return NULL;
    pool->max_workers = options->max_workers ? (size_t)options->max_workers : default_workers();
    pool->direct = !options->max_pending && !options->initializer;
    thrum__inbox_init(&pool->inbox);
    if (thrum__pool_init(&pool->pool, &thread_pool_ops, &thread_pool, &common, "pool") < 0) {
        thrum__free(pool);
        return NULL;
    }
    return &pool->pool.base;
}
