/* The decisions of a retry, apart from clocks and sleep. */
#ifndef THRUM_FLOW_RETRY_H
#define THRUM_FLOW_RETRY_H

#include <thrum/retry.h>

/* The next number of a sequence that `*state` stands for. */
uint64_t thrum__retry_random(uint64_t *state);

/* How long a pause of at most `ceiling` seconds lasts, in nanoseconds: `random` of 2^64, or all of
 * it if `exact`. */
thrum_time thrum__retry_pause(double ceiling, bool exact, uint64_t random);

/* What follows, at `now`, on an attempt that has failed: 0 and when the next one is to begin, or
 * the code with which it all ends. Moves the retry on. */
int thrum__retry_plan(thrum_retry *retry, thrum_time now, thrum_deadline *ret_until);

#endif
