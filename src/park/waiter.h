/* Waiters, and the queues that they stand in.
 *
 * A waiter is one place in one queue, on the stack of the blocked thread or fiber. The guard of the
 * queue protects its links and flags (for a condition: the condition's lock). The context's claim
 * word, not the waiter, decides the wait, so no thread needs the waiter after the guard is
 * released. A waiter leaves the queue before its frame ends: removed by the waker, or by itself
 * after a timeout or cancellation, always under the guard.
 *
 * Several waiters with one ticket, in several queues, are a wait for any of them.
 *
 * A queue is one word, the tail of a ring (tail->next is the head), NULL when empty.
 *
 * For the explorer a waiter's links and flags count as one place, its `next`.
 */
#ifndef THRUM_PARK_WAITER_H
#define THRUM_PARK_WAITER_H

#include "park/context.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct thrum__waiter {
    struct thrum__waiter *next, *prev; /* in the queue */
    thrum__context *context;           /* the waiting context */
    uint64_t ticket;                   /* the claim word of this wait while it is unclaimed */
    thrum_time since;                  /* a lock's: of its first sleep for it; 0 for none yet */
    bool queued;                       /* stands in a queue */
    bool claimed; /* is NOTIFIED already, and stands in a lock's queue for its turn only */
    bool granted; /* was handed the lock */
    bool shared;  /* wants to read only */
} thrum__waiter;

static inline bool thrum__waiters_empty(void *const *tail)
{
    thrum__plain_read(tail);
    return *tail == NULL;
}

static inline thrum__waiter *thrum__waiters_first(void *const *tail)
{
    thrum__plain_read(tail);
    thrum__waiter *last = *tail;
    return last ? last->next : NULL;
}

/* Whether the waiter is still in its queue. Under the guard. */
static inline bool thrum__waiter_queued(const thrum__waiter *waiter)
{
    thrum__plain_read(&waiter->next);
    return waiter->queued;
}

static inline void thrum__waiters_link(void **tail, thrum__waiter *waiter)
{
    thrum__waiter *last = *tail;
    thrum__plain_write(tail);
    thrum__plain_write(&waiter->next);
    waiter->queued = true;
    if (!last) {
        waiter->next = waiter->prev = waiter;
        *tail = waiter;
        return;
    }
    waiter->prev = last;
    waiter->next = last->next;
    thrum__plain_write(&waiter->next->next);
    thrum__plain_write(&last->next);
    waiter->next->prev = waiter;
    last->next = waiter;
}

static inline void thrum__waiters_push_back(void **tail, thrum__waiter *waiter)
{
    thrum__waiters_link(tail, waiter);
    *tail = waiter;
}

/* For a waiter that was woken and came too late: it keeps its place. */
static inline void thrum__waiters_push_front(void **tail, thrum__waiter *waiter)
{
    thrum__waiters_link(tail, waiter);
}

static inline void thrum__waiters_remove(void **tail, thrum__waiter *waiter)
{
    thrum__plain_write(tail);
    thrum__plain_write(&waiter->next);
    waiter->queued = false;
    if (waiter->next == waiter) {
        *tail = NULL;
        return;
    }
    thrum__plain_write(&waiter->prev->next);
    thrum__plain_write(&waiter->next->next);
    waiter->prev->next = waiter->next;
    waiter->next->prev = waiter->prev;
    if (*tail == waiter)
        *tail = waiter->prev;
}

#endif
