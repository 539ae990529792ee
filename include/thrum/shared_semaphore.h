/* A semaphore between processes: a number of permits, for so many users at a time.
 *
 * It lives in memory that is shared by processes (MAP_SHARED), at any address in each, and holds no
 * pointers. Threads and fibers of all of them wait for it alike. Permits have no owner: those that a
 * process holds when it dies are gone. Waiters are served in no order. All-zero memory is one without
 * permits.
 *
 * Python: multiprocessing.Semaphore, BoundedSemaphore.
 */
#ifndef THRUM_SHARED_SEMAPHORE_H
#define THRUM_SHARED_SEMAPHORE_H

#include <stdint.h>
#include <thrum/export.h>
#include <thrum/semaphore.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Must not be copied or moved while in use. Fields are private. */
typedef struct thrum_shared_semaphore {
    uint64_t state_;
    uint32_t bound_, reserved_;
} thrum_shared_semaphore;

/* Makes `semaphore` one with `permits` permits, at most THRUM_SEMAPHORE_MAX (more stops the program).
 * Nobody may use it meanwhile. Cannot fail. Python: Semaphore(value). */
THRUM_API void thrum_shared_semaphore_init(thrum_shared_semaphore *semaphore, uint32_t permits);

/* The same, and a release that would lift the number of permits above `permits`, at least 1, stops the
 * program. Python: BoundedSemaphore(value). */
THRUM_API void thrum_shared_semaphore_init_bounded(thrum_shared_semaphore *semaphore,
                                                   uint32_t permits);

/* Takes one permit before `deadline`. Returns 0; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW and
 * there is none; -ECANCELED if the running task was cancelled. Blocks.
 * Python: Semaphore.acquire(timeout=...). */
THRUM_API THRUM_MUST_CHECK int
thrum_shared_semaphore_acquire_until(thrum_shared_semaphore *semaphore, thrum_deadline deadline);

/* Takes one permit, however long that takes. Cancellation does not interrupt it. Blocks. */
THRUM_API void thrum_shared_semaphore_acquire(thrum_shared_semaphore *semaphore);

/* Takes one permit if there is one. Returns 0 or -EAGAIN. Never blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_shared_semaphore_try(thrum_shared_semaphore *semaphore);

/* Gives `permits` permits, and wakes as many waiters. Anyone may call it. Going above the bound, or above
 * THRUM_SEMAPHORE_MAX, stops the program. Does not block. Python: Semaphore.release(n). */
THRUM_API void thrum_shared_semaphore_release(thrum_shared_semaphore *semaphore, uint32_t permits);

/* The number of permits to be had at this moment; for displays. Does not block.
 * Python: Semaphore.get_value(). */
THRUM_API uint32_t thrum_shared_semaphore_value(const thrum_shared_semaphore *semaphore);

THRUM_END

#endif
