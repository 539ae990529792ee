/* The driven executor: a pool whose tasks an engine outside of the library runs (thrum/driver.h).
 *
 *     backlog --take--> taken --set_result, set_error, set_unrun--> ended
 *        |
 *        `--a cancel of a pending future, or a shutdown that cancels what is pending
 *
 * Admission, ranks, shutdown, the end of the program and fork are those of every pool (core/pool.c, core/backlog.c). A
 * task in the backlog is pending. `take` starts it, with a scope that stands for all tasks of all driven
 * executors: it has no context, and its table `far` says what a request to stop does. The request marks the future, sets
 * `asked`, and wakes the driver. The driver then asks each of its tasks; so a request never holds a pointer to the engine's
 * account of a task, which may end at the same moment.
 *
 * Who may still call the driver:
 *
 *     in_flight   tasks that were taken and have not ended; under the lock
 *     visitors    threads that call `wake`, a request to stop, jobs of background threads. Added to while one of the
 *                 others, or an open pool, keeps the executor; subtracted under the lock
 *
 * The executor is OVER when it is closing and all of them and the backlog are empty. The thread that lowers one of them
 * on an executor that is closing wakes the driver under the lock. So nobody calls the driver after it has found OVER under the
 * lock. Its engine holds the pool (core/pool.c) until thrum_driver_leave. A request to stop becomes a visitor under the guard
 * of a future that runs here, which cannot end meanwhile; so it comes before the end of that task in any order.
 *
 * Callbacks and the failure hook are code of the user. They run on a background thread, as for the process pool: the
 * driver's thread is needed for progress.
 */
#include "base/panic.h"
#include "executor/core/pool.h"
#include "future/deadline.h"
#include "thread/background.h"
#include <thrum/driver.h>
#include <thrum/with.h>

#include <errno.h>
#include <stddef.h>

typedef struct driven {
    thrum__pool pool;
    thrum_driver driver;
    void *context;
    size_t width;
    size_t in_flight;
    uint32_t visitors;
    uint32_t asked;     /* 1: a task was asked to stop, and the driver does not know yet */
    bool clears, stops; /* what the shutdown says; under the lock */
} driven;

static const thrum__executor_ops driven_ops;

static driven *driven_of(thrum_executor *executor, const void *place)
{
    thrum__executor_check(executor, place);
    if (executor->ops != &driven_ops)
        thrum__panic(place, "executor %p has no driver", (const void *)executor);
    return (driven *)executor; /* its first member's first */
}

static void enter(driven *of)
{
    thrum__add_relaxed(&of->visitors, 1);
}

static void leave(driven *of)
{
    thrum_with (&of->pool.lock) {
        thrum__sub_release(&of->visitors, 1);
        if (of->pool.closing)
            of->driver.wake(of->context);
    }
}

/* ---------------------------------------------------------------------------- requests to stop */

static bool ask_enter(thrum_future *future)
{
    enter(future->executor);
    return true;
}

static void ask_pass_on(thrum_future *future)
{
    driven *of = future->executor;
    thrum__store_release(&of->asked, 1);
    of->driver.wake(of->context);
    leave(of);
}

static const thrum__far_ops far = {.enter = ask_enter, .asked = ask_pass_on};
static thrum__scope elsewhere = {.far = &far}; /* never written */

/* ------------------------------------------------------------------------------------------ ends */

static void call_user(thrum__job *job)
{
    thrum_future *future = (thrum_future *)(void *)((char *)job - offsetof(thrum_future, job));
    driven *of = future->executor;
    thrum__context *self = thrum__self();
    self->executor = &of->pool.base;
    thrum__future_call_back(future, future->watches);
    thrum__future_unreference(future);
    self->executor = NULL;
    if (!thrum__pool_lost(&of->pool)) /* else a callback has forked, and this is the child */
        leave(of);
}

/* Gives up the reference to a future that is done. Code of the user goes to a background thread. */
static void let_go(driven *of, thrum_future *future, thrum__future_watch *callbacks)
{
    if (!callbacks && thrum__future_unreference_quietly(future))
        return;
    future->watches = callbacks;
    future->job.run = call_user;
    enter(of);
    thrum__background_run(&future->job);
}

