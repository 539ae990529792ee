/* The condition between processes.
 *
 * One word: a count of notifies, and below it the bit WAITERS, which says that a waiter has come
 * since the last time that all were awake. Only the owner of the lock changes the word. A waiter
 * sets WAITERS before it releases the lock and then sleeps while the word is unchanged. A notify
 * increments the count, which ends every wait that had begun, and wakes as many sleepers as it is
 * for. Other sleepers continue, because the kernel compares only at the beginning. Waiters that
 * were not yet asleep do not fall asleep. So a wait may end without a notify of its own, and never
 * misses one.
 *
 * If a notify woke fewer than it wanted, no waiter sleeps any more, and it clears WAITERS. Without
 * waiters a notify makes no system call and changes nothing. It does not clear WAITERS for a waiter
 * with a proxy, which may be awake for a moment; that waiter finds its word changed.
 *
 * A notify has two halves for a caller that must be safe from death in between (queue.c): first the
 * count, then the change that it announces, then the wake. A process that dies after the first half
 * has at least ended all waits. The sleepers find that out at the end of their slice, wait for the
 * lock, and learn that its owner died.
 */
#include "shared/condition.h"
#include "base/futex.h"
#include "base/panic.h"
#include "park/context.h"
#include "shared/wait.h"

#include <errno.h>
#include <limits.h>

enum { WAITERS = 1, ONE = 2 };

void thrum_shared_condition_init(thrum_shared_condition *condition)
{
    *condition = (thrum_shared_condition){0, 0};
}

bool thrum__shared_condition_announce(thrum_shared_condition *condition)
{
    uint32_t state = thrum__load_relaxed(&condition->state_);
    if (!(state & WAITERS))
        return false;
    thrum__store_release(&condition->state_, state + ONE);
    return true;
}

void thrum__shared_condition_wake(thrum_shared_condition *condition, uint32_t count)
{
    int most = count > INT_MAX ? INT_MAX : (int)count;
    if (thrum__futex_wake_shared(&condition->state_, most) < most)
        thrum__and_relaxed(&condition->state_, ~(uint32_t)WAITERS);
}

void thrum_shared_condition_notify(thrum_shared_condition *condition, uint32_t count)
{
    if (count && thrum__shared_condition_announce(condition))
        thrum__shared_condition_wake(condition, count);
}

void thrum_shared_condition_notify_all(thrum_shared_condition *condition)
{
    thrum_shared_condition_notify(condition, UINT32_MAX);
}

int thrum_shared_condition_wait(thrum_shared_condition *condition, thrum_shared_lock *lock,
                                thrum_deadline deadline)
{
    if (!thrum_shared_lock_owned(lock))
        thrum__panic(thrum__caller(),
                     "shared condition %p waited for by thread \"%s\", which does not hold lock %p",
                     (const void *)condition, thrum__self()->name, (const void *)lock);
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    uint32_t state = thrum__load_relaxed(&condition->state_) | WAITERS;
    thrum__store_relaxed(&condition->state_, state);
    thrum_shared_lock_release(lock);
    int rc = 0;
    while (rc == 0 && thrum__load_acquire(&condition->state_) == state)
        rc = thrum__shared_wait(&condition->state_, state, thrum__shared_slice, deadline, true,
                                "shared condition", condition);
    if (rc < 0 && thrum__load_acquire(&condition->state_) / ONE != state / ONE)
        rc = 0; /* the notify and the end came together; it may have been for this one */
    int locked = thrum_shared_lock_acquire(lock);
    return locked < 0 ? locked : rc;
}
