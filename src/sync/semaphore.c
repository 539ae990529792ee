/* The semaphore.
 *
 *     GUARD     a thread changes the queue (park/guard.h)
 *     WAITERS   the queue is not empty; agrees with it whenever GUARD is clear
 *     the rest  the number of permits, in units of PERMIT
 *
 * Permits and waiters exclude each other: a release serves waiters before it counts permits, and a
 * waiter queues only when there is no permit, in the compare-and-swap that takes GUARD. A permit
 * that is handed to a waiter never appears in the word. So waiters are served in order, there is no
 * barging, and a woken waiter has its permit.
 *
 * While GUARD is set no other thread changes the word. Taking a permit is an acquire, giving one a
 * release. The last touch of a release is the write that publishes the new word (or clears GUARD);
 * the unparks follow. `bound_` is 0 for no bound and does not change.
 *
 * Rejected: barging, as in the lock. A semaphore guards scarce resources for long, where order and
 * a sure wake matter more than the last hand-off. A lock is for short sections.
 */
#include "base/panic.h"
#include "base/probe.h"
#include "park/guard.h"
#include "park/park.h"
#include "park/queued.h"
#include "park/select.h"
#include <thrum/semaphore.h>

#include <errno.h>

enum { GUARD = 1, WAITERS = 2, PERMIT = 4 };

void thrum_semaphore_init(thrum_semaphore *semaphore, uint32_t permits)
{
    if (permits > THRUM_SEMAPHORE_MAX)
        thrum__panic(thrum__caller(), "semaphore %p made with %u permits; the most is %u",
                     (void *)semaphore, permits, THRUM_SEMAPHORE_MAX);
    *semaphore = (thrum_semaphore)THRUM_SEMAPHORE_INIT(permits);
    thrum__probe(made, THRUM__PROBE_SEMAPHORE, semaphore, permits, thrum__caller());
}

void thrum_semaphore_init_bounded(thrum_semaphore *semaphore, uint32_t permits)
{
    if (permits == 0 || permits > THRUM_SEMAPHORE_MAX)
        thrum__panic(thrum__caller(), "bounded semaphore %p made with %u permits; it takes 1 to %u",
                     (void *)semaphore, permits, THRUM_SEMAPHORE_MAX);
    *semaphore = (thrum_semaphore)THRUM_SEMAPHORE_INIT(permits);
    semaphore->bound_ = permits;
    thrum__probe(made, THRUM__PROBE_SEMAPHORE, semaphore, permits, thrum__caller());
}

void thrum_semaphore_finish(thrum_semaphore *semaphore)
{
    if (thrum__load_acquire(&semaphore->state_) & (GUARD | WAITERS))
        thrum__panic(thrum__caller(),
                     "semaphore %p finished by thread \"%s\" while it is waited for",
                     (void *)semaphore, thrum__self()->name);
    thrum__probe(gone, THRUM__PROBE_SEMAPHORE, semaphore, thrum__caller());
}

/* Takes a permit if there is one. */
static bool take(thrum_semaphore *semaphore)
{
    uint32_t turns = 0;
    uint32_t state = thrum__load_relaxed(&semaphore->state_);
    while (state >= PERMIT) {
        if (state & GUARD) { /* a waiter that withdraws, and may be preempted there */
            thrum__spin(&turns);
            state = thrum__load_relaxed(&semaphore->state_);
        } else if (thrum__cas_weak_acquire(&semaphore->state_, &state, state - PERMIT)) {
            return true;
        }
    }
    return false;
}

/* Queues `waiter` if there is no permit; true if it did. */
static bool enqueue_without_permit(thrum_semaphore *semaphore, thrum__waiter *waiter)
{
    uint32_t turns = 0;
    for (;;) {
        uint32_t state = thrum__load_relaxed(&semaphore->state_);
        if (state & GUARD)
            thrum__spin(&turns);
        else if (state >= PERMIT)
            return false;
        else if (thrum__guard_try(&semaphore->state_, &state, GUARD | WAITERS))
            break;
    }
    thrum__waiters_push_back(&semaphore->waiters_, waiter);
    thrum__guard_release(&semaphore->state_, GUARD);
    return true;
}

/* Takes a permit if there is one, and else queues `waiter`; true if it did. */
static bool enqueue(void *object, thrum__waiter *waiter)
{
    for (;;) {
        if (enqueue_without_permit(object, waiter))
            return true;
        if (take(object))
            return false;
    }
}

static void withdraw(void *object, thrum__waiter *waiter)
{
    thrum_semaphore *semaphore = object;
    thrum__waiter_withdraw(waiter, &semaphore->waiters_, &semaphore->state_, GUARD, WAITERS);
}

/* Takes a permit in one attempt: the fast path, which saves no registers. */
static inline bool take_fast(thrum_semaphore *semaphore)
{
    uint32_t state = thrum__load_relaxed(&semaphore->state_);
    return !thrum__probed() && state >= PERMIT && !(state & GUARD) &&
           thrum__cas_acquire(&semaphore->state_, &state, state - PERMIT);
}

/* The caller has got a permit. */
static void tell(const thrum_semaphore *semaphore, unsigned mode, const void *place)
{
    thrum__probe(acquired, THRUM__PROBE_SEMAPHORE, semaphore, mode, place,
                 thrum_semaphore_value(semaphore) + UINT64_C(1));
}

