/* The workers of a thread pool: how they find tasks, sleep, wait, and leave. thread_pool.c has the
 * essay. */
#include "base/panic.h"
#include "executor/thread_pool.h"
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>

enum { SPARES = 256 };

thrum__ending thrum__pool_run(thrum_future *future)
{
    bool ran = thrum__future_run(future);
    return (thrum__ending){
        .ran = ran,
        .failed = ran && thrum__task_error(&future->task),
        .cancelled = !ran && thrum_future_cancelled(future),
    };
}

void thrum__pool_count(thrum__pool *pool, thrum__ending ending)
{
    pool->done += ending.ran || ending.cancelled;
    pool->failed += ending.failed || ending.cancelled;
    pool->cancelled += ending.cancelled;
}

static bool has_room(const thrum__pool *pool)
{
    return pool->running - pool->waiting < pool->max_workers;
}

thrum__waiter *thrum__pool_rouse(thrum__pool *pool)
{
    uint32_t roused = 0;
    thrum__waiter *chain = thrum__waiters_claim_chain(&pool->idle, UINT32_MAX, &roused);
    pool->idle_count -= roused;
    return chain;
}

/* Whether something is pending; else, in a direct pool, the next one who submits will call. Under the
 * lock. */
static bool is_pending(thrum__pool *pool)
{
    bool pending = pool->pending_count > 0;
    if (!pool->direct)
        return pending;
    pending = pending || !thrum__inbox_call_next(&pool->inbox);
    for (thrum__worker *w = pool->all_workers; w && !pending; w = w->next)
        pending = !thrum__inbox_call_next(&w->own);
    return pending;
}

/* Sleeps until it is roused, unless there is something to do. Under the lock, which it gives up
 * meanwhile. */
static void be_idle(thrum__pool *pool)
{
    thrum__waiter waiter;
    if (pool->direct && has_room(pool) && is_pending(pool))
        return;
    thrum__wait_begin(&waiter, false);
    thrum__waiters_push_front(&pool->idle, &waiter);
    pool->idle_count++;
    thrum_lock_release(&pool->lock);
    thrum__wait(&waiter, THRUM_FOREVER, "pool", pool);
    thrum_lock_acquire(&pool->lock);
    pool->coming = false;
}

void thrum__pool_admit(thrum__pool *pool)
{
    thrum__waiter *waiter = thrum__waiters_claim_first(&pool->submitters);
    if (waiter)
        thrum__unpark(waiter->context);
}

/* The oldest that another worker's tasks have submitted; of each worker in turn. */
static thrum_future *steal(thrum__pool *pool, const thrum__worker *thief)
{
    thrum__worker *from = pool->robbed;
    for (size_t i = 0; i < pool->workers; i++) {
        from = from && from->next ? from->next : pool->all_workers;
        thrum_future *future = from == thief ? NULL : thrum__inbox_take_oldest(&from->own);
        if (future) {
            pool->robbed = from;
            return future;
        }
    }
    return NULL;
}

/* The oldest that was submitted from elsewhere, of middle priority. */
static thrum_future *take_common(thrum__pool *pool)
{
    if (!pool->pending[THRUM__MIDDLE].first)
        thrum__pool_empty_inbox(pool);
    return pool->pending[THRUM__MIDDLE].first ? thrum__pool_pop(pool) : NULL;
}

/* A task of middle priority. Where it comes from first goes by turns, so that nobody who submits new
 * tasks without end keeps the others' from their turn. */
static thrum_future *take_middle(thrum__pool *pool, thrum__worker *worker)
{
    uint32_t turn = worker->looks++;
    thrum_future *future = NULL;
    if (turn % 8 == 7)
        future = steal(pool, worker);
    else if (turn % 2)
        future = take_common(pool);
    if (!future)
        future = thrum__inbox_take_oldest(&worker->own);
    if (!future)
        future = take_common(pool);
    return future ? future : steal(pool, worker);
}

