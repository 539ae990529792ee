/* How an OS thread waits for a descriptor: see poll_park.c. */
#ifndef THRUM_PARK_POLL_PARK_H
#define THRUM_PARK_POLL_PARK_H

#include "base/poller.h"
#include "park/park.h"

/* The wake descriptor of the calling thread's context, or -1 where the system refuses one. */
int thrum__wake_descriptor(thrum__context *self);

/* The descriptors that a wait is for, and the waiter of each: it is claimed when the descriptor is
 * ready. */
typedef struct thrum__polls {
    thrum__polled *polled; /* with room for one more */
    thrum__waiter **waiters;
    uint32_t count;
} thrum__polls;

/* Around a wait of the calling OS thread, from before thrum__wait_begin to after thrum__wait. All waiters
 * have the ticket of that wait. */
void thrum__poll_park_begin(thrum__context *self, thrum__polls *polls);
void thrum__poll_park_end(thrum__context *self);

/* The same for a single descriptor. */
typedef struct thrum__single_poll {
    thrum__polls polls;
    thrum__polled polled[2];
    thrum__waiter *waiter;
} thrum__single_poll;

void thrum__single_poll_begin(thrum__context *self, thrum__single_poll *poll, int descriptor,
                              int side, thrum__waiter *waiter);

#endif
