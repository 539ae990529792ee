/* The fiber pool: futures as the tasks of fibers (fiber/scheduler.c), and how a pool ends.
 *
 * Each task runs in the context of its fiber, which the fiber keeps for the next task, and in the base
 * scope of that context, which is made new for each task: after thrum__future_end no request for that task
 * reaches it any more.
 *
 * Admission. A pool without a bound, an initializer and priorities gives each task to the scheduler at once.
 * Else it is `ordered`: tasks stand in the common backlog (core/backlog.c), under the pool's lock, and the
 * scheduler has a ticket for each. `max_pending` makes a pool ordered from the beginning; so does an
 * initializer, because one that fails must reach each task that has not begun. The first task with a priority
 * makes it ordered from then on. What was given to the scheduler before that is of middle priority: it gives
 * way to a task of high priority, by taking that one's place in the backlog, and begins by that one's
 * ticket. A task of low priority may begin before one of them that lies in the ring of another worker.
 *
 *     tickets == tasks in the backlog                  whenever the pool's lock is free
 *
 * Tasks that help a task that has begun (parallel/fork.c) go to the scheduler in any case.
 *
 * The end. All workers together hold the pool (core/pool.c); the last worker to leave lets it go, or the shutdown if
 * none was ever started.
 *
 * The task's own values are destroyed before its end is told, as a thread's are before its join returns:
 * who waited for the task may free what they lean on.
 */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "base/place.h"
#include "base/process.h"
#include "executor/core/pool.h"
#include "fiber/idle.h"
#include "fiber/scheduler.h"
#include "park/local.h"
#include "park/scope.h"
#include <thrum/fiber.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stddef.h>

typedef struct fiber_pool {
    thrum__pool pool;
    thrum__fibers fibers;
} fiber_pool;

static fiber_pool *pool_of(thrum__fibers *fibers)
{
    return (fiber_pool *)((char *)fibers - offsetof(fiber_pool, fibers));
}

/* ---------------------------------------------------------------------------------------- tasks */

/* Runs a task that was started; or fails it, in a pool that is broken. */
static void run_started(thrum_future *future)
{
    const thrum__pool *pool = future->executor;
    int broken = thrum__load_acquire(&pool->broken);
    if (__builtin_expect(broken, 0) &&
        !(thrum__load_relaxed(&future->state) & THRUM__FUTURE_HELPER)) {
        thrum__future_ignore(future); /* the failure hook is told once, of the pool */
        thrum__task_fail(&future->task, broken, pool->why_broken);
        return;
    }
    thrum__task_run(&future->task);
}

static int run(void *task, bool drop)
{
    thrum_future *future = task;
    thrum__context *self = thrum__self();
    int how = 0;
    if (drop && !(thrum__load_relaxed(&future->state) & THRUM__FUTURE_HELPER_INSIDE))
        (void)thrum_future_cancel(future);
    thrum__scope_reset(self->scope, future);
    if (thrum__future_start(future, self->scope)) {
        run_started(future);
        if (self->locals)
            thrum__locals_destroy(self);
        thrum__future_end(future);
        how = THRUM__FIBER_RAN | (thrum__task_error(&future->task) ? THRUM__FIBER_FAILED : 0);
    } else {
        how = THRUM__FIBER_FAILED | THRUM__FIBER_CANCELLED;
    }
    thrum__scope_reset(self->scope, NULL);
    return how;
}

/* Calls the failure hook if nobody has asked for the result. */
static void release(void *task)
{
    thrum__future_unreference(task);
}

static void cancel(void *task)
{
    thrum_future *future = task;
    thrum__future_reference(future);
    (void)thrum_future_cancel(future);
    thrum__future_unreference(future);
}

static const void *place(void *task)
{
    const thrum_future *future = task;
    return (const void *)(uintptr_t)future->task.function;
}

/* The last worker has left. */
static void end(thrum__fibers *fibers)
{
    fiber_pool *pool = pool_of(fibers);
    pool->pool.departed = fibers->departed;
    thrum__pool_leave(&pool->pool);
}

/* ---------------------------------------------------------------------------------- ordered pools */

static void begin(thrum__fibers *fibers)
{
    thrum__pool *pool = &pool_of(fibers)->pool;
    thrum_error error;
    bool first = false;
    if (thrum__pool_initialize(pool, &error) == 0)
        return;
    thrum__waiter *refused = NULL;
    thrum_with (&pool->lock) {
        first = thrum__pool_break(pool, "the initializer failed: ", &error);
        refused = thrum__pool_invite(pool);
    }
    thrum__unpark_chain(refused);
    if (first)
        thrum__pool_report_broken(pool);
}

