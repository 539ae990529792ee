/* A rate limiter for each key: each customer, host or address has a bucket of its own.
 *
 *     thrum_keyed_rate_limiter *limiter = thrum_keyed_rate_limiter_new(
 *         &(thrum_keyed_rate_limiter_options){.per_second = 10, .burst = 20, .max_keys = 50000});
 *     ...
 *     int rc = thrum_keyed_rate_limiter_acquire(limiter, host, strlen(host), 1, THRUM_NOW);
 *     if (rc == -EAGAIN)
 *         return refuse(429);
 *
 * Each key is limited as rate_limiter.h says. Memory is bounded: at most `max_keys` keys are
 * remembered. One whose bucket is full again is as good as forgotten and gives way to a new key;
 * while no bucket is full, new keys are refused with -ENOBUFS, and known ones go on undisturbed. So
 * a flood of invented keys neither eats memory nor resets the limit of anyone.
 */
#ifndef THRUM_KEYED_RATE_LIMITER_H
#define THRUM_KEYED_RATE_LIMITER_H

#include <stddef.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_keyed_rate_limiter thrum_keyed_rate_limiter;

/* How it limits; zero means the default. */
typedef struct thrum_keyed_rate_limiter_options {
    double per_second; /* tokens per second for each key; no limit by default */
    double burst;      /* how many tokens a key's bucket holds; 1 by default */
    size_t max_keys;   /* how many keys are remembered; 10 000 by default */
} thrum_keyed_rate_limiter_options;

/* Makes a limiter, which the caller owns and gives to thrum_keyed_rate_limiter_free. NULL if memory
 * is out. Options may be NULL and are not kept; a negative rate, or a burst below 1 that is not 0,
 * stops the program. Does not block. */
THRUM_API thrum_keyed_rate_limiter *
thrum_keyed_rate_limiter_new(const thrum_keyed_rate_limiter_options *options);

/* Frees the limiter; NULL is accepted. Nobody may be in a call of it any more. */
THRUM_API void thrum_keyed_rate_limiter_free(thrum_keyed_rate_limiter *limiter);

/* Takes `tokens` tokens of the key, which is the `size` bytes at `key`, copied, and waits until they
 * are due. Returns 0; -ETIMEDOUT, at once, if they are due after `deadline`; -EAGAIN if the deadline
 * is THRUM_NOW and they are not due yet; -ECANCELED if the running task was cancelled; -EOVERFLOW if
 * they would not be due in 200 years; -ENOBUFS if there are max_keys other keys in use; -ENOMEM.
 * The tokens of a failed call are given back as by thrum_rate_limiter_acquire. Blocks. */
THRUM_API int thrum_keyed_rate_limiter_acquire(thrum_keyed_rate_limiter *limiter, const void *key,
                                               size_t size, uint64_t tokens,
                                               thrum_deadline deadline);

/* How many keys are remembered, for displays. */
THRUM_API size_t thrum_keyed_rate_limiter_keys(thrum_keyed_rate_limiter *limiter);

THRUM_END

#endif
