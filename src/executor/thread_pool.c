/* The thread pool: how tasks get to its workers.
 *
 * Everything about a pool is under its one lock, but for the inboxes (inbox.c), where tasks of middle
 * priority are left without it once the pool has a worker: one for all who are no workers, and one
 * for each worker and what its tasks submit. A task runs without the lock. The pending stand in one
 * list for each priority, in the order of submission. What is in the common inbox comes behind those
 * of the middle list, and is taken over when that is empty; what is in a worker's own inbox never
 * leaves it before it begins, unless the worker leaves. A worker begins the oldest of those of high
 * priority, else of its own, of the common ones, or of another worker's, else of low priority. Which
 * of the three goes first changes by turns, so that a task which submits others without end keeps
 * nobody's from their turn. All tasks that one thread submits, of one priority, stand in one list, and
 * begin in the order of submission, whoever takes them. A future that was cancelled, or run by one who
 * waited for it, stays in its list until a worker comes across it.
 *
 * Workers are idle, at work, or waiting for futures inside of their task:
 *
 *     workers == idle_count + waiting + at work
 *
 * At most max_workers are at work at once: a worker takes a task only while `running - waiting` is
 * less. Whoever makes work or room (a submit, a worker that begins to wait) wakes an idle worker, or
 * starts one; a worker that ends a task looks for the next itself. Idle workers sleep, the last to
 * come wakes first, as its memory is warm. A woken worker may find nothing, as one at work came
 * first: then it is idle again.
 *
 * A pool whose tasks may go by inboxes (`direct`) calls one worker at a time. `coming` says that one
 * is on his way; until he has looked, nobody calls another, and most of those who submit do not even
 * ask. He, and every worker that takes a task, calls the next one if there is more to do, or else has
 * the inboxes call (CALL) if there may be more workers. So whenever the lock is free:
 *
 *     fewer than max_workers are at work  =>  one is coming, or else nothing is pending, and each
 *                                             inbox has CALL, or a task whose bringer saw it there
 *                                             and is on his way to the lock
 *
 * (or a start was refused, or all SPARES are in use: then workers look when they end their tasks).
 * Whatever makes fewer be at work has to see to that: a worker that sleeps, waits, or leaves, and a
 * pool that grows. A pool with a bounded backlog, where each submit must look at the count, or with an
 * initializer, which may take as long as it likes and may meet that of another worker, does without
 * inboxes, and each submit calls one.
 *
 * A task that waits for another of its pool must not hold the pool up. If that other is pending, and
 * the wait has no deadline, the worker runs it itself, on its own stack: it is the very thing that it
 * waits for, so no stack fills up with strangers, and a recursion of tasks costs no threads. A task
 * that joins what it has forked finds it, most times, at an end of its own inbox, and neither the lock
 * nor another worker has heard of it. If it runs elsewhere, or the wait has a deadline, the worker
 * counts as waiting, and a spare one steps in for it, SPARES at the most at a time; when the wait is
 * over there is one worker too many, which leaves as soon as it is idle.
 *
 * A full backlog: see submit_locked. One that waits for room stands in `submitters`, served in order,
 * each by a worker that takes a task off.
 *
 * A worker is a detached daemon thread. Its last touch of the pool is the event `gone`, or nothing
 * if others are left; so whoever waits for `gone` may free the pool.
 *
 * Nothing is done to a future, and no hook called, under the pool's lock; only threads are started
 * there. The guards of inboxes are taken inside of it.
 *
 * What limits it: a task from outside costs its submitter the future's memory and one visit to the
 * inbox, the worker one visit to the lock, and each of the two the future's first line from the
 * other's cache. A task that forks and joins costs two visits to an inbox and four changes of the
 * future's two words, all of them in the cache of its worker.
 *
 * Rejected: to hand tasks to workers in batches. It saves visits to the lock, but the tasks behind
 * one that takes long, or that waits for them, would have to be taken back from its worker.
 *
 * Sources: Python's concurrent.futures.thread; Java's ForkJoinPool (compensation, helping a join);
 * Cilk (the oldest is stolen, the newest joined); Go's scheduler (one who searches wakes the next).
 */
#include "executor/thread_pool.h"
#include "base/clock.h"
#include "base/panic.h"
#include "base/process.h"
#include <thrum/with.h>

#include <errno.h>

enum { WAIT_SAMPLE = 16, UNTIMED = 1 };

/* ---------------------------------------------------------------------------------- the pending */

/* One of a few is timed. The caller has the future to himself until he stores its executor: a release,
 * as one who waits for it may then run it, if he is a worker, before it is in any list. */
