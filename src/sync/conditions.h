/* Waiting in several conditions at once, for one notify of any of them.
 *
 * A place is one waiter in one condition. All places of a wait share its claim, so that exactly one
 * notify is spent on it; one that comes later to another place finds the claim lost, drops the
 * place and takes the next waiter of its own condition. That is why no notify is lost to somebody
 * who needed none, and why nothing has to be passed on.
 *
 * The wait must be opened and put in its places with no notify between, and nobody may take a lock
 * within an open wait: so the caller holds the locks of all conditions when it calls
 * thrum__conditions_wait. They must be different locks, and all who do this take them in one order.
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

/* Queues in all places, releases all locks and waits. Returns 0 with the lock of the condition at
 * `*ret_index`, whose notify it was, held again, and no other; -ETIMEDOUT or -ECANCELED with none
 * held. Once that lock is released, the places must be left. `kind` and `object` say what is waited
 * for, to those who watch. */
int thrum__conditions_wait(thrum__condition_place *places, size_t count, thrum_time deadline,
                           const char *kind, const void *object, size_t *ret_index);

/* Takes the waiters of a wait that has ended out of all queues that they still stand in, taking one
 * lock after the other. The caller holds none of them. */
void thrum__conditions_leave(thrum__condition_place *places, size_t count);

#endif
