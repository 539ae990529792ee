/* A stack that one can leave and come back to, as the sanitizers see it too.
 *
 * base/switch.h does the switch. The thread sanitizer and the address sanitizer keep notes for each
 * stack (the calls on it, which accesses happened before, frames that they have moved to the heap)
 * and have to be told which stack runs: before a switch where it goes, and after it where one has
 * arrived. In other builds nothing is left of that.
 *
 * For the thread sanitizer a switch is also an order: what the one coroutine did happened before
 * what the other does next, as both run on one thread.
 */
#ifndef THRUM_FIBER_COROUTINE_H
#define THRUM_FIBER_COROUTINE_H

#include "base/switch.h"

#include <stdbool.h>

typedef struct thrum__coroutine {
    thrum__switch registers;
    const void *bottom; /* of its stack */
    size_t size;
    void *thread_notes;  /* the thread sanitizer's */
    void *address_notes; /* the address sanitizer's, while it is switched out */
    unsigned valgrind;   /* its number for the stack */
} thrum__coroutine;

/* Makes `fresh` a coroutine that begins with begin(argument) on `size` bytes of stack at `bottom`.
 * `begin` calls thrum__coroutine_arrive first and never returns. */
void thrum__coroutine_new(thrum__coroutine *fresh, void *bottom, size_t size,
                          void (*begin)(void *argument), void *argument);

/* Gives up what the sanitizers keep for one that has left for good. */
void thrum__coroutine_free(thrum__coroutine *coroutine);

/* Makes the stack that the calling thread was born with a coroutine, to come back to. */
void thrum__coroutine_adopt(thrum__coroutine *home);

/* The first act on a fresh stack; `from` is the one that switched here if it is the thread's own,
 * whose place in memory is learnt by this, else NULL. */
void thrum__coroutine_arrive(thrum__coroutine *from);

/* Leaves `from`, which runs, for `to`. Returns when somebody switches to `from`; never, if it
 * leaves `for_good`. */
void thrum__coroutine_switch(thrum__coroutine *from, thrum__coroutine *to, bool for_good);

#endif
