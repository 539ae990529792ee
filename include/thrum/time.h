/* One clock for every wait.
 *
 * A deadline is a moment on the monotonic clock, in nanoseconds. It is absolute, so a loop that
 * waits several times for one thing needs no arithmetic, and a change of the wall clock moves
 * nothing. A wait never ends early for a reason that its return code does not name.
 *
 *     thrum_time deadline = thrum_in(3);
 *     while (...)
 *         if (thrum_queue_get(q, &item, deadline) == -ETIMEDOUT) ...
 *
 * Idea: the absolute deadlines of nsync, where Python takes a relative timeout.
 */
#ifndef THRUM_TIME_H
#define THRUM_TIME_H

#include <stdint.h>
#include <thrum/export.h>

THRUM_BEGIN

/* Nanoseconds on the monotonic clock. A wait with a deadline that has passed, also one below 0, does
 * not block: it fails with -ETIMEDOUT unless what it waits for is there. */
typedef int64_t thrum_time;

/* A deadline that has always passed: the call polls and returns -EAGAIN where it would wait. */
#define THRUM_NOW ((thrum_time)0)

/* A deadline that never comes. */
#define THRUM_FOREVER INT64_MAX

/* The present moment on the clock that deadlines use. Never 0. Does not block.
 * May be called from anywhere, signal handlers included. Python: time.monotonic_ns(). */
THRUM_API thrum_time thrum_now(void);

/* The moment that lies `seconds` ahead, as a deadline. A negative number or NaN gives the present
 * moment; one beyond the clock's range gives THRUM_FOREVER. The result is never THRUM_NOW, so
 * a wait on it fails with -ETIMEDOUT. May be called from anywhere. */
THRUM_API thrum_time thrum_in(double seconds);

/* Waits until the moment `until`; does not return before it. THRUM_NOW returns at once. Blocks.
 * Returns 0, or -ECANCELED when the running task was cancelled meanwhile (or before the call).
 * Python: time.sleep(). */
THRUM_API int thrum_sleep(thrum_time until);

THRUM_END

#endif
