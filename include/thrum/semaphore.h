/* A semaphore: a number of permits, for so many users at a time.
 *
 *     static thrum_semaphore connections = THRUM_SEMAPHORE_INIT(3);
 *     thrum_with (&connections)
 *         query(...);                          // at most three at once
 *
 * Waiters are served in the order in which they came: a release hands its permit to the first of
 * them. The semaphore may be freed by whoever acquired from it last.
 *
 * Differs from Python's threading.Semaphore in that all-zero memory is a semaphore without permits
 * (Python's default is one), and that release takes the number of permits.
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

/* Makes `semaphore` one with `permits` permits, at most THRUM_SEMAPHORE_MAX (more stops the
 * program). Cannot fail. Python: Semaphore(value). */
THRUM_API void thrum_semaphore_init(thrum_semaphore *semaphore, uint32_t permits);

/* The same, and a release that would lift the number of permits above `permits`, at least 1, stops
 * the program. Python: BoundedSemaphore(value). */
THRUM_API void thrum_semaphore_init_bounded(thrum_semaphore *semaphore, uint32_t permits);

/* Ends the use of `semaphore`: stops the program if anyone waits for it. Frees nothing. */
THRUM_API void thrum_semaphore_finish(thrum_semaphore *semaphore);

/* Takes one permit, however long that takes. Cancellation does not interrupt it. Blocks.
 * Python: Semaphore.acquire(). */
THRUM_API void thrum_semaphore_acquire(thrum_semaphore *semaphore);

/* Takes one permit if there is one. Returns 0 or -EAGAIN. Never blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_semaphore_try(thrum_semaphore *semaphore);

/* Takes one permit before `deadline`. Returns 0; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW
 * and there is none; -ECANCELED if the running task was cancelled. Blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_semaphore_acquire_until(thrum_semaphore *semaphore,
                                                             thrum_deadline deadline);

/* Gives `permits` permits, waking as many waiters. Anyone may call it. Going above the bound, or
 * above THRUM_SEMAPHORE_MAX, stops the program. Does not block. Python: Semaphore.release(n). */
THRUM_API void thrum_semaphore_release(thrum_semaphore *semaphore, uint32_t permits);

/* The number of permits to be had at this moment; for displays. Does not block. */
THRUM_API uint32_t thrum_semaphore_value(const thrum_semaphore *semaphore);

THRUM_END

#endif
