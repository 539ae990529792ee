/* A reentrant lock: its holder may take it again.
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
 * It is the lock of lock.h with a depth beside the holder, in the same 16 bytes: only the holder's
 * last release gives it back. Use it where a function that holds the lock calls another that needs
 * it too; where you can split the inner function off, a plain lock says more.
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

/* How often one may hold it: one more stops the program, as it is a recursion without end. */
#define THRUM_RLOCK_DEPTH_MAX UINT32_C(0xfffff)

/* Makes `lock` an unlocked one, as all-zero memory and THRUM_RLOCK_INIT are. Cannot fail. */
THRUM_API void thrum_rlock_init(thrum_rlock *lock);

/* Ends the use of `lock`: stops the program if it is held or waited for. Frees nothing. */
THRUM_API void thrum_rlock_finish(thrum_rlock *lock);

/* Takes the lock, however long that takes, or once more if the caller holds it. Cancellation does
 * not interrupt it. Blocks. Python: RLock.acquire(). */
THRUM_API void thrum_rlock_acquire(thrum_rlock *lock);

/* Takes the lock if it is free or the caller's. Returns 0, or -EAGAIN. Never blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_rlock_try(thrum_rlock *lock);

/* Takes the lock before `deadline`. Returns 0; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW and
 * another holds it; -ECANCELED if the running task was cancelled. Blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_rlock_acquire_until(thrum_rlock *lock,
                                                         thrum_deadline deadline);

/* Takes one acquire back; the last one gives the lock away and wakes a waiter. The caller must hold
 * it: anyone else is stopped with a message. Does not block. Python: RLock.release(). */
THRUM_API void thrum_rlock_release(thrum_rlock *lock);

/* True if anyone holds the lock at this moment. Does not block. */
THRUM_API bool thrum_rlock_locked(const thrum_rlock *lock);

/* How often the caller holds it: 0 if not at all. Does not block. */
THRUM_API uint32_t thrum_rlock_depth(const thrum_rlock *lock);

THRUM_END

#endif
