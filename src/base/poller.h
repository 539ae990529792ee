/* Waiting for descriptors, as the kernel offers it: epoll, poll, and eventfd to end either early.
 *
 * A poller is an epoll instance in which each descriptor is armed once, for both directions, by
 * edges: the kernel says when something becomes possible, and remembers it until it was told. A
 * port to another system (kqueue) replaces this file.
 *
 * A wake descriptor ends the wait of the one thread that waits on it. It is never read by a thread that
 * waits in a poller, as each write to it is an edge; a thread that waits by poll drains it.
 */
#ifndef THRUM_BASE_POLLER_H
#define THRUM_BASE_POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/time.h>

/* Directions; the number is an index. */
enum { THRUM__READABLE, THRUM__WRITABLE, THRUM__SIDES };

/* What became possible on the descriptor that was armed with `data`. */
typedef struct thrum__poller_event {
    uint64_t data;
    bool sides[THRUM__SIDES];
    bool over; /* the other side has ended, or there is an error */
} thrum__poller_event;

enum { THRUM__POLLER_EVENTS = 128 }; /* the most that one wait gives */

/* A poller's descriptor, or a negative errno. */
int thrum__poller_new(void);

/* Has the poller tell of edges of `descriptor` from now on; what is possible now counts as one. May
 * be called again for the same. -EPERM: it is of a kind that is always ready. */
int thrum__poller_arm(int poller, int descriptor, uint64_t data);

/* Waits for events until the deadline. Gives how many there are, 0 also where a signal came. */
int thrum__poller_wait(int poller, thrum__poller_event *ret_events, thrum_deadline deadline);

/* What poll finds. */
enum { THRUM__POLL_READY = 1, THRUM__POLL_WOKEN = 2, THRUM__POLL_INVALID = 4 };

/* Waits until `descriptor` is ready on `side`, or `wake` was written to, or the deadline. Either
 * may be -1. Gives what it found, 0 also where a signal came. */
int thrum__poll(int descriptor, int side, int wake, thrum_deadline deadline);

/* One of several descriptors to poll, as the system has it. */
typedef struct thrum__polled {
    int descriptor;
    short asked, found;
} thrum__polled;

/* One that is asked whether `descriptor` is ready on `side`. */
thrum__polled thrum__polled_of(int descriptor, int side);

/* Waits until one of `count` is ready, or the deadline; what was found is in them. Gives how many are
 * ready, 0 also where a signal came. */
int thrum__poll_all(thrum__polled *polled, uint32_t count, thrum_deadline deadline);

/* A wake descriptor, or a negative errno. */
int thrum__wake_new(void);
void thrum__wake_send(int wake);
void thrum__wake_drain(int wake);

/* Gives a descriptor back to the system. */
void thrum__os_close(int descriptor);

#endif
