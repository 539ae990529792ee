/* A retry: attempts with growing pauses between them, as a loop in any function.
 *
 *     thrum_retry retry = THRUM_RETRY(.attempts = 5, .base = 0.2, .deadline = thrum_in(30));
 *     while (thrum_retry_next(&retry))
 *         thrum_retry_done(&retry, fetch(url, &page));        // 0 ends the loop
 *     int rc = thrum_retry_code(&retry);
 *     if (rc < 0)
 *         return thrum_fail(self, rc, "%s: %s", url, thrum_strerror(rc));
 *
 * The loop is in your function, so an attempt can use local variables. It can also say more about
 * its outcome:
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
 * The pause after the n-th failure is a random time up to base * factor^(n-1), and at most `cap`.
 * The random time ("full jitter") keeps callers that failed together from returning together.
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

/* Retry options. Zero selects the default. */
typedef struct thrum_retry_options {
    uint32_t attempts;       /* the most attempts, the first one included; 5 by default */
    double base;             /* the longest first pause, in seconds; 0.1 by default */
    double factor;           /* by which the pauses grow, at least 1; 2 by default */
    double cap;              /* the longest pause, in seconds; 30 by default */
    bool exact;              /* each pause is as long as it may be, for tests and displays */
    thrum_deadline deadline; /* no attempt starts after it; none by default */
    bool (*retryable)(int code, void *context); /* false: no attempt follows `code` */
    void *context;                              /* for `retryable` */
    uint64_t seed; /* of the random pauses, which are then always the same; random by default */
    THRUM__OPTIONS(thrum_retry_options)
} thrum_retry_options;

/* Lives in the caller's memory and is used by one thread. It owns nothing. Fields other than
 * `options` are private. */
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

/* The initialiser. It takes options as designated initialisers. */
#define THRUM_RETRY(...)                                                                           \
    {                                                                                              \
        .options = { __VA_ARGS__ }                                                                 \
    }

/* True if the caller is to make an attempt now. The first attempt is made at once; before each
 * other one the call waits for the pause. False once an attempt has succeeded or failed for good,
 * or if no further attempt is allowed; thrum_retry_code then says why. A pause that would end after
 * the deadline is not begun. An attempt whose outcome was not reported stops the program, as does
 * an option out of its range. Blocks. */
THRUM_API bool thrum_retry_next(thrum_retry *retry);

/* Reports the outcome of the attempt: 0 or a negative errno. Returns `code`. After -ECANCELED there
 * is no further attempt. A positive code stops the program: report the error of a task that failed
 * by thrum_retry_fail(&retry, error->code, "%s", error->message). Does not block. */
THRUM_API int thrum_retry_done(thrum_retry *retry, int code);

/* Reports that the attempt failed with `code`, a negative errno, and a message for a person. A code
 * that is not negative counts as -EINVAL. Returns `code`. Does not block. */
THRUM_API int thrum_retry_fail(thrum_retry *retry, int code, const char *format, ...)
    THRUM_PRINTF(3, 4);

/* Lets the next attempt start no earlier than `moment`, for a server's Retry-After. The cap does
 * not bound this pause; the deadline does. It counts for the next pause only. Does not block. */
THRUM_API void thrum_retry_not_before(thrum_retry *retry, thrum_deadline moment);

/* Lets no attempt follow if this one fails. Does not block. */
THRUM_API void thrum_retry_give_up(thrum_retry *retry);

/* The number of the attempt that runs, or that ran last. The first is 1. Does not block. */
THRUM_API uint32_t thrum_retry_attempt(const thrum_retry *retry);

/* The outcome. Does not block.
 *
 * Returns:
 *     0                             an attempt has succeeded
 *     the code of the last attempt  it failed for good, or no attempt is left
 *     -ETIMEDOUT                    the deadline leaves no time for another attempt
 *     -ECANCELED                    the running task was cancelled in a pause
 *     -EINPROGRESS                  an attempt is in progress
 */
THRUM_API int thrum_retry_code(const thrum_retry *retry);

/* The error of the last attempt that failed, also if a later one succeeded; its code is 0 if none
 * has failed. Valid until the next failure. Does not block. */
THRUM_API const thrum_error *thrum_retry_error(const thrum_retry *retry);

THRUM_END

#endif
