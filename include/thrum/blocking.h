/* Blocking calls from fibers: files, name lookups, databases, other libraries.
 *
 *     static int measure(thrum_task *self)        // an ordinary task function
 *     {
 *         const char *path = thrum_arg_text(self);
 *         struct stat about;
 *         if (stat(path, &about) < 0)
 *             return thrum_fail(self, -errno, "%s: %s", path, thrum_strerror(-errno));
 *         return thrum_return(self, thrum_value(off_t, about.st_size));
 *     }
 *
 *     off_t size;
 *     thrum_error error;
 *     if (thrum_blocking(measure, thrum_text(path), &size, sizeof size, &error, thrum_in(5)) != 0)
 *         return thrum_fail_with(self, &error);
 *
 * A fiber that makes such a call itself blocks its worker, and with it all other fibers of that
 * worker. thrum_blocking runs the function on a helper thread while the fiber waits. If a thread
 * calls thrum_blocking, the function runs at once in that thread.
 *
 * The helpers are one thread pool for the program. They start when they are needed. There are at
 * most 64, or as many as the environment variable THRUM_BLOCKING_THREADS says when the first one
 * starts. Further calls wait for a helper.
 *
 * Python: asyncio.to_thread.
 */
#ifndef THRUM_BLOCKING_H
#define THRUM_BLOCKING_H

#include <stddef.h>
#include <thrum/error.h>
#include <thrum/export.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Runs `function`, with a copy of the `size` bytes at `arg`, where it may block, and copies its
 * result of `result_size` bytes to `ret_result` (NULL and 0 for none). If the call does not return
 * 0, `*ret_error`, unless it is NULL, is set to the reason, with a code and a message. Blocks.
 * Python: asyncio.to_thread.
 *
 * In a thread the deadline is ignored. If a fiber's wait ends early, the function is asked to stop
 * (thrum_cancelled), or is not begun. The call does not wait for it to end.
 *
 * Returns:
 *     0             the function succeeded
 *     THRUM_FAILED  the function failed, or could not be run: `*ret_error` has its code and message
 *     -EMSGSIZE     the result has another size
 *     -ETIMEDOUT    in a fiber: the deadline passed first
 *     -EAGAIN       in a fiber: the deadline is THRUM_NOW
 *     -ECANCELED    in a fiber: the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_blocking(thrum_task_fn *function, const void *arg, size_t size,
                                              void *ret_result, size_t result_size,
                                              thrum_error *ret_error, thrum_deadline deadline);

/* The same, and takes the result, whatever its size: the caller owns the bytes and gives them to
 * free. Blocks.
 *
 * Returns what thrum_blocking returns, but -ENOMEM in place of -EMSGSIZE: there is no memory for
 * the bytes. */
THRUM_API THRUM_MUST_CHECK int thrum_blocking_take(thrum_task_fn *function, const void *arg,
                                                   size_t size, void **ret_bytes, size_t *ret_size,
                                                   thrum_error *ret_error, thrum_deadline deadline);

/* The same for a text. Blocks.
 *
 * Returns what thrum_blocking_take returns, or -EMSGSIZE: the result does not end in a zero byte.
 */
THRUM_API THRUM_MUST_CHECK int thrum_blocking_take_text(thrum_task_fn *function, const void *arg,
                                                        size_t size, char **ret_text,
                                                        thrum_error *ret_error,
                                                        thrum_deadline deadline);

THRUM_END

#endif
