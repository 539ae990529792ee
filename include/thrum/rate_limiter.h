/* A rate limiter: a number of tokens per second, shared by any number of threads.
 *
 *     static thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(5, 1);   // 5 per second, evenly
 *
 *     int rc = thrum_rate_limiter_acquire(&limiter, 1, thrum_in(10));      // in any thread
 *     if (rc == 0)
 *         rc = fetch(url);
 *
 * The limiter is a bucket that holds at most `burst` tokens and gets `per_second` tokens a second.
 * It is full at first. A caller that asks for more tokens than there are gets the moment at which
 * they will be there, and sleeps until then. Each later caller gets a later moment. So tokens go in
 * the order of the calls, and a burst of 1 keeps calls at least 1/per_second seconds apart. A
 * request for more than `burst` tokens is granted once the bucket would have collected as many.
 *
 * No caller sleeps while it holds a lock, so a caller whose moment lies after its deadline fails at
 * once. A token may stand for a request, a byte, or anything that is scarce. keyed_rate_limiter.h
 * has a limit for each customer or host.
 *
 * Idea: the generic cell rate algorithm (virtual scheduling) of ITU-T I.371.
 */
#ifndef THRUM_RATE_LIMITER_H
#define THRUM_RATE_LIMITER_H

#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Lives in the caller's memory and must not be copied or moved while in use. It owns nothing, so
 * nothing needs to be finished. All-zero memory is a limiter without a limit. Fields are private.
 */
typedef struct thrum_rate_limiter {
    thrum_time next_;
    double interval_;
    double burst_;
} thrum_rate_limiter;

/* A static initialiser. `per_second` is above 0, `burst` at least 1. */
#define THRUM_RATE_LIMITER_INIT(per_second, burst)                                                 \
    {                                                                                              \
        0, 1e9 / (per_second), (burst)                                                             \
    }

/* Makes `limiter` a limiter of `per_second` tokens per second, above 0, with a bucket for `burst`
 * tokens, at least 1. INFINITY means no limit. Other numbers stop the program. Cannot fail. */
THRUM_API void thrum_rate_limiter_init(thrum_rate_limiter *limiter, double per_second,
                                       double burst);

/* Takes `tokens` tokens and waits until they are due. Blocks.
 *
 * Returns:
 *     0           the tokens are taken
 *     -ETIMEDOUT  they are due after the deadline; at once
 *     -EAGAIN     the deadline is THRUM_NOW and they are not due yet
 *     -ECANCELED  the running task was cancelled
 *     -EOVERFLOW  they would be due in more than 200 years
 *
 * A call that fails takes no tokens, with one exception. If a wait is cancelled after later callers
 * have got their moments, they keep them, and the tokens are lost. */
THRUM_API THRUM_MUST_CHECK int thrum_rate_limiter_acquire(thrum_rate_limiter *limiter,
                                                          uint64_t tokens, thrum_deadline deadline);

/* Takes `tokens` tokens if they are due now. Does not block. May be called from a signal handler.
 *
 * Returns:
 *     0           the tokens are taken
 *     -EAGAIN     they are not due yet
 *     -EOVERFLOW  they would be due in more than 200 years
 */
THRUM_API THRUM_MUST_CHECK int thrum_rate_limiter_try(thrum_rate_limiter *limiter, uint64_t tokens);

/* The moment at which `tokens` tokens would be due if they were asked for now; the present moment
 * if they are there, THRUM_FOREVER if never. A server can tell it to a client that it refuses.
 * Takes nothing. Does not block. */
THRUM_API thrum_deadline thrum_rate_limiter_due(const thrum_rate_limiter *limiter, uint64_t tokens);

THRUM_END

#endif
