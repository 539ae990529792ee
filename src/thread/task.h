/* A task as its carrier sees it: the function, its argument, its outcome.
 *
 * A thread and a future each have one inside. Small arguments and results live in the task itself,
 * larger ones on the heap. The carrier decides who may look when: while the function runs, the
 * running thread owns everything here; once the carrier has published the end (a release), the
 * outcome may be read by all and changes no more.
 */
#ifndef THRUM_THREAD_TASK_H
#define THRUM_THREAD_TASK_H

#include "park/context.h"
#include <thrum/error.h>
#include <thrum/task.h>

#include <stdarg.h>

enum { THRUM__TASK_ARG_INLINE = 48, THRUM__TASK_RESULT_INLINE = 32 };

struct thrum_task {
    thrum_task_fn *function;
    thrum__context *context; /* where it runs; set before the function is called */
    void *arg;
    void *result;
    size_t arg_size;
    size_t result_size;
    const thrum_error *error; /* NULL if it has not failed */
    char inline_arg[THRUM__TASK_ARG_INLINE] __attribute__((aligned(16)));
    char inline_result[THRUM__TASK_RESULT_INLINE] __attribute__((aligned(16)));
};

/* Makes zeroed memory a task with a copy of the argument. Returns 0 or -ENOMEM. */
int thrum__task_init(thrum_task *task, thrum_task_fn *function, const void *arg, size_t size);

/* Calls the function in the calling context and settles the outcome. */
void thrum__task_run(thrum_task *task);

/* Makes the task failed with `code` and the code's own text; for carriers. */
void thrum__task_fail(thrum_task *task, int code, const char *message);

/* The same with a message as printf makes it. A code that is not negative counts as -EINVAL. */
void thrum__task_fail_with(thrum_task *task, int code, const char *format, va_list arguments);

/* The outcome: 0 or the negative code of the error. */
int thrum__task_code(const thrum_task *task);

/* Copies the result of a task that succeeded. Returns 0, or -EMSGSIZE if it is not of `size` bytes;
 * with ret_result NULL and size 0 the result is dropped. */
int thrum__task_result(const thrum_task *task, void *ret_result, size_t size);

/* Gives back what the task holds. */
void thrum__task_finish(thrum_task *task);

/* Hands a failure that nobody asked for to the failure hook. */
void thrum__failure_report(const char *kind, const char *name, const thrum_error *error);

/* The same for a task without a name: it goes by its function. */
void thrum__failure_report_task(const char *kind, const thrum_task *task);

/* An error with `code` and its text, constant and always to be had. */
const thrum_error *thrum__error_constant(int code);

#endif