/* Whether a task that the scheduler had before the pool was ordered goes before what is in the backlog. */
static bool goes_first(const thrum__pool *pool, const thrum_future *future)
{
    return (!pool->pending[THRUM__RANK_HIGH].first &&
            !pool->pending[THRUM__RANK_OVERTAKEN].first) ||
           thrum__load_relaxed(&future->state) & THRUM__FUTURE_HELPER;
}

static void *choose(thrum__fibers *fibers, thrum__fiber_list *early)
{
    thrum__pool *pool = &pool_of(fibers)->pool;
    thrum_future *future = NULL;
    thrum__waiter *admitted = NULL;
    thrum_with (&pool->lock) {
        future = early ? thrum__fiber_list_pop(fibers, early) : NULL;
        if (future && goes_first(pool, future))
            break;
        if (future)
            thrum__pool_push(pool, future, THRUM__RANK_OVERTAKEN);
        future = thrum__pool_pop(pool);
        admitted = thrum__pool_invite(pool);
    }
    thrum__unpark_chain(admitted);
    return future;
}

static const thrum__fiber_tasks tasks = {
    begin, choose, run, release, cancel, place, end, offsetof(thrum_future, next),
};

static int submit_in_order(fiber_pool *pool, thrum_future *future, const char **ret_reason)
{
    int rc = 0;
    bool inside = false;
    thrum_with (&pool->pool.lock) {
        rc = thrum__pool_admit(&pool->pool, ret_reason, &inside);
        if (rc != 0)
            break;
        thrum__pool_push(&pool->pool, future, thrum__pool_rank(future));
        rc = thrum__fibers_submit_ticket(&pool->fibers, ret_reason);
        if (rc < 0) /* no worker was there to take another */
            (void)thrum__pool_pop(&pool->pool);
    }
    return thrum__pool_end_submit(&pool->pool, future, rc, inside);
}

/* Whether a task goes by the backlog. */
static bool is_ordered(fiber_pool *pool, uint32_t word)
{
    if (word & THRUM__FUTURE_HELPER)
        return false;
    if (thrum__load_relaxed(&pool->fibers.ordered))
        return true;
    if (word & (THRUM__FUTURE_LOW | THRUM__FUTURE_HIGH))
        thrum__store_relaxed(&pool->fibers.ordered, 1);
    return word & (THRUM__FUTURE_LOW | THRUM__FUTURE_HIGH);
}

/* ------------------------------------------------------------------------------------- the table */

static int submit(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    fiber_pool *pool = (fiber_pool *)executor; /* its first member's first */
    if (thrum__pool_lost(&pool->pool))
        return -ESRCH;
    uint32_t word = thrum__load_relaxed(&future->state);
    thrum__store_release(&future->executor, (void *)pool);
    if (is_ordered(pool, word))
        return submit_in_order(pool, future, ret_reason);
    return thrum__fibers_submit(&pool->fibers, future, word & THRUM__FUTURE_HELPER_INSIDE,
                                ret_reason);
}

static int ready(thrum_executor *executor, const char **ret_reason)
{
    return thrum__fibers_ready(&((fiber_pool *)executor)->fibers, ret_reason);
}

static size_t width(const thrum_executor *executor)
{
    return ((const fiber_pool *)executor)->fibers.width;
}

/* The workers count for themselves, so the figures are of different moments. They are read in an order, and
 * cut, such that each makes sense beside the others: no more are idle than there are, and what was done was
 * begun, and what was begun was submitted. */
static void stats(thrum_executor *executor, thrum_executor_stats *ret_stats)
{
    fiber_pool *pool = (fiber_pool *)executor;
    thrum__fibers *fibers = &pool->fibers;
    if (thrum__pool_lost(&pool->pool))
        return;
    uint64_t done = 0, begun = 0, submitted = 0;
    uint32_t idle = thrum__load_acquire(&fibers->idle) & ~THRUM__IDLE_SEARCHING;
    uint32_t started = thrum__load_acquire(&fibers->started);
    for (uint32_t i = 0; i < started; i++) {
        thrum__fiber_worker *worker = fibers->workers[i];
        done += thrum__load_acquire(&worker->done);
        ret_stats->failed += thrum__load_relaxed(&worker->failed);
        ret_stats->cancelled += thrum__load_relaxed(&worker->cancelled);
    }
    for (uint32_t i = 0; i < started; i++)
        begun += thrum__load_acquire(&fibers->workers[i]->begun);
    for (uint32_t i = 0; i < started; i++)
        submitted += thrum__load_acquire(&fibers->workers[i]->submitted);
    submitted += thrum__load_relaxed(&fibers->injected_total);
    ret_stats->workers = started;
    ret_stats->idle = idle < started ? idle : started;
    ret_stats->running = (size_t)(begun - done);
    thrum_with (&pool->pool.lock) { /* what submitters ran themselves */
        ret_stats->done = done + pool->pool.done;
        ret_stats->failed += pool->pool.failed;
        ret_stats->cancelled += pool->pool.cancelled;
    }
    ret_stats->pending = submitted > begun ? (size_t)(submitted - begun) : 0;
}

