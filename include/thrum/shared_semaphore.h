/* A shared semaphore: a number of permits for the threads and fibers of several processes.
 *
 *     thrum_shared_semaphore_init(&common->licences, 3);          // once, before others use it
 *     ...                                                         // in any process
 *     thrum_shared_semaphore_acquire(&common->licences);
 *     run_tool();                                                 // at most three at a time
 *     thrum_shared_semaphore_release(&common->licences, 1);
 *
 * It lives in memory that processes share (MAP_SHARED), at any address in each, and has no
 * pointers. All-zero memory is a semaphore without permits. Permits have no owner: if a process
 * dies with permits, they are lost. Waiters are served in no particular order.
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

/* Makes `semaphore` a semaphore with `permits` permits. More than THRUM_SEMAPHORE_MAX stops the
 * program. No other process may use it meanwhile. Cannot fail. Python: Semaphore(value). */
THRUM_API void thrum_shared_semaphore_init(thrum_shared_semaphore *semaphore, uint32_t permits);

/* The same with a bound: a release that would give more than `permits` permits, at least 1, stops
 * the program. Python: BoundedSemaphore(value). */
THRUM_API void thrum_shared_semaphore_init_bounded(thrum_shared_semaphore *semaphore,
                                                   uint32_t permits);

/* Takes one permit before the deadline. Blocks. Python: Semaphore.acquire(timeout=...).
 *
 * Returns:
 *     0           the caller has a permit
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and there is none
 *     -ECANCELED  the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int
thrum_shared_semaphore_acquire_until(thrum_shared_semaphore *semaphore, thrum_deadline deadline);

/* Takes one permit, without a limit of time. Cancellation does not interrupt the wait. Blocks. */
THRUM_API void thrum_shared_semaphore_acquire(thrum_shared_semaphore *semaphore);

/* Takes one permit if there is one. Never blocks.
 *
 * Returns:
 *     0        the caller has a permit
 *     -EAGAIN  there is none
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_semaphore_try(thrum_shared_semaphore *semaphore);

/* Gives `permits` permits and wakes as many waiters. Any thread or fiber may call it. To exceed the
 * bound, or THRUM_SEMAPHORE_MAX, stops the program. Does not block. Python: Semaphore.release(n).
 */
THRUM_API void thrum_shared_semaphore_release(thrum_shared_semaphore *semaphore, uint32_t permits);

/* The number of free permits at this moment; for displays. Does not block. Python:
 * Semaphore.get_value(). */
THRUM_API uint32_t thrum_shared_semaphore_value(const thrum_shared_semaphore *semaphore);

THRUM_END

#endif
