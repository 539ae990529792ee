/* What makes an executor: the table behind thrum_submit, thrum_map and thrum_executor_shutdown. */
#ifndef THRUM_EXECUTOR_EXECUTOR_H
#define THRUM_EXECUTOR_EXECUTOR_H

#include "future/future.h"
#include <thrum/executor.h>

typedef struct thrum__executor_ops {
    /* Takes a pending future over, with the executor's reference. Returns 0, or an error, and then
     * has not taken it; `*ret_reason` may then be set to a constant text. */
    int (*submit)(thrum_executor *executor, thrum_future *future, const char **ret_reason);
    /* How many tasks it can run at once. */
    size_t (*width)(const thrum_executor *executor);
    /* Ends and frees the executor; `place` is the caller's, for a message. */
    void (*shutdown)(thrum_executor *executor, const thrum_shutdown_options *options,
                     const void *place);
    void (*stats)(thrum_executor *executor, thrum_executor_stats *ret_stats);
} thrum__executor_ops;

/* Gives a pending future to the executor; where it refuses, the future fails and says why. Takes the
 * executor's reference either way. */
void thrum__executor_submit(thrum_executor *executor, thrum_future *future);

/* The first member of every executor. */
struct thrum_executor {
    const thrum__executor_ops *ops;
};

#endif
