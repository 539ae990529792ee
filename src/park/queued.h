/* Waiting in the queue of an object: the loop of wait or withdraw.
 *
 * A readers-writer lock that is taken, a semaphore without permits, an event that is not set, a
 * future that has not ended: all are waited for in the same steps. The object brings two functions,
 * and this file the order of the steps:
 *
 *     begin      opens the claim; with a request to stop pending, that is all
 *     enqueue    under the guard of the object: looks, and queues the waiter or takes what is there
 *     wait       if it is queued: sleeps until a waker, the deadline or a canceller wins the claim
 *     withdraw   if no waker won: takes the waiter out of the queue
 *     abandon    if it is not queued: closes the claim
 *
 * The claim opens before the waiter is in a queue, so a waker never finds a waiter without an open
 * claim. From then on a canceller may win it at any step. Therefore every path closes the claim:
 * the wait does, or the abandon does, which also takes the wake-up that a canceller owes.
 *
 * A waker that wins has taken the waiter out of the queue before. So a wait that returned 0 takes
 * the guard no second time. A waker that loses has taken the waiter out as well, so withdraw looks
 * whether the waiter is still queued. If a withdrawal lets others in (a writer that gives up lets
 * the readers behind it in), withdraw admits them.
 *
 * Enqueue must look and queue in one step against the waker: in the compare-and-swap that takes the
 * guard, or under the guard. Else a wake-up falls between the look and the queue and is lost.
 *
 * The waiter belongs to the caller and may be a member of something larger, which enqueue finds by
 * it. Its frame ends when this returns; then it is in no queue.
 *
 * What is not here: a wait that enters with the guard held (lock, barrier), that must release
 * another lock in between (condition), or that stands in several queues and leaves all of them
 * whatever woke it (several futures, several conditions, a descriptor). These have their own order
 * of steps.
 */
#ifndef THRUM_PARK_QUEUED_H
#define THRUM_PARK_QUEUED_H

#include "park/deadlock.h"

#include <thrum/time.h>

/* How an object queues a waiter. */
typedef struct thrum__queue_ops {
    /* Queues the waiter and returns true; or returns false, because what it would wait for is there
     * (and, if that can be taken, is taken now). */
    bool (*enqueue)(void *object, thrum__waiter *waiter);
    /* Takes the waiter out, if it is queued still, after a wait that failed. */
    void (*withdraw)(void *object, thrum__waiter *waiter);
} thrum__queue_ops;

/* Waits in the queue of `object` until a waker claims `waiter`, or until enqueue finds that no wait
 * is needed. `kind` without an owner keeps the wait out of the search for deadlocks; `place` is the
 * caller's, or NULL.
 *
 * Returns:
 *     0            it was woken, or what it waits for was there
 *     -ETIMEDOUT   the deadline passed
 *     -ECANCELED   `cancellable`, and the running task was asked to stop
 */
int thrum__wait_queued(void *object, const thrum__queue_ops *ops, thrum__waiter *waiter,
                       const thrum__wait_kind *kind, thrum_deadline deadline, bool cancellable,
                       const void *place);

#endif