/* Takes the next task for a worker, if there is one that it may begin. Under the lock. */
static thrum_future *next_task(thrum__pool *pool, thrum__worker *worker)
{
    if (pool->broken || !has_room(pool))
        return NULL;
    thrum_future *future =
        pool->pending[THRUM__HIGH].first ? thrum__pool_pop(pool) : take_middle(pool, worker);
    if (!future && pool->pending_count)
        future = thrum__pool_pop(pool);
    if (!future)
        return NULL;
    thrum__pool_admit(pool);
    if (pool->direct)
        (void)thrum__pool_staff(pool, &worker->called);
    return future;
}

/* Whether a worker that has found no task is to leave. One who was woken for a task never comes here
 * before he has looked for it. Under the lock. */
static bool is_to_leave(const thrum__pool *pool)
{
    return pool->broken || (pool->closing && !pool->pending_count) ||
           pool->workers > pool->max_workers + pool->waiting;
}

/* Runs one task. Under the lock, which it gives up meanwhile; `previous` is dropped then, too, as
 * that may free it and call the failure hook. */
static void run_task(thrum__pool *pool, thrum__worker *worker, thrum_future *future,
                     thrum_future *previous)
{
    worker->future = future;
    worker->asked_to_stop = false;
    pool->running++;
    thrum_lock_release(&pool->lock);
    if (worker->called)
        thrum__unpark(worker->called);
    worker->called = NULL;
    if (previous)
        thrum__future_unreference(previous);
    thrum__ending ending = thrum__pool_run(future);
    thrum_lock_acquire(&pool->lock);
    worker->future = NULL;
    pool->running--;
    thrum__pool_count(pool, ending);
}

/* Runs tasks until it is time to leave: one visit to the lock for each. Under the lock. */
static void run_tasks(thrum__pool *pool, thrum__worker *worker)
{
    thrum_future *previous = NULL;
    for (;;) {
        thrum_future *future = next_task(pool, worker);
        if (future) {
            run_task(pool, worker, future, previous);
            previous = future;
        } else if (previous) {
            thrum_lock_release(&pool->lock);
            thrum__future_unreference(previous);
            previous = NULL;
            thrum_lock_acquire(&pool->lock);
        } else if (is_to_leave(pool)) {
            return;
        } else {
            be_idle(pool);
        }
    }
}

/* Breaks the pool: fails all that is pending. Under the lock, which it gives up meanwhile. */
static void break_pool(thrum__pool *pool, int code)
{
    thrum_error error = {.code = code};
    snprintf(error.message, sizeof error.message,
             "the initializer of thread pool \"%.64s\" failed in \"%.64s\": %s", pool->name_prefix,
             thrum__self()->name, thrum_strerror(code));
    bool first = !pool->broken;
    pool->broken = code;
    thrum__inbox_close(&pool->inbox);
    thrum_future *pending = thrum__pool_take_all(pool);
    while (pool->submitters)
        thrum__pool_admit(pool);
    thrum_lock_release(&pool->lock);
    if (first)
        thrum__failure_report("executor", pool->name_prefix, &error);
    while (pending) {
        thrum_future *next = pending->next;
        thrum__future_ignore(pending); /* it was told above, once */
        thrum__future_fail(pending, code, error.message);
        pending = next;
    }
    thrum_lock_acquire(&pool->lock);
}

static void enter(thrum__pool *pool, thrum__worker *worker)
{
    if (pool->direct && !pool->closing)
        thrum__inbox_open(&worker->own);
    worker->next = pool->all_workers;
    if (worker->next)
        worker->next->prev = worker;
    pool->all_workers = worker;
}

/* Ends a worker. Takes the lock over, and frees the pool if it was the last of an abandoned one. */
static void leave(thrum__pool *pool, thrum__worker *worker)
{
    if (worker->prev)
        worker->prev->next = worker->next;
    else
        pool->all_workers = worker->next;
    if (worker->next)
        worker->next->prev = worker->prev;
    if (pool->robbed == worker)
        pool->robbed = NULL;
    pool->workers--;
    pool->done += worker->helped;
    pool->failed += worker->helped_failed;
    thrum__pool_close_own(pool, worker);
    thrum__context *called = NULL;
    if (!pool->closing && !pool->broken)
        (void)thrum__pool_staff(pool, &called); /* there may be one less at work */
    bool last = pool->closing && pool->workers == 0, abandoned = pool->abandoned;
    thrum__waiter *roused = pool->closing || pool->broken ? thrum__pool_rouse(pool) : NULL;
    thrum_lock_release(&pool->lock);
    thrum__unpark_chain(roused);
    if (called)
        thrum__unpark(called);
    if (last && abandoned)
        thrum__pool_free(pool);
    else if (last)
        thrum_event_set(&pool->gone);
}

