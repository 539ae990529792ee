/* The reactor of a worker: which of its fibers wait for which descriptors. See reactor.c. */
#ifndef THRUM_FIBER_REACTOR_H
#define THRUM_FIBER_REACTOR_H

#include "base/poller.h"
#include "park/waiter.h"

typedef struct thrum__reactor thrum__reactor;

/* How many waiters stand in it. */
uint32_t thrum__reactor_waiting(const thrum__reactor *reactor);

/* The wake descriptor that ends its wait. */
int thrum__reactor_wake(const thrum__reactor *reactor);

/* Wakes the waiters whose descriptors are ready. Waits for that until the deadline, or until the
 * wake descriptor is written to. On the worker's thread. */
void thrum__reactor_poll(thrum__reactor *reactor, thrum_deadline deadline);

/* Frees a reactor without waiters. NULL is accepted. */
void thrum__reactor_free(thrum__reactor *reactor);

/* ------------------------------------------------------------------------------ for waiters */

/* The reactor of the worker whose fiber calls; `*ret_fiber` says whether a fiber calls. NULL for a
 * thread, and if the reactor could not be made. */
thrum__reactor *thrum__reactor_own(bool *ret_fiber);

/* The same, if there is one already. */
thrum__reactor *thrum__reactor_there(void);

/* Makes sure that the calling fiber's worker hears of edges of `descriptor` from now on. `owner` is
 * a number that no other use of the same descriptor has had, and 0 where that is not known. Returns
 * 0, -ENOMEM, -EPERM (always ready), -EBADF or whatever else the system says. */
int thrum__reactor_arm(thrum__reactor *reactor, int descriptor, uint64_t owner);

/* Whether to read from it would be in vain, as far as the worker has heard; and that a read has
 * just found less than it had room for. Nothing is known of a descriptor that is not armed for
 * `owner`. */
bool thrum__reactor_is_dry(thrum__reactor *reactor, int descriptor, uint64_t owner);
void thrum__reactor_dry(thrum__reactor *reactor, int descriptor, uint64_t owner);

/* Adds a waiter of the calling fiber to a side of an armed descriptor; removes it, if no event has. */
void thrum__reactor_enter(thrum__reactor *reactor, int descriptor, int side, thrum__waiter *waiter);
void thrum__reactor_leave(thrum__reactor *reactor, int descriptor, int side, thrum__waiter *waiter);

#endif
