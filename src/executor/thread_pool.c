/* The thread pool: its workers, and how tasks get to them.
 *
 * Everything about a pool is under its one lock; a task runs without it. The pending stand in one
 * list for each priority, in the order of submission; so the tasks of one thread and priority start
 * in that order. A future that was cancelled, or run by one who waited for it, stays in its list
 * until a worker comes across it.
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
 * A task that waits for another of its pool must not hold the pool up. If that other is pending, and
 * the wait has no deadline, the worker runs it itself, on its own stack: it is the very thing that it
 * waits for, so no stack fills up with strangers, and a recursion of tasks costs no threads. If it
 * runs elsewhere, or the wait has a deadline, the worker counts as waiting, and a spare one steps in
 * for it, SPARES at the most at a time; when the wait is over there is one worker too many, which
 * leaves as soon as it is idle.
 *
 * A request to stop reaches the context of the worker. It is taken back when the task it was for has
 * ended (future.c: no canceller can reach the context for it after that).
 *
 * A full backlog: see submit. One that waits for room stands in `submitters`, served in order, each
 * by a worker that takes a task off.
 *
 * A worker is a detached daemon thread. Its last touch of the pool is the event `gone`, or nothing
 * if others are left; so whoever waits for `gone` may free the pool.
 *
 * Nothing is done to a future, and no hook called, under the pool's lock; only threads are started
 * there.
 *
 * Sources: Python's concurrent.futures.thread; Java's ForkJoinPool (compensation, helping a join).
 */
#include "executor/thread_pool.h"
#include "base/clock.h"
#include "base/panic.h"
#include "base/process.h"
#include "park/park.h"
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>

enum { SPARES = 256, WAIT_SAMPLE = 16 };

/* ---------------------------------------------------------------------------------- the pending */

static void push(thrum__pool *pool, thrum_future *future)
{
    uint32_t word = thrum__load_relaxed(&future->state);
    int level = word & THRUM__FUTURE_LOW ? 0 : word & THRUM__FUTURE_HIGH ? 2 : 1;
    thrum__pending *list = &pool->pending[level];
    future->next = NULL;
    future->executor = pool;
    future->submitted = pool->submitted++ % WAIT_SAMPLE ? 0 : thrum__clock_now();
    *list->last = future;
    list->last = &future->next;
    pool->pending_count++;
}

