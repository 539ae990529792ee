/* The condition.
 *
 * Its queue of waiters needs no guard of its own: it belongs to the condition's lock, which wait
 * and notify must hold. A waiter queues, releases the lock and parks. From then on it is in one of
 * three places:
 *
 *     in the condition's queue     its claim is open
 *     in the lock's queue          a notify has claimed and moved it; a release will unpark it
 *     nowhere                      a release has unparked it, on the way to the lock; or its
 *                                  deadline or a cancellation has won, and it leaves the
 *                                  condition's queue once it has the lock again
 *
 * A notify drops a waiter whose claim is lost and takes the next, so no notify is spent on a waiter
 * that has given up. A waiter whose deadline passes after a notify has claimed it counts as
 * notified. It then waits only for the lock, which it needs anyway.
 *
 * The lock's release pairs with its next acquire; nothing else needs an order here.
 *
 * A condition may be freed once it has no waiters, by a caller that holds or held the lock after
 * them.
 *
 * Sources: Mesa's monitors (Lampson and Redell), wait morphing in nsync.
 */
#include "base/panic.h"
#include "base/probe.h"
#include "park/park.h"
#include "sync/lock.h"
#include "sync/rlock.h"
#include <thrum/condition.h>

#include <errno.h>

static thrum_lock *lock_of(thrum_condition *condition)
{
    return condition->shared_ ? condition->shared_ : &condition->own_;
}

void thrum_condition_init(thrum_condition *condition, thrum_lock *lock)
{
    *condition = (thrum_condition)THRUM_CONDITION_INIT_ON(lock);
    if (!lock)
        thrum__probe(made, THRUM__PROBE_LOCK, &condition->own_, 0, thrum__caller());
}

void thrum_condition_init_reentrant(thrum_condition *condition, thrum_rlock *lock)
{
    *condition = (thrum_condition)THRUM_CONDITION_INIT_ON(lock ? &lock->lock_ : NULL);
    condition->reentrant_ = true;
}

/* The same, as the reentrant lock that it is: the plain lock is its first member. */
static thrum_rlock *rlock_of(thrum_condition *condition)
{
    return (thrum_rlock *)lock_of(condition);
}

void thrum_condition_finish(thrum_condition *condition)
{
    /* Sees what a waiter wrote before it gave the lock up. */
    (void)thrum__load_acquire(&lock_of(condition)->state_);
    if (!thrum__waiters_empty(&condition->waiters_))
        thrum__panic(thrum__caller(),
                     "condition %p finished by thread \"%s\" while thread \"%s\" waits for it",
                     (void *)condition, thrum__self()->name,
                     thrum__waiters_first(&condition->waiters_)->context->name);
    if (!condition->shared_ && thrum_lock_locked(&condition->own_))
        thrum__lock_misuse(&condition->own_, "finished with its condition", thrum__caller());
    thrum__probe(gone, THRUM__PROBE_CONDITION, condition, thrum__caller());
    if (!condition->shared_)
        thrum__probe(gone, THRUM__PROBE_LOCK, &condition->own_, thrum__caller());
}

void thrum_condition_acquire(thrum_condition *condition)
{
    if (condition->reentrant_)
        thrum_rlock_acquire(rlock_of(condition));
    else
        thrum_lock_acquire(lock_of(condition));
}

int thrum_condition_try(thrum_condition *condition)
{
    return condition->reentrant_ ? thrum_rlock_try(rlock_of(condition))
                                 : thrum_lock_try(lock_of(condition));
}

int thrum_condition_acquire_until(thrum_condition *condition, thrum_deadline deadline)
{
    return condition->reentrant_ ? thrum_rlock_acquire_until(rlock_of(condition), deadline)
                                 : thrum_lock_acquire_until(lock_of(condition), deadline);
}

void thrum_condition_release(thrum_condition *condition)
{
    if (condition->reentrant_)
        thrum_rlock_release(rlock_of(condition));
    else
        thrum_lock_release(lock_of(condition));
}

static void require_lock(thrum_condition *condition, const char *what, const void *place)
{
    if (!thrum_lock_owned(lock_of(condition)))
        thrum__panic(place, "condition %p %s by thread \"%s\", which does not hold its lock",
                     (void *)condition, what, thrum__self()->name);
}

static int wait(thrum_condition *condition, thrum_deadline deadline, const void *place)
{
    require_lock(condition, "waited for", place);
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    thrum_lock *lock = lock_of(condition);
    thrum__waiter waiter;
    int rc = thrum__wait_begin(&waiter, true);
    if (rc < 0)
        return rc;
    thrum__memory_live(&waiter);
    thrum__waiters_push_back(&condition->waiters_, &waiter);
    uint32_t depth = condition->reentrant_ ? thrum__rlock_give_up(rlock_of(condition)) : 0;
    thrum__lock_release(lock);
    thrum__probe(wanted, THRUM__PROBE_CONDITION, condition, 0, place, 0);
    thrum__probe(wanted, THRUM__PROBE_LOCK, lock, THRUM__PROBE_AGAIN, place, 0);
    rc = thrum__wait(&waiter, deadline, "condition", condition);
    if (rc == 0) {
        thrum__lock_acquire_woken(lock, &waiter, place);
    } else {
        thrum__lock_acquire(lock, place);
        if (thrum__waiter_queued(&waiter))
            thrum__waiters_remove(&condition->waiters_, &waiter);
    }
    thrum__memory_dead(&waiter);
    if (depth)
        thrum__rlock_restore(rlock_of(condition), depth);
    return rc;
}

int thrum_condition_wait(thrum_condition *condition, thrum_deadline deadline)
{
    return wait(condition, deadline, thrum__caller());
}

int thrum_condition_wait_for(thrum_condition *condition, bool (*predicate)(void *context),
                             void *context, thrum_deadline deadline)
{
    const void *place = thrum__caller();
    require_lock(condition, "waited for", place);
    while (!predicate(context)) {
        int rc = wait(condition, deadline, place);
        if (rc < 0)
            return predicate(context) ? 0 : rc;
    }
    return 0;
}

static void notify(thrum_condition *condition, uint32_t count)
{
    thrum__waiter *waiter;
    if (!thrum__waiters_empty(&condition->waiters_)) /* to tell nobody orders nothing */
        thrum__probe(told, THRUM__PROBE_CONDITION, condition, 1);
    while (count-- > 0 && (waiter = thrum__waiters_claim_first(&condition->waiters_)))
        thrum__lock_enqueue(lock_of(condition), waiter);
}

void thrum_condition_notify(thrum_condition *condition, uint32_t count)
{
    require_lock(condition, "notified", thrum__caller());
    notify(condition, count);
}

void thrum_condition_notify_all(thrum_condition *condition)
{
    require_lock(condition, "notified", thrum__caller());
    notify(condition, UINT32_MAX);
}
