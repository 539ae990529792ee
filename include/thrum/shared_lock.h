/* A lock between processes, which survives the death of its holder.
 *
 *     struct account {                        // in memory that processes share: shared_memory.h
 *         thrum_shared_lock lock;             // all-zero is an unlocked lock
 *         long balance, pending;
 *     };
 *
 *     int rc = thrum_shared_lock_acquire(&account->lock);
 *     if (rc == -EOWNERDEAD) {                // we have it; the one before died with it
 *         account->pending = 0;               // put right what it may have left half done
 *         thrum_shared_lock_consistent(&account->lock);
 *     }
 *     account->balance += amount;
 *     thrum_shared_lock_release(&account->lock);
 *
 * It lives in memory that is shared by processes, of whatever origin (MAP_SHARED), at any address in each,
 * and holds no pointers. Threads and fibers of all of them wait for it alike; a fiber holds a lock, not
 * its thread. Its holder is known by process and thread or fiber, so that a mistake stops the program
 * with a message.
 *
 * When a process dies with it, however that is (SIGKILL, exit, a crash), the next to acquire it is told so by
 * -EOWNERDEAD and holds it. If that one gives it back without having called
 * thrum_shared_lock_consistent, the lock is lost for good: everybody gets -ENOTRECOVERABLE until
 * thrum_shared_lock_init. Waiters notice a death within a tenth of a second. Processes must be of one
 * pid namespace.
 *
 * Order: none; who runs may take a free lock ahead of one who waits. For threads of one process use
 * thrum_lock, which is fair. thrum_with does not take this one: a block could not know how it got it.
 *
 * Python: multiprocessing.Lock, which a dead holder leaves locked. Idea: the robust mutexes of POSIX.
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

/* Makes `lock` an unlocked lock, as all-zero memory is. Nobody may use it meanwhile. Cannot fail. */
THRUM_API void thrum_shared_lock_init(thrum_shared_lock *lock);

/* Takes the lock, however long that takes. Cancellation does not interrupt it. Returns 0; -EOWNERDEAD if
 * it is held now, but its last holder has died; -ENOTRECOVERABLE, without the lock, if that was not put
 * right. Taking a lock that one holds already stops the program. Blocks.
 * Python: multiprocessing.Lock.acquire(). */
THRUM_API THRUM_MUST_CHECK int thrum_shared_lock_acquire(thrum_shared_lock *lock);

/* Takes the lock if it is free, or its holder is dead. Returns as thrum_shared_lock_acquire, or -EAGAIN if
 * it is held (by the caller included). Does not block. */
THRUM_API THRUM_MUST_CHECK int thrum_shared_lock_try(thrum_shared_lock *lock);

/* Takes the lock before `deadline`. Returns as thrum_shared_lock_acquire, and without the lock
 * -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW and the lock is held; -ECANCELED if the running task
 * was cancelled; -EDEADLK at once if the caller holds it already. Blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_shared_lock_acquire_until(thrum_shared_lock *lock,
                                                               thrum_deadline deadline);

/* Says that what the lock protects is in order again, after -EOWNERDEAD. Only its holder may call it. Does
 * not block. POSIX: pthread_mutex_consistent. */
THRUM_API void thrum_shared_lock_consistent(thrum_shared_lock *lock);

/* Gives the lock back and wakes a waiter if there is one. The caller must hold it: anyone else is stopped
 * with a message. Touches nothing of the lock once another may take it. Does not block.
 * Python: multiprocessing.Lock.release(). */
THRUM_API void thrum_shared_lock_release(thrum_shared_lock *lock);

/* True if the calling thread or fiber holds the lock. Does not block. */
THRUM_API bool thrum_shared_lock_owned(const thrum_shared_lock *lock);

/* The process that holds the lock at this moment, which may be dead, or 0; for displays. Does not block. */
THRUM_API int32_t thrum_shared_lock_holder(const thrum_shared_lock *lock);

THRUM_END

#endif
