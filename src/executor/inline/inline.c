/* The inline executor: runs each task at once, in the thread that submits it.
 *
 * It has no state. The task runs on the caller's stack, in a scope of its own (park/scope.h): a request to
 * stop the caller does not reach it, and one for the task does not reach the caller.
 */
#include "executor/core/executor.h"

static int submit(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    (void)executor, (void)ret_reason;
    thrum__future_run(future);
    thrum__future_unreference(future);
    return 0;
}

static size_t width(const thrum_executor *executor)
{
    (void)executor;
    return 1;
}

static void shutdown(thrum_executor *executor, const thrum_shutdown_options *options,
                     const void *place)
{
    (void)options, (void)place;
    thrum__executor_retire(executor);
}

static void stats(thrum_executor *executor, thrum_executor_stats *ret_stats)
{
    (void)executor, (void)ret_stats;
}

static const thrum__executor_ops inline_ops = {
    .submit = submit, .width = width, .shutdown = shutdown, .stats = stats};

thrum_executor *thrum_inline_new(void)
{
    thrum_executor *executor = thrum__alloc_line(sizeof *executor);
    if (executor)
        executor->ops = &inline_ops;
    return executor;
}
