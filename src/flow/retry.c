/* Trying again.
 *
 * `state_` goes round between the loop and the attempt:
 *
 *     NEW      all-zero: nothing was tried yet
 *     TRYING   thrum_retry_next has said true; the attempt owes its outcome
 *     FAILED   it has told a failure; the next thrum_retry_next decides what follows
 *     ENDED    `code_` is the outcome
 *
 * A retry belongs to one thread and is no place of meeting, so there is nothing to synchronise. The
 * pause is a sleep like any other: cancelling the task ends it, and the loop.
 *
 * The pause is drawn from [0, ceiling], and the ceiling grows by the factor after each failure
 * until it meets the cap. Multiplied step by step it needs no power, and cannot overflow: the cap
 * stops it.
 *
 * The random numbers are those of splitmix64. Their quality matters little; what matters is that
 * two callers do not draw the same, and so the seed comes of the clock, the thread and the object.
 *
 * The deadline is looked at before a pause, not after: there is no point in sleeping for an attempt
 * that will not be made. The code is then -ETIMEDOUT, since that is what happened to the
 * whole, and the error still that of the last attempt, since that is what a person wants to know.
 *
 * Rejected: a function that is given the attempt as a callback (in C the attempt then loses sight
 * of its variables); "equal" and "decorrelated" jitter (no better by the measurements of the
 * source).
 *
 * Sources: Marc Brooker, "Exponential backoff and jitter"; Steele, Lea and Flood, "Fast splittable
 * pseudorandom number generators".
 */
#include "flow/retry.h"
#include "base/clock.h"
#include "base/panic.h"
#include <thrum/thread.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { NEW, TRYING, FAILED, ENDED };

uint64_t thrum__retry_random(uint64_t *state)
{
    uint64_t word = *state += UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

thrum_time thrum__retry_pause(double ceiling, bool exact, uint64_t random)
{
    double fraction = exact ? 1 : (double)(random >> 11) * 0x1p-53;
    double ns = ceiling * 1e9 * fraction;
    return ns < 9e18 ? (thrum_time)ns : (thrum_time)9e18;
}

/* Fills in the defaults. */
static void begin(thrum_retry *retry, const void *place)
{
    thrum_retry_options *o = &retry->options;
    if (!(o->base >= 0) || !(o->cap >= 0) || !(o->factor == 0 || o->factor >= 1))
        thrum__panic(
            place,
            "retry with a base of %g s, a cap of %g s and a factor of %g; the times must not "
            "be negative, and the factor must be at least 1",
            o->base, o->cap, o->factor);
    o->attempts = o->attempts ? o->attempts : 5;
    o->base = o->base > 0 ? o->base : 0.1;
    o->factor = o->factor > 0 ? o->factor : 2;
    o->cap = o->cap > 0 ? o->cap : 30;
    o->deadline = o->deadline.ns ? o->deadline : THRUM_FOREVER;
    retry->ceiling_ = o->base;
    retry->random_ = o->seed;
    if (!o->seed)
        retry->random_ = (uint64_t)thrum__clock_now() ^ (uint64_t)(uintptr_t)retry << 16 ^
                         (uint64_t)thrum_thread_current_ident() << 40;
}

int thrum__retry_plan(thrum_retry *retry, thrum_time now, thrum_deadline *ret_until)
{
    const thrum_retry_options *o = &retry->options;
    int code = retry->error_.code;
    if (code == -ECANCELED || retry->given_up_ ||
        (o->attempts != THRUM_RETRY_UNLIMITED && retry->attempt_ >= o->attempts) ||
        (o->retryable && !o->retryable(code, o->context)))
        return code;
    double ceiling = retry->ceiling_ < o->cap ? retry->ceiling_ : o->cap;
    retry->ceiling_ = ceiling * o->factor;
    thrum_time pause = thrum__retry_pause(ceiling, o->exact, thrum__retry_random(&retry->random_));
    thrum_deadline until = thrum__deadline_after(now, pause);
    if (until.ns < retry->not_before_.ns)
        until = retry->not_before_;
    retry->not_before_ = THRUM__NO_DEADLINE;
    if (until.ns >= o->deadline.ns)
        return -ETIMEDOUT;
    *ret_until = until;
    return 0;
}

static bool end(thrum_retry *retry, int code)
{
    retry->state_ = ENDED;
    retry->code_ = code;
    return false;
}

bool thrum_retry_next(thrum_retry *retry)
{
    thrum_deadline until;
    int rc = 0;
    switch (retry->state_) {
    case NEW:
        begin(retry, thrum__caller());
        if (thrum__clock_now() >= retry->options.deadline.ns)
            return end(retry, -ETIMEDOUT);
        break;
    case FAILED:
        rc = thrum__retry_plan(retry, thrum__clock_now(), &until);
        if (rc == 0)
            rc = thrum_sleep(until);
        if (rc < 0)
            return end(retry, rc);
        break;
    case TRYING:
        thrum__panic(
            thrum__caller(),
            "retry %p asked for another attempt before the outcome of attempt %u was reported",
            (void *)retry, retry->attempt_);
    default:
        return false;
    }
    retry->state_ = TRYING;
    retry->attempt_++;
    return true;
}

static void told(thrum_retry *retry, const void *place)
{
    if (retry->state_ != TRYING && retry->state_ != FAILED)
        thrum__panic(place, "retry %p got an outcome, but no attempt is in progress",
                     (void *)retry);
}

int thrum_retry_done(thrum_retry *retry, int code)
{
    told(retry, thrum__caller());
    if (code > 0)
        thrum__panic(
            thrum__caller(),
            "retry %p got the code %d; report 0 or a negative errno, and the error of a failed task "
            "by thrum_retry_fail",
            (void *)retry, code);
    if (code < 0)
        return thrum_retry_fail(retry, code, "%s", thrum_strerror(code));
    end(retry, 0);
    return 0;
}

int thrum_retry_fail(thrum_retry *retry, int code, const char *format, ...)
{
    told(retry, thrum__caller());
    thrum_error error; /* not in place: the old message may be an argument */
    error.code = code < 0 ? code : -EINVAL;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(error.message, sizeof error.message, format, arguments) < 0)
        snprintf(error.message, sizeof error.message, "%s", thrum_strerror(code));
    va_end(arguments);
    retry->error_ = error;
    retry->state_ = FAILED;
    return error.code;
}

void thrum_retry_not_before(thrum_retry *retry, thrum_deadline moment)
{
    retry->not_before_ = moment;
}

void thrum_retry_give_up(thrum_retry *retry)
{
    retry->given_up_ = true;
}

uint32_t thrum_retry_attempt(const thrum_retry *retry)
{
    return retry->attempt_;
}

int thrum_retry_code(const thrum_retry *retry)
{
    switch (retry->state_) {
    case ENDED:
        return retry->code_;
    case FAILED:
        return retry->error_.code; /* the loop was left by the caller */
    default:
        return -EINPROGRESS;
    }
}

const thrum_error *thrum_retry_error(const thrum_retry *retry)
{
    return &retry->error_;
}
