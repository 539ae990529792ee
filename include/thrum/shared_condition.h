/* A condition between processes: a way to wait until what a shared lock protects has changed.
 *
 *     int rc = thrum_shared_lock_acquire(&mailbox->lock);          // the reader
 *     while (rc == 0 && mailbox->count == 0)
 *         rc = thrum_shared_condition_wait(&mailbox->changed, &mailbox->lock, THRUM_FOREVER);
 *     if (rc == 0)
 *         mailbox->count--;
 *     if (rc != -ENOTRECOVERABLE)          // then the lock is not held
 *         thrum_shared_lock_release(&mailbox->lock);
 *
 * It lives in memory that is shared by processes (MAP_SHARED), at any address in each, and holds no
 * pointers; so each wait names the lock, which must be the same for all. Threads and fibers of all
 * processes wait alike. All-zero memory is a condition.
 *
 * Unlike thrum_condition a wait may end though nobody has notified, so the while is needed twice over.
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

/* Makes `condition` one, as all-zero memory is. Nobody may use it meanwhile. Cannot fail. */
THRUM_API void thrum_shared_condition_init(thrum_shared_condition *condition);

/* Releases the lock, waits to be notified, and takes the lock again. The caller must hold it. Returns 0
 * when notified, or for no reason; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW (the lock is then
 * not released); -ECANCELED if the running task was cancelled. The lock is held again after each of
 * these, and after -EOWNERDEAD, which says besides that its last holder died with it; not after
 * -ENOTRECOVERABLE. The deadline bounds the wait for the notify, not that for the lock. Blocks.
 * Python: Condition.wait(timeout). */
THRUM_API THRUM_MUST_CHECK int thrum_shared_condition_wait(thrum_shared_condition *condition,
                                                           thrum_shared_lock *lock,
                                                           thrum_deadline deadline);

/* Lets at least `count` waiters go on, if there are so many. The caller must hold the lock. Does not block.
 * Python: Condition.notify(n). */
THRUM_API void thrum_shared_condition_notify(thrum_shared_condition *condition, uint32_t count);

/* Lets all waiters go on. The caller must hold the lock. Does not block.
 * Python: Condition.notify_all(). */
THRUM_API void thrum_shared_condition_notify_all(thrum_shared_condition *condition);

THRUM_END

#endif
