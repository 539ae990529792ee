/* An event: a flag that threads and fibers can wait for.
 *
 *     static thrum_event ready;               // all-zero is an event that is not set
 *     ...                                     // one side:
 *     thrum_event_set(&ready);
 *     ...                                     // the other, any number:
 *     int rc = thrum_event_wait(&ready, THRUM_FOREVER);
 *
 * A waiter whose wait returned 0 sees what was written before thrum_event_set. It may free the
 * event at once, even while the setter is still inside thrum_event_set. Python: threading.Event.
 */
#ifndef THRUM_EVENT_H
#define THRUM_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Lives in the caller's memory and must not be copied or moved while in use. Fields are private. */
typedef struct thrum_event {
    uint32_t state_;
    uint32_t reserved_;
    void *waiters_;
} thrum_event;

#define THRUM_EVENT_INIT                                                                           \
    {                                                                                              \
        0, 0, 0                                                                                    \
    }

/* Makes `event` an event that is not set, as all-zero memory and THRUM_EVENT_INIT are. Cannot
 * fail. */
THRUM_API void thrum_event_init(thrum_event *event);

/* Ends the use of `event`: stops the program if it has waiters. Frees nothing. */
THRUM_API void thrum_event_finish(thrum_event *event);

/* Sets the flag and wakes all waiters. A second set does nothing. Does not block. Python:
 * Event.set(). */
THRUM_API void thrum_event_set(thrum_event *event);

/* Clears the flag: later waits wait. Does not block. Python: Event.clear(). */
THRUM_API void thrum_event_clear(thrum_event *event);

/* True if the flag is set; the caller then sees what was written before the set. Does not block.
 * Python: Event.is_set(). */
THRUM_API bool thrum_event_is_set(const thrum_event *event);

/* Waits until the flag is set. A waiter that a set has woken returns 0 even if the flag is cleared
 * before it runs. Blocks. Python: Event.wait(timeout).
 *
 * Returns:
 *     0           the flag is or was set
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and the flag is not set
 *     -ECANCELED  the running task was cancelled */
THRUM_API THRUM_MUST_CHECK int thrum_event_wait(thrum_event *event, thrum_deadline deadline);

THRUM_END

#endif
