/* Parking: the only way to wait.
 *
 * A wait has four steps, whatever it waits for:
 *
 *     thrum__waiter w;
 *     1  rc = thrum__wait_begin(&w, cancellable)   opens the claim; -ECANCELED: do not wait
 *     2  put w into the object's queue, under its guard; release the guard
 *     3  rc = thrum__wait(&w, deadline, kind, object)
 *     4  if rc != 0: take w out of the queue, under the guard, if w.queued still
 *
 * and a wake has three:
 *
 *     1  under the guard, take a waiter w out of the queue
 *     2  won = thrum__claim_waiter(w); if not, forget w: its owner has given up
 *     3  after the release of the guard: thrum__unpark(context of w)
 *
 * Between 1 and 2 of the wait only a canceller can know of it. A wait that has begun must go
 * through step 3, which settles with the canceller, or through thrum__wait_abandon.
 *
 * The winner of a claim owes exactly one unpark, and the owner does not leave step 3 before it
 * came. So a fiber is never run twice, no stale token is left for the next wait, and the waker may
 * read w after it has won: its frame stands until the unpark. After the unpark w is gone.
 *
 * Cancellation is in scope.h.
 */
#ifndef THRUM_PARK_PARK_H
#define THRUM_PARK_PARK_H

#include "park/waiter.h"

#include <thrum/time.h>

/* Opens a wait of the calling context. Returns 0, or -ECANCELED, with no wait open, if
 * `cancellable` and the running task was asked to stop. */
int thrum__wait_begin(thrum__waiter *waiter, bool cancellable);

/* Sleeps until the wait is claimed or its deadline passes. Returns 0 (notified), -ETIMEDOUT or
 * -ECANCELED. `kind` and `object` say what is waited for, to watchers. */
int thrum__wait(thrum__waiter *waiter, thrum_deadline deadline, const char *kind,
                const void *object);

/* Settles a wait that was begun and put into no queue, because what it was for is there. */
void thrum__wait_abandon(thrum__waiter *waiter);

/* Tries to end the wait that `ticket` stands for with `outcome`. True for exactly one caller. */
bool thrum__claim(thrum__context *context, uint64_t ticket, enum thrum__claim_state outcome);

/* The same, as a waker, and remembers it in the waiter. False also for a waiter that a fork has left
 * behind in the parent. */
bool thrum__claim_waiter(thrum__waiter *waiter);

/* Pays the debt of a won claim. */
static inline void thrum__unpark(thrum__context *context)
{
    context->ops->unpark(context);
}

/* Takes waiters from the head of a queue until one is won, and gives that one; NULL when the queue
 * is empty. Under the guard. */
thrum__waiter *thrum__waiters_claim_first(void **tail);

/* The same for at most `most`, and gives them as a chain linked by `next`; adds their number to
 * `*ret_won`. Under the guard. */
thrum__waiter *thrum__waiters_claim_chain(void **tail, uint32_t most, uint32_t *ret_won);

/* Takes the waiter of a wait that ended without a wake out of its queue, if it is in it still.
 * `word` is the object's state word, with the bits that guard its queue and say that it is not
 * empty. */
void thrum__waiter_withdraw(thrum__waiter *waiter, void **tail, uint32_t *word, uint32_t guard,
                            uint32_t waiters);

/* Unparks a chain of claimed waiters, linked by `next` and ended by NULL. */
void thrum__unpark_chain(thrum__waiter *chain);

#endif
