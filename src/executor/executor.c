#include "executor/executor.h"
#include "base/cpu.h"
#include "base/panic.h"

#include <errno.h>

thrum_future *thrum_submit(thrum_executor *executor, thrum_task_fn *function, const void *arg,
                           size_t size)
{
    thrum_future *future = thrum__future_new(function, arg, size);
    if (thrum_future_done(future))
        return future; /* no memory */
    int rc = executor->ops->submit(executor, future);
    if (rc == -EPIPE)
        thrum__future_fail(future, rc, "submitted to an executor that is being shut down");
    else if (rc == -ESRCH)
        thrum__future_fail(future, rc,
                           "the executor's threads do not exist in this child of a fork");
    else if (rc < 0)
        thrum__future_fail(future, rc,
                           rc == -EAGAIN ? "the system refuses the executor's first thread" : NULL);
    return future;
}

void thrum_executor_shutdown(thrum_executor *executor)
{
    if (executor)
        executor->ops->shutdown(executor, thrum__caller());
}

int thrum_cpu_count(void)
{
    return thrum__cpu_count();
}
