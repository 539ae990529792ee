/* The workers of a thread pool: how they start, run tasks, sleep, wait, and leave.
 *
 * Workers are idle, at work, or waiting for futures inside of their task:
 *
 *     workers == idle_count + waiting + at work
 *
 * At most max_workers are at work at once: a worker takes a task only while `running - waiting` is
 * less. A worker that waits inside of a fork may be counted as waiting twice for a moment (parallel/staff.c), so
 * the sums are written without a difference that could be negative. A thread that makes work or room (a submit, a worker
 * that begins to wait) wakes an idle worker, or starts one; a worker that ends a task looks for the next itself. Idle
 * workers sleep; the last to come wakes first, as its memory is warm. A woken worker may find nothing, as one at work came
 * first: then it is idle again.
 *
 * A visit to the lock gives a worker one task. Then the worker runs what its tasks have left in its own inbox, without
 * the lock, up to VISIT_AFTER tasks. `attention` ends this early: a task of high priority is pending, the pool is
 * closing, or it has too many workers. Meanwhile the worker counts as at work
 * all the time, and its `future` changes under the guard of its inbox. So a shutdown that asks running tasks to stop
 * takes that guard, too. It closes and empties the inbox before, so the task that it asks is the worker's last one until
 * the next visit.
 *
 * A worker that runs dry may yield the processor once and look again, before it sleeps. Amid a stream of tasks, a
 * submitter that it had interrupted then goes on, and leaves many tasks. Otherwise a wake-up interrupts the submitter, the
 * worker runs the few tasks that there are and sleeps, for each few dozen tasks of a million. But a yield is in vain, and
 * costs a system call, if a submitter waits for the result of each task. So a worker yields as long as that brings tasks,
 * and else tries it one time in TRY_YIELD. After it has helped a fork it does not: a helper has looked for more parts
 * already, and Linux lets a thread that has yielded wait longer when it is woken next, on the processor that it slept on.
 *
 * A pool whose tasks may go by inboxes (`direct`) calls one worker at a time. `coming` says that a worker
 * was woken or started and has not looked yet. Until then nobody calls another, and most of those who
 * submit do not even ask. That worker, and every worker that takes a task, calls the next one if there is
 * more to do, or else has the inboxes call (CALL) if there may be more workers. So whenever the lock is
 * free:
 *
 *     fewer than max_workers are at work  =>  one is coming, or else nothing is pending, and each
 *                                             inbox has CALL, or a task whose bringer saw it there
 *                                             and is on its way to the lock
 *
 * (or memory ran out for a worker: then those that there are look when they end their tasks).
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
 * counts as waiting, and a spare one steps in for it. When the wait is over there is one worker too
 * many, which leaves as soon as it is idle.
 *
 * A worker is a daemon thread. Its last touch of the pool is thrum__pool_gone, or nothing if others
 * are left. Then it joins the worker that left before it (thread/own.c). If the system refuses the
 * thread, or SPARES spare ones are in use, the worker is a fiber (reserve.c), which nobody joins.
 */
#include "base/spin.h"
#include "executor/thread/reserve.h"
#include "executor/thread/thread_pool.h"
#include "thread/own.h"
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>

enum { SPARES = 256, VISIT_AFTER = 64, TRY_YIELD = 8 };

static bool has_room(const thrum__thread_pool *pool)
{
    return pool->running < pool->max_workers + pool->waiting;
}

thrum__waiter *thrum__thread_pool_wake_all(thrum__thread_pool *pool)
{
    uint32_t woken = 0;
    thrum__waiter *chain = thrum__waiters_claim_chain(&pool->idle, UINT32_MAX, &woken);
    pool->idle_count -= woken;
    return chain;
}

/* Sleeps until it is woken, unless there is something to do. Under the lock, which it gives up
 * meanwhile. */
