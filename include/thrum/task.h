/* A task: one function that runs unchanged on every executor.
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
 * A task function takes its argument from `self` and leaves its result there. Both travel by value,
 * so nothing in them dangles. The same function can run as a thread, in a pool, as a fiber, in
 * another process, or in the caller.
 *
 * The thread, future or group that carries the task owns it. `self` is valid until the function
 * returns; only the function's own thread or fiber uses it.
 */
#ifndef THRUM_TASK_H
#define THRUM_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum/error.h>
#include <thrum/export.h>

THRUM_BEGIN

typedef struct thrum_task thrum_task;

/* A task function. It returns 0, or a negative errno if the task failed. thrum_return, thrum_fail
 * and thrum_fail_with give the number to return. A positive number, also THRUM_FAILED, is a
 * mistake: the task fails with -EINVAL, and the message says so. */
typedef int thrum_task_fn(thrum_task *self);

/* Releases what a value holds: a descriptor, memory, a reference. It is called with the address of
 * the library's copy of the value, at most once, shielded from cancellation. It does not free the
 * copy. */
typedef void thrum_destructor(void *value);

/* An argument or result by value. Expands to the address of a temporary and its size. */
#define thrum_value(type, ...) THRUM__ADDRESS(type, __VA_ARGS__), sizeof(type)

/* A text of any length as an argument or result: its bytes, the zero byte included. NULL stops the
 * program. The function reads it with thrum_arg_text:
 *
 *     thrum_future *f = thrum_submit(pool, load, thrum_text(path));
 */
#define thrum_text(text) thrum__text_pointer(text), THRUM__TEXT_SIZE

/* A value that owns something, as an argument or result, with the destructor that releases it:
 *
 *     static void close_peer(void *value)
 *     {
 *         thrum_socket_free(((struct peer *)value)->socket);
 *     }
 *
 *     thrum_future_free(
 *         thrum_submit(pool, serve, thrum_owned(close_peer, struct peer, .socket = socket)));
 *
 * The call takes the value over, even if it fails. Then exactly one of two things happens:
 *
 *  - The value is delivered. An argument is delivered when the function begins; the function then
 *    owns it. A result is delivered to the first call that gets it; that caller then owns it, and
 *    later calls get -ENODATA.
 *  - The destructor is called. The task is cancelled, refused, or fails before it begins; the
 *    result is replaced by another result or by a failure; or the handle is freed and no call has
 *    taken the result.
 *
 * The destructor runs in the thread that drops the last reference to the task: the thread that
 * frees the handle, or a worker of the pool. No lock of the library is held. It must not shut down
 * the pool of that worker.
 *
 * Owned values stay in their process. A process or process pool refuses an owned argument, and a
 * task that runs there must not return an owned result: the task fails with -EINVAL, and the
 * destructor is called. In a child made by fork each value exists once more, and the child releases
 * its own copy. */
#define thrum_owned(destructor, type, ...)                                                         \
    THRUM__ADDRESS(thrum__owned, THRUM__ADDRESS(type, __VA_ARGS__), sizeof(type), (destructor)),   \
        THRUM__OWNED_SIZE

/* The same for `size` bytes at a pointer: thrum_owned_at(close_peer, &peer, sizeof peer). */
#define thrum_owned_at(destructor, pointer, size)                                                  \
    THRUM__ADDRESS(thrum__owned, (pointer), (size), (destructor)), THRUM__OWNED_SIZE

/* No argument. */
#define THRUM_NOTHING ((const void *)0), ((size_t)0)

/* The task's argument as an lvalue of `type`: read only, and aligned for any type. */
#define thrum_arg(self, type) (*(const __typeof__(type) *)thrum_task_arg((self), sizeof(type)))

/* The text that was passed as the argument. Valid until the function returns. An argument that does
 * not end in a zero byte, or none, stops the program. Does not block. */
THRUM_API const char *thrum_arg_text(thrum_task *self);

/* The bytes that were passed as the argument. A `size` that is not the size of the argument stops
 * the program, because the caller and the function then mean different types. Does not block. */
THRUM_API const void *thrum_task_arg(thrum_task *self, size_t size);

/* The size of the argument in bytes, 0 without one; for a function that takes arguments of several
 * types. */
THRUM_API size_t thrum_task_arg_size(const thrum_task *self);

/* Sets the result to a copy of `size` bytes at `value`, of any size. A second call replaces the
 * first result:
 *
 *     return thrum_return(self, thrum_value(struct page, .status = 200));
 *     return thrum_return(self, thrum_text(title));
 *     return thrum_return(self, bytes, length);
 *
 * Results of up to 8 bytes need no memory and cannot fail; neither can larger ones that fit beside
 * a small argument. Does not block. Python: return.
 *
 * Returns:
 *     0        the result is set
 *     -ENOMEM  memory ran out; return this code, as the failure of the task
 */
THRUM_API THRUM_MUST_CHECK int thrum_return(thrum_task *self, const void *value, size_t size);

/* Makes `size` bytes at `memory` the result, without a copy. `memory` comes from malloc; the task
 * frees it, or passes it on to the caller that takes the result. Returns 0. Does not block. */
THRUM_API THRUM_MUST_CHECK int thrum_return_memory(thrum_task *self, void *memory, size_t size);

/* Makes the task fail with `code`, a negative errno, and a message for a person. A result that was
 * set is dropped. A code that is not negative counts as -EINVAL. Returns `code`, for the function
 * to return. If memory runs out, the message is lost; the code is not. Does not block. Python:
 * raise. */
THRUM_API int thrum_fail(thrum_task *self, int code, const char *format, ...) THRUM_PRINTF(3, 4);

/* Makes the task fail with the error of another task, with its code and its message:
 *
 *     int rc = thrum_future_result(f, &page, sizeof page, thrum_in(5));
 *     if (rc == THRUM_FAILED)
 *         return thrum_fail_with(self, thrum_future_error(f));
 *     if (rc < 0)
 *         return rc;                               // the wait ended first
 *
 * Otherwise as thrum_fail. Returns the code of the error, for the function to return; -EINVAL if
 * `error` is NULL or its code is not negative. Does not block. Python: raise of a caught exception.
 */
THRUM_API int thrum_fail_with(thrum_task *self, const thrum_error *error);

/* A destructor for a value that is one pointer to memory from malloc: frees that memory. */
THRUM_API void thrum_pointer_destroy(void *value);

/* True once the task was cancelled or its deadline has passed. From then on each wait in it that
 * takes a deadline returns -ECANCELED. A task that computes without waiting calls this now and then
 * and returns -ECANCELED itself. Does not block. */
THRUM_API bool thrum_cancelled(const thrum_task *self);

/* What the marks of thrum_text and thrum_owned stand for. Private. */
#define THRUM__TEXT_SIZE  ((size_t)-1)
#define THRUM__OWNED_SIZE ((size_t)-2)

typedef struct thrum__owned {
    const void *value;
    size_t size;
    thrum_destructor *destroy;
} thrum__owned;

static inline const void *thrum__text_pointer(const char *text)
{
    return text;
}

THRUM_END

#ifdef __cplusplus
/* C++ has no compound literals. A temporary takes their place; it lives until the call returns. */
template <typename T> using thrum__type = T;

template <typename T> inline const void *thrum__address(const T &value)
{
    return __builtin_addressof(value);
}

#define THRUM__ADDRESS(type, ...) thrum__address(thrum__type<type>{__VA_ARGS__})
#else
#define THRUM__ADDRESS(type, ...) (&(type){__VA_ARGS__})
#endif

#endif