/* -------------------------------------------------------------------------------------- the end */

/* What was not begun in the parent is cancelled in the child. The pool stays, as the child may run on one of
 * its stacks. */
static bool forsake(thrum__pool *common)
{
    thrum_future *future;
    (void)thrum__pool_cancel(thrum__fibers_take_injected(&((fiber_pool *)common)->fibers));
    while ((future = thrum__pool_pop(common))) {
        future->next = NULL;
        (void)thrum__pool_cancel(future);
    }
    return false;
}

static size_t close_pool(thrum__pool *common, const thrum_shutdown_options *options)
{
    fiber_pool *pool = (fiber_pool *)common; /* its first member */
    thrum__waiter *refused = NULL;
    thrum_with (&common->lock) { /* no ticket is issued after this */
        refused = thrum__pool_begin_close(common);
    }
    thrum__unpark_chain(refused);
    if (thrum__fibers_close(&pool->fibers, options->cancel_pending, options->cancel_running))
        thrum__pool_leave(common); /* for the workers: there are none */
    return 0;
}

static void finish(thrum__pool *common)
{
    thrum__fibers_finish(&((fiber_pool *)common)->fibers);
}

/* ----------------------------------------------------------------------------------- the beginning */

static const thrum__executor_ops fiber_pool_ops = {.submit = submit,
                                                   .ready = ready,
                                                   .width = width,
                                                   .shutdown = thrum__pool_shutdown,
                                                   .stats = stats};
static const thrum__pool_kind kind = {
    .name = "fiber pool", .close = close_pool, .forsake = forsake, .finish = finish};

enum { MOST_SECONDS = 1000000000 };

static const thrum_fiber_pool_options defaults;

static thrum_executor *make(const thrum_fiber_pool_options *options, const void *caller)
{
    if (!options)
        options = &defaults;
    thrum__pool_options common = thrum__pool_options_of(options);
    thrum__pool_options_check(&common, &kind, caller);
    fiber_pool *pool = thrum__alloc_line(sizeof *pool);
    if (!pool)
        return NULL;
    int workers = options->max_workers ? options->max_workers : thrum__cpu_count();
    const char *prefix = options->name_prefix ? options->name_prefix : "fiber";
    pool->fibers.tasks = &tasks;
    pool->fibers.ordered = options->max_pending || options->initializer;
    pool->fibers.owner = &pool->pool.base;
    pool->pool.holders = 1; /* the workers */
    if (options->hold_limit > 0)
        pool->fibers.hold_limit =
            (thrum_time)((options->hold_limit < MOST_SECONDS ? options->hold_limit : MOST_SECONDS) *
                         1e9) +
            1;
    if (thrum__fibers_init(&pool->fibers, (uint32_t)workers, options->stack_size, prefix) < 0) {
        thrum__free(pool);
        return NULL;
    }
    if (thrum__pool_init(&pool->pool, &fiber_pool_ops, &kind, &common, prefix) < 0) {
        thrum__fibers_finish(&pool->fibers);
        thrum__free(pool);
        return NULL;
    }
    return &pool->pool.base;
}

thrum_executor *thrum_fiber_pool_new(const thrum_fiber_pool_options *options)
{
    return make(options, thrum__caller());
}

thrum_executor *thrum_fiber_pool_current(void)
{
    thrum__context *self = thrum__self();
    return self->fiber ? self->executor : NULL;
}

static void report_run(thrum_task_fn *function, const thrum_error *error)
{
    char name[256];
    thrum__place_text(name, sizeof name, (const void *)(uintptr_t)function);
    thrum__failure_report("future", name, error);
}

int thrum_run_with(const thrum_fiber_pool_options *options, thrum_task_fn *function,
                   const void *arg, size_t size)
{
    thrum_executor *pool = make(options, thrum__caller());
    if (!pool)
        thrum__value_drop(thrum__value_of(arg, size, thrum__caller()));
    thrum_future *future =
        pool ? thrum_submit(pool, function, arg, size) : thrum__future_no_memory();
    thrum_shield_begin(); /* the function is asked to stop by its own means, not left behind */
    (void)!thrum_future_wait(future, THRUM_FOREVER);
    thrum_shield_end();
    const thrum_error *error = thrum_future_error(future);
    thrum_executor_shutdown(pool);
    if (error)
        report_run(function, error);
    thrum_future_free(future);
    return error ? THRUM_FAILED : 0;
}

int thrum_run(thrum_task_fn *function, const void *arg, size_t size)
{
    return thrum_run_with(NULL, function, arg, size);
}
