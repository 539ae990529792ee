/* Groups: tasks that end together (structured concurrency).
 *
 *     thrum_group *group = thrum_group_new();
 *     for (size_t i = 0; i < count; i++)
 *         thrum_future_free(
 *             thrum_group_submit(group, pool, fetch, thrum_value(struct fetch, .url = urls[i])));
 *     int rc = thrum_group_join(group, thrum_in(5));         // waits for all
 *     if (rc != 0)
 *         fprintf(stderr, "%s\n", thrum_group_error(group)->message);
 *     thrum_group_free(group);
 *     // prints https://example.org/2: no route to host
 *
 * After a join no task of the group is left. The first task that fails stops the group. Tasks that
 * wait for a worker then never run, tasks that run are asked to stop (see thrum_future_cancel), and
 * tasks that are submitted later are cancelled at once. The join still waits for all of them. A
 * deadline that passes, a cancellation of the task that joins, and thrum_group_cancel stop the
 * group in the same way.
 *
 * Groups nest: a task may have a group of its own, on the same executor or another. If the outer
 * group stops, the task's join of the inner group is cancelled, which stops the inner group.
 *
 * A task that was cancelled, or that ends with -ECANCELED, has not failed. Failures that come after
 * the first belong to their futures: the failure hook gets those that are unobserved.
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

/* Makes a group without tasks. The caller owns it and gives it to thrum_group_free. Returns NULL if
 * memory ran out. Does not block. */
THRUM_API thrum_group *thrum_group_new(void);

/* Submits a task to `executor`, as thrum_submit does, and makes it a task of the group. The caller
 * owns the future, and may free it at once. If the group is stopped, the future is cancelled, and
 * the task never runs. If the executor refuses the task, or memory runs out, the future has failed,
 * and so has the group. Any thread may call it before the join has returned, also the group's own
 * tasks. Blocks where thrum_submit does, without a deadline. Python: TaskGroup.create_task(). */
THRUM_API thrum_future *thrum_group_submit(thrum_group *group, thrum_executor *executor,
                                           thrum_task_fn *function, const void *arg, size_t size);

/* Waits until all tasks are done, also if the group was stopped: a task that ignores the request to
 * stop is waited for, however long it takes. Afterwards the group is like a new group and may get
 * tasks again. Only one thread at a time may join. A task of the group must not join it: the task
 * would wait for itself, which stops the program. Blocks. Python: leaving "async with".
 *
 * If the call does not return 0, thrum_group_error has the reason.
 *
 * Returns:
 *     0             no task has failed, and the group was not stopped
 *     THRUM_FAILED  a task has failed, which stopped the group; or thrum_group_cancel stopped it
 *                   (the code of the error is then -ECANCELED)
 *     -ETIMEDOUT    the deadline, also THRUM_NOW, passed first, which stopped the group
 *     -ECANCELED    the running task, which joins, was cancelled, which stopped the group
 *     -ESRCH        this is a child made by fork, and a pool of the parent has a task of the group;
 *                   the other tasks are done
 */
THRUM_API THRUM_MUST_CHECK int thrum_group_join(thrum_group *group, thrum_deadline deadline);

/* The reason why the last join did not return 0; NULL if it returned 0. Valid until the next join
 * and as long as the group. Does not block. */
THRUM_API const thrum_error *thrum_group_error(const thrum_group *group);

/* Stops the group: pending tasks never run, and running tasks are asked to stop. Any thread may
 * call it, also the group's own tasks. Waits only for callbacks of the futures that it cancels,
 * without a deadline. */
THRUM_API void thrum_group_cancel(thrum_group *group);

/* Frees the group; NULL is accepted. A group that was not joined, as after an early return, is
 * stopped, and its tasks are waited for, also if the caller is cancelled. The failure hook gets a
 * failure that no join has returned. So no task outlives its group. Blocks if tasks are left,
 * without a deadline. */
THRUM_API void thrum_group_free(thrum_group *group);

THRUM_END

#endif
