/* The fiber pool: futures as the tasks of fibers (fiber/scheduler.c), and how a pool ends.
 *
 * Each task runs in the context of its fiber, which the fiber keeps for the next task, and in the base
 * scope of that context, which is made new for each task: after thrum__future_end no request for that task
 * reaches it any more.
 *
 * The task's own values are destroyed before its end is told, as a thread's are before its join returns:
 * who waited for the task may free what they lean on.
 */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/panic.h"
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

/* ---------------------------------------------------------------------------------------- tasks */

static int run(void *task, bool drop)
{
    thrum_future *future = task;
    thrum__context *self = thrum__self();
    int how = 0;
    if (drop && !(thrum__load_relaxed(&future->state) & THRUM__FUTURE_HELPER_INSIDE))
        (void)thrum_future_cancel(future);
    thrum__scope_reset(self->scope, future);
    if (thrum__future_start(future, self->scope)) {
        thrum__task_run(&future->task);
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
    thrum__pool *pool = &((fiber_pool *)((char *)fibers - offsetof(fiber_pool, fibers)))->pool;
    pool->departed = fibers->departed;
    thrum__pool_gone(pool);
}

static const thrum__fiber_tasks tasks = {
    run, release, cancel, place, end, offsetof(thrum_future, next),
};

/* ------------------------------------------------------------------------------------- the table */

static int submit(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    fiber_pool *pool = (fiber_pool *)executor; /* its first member's first */
    if (thrum__pool_lost(&pool->pool))
        return -ESRCH;
    thrum__store_release(&future->executor, (void *)pool);
    bool helps = thrum__load_relaxed(&future->state) & THRUM__FUTURE_HELPER_INSIDE;
    return thrum__fibers_submit(&pool->fibers, future, helps, ret_reason);
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
    ret_stats->done = done;
    ret_stats->running = (size_t)(begun - done);
    ret_stats->pending = submitted > begun ? (size_t)(submitted - begun) : 0;
}

/* -------------------------------------------------------------------------------------- the end */

/* What was not begun in the parent is cancelled in the child. The pool stays, as the child may run on one of
 * its stacks. */
static bool forsake(thrum__pool *common)
{
    (void)thrum__pool_cancel(thrum__fibers_take_injected(&((fiber_pool *)common)->fibers));
    return false;
}

static bool close_pool(thrum__pool *common, const thrum_shutdown_options *options)
{
    fiber_pool *pool = (fiber_pool *)common; /* its first member */
    return thrum__fibers_close(&pool->fibers, options->cancel_pending, options->cancel_running);
}

static void finish(thrum__pool *common)
{
    thrum__fibers_finish(&((fiber_pool *)common)->fibers);
}

/* ----------------------------------------------------------------------------------- the beginning */

static const thrum__executor_ops fiber_pool_ops = {.submit = submit,
                                                   .width = width,
                                                   .shutdown = thrum__pool_shutdown,
                                                   .stats = stats,
                                                   .beside = true};
static const thrum__pool_kind kind = {
    .name = "fiber pool", .close = close_pool, .forsake = forsake, .finish = finish};

enum { MOST_SECONDS = 1000000000 };

static const thrum_fiber_pool_options defaults;

static thrum_executor *make(const thrum_fiber_pool_options *options, const void *caller)
{
    if (!options)
        options = &defaults;
    if (options->max_workers < 0)
        thrum__panic(caller, "a fiber pool cannot have %d workers", options->max_workers);
    fiber_pool *pool = thrum__alloc_line(sizeof *pool);
    if (!pool)
        return NULL;
    int workers = options->max_workers ? options->max_workers : thrum__cpu_count();
    const char *prefix = options->name_prefix ? options->name_prefix : "fiber";
    pool->fibers.tasks = &tasks;
    pool->fibers.owner = &pool->pool.base;
    if (options->hold_limit > 0)
        pool->fibers.hold_limit =
            (thrum_time)((options->hold_limit < MOST_SECONDS ? options->hold_limit : MOST_SECONDS) *
                         1e9) +
            1;
    if (thrum__fibers_init(&pool->fibers, (uint32_t)workers, options->stack_size, prefix) < 0) {
        thrum__free(pool);
        return NULL;
    }
    if (thrum__pool_init(&pool->pool, &fiber_pool_ops, &kind, prefix) < 0) {
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

int thrum_run_with(const thrum_fiber_pool_options *options, thrum_task_fn *function,
                   const void *arg, size_t size)
{
    thrum_executor *pool = make(options, thrum__caller());
    if (!pool)
        return -ENOMEM;
    thrum_future *future = thrum_submit(pool, function, arg, size);
    thrum_shield_begin(); /* the function is asked to stop by its own means, not left behind */
    (void)thrum_future_wait(future, THRUM_FOREVER);
    thrum_shield_end();
    const thrum_error *error = thrum_future_error(future);
    int code = error ? error->code : 0;
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
    return code;
}

int thrum_run(thrum_task_fn *function, const void *arg, size_t size)
{
    return thrum_run_with(NULL, function, arg, size);
}
