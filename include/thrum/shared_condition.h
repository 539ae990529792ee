/* A shared condition: a way to wait until another process has changed what a shared lock protects.
 *
 *     int rc = thrum_shared_lock_acquire(&mailbox->lock);          // the reader
 *     while (rc == 0 && mailbox->count == 0)
 *         rc = thrum_shared_condition_wait(&mailbox->changed, &mailbox->lock, THRUM_FOREVER);
 *     if (rc == -ENOTRECOVERABLE)
 *         return rc;                                               // the lock is not held
 *     if (rc == -EOWNERDEAD) {                                     // the last owner died with it
 *         repair(mailbox);
 *         thrum_shared_lock_consistent(&mailbox->lock);
 *     }
 *     if (rc == 0)
 *         mailbox->count--;
 *     thrum_shared_lock_release(&mailbox->lock);
 *
 * It lives in memory that processes share (MAP_SHARED), at any address in each, and has no
 * pointers. So each wait names the lock, which must be the same for all. Threads and fibers of all
 * processes wait for it in the same way. All-zero memory is a condition.
 *
 * Unlike thrum_condition, a wait may return 0 without a notify. The loop is needed for this reason
 * too.
 *
 * Python: multiprocessing.Condition.
 */
#ifndef THRUM_SHARED_CONDITION_H
#define THRUM_SHARED_CONDITION_H

#include <stdint.h>
#include <thrum/export.h>
#include <thrum/shared_lock.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Must not be copied or moved while in use. Fields are private. */
typedef struct thrum_shared_condition {
    uint32_t state_, reserved_;
} thrum_shared_condition;

/* Makes `condition` a condition, as all-zero memory is. No other process may use it meanwhile.
 * Cannot fail. */
THRUM_API void thrum_shared_condition_init(thrum_shared_condition *condition);

/* Releases the lock, waits for a notify, and acquires the lock again. The caller must hold the
 * lock, and holds it on every return but -ENOTRECOVERABLE. The deadline bounds the wait for the
 * notify, not the wait for the lock. Blocks. Python: Condition.wait(timeout).
 *
 * Returns:
 *     0                 notified, or a spurious wake-up
 *     -ETIMEDOUT        the deadline has passed
 *     -EAGAIN           the deadline is THRUM_NOW; the lock was not released
 *     -ECANCELED        the running task was cancelled
 *     -EOWNERDEAD       the last owner of the lock died with it
 *     -ENOTRECOVERABLE  the lock is lost for good, and the caller does not hold it
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_condition_wait(thrum_shared_condition *condition,
                                                           thrum_shared_lock *lock,
                                                           thrum_deadline deadline);

/* Notifies at least `count` waiters, or all if there are fewer. The caller must hold the lock. Does
 * not block. Python: Condition.notify(n). */
THRUM_API void thrum_shared_condition_notify(thrum_shared_condition *condition, uint32_t count);

/* Notifies all waiters. The caller must hold the lock. Does not block. Python:
 * Condition.notify_all(). */
THRUM_API void thrum_shared_condition_notify_all(thrum_shared_condition *condition);

THRUM_END

#endif
