#include "executor/executor.h"
#include "base/cpu.h"
#include "base/panic.h"
#include <thrum/thread.h>

#include <errno.h>

void thrum__executor_submit(thrum_executor *executor, thrum_future *future)
{
    int rc = executor->ops->submit(executor, future);
    if (rc == -EPIPE)
        thrum__future_fail(future, rc, "submitted to an executor that is being shut down");
    else if (rc == -ESRCH)
        thrum__future_fail(future, rc,
                           "the executor's threads do not exist in this child of a fork");
    else if (rc < 0)
        thrum__future_fail(future, rc,
                           rc == -EAGAIN ? "the system refuses the executor's first thread" : NULL);
}

thrum_future *thrum_submit(thrum_executor *executor, thrum_task_fn *function, const void *arg,
                           size_t size)
{
    thrum_future *future = thrum__future_new(function, arg, size);
    if (!thrum_future_done(future)) /* else there is no memory */
        thrum__executor_submit(executor, future);
    return future;
}

void thrum_executor_shutdown(thrum_executor *executor)
{
    if (!executor)
        return;
    thrum_shield_begin(); /* a task that was cancelled, too, waits before it frees */
    executor->ops->shutdown(executor, thrum__caller());
    thrum_shield_end();
}

int thrum_cpu_count(void)
{
    return thrum__cpu_count();
}
