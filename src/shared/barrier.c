/* The barrier between processes.
 *
 * One word of 64 bits, so that each step is one compare-and-swap, and a process that dies between
 * two steps leaves a state that is as good as any other:
 *
 *     bit   0         BROKEN: a party is missing; every wait fails until a reset
 *     bits  1 - 31    the number of the round
 *     bits 32 - 47    how many have come in this round
 *     bits 48 - 63    how the last 16 rounds ended, the last one in bit 48: 1 for complete
 *
 * The low half is what waiters sleep on (wait.c). It changes exactly when a round ends:
 *
 *     arrive     one more has come; the round goes on
 *     complete   by the last to come: the next round, empty, with a 1 for this one
 *     break      by a wait that gives up, or an abort: the next round, empty, with a 0, and BROKEN
 *     reset      the next round, empty, with a 0 for this one, and BROKEN cleared
 *
 * A waiter remembers the number of its round. When the low half has another number its round is
 * over, and the waiter reads how it ended from the 16 bits, even if others have ended further
 * rounds before the waiter ran. A waiter that more than 16 rounds have passed cannot know; it gets
 * -EPIPE. That takes as many breaks and resets while it does not run, or more threads than parties.
 *
 * A wait whose deadline passes breaks its round if that is not over, by the same compare-and-swap,
 * so the last to come and a deadline cannot both win: either all of a round get their index, or
 * none does. The steps that end a round release, and the loads of the waiters acquire.
 *
 * The wake follows the step. If the process dies between the two, the sleepers find the new number
 * at the end of their slice.
 *
 * Rejected: a table of the processes that wait, to take the dead out of a round. It would bound the
 * number of parties, and each round would ask the kernel about each of them. A death before the
 * arrival would still need a deadline.
 *
 * Source: the semantics are those of Python's Barrier.
 */
#include "base/futex.h"
#include "base/panic.h"
#include "shared/wait.h"
#include <thrum/shared_barrier.h>

#include <errno.h>
#include <limits.h>

#define BROKEN  UINT64_C(1)
#define ROUND   UINT64_C(2)
#define ROUNDS  UINT64_C(0xfffffffe) /* the bits of the number */
#define ARRIVAL (UINT64_C(1) << 32)
enum { ARRIVALS = 0xffff, HISTORY_SHIFT = 48, HISTORY = 16 };

static uint32_t arrived(uint64_t state)
{
    return (uint32_t)(state >> 32) & ARRIVALS;
}

/* The state after a round that ended so. */
static uint64_t next_round(uint64_t state, bool complete, bool broken)
{
    uint64_t history = state >> HISTORY_SHIFT << 1 | complete;
    return history << HISTORY_SHIFT | ((state + ROUND) & ROUNDS) | (broken ? BROKEN : 0);
}

void thrum_shared_barrier_init(thrum_shared_barrier *barrier, uint32_t parties)
{
    if (parties == 0 || parties > THRUM_SHARED_BARRIER_MAX)
        thrum__panic(thrum__caller(), "shared barrier %p made for %u parties; it takes 1 to %u",
                     (void *)barrier, parties, THRUM_SHARED_BARRIER_MAX);
    *barrier = (thrum_shared_barrier){.parties_ = parties};
}

static void wake_all(thrum_shared_barrier *barrier)
{
    thrum__futex_wake_shared(thrum__shared_low(&barrier->state_), INT_MAX);
}

/* Ends the round in which `*state` is, as broken or reset. False if it has changed; then `*state`
 * is new. */
static bool fail_round(thrum_shared_barrier *barrier, uint64_t *state, bool broken)
{
    if (!thrum__cas_acq_rel(&barrier->state_, state, next_round(*state, false, broken)))
        return false;
    wake_all(barrier);
    return true;
}

/* Comes to the barrier. Returns the caller's index, or -EPIPE, or -EAGAIN where it does not wait;
 * `*ret_round` is the low half while the round goes on. */
static int arrive(thrum_shared_barrier *barrier, bool waits, uint32_t *ret_round)
{
    uint64_t state = thrum__load_relaxed(&barrier->state_), next;
    bool last;
    do {
        if (state & BROKEN)
            return -EPIPE;
        last = arrived(state) + 1 >= barrier->parties_;
        if (!last && !waits)
            return -EAGAIN;
        next = last ? next_round(state, true, false) : state + ARRIVAL;
    } while (!thrum__cas_acq_rel(&barrier->state_, &state, next));
    *ret_round = (uint32_t)state;
    if (last) {
        wake_all(barrier);
        return 0;
    }
    return (int)(barrier->parties_ - 1 - arrived(state));
}

/* How the round that had `round` as its low half ended, given a later state. */
static int outcome(uint64_t state, uint32_t round)
{
    uint32_t passed = ((uint32_t)(state & ROUNDS) - round) / ROUND & (uint32_t)(ROUNDS / ROUND);
    bool complete = passed <= HISTORY && state >> (HISTORY_SHIFT + passed - 1) & 1;
    return complete ? 0 : -EPIPE;
}

int thrum_shared_barrier_wait(thrum_shared_barrier *barrier, thrum_deadline deadline)
{
    uint32_t round, *low = thrum__shared_low(&barrier->state_);
    int index = arrive(barrier, !thrum_deadline_is_now(deadline), &round);
    if (index <= 0)
        return index;
    uint64_t state;
    int rc = 0;
    while ((uint32_t)(state = thrum__load_acquire(&barrier->state_)) == round) {
        if (rc < 0 && fail_round(barrier, &state, true))
            return rc;
        if (rc == 0)
            rc = thrum__shared_wait(low, round, thrum__shared_slice, deadline, true,
                                    "shared barrier", barrier);
    }
    rc = outcome(state, round);
    return rc < 0 ? rc : index;
}

static void end_round(thrum_shared_barrier *barrier, bool broken)
{
    uint64_t state = thrum__load_relaxed(&barrier->state_);
    while (!fail_round(barrier, &state, broken))
        ;
}

void thrum_shared_barrier_reset(thrum_shared_barrier *barrier)
{
    end_round(barrier, false);
}

void thrum_shared_barrier_abort(thrum_shared_barrier *barrier)
{
    end_round(barrier, true);
}

bool thrum_shared_barrier_broken(const thrum_shared_barrier *barrier)
{
    return thrum__load_acquire(&barrier->state_) & BROKEN;
}

uint32_t thrum_shared_barrier_waiting(const thrum_shared_barrier *barrier)
{
    return arrived(thrum__load_relaxed(&barrier->state_));
}

uint32_t thrum_shared_barrier_parties(const thrum_shared_barrier *barrier)
{
    return barrier->parties_;
}