static bool run_awaited(thrum__context *self, void *memory)
{
    thrum_future *future = memory;
    thrum__pool *pool = self->executor;
    if (thrum__load_acquire(&future->executor) != pool)
        return false;
    thrum__worker *worker = thrum__worker_of(self);
    bool taken = thrum__inbox_take_own(&worker->own, future);
    thrum__ending ending = thrum__pool_run(future);
    if (ending.ran)
        thrum__store_relaxed(&worker->helped, worker->helped + 1);
    if (ending.failed)
        thrum__store_relaxed(&worker->helped_failed, worker->helped_failed + 1);
    if (taken && ending.cancelled)
        thrum_with (&pool->lock)
            thrum__pool_count(pool, ending);
    if (taken)
        thrum__future_unreference(future); /* the executor's; the one who waits has another */
    return ending.ran;
}

static void begin_to_wait(thrum__context *self)
{
    thrum__pool *pool = self->executor;
    thrum__context *called = NULL;
    thrum_with (&pool->lock) {
        pool->waiting++;
        (void)thrum__pool_staff(pool, &called); /* or it goes on with those that it has */
    }
    if (called)
        thrum__unpark(called);
}

static void end_waiting(thrum__context *self)
{
    thrum__pool *pool = self->executor;
    thrum_with (&pool->lock)
        pool->waiting--;
}

static int work(thrum_task *self)
{
    thrum__worker *worker = thrum_arg(self, thrum__worker *);
    thrum__pool *pool = worker->pool;
    thrum__context *context = thrum__self();
    int rc = pool->initializer ? pool->initializer(pool->context) : 0;
    thrum_lock_acquire(&pool->lock);
    enter(pool, worker);
    if (rc < 0)
        break_pool(pool, rc);
    context->executor = pool;
    context->worker = &worker->ops;
    pool->coming = false;
    run_tasks(pool, worker);
    context->worker = NULL;
    context->executor = NULL;
    leave(pool, worker);
    thrum__free(worker);
    return 0;
}

/* Starts one more worker. Under the lock. Returns 0 or the error of the start. */
static int start_worker(thrum__pool *pool)
{
    thrum__worker *worker = thrum__alloc_line(sizeof *worker);
    if (!worker)
        return -ENOMEM;
    thrum__inbox_init(&worker->own);
    worker->ops = (thrum__worker_ops){run_awaited, begin_to_wait, end_waiting};
    worker->pool = pool;
    char name[128];
    snprintf(name, sizeof name, "%s-%zu", pool->name_prefix, pool->named);
    thrum_thread *thread =
        thrum_thread_start_with(&(thrum_thread_options){.name = name, .daemon = true}, work,
                                thrum_value(thrum__worker *, worker));
    const thrum_error *error = thrum_thread_error(thread);
    int code = error ? error->code : 0;
    thrum_thread_free(thread);
    if (code == 0) {
        pool->named++;
        pool->workers++;
    } else {
        thrum__free(worker);
    }
    return code;
}

/* Whether one more may be at work than are, or are coming. */
static bool wants_worker(const thrum__pool *pool)
{
    size_t at_work = pool->workers - pool->idle_count - pool->waiting;
    return at_work < pool->max_workers && !pool->coming;
}

int thrum__pool_staff(thrum__pool *pool, thrum__context **ret_called)
{
    *ret_called = NULL;
    if (!wants_worker(pool) || !is_pending(pool))
        return 0;
    thrum__waiter *idle = thrum__waiters_claim_first(&pool->idle);
    if (idle) {
        pool->idle_count--;
        pool->coming = pool->direct;
        *ret_called = idle->context;
        return 0;
    }
    if (pool->workers >= pool->max_workers + SPARES)
        return 0;
    int rc = start_worker(pool);
    pool->coming = pool->direct && rc == 0;
    return rc;
}
