/* The circuit breaker.
 *
 *     CLOSED     -> OPEN        a call fails and exceeds the threshold
 *     OPEN       -> HALF_OPEN   a call asks after `until_`: it is the probe
 *     HALF_OPEN  -> CLOSED      the probe succeeds
 *     HALF_OPEN  -> OPEN        the probe fails, or is cancelled: then `until_` is now
 *     HALF_OPEN  -> HALF_OPEN   a call asks after `until_`: the probe is lost
 *
 * Each of these begins a new turn. A call carries the number of the turn in which it began, and its
 * end counts only in that turn. So late calls of an earlier turn do not disturb a probe, and a lost
 * probe changes nothing when it ends.
 *
 * The window of the failure share is eight slices of an eighth each. A slice has the number of its
 * stretch of time. A slice with an old number starts anew, so no timer is needed. The window covers
 * seven to eight eighths of its length.
 *
 * One lock guards everything. It is held for a few instructions; nothing waits under it and no user
 * code runs under it.
 *
 * Rejected: closing only after several probes: one more setting for what a low threshold does as
 * well. A share of probes at random: one slow server then blocks many callers.
 */
#include "flow/circuit_breaker.h"
#include "base/clock.h"
#include "base/panic.h"

#include <errno.h>

enum { SLICES = 8 };
_Static_assert(sizeof((thrum_circuit_breaker *)0)->slices_ ==
                   SLICES * sizeof((thrum_circuit_breaker *)0)->slices_[0],
               "as many as the header has");

/* Seconds, or their default, as nanoseconds, at least 1. */
static thrum_time ns_of(double seconds, double otherwise)
{
    double ns = (seconds > 0 ? seconds : otherwise) * 1e9;
    return ns < 1 ? 1 : ns < 4e18 ? (thrum_time)ns : (thrum_time)4e18;
}

static thrum_time later(thrum_time now, thrum_time by)
{
    return thrum__deadline_after(now, by).ns;
}

static void turn(thrum_circuit_breaker *breaker, thrum_circuit_state state, thrum_time until)
{
    breaker->state_ = state;
    breaker->until_ = until;
    breaker->turn_++;
    breaker->in_a_row_ = 0;
    for (int i = 0; i < SLICES; i++)
        breaker->slices_[i].calls = breaker->slices_[i].failures = 0;
}

/* Counts a call of a closed breaker. True if the window has too great a share of failures. */
static bool count(thrum_circuit_breaker *breaker, bool failed, thrum_time now)
{
    const thrum_circuit_breaker_options *o = &breaker->options;
    if (!(o->share > 0))
        return false;
    thrum_time width = ns_of(o->window, 10) / SLICES;
    int64_t number = now / (width ? width : 1);
    int at = (int)(number % SLICES);
    if (breaker->slices_[at].number != number) {
        breaker->slices_[at].number = number;
        breaker->slices_[at].calls = breaker->slices_[at].failures = 0;
    }
    breaker->slices_[at].calls++;
    breaker->slices_[at].failures += failed;
    uint64_t calls = 0, failures = 0;
    for (int i = 0; i < SLICES; i++)
        if (breaker->slices_[i].number > number - SLICES) {
            calls += breaker->slices_[i].calls;
            failures += breaker->slices_[i].failures;
        }
    return calls >= (o->calls ? o->calls : 10) && (double)failures >= o->share * (double)calls;
}

int thrum__circuit_breaker_begin(thrum_circuit_breaker *breaker, thrum_time now, uint64_t *ret_call)
{
    int rc = 0;
    thrum_lock_acquire(&breaker->lock_);
    if (breaker->state_ != THRUM_CIRCUIT_CLOSED) {
        if (now < breaker->until_)
            rc = -EHOSTDOWN;
        else
            turn(breaker, THRUM_CIRCUIT_HALF_OPEN, later(now, ns_of(breaker->options.open, 30)));
    }
    if (rc == 0)
        *ret_call = breaker->turn_;
    thrum_lock_release(&breaker->lock_);
    return rc;
}

/* A call of this turn ended and tells something. Under the lock. */
static void judge(thrum_circuit_breaker *breaker, bool failed, thrum_time now)
{
    const thrum_circuit_breaker_options *o = &breaker->options;
    bool open = failed;
    if (breaker->state_ == THRUM_CIRCUIT_CLOSED) {
        uint32_t most = o->failures ? o->failures : 5;
        bool share = count(breaker, failed, now);
        breaker->in_a_row_ = failed ? breaker->in_a_row_ + 1 : 0;
        open = failed && (share || (breaker->in_a_row_ >= most && most != UINT32_MAX));
    }
    if (open)
        turn(breaker, THRUM_CIRCUIT_OPEN, later(now, ns_of(o->open, 30)));
    else if (breaker->state_ == THRUM_CIRCUIT_HALF_OPEN)
        turn(breaker, THRUM_CIRCUIT_CLOSED, 0);
}

void thrum__circuit_breaker_end(thrum_circuit_breaker *breaker, uint64_t call, int code,
                                thrum_time now)
{
    thrum_lock_acquire(&breaker->lock_);
    if (call == breaker->turn_) {
        if (code != -ECANCELED)
            judge(breaker, code != 0, now);
        else if (breaker->state_ == THRUM_CIRCUIT_HALF_OPEN)
            turn(breaker, THRUM_CIRCUIT_OPEN, now);
    }
    thrum_lock_release(&breaker->lock_);
}

void thrum_circuit_breaker_init(thrum_circuit_breaker *breaker,
                                const thrum_circuit_breaker_options *options)
{
    *breaker = (thrum_circuit_breaker){.state_ = THRUM_CIRCUIT_CLOSED};
    if (!options)
        return;
    if (!(options->share >= 0 && options->share <= 1) || !(options->window >= 0) ||
        !(options->open >= 0))
        thrum__panic(thrum__caller(),
                     "circuit breaker %p with a share of %g, a window of %g s, open for %g s; the "
                     "share must be 0 to 1, and the times must not be negative",
                     (void *)breaker, options->share, options->window, options->open);
    breaker->options = *options;
}

int thrum_circuit_breaker_begin(thrum_circuit_breaker *breaker, uint64_t *ret_call)
{
    return thrum__circuit_breaker_begin(breaker, thrum__clock_now(), ret_call);
}

void thrum_circuit_breaker_end(thrum_circuit_breaker *breaker, uint64_t call, int code)
{
    thrum__circuit_breaker_end(breaker, call, code, thrum__clock_now());
}

thrum_circuit_state thrum_circuit_breaker_state(thrum_circuit_breaker *breaker)
{
    thrum_lock_acquire(&breaker->lock_);
    thrum_circuit_state state = breaker->state_;
    thrum_lock_release(&breaker->lock_);
    return state;
}

thrum_deadline thrum_circuit_breaker_until(thrum_circuit_breaker *breaker)
{
    thrum_lock_acquire(&breaker->lock_);
    thrum_time until = breaker->until_;
    thrum_lock_release(&breaker->lock_);
    return until ? thrum_at(until) : THRUM_NOW;
}
