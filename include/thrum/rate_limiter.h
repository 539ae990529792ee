/* A rate limiter: so many tokens per second, shared by any number of threads.
 *
 *     static thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(5, 1);   // 5 per second, evenly
 *     ...                                                                  // any thread:
 *     int rc = thrum_rate_limiter_acquire(&limiter, 1, thrum_in(10));
 *     if (rc == 0)
 *         rc = fetch(url);
 *
 * The limiter is a bucket that holds `burst` tokens at most, gets `per_second` tokens in each
 * second, and is full at first. Who takes more than there are is given the moment at which they
 * will have come in, and sleeps until then; whoever comes after him gets a later moment. So tokens
 * go in the order of asking, from many threads as from one, and a burst of 1 keeps calls at least
 * 1/per_second seconds apart. A request for more than `burst` tokens is granted once the full
 * bucket would have collected as many.
 *
 * Nobody sleeps while holding a lock, so one with an early deadline learns at once that its moment
 * would come too late. A token may be a request, a byte, or whatever is scarce. For a limit of its
 * own to each customer or host see keyed_rate_limiter.h.
 *
 * Idea: the generic cell rate algorithm (virtual scheduling) of ITU-T I.371.
 */
#ifndef THRUM_RATE_LIMITER_H
#define THRUM_RATE_LIMITER_H

#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Lives in the caller's memory and must not be copied or moved while in use; owns nothing, so that
 * there is nothing to finish. All-zero memory is a limiter without a limit. Fields are private. */
typedef struct thrum_rate_limiter {
    thrum_time next_;
    double interval_;
    double burst_;
} thrum_rate_limiter;

/* A limiter as a static initialiser. `per_second` is above 0, `burst` at least 1. */
#define THRUM_RATE_LIMITER_INIT(per_second, burst)                                                 \
    {                                                                                              \
        0, 1e9 / (per_second), (burst)                                                             \
    }

/* Makes `limiter` one of `per_second` tokens per second, above 0 (INFINITY: no limit), with a
 * bucket for `burst` tokens, at least 1. Other numbers stop the program. Cannot fail. */
THRUM_API void thrum_rate_limiter_init(thrum_rate_limiter *limiter, double per_second,
                                       double burst);

/* Takes `tokens` tokens and waits until they are due. Returns 0; -ETIMEDOUT, at once, if they are
 * due after `deadline`; -EAGAIN if the deadline is THRUM_NOW and they are not due yet; -ECANCELED
 * if the running task was cancelled; -EOVERFLOW if they would not be due in 200 years. Whenever it
 * fails nothing was taken, but for this: when a wait is cancelled after others have got moments
 * behind it, those keep theirs, and the tokens are lost. Blocks. */
THRUM_API int thrum_rate_limiter_acquire(thrum_rate_limiter *limiter, uint64_t tokens,
                                         thrum_deadline deadline);

/* Takes `tokens` tokens if they are due now. Returns 0, -EAGAIN, or -EOVERFLOW as above. Does not
 * block; may be called from a signal handler. */
THRUM_API int thrum_rate_limiter_try(thrum_rate_limiter *limiter, uint64_t tokens);

/* The moment at which `tokens` tokens would be due if they were asked for now, this moment if they
 * are there, THRUM_FOREVER if never: what a server tells a client that it refuses. Takes nothing.
 * Does not block. */
THRUM_API thrum_deadline thrum_rate_limiter_due(const thrum_rate_limiter *limiter, uint64_t tokens);

THRUM_END

#endif