/* The oldest of the highest priority; there must be one. */
static thrum_future *pop(thrum__pool *pool)
{
    thrum__pending *list = &pool->pending[THRUM__PRIORITIES - 1];
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

/* How a task that was taken off ended. */
struct ending {
    bool ran, failed, cancelled;
};

/* Runs a task in the calling context, which runs `outer` otherwise, and settles what that leaves.
 * Without the lock. */
static struct ending run_here(thrum_future *future, thrum_future *outer)
{
    thrum__context *self = thrum__self();
    self->task = future;
    bool ran = thrum__future_run(future);
    self->task = outer;
    if (ran && self->worker)
        thrum__future_settle_cancel(outer);
    return (struct ending){
        .ran = ran,
        .failed = ran && thrum__task_error(&future->task),
        .cancelled = !ran && thrum_future_cancelled(future),
    };
}

/* Counts it; one that was run by another, who waited for it, was counted there. Under the lock. */
static void count(thrum__pool *pool, struct ending ending)
{
    pool->done += ending.ran || ending.cancelled;
    pool->failed += ending.failed || ending.cancelled;
    pool->cancelled += ending.cancelled;
}

/* ---------------------------------------------------------------------------------- the workers */

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

/* Sleeps until it is roused. Under the lock, which it gives up meanwhile. */
static void be_idle(thrum__pool *pool)
{
    thrum__waiter waiter;
    thrum__wait_begin(&waiter, false);
    thrum__waiters_push_front(&pool->idle, &waiter);
    pool->idle_count++;
    thrum_lock_release(&pool->lock);
    thrum__wait(&waiter, THRUM_FOREVER, "pool", pool);
    thrum_lock_acquire(&pool->lock);
}

/* Lets the first of those that wait for room go on. */
static void admit_submitter(thrum__pool *pool)
{
    thrum__waiter *waiter = thrum__waiters_claim_first(&pool->submitters);
    if (waiter)
        thrum__unpark(waiter->context);
}

/* Takes the next task for a worker, if there is one that it may begin. Under the lock. */
static thrum_future *next_task(thrum__pool *pool)
{
    if (pool->broken || !pool->pending_count || !has_room(pool))
        return NULL;
    thrum_future *future = pop(pool);
    admit_submitter(pool);
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
    if (previous)
        thrum__future_unreference(previous);
    struct ending ending = run_here(future, NULL);
    thrum_lock_acquire(&pool->lock);
    worker->future = NULL;
    pool->running--;
    count(pool, ending);
}

/* Runs tasks until it is time to leave: one visit to the lock for each. Under the lock. */
static void run_tasks(thrum__pool *pool, thrum__worker *worker)
{
    thrum_future *previous = NULL;
    for (;;) {
        thrum_future *future = next_task(pool);
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

thrum_future *thrum__pool_take_all(thrum__pool *pool)
{
    thrum_future *chain = NULL, **end = &chain;
    while (pool->pending_count) {
        *end = pop(pool);
        end = &(*end)->next;
    }
    *end = NULL;
    return chain;
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
    thrum_future *pending = thrum__pool_take_all(pool);
    while (pool->submitters)
        admit_submitter(pool);
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
    pool->workers--;
    bool last = pool->closing && pool->workers == 0, abandoned = pool->abandoned;
    thrum__waiter *roused = pool->closing || pool->broken ? thrum__pool_rouse(pool) : NULL;
    thrum_lock_release(&pool->lock);
    thrum__unpark_chain(roused);
    if (last && abandoned)
        thrum__pool_free(pool);
    else if (last)
        thrum_event_set(&pool->gone);
}

static bool run_awaited(thrum__context *self, void *memory)
{
    thrum_future *future = memory;
    thrum__pool *pool = self->executor;
    thrum_future *outer = self->task;
    if (future->executor != pool || !outer)
        return false;
    struct ending ending = run_here(future, outer);
    thrum_with (&pool->lock)
        count(pool, (struct ending){.ran = ending.ran, .failed = ending.failed});
    return ending.ran;
}

static void begin_to_wait(thrum__context *self)
{
    thrum__pool *pool = self->executor;
    thrum_with (&pool->lock) {
        pool->waiting++;
        thrum__pool_staff(pool);
    }
}

static void end_waiting(thrum__context *self)
{
    thrum__pool *pool = self->executor;
    thrum_with (&pool->lock)
        pool->waiting--;
}

static int work(thrum_task *self)
{
    static const thrum__worker_ops ops = {run_awaited, begin_to_wait, end_waiting};
    thrum__pool *pool = thrum_arg(self, thrum__pool *);
    thrum__context *context = thrum__self();
    thrum__worker worker = {0};
    int rc = pool->initializer ? pool->initializer(pool->context) : 0;
    thrum_lock_acquire(&pool->lock);
    enter(pool, &worker);
    if (rc < 0)
        break_pool(pool, rc);
    context->executor = pool;
    context->worker = &ops;
    run_tasks(pool, &worker);
    context->worker = NULL;
    context->executor = NULL;
    leave(pool, &worker);
    return 0;
}

/* Starts one more worker. Under the lock. Returns 0 or the error of the start. */
static int start_worker(thrum__pool *pool)
{
    char name[128];
    snprintf(name, sizeof name, "%s-%zu", pool->name_prefix, pool->named);
    thrum_thread *thread =
        thrum_thread_start_with(&(thrum_thread_options){.name = name, .daemon = true}, work,
                                thrum_value(thrum__pool *, pool));
    const thrum_error *error = thrum_thread_error(thread);
    int code = error ? error->code : 0;
    thrum_thread_free(thread);
    if (code == 0) {
        pool->named++;
        pool->workers++;
    }
    return code;
}

/* Wakes an idle worker for a task, or starts one if there may be more. Under the lock. Returns 0, or
 * the error of a start that was tried. */
static int staff_one(thrum__pool *pool)
{
    size_t at_work = pool->workers - pool->idle_count - pool->waiting;
    if (at_work >= pool->max_workers)
        return 0;
    thrum__waiter *idle = thrum__waiters_claim_first(&pool->idle);
    if (idle) {
        pool->idle_count--;
        thrum__unpark(idle->context);
        return 0;
    }
    return pool->workers < pool->max_workers + SPARES ? start_worker(pool) : 0;
}

void thrum__pool_staff(thrum__pool *pool)
{
    if (pool->pending_count)
        (void)staff_one(pool); /* without another thread it goes on with those that it has */
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
    struct ending ending = run_here(future, thrum__self()->task);
    thrum_lock_acquire(&pool->lock);
    count(pool, ending);
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
                admit_submitter(pool); /* the room that we do not take may be another's */
            return rc;
        }
    }
    return 0;
}

/* Takes the future into the backlog. Under the lock. */
static int submit_locked(thrum__pool *pool, thrum_future *future, const char **ret_reason)
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
    push(pool, future);
    int rc = staff_one(pool);
    if (rc == 0 || pool->workers > 0)
        return 0; /* with fewer workers than wished for it still runs */
    *ret_reason = rc == -EAGAIN ? "the system refuses the executor's first thread" : NULL;
    (void)pop(pool); /* the one just pushed: nobody was there to take another */
    return rc;
}

static int submit(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    thrum__pool *pool = (thrum__pool *)executor; /* its first member */
    if (pool->process != thrum__process_generation)
        return -ESRCH;
    int rc = 0;
    thrum_with (&pool->lock)
        rc = submit_locked(pool, future, ret_reason);
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
        *ret_stats = (thrum_executor_stats){
            .workers = pool->workers,
            .idle = pool->idle_count,
            .pending = pool->pending_count,
            .running = pool->running,
            .done = pool->done,
            .failed = pool->failed,
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
    thrum_with (&pool->lock) {
        pool->max_workers = (size_t)max_workers;
        if (pool->workers > pool->max_workers)
            roused = thrum__pool_rouse(pool);
        for (size_t i = 0; i < pool->pending_count && i < pool->max_workers; i++)
            thrum__pool_staff(pool);
    }
    thrum__unpark_chain(roused);
    return 0;
}
