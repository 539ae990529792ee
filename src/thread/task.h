/* A task as its carrier sees it: the function, its argument, its outcome.
 *
 * A thread and a future each contain one. While the function runs, the running thread owns
 * everything here. Once the carrier has published the end (a release), the outcome may be read by
 * all and does not change.
 *
 * The argument is at the start of `room` and the result right behind it, each if it fits. A value
 * that does not fit is on the heap, and `room` then begins with the pointer to the argument.
 * THRUM__TASK_RESULT_SURE bytes of result always have room, so a small result cannot fail. Results
 * are only copied, so they need no alignment.
 *
 * A task has a result or an error, never both: `outcome` is the one or the other, and `result_size`
 * says which.
 */
#ifndef THRUM_THREAD_TASK_H
#define THRUM_THREAD_TASK_H

#include "park/context.h"
#include <thrum/error.h>
#include <thrum/task.h>

#include <stdarg.h>

enum { THRUM__TASK_ROOM = 48, THRUM__TASK_RESULT_SURE = 8 };

#define THRUM__TASK_FAILED SIZE_MAX

struct thrum_task {
    thrum_task_fn *function;
    const void *outcome; /* NULL for neither */
    size_t result_size;  /* THRUM__TASK_FAILED if the outcome is an error */
    size_t arg_size;
    char room[THRUM__TASK_ROOM] __attribute__((aligned(16)));
};

/* The error of a task that has failed, else NULL. */
static inline const thrum_error *thrum__task_error(const thrum_task *task)
{
    return task->outcome && task->result_size == THRUM__TASK_FAILED ? task->outcome : NULL;
}

/* Makes the task failed with a constant error, without memory and without a look at the code that
 * the function gives. */
void thrum__task_fail_constant(thrum_task *task, int code);

/* Makes memory of the heap the result, in place of a copy; the task frees it. */
void thrum__task_give(thrum_task *task, void *memory, size_t size);

/* Makes zeroed memory a task with a copy of the argument. Returns 0 or -ENOMEM. */
int thrum__task_init(thrum_task *task, thrum_task_fn *function, const void *arg, size_t size);

/* The same, but `memory` of the heap, larger than any argument that a task has room for, becomes
 * the argument itself; the task frees it. */
void thrum__task_init_given(thrum_task *task, thrum_task_fn *function, void *memory, size_t size);

/* Calls the function in the calling context and settles the outcome. */
void thrum__task_run(thrum_task *task);

/* The same for a task that is to end by `deadline`, or 0: its waits end there at the latest, as if
 * it were asked to stop, and if it gives up because of that, or could not begin before, it has
 * failed with -ETIMEDOUT. An earlier deadline of the scope stays in force. */
void thrum__task_run_until(thrum_task *task, thrum_time deadline);

/* Makes the task failed with `code` and the code's own text; for carriers. */
void thrum__task_fail(thrum_task *task, int code, const char *message);

/* The same with a message as printf makes it. A code that is not negative counts as -EINVAL. */
void thrum__task_fail_with(thrum_task *task, int code, const char *format, va_list arguments);

/* The outcome: 0 or the negative code of the error. */
int thrum__task_code(const thrum_task *task);

/* The size of the result, 0 for a task without one. */
static inline size_t thrum__task_result_size(const thrum_task *task)
{
    return task->result_size == THRUM__TASK_FAILED ? 0 : task->result_size;
}

/* Copies the result of a task that succeeded. Returns 0, or -EMSGSIZE if it is not of `size` bytes;
 * with ret_result NULL and size 0 the result is dropped. */
int thrum__task_result(const thrum_task *task, void *ret_result, size_t size);

/* Gives back what the task holds. */
void thrum__task_finish(thrum_task *task);

/* Passes an unobserved failure to the failure hook. */
void thrum__failure_report(const char *kind, const char *name, const thrum_error *error);

/* The same for a task without a name: it goes by its function. */
void thrum__failure_report_task(const char *kind, const thrum_task *task);

/* An error with `code` and its text, constant and always to be had. */
const thrum_error *thrum__error_constant(int code);

#endif
