/* Failures of futures in memory of the caller: see in_place.c. */
#ifndef THRUM_FUTURE_IN_PLACE_H
#define THRUM_FUTURE_IN_PLACE_H

#include "future/future.h"

/* Its task has failed, and it is about to be done. May wait. */
void thrum__in_place_failed(thrum_future *future);

/* Drops what is known of its failure. May wait. */
void thrum__in_place_forget(const thrum_future *future);

/* The same for any future whose failure was read or told, or in which nobody is interested, after SEEN was set;
 * `word` is its state before that. */
static inline void thrum__in_place_seen(const thrum_future *future, uint32_t word)
{
    if (word & THRUM__FUTURE_IN_PLACE && !(word & THRUM__FUTURE_SEEN))
        thrum__in_place_forget(future);
}

/* Waits until nobody but the owner has a future that lies in the owner's memory. */
void thrum__in_place_await(thrum_future *future);

/* What the end of the program does: tells the failures that nobody has read. */
void thrum__in_place_report(bool leaks);

#endif
