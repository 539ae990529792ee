/* How an OS thread waits for a descriptor: see poll_park.c. */
#ifndef THRUM_PARK_POLL_PARK_H
#define THRUM_PARK_POLL_PARK_H

#include "base/poller.h"
#include "park/park.h"

/* The wake descriptor of the calling thread's context, or -1 where the system refuses one. */
int thrum__wake_descriptor(thrum__context *self);

/* Around a wait of the calling OS thread, from before thrum__wait_begin to after thrum__wait: the
 * wait also ends, as if notified, when `descriptor` is ready on `side`. */
void thrum__poll_park_begin(thrum__context *self, int descriptor, int side);
void thrum__poll_park_end(thrum__context *self);

#endif
