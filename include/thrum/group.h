/* Groups: tasks that end together, as structured concurrency has them.
 *
 *     thrum_group *group = thrum_group_new();
 *     for (size_t i = 0; i < count; i++)
 *         thrum_future_free(
 *             thrum_group_submit(group, pool, fetch, thrum_value(struct fetch, .url = urls[i])));
 *     int rc = thrum_group_join(group, thrum_in(5));         // waits for all
 *     if (rc < 0)
 *         fprintf(stderr, "%s\n", thrum_group_error(group)->message);
 *     thrum_group_free(group);
 *
 * After a join no task of the group is left. The first that fails stops the group: tasks that wait
 * for a worker never run, those that run are asked to stop (see thrum_future_cancel), tasks
 * submitted later are cancelled at once; the join waits for the rest all the same and returns the
 * first failure. A deadline that passes, a cancellation of the task that joins, and
 * thrum_group_cancel stop it in the same way.
 *
 * Groups nest: a task may have a group of its own, on the same executor or another. Where the outer
 * group stops, the task's join of the inner one is cancelled, which stops the inner group.
 *
 * A task that was cancelled has not failed, nor has one that ends with -ECANCELED. Failures that
 * come after the first, of tasks that were not asked to stop, belong to their futures: one that
 * nobody asks for goes to the failure hook.
 *
 * Python: asyncio.TaskGroup, which threads do not have.
 */
#ifndef THRUM_GROUP_H
#define THRUM_GROUP_H

#include <stddef.h>
#include <thrum/error.h>
#include <thrum/executor.h>
#include <thrum/export.h>
#include <thrum/future.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_group thrum_group;

/* A group without tasks. The caller owns it and gives it to thrum_group_free. Returns NULL if memory
 * is out. Does not block. */
THRUM_API thrum_group *thrum_group_new(void);

/* Submits a task to `executor` as thrum_submit does, and makes it one of the group's. The caller
 * owns the future; whoever wants no result frees it at once. If the group is stopped the future is
 * cancelled already and the task never runs. Where the executor refuses, or memory is out, the
 * future has failed, and so has the group. May be called by any thread, the group's own tasks
 * included, as long as the join has not returned. Blocks where thrum_submit does.
 * Python: TaskGroup.create_task(). */
THRUM_API thrum_future *thrum_group_submit(thrum_group *group, thrum_executor *executor,
                                           thrum_task_fn *function, const void *arg, size_t size);

/* Waits until all tasks are done. Returns 0 if none failed and nothing stopped the group; else why
 * it was stopped first: the error of the task that failed; -ETIMEDOUT when the deadline, THRUM_NOW
 * included, passed before all were done; -ECANCELED after thrum_group_cancel, or if the task that
 * joins was cancelled; -ESRCH in a child of fork if a pool of the parent has a task of the group.
 * Then, too, all other tasks are done: a task that heeds no request to stop is waited for, however
 * long it takes. Afterwards the group is as new and may take tasks again. One thread at a time; one
 * of the group's own tasks would wait for itself, which stops the program. Blocks.
 * Python: leaving "async with". */
THRUM_API int thrum_group_join(thrum_group *group, thrum_deadline deadline);

/* Why the last join did not return 0; NULL if it did. Valid until the next join or the end of the
 * group. Does not block. */
THRUM_API const thrum_error *thrum_group_error(const thrum_group *group);

/* Stops the group: pending tasks never run, running ones are asked to stop. May be called by any
 * thread, the group's own tasks included. Does not wait, but for callbacks of what it cancels. */
THRUM_API void thrum_group_cancel(thrum_group *group);

/* Ends the group; NULL is accepted. One that was not joined, as on an early return, is stopped, and
 * its tasks are waited for, whether or not the caller is cancelled; a failure that no join has
 * given goes to the failure hook. So no task outlives its group. Blocks if tasks are left. */
THRUM_API void thrum_group_free(thrum_group *group);

THRUM_END

#endif
