/* A notify in two halves, for a caller that changes what the lock protects in between: condition.c. */
#ifndef THRUM_SHARED_CONDITION_INNER_H
#define THRUM_SHARED_CONDITION_INNER_H

#include <stdbool.h>
#include <thrum/shared_condition.h>

/* Ends the waits that have begun, without a wake yet. False if there are none. Under the lock. */
bool thrum__shared_condition_announce(thrum_shared_condition *condition);

/* Wakes `count` of those. Under the same hold of the lock. */
void thrum__shared_condition_wake(thrum_shared_condition *condition, uint32_t count);

#endif
