/* How a thread or fiber waits for a word that other processes share: wait.c. */
#ifndef THRUM_SHARED_WAIT_H
#define THRUM_SHARED_WAIT_H

#include "park/context.h"
#include <thrum/time.h>

#ifdef THRUM_EXPLORE
/* There a slice never ends, unless a client sets this: else it would hide that a wake was lost. */
extern thrum_time thrum__shared_slice;
#else
#define thrum__shared_slice INT64_C(100000000) /* nanoseconds */
#endif

/* Sleeps while *word == expected. Returns 0 if it is to be looked at again: after a wake, for
 * another value, after `slice` nanoseconds, or for no reason; -ETIMEDOUT; -ECANCELED, if
 * `cancellable`. On an error a wake that may have been meant for the caller was passed on. */
int thrum__shared_wait(uint32_t *word, uint32_t expected, thrum_time slice, thrum_deadline deadline,
                       bool cancellable, const char *kind, const void *object);

/* The low half of a word of 64 bits: what the kernel compares. */
static inline uint32_t *thrum__shared_low(uint64_t *word)
{
    return (uint32_t *)word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

#endif