static void begin_to_pend(thrum__pool *pool, thrum_future *future, uint64_t number)
{
    future->next = NULL;
    future->submitted = number % WAIT_SAMPLE ? 0 : thrum__clock_now();
    thrum__store_release(&future->executor, (void *)pool);
}

void thrum__pool_push(thrum__pool *pool, thrum_future *future)
{
    uint32_t word = thrum__load_relaxed(&future->state);
    int level = word & THRUM__FUTURE_LOW    ? THRUM__LOW
                : word & THRUM__FUTURE_HIGH ? THRUM__HIGH
                                            : THRUM__MIDDLE;
    thrum__pending *list = &pool->pending[level];
    begin_to_pend(pool, future, pool->pushed++);
    *list->last = future;
    list->last = &future->next;
    pool->pending_count++;
}

void thrum__pool_empty_inbox(thrum__pool *pool)
{
    pool->pending_count += thrum__inbox_empty(&pool->inbox, &pool->pending[THRUM__MIDDLE]);
}

/* What the inbox of a worker had is not timed, but linked backwards in the same place. */
static void forget_links(thrum_future *first)
{
    for (; first; first = first->next)
        first->submitted = 0;
}

void thrum__pool_close_own(thrum__pool *pool, thrum__worker *worker)
{
    thrum_future **from = pool->pending[THRUM__MIDDLE].last;
    thrum__inbox_close(&worker->own);
    pool->pending_count += thrum__inbox_empty(&worker->own, &pool->pending[THRUM__MIDDLE]);
    forget_links(*from);
}

thrum_future *thrum__pool_pop(thrum__pool *pool)
{
    thrum__pending *list = &pool->pending[THRUM__HIGH];
    while (!list->first)
        list--;
    thrum_future *future = list->first;
    list->first = future->next;
    if (!list->first)
        list->last = &list->first;
    pool->pending_count--;
    if (future->submitted) {
        thrum_time waited = thrum__clock_now() - future->submitted;
        pool->longest_wait = waited > pool->longest_wait ? waited : pool->longest_wait;
    }
    return future;
}

thrum_future *thrum__pool_take_all(thrum__pool *pool)
{
    pool->pending_count += thrum__inbox_empty_alone(&pool->inbox, &pool->pending[THRUM__MIDDLE]);
    for (thrum__worker *worker = pool->all_workers; worker; worker = worker->next) {
        thrum_future **from = pool->pending[THRUM__MIDDLE].last;
        pool->pending_count +=
            thrum__inbox_empty_alone(&worker->own, &pool->pending[THRUM__MIDDLE]);
        forget_links(*from);
    }
    thrum_future *chain = NULL, **end = &chain;
    while (pool->pending_count) {
        *end = thrum__pool_pop(pool);
        end = &(*end)->next;
    }
    *end = NULL;
    return chain;
}

/* --------------------------------------------------------------------------------------- submit */

static bool is_full(const thrum__pool *pool)
{
    return pool->max_pending && pool->pending_count >= pool->max_pending;
}

/* Runs the task in the thread that submits it. */
static int run_in_caller(thrum__pool *pool, thrum_future *future)
{
    thrum_lock_release(&pool->lock);
    thrum__ending ending = thrum__pool_run(future);
    thrum_lock_acquire(&pool->lock);
    thrum__pool_count(pool, ending);
    thrum_lock_release(&pool->lock);
    thrum__future_unreference(future);
    thrum_lock_acquire(&pool->lock);
    return 0;
}

/* Waits until there is room, or none can be hoped for. Under the lock, which it gives up meanwhile.
 * Returns 0 or -ECANCELED. */
static int wait_for_room(thrum__pool *pool)
{
    while (is_full(pool) && !pool->closing && !pool->broken) {
        thrum__waiter waiter;
        int rc = thrum__wait_begin(&waiter, true);
        if (rc < 0)
            return rc;
        thrum__waiters_push_back(&pool->submitters, &waiter);
        thrum_lock_release(&pool->lock);
        rc = thrum__wait(&waiter, THRUM_FOREVER, "pool", pool);
        thrum_lock_acquire(&pool->lock);
        if (thrum__waiter_queued(&waiter))
            thrum__waiters_remove(&pool->submitters, &waiter);
        if (rc < 0) {
            if (!is_full(pool))
                thrum__pool_admit(pool); /* the room that we do not take may be another's */
            return rc;
        }
    }
    return 0;
}

