/* An event between processes: a flag that can be waited for.
 *
 * It lives in memory that is shared by processes (MAP_SHARED), at any address in each, and holds no
 * pointers. Threads and fibers of all of them wait for it alike. All-zero memory is one that is not set.
 * What was written before the set is seen after a wait that returned 0.
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

/* Makes `event` one that is not set, as all-zero memory is. Nobody may use it meanwhile. Cannot fail. */
THRUM_API void thrum_shared_event_init(thrum_shared_event *event);

/* Sets the flag and wakes all who wait. Setting it again does nothing. Does not block.
 * Python: Event.set(). */
THRUM_API void thrum_shared_event_set(thrum_shared_event *event);

/* Takes the flag back: waits that begin from now on wait. Does not block. Python: Event.clear(). */
THRUM_API void thrum_shared_event_clear(thrum_shared_event *event);

/* True if the flag is set; what was written before the set is then seen. Does not block.
 * Python: Event.is_set(). */
THRUM_API bool thrum_shared_event_is_set(const thrum_shared_event *event);

/* Waits until the flag is set, or was set meanwhile, even if it is cleared again. Returns 0; -ETIMEDOUT;
 * -EAGAIN if the deadline is THRUM_NOW and the flag is not set; -ECANCELED if the running task was
 * cancelled. Blocks. Python: Event.wait(timeout). */
THRUM_API int thrum_shared_event_wait(thrum_shared_event *event, thrum_deadline deadline);

THRUM_END

#endif