static int take_now(thrum_semaphore *semaphore, unsigned mode, const void *place)
{
    bool taken = take(semaphore);
    if (taken)
        tell(semaphore, mode, place);
    return taken ? 0 : -EAGAIN;
}

int thrum_semaphore_try(thrum_semaphore *semaphore)
{
    return take_now(semaphore, THRUM__PROBE_TRY, thrum__caller());
}

static __attribute__((noinline)) int acquire(thrum_semaphore *semaphore, thrum_deadline deadline,
                                             bool cancellable, const void *place)
{
    static const thrum__queue_ops queue = {enqueue, withdraw};
    static const thrum__wait_kind kind = {.name = "semaphore"};
    bool now = thrum_deadline_is_now(deadline);
    unsigned mode = now                                   ? THRUM__PROBE_TRY
                    : thrum_deadline_is_forever(deadline) ? 0
                                                          : THRUM__PROBE_LIMIT;
    if (!now)
        thrum__probe(wanted, THRUM__PROBE_SEMAPHORE, semaphore, mode, place,
                     thrum_semaphore_value(semaphore));
    int rc = take_now(semaphore, mode, place);
    if (rc == 0 || now)
        return rc;
    thrum__waiter waiter;
    rc = thrum__wait_queued(semaphore, &queue, &waiter, &kind, deadline, cancellable, place);
    if (rc == 0)
        tell(semaphore, mode, place);
    return rc;
}

void thrum_semaphore_acquire(thrum_semaphore *semaphore)
{
    if (!take_fast(semaphore))
        acquire(semaphore, THRUM_FOREVER, false, thrum__caller());
}

int thrum_semaphore_acquire_until(thrum_semaphore *semaphore, thrum_deadline deadline)
{
    return take_fast(semaphore) ? 0 : acquire(semaphore, deadline, true, thrum__caller());
}

/* Stops the program if `held` permits and `more` go beyond what the semaphore may hold. */
static void check_bound(thrum_semaphore *semaphore, uint32_t held, uint32_t more, const void *place)
{
    uint32_t most = semaphore->bound_ ? semaphore->bound_ : THRUM_SEMAPHORE_MAX;
    if (more > most || held > most - more)
        thrum__panic(place,
                     "semaphore %p released too often by thread \"%s\": %u and %u permits are "
                     "more than %u",
                     (void *)semaphore, thrum__self()->name, held, more, most);
}

/* Out of line, so that the fast path saves no registers. */
static __attribute__((noinline)) void release_slow(thrum_semaphore *semaphore, uint32_t permits,
                                                   const void *place)
{
    thrum__probe(released, THRUM__PROBE_SEMAPHORE, semaphore, permits);
    uint32_t turns = 0;
    for (;;) {
        uint32_t state = thrum__load_relaxed(&semaphore->state_);
        if (state & GUARD) {
            thrum__spin(&turns);
        } else if (!(state & WAITERS)) {
            check_bound(semaphore, state / PERMIT, permits, place);
            if (thrum__cas_weak_release(&semaphore->state_, &state, state + permits * PERMIT))
                return;
        } else if (thrum__guard_try(&semaphore->state_, &state, state | GUARD)) {
            break;
        }
    }
    uint32_t served = 0;
    thrum__waiter *chain = thrum__waiters_claim_chain(&semaphore->waiters_, permits, &served);
    permits -= served;
    check_bound(semaphore, 0, permits, place);
    bool empty = thrum__waiters_empty(&semaphore->waiters_);
    thrum__store_release(&semaphore->state_, permits * PERMIT + (empty ? 0 : WAITERS));
    thrum__guard_left();
    thrum__unpark_chain(chain);
}

void thrum_semaphore_release(thrum_semaphore *semaphore, uint32_t permits)
{
    uint32_t state = thrum__load_relaxed(&semaphore->state_);
    uint32_t most = semaphore->bound_ ? semaphore->bound_ : THRUM_SEMAPHORE_MAX;
    bool fits = permits <= most && state / PERMIT <= most - permits;
    if (thrum__probed() || state & (GUARD | WAITERS) || !fits ||
        !thrum__cas_release(&semaphore->state_, &state, state + permits * PERMIT))
        release_slow(semaphore, permits, thrum__caller());
}

uint32_t thrum_semaphore_value(const thrum_semaphore *semaphore)
{
    return thrum__load_relaxed(&semaphore->state_) / PERMIT;
}

/* In a select: a release hands the permit to the waiter that it claims. */

static int case_attempt(thrum_case *of)
{
    return take_fast(of->object_) ? 0 : take_now(of->object_, THRUM__PROBE_TRY, NULL);
}

static bool case_enqueue(thrum__select_place *place)
{
    return enqueue_without_permit(place->of->object_, &place->waiter);
}

static void case_withdraw(thrum__select_place *place)
{
    withdraw(place->of->object_, &place->waiter);
}

static int case_settle(thrum__select_place *place)
{
    tell(place->of->object_, 0, NULL);
    return 0;
}

thrum_case thrum_case_semaphore(thrum_semaphore *semaphore)
{
    static const thrum__case_ops ops = {.attempt = case_attempt,
                                        .enqueue = case_enqueue,
                                        .withdraw = case_withdraw,
                                        .settle = case_settle};
    return (thrum_case){.ops_ = &ops, .object_ = semaphore};
}
