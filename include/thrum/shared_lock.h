/* A shared lock: a lock between processes that survives the death of its owner.
 *
 *     struct account {                        // in memory that processes share: shared_memory.h
 *         thrum_shared_lock lock;             // all-zero is an unlocked lock
 *         long balance, pending;
 *     };
 *
 *     int rc = thrum_shared_lock_acquire(&account->lock);
 *     if (rc == -ENOTRECOVERABLE)
 *         return rc;                          // the lock is not held
 *     if (rc == -EOWNERDEAD) {                // the lock is held; its last owner died with it
 *         account->pending = 0;               // repair what the owner may have left half done
 *         thrum_shared_lock_consistent(&account->lock);
 *     }
 *     account->balance += amount;
 *     thrum_shared_lock_release(&account->lock);
 *
 * It lives in memory that processes share (MAP_SHARED), at any address in each, and has no
 * pointers. Threads and fibers of all processes wait for it in the same way. The lock knows its
 * owner by process and thread or fiber: a mistake stops the program with a message.
 *
 * When a process dies while it holds the lock (SIGKILL, exit, a crash), the next caller acquires
 * the lock with -EOWNERDEAD. If this caller releases it without thrum_shared_lock_consistent, the
 * lock is lost for good: every caller gets -ENOTRECOVERABLE until thrum_shared_lock_init. Waiters
 * notice a death within 0.1 seconds. The processes must be of one pid namespace.
 *
 * Order: none. A running caller may acquire a free lock before a waiter does. Use thrum_lock, which
 * is fair, for the threads of one process. thrum_with does not take a shared lock, because the
 * block could not see -EOWNERDEAD.
 *
 * Python: multiprocessing.Lock, which a dead owner leaves locked. Idea: the robust mutexes of
 * POSIX.
 */
#ifndef THRUM_SHARED_LOCK_H
#define THRUM_SHARED_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Must not be copied or moved while in use. Fields are private. */
typedef struct thrum_shared_lock {
    uint64_t state_;
    uint64_t owner_;
} thrum_shared_lock;

#define THRUM_SHARED_LOCK_INIT                                                                     \
    {                                                                                              \
        0, 0                                                                                       \
    }

/* Makes `lock` an unlocked lock, as all-zero memory is. No other process may use it meanwhile.
 * Cannot fail. */
THRUM_API void thrum_shared_lock_init(thrum_shared_lock *lock);

/* Acquires the lock, without a limit of time. Cancellation does not interrupt the wait. A caller
 * that already holds the lock stops the program. Blocks. Python: multiprocessing.Lock.acquire().
 *
 * Returns:
 *     0                 the caller holds the lock
 *     -EOWNERDEAD       the caller holds the lock; its last owner died with it
 *     -ENOTRECOVERABLE  the lock is lost for good; the caller does not hold it
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_lock_acquire(thrum_shared_lock *lock);

/* Acquires the lock if it is free or its owner is dead. Does not block.
 *
 * Returns:
 *     0                 the caller holds the lock
 *     -EOWNERDEAD       the caller holds the lock; its last owner died with it
 *     -EAGAIN           the lock is held, by the caller or another
 *     -ENOTRECOVERABLE  the lock is lost for good
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_lock_try(thrum_shared_lock *lock);

/* Acquires the lock before the deadline. Blocks.
 *
 * Returns:
 *     0                 the caller holds the lock
 *     -EOWNERDEAD       the caller holds the lock; its last owner died with it
 *     -ETIMEDOUT        the deadline has passed
 *     -EAGAIN           the deadline is THRUM_NOW and the lock is held
 *     -ECANCELED        the running task was cancelled
 *     -EDEADLK          the caller already holds it; at once
 *     -ENOTRECOVERABLE  the lock is lost for good
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_lock_acquire_until(thrum_shared_lock *lock,
                                                               thrum_deadline deadline);

/* Declares, after -EOWNERDEAD, that what the lock protects is in order again. Only the owner may
 * call it. Does not block. POSIX: pthread_mutex_consistent. */
THRUM_API void thrum_shared_lock_consistent(thrum_shared_lock *lock);

/* Releases the lock and wakes a waiter if there is one. A caller that does not hold the lock stops
 * the program. Touches nothing of the lock once another caller can acquire it. Does not block.
 * Python: multiprocessing.Lock.release(). */
THRUM_API void thrum_shared_lock_release(thrum_shared_lock *lock);

/* True if the calling thread or fiber holds the lock. Does not block. */
THRUM_API bool thrum_shared_lock_owned(const thrum_shared_lock *lock);

/* The process that holds the lock at this moment, which may be dead, or 0; for displays. Does not
 * block. */
THRUM_API int32_t thrum_shared_lock_holder(const thrum_shared_lock *lock);

THRUM_END

#endif
