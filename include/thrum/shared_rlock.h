/* A shared reentrant lock: a lock between processes that its owner may acquire again.
 *
 *     int rc = thrum_shared_rlock_acquire(&store->lock);  // may be called with or without the lock
 *     if (rc == -ENOTRECOVERABLE)
 *         return rc;                                      // the lock is not held
 *     if (rc == -EOWNERDEAD) {                            // the last owner died with it
 *         repair(store);
 *         thrum_shared_rlock_consistent(&store->lock);
 *     }
 *     update(store);                                      // acquires it once more
 *     thrum_shared_rlock_release(&store->lock);
 *
 * It is the lock of shared_lock.h with a depth: only the owner's last release frees it. What
 * shared_lock.h says of memory, death, waiters and order holds here. All-zero memory is an unlocked
 * lock.
 *
 * Python: multiprocessing.RLock, which a dead owner leaves locked.
 */
#ifndef THRUM_SHARED_RLOCK_H
#define THRUM_SHARED_RLOCK_H

#include <stdint.h>
#include <thrum/export.h>
#include <thrum/rlock.h>
#include <thrum/shared_lock.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Must not be copied or moved while in use. Fields are private. */
typedef struct thrum_shared_rlock {
    thrum_shared_lock lock_;
    uint32_t depth_, reserved_;
} thrum_shared_rlock;

#define THRUM_SHARED_RLOCK_INIT                                                                    \
    {                                                                                              \
        THRUM_SHARED_LOCK_INIT, 0, 0                                                               \
    }

/* Makes `lock` an unlocked lock, as all-zero memory is. No other process may use it meanwhile.
 * Cannot fail. */
THRUM_API void thrum_shared_rlock_init(thrum_shared_rlock *lock);

/* Acquires the lock, without a limit of time, or once more if the caller holds it. Cancellation
 * does not interrupt the wait. More than THRUM_RLOCK_DEPTH_MAX acquires stop the program. Blocks.
 * Python: multiprocessing.RLock.acquire().
 *
 * Returns:
 *     0                 the caller holds the lock
 *     -EOWNERDEAD       the caller holds the lock; its last owner died with it
 *     -ENOTRECOVERABLE  the lock is lost for good; the caller does not hold it
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_rlock_acquire(thrum_shared_rlock *lock);

/* Acquires the lock if it is free, if the caller holds it, or if its owner is dead. Does not block.
 *
 * Returns:
 *     0                 the caller holds the lock
 *     -EOWNERDEAD       the caller holds the lock; its last owner died with it
 *     -EAGAIN           another thread or fiber holds it
 *     -ENOTRECOVERABLE  the lock is lost for good
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_rlock_try(thrum_shared_rlock *lock);

/* Acquires the lock before the deadline. Blocks.
 *
 * Returns:
 *     0                 the caller holds the lock
 *     -EOWNERDEAD       the caller holds the lock; its last owner died with it
 *     -ETIMEDOUT        the deadline has passed
 *     -EAGAIN           the deadline is THRUM_NOW and another thread or fiber holds it
 *     -ECANCELED        the running task was cancelled
 *     -ENOTRECOVERABLE  the lock is lost for good
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_rlock_acquire_until(thrum_shared_rlock *lock,
                                                                thrum_deadline deadline);

/* Declares, after -EOWNERDEAD, that what the lock protects is in order again. Only the owner may
 * call it. Does not block. */
THRUM_API void thrum_shared_rlock_consistent(thrum_shared_rlock *lock);

/* Undoes one acquire; the last one frees the lock and wakes a waiter. A caller that does not hold
 * the lock stops the program. Does not block. Python: multiprocessing.RLock.release(). */
THRUM_API void thrum_shared_rlock_release(thrum_shared_rlock *lock);

/* The depth at which the caller holds it, 0 for none. Does not block. */
THRUM_API uint32_t thrum_shared_rlock_depth(const thrum_shared_rlock *lock);

/* The process that holds the lock at this moment, which may be dead, or 0; for displays. Does not
 * block. */
THRUM_API int32_t thrum_shared_rlock_holder(const thrum_shared_rlock *lock);

THRUM_END

#endif
