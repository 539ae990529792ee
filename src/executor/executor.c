#include "executor/executor.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "executor/deadline.h"
#include <thrum/thread.h>

#include <errno.h>

static const char *reason_of(int code)
{
    switch (code) {
    case -EPIPE:
        return "submitted to an executor that is being shut down";
    case -ESRCH:
        return "the executor's threads do not exist in this child of a fork";
    default:
        return NULL;
    }
}

void thrum__executor_submit(thrum_executor *executor, thrum_future *future)
{
    const char *reason = NULL;
    int rc = executor->ops->submit(executor, future, &reason);
    if (rc < 0)
        thrum__future_fail(future, rc, reason ? reason : reason_of(rc));
}

thrum_future *thrum_submit_with(thrum_executor *executor, const thrum_submit_options *options,
                                thrum_task_fn *function, const void *arg, size_t size)
{
    thrum_future *future = options && options->deadline
                               ? thrum__future_new_until(options->deadline, function, arg, size)
                               : thrum__future_new(function, arg, size);
    if (thrum_future_done(future))
        return future;                                         /* no memory */
    if (options && options->priority != THRUM_PRIORITY_NORMAL) /* nobody else has it yet */
        thrum__store_relaxed(&future->state,
                             options->priority < 0 ? THRUM__FUTURE_LOW : THRUM__FUTURE_HIGH);
    thrum__executor_submit(executor, future);
    return future;
}

thrum_future *thrum_submit(thrum_executor *executor, thrum_task_fn *function, const void *arg,
                           size_t size)
{
    return thrum_submit_with(executor, NULL, function, arg, size);
}

void thrum_executor_shutdown(thrum_executor *executor)
{
    static const thrum_shutdown_options defaults;
    if (executor)
        executor->ops->shutdown(executor, &defaults, thrum__caller());
}

void thrum_executor_shutdown_with(thrum_executor *executor, const thrum_shutdown_options *options)
{
    static const thrum_shutdown_options defaults;
    if (executor)
        executor->ops->shutdown(executor, options ? options : &defaults, thrum__caller());
}

void thrum_executor_stats_get(thrum_executor *executor, thrum_executor_stats *ret_stats)
{
    *ret_stats = (thrum_executor_stats){0};
    executor->ops->stats(executor, ret_stats);
}

int thrum_cpu_count(void)
{
    return thrum__cpu_count();
}