/* The end of a task that was taken. */
static void settle(thrum_future *future, thrum__future_watch *callbacks, thrum__ending ending)
{
    driven *of = future->executor;
    let_go(of, future, callbacks);
    thrum_with (&of->pool.lock) {
        thrum__pool_count(&of->pool, ending);
        of->in_flight--;
        if (of->pool.closing)
            of->driver.wake(of->context);
    }
}

static thrum_future *future_of(thrum_driven *task)
{
    return (thrum_future *)(void *)task;
}

static void end(thrum_future *future)
{
    thrum__ending ending = {.ran = true, .failed = thrum__task_error(&future->task)};
    settle(future, thrum__future_end_quietly(future), ending);
}

void thrum_driven_set_result(thrum_driven *task, const void *bytes, size_t size)
{
    thrum_future *future = future_of(task);
    future->task.function = thrum__timed_parts_of(&future->task).function; /* for who is told */
    (void)!thrum_return(&future->task, size ? bytes : NULL,
                        size); /* without memory the task has failed */
    end(future);
}

void thrum_driven_set_error(thrum_driven *task, int code, const char *message)
{
    thrum_future *future = future_of(task);
    future->task.function = thrum__timed_parts_of(&future->task).function;
    thrum__task_fail(&future->task, code < 0 ? code : -EINVAL, message);
    end(future);
}

void thrum_driven_set_unrun(thrum_driven *task)
{
    thrum_future *future = future_of(task);
    settle(future, thrum__future_end_unrun(future), (thrum__ending){.cancelled = true});
}

/* ------------------------------------------------------------------------------------ the driver */

thrum_driven *thrum_driver_take(thrum_executor *executor)
{
    driven *of = driven_of(executor, thrum__caller());
    for (;;) {
        thrum_future *future = NULL;
        thrum__waiter *admitted = NULL;
        thrum_with (&of->pool.lock) {
            future = thrum__pool_pop(&of->pool);
            admitted = thrum__pool_invite(&of->pool);
            of->in_flight += future != NULL;
            if (future && of->stops)
                thrum__store_relaxed(&of->asked, 1);
        }
        thrum__unpark_chain(admitted);
        if (!future || thrum__future_start(future, &elsewhere))
            return (thrum_driven *)(void *)future;
        settle(future, NULL, (thrum__ending){.cancelled = true});
    }
}

bool thrum_driver_asked(thrum_executor *executor)
{
    driven *of = driven_of(executor, thrum__caller());
    return thrum__load_relaxed(&of->asked) && thrum__exchange_acq_rel(&of->asked, 0);
}

thrum_driver_phase thrum_driver_phase_get(thrum_executor *executor)
{
    driven *of = driven_of(executor, thrum__caller());
    thrum_driver_phase phase = THRUM_DRIVER_OPEN;
    thrum_with (&of->pool.lock) {
        bool holds = of->pool.pending_count || of->in_flight || thrum__load_acquire(&of->visitors);
        if (of->pool.closing)
            phase = !holds       ? THRUM_DRIVER_OVER
                    : of->clears ? THRUM_DRIVER_CLEARING
                                 : THRUM_DRIVER_CLOSING;
    }
    return phase;
}

void thrum_driver_leave(thrum_executor *executor)
{
    thrum__pool_leave(&driven_of(executor, thrum__caller())->pool);
}

void thrum_driven_get(thrum_driven *task, thrum_driven_view *ret_view)
{
    thrum_future *future = future_of(task);
    thrum__timed_parts parts = thrum__timed_parts_of(&future->task);
    enum thrum__rank rank = thrum__pool_rank(future);
    *ret_view = (thrum_driven_view){
        .function = parts.function,
        .arg = parts.arg,
        .arg_size = parts.size,
        .deadline = parts.deadline,
        .priority = rank == THRUM__RANK_HIGH  ? THRUM_PRIORITY_HIGH
                    : rank == THRUM__RANK_LOW ? THRUM_PRIORITY_LOW
                                              : THRUM_PRIORITY_NORMAL,
    };
}

