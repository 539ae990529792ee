/* When a wait that names its owner is first searched for a deadlock: first_look.c. */
#ifndef THRUM_PARK_FIRST_LOOK_H
#define THRUM_PARK_FIRST_LOOK_H

#include "park/context.h"

/* For a thread that is about to sleep in such a wait, with WATCHED in its signal word. Returns
 * THRUM_FOREVER if the looker asks for the search by LOOK in that word, otherwise the moment at which
 * the caller has to search by itself; THRUM__NO_DEADLINE if no search is wanted. */
thrum_deadline thrum__first_look(thrum__context *self);

/* The moment of the search by the context itself, or by its worker; THRUM__NO_DEADLINE if none is
 * wanted. */
thrum_deadline thrum__first_look_timed(const thrum__context *context);

/* How many sleeps of the process search by themselves before the looker is started. */
#ifdef THRUM_EXPLORE
extern uint32_t thrum__looker_after; /* a client sets it */
#else
enum { thrum__looker_after = 256 };
#endif

/* Starts the looker of this process, unless there is one, or the system refuses a thread. */
void thrum__looker_start(void);

/* How it is with the looker of this process: first_look.c. */
enum thrum__looker_state {
    THRUM__LOOKER_NONE,
    THRUM__LOOKER_STARTING,
    THRUM__LOOKER_AWAKE,
    THRUM__LOOKER_IDLE,
    THRUM__LOOKER_STATES, /* one generation further */
};

/* For tests. */
enum thrum__looker_state thrum__looker_state(void);

#endif