/* Takes the future into the backlog. Under the lock; `*ret_called` as thrum__pool_staff. */
static int submit_locked(thrum__pool *pool, thrum_future *future, const char **ret_reason,
                         thrum__context **ret_called)
{
    bool own = thrum__self()->executor == pool;
    if (is_full(pool) && !pool->closing && !pool->broken) {
        if (own || pool->when_full == THRUM_WHEN_FULL_RUN)
            return run_in_caller(pool, future);
        if (pool->when_full == THRUM_WHEN_FULL_REFUSE) {
            *ret_reason = "the pool's backlog is full";
            return -EAGAIN;
        }
        int rc = wait_for_room(pool);
        if (rc < 0)
            return rc;
    }
    if (pool->broken) {
        *ret_reason = "the pool is broken: the initializer of a worker failed";
        return pool->broken;
    }
    if (pool->closing)
        return -EPIPE;
    thrum__pool_push(pool, future);
    int rc = thrum__pool_staff(pool, ret_called);
    if (pool->workers > 0) {
        if (pool->direct)
            thrum__inbox_open(&pool->inbox);
        return 0; /* with fewer workers than wished for it still runs */
    }
    *ret_reason = rc == -EAGAIN ? "the system refuses the executor's first thread" : NULL;
    (void)thrum__pool_pop(pool); /* the one just pushed: nobody was there to take another */
    return rc;
}

/* Leaves the future in the inbox, if that is open to it; true if it did. */
static bool submit_directly(thrum__pool *pool, thrum_future *future)
{
    if (!pool->direct ||
        thrum__load_relaxed(&future->state) & (THRUM__FUTURE_LOW | THRUM__FUTURE_HIGH))
        return false;
    enum thrum__inbox_outcome outcome;
    thrum__context *self = thrum__self();
    if (self->executor == pool) {
        begin_to_pend(pool, future, UNTIMED);
        outcome = thrum__inbox_put_own(&thrum__worker_of(self)->own, future);
    } else {
        begin_to_pend(pool, future, thrum__load_relaxed(&pool->inbox.put));
        outcome = thrum__inbox_put(&pool->inbox, future);
    }
    if (outcome == THRUM__INBOX_CALLS) {
        thrum__context *called = NULL;
        thrum_with (&pool->lock)
            (void)thrum__pool_staff(pool, &called);
        if (called)
            thrum__unpark(called);
    }
    return outcome != THRUM__INBOX_CLOSED;
}

static int submit(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    thrum__pool *pool = (thrum__pool *)executor; /* its first member */
    if (pool->process != thrum__process_generation)
        return -ESRCH;
    if (submit_directly(pool, future))
        return 0;
    int rc = 0;
    thrum__context *called = NULL;
    thrum_with (&pool->lock)
        rc = submit_locked(pool, future, ret_reason, &called);
    if (called)
        thrum__unpark(called);
    return rc;
}

static size_t width(const thrum_executor *executor)
{
    return ((const thrum__pool *)executor)->max_workers;
}

static void stats(thrum_executor *executor, thrum_executor_stats *ret_stats)
{
    thrum__pool *pool = (thrum__pool *)executor;
    thrum_with (&pool->lock) {
        size_t pending = pool->pending_count + thrum__inbox_count(&pool->inbox);
        uint64_t done = pool->done, failed = pool->failed;
        for (thrum__worker *worker = pool->all_workers; worker; worker = worker->next) {
            pending += thrum__inbox_count(&worker->own);
            done += thrum__load_relaxed(&worker->helped);
            failed += thrum__load_relaxed(&worker->helped_failed);
        }
        *ret_stats = (thrum_executor_stats){
            .workers = pool->workers,
            .idle = pool->idle_count,
            .pending = pending,
            .running = pool->running,
            .done = done,
            .failed = failed,
            .cancelled = pool->cancelled,
            .longest_wait = pool->longest_wait,
        };
    }
}

const thrum__executor_ops thrum__thread_pool_ops = {submit, width, thrum__pool_shutdown, stats};

int thrum_thread_pool_resize(thrum_executor *executor, int max_workers)
{
    if (executor->ops != &thrum__thread_pool_ops)
        return -EINVAL;
    if (max_workers < 1)
        thrum__panic(thrum__caller(), "a thread pool cannot be resized to %d workers", max_workers);
    thrum__pool *pool = (thrum__pool *)executor;
    thrum__waiter *roused = NULL;
    thrum__context *called = NULL;
    thrum_with (&pool->lock) {
        pool->max_workers = (size_t)max_workers;
        if (pool->workers > pool->max_workers)
            roused = thrum__pool_rouse(pool);
        thrum__pool_empty_inbox(pool);
        for (size_t i = 0; i <= pool->pending_count && i < pool->max_workers; i++) {
            if (called)
                thrum__unpark(called);
            (void)thrum__pool_staff(pool, &called); /* once in any case: see `coming` above */
        }
    }
    thrum__unpark_chain(roused);
    if (called)
        thrum__unpark(called);
    return 0;
}
