/* The task: one function that runs unchanged on every executor.
 *
 * A task function takes its argument from `self` and leaves its result there, both by value, so
 * that nothing dangles and the same function can run as a thread, in a pool, and later as a fiber,
 * in another process or on another machine:
 *
 *     struct square { int64_t n; };
 *
 *     static int square(thrum_task *self)
 *     {
 *         int64_t n = thrum_arg(self, struct square).n;
 *         if (n < 0)
 *             return thrum_fail(self, -EINVAL, "bad input: %" PRId64, n);    // raise
 *         return thrum_return(self, thrum_value(int64_t, n * n));            // return
 *     }
 *
 * A task belongs to the thread, future or group that carries it; `self` is valid until the
 * function returns and is used by the function's own thread alone.
 */
#ifndef THRUM_TASK_H
#define THRUM_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum/export.h>

THRUM_BEGIN

typedef struct thrum_task thrum_task;

/* A task function: returns 0, or a negative errno when the task failed. thrum_return and thrum_fail
 * give the right number to return. A positive number is a mistake: the task fails with -EINVAL. */
typedef int thrum_task_fn(thrum_task *self);

/* An argument or result by value: expands to a pointer to a compound literal and its size. */
#define thrum_value(type, ...) &(type){__VA_ARGS__}, sizeof(type)

/* No argument. */
#define THRUM_NOTHING ((const void *)0), ((size_t)0)

/* The task's argument as an lvalue of `type`, read only, aligned for any type. */
#define thrum_arg(self, type) (*(const __typeof__(type) *)thrum_task_arg((self), sizeof(type)))

/* The bytes that were passed as the argument. `size` must be what was passed: another size stops
 * the program, as the caller and the function then mean different types. Does not block. */
THRUM_API const void *thrum_task_arg(thrum_task *self, size_t size);

/* The size of the argument in bytes, 0 without one; for a function that takes several. */
THRUM_API size_t thrum_task_arg_size(const thrum_task *self);

/* Sets the result to a copy of `size` bytes at `value`; a second call replaces the first.
 * Returns 0, or -ENOMEM, which is then the task's failure: return what it gives. Results of up to
 * 8 bytes need no memory of their own and cannot fail, nor can larger ones that fit beside a small
 * argument. Does not block. Python: return. */
THRUM_API int thrum_return(thrum_task *self, const void *value, size_t size);

/* Makes the task fail with `code`, a negative errno, and a message for a person; a result set
 * before is dropped. Returns `code`, for the function to return. A code that is not negative
 * counts as -EINVAL. Where memory is out the message is lost, the code is not. Does not block. Python: raise. */
THRUM_API int thrum_fail(thrum_task *self, int code, const char *format, ...) THRUM_PRINTF(3, 4);

/* True once someone asked the task to stop, or its deadline has passed. From then on every wait in it that takes a deadline
 * returns -ECANCELED; a task that computes without waiting asks here now and then and returns
 * -ECANCELED itself. Does not block. */
THRUM_API bool thrum_cancelled(const thrum_task *self);

THRUM_END

#endif
