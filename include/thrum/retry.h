/* Trying again: attempts with growing pauses between them, as a loop in any function.
 *
 *     thrum_retry retry = THRUM_RETRY(.attempts = 5, .base = 0.2, .deadline = thrum_in(30));
 *     while (thrum_retry_next(&retry))
 *         thrum_retry_done(&retry, fetch(url, &page));        // 0 ends the loop, an error may not
 *     if (thrum_retry_code(&retry) < 0)
 *         return thrum_fail(self, thrum_retry_code(&retry), "%s: %s", url,
 *                           thrum_retry_error(&retry)->message);
 *
 * It is a loop and no function that calls another, so that the attempt can use what is around it,
 * and can say more about its outcome:
 *
 *     while (thrum_retry_next(&retry)) {
 *         struct response r = request(url);
 *         if (r.status == 200)
 *             thrum_retry_done(&retry, 0);
 *         else
 *             thrum_retry_fail(&retry, -EREMOTEIO, "status %d", r.status);
 *         if (r.status == 503)
 *             thrum_retry_not_before(&retry, thrum_in(r.retry_after));
 *         else if (r.status == 404)
 *             thrum_retry_give_up(&retry);
 *     }
 *
 * The pause after the n-th failure is a random time up to base * factor^(n-1), but no longer than
 * `cap`. The randomness ("full jitter") keeps those who failed together from coming back together.
 *
 * Idea: Marc Brooker, "Exponential backoff and jitter".
 */
#ifndef THRUM_RETRY_H
#define THRUM_RETRY_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/error.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* No bound on the attempts. */
#define THRUM_RETRY_UNLIMITED UINT32_MAX

/* How often and when; zero means the default. */
typedef struct thrum_retry_options {
    uint32_t attempts;       /* 5 by default, the first one included */
    double base;             /* seconds that the first pause lasts at most; 0.1 by default */
    double factor;           /* by which that grows, at least 1; 2 by default */
    double cap;              /* seconds that no pause exceeds; 30 by default */
    bool exact;              /* each pause lasts as long as it may, for tests and displays */
    thrum_deadline deadline; /* no attempt begins after it; none by default */
    bool (*retryable)(int code, void *context); /* may an attempt that gave `code` be repeated? */
    void *context;                              /* for it */
    uint64_t
        seed; /* of the random pauses, which are then always the same; by default they differ */
} thrum_retry_options;

/* Lives in the caller's memory, used by one thread; owns nothing. All but `options` is private. */
typedef struct thrum_retry {
    thrum_retry_options options;
    uint32_t state_;
    uint32_t attempt_;
    int code_;
    bool given_up_;
    double ceiling_;
    uint64_t random_;
    thrum_deadline not_before_;
    thrum_error error_;
} thrum_retry;

/* The initialiser: takes options as designated initialisers. */
#define THRUM_RETRY(...)                                                                           \
    {                                                                                              \
        .options = { __VA_ARGS__ }                                                                 \
    }

/* True if an attempt is to be made now. The first is made at once; before each other it waits for
 * the pause. False once an attempt has succeeded, failed for good, or no other may be made; then
 * thrum_retry_code says why. It does not begin a pause that would end after the deadline. An attempt
 * whose outcome was not told stops the program, as do options out of their range. Blocks. */
THRUM_API bool thrum_retry_next(thrum_retry *retry);

/* Tells the outcome of the attempt: a negative errno, or success. Returns `code`. A code of
 * -ECANCELED is never followed by another attempt. Does not block. */
THRUM_API int thrum_retry_done(thrum_retry *retry, int code);

/* Tells that the attempt failed with `code`, a negative errno, and a message for a person. Returns
 * `code`. A code that is not negative counts as -EINVAL. Does not block. */
THRUM_API int thrum_retry_fail(thrum_retry *retry, int code, const char *format, ...)
    THRUM_PRINTF(3, 4);

/* The next attempt is not to begin before `moment`, whatever pause was due: a server's Retry-After.
 * The cap does not bound it, the deadline does. Counts for the next pause only. Does not block. */
THRUM_API void thrum_retry_not_before(thrum_retry *retry, thrum_deadline moment);

/* The failure of this attempt is not to be followed by another attempt. Does not block. */
THRUM_API void thrum_retry_give_up(thrum_retry *retry);

/* The number of the attempt that runs, or ran last; from 1. Does not block. */
THRUM_API uint32_t thrum_retry_attempt(const thrum_retry *retry);

/* The outcome: 0; the code of the last attempt if that failed for good or was the last one;
 * -ETIMEDOUT if the deadline left no time for another; -ECANCELED if the running task was cancelled
 * in a pause; -EINPROGRESS while an attempt is under way. Does not block. */
THRUM_API int thrum_retry_code(const thrum_retry *retry);

/* The error of the last attempt that failed, also if a later one succeeded; of code 0 if none has.
 * Valid as long as `retry`, until the next failure. Does not block. */
THRUM_API const thrum_error *thrum_retry_error(const thrum_retry *retry);

THRUM_END

#endif
