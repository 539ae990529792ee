/* A lock: one holder at a time.
 *
 *     static thrum_lock lock;                 // all-zero is an unlocked lock
 *     thrum_with (&lock)
 *         balance += amount;
 *
 * Replaces pthread_mutex_t, in 16 bytes: threads and fibers wait for it alike, it takes absolute
 * deadlines, and it knows its holder, so that releasing a lock that one does not hold, or taking
 * one that one already holds, stops the program with names instead of corrupting it.
 *
 * Order: barging, so that a running thread may take a free lock ahead of a waiting one, which
 * keeps throughput; but threads that fight for a lock take turns of a millisecond: one that has
 * waited so long is handed the lock by a release of one that has had it so long. The lock may be freed by whoever acquired it last, at once after the release.
 *
 * Differs from Python's threading.Lock in that only the holder may release it. Ideas: nsync (the
 * queue's guard in the lock word), parking_lot (hand-off after a time), Go (the starving mode).
 */
#ifndef THRUM_LOCK_H
#define THRUM_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Lives in the caller's memory and must not be copied or moved while in use. Fields are private. */
typedef struct thrum_lock {
    uint32_t state_;
    uint32_t owner_;
    void *waiters_;
} thrum_lock;

#define THRUM_LOCK_INIT                                                                            \
    {                                                                                              \
        0, 0, 0                                                                                    \
    }

/* Makes `lock` an unlocked lock, as all-zero memory and THRUM_LOCK_INIT are. Cannot fail. */
THRUM_API void thrum_lock_init(thrum_lock *lock);

/* Ends the use of `lock`: stops the program if it is held or waited for. Frees nothing, as a lock
 * owns nothing; calling it is a check, not a duty. */
THRUM_API void thrum_lock_finish(thrum_lock *lock);

/* Takes the lock, however long that takes. Cancellation does not interrupt it. Taking a lock that
 * one holds already stops the program. Blocks. Python: Lock.acquire(). */
THRUM_API void thrum_lock_acquire(thrum_lock *lock);

/* Takes the lock if it is free. Returns 0, or -EAGAIN if it is held (by the caller included).
 * Never blocks. Python: Lock.acquire(blocking=False). */
THRUM_API THRUM_MUST_CHECK int thrum_lock_try(thrum_lock *lock);

/* Takes the lock before `deadline`. Returns 0; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW
 * and the lock is held; -ECANCELED if the running task was cancelled; -EDEADLK at once if the
 * caller holds it already. Blocks. Python: Lock.acquire(timeout=...). */
THRUM_API THRUM_MUST_CHECK int thrum_lock_acquire_until(thrum_lock *lock, thrum_deadline deadline);

/* Gives the lock back and wakes a waiter if there is one. The caller must hold it: anyone else is
 * stopped with a message. Touches nothing of the lock once another may take it. Does not block.
 * Python: Lock.release(). */
THRUM_API void thrum_lock_release(thrum_lock *lock);

/* True if anyone holds the lock at this moment; for assertions and displays. Does not block.
 * Python: Lock.locked(). */
THRUM_API bool thrum_lock_locked(const thrum_lock *lock);

/* True if the calling thread or fiber holds the lock. Does not block. */
THRUM_API bool thrum_lock_owned(const thrum_lock *lock);

THRUM_END

#endif
