/* An executor: the table behind thrum_submit, thrum_map and thrum_executor_shutdown. pool.h is what all
 * pools have in common; inline/, thread/, fiber/ and process/ are what differs. */
#ifndef THRUM_EXECUTOR_CORE_EXECUTOR_H
#define THRUM_EXECUTOR_CORE_EXECUTOR_H

#include "executor/core/offers.h"
#include "future/future.h"
#include <thrum/executor.h>

typedef struct thrum__executor_ops {
    /* Takes a pending future over, with the executor's reference. Returns 0, or an error, and then
     * has not taken it; `*ret_reason` may then be set to a text that stays. */
    int (*submit)(thrum_executor *executor, thrum_future *future, const char **ret_reason);
    /* Takes over a chain of pending futures, linked by `next` up to `last`, at one blow. Returns the
     * futures that it has not taken, as a chain; they are to be submitted one by one. May be NULL. */
    thrum_future *(*submit_chain)(thrum_executor *executor, thrum_future *first, thrum_future *last,
                                  size_t count);
    /* Sees to it that what is submitted finds a carrier. Returns 0, or a code if the system refuses the first
     * one; `*ret_reason` as above. NULL if no task runs beside the caller in this process: then no task can
     * run the halves of forks. */
    int (*ready)(thrum_executor *executor, const char **ret_reason);
    /* How many tasks it can run at once. */
    size_t (*width)(const thrum_executor *executor);
    /* Ends and frees the executor; `place` is the caller's, for a message. */
    void (*shutdown)(thrum_executor *executor, const thrum_shutdown_options *options,
                     const void *place);
    void (*stats)(thrum_executor *executor, thrum_executor_stats *ret_stats);
    /* Its tasks run in other processes: what they are given must be addressed by name. */
    bool far;
    /* Each item of a map is a task of its own: the executor itself sends many at a time. */
    bool alone;
} thrum__executor_ops;

/* The first member of every executor. */
struct thrum_executor {
    const thrum__executor_ops *ops;
    thrum__offers offers;
};

/* Stops the program with a message: the executor is NULL, or was shut down. */
void thrum__executor_misused(const thrum_executor *executor, const void *place)
    __attribute__((noreturn, cold));

/* Every public function checks its executor by this before it uses it. */
static inline void thrum__executor_check(const thrum_executor *executor, const void *place)
{
    if (__builtin_expect(!executor || !executor->ops->submit, false))
        thrum__executor_misused(executor, place);
}

/* Gives a pending future to the executor; where it refuses, the future fails and says why. Takes the
 * executor's reference either way. */
void thrum__executor_submit(thrum_executor *executor, thrum_future *future);

/* Submits a task of the library's own, for which nobody waits; `flags` are bits of the state of its future.
 * Returns 0, or a code, and then it never runs. */
int thrum__executor_start(thrum_executor *executor, thrum_task_fn *function, thrum__value arg,
                          uint32_t flags);

/* Frees the memory of an executor that is over: it is marked as shut down, and given back some time
 * later, so that a use of a handle that is still about is recognised. */
void thrum__executor_retire(thrum_executor *executor);

#endif
