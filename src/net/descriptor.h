/* A descriptor that several contexts use at once and one of them may close: descriptor.c. */
#ifndef THRUM_NET_DESCRIPTOR_H
#define THRUM_NET_DESCRIPTOR_H

#include "base/poller.h"
#include "park/select.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct thrum__descriptor {
    uint32_t state;
    uint32_t process; /* the generation whose calls and waiters it has */
    int number;
    uint64_t owner; /* differs from that of every other; 0 for a number that is not ours to close */
    void *waiters;  /* tail */
} thrum__descriptor;

/* Makes it that of a system's descriptor, which it closes in the end. */
void thrum__descriptor_init(thrum__descriptor *descriptor, int number);

/* Begins a use. Returns 0, or -EBADF if it is closed. */
int thrum__descriptor_enter(thrum__descriptor *descriptor);

/* Ends a use. True if the owner has let go and this was the last: the memory is the caller's to free. */
bool thrum__descriptor_leave(thrum__descriptor *descriptor);

/* Closes and wakes. Returns 0, or -EBADF if it was closed. Within a use. */
int thrum__descriptor_shut(thrum__descriptor *descriptor);

/* The owner lets go of a closed one. True if the memory is the caller's to free. */
bool thrum__descriptor_let_go(thrum__descriptor *descriptor);

/* Waits until `side` may be possible; also in vain. Returns 0, -EAGAIN for THRUM_NOW, -ETIMEDOUT,
 * -ECANCELED, or -EBADF if it was closed. Within a use. */
int thrum__descriptor_wait(thrum__descriptor *descriptor, int side, thrum_deadline deadline);

/* Whether the calling fiber need not try to read; and that a read has emptied it. For TCP. */
bool thrum__descriptor_is_dry(const thrum__descriptor *descriptor);
void thrum__descriptor_dry(const thrum__descriptor *descriptor);

/* A descriptor of whatever kind in a select. `prepare` as that of a case; the others are of its ops. */
void thrum__descriptor_select_prepare(thrum__select_place *place, int number, int side);
bool thrum__descriptor_select_enqueue(thrum__select_place *place);
void thrum__descriptor_select_withdraw(thrum__select_place *place);

/* Sleeps until then, unless it is closed: 0, -ECANCELED or -EBADF. Within a use. */
int thrum__descriptor_pause(thrum__descriptor *descriptor, thrum_deadline until);

#endif
