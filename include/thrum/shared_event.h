/* A shared event: a flag that threads and fibers of several processes can wait for.
 *
 *     thrum_shared_event_set(&common->ready);                     // one process
 *     ...                                                         // the others
 *     int rc = thrum_shared_event_wait(&common->ready, thrum_in(5));
 *
 * It lives in memory that processes share (MAP_SHARED), at any address in each, and has no
 * pointers. All-zero memory is an event that is not set. A waiter whose wait returned 0 sees what
 * was written before the set.
 *
 * Python: multiprocessing.Event.
 */
#ifndef THRUM_SHARED_EVENT_H
#define THRUM_SHARED_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Must not be copied or moved while in use. Fields are private. */
typedef struct thrum_shared_event {
    uint32_t state_, reserved_;
} thrum_shared_event;

/* Makes `event` an event that is not set, as all-zero memory is. No other process may use it
 * meanwhile. Cannot fail. */
THRUM_API void thrum_shared_event_init(thrum_shared_event *event);

/* Sets the flag and wakes all waiters. A second set does nothing. Does not block. Python:
 * Event.set(). */
THRUM_API void thrum_shared_event_set(thrum_shared_event *event);

/* Clears the flag: later waits wait. Does not block. Python: Event.clear(). */
THRUM_API void thrum_shared_event_clear(thrum_shared_event *event);

/* True if the flag is set; the caller then sees what was written before the set. Does not block.
 * Python: Event.is_set(). */
THRUM_API bool thrum_shared_event_is_set(const thrum_shared_event *event);

/* Waits until the flag is set. Returns 0 also if it was set meanwhile and cleared again. Blocks.
 * Python: Event.wait(timeout).
 *
 * Returns:
 *     0           the flag is or was set
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and the flag is not set
 *     -ECANCELED  the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_event_wait(thrum_shared_event *event,
                                                       thrum_deadline deadline);

THRUM_END

#endif
