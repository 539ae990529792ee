/* A coroutine: a stack that a thread can leave and come back to.
 *
 * base/switch.h does the switch. The thread sanitizer and the address sanitizer keep notes for each
 * stack: its calls, which accesses happened before, frames that they have moved to the heap. They
 * must be told before a switch where it goes, and after it where it has arrived. Other builds
 * contain none of this.
 *
 * For the thread sanitizer a switch is also an order: both coroutines run on one thread, so what
 * the first did happened before what the second does next.
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

/* Frees what the sanitizers keep for a coroutine that has ended. */
void thrum__coroutine_free(thrum__coroutine *coroutine);

/* Makes the stack that the calling thread was born with a coroutine, to come back to. */
void thrum__coroutine_adopt(thrum__coroutine *home);

/* The first call on a fresh stack. `from` is the coroutine that switched here if it is the thread's
 * own, whose place in memory is learnt by this; else NULL. */
void thrum__coroutine_arrive(thrum__coroutine *from);

/* Switches from `from`, which runs, to `to`. Returns when another coroutine switches to `from`;
 * never, if it leaves `for_good`. */
void thrum__coroutine_switch(thrum__coroutine *from, thrum__coroutine *to, bool for_good);

#endif
