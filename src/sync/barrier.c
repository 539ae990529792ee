/* The barrier.
 *
 * The state word has GUARD, which protects everything below (park/guard.h), and BROKEN. `arrived_`
 * counts the waiters of this round. They are in the queue, each with a place on its stack for the
 * outcome of its wait.
 *
 * The thread that ends a round claims all waiters under the guard, writes their outcomes, and
 * unparks them after it has released the guard. No waiter takes the guard again on its way out. The
 * last to arrive ends the round with success. Once all claims are won no deadline counts any more,
 * so the action runs without the guard while the others sleep. If a claim is lost at that point,
 * its waiter has given up: a party is missing, and the round fails for all. A waiter that gives up
 * breaks the barrier itself, unless another thread has ended the round without it.
 *
 * Arriving is a release and continuing is an acquire: through the guard to the last party, and from
 * it through the unparks. So all parties see what each wrote before.
 *
 * Rejected: a condition, because its waiters wake one after the other, each handing the lock to the
 * next.
 *
 * Source: the semantics are those of Python's threading.Barrier.
 */
#include "base/panic.h"
#include "base/probe.h"
#include "park/guard.h"
#include "park/park.h"
#include <thrum/barrier.h>

#include <errno.h>

enum { GUARD = 1, BROKEN = 2 };

/* A waiting party. */
struct arrival {
    thrum__waiter waiter; /* first: the queue gives it back */
    int outcome;
};

void thrum_barrier_init(thrum_barrier *barrier, uint32_t parties, void (*action)(void *context),
                        void *context)
{
    if (parties == 0 || parties > INT32_MAX)
        thrum__panic(thrum__caller(), "barrier %p made for %u threads; it takes 1 to %d",
                     (void *)barrier, parties, INT32_MAX);
    *barrier = (thrum_barrier){.parties_ = parties, .action_ = action, .context_ = context};
    thrum__probe(made, THRUM__PROBE_BARRIER, barrier, parties, thrum__caller());
}

void thrum_barrier_finish(thrum_barrier *barrier)
{
    uint32_t waiting = thrum_barrier_waiting(barrier);
    if (waiting)
        thrum__panic(thrum__caller(), "barrier %p finished by thread \"%s\" while %u wait at it",
                     (void *)barrier, thrum__self()->name, waiting);
    thrum__probe(gone, THRUM__PROBE_BARRIER, barrier, thrum__caller());
}

/* Claims all waiters, with `outcome`, and empties the round. Gives how many were won, and their chain. Under the guard. */
static uint32_t claim_all(thrum_barrier *barrier, int outcome, thrum__waiter **ret_chain)
{
    uint32_t won = 0;
    *ret_chain = thrum__waiters_claim_chain(&barrier->waiters_, UINT32_MAX, &won);
    for (thrum__waiter *waiter = *ret_chain; waiter; waiter = waiter->next)
        ((struct arrival *)waiter)->outcome = outcome;
    barrier->arrived_ = 0;
    return won;
}

/* Ends the round as failed for all waiters, and leaves the barrier broken or whole. Takes the guard over from the caller. */
static void fail_round(thrum_barrier *barrier, bool broken)
{
    thrum__waiter *chain;
    claim_all(barrier, -EPIPE, &chain);
    thrum__store_release(&barrier->state_, broken ? BROKEN : 0);
    thrum__guard_left();
    thrum__unpark_chain(chain);
}

/* The last has come. Takes the guard over from the caller. */
static int complete(thrum_barrier *barrier)
{
    thrum__waiter *chain;
    uint32_t others = barrier->parties_ - 1;
    int outcome = claim_all(barrier, 0, &chain) == others ? 0 : -EPIPE;
    for (thrum__waiter *waiter = chain; outcome && waiter; waiter = waiter->next)
        ((struct arrival *)waiter)->outcome = outcome;
    thrum__store_release(&barrier->state_, outcome ? BROKEN : 0);
    thrum__guard_left();
    if (outcome == 0 && barrier->action_)
        barrier->action_(barrier->context_);
    thrum__unpark_chain(chain);
    return outcome;
}

/* The wait of `own` ended without an outcome: breaks the barrier, unless that was done meanwhile. */
static void give_up(thrum_barrier *barrier, struct arrival *own)
{
    thrum__guard_acquire(&barrier->state_, GUARD);
    if (!thrum__waiter_queued(&own->waiter)) {
        thrum__guard_release(&barrier->state_, GUARD);
        return;
    }
    thrum__waiters_remove(&barrier->waiters_, &own->waiter);
    fail_round(barrier, true);
}

int thrum_barrier_wait(thrum_barrier *barrier, thrum_deadline deadline)
{
    struct arrival own;
    thrum__memory_live(&own);
    int rc = 0;
    thrum__probe(told, THRUM__PROBE_BARRIER, barrier, barrier->parties_);
    thrum__probe(wanted, THRUM__PROBE_BARRIER, barrier, 0, thrum__caller(), barrier->parties_);
    uint32_t state = thrum__guard_acquire(&barrier->state_, GUARD);
    int index = (int)(barrier->parties_ - 1 - barrier->arrived_);
    if (state & BROKEN)
        rc = -EPIPE;
    else if (index == 0)
        return complete(barrier);
    else if (thrum_deadline_is_now(deadline))
        rc = -EAGAIN;
    else
        rc = thrum__wait_begin(&own.waiter, true);
    if (rc == -ECANCELED)
        fail_round(barrier, true); /* a party that was cancelled on the way here is missing, too */
    else if (rc < 0)
        thrum__guard_release(&barrier->state_, GUARD);
    if (rc < 0)
        return rc;
    barrier->arrived_++;
    thrum__waiters_push_back(&barrier->waiters_, &own.waiter);
    thrum__guard_release(&barrier->state_, GUARD);
    rc = thrum__wait(&own.waiter, deadline, "barrier", barrier);
    if (rc < 0)
        give_up(barrier, &own);
    else
        rc = own.outcome;
    thrum__memory_dead(&own);
    return rc < 0 ? rc : index;
}

void thrum_barrier_reset(thrum_barrier *barrier)
{
    thrum__guard_acquire(&barrier->state_, GUARD);
    fail_round(barrier, false);
}

void thrum_barrier_abort(thrum_barrier *barrier)
{
    thrum__guard_acquire(&barrier->state_, GUARD);
    fail_round(barrier, true);
}

bool thrum_barrier_broken(const thrum_barrier *barrier)
{
    return thrum__load_acquire(&barrier->state_) & BROKEN;
}

uint32_t thrum_barrier_waiting(thrum_barrier *barrier)
{
    thrum__guard_acquire(&barrier->state_, GUARD);
    uint32_t waiting = barrier->arrived_;
    thrum__guard_release(&barrier->state_, GUARD);
    return waiting;
}

uint32_t thrum_barrier_parties(const thrum_barrier *barrier)
{
    return barrier->parties_;
}
