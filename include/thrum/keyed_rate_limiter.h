/* A keyed rate limiter: a rate limit for each customer, host or address.
 *
 *     thrum_keyed_rate_limiter *limiter = thrum_keyed_rate_limiter_new(
 *         &(thrum_keyed_rate_limiter_options){.per_second = 10, .burst = 20, .max_keys = 50000});
 *     ...
 *     int rc = thrum_keyed_rate_limiter_acquire(limiter, host, strlen(host), 1, THRUM_NOW);
 *     if (rc == -EAGAIN)
 *         return refuse(429);
 *
 * Each key has a bucket of its own, which works as rate_limiter.h says. Memory is bounded: the
 * limiter remembers at most `max_keys` keys. A key whose bucket is full again makes room for a new
 * key. While no bucket is full, new keys are refused with -ENOBUFS, and known keys are not
 * affected. So a flood of invented keys uses no memory and resets no limit.
 */
#ifndef THRUM_KEYED_RATE_LIMITER_H
#define THRUM_KEYED_RATE_LIMITER_H

#include <stddef.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_keyed_rate_limiter thrum_keyed_rate_limiter;

/* Keyed rate limiter options. Zero selects the default. */
typedef struct thrum_keyed_rate_limiter_options {
    double per_second; /* tokens per second for each key; no limit by default */
    double burst;      /* how many tokens a key's bucket holds; 1 by default */
    size_t max_keys;   /* the most keys that are remembered; 10 000 by default */
    THRUM__OPTIONS(thrum_keyed_rate_limiter_options)
} thrum_keyed_rate_limiter_options;

/* Makes a limiter. `options` may be NULL and is not kept. A negative rate stops the program, as
 * does a burst below 1 that is not 0. The caller owns the limiter and frees it with
 * thrum_keyed_rate_limiter_free. Does not block.
 *
 * Returns:
 *     a limiter
 *     NULL  memory ran out
 */
THRUM_API thrum_keyed_rate_limiter *
thrum_keyed_rate_limiter_new(const thrum_keyed_rate_limiter_options *options);

/* Frees the limiter. NULL is accepted. No call may be in progress. */
THRUM_API void thrum_keyed_rate_limiter_free(thrum_keyed_rate_limiter *limiter);

/* Takes `tokens` tokens of a key and waits until they are due. The key is the `size` bytes at
 * `key`, which are copied. Blocks.
 *
 * Returns:
 *     0           the tokens are taken
 *     -ETIMEDOUT  they are due after the deadline; at once
 *     -EAGAIN     the deadline is THRUM_NOW and they are not due yet
 *     -ECANCELED  the running task was cancelled
 *     -EOVERFLOW  they would be due in more than 200 years
 *     -ENOBUFS    `max_keys` other keys are in use
 *     -ENOMEM     memory ran out
 *
 * A call that fails takes no tokens, with the exception that thrum_rate_limiter_acquire names. */
THRUM_API THRUM_MUST_CHECK int thrum_keyed_rate_limiter_acquire(thrum_keyed_rate_limiter *limiter,
                                                                const void *key, size_t size,
                                                                uint64_t tokens,
                                                                thrum_deadline deadline);

/* The number of keys that are remembered; for displays. */
THRUM_API size_t thrum_keyed_rate_limiter_keys(thrum_keyed_rate_limiter *limiter);

THRUM_END

#endif
