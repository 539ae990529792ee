/* A wait in several conditions at once, for one notify of any of them.
 *
 * A place is one waiter in one condition. All places of a wait share its claim, so exactly one
 * notify is spent on it. A later notify of another place finds the claim lost, drops the place and
 * takes the next waiter of its own condition. So no notify is lost to a waiter that needed none,
 * and nothing has to be passed on.
 *
 * No notify may come between opening the wait and queueing its places, and a thread in an open wait
 * may take no lock. So the caller holds the locks of all conditions when it calls
 * thrum__conditions_wait. They must be different locks, and all callers take them in one order.
 */
#ifndef THRUM_SYNC_CONDITIONS_H
#define THRUM_SYNC_CONDITIONS_H

#include "park/waiter.h"
#include <thrum/condition.h>

/* Whether anyone waits for the condition. Under its lock. */
static inline bool thrum__condition_waited(const thrum_condition *condition)
{
    return !thrum__waiters_empty(&condition->waiters_);
}

typedef struct thrum__condition_place {
    thrum_condition *condition; /* with a plain lock */
    thrum__waiter waiter;
} thrum__condition_place;

/* Queues in all places, releases all locks and waits. Returns 0 with only the lock of the condition
 * at `*ret_index` held again, whose notify ended the wait; -ETIMEDOUT or -ECANCELED with no lock
 * held. Once that lock is released, the places must be left. `kind` and `object` tell watchers what
 * is waited for. */
int thrum__conditions_wait(thrum__condition_place *places, size_t count, thrum_time deadline,
                           const char *kind, const void *object, size_t *ret_index);

/* Takes the waiters of a wait that has ended out of all queues that they still stand in, taking one
 * lock after the other. The caller holds none of them. */
void thrum__conditions_leave(thrum__condition_place *places, size_t count);

#endif