static void be_idle(thrum__thread_pool *pool)
{
    thrum__waiter waiter;
    if (pool->direct && has_room(pool) && thrum__thread_pool_is_pending(pool))
        return;
    thrum__wait_begin(&waiter, false);
    thrum__waiters_push_front(&pool->idle, &waiter);
    pool->idle_count++;
    thrum_lock_release(&pool->pool.lock);
    thrum__wait(&waiter, THRUM_FOREVER, "pool", pool);
    thrum_lock_acquire(&pool->pool.lock);
    pool->coming = false;
}

/* Takes the next task that a worker may begin, or returns NULL. In a broken pool only helpers pend. Under
 * the lock. */
static thrum_future *next_task(thrum__thread_pool *pool, thrum__thread_pool_worker *worker)
{
    if (!has_room(pool))
        return NULL;
    thrum_future *future = thrum__thread_pool_take(pool, worker);
    if (!future)
        return NULL;
    worker->admitted = thrum__pool_invite(&pool->pool);
    if (pool->direct)
        (void)thrum__thread_pool_staff(pool, &worker->called);
    return future;
}

/* Whether a worker that has found no task is to leave. One who was woken for a task never comes here
 * before it has looked for it. Under the lock. */
static bool is_to_leave(const thrum__thread_pool *pool, const thrum__thread_pool_worker *worker)
{
    return (worker->is_fiber && pool->workers > 1) ||
           ((pool->pool.closing || pool->pool.broken) && !pool->pool.pending_count) ||
           pool->workers > pool->max_workers + pool->waiting;
}

/* Counts a task that has ended, without the lock. */
static void count_alone(thrum__thread_pool_worker *worker, thrum__ending ending)
{
    if (ending.ran)
        thrum__store_relaxed(&worker->counted, worker->counted + 1);
    if (ending.failed)
        thrum__store_relaxed(&worker->counted_failed, worker->counted_failed + 1);
}

/* The next task of the worker's own inbox, without a visit to the lock; counts the one before. NULL if it is time
 * for a visit: nothing is counted then. */
static thrum_future *next_own(const thrum__thread_pool *pool, thrum__thread_pool_worker *worker,
                              thrum__ending ending)
{
    if (!worker->budget || ending.cancelled || thrum__load_relaxed(&pool->attention) ||
        !thrum__inbox_is_filled(&worker->own))
        return NULL;
    worker->budget--;
    uint32_t word = thrum__inbox_guard(&worker->own);
    thrum_future *future = thrum__inbox_take_guarded(&worker->own, &word);
    if (future) {
        worker->future = future;
        count_alone(worker, ending);
    }
    thrum__inbox_unguard(&worker->own, word);
    return future;
}

/* Runs a task, and then those of the worker's own inbox, up to a number. Under the lock, which it gives up
 * meanwhile; `previous` is dropped then, too, as that may free it and call the failure hook. `*task` is
 * afterwards the last one. Returns false, without the lock, if a task has forked and this is the child: the
 * pool is the parent's. */
static bool run_task(thrum__thread_pool *pool, thrum__thread_pool_worker *worker,
                     thrum_future **task, thrum_future *previous)
{
    thrum_future *future = *task;
    worker->future = future;
    worker->budget = VISIT_AFTER;
    pool->running++;
    thrum_lock_release(&pool->pool.lock);
    if (worker->called)
        thrum__unpark(worker->called);
    worker->called = NULL;
    thrum__unpark_chain(worker->admitted);
    if (previous)
        thrum__future_unreference(previous);
    thrum__ending ending = thrum__pool_run(future);
    if (thrum__pool_lost(&pool->pool))
        return false;
    for (thrum_future *next; (next = next_own(pool, worker, ending)); future = next) {
        thrum__future_unreference(future);
        ending = thrum__pool_run(next);
        if (thrum__pool_lost(&pool->pool))
            return false;
    }
    *task = future;
    thrum_lock_acquire(&pool->pool.lock);
    worker->future = NULL;
    if (worker->stop == THRUM__STOP_ASKED)
        thrum__store_relaxed(&worker->context->stop, 0);
    worker->stop = THRUM__STOP_NONE;
    pool->running--;
    thrum__pool_count(&pool->pool, ending);
    return true;
}

