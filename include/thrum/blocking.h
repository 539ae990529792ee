/* Calls that block the thread, from fibers: files, name lookups, databases, other libraries.
 *
 *     static int measure(thrum_task *self)        // an ordinary task function
 *     {
 *         struct stat about;
 *         if (stat(thrum_arg_text(self), &about) < 0)
 *             return -errno;
 *         return thrum_return(self, thrum_value(off_t, about.st_size));
 *     }
 *
 *     off_t size;
 *     int rc = thrum_blocking(measure, thrum_text(path), &size, sizeof size, thrum_in(5));
 *
 * A fiber that calls such a function itself holds its worker, and all other fibers of it, up. By
 * thrum_blocking it runs on a helper thread, and the fiber waits as for anything else. In a thread,
 * which holds up nobody, it runs at once and there.
 *
 * The helpers are one thread pool for the program; they start when they are needed. There are at
 * most 64, or as many as the variable THRUM_BLOCKING_THREADS says when the first is needed; calls
 * beyond that wait for their turn.
 *
 * Python: asyncio.to_thread.
 */
#ifndef THRUM_BLOCKING_H
#define THRUM_BLOCKING_H

#include <stddef.h>
#include <thrum/export.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Runs `function`, with a copy of the `size` bytes at `arg`, where it may block, and copies its
 * result of `result_size` bytes to `ret_result` (NULL and 0 for none). In a thread the deadline is
 * not looked at. When a fiber's wait ends early, the function is asked to stop (thrum_cancelled),
 * or not begun, and what it still does is not waited for. Blocks. Python: asyncio.to_thread.
 * Returns:
 *
 *  - 0
 *  - the code with which the function failed
 *  - -EMSGSIZE: its result has another size
 *  - -ENOMEM: memory is out
 *  - -EAGAIN: the system refuses the first helper thread
 *  - -ETIMEDOUT, in a fiber: the deadline passed
 *  - -ECANCELED, in a fiber: the running task was cancelled */
THRUM_API int thrum_blocking(thrum_task_fn *function, const void *arg, size_t size,
                             void *ret_result, size_t result_size, thrum_deadline deadline);

/* The same, and takes the result, whatever its size: the caller owns the bytes and gives them to
 * free. Returns as thrum_blocking, but never -EMSGSIZE. Blocks. */
THRUM_API int thrum_blocking_take(thrum_task_fn *function, const void *arg, size_t size,
                                  void **ret_bytes, size_t *ret_size, thrum_deadline deadline);

/* The same for a text; -EMSGSIZE means a result that does not end in a zero byte. Blocks. */
THRUM_API int thrum_blocking_take_text(thrum_task_fn *function, const void *arg, size_t size,
                                       char **ret_text, thrum_deadline deadline);

THRUM_END

#endif
