/* What makes an executor: the table behind thrum_submit, thrum_map and thrum_executor_shutdown. */
#ifndef THRUM_EXECUTOR_EXECUTOR_H
#define THRUM_EXECUTOR_EXECUTOR_H

#include "future/future.h"
#include <thrum/executor.h>

typedef struct thrum__executor_ops {
    /* Takes a pending future over, with the executor's reference. Returns 0, or -EPIPE, -ENOMEM or
     * -EAGAIN, and then has not taken it. */
    int (*submit)(thrum_executor *executor, thrum_future *future);
    /* How many tasks it can run at once. */
    size_t (*width)(const thrum_executor *executor);
    /* Runs what was submitted and frees the executor. */
    void (*shutdown)(thrum_executor *executor, const void *place);
} thrum__executor_ops;

/* Gives a pending future to the executor; where it refuses, the future fails and says why. Takes the
 * executor's reference either way. */
void thrum__executor_submit(thrum_executor *executor, thrum_future *future);

/* The first member of every executor. */
struct thrum_executor {
    const thrum__executor_ops *ops;
};

#endif