/* Runs tasks until it is time to leave. Under the lock. Returns false as run_task. */
static bool run_tasks(thrum__thread_pool *pool, thrum__thread_pool_worker *worker)
{
    thrum_future *previous = NULL;
    bool yielded = false; /* before this look for a task */
    bool pays = false;    /* the last yield brought a task */
    uint32_t dry = 0;     /* how often it has found none */
    for (;;) {
        thrum_future *future = next_task(pool, worker);
        pays = yielded ? future != NULL : pays;
        yielded = false;
        if (future) {
            if (!run_task(pool, worker, &future, previous))
                return false;
            previous = future;
        } else if (previous) {
            thrum_lock_release(&pool->pool.lock);
            bool helped = thrum__load_relaxed(&previous->state) & THRUM__FUTURE_HELPER;
            thrum__future_unreference(previous);
            previous = NULL;
            yielded = pool->direct && !helped && (pays || ++dry % TRY_YIELD == 0);
            if (yielded)
                thrum__yield();
            thrum_lock_acquire(&pool->pool.lock);
        } else if (is_to_leave(pool, worker)) {
            return true;
        } else {
            be_idle(pool);
        }
    }
}

/* Breaks the pool: fails all that is pending. Under the lock, which it gives up meanwhile. */
static void break_pool(thrum__thread_pool *pool, const thrum_error *error)
{
    thrum__pool *common = &pool->pool;
    bool first = thrum__pool_break(common, "the initializer failed: ", error);
    thrum__inbox_close(&pool->inbox);
    thrum_future *pending = thrum__thread_pool_take_tasks(pool);
    thrum__waiter *invited = thrum__pool_invite(common);
    thrum_lock_release(&common->lock);
    thrum__unpark_chain(invited);
    if (first)
        thrum__pool_report_broken(common);
    while (pending) {
        thrum_future *next = pending->next;
        thrum__future_ignore(pending); /* it was told above, once */
        thrum__future_fail(pending, common->broken, common->why_broken);
        pending = next;
    }
    thrum_lock_acquire(&common->lock);
}

static void enter(thrum__thread_pool *pool, thrum__thread_pool_worker *worker)
{
    if (pool->direct && !pool->pool.closing)
        thrum__inbox_open(&worker->own);
    worker->next = pool->all_workers;
    if (worker->next)
        worker->next->prev = worker;
    pool->all_workers = worker;
}

/* Ends a worker. Takes the lock over. The pool may be gone when it returns. */
static void leave(thrum__thread_pool *pool, thrum__thread_pool_worker *worker)
{
    if (worker->prev)
        worker->prev->next = worker->next;
    else
        pool->all_workers = worker->next;
    if (worker->next)
        worker->next->prev = worker->prev;
    if (pool->steal_from == worker)
        pool->steal_from = NULL;
    pool->workers--;
    pool->pool.done += worker->counted;
    pool->pool.failed += worker->counted_failed;
    thrum__thread_pool_close_own(pool, worker);
    thrum__context *called = NULL;
    if (!pool->pool.closing && !pool->pool.broken)
        (void)thrum__thread_pool_staff(pool, &called); /* there may be one less at work */
    bool last = thrum__pool_let_go(&pool->pool);
    thrum_thread *previous = worker->is_fiber ? NULL : thrum__thread_depart(&pool->pool.departed);
    thrum__waiter *woken =
        pool->pool.closing || pool->pool.broken ? thrum__thread_pool_wake_all(pool) : NULL;
    thrum_lock_release(&pool->pool.lock);
    thrum__unpark_chain(woken);
    if (called)
        thrum__unpark(called);
    if (last)
        thrum__pool_gone(&pool->pool);
    if (!worker->is_fiber)
        thrum__thread_end(previous);
}

