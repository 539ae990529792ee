/* The rate limiter.
 *
 * A bucket of tokens needs no timer and no counter. Its state is one moment, `next_`: until then
 * what was granted so far uses up the rate. A request of n tokens moves it n intervals on, from now
 * if it lies in the past:
 *
 *     next' = max(next, now) + n * interval
 *     due   = max(now, next' - burst * interval)
 *
 * With burst 1 and single tokens the moments `due` are at least an interval apart. A larger burst
 * lets as many requests run ahead of the schedule. The bucket holds burst - (next - now) / interval
 * tokens.
 *
 * So the state is one word, and taking a place in the schedule is one compare-and-swap: no lock, no
 * queue, no wakes. Places go in the order of the swaps. The word orders nothing else, so all its
 * accesses are relaxed.
 *
 * Deadlines: the place is known before it is taken, so a place after the deadline is not taken.
 *
 * Cancellation: a cancelled sleeper restores `next_` if it still has the value that the sleeper
 * gave it. Then no later place exists. Otherwise the later places keep their moments. To remove its
 * tokens from the end of the schedule would give the next caller the moment of the last one, two at
 * once. To move the later places forward would mean to find and wake their sleepers. `next_` grows
 * with each place, so it has the sleeper's value only if all later places were given back. An equal
 * value by chance is the same schedule.
 *
 * Precision: an interval is a double in nanoseconds. The cost of a request is rounded up to a
 * nanosecond, so the rate is never exceeded.
 *
 * Fork: a child inherits the schedule, and sleeps on its own. Signals: trying is one
 * compare-and-swap and a read of the clock.
 *
 * Rejected: a count with the time of its last refill: two words and so a lock. A queue of sleepers
 * woken by a timer, which can move up when one gives up: its cost for each call.
 */
#include "flow/rate_limiter.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/panic.h"

#include <errno.h>

/* What `tokens` cost, in whole nanoseconds, rounded up. False if it is beyond the clock. */
static bool cost_of(double interval, double tokens, thrum_time *ret_cost)
{
    double exact = interval * tokens;
    if (!(exact < 9.2e18))
        return false;
    thrum_time cost = (thrum_time)exact;
    *ret_cost = cost + ((double)cost < exact);
    return true;
}

int thrum__slot_find(double interval, double burst, thrum_time next, uint64_t tokens,
                     thrum_time now, thrum_deadline deadline, struct thrum__slot *ret_slot)
{
    thrum_time cost, ahead, after;
    thrum_time before = next > now ? next : now;
    if (!cost_of(interval, (double)tokens, &cost) || __builtin_add_overflow(before, cost, &after))
        return -EOVERFLOW;
    if (!cost_of(interval, burst, &ahead) || after - now <= ahead)
        ahead = after - now;
    *ret_slot = (struct thrum__slot){.due = after - ahead, .before = before, .after = after};
    if (ret_slot->due <= now)
        return 0;
    return thrum_deadline_is_now(deadline) ? -EAGAIN : ret_slot->due > deadline.ns ? -ETIMEDOUT : 0;
}

int thrum__rate_limiter_reserve(thrum_rate_limiter *limiter, uint64_t tokens, thrum_time now,
                                thrum_deadline deadline, struct thrum__slot *ret_slot)
{
    thrum_time next = thrum__load_relaxed(&limiter->next_);
    for (;;) {
        struct thrum__slot slot;
        int rc = thrum__slot_find(limiter->interval_, limiter->burst_, next, tokens, now, deadline,
                                  &slot);
        if (rc < 0)
            return rc;
        if (thrum__cas_weak_relaxed(&limiter->next_, &next, slot.after)) {
            *ret_slot = slot;
            return 0;
        }
    }
}

bool thrum__rate_limiter_give_back(thrum_rate_limiter *limiter, const struct thrum__slot *slot)
{
    thrum_time mine = slot->after;
    return thrum__cas_relaxed(&limiter->next_, &mine, slot->before);
}

void thrum_rate_limiter_init(thrum_rate_limiter *limiter, double per_second, double burst)
{
    if (!(per_second > 0) || !(burst >= 1))
        thrum__panic(
            thrum__caller(),
            "rate limiter %p made for %g tokens per second and a burst of %g; the rate must "
            "be above 0, and the burst at least 1",
            (void *)limiter, per_second, burst);
    *limiter = (thrum_rate_limiter){.interval_ = 1e9 / per_second, .burst_ = burst};
}

int thrum_rate_limiter_acquire(thrum_rate_limiter *limiter, uint64_t tokens,
                               thrum_deadline deadline)
{
    if (tokens == 0)
        return 0;
    struct thrum__slot slot;
    thrum_time now = thrum__clock_now();
    int rc = thrum__rate_limiter_reserve(limiter, tokens, now, deadline, &slot);
    if (rc < 0 || slot.due <= now)
        return rc;
    rc = thrum_sleep(thrum_at(slot.due));
    if (rc < 0)
        thrum__rate_limiter_give_back(limiter, &slot);
    return rc;
}

int thrum_rate_limiter_try(thrum_rate_limiter *limiter, uint64_t tokens)
{
    return thrum_rate_limiter_acquire(limiter, tokens, THRUM_NOW);
}

thrum_deadline thrum_rate_limiter_due(const thrum_rate_limiter *limiter, uint64_t tokens)
{
    struct thrum__slot slot;
    thrum_time now = thrum__clock_now();
    if (tokens == 0)
        return thrum_at(now);
    int rc =
        thrum__slot_find(limiter->interval_, limiter->burst_, thrum__load_relaxed(&limiter->next_),
                         tokens, now, THRUM_FOREVER, &slot);
    return rc < 0 ? THRUM_FOREVER : thrum_at(slot.due);
}
