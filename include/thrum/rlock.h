/* A reentrant lock: its owner may acquire it again.
 *
 *     static thrum_rlock lock;                // all-zero is an unlocked one
 *
 *     struct item *cache_get(const char *key) // may be called with or without the lock
 *     {
 *         struct item *item = NULL;
 *         thrum_with (&lock)
 *             item = find(key);
 *         return item;
 *     }
 *
 * It is the lock of lock.h with a depth beside the owner, in the same 16 bytes. Only the owner's
 * last release frees it. Use it where a function that holds the lock calls another function that
 * needs it. Where the inner function can be split off, a plain lock is clearer.
 *
 * Python: threading.RLock.
 */
#ifndef THRUM_RLOCK_H
#define THRUM_RLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/lock.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Lives in the caller's memory and must not be copied or moved while in use. Fields are private. */
typedef struct thrum_rlock {
    thrum_lock lock_;
} thrum_rlock;

#define THRUM_RLOCK_INIT                                                                           \
    {                                                                                              \
        THRUM_LOCK_INIT                                                                            \
    }

/* The largest depth. One acquire more stops the program, because it is an endless recursion. */
#define THRUM_RLOCK_DEPTH_MAX UINT32_C(0xfffff)

/* Makes `lock` an unlocked reentrant lock, as all-zero memory and THRUM_RLOCK_INIT are. Cannot
 * fail. */
THRUM_API void thrum_rlock_init(thrum_rlock *lock);

/* Ends the use of `lock`: stops the program if it is held or waited for. Frees nothing. */
THRUM_API void thrum_rlock_finish(thrum_rlock *lock);

/* Acquires the lock, without a limit of time, or once more if the caller holds it. Cancellation
 * does not interrupt the wait. Blocks. Python: RLock.acquire(). */
THRUM_API void thrum_rlock_acquire(thrum_rlock *lock);

/* Acquires the lock if it is free or the caller holds it. Never blocks.
 *
 * Returns:
 *     0        the caller holds the lock
 *     -EAGAIN  another thread or fiber holds it */
THRUM_API THRUM_MUST_CHECK int thrum_rlock_try(thrum_rlock *lock);

/* Acquires the lock before the deadline. Blocks.
 *
 * Returns:
 *     0           the caller holds the lock
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and another thread or fiber holds it
 *     -ECANCELED  the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_rlock_acquire_until(thrum_rlock *lock,
                                                         thrum_deadline deadline);

/* Undoes one acquire; the last one frees the lock and wakes a waiter. A caller that does not hold
 * the lock stops the program. Does not block. Python: RLock.release(). */
THRUM_API void thrum_rlock_release(thrum_rlock *lock);

/* True if the lock is held at this moment. Does not block. */
THRUM_API bool thrum_rlock_locked(const thrum_rlock *lock);

/* The depth at which the caller holds it, 0 for none. Does not block. */
THRUM_API uint32_t thrum_rlock_depth(const thrum_rlock *lock);

THRUM_END

#endif
