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
 * says which. A result that was taken leaves thrum__task_taken in its place (deliver.h).
 *
 * In a future the first two fields are the end of a cache line, and the others are the next line. The thread
 * that runs a task without an argument and a result looks at the first line alone: else each such task would
 * move one line more from the submitter's processor to the worker's. So `outcome` also says, as
 * thrum__task_waits, that an owned argument is to be delivered when the task begins.
 *
 * THRUM__TASK_OWNED in a size says that the value has a destructor (value.h). It lies on the heap
 * then, however small it is.
 */
#ifndef THRUM_THREAD_TASK_H
#define THRUM_THREAD_TASK_H

#include "base/atomic.h"
#include "park/context.h"
#include "thread/value.h"
#include <thrum/error.h>
#include <thrum/task.h>

#include <stdarg.h>
#include <string.h>

enum { THRUM__TASK_ROOM = 48, THRUM__TASK_RESULT_SURE = 8 };

#define THRUM__TASK_FAILED SIZE_MAX
#define THRUM__TASK_OWNED  (SIZE_MAX / 4 + 1)

/* The outcome of a task whose result was taken, and of one with an owned argument that has not begun. */
extern const char thrum__task_taken[1], thrum__task_waits[1];

struct thrum_task {
    thrum_task_fn *function;
    const void *outcome; /* NULL for neither; thrum__task_waits before the task begins */
    size_t
        result_size; /* THRUM__TASK_FAILED if the outcome is an error; else with THRUM__TASK_OWNED */
    size_t arg_size; /* with THRUM__TASK_OWNED */
    char room[THRUM__TASK_ROOM] __attribute__((aligned(16)));
};

/* The error of a task that has failed, else NULL. */
static inline const thrum_error *thrum__task_error(const thrum_task *task)
{
    const void *outcome = thrum__load_relaxed(&task->outcome); /* a result may be taken meanwhile */
    return outcome && task->result_size == THRUM__TASK_FAILED ? outcome : NULL;
}

/* Makes the task failed with a constant error, without memory and without a look at the code that
 * the function gives. */
void thrum__task_fail_constant(thrum_task *task, int code);

/* Makes memory of the heap the result, in place of a copy; the task frees it. */
void thrum__task_give(thrum_task *task, void *memory, size_t size);

/* Makes zeroed memory a task with a copy of the argument. Returns 0; or -ENOMEM, and an owned
 * argument was released. */
int thrum__task_init_value(thrum_task *task, thrum_task_fn *function, thrum__value arg);

/* The same for plain bytes. */
int thrum__task_init(thrum_task *task, thrum_task_fn *function, const void *arg, size_t size);

/* Whether a task has room for an argument of `size` bytes. */
static inline bool thrum__task_has_room(size_t size)
{
    return size <= THRUM__TASK_ROOM - THRUM__TASK_RESULT_SURE;
}

/* Copies bytes, most often a few words. */
static inline void thrum__task_copy(void *to, const void *from, size_t size)
{
    uint64_t first, last;
    if (size < sizeof first || size > 2 * sizeof first) {
        if (size)
            memcpy(to, from, size);
        return;
    }
    memcpy(&first, from, sizeof first);
    memcpy(&last, (const char *)from + size - sizeof last, sizeof last);
    memcpy(to, &first, sizeof first);
    memcpy((char *)to + size - sizeof last, &last, sizeof last);
}

/* As thrum__task_init, if the task has room for the argument. Returns false, with nothing done, if not. */
static inline bool thrum__task_init_near(thrum_task *task, thrum_task_fn *function, const void *arg,
                                         size_t size)
{
    if (!thrum__task_has_room(size))
        return false;
    task->function = function;
    task->arg_size = size;
    thrum__task_copy(task->room, arg, size);
    return true;
}

/* The same, but `memory` of the heap, larger than any argument that a task has room for, becomes
 * the argument itself; the task frees it. */
void thrum__task_init_given(thrum_task *task, thrum_task_fn *function, void *memory, size_t size);

/* The same for the bytes of an owned value, which move into the task with their header. Its future may be cancelled
 * meanwhile: then it keeps that outcome. */
void thrum__task_init_moved(thrum_task *task, thrum_task_fn *function, void *bytes, size_t size);

/* The size of the argument. */
static inline size_t thrum__task_arg_size(const thrum_task *task)
{
    return task->arg_size & ~THRUM__TASK_OWNED;
}

/* Whether the argument, or the result, has a destructor. */
static inline bool thrum__task_arg_owned(const thrum_task *task)
{
    return task->arg_size & THRUM__TASK_OWNED;
}

static inline bool thrum__task_result_owned(const thrum_task *task)
{
    return task->result_size != THRUM__TASK_FAILED && task->result_size & THRUM__TASK_OWNED;
}

/* Whether thrum__task_finish would call a destructor. */
bool thrum__task_undelivered(const thrum_task *task);

/* Calls the function in the calling context and settles the outcome. An owned argument is
 * delivered. */
void thrum__task_run(thrum_task *task);

/* The same for a task that is to end by `deadline`, or 0: its waits end there at the latest, as if
 * it were asked to stop, and if it gives up because of that, or could not begin before, it has
 * failed with -ETIMEDOUT. An earlier deadline of the scope stays in force. */
void thrum__task_run_until(thrum_task *task, thrum_deadline deadline);

/* Makes the task failed with `code` and the code's own text; for carriers. */
void thrum__task_fail(thrum_task *task, int code, const char *message);

/* The same with a message as printf makes it. A code that is not negative counts as -EINVAL. */
void thrum__task_fail_with(thrum_task *task, int code, const char *format, va_list arguments);

/* The outcome: 0 or the negative code of the error. */
int thrum__task_code(const thrum_task *task);

/* Whether the outcome lies in the task itself. */
static inline bool thrum__task_is_inside(const thrum_task *task, const void *outcome)
{
    const char *at = outcome;
    return at >= task->room && at < task->room + THRUM__TASK_ROOM;
}

/* The size of the result, 0 for a task without one. */
static inline size_t thrum__task_result_size(const thrum_task *task)
{
    return task->result_size == THRUM__TASK_FAILED ? 0 : task->result_size & ~THRUM__TASK_OWNED;
}

/* Makes the result of `from`, which succeeded and is no longer used, that of `task`. Returns 0 or
 * -ENOMEM. */
int thrum__task_hand_on(thrum_task *task, thrum_task *from);

/* Gives back what the task holds, and releases owned values that were not delivered: calls user
 * code. */
void thrum__task_finish_far(thrum_task *task);
static inline void thrum__task_finish(thrum_task *task)
{
    bool near = thrum__task_has_room(task->arg_size) &&
                (!task->outcome || thrum__task_is_inside(task, task->outcome));
    if (__builtin_expect(!near, 0))
        thrum__task_finish_far(task);
}

/* Passes an unobserved failure to the failure hook. */
void thrum__failure_report(const char *kind, const char *name, const thrum_error *error);

/* The same for a task without a name: it goes by its function. */
void thrum__failure_report_task(const char *kind, const thrum_task *task);

/* An error with `code` and its text, constant and always to be had. */
const thrum_error *thrum__error_constant(int code);

/* That of -ENOMEM, for handles that exist before the program runs. */
extern const thrum_error thrum__error_no_memory;

/* The initialiser of the task of a handle that was given out because memory ran out. */
#define THRUM__TASK_NO_MEMORY                                                                      \
    {                                                                                              \
        .outcome = &thrum__error_no_memory, .result_size = THRUM__TASK_FAILED                      \
    }

#endif
