/* A reentrant lock between processes: its holder may take it again.
 *
 *     int rc = thrum_shared_rlock_acquire(&store->lock);  // may be called with or without the lock
 *     if (rc == -EOWNERDEAD) {                            // the last holder died with it
 *         repair(store);
 *         thrum_shared_rlock_consistent(&store->lock);
 *     }
 *     update(store);                                      // takes it once more
 *     thrum_shared_rlock_release(&store->lock);
 *
 * It is the lock of shared_lock.h with a depth: only the holder's last release gives it back. All
 * that shared_lock.h says of memory, death, waiters and order holds here. All-zero memory is an
 * unlocked one.
 *
 * Python: multiprocessing.RLock, which a dead holder leaves locked.
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

/* Makes `lock` an unlocked lock, as all-zero memory is. Nobody may use it meanwhile. Cannot fail.
 * */
THRUM_API void thrum_shared_rlock_init(thrum_shared_rlock *lock);

/* Takes the lock, or takes it once more if the caller holds it. Cancellation does not interrupt it.
 * More than THRUM_RLOCK_DEPTH_MAX times stops the program. Blocks.
 * Python: multiprocessing.RLock.acquire(). Returns:
 *
 *  - 0
 *  - -EOWNERDEAD: the caller holds it, and its last holder died with it
 *  - -ENOTRECOVERABLE: the caller does not hold it; a holder that was told of a death released it
 *    without a call of thrum_shared_rlock_consistent */
THRUM_API THRUM_MUST_CHECK int thrum_shared_rlock_acquire(thrum_shared_rlock *lock);

/* Takes the lock if it is free, if it is the caller's, or if its holder is dead. Returns as
 * thrum_shared_rlock_acquire, or -EAGAIN if another holds it. Does not block. */
THRUM_API THRUM_MUST_CHECK int thrum_shared_rlock_try(thrum_shared_rlock *lock);

/* Takes the lock before `deadline`. Blocks. Returns as thrum_shared_rlock_acquire, or without the
 * lock:
 *
 *  - -ETIMEDOUT
 *  - -EAGAIN: the deadline is THRUM_NOW and another holds it
 *  - -ECANCELED: the running task was cancelled */
THRUM_API THRUM_MUST_CHECK int thrum_shared_rlock_acquire_until(thrum_shared_rlock *lock,
                                                                thrum_deadline deadline);

/* Says that what the lock protects is in order again, after -EOWNERDEAD. Only the holder may call
 * it. Does not block. */
THRUM_API void thrum_shared_rlock_consistent(thrum_shared_rlock *lock);

/* Takes one acquire back; the last one releases the lock and wakes a waiter. The caller must hold
 * it: another caller is stopped with a message. Does not block.
 * Python: multiprocessing.RLock.release(). */
THRUM_API void thrum_shared_rlock_release(thrum_shared_rlock *lock);

/* How often the calling thread or fiber holds the lock: 0 if not at all. Does not block. */
THRUM_API uint32_t thrum_shared_rlock_depth(const thrum_shared_rlock *lock);

/* The process that holds the lock at this moment, which may be dead, or 0; for displays. Does not
 * block. */
THRUM_API int32_t thrum_shared_rlock_holder(const thrum_shared_rlock *lock);

THRUM_END

#endif