static bool run_awaited(thrum__context *self, thrum_future *future)
{
    thrum__thread_pool *pool = thrum__thread_pool_of(self->executor);
    if (thrum__load_acquire(&future->executor) != pool)
        return false;
    thrum__thread_pool_worker *worker = thrum__thread_pool_worker_of(self);
    bool taken = thrum__inbox_take_own(&worker->own, future);
    thrum__ending ending = thrum__pool_run(future);
    count_alone(worker, ending);
    if (taken && ending.cancelled)
        thrum_with (&pool->pool.lock)
            thrum__pool_count(&pool->pool, ending);
    if (taken)
        thrum__future_unreference(future); /* the executor's; the waiter has another */
    return ending.ran;
}

static void begin_to_wait(thrum__context *self)
{
    thrum__thread_pool *pool = thrum__thread_pool_of(self->executor);
    thrum__context *called = NULL;
    thrum_with (&pool->pool.lock) {
        pool->waiting++;
        (void)thrum__thread_pool_staff(pool, &called); /* or it goes on with those that it has */
    }
    if (called)
        thrum__unpark(called);
}

static void end_waiting(thrum__context *self)
{
    thrum__thread_pool *pool = thrum__thread_pool_of(self->executor);
    thrum_with (&pool->pool.lock)
        pool->waiting--;
}

static int work(thrum_task *self)
{
    thrum__thread_pool_worker *worker = thrum_arg(self, thrum__thread_pool_worker *);
    thrum__thread_pool *pool = worker->pool;
    thrum__context *context = thrum__self();
    thrum_executor *outer = context->executor; /* the reserve, or NULL */
    thrum_error error;
    int rc = thrum__pool_initialize(&pool->pool, &error);
    thrum_lock_acquire(&pool->pool.lock);
    enter(pool, worker);
    if (rc < 0)
        break_pool(pool, &error);
    worker->context = context;
    context->executor = &pool->pool.base;
    context->worker = &worker->ops;
    pool->coming = false;
    bool leaves = run_tasks(pool, worker);
    context->worker = NULL;
    context->executor = outer;
    if (!leaves)
        return 0;
    leave(pool, worker);
    thrum__free(worker);
    return 0;
}

/* Gives a worker a thread; or a fiber, if the system refuses that, or the pool has enough of them. */
static int carry(const thrum__thread_pool *pool, thrum__thread_pool_worker *worker)
{
    char name[128];
    snprintf(name, sizeof name, "%s-%zu", pool->pool.name_prefix, pool->named);
    if (pool->workers < pool->max_workers + SPARES &&
        thrum__thread_start_own(name, work, thrum_value(thrum__thread_pool_worker *, worker)) == 0)
        return 0;
    worker->is_fiber = true;
    return thrum__reserve_carry(work, (thrum__value){.bytes = &worker, .size = sizeof(worker)},
                                pool->pool.daemon);
}

/* Starts one more worker. Under the lock. Returns 0 or the error of the start. */
static int start_worker(thrum__thread_pool *pool)
{
    thrum__thread_pool_worker *worker = thrum__alloc_line(sizeof *worker);
    if (!worker)
        return -ENOMEM;
    thrum__inbox_init(&worker->own);
    worker->ops = (thrum__worker_ops){run_awaited, begin_to_wait, end_waiting};
    worker->pool = pool;
    int rc = carry(pool, worker);
    if (rc == 0) {
        pool->named++;
        pool->workers++;
        thrum__pool_hold(&pool->pool);
    } else {
        thrum__free(worker);
    }
    return rc;
}

/* Whether one more may be at work than are, or are coming. */
static bool wants_worker(const thrum__thread_pool *pool)
{
    return pool->workers < pool->max_workers + pool->idle_count + pool->waiting && !pool->coming;
}

int thrum__thread_pool_staff(thrum__thread_pool *pool, thrum__context **ret_called)
{
    *ret_called = NULL;
    if (!wants_worker(pool) || !thrum__thread_pool_is_pending(pool))
        return 0;
    thrum__waiter *idle = thrum__waiters_claim_first(&pool->idle);
    if (idle) {
        pool->idle_count--;
        pool->coming = pool->direct;
        *ret_called = idle->context;
        return 0;
    }
    int rc = start_worker(pool);
    pool->coming = pool->direct && rc == 0;
    return rc;
}