bool thrum_driven_cancel_requested(thrum_driven *task)
{
    thrum_future *future = future_of(task);
    driven *of = future->executor;
    bool stops = false;
    thrum_with (&of->pool.lock)
        stops = of->stops;
    return stops || thrum__future_is_asked(future);
}

/* ------------------------------------------------------------------------------------- the table */

static int submit(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    driven *of = (driven *)executor; /* its first member's first */
    bool inside = false;
    int rc = 0;
    if (thrum__pool_lost(&of->pool))
        return -ESRCH;
    if (thrum__task_arg_owned(&future->task)) {
        *ret_reason = thrum__value_stays;
        return -EINVAL;
    }
    thrum_with (&of->pool.lock) {
        rc = thrum__pool_admit(&of->pool, ret_reason, &inside);
        if (rc == 0) {
            thrum__store_release(&future->executor, (void *)of);
            thrum__pool_push(&of->pool, future, thrum__pool_rank(future));
            enter(of);
        }
    }
    if (rc == 0) {
        of->driver.wake(of->context);
        leave(of);
    }
    return thrum__pool_end_submit(&of->pool, future, rc, inside);
}

static size_t width(const thrum_executor *executor)
{
    return ((const driven *)executor)->width;
}

static void stats(thrum_executor *executor, thrum_executor_stats *ret_stats)
{
    driven *of = (driven *)executor;
    if (thrum__pool_lost(&of->pool))
        return; /* a lost thread may hold the lock */
    thrum_with (&of->pool.lock) {
        *ret_stats = (thrum_executor_stats){
            .pending = of->pool.pending_count,
            .running = of->in_flight,
            .done = of->pool.done,
            .failed = of->pool.failed,
            .cancelled = of->pool.cancelled,
        };
        if (of->driver.stats)
            of->driver.stats(of->context, ret_stats);
    }
}

static const thrum__executor_ops driven_ops = {.submit = submit,
                                               .width = width,
                                               .shutdown = thrum__pool_shutdown,
                                               .stats = stats,
                                               .far = true,
                                               .alone = true};

/* --------------------------------------------------------------------------------------- the end */

static size_t close_pool(thrum__pool *common, const thrum_shutdown_options *options)
{
    driven *of = (driven *)common; /* its first member */
    thrum__waiter *refused = NULL;
    thrum_future *chain = NULL, *future;
    thrum_with (&common->lock) {
        enter(of);
        refused = thrum__pool_begin_close(common);
        of->clears = options->cancel_pending;
        of->stops = options->cancel_running;
        while (options->cancel_pending && (future = thrum__pool_pop(common))) {
            future->next = chain;
            chain = future;
        }
        thrum__store_release(&of->asked, of->stops);
    }
    thrum__unpark_chain(refused);
    size_t cancelled = thrum__pool_cancel(chain);
    leave(of);
    return cancelled;
}

/* The engine is the parent's: the child touches nothing. */
static bool forsake(thrum__pool *common)
{
    (void)common;
    return false;
}

static const thrum__pool_kind kind = {
    .name = "driven executor", .close = close_pool, .forsake = forsake};

thrum_executor *thrum_driver_new(const thrum_driver *driver, const thrum_driver_options *options,
                                 void *context)
{
    static const thrum_driver_options defaults;
    if (!options)
        options = &defaults;
    thrum__pool_options common = {.max_workers = options->max_workers,
                                  .name_prefix = options->name_prefix,
                                  .daemon = options->daemon,
                                  .max_pending = options->max_pending,
                                  .when_full = options->when_full};
    thrum__pool_options_check(&common, &kind, thrum__caller());
    driven *of = thrum__alloc_line(sizeof *of);
    if (!of)
        return NULL;
    of->driver = *driver;
    of->context = context;
    of->pool.holders = 1; /* the engine */
    of->width = options->max_workers ? (size_t)options->max_workers : 1;
    if (thrum__pool_init(&of->pool, &driven_ops, &kind, &common, driver->name) < 0) {
        thrum__free(of);
        return NULL;
    }
    return &of->pool.base;
}
