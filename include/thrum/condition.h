/* A condition: a lock, and a way to wait until what it protects has changed.
 *
 *     static thrum_condition changed;         // all-zero has a lock of its own
 *     thrum_with (&changed) {                 // the consumer
 *         while (count == 0)
 *             if (thrum_condition_wait(&changed, THRUM_FOREVER) < 0)
 *                 return -ECANCELED;          // releases
 *         count--;
 *     }
 *     thrum_with (&changed) {                 // the producer
 *         count++;
 *         thrum_condition_notify(&changed, 1);
 *     }
 *
 * A notify moves the notified waiters to the lock's own queue, and each release of the lock wakes
 * one; they do not all wake and compete for the lock. A wait returns 0 only when it was notified:
 * there are no spurious wake-ups. But another thread may acquire the lock first and change the
 * state again, so keep the loop. Check the code in the loop: in a cancelled task each wait ends at
 * once.
 *
 * Python: threading.Condition, whose default lock is reentrant; this one is a plain lock. Ideas:
 * Hansen and Hoare's monitors with Mesa's semantics; wait morphing as in nsync.
 */
#ifndef THRUM_CONDITION_H
#define THRUM_CONDITION_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/lock.h>
#include <thrum/rlock.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Lives in the caller's memory and must not be copied or moved while in use. Fields are private. */
typedef struct thrum_condition {
    thrum_lock *shared_; /* the caller's lock, or NULL for `own_` */
    thrum_lock own_;
    void *waiters_;
    bool reentrant_; /* `shared_`, or `own_`, is that of a thrum_rlock */
} thrum_condition;

#define THRUM_CONDITION_INIT                                                                       \
    {                                                                                              \
        0, THRUM_LOCK_INIT, 0                                                                      \
    }

/* A condition on the caller's lock, as a static initialiser. */
#define THRUM_CONDITION_INIT_ON(lock)                                                              \
    {                                                                                              \
        (lock), THRUM_LOCK_INIT, 0                                                                 \
    }

/* Makes `condition` a condition on `lock`, which must outlive it and may serve several
 * conditions. With NULL it has a lock of its own. Cannot fail. Python: Condition(lock). */
THRUM_API void thrum_condition_init(thrum_condition *condition, thrum_lock *lock);

/* The same on a reentrant lock; with NULL it has one of its own, as Python's default has. A wait
 * undoes all acquires of the caller and restores them. Cannot fail. */
THRUM_API void thrum_condition_init_reentrant(thrum_condition *condition, thrum_rlock *lock);

/* Ends the use of `condition`: stops the program if it has waiters, or if its own lock is held.
 * Frees nothing. */
THRUM_API void thrum_condition_finish(thrum_condition *condition);

/* Acquires the condition's lock; see thrum_lock_acquire. */
THRUM_API void thrum_condition_acquire(thrum_condition *condition);

/* Acquires the condition's lock if it is free. Returns what thrum_lock_try returns. */
THRUM_API THRUM_MUST_CHECK int thrum_condition_try(thrum_condition *condition);

/* Acquires the condition's lock before the deadline. Returns what thrum_lock_acquire_until returns.
 * Blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_condition_acquire_until(thrum_condition *condition,
                                                             thrum_deadline deadline);

/* Releases the condition's lock; see thrum_lock_release. */
THRUM_API void thrum_condition_release(thrum_condition *condition);

/* Releases the lock, waits for a notify, and acquires the lock again: the caller holds it on every
 * return. The caller must hold the lock. The deadline bounds the wait for the notify, not the wait
 * for the lock. Blocks. Python: Condition.wait(timeout).
 *
 * Returns:
 *     0           notified
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW; the lock was not released
 *     -ECANCELED  the running task was cancelled */
THRUM_API THRUM_MUST_CHECK int thrum_condition_wait(thrum_condition *condition,
                                                    thrum_deadline deadline);

/* Waits until predicate(context) is true. Calls it under the lock, the first time before waiting.
 * Blocks. Python: Condition.wait_for().
 *
 * Returns:
 *     0           the predicate is true
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and the predicate is false
 *     -ECANCELED  the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_condition_wait_for(thrum_condition *condition,
                                                        bool (*predicate)(void *context),
                                                        void *context, thrum_deadline deadline);

/* Notifies at most `count` waiters, those that have waited longest. The caller must hold the
 * lock. Does not block. Python: Condition.notify(n). */
THRUM_API void thrum_condition_notify(thrum_condition *condition, uint32_t count);

/* Notifies all waiters. The caller must hold the lock. Does not block. Python:
 * Condition.notify_all(). */
THRUM_API void thrum_condition_notify_all(thrum_condition *condition);

THRUM_END

#endif
