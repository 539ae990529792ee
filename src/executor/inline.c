/* The inline executor: runs each task at once, in the thread that submits it.
 *
 * It has no state. The task runs in the caller's context: it sees the caller's cancellation, and
 * its waits are the caller's.
 */
#include "executor/executor.h"

static int submit(thrum_executor *executor, thrum_future *future)
{
    (void)executor;
    thrum__future_run(future);
    return 0;
}

static size_t width(const thrum_executor *executor)
{
    (void)executor;
    return 1;
}

static void shutdown(thrum_executor *executor, const void *place)
{
    (void)place;
    thrum__free(executor);
}

static const thrum__executor_ops inline_ops = {submit, width, shutdown};

thrum_executor *thrum_inline_new(void)
{
    thrum_executor *executor = thrum__alloc(sizeof *executor);
    if (executor)
        executor->ops = &inline_ops;
    return executor;
}
