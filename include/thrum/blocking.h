/* Calls that block the thread, from fibers: files, name lookups, databases, other libraries.
 *
 *     static int load(thrum_task *self)           // an ordinary task function
 *     {
 *         struct stat about;
 *         if (stat(&thrum_arg(self, char), &about) < 0)
 *             return -errno;
 *         return thrum_return(self, thrum_value(off_t, about.st_size));
 *     }
 *
 *     off_t size;
 *     int rc = thrum_blocking(load, path, strlen(path) + 1, &size, sizeof size, thrum_in(5));
 *
 * A fiber that calls such a function itself holds its worker, and all other fibers of it, up. By
 * thrum_blocking it runs on a helper thread, and the fiber waits as for anything else. In a thread,
 * which holds up nobody, it runs at once and there.
 *
 * The helpers are one thread pool for the program; they start when they are needed. There are at most
 * 64, or as many as the variable THRUM_BLOCKING_THREADS says when the first is needed; calls beyond
 * that wait for their turn.
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

/* Runs `function`, with a copy of the `size` bytes at `arg`, where it may block, and copies its result
 * of `result_size` bytes to `ret_result` (NULL and 0 for none). Returns 0; the code with which it
 * failed; -EMSGSIZE if its result has another size; -ENOMEM, or -EAGAIN where the system refuses the
 * first helper. In a fiber also -ETIMEDOUT when the deadline passes and -ECANCELED: then the function
 * is asked to stop (thrum_cancelled), or not begun, and what it still does is not waited for. In
 * a thread the deadline is not looked at. Blocks. Python: asyncio.to_thread. */
THRUM_API int thrum_blocking(thrum_task_fn *function, const void *arg, size_t size,
                             void *ret_result, size_t result_size, thrum_time deadline);

THRUM_END

#endif
