/* An event: a flag that threads and fibers can wait for.
 *
 *     static thrum_event ready;               // all-zero is an event that is not set
 *     ...                                     // one side:
 *     thrum_event_set(&ready);
 *     ...                                     // the other, any number:
 *     thrum_event_wait(&ready, THRUM_FOREVER);
 *
 * What was written before thrum_event_set is seen after thrum_event_wait returned 0. The event may
 * be freed by a waiter as soon as its wait has returned 0, even while the setter is still inside
 * thrum_event_set. Python: threading.Event.
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

/* Makes `event` one that is not set, as all-zero memory and THRUM_EVENT_INIT are. Cannot fail. */
THRUM_API void thrum_event_init(thrum_event *event);

/* Ends the use of `event`: stops the program if anyone waits for it. Frees nothing. */
THRUM_API void thrum_event_finish(thrum_event *event);

/* Sets the flag and wakes all who wait. Setting it again does nothing. Does not block.
 * Python: Event.set(). */
THRUM_API void thrum_event_set(thrum_event *event);

/* Takes the flag back: waits that begin from now on wait. Does not block. Python: Event.clear(). */
THRUM_API void thrum_event_clear(thrum_event *event);

/* True if the flag is set; what was written before the set is then seen. Does not block.
 * Python: Event.is_set(). */
THRUM_API bool thrum_event_is_set(const thrum_event *event);

/* Waits until the flag is set. A waiter that a set has woken returns 0 even if the flag is cleared
 * before it runs. Returns 0; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW and the flag is not
 * set; -ECANCELED if the running task was cancelled. Blocks. Python: Event.wait(timeout). */
THRUM_API int thrum_event_wait(thrum_event *event, thrum_deadline deadline);

THRUM_END

#endif
