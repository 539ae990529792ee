/* The clock and deadlines: how long a wait may take.
 *
 *     thrum_deadline deadline = thrum_in(0.3);                     // one for the whole loop
 *     int item, rc;
 *     while ((rc = thrum_queue_get(q, &item, deadline)) == 0)
 *         show(item);
 *     if (rc == -ETIMEDOUT)
 *         puts("the time is over");                                // prints the time is over
 *
 * A moment is a number of nanoseconds on the monotonic clock. A deadline is the moment at which a
 * wait ends. It has a type of its own, so a bare number of seconds in its place does not compile.
 * It is absolute, so a loop that waits several times needs no arithmetic, and a change of the wall
 * clock has no effect. A wait that ends early returns a code that names the reason.
 *
 * Idea: the absolute deadlines of nsync, where Python takes a relative timeout.
 */
#ifndef THRUM_TIME_H
#define THRUM_TIME_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/export.h>

THRUM_BEGIN

/* A moment, or a span between two: nanoseconds on the monotonic clock. */
typedef int64_t thrum_time;

/* The moment at which a wait ends. Make one with thrum_in, thrum_at, THRUM_NOW or THRUM_FOREVER.
 * All-zero is THRUM_NOW; in options it means that the deadline is not set. `ns` may be read, to
 * compare it with thrum_now(). A wait whose deadline has passed does not block: it fails with
 * -ETIMEDOUT, or succeeds if what it waits for is there. */
typedef struct thrum_deadline {
    int64_t ns;
} thrum_deadline;

#ifdef __cplusplus
#define THRUM_DEADLINE_(ns) (thrum_deadline{ns})
#else
#define THRUM_DEADLINE_(ns) ((thrum_deadline){ns})
#endif

/* A deadline that has always passed: the call polls and returns -EAGAIN where it would wait. */
#define THRUM_NOW THRUM_DEADLINE_(0)

/* A deadline that never comes. */
#define THRUM_FOREVER THRUM_DEADLINE_(INT64_MAX)

/* The present moment. Never 0. Does not block. May be called from anywhere, signal handlers
 * included. Python: time.monotonic_ns(). */
THRUM_API thrum_time thrum_now(void);

/* The deadline in `seconds` seconds. A negative number or NaN gives the present moment; a number
 * beyond the clock's range gives THRUM_FOREVER. The result is never THRUM_NOW, so a wait on it
 * fails with -ETIMEDOUT. May be called from anywhere. */
THRUM_API thrum_deadline thrum_in(double seconds);

/* The deadline at a moment: thrum_at(thrum_now() + 1000) is one microsecond ahead. The result is
 * never THRUM_NOW: a moment of 0 or below gives a deadline that has passed. INT64_MAX gives
 * THRUM_FOREVER. May be called from anywhere. */
static inline thrum_deadline thrum_at(thrum_time moment)
{
    return THRUM_DEADLINE_(moment > 0 ? moment : 1);
}

/* True if a deadline is THRUM_NOW: the call must not wait. */
static inline bool thrum_deadline_is_now(thrum_deadline deadline)
{
    return deadline.ns == 0;
}

/* True if a deadline is THRUM_FOREVER. */
static inline bool thrum_deadline_is_forever(thrum_deadline deadline)
{
    return deadline.ns == INT64_MAX;
}

/* The earlier one of two deadlines. */
static inline thrum_deadline thrum_deadline_sooner(thrum_deadline one, thrum_deadline other)
{
    return one.ns < other.ns ? one : other;
}

/* Waits until the moment `until`, and does not return 0 before it. THRUM_NOW returns at once.
 * Blocks. Python: time.sleep().
 *
 * Returns:
 *     0           the moment has come
 *     -ECANCELED  the running task was cancelled, before or during the call
 */
THRUM_API int thrum_sleep(thrum_deadline until);

THRUM_END

#endif
