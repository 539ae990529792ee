/* Virtual scheduling, as both limiters use it. All moments are arguments, so that it can be tested
 * without waiting. */
#ifndef THRUM_FLOW_RATE_LIMITER_H
#define THRUM_FLOW_RATE_LIMITER_H

#include <thrum/rate_limiter.h>

#include <stdbool.h>

/* A place in the schedule that was taken. */
struct thrum__slot {
    thrum_time due;    /* when its owner may go on */
    thrum_time before; /* what the schedule's `next` is without it */
    thrum_time after;  /* and with it */
};

/* Where `tokens` tokens that are asked for at `now` would stand in a schedule that is taken until
 * `next`. `interval` is nanoseconds per token. Returns 0; -EOVERFLOW; and if they are not due now,
 * -EAGAIN for a deadline of THRUM_NOW, or -ETIMEDOUT if they are due after it. The slot is told in
 * all cases but -EOVERFLOW. */
int thrum__slot_find(double interval, double burst, thrum_time next, uint64_t tokens,
                     thrum_time now, thrum_deadline deadline, struct thrum__slot *ret_slot);

/* Takes a slot for a request at `now`; returns as thrum__slot_find. */
int thrum__rate_limiter_reserve(thrum_rate_limiter *limiter, uint64_t tokens, thrum_time now,
                                thrum_deadline deadline, struct thrum__slot *ret_slot);

/* Gives a slot back if it is the last one. True if it was. */
bool thrum__rate_limiter_give_back(thrum_rate_limiter *limiter, const struct thrum__slot *slot);

#endif
