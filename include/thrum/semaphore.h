/* A semaphore: a number of permits. Acquire takes one and waits while there is none.
 *
 *     static thrum_semaphore connections = THRUM_SEMAPHORE_INIT(3);
 *     thrum_with (&connections)
 *         query(sql);                          // at most three at a time
 *
 * Waiters are served in the order of arrival: a release gives the first waiter a permit. The caller
 * that acquired last may free the semaphore.
 *
 * Differs from Python's threading.Semaphore: all-zero memory is a semaphore without permits
 * (Python's default is one), and release takes the number of permits.
 */
#ifndef THRUM_SEMAPHORE_H
#define THRUM_SEMAPHORE_H

#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Lives in the caller's memory and must not be copied or moved while in use. Fields are private. */
typedef struct thrum_semaphore {
    uint32_t state_;
    uint32_t bound_;
    void *waiters_;
} thrum_semaphore;

/* The most permits that a semaphore can hold. */
#define THRUM_SEMAPHORE_MAX UINT32_C(0x3fffffff)

/* A semaphore with `permits` permits, as a static initialiser. */
#define THRUM_SEMAPHORE_INIT(permits)                                                              \
    {                                                                                              \
        (uint32_t)(permits) << 2, 0, 0                                                             \
    }

/* Makes `semaphore` a semaphore with `permits` permits. More than THRUM_SEMAPHORE_MAX stops the
 * program. Cannot fail. Python: Semaphore(value). */
THRUM_API void thrum_semaphore_init(thrum_semaphore *semaphore, uint32_t permits);

/* The same with a bound: a release that would give more than `permits` permits, at least 1,
 * stops the program. Python: BoundedSemaphore(value). */
THRUM_API void thrum_semaphore_init_bounded(thrum_semaphore *semaphore, uint32_t permits);

/* Ends the use of `semaphore`: stops the program if it has waiters. Frees nothing. */
THRUM_API void thrum_semaphore_finish(thrum_semaphore *semaphore);

/* Takes one permit, without a limit of time. Cancellation does not interrupt the wait. Blocks.
 * Python: Semaphore.acquire(). */
THRUM_API void thrum_semaphore_acquire(thrum_semaphore *semaphore);

/* Takes one permit if there is one. Never blocks.
 *
 * Returns:
 *     0        the caller has a permit
 *     -EAGAIN  there is none */
THRUM_API THRUM_MUST_CHECK int thrum_semaphore_try(thrum_semaphore *semaphore);

/* Takes one permit before the deadline. Blocks.
 *
 * Returns:
 *     0           the caller has a permit
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and there is none
 *     -ECANCELED  the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_semaphore_acquire_until(thrum_semaphore *semaphore,
                                                             thrum_deadline deadline);

/* Gives `permits` permits and wakes as many waiters. Any thread or fiber may call it. To exceed
 * the bound, or THRUM_SEMAPHORE_MAX, stops the program. Does not block. Python:
 * Semaphore.release(n). */
THRUM_API void thrum_semaphore_release(thrum_semaphore *semaphore, uint32_t permits);

/* The number of free permits at this moment; for displays. Does not block. */
THRUM_API uint32_t thrum_semaphore_value(const thrum_semaphore *semaphore);

THRUM_END

#endif
