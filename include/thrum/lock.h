/* A lock: at most one thread or fiber holds it.
 *
 *     static thrum_lock lock;                 // all-zero is an unlocked lock
 *     thrum_with (&lock)
 *         balance += amount;
 *
 * It replaces pthread_mutex_t, in 16 bytes. Threads and fibers wait for it in the same way,
 * deadlines are absolute, and the lock knows its owner. Two mistakes stop the program, with the
 * names of lock and thread: releasing a lock that the caller does not hold, and acquiring it twice.
 *
 * Order: barging. A running thread may acquire a free lock before a waiter does, which keeps
 * throughput high. Once a waiter has queued for 1 ms and the owner has held its turn for 1 ms,
 * release hands the lock over. The thread that acquired the lock last may free it right after the
 * release.
 *
 * Differs from Python's threading.Lock: only the owner may release it. Ideas: nsync (the queue's
 * guard in the lock word), parking_lot (hand-off after a time), Go (the starvation mode).
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

/* Ends the use of `lock`: stops the program if it is held or waited for. Frees nothing; the call
 * is a check and optional. */
THRUM_API void thrum_lock_finish(thrum_lock *lock);

/* Acquires the lock, without a limit of time. Cancellation does not interrupt the wait. A caller
 * that already holds the lock stops the program. Blocks. Python: Lock.acquire(). */
THRUM_API void thrum_lock_acquire(thrum_lock *lock);

/* Acquires the lock if it is free. Never blocks. Python: Lock.acquire(blocking=False).
 *
 * Returns:
 *     0        the caller holds the lock
 *     -EAGAIN  the lock is held, by the caller or another */
THRUM_API THRUM_MUST_CHECK int thrum_lock_try(thrum_lock *lock);

/* Acquires the lock before the deadline. Blocks. Python: Lock.acquire(timeout=...).
 *
 * Returns:
 *     0           the caller holds the lock
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and the lock is held
 *     -ECANCELED  the running task was cancelled
 *     -EDEADLK    the caller already holds it; at once
 */
THRUM_API THRUM_MUST_CHECK int thrum_lock_acquire_until(thrum_lock *lock, thrum_deadline deadline);

/* Releases the lock and wakes a waiter if there is one. A caller that does not hold the lock stops
 * the program. Touches nothing of the lock once another thread can acquire it. Does not block.
 * Python: Lock.release(). */
THRUM_API void thrum_lock_release(thrum_lock *lock);

/* True if the lock is held at this moment; for assertions and displays. Does not block. Python:
 * Lock.locked(). */
THRUM_API bool thrum_lock_locked(const thrum_lock *lock);

/* True if the calling thread or fiber holds the lock. Does not block. */
THRUM_API bool thrum_lock_owned(const thrum_lock *lock);

THRUM_END

#endif
