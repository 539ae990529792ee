/* Waiting for one of several things: what an object supplies so that thrum_select can wait for it.
 * The protocol is explained in select.c. */
#ifndef THRUM_PARK_SELECT_H
#define THRUM_PARK_SELECT_H

#include "park/poll_park.h"
#include "park/waiter.h"

#include <thrum/select.h>

typedef struct thrum__select thrum__select;

/* A case of a select that waits: its place in the queue of its object. */
typedef struct thrum__select_place {
    thrum__waiter waiter; /* first: who has the waiter has the place */
    thrum_case *of;
    thrum__select *select;
    bool was_woken;   /* a lock's: it was woken once in this select, and keeps its turn */
    uint64_t room[4]; /* the object's, while the waiter is in its queue */
} thrum__select_place;

/* How cases of one kind are looked at, waited for and performed. What is optional may be NULL. */
typedef struct thrum__case_ops {
    /* Performs the case if it is ready. Does not wait. Returns -EAGAIN if it is not ready; all else is
     * the code of the case, which was performed. */
    int (*attempt)(thrum_case *of);

    /* Optional: an object whose queue is behind a lock and not behind a guard. `hold` takes the lock
     * of `object_` and lets nobody make it ready; may wait. Once it is held, `attempt_held` is called
     * as `attempt` would be; then `enqueue`, which adds the waiter and returns true. `let_go` undoes it
     * and does not wait. */
    void (*hold)(void *object);
    void (*let_go)(void *object);
    int (*attempt_held)(thrum_case *of);

    /* Optional, once before the first wait: gives the processor away where that is likely to make the case
     * ready. Returns true if it did. */
    bool (*give_way)(const thrum_case *of);

    /* Optional: before the wait opens. May not wait. For thrum__select_poll and thrum__select_limit. */
    void (*prepare)(thrum__select_place *place);

    /* In the open wait: looks, and queues the place's waiter, in one step against those that make the case
     * ready. Returns false if it is ready; takes nothing then. May not wait. NULL: there is no queue. */
    bool (*enqueue)(thrum__select_place *place);

    /* Takes the waiter out, if it is queued still. Not called for the place that was claimed. */
    void (*withdraw)(thrum__select_place *place);

    /* Optional: the claimed place performs its case. Returns as attempt; -EAGAIN if another was faster. NULL
     * stands for 0: who claimed it has performed it. */
    int (*settle)(thrum__select_place *place);

    /* Optional: tells a watcher what follows from a case that was performed with code 0 (base/probe.h). */
    void (*learned)(const thrum_case *of);

    /* A worker of a pool that waits for it lets another worker step in. */
    bool lets_another_in;
} thrum__case_ops;

/* As thrum_select. With `in_order` the ready case with the lowest index is performed; then all cases have
 * `hold`, and the look at them is as of one moment. `kind` says what is waited for, to watchers. */
int thrum__select_cases(thrum_case *cases, size_t count, bool in_order, const char *kind,
                        thrum_deadline deadline);

/* For prepare: the wait ends at `moment`, and then this place is settled. */
void thrum__select_limit(thrum__select_place *place, thrum_deadline moment);

/* For prepare, on an OS thread: the wait ends when `descriptor` is ready on `side`, and the place is
 * then claimed. */
void thrum__select_poll(thrum__select_place *place, int descriptor, int side);

/* The place of a waiter that stands in an object's queue. */
static inline thrum__select_place *thrum__select_place_of(thrum__waiter *waiter)
{
    return (thrum__select_place *)(void *)waiter;
}

#endif
