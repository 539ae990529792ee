/* The lock.
 *
 * Sixteen bytes: a state word, the ident of the owner, and the tail of the queue of waiters.
 *
 *     LOCKED    the lock has an owner
 *     WAITERS   the queue is not empty
 *     GUARD     a thread changes the queue (park/guard.h)
 *     WAKING    a designated waker is on the way to this lock: a waiter that a release has woken,
 *               or a spinner. It will take the lock, or clear the bit as it queues, so a release
 *               need not wake another waiter. At most one
 *     STAMP     beside WAKING: the number of the process in which it was set, modulo 256. In a
 *               child process it differs, and WAKING stands for a lost thread: it does not count,
 *               and the next release that serves waiters, or spinner, drops it
 *
 * Legal words: WAITERS agrees with the queue whenever GUARD is clear. WAKING may stand without
 * LOCKED. A waiter enters the queue only while LOCKED is set, in the compare-and-swap that takes
 * GUARD. The owner cannot release the lock without seeing WAITERS, so no wake is lost.
 *
 * Acquire is a compare-and-swap to LOCKED (acquire), release one from LOCKED (release). They pair:
 * the next owner sees what the last one wrote. Both write the owner word in the same step
 * (park/owner.h).
 *
 * The last touch of a release is the compare-and-swap that clears LOCKED (or GUARD, in a hand-off).
 * The unpark that follows touches only the context of the woken. So the next owner may free the
 * lock at once.
 *
 * Fairness: barging. A woken waiter competes with running threads; if it loses, it queues at the
 * head. Once the first waiter has queued for TURN_NS and the releasing thread has had its turn for
 * TURN_NS, a release hands the lock over: it leaves LOCKED set, writes the waiter's ident as owner,
 * and wakes it as the owner. A thread's turn begins when it gets a lock that it slept for (`tenure`
 * in its context). So competing threads take turns of a millisecond, in which the running thread
 * goes at full speed, and fairness costs one wake-up a turn. A thread that holds a lock for long
 * hands it over on its first release. A hand-off to every waiter that has waited long would stop
 * the lock for a wake-up at each release as soon as there are many waiters.
 *
 * Spinning: a thread that finds the lock held and no designated waker may spin, with growing
 * pauses, before it queues. Its bit keeps other threads from spinning. There is no spinning on one
 * or two processors: the spinner's reads slow the owner down more than the saved sleep is worth, as
 * bench_lock shows (with 4 threads on 2 processors 30 to 80 ns for a pair instead of 15).
 *
 * Cancellation and timeout: only acquire_until can end without the lock.
 *
 * Fork: a lock that the forking thread holds is held by it in the child. A lock that another thread
 * holds stays held: a thread that must wait for it in the child is stopped with the name of the
 * owner instead of hanging. GUARD is clear in a child and the queue whole (base/section.c); the
 * waiters in it are lost and skipped. The STAMP shows that WAKING stands for a lost thread.
 *
 * Rejected: a ticket or MCS lock (a preempted waiter stops all behind it); a global table of queues
 * (unrelated locks would meet); releasing by fetch-and-subtract and looking for waiters after it
 * (touches the lock when it may be gone).
 *
 * Sources: nsync by Burrows; parking_lot by d'Antras, after WebKit's WTF::Lock by Pizlo; the
 * starvation mode of Go's sync.Mutex.
 */
#include "sync/lock.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "base/probe.h"
#include "base/process.h"
#include "park/deadlock.h"
#include "park/guard.h"
#include "park/owner.h"
#include "park/park.h"
#include "park/select.h"

#include <errno.h>

enum { LOCKED = 1, WAITERS = 2, GUARD = 4, WAKING = 8, STAMP = 0xff0, STAMP_UNIT = 0x10 };

_Static_assert(WAKING + STAMP < 1 << THRUM__LOCK_FLAGS, "rlock.c counts above them");

enum { TURN_NS = 1000000, SPIN_PROCESSORS = 3 };

#ifdef THRUM_EXPLORE
enum { SPIN_TURNS = 1 };
#else
enum { SPIN_TURNS = 5 }; /* 1, 2, 4, 8, 16 pauses: about a microsecond */
#endif

void thrum__lock_misuse(const thrum_lock *lock, const char *what, const void *place)
{
    uint32_t owner = thrum__owner_peek(&lock->owner_);
    thrum__panic(place, "lock %p %s by thread \"%s\"; it is held by %s%s%s", (const void *)lock,
                 what, thrum__self()->name, owner ? "thread \"" : "", thrum__context_name(owner),
                 owner ? "\"" : "");
}

/* WAKING as this process sets it. */
static inline uint32_t own_waking(void)
{
    return WAKING | (thrum__process_generation * STAMP_UNIT & STAMP);
}

/* A state without a WAKING that stands for a thread of the parent process. */
static inline uint32_t without_lost_waking(uint32_t state)
{
    bool lost = state & WAKING && (state & (WAKING | STAMP)) != own_waking();
    return lost ? state & ~(uint32_t)(WAKING | STAMP) : state;
}

void thrum_lock_init(thrum_lock *lock)
{
    *lock = (thrum_lock)THRUM_LOCK_INIT;
    thrum__probe(made, THRUM__PROBE_LOCK, lock, 0, thrum__caller());
}

void thrum_lock_finish(thrum_lock *lock)
{
    if (without_lost_waking(thrum__load_acquire(&lock->state_)))
        thrum__lock_misuse(lock, "finished while in use", thrum__caller());
    thrum__probe(gone, THRUM__PROBE_LOCK, lock, thrum__caller());
}

/* One waiting for a lock: what it carries from one attempt to the next. */
struct attempt {
    thrum__context *self;
    const void *place; /* where the caller asks for it */
    thrum_deadline deadline;
    unsigned mode; /* for the probes */
    bool cancellable;
    bool on_the_way;  /* WAKING stands for us */
    bool was_woken;   /* keep our place at the head */
    uint32_t turns;   /* of spinning */
    thrum_time since; /* of the first sleep, 0 before it */
};

/* Spins a turn if that may help; false when it is time to queue. */
static bool spin(thrum_lock *lock, struct attempt *attempt, uint32_t state)
{
    if (attempt->turns >= SPIN_TURNS || thrum__cpu_count() < SPIN_PROCESSORS)
        return false;
    if (!attempt->on_the_way) {
        uint32_t clean = without_lost_waking(state);
        if (clean & WAKING)
            return false;
        if (!thrum__cas_relaxed(&lock->state_, &state, clean | own_waking()))
            return true;
        attempt->on_the_way = true;
    }
    for (uint32_t i = 0; i < UINT32_C(1) << attempt->turns; i++)
        thrum__pause();
    attempt->turns++;
    return true;
}

static uint32_t owner_of(const void *lock)
{
    return thrum__owner_peek(&((const thrum_lock *)lock)->owner_);
}

static const thrum__wait_kind lock_wait = {"lock", "held by", owner_of};

/* Queues and sleeps; the caller has GUARD, and the lock is held by another. Returns 0 with
 * waiter->granted if the lock was handed over, 0 without it to try again, or the wait's error. */
static int sleep_in_queue(thrum_lock *lock, struct attempt *attempt, thrum__waiter *waiter)
{
    int rc = thrum__wait_begin(waiter, attempt->cancellable);
    if (rc < 0) {
        bool empty = thrum__waiters_empty(&lock->waiters_);
        thrum__guard_release(&lock->state_, empty ? GUARD | WAITERS : GUARD);
        return rc;
    }
    waiter->since = attempt->since;
    if (attempt->was_woken)
        thrum__waiters_push_front(&lock->waiters_, waiter);
    else
        thrum__waiters_push_back(&lock->waiters_, waiter);
    thrum__guard_release(&lock->state_, GUARD);
    rc = thrum__wait_owned(waiter, attempt->deadline, &lock_wait, lock, attempt->place);
    if (rc < 0)
        thrum__waiter_withdraw(waiter, &lock->waiters_, &lock->state_, GUARD, WAITERS);
    return rc;
}

static int acquire_slow(thrum_lock *lock, struct attempt *attempt)
{
    uint32_t guard_turns = 0;
    thrum__probe(wanted, THRUM__PROBE_LOCK, lock, attempt->mode, attempt->place, 0);
    for (;;) {
        uint32_t state = thrum__load_relaxed(&lock->state_);
        uint32_t mine = attempt->on_the_way ? WAKING | STAMP : 0;
        if (!(state & LOCKED)) {
            if (thrum__owner_take(&lock->state_, &lock->owner_, &state, (state | LOCKED) & ~mine,
                                  attempt->self->ident)) {
                thrum__probe(acquired, THRUM__PROBE_LOCK, lock, attempt->mode, attempt->place, 0);
                if (attempt->since)
                    attempt->self->tenure = thrum__clock_now();
                return 0;
            }
            continue;
        }
        if (spin(lock, attempt, state))
            continue;
        if (state & GUARD) {
            thrum__spin(&guard_turns);
            continue;
        }
        if (thrum__context_lost(thrum__owner_peek(&lock->owner_)))
            thrum__lock_misuse(lock, "waited for, after a fork that left its holder behind,", NULL);
        if (!attempt->since)
            attempt->since = thrum__clock_now();
        if (!thrum__guard_try(&lock->state_, &state, (state | GUARD | WAITERS) & ~mine))
            continue;
        attempt->on_the_way = false;
        thrum__waiter waiter;
        thrum__memory_live(&waiter);
        int rc = sleep_in_queue(lock, attempt, &waiter);
        thrum__plain_read(&waiter.granted);
        bool granted = rc == 0 && waiter.granted;
        thrum__memory_dead(&waiter);
        if (granted) {
            attempt->self->tenure = thrum__clock_now();
            thrum__probe(acquired, THRUM__PROBE_LOCK, lock, attempt->mode, attempt->place, 0);
        }
        if (rc < 0 || granted)
            return rc;
        attempt->on_the_way = attempt->was_woken = true;
        attempt->turns = 0;
    }
}

static inline bool acquire_fast(thrum_lock *lock, uint32_t ident, unsigned mode, const void *place)
{
    if (!thrum__owner_take_fast(&lock->state_, &lock->owner_, LOCKED, LOCKED, ident))
        return false;
    thrum__probe(acquired, THRUM__PROBE_LOCK, lock, mode, place, 0);
    return true;
}

/* Out of line, so that the fast path saves no registers. Here too for a thread that has no ident
 * yet. */
static __attribute__((noinline)) void acquire_contended(thrum_lock *lock, const void *place)
{
    if (thrum__owner_is_self(&lock->owner_))
        thrum__lock_misuse(lock, "acquired a second time", place);
    struct attempt attempt = {.self = thrum__self(), .place = place, .deadline = THRUM_FOREVER};
    acquire_slow(lock, &attempt);
}

void thrum_lock_acquire(thrum_lock *lock)
{
    uint32_t ident = thrum__local_number();
    if (__builtin_expect(!ident || !acquire_fast(lock, ident, 0, thrum__caller()), 0))
        acquire_contended(lock, thrum__caller());
}

void thrum__lock_acquire(thrum_lock *lock, const void *place)
{
    uint32_t ident = thrum__local_number();
    if (__builtin_expect(!ident || !acquire_fast(lock, ident, 0, place), 0))
        acquire_contended(lock, place);
}

static int take_now(thrum_lock *lock, const void *place)
{
    uint32_t ident = thrum__self_ident();
    uint32_t state = thrum__load_relaxed(&lock->state_);
    while (!(state & LOCKED)) {
        if (thrum__owner_take(&lock->state_, &lock->owner_, &state, state | LOCKED, ident)) {
            thrum__probe(acquired, THRUM__PROBE_LOCK, lock, THRUM__PROBE_TRY, place, 0);
            return 0;
        }
    }
    return -EAGAIN;
}

int thrum_lock_try(thrum_lock *lock)
{
    return take_now(lock, thrum__caller());
}

int thrum__lock_acquire_until(thrum_lock *lock, thrum_deadline deadline, const void *place)
{
    uint32_t ident = thrum__self_ident();
    unsigned mode = thrum_deadline_is_forever(deadline) ? 0 : THRUM__PROBE_LIMIT;
    if (acquire_fast(lock, ident, mode, place))
        return 0;
    if (thrum__owner_is_self(&lock->owner_))
        return -EDEADLK;
    if (thrum_deadline_is_now(deadline))
        return take_now(lock, place);
    struct attempt attempt = {
        .self = thrum__self(),
        .place = place,
        .deadline = deadline,
        .mode = mode,
        .cancellable = true,
    };
    return acquire_slow(lock, &attempt);
}

int thrum_lock_acquire_until(thrum_lock *lock, thrum_deadline deadline)
{
    return thrum__lock_acquire_until(lock, deadline, thrum__caller());
}

void thrum__lock_acquire_woken(thrum_lock *lock, const thrum__waiter *waiter, const void *place)
{
    struct attempt attempt = {
        .self = waiter->context,
        .place = place,
        .deadline = THRUM_FOREVER,
        .mode = THRUM__PROBE_AGAIN,
        .on_the_way = true,
        .was_woken = true,
    };
    acquire_slow(lock, &attempt);
}

void thrum__lock_enqueue(thrum_lock *lock, thrum__waiter *waiter)
{
    thrum__guard_acquire(&lock->state_, GUARD);
    thrum__waiters_push_back(&lock->waiters_, waiter);
    uint32_t state = thrum__load_relaxed(&lock->state_);
    while (!thrum__cas_weak_release(&lock->state_, &state, (state | WAITERS) & ~GUARD))
        ;
    thrum__guard_left();
}

/* Whether a release must look at the queue: there are waiters and no designated waker. */
static inline bool needs_wake(uint32_t state)
{
    return state & GUARD || (without_lost_waking(state) & (WAITERS | WAKING)) == WAITERS;
}

/* Whether it is the waiter's turn to be handed the lock by the calling thread. */
static bool is_due(const thrum__waiter *first)
{
    if (!first->since)
        return false;
    thrum_time now = thrum__clock_now();
    return now - first->since > TURN_NS && now - thrum__self()->tenure > TURN_NS;
}

/* Waiters there may be, or someone at the queue: gives the lock back and wakes one at most. */
static __attribute__((noinline)) void release_slow(thrum_lock *lock, uint32_t ident)
{
    uint32_t turns = 0;
    uint32_t state;
    for (;;) {
        state = thrum__load_relaxed(&lock->state_);
        if (state & GUARD) {
            thrum__spin(&turns);
        } else if (!needs_wake(state)) {
            if (thrum__owner_give(&lock->state_, &lock->owner_, &state,
                                  without_lost_waking(state) & ~LOCKED, ident))
                return;
        } else if (thrum__guard_try(&lock->state_, &state, state | GUARD)) {
            break;
        }
    }
    thrum__waiter *first = thrum__waiters_claim_first(&lock->waiters_);
    uint32_t clear = GUARD | (thrum__waiters_empty(&lock->waiters_) ? WAITERS : 0);
    uint32_t set = 0;
    if (first && is_due(first)) {
        thrum__plain_write(&first->granted);
        first->granted = true;
        thrum__owner_set(&lock->owner_, first->context->ident);
    } else {
        thrum__owner_set(&lock->owner_, 0);
        clear |= LOCKED;
        set = first ? own_waking() : 0;
    }
    thrum__context *woken = first ? first->context : NULL;
    state = thrum__load_relaxed(&lock->state_);
    while (!thrum__cas_weak_release(&lock->state_, &state,
                                    (without_lost_waking(state) & ~clear) | set))
        ;
    thrum__guard_left();
    if (woken)
        thrum__unpark(woken);
}

static inline bool release_fast(thrum_lock *lock, uint32_t ident)
{
    return thrum__owner_give_fast(&lock->state_, &lock->owner_, GUARD | WAITERS, LOCKED, ident);
}

void thrum__lock_release(thrum_lock *lock)
{
    uint32_t ident = thrum__owner_peek(&lock->owner_);
    thrum__probe(released, THRUM__PROBE_LOCK, lock, 1);
    if (!release_fast(lock, ident))
        release_slow(lock, ident);
}

static __attribute__((noinline)) void release_contended(thrum_lock *lock, const void *place)
{
    if (!thrum__owner_is_self(&lock->owner_))
        thrum__lock_misuse(lock, "released", place);
    thrum__lock_release(lock);
}

void thrum_lock_release(thrum_lock *lock)
{
    uint32_t ident = thrum__local_number(); /* 0 for a thread that never held a lock */
    if (__builtin_expect(thrum__probed() || !ident || !release_fast(lock, ident), 0))
        release_contended(lock, thrum__caller());
}

bool thrum_lock_locked(const thrum_lock *lock)
{
    return thrum__load_relaxed(&lock->state_) & LOCKED;
}

bool thrum_lock_owned(const thrum_lock *lock)
{
    return thrum__owner_is_self(&lock->owner_);
}

/* ------------------------------------------------------------------------------ in a select
 *
 * A place stands in the queue as a waiter of acquire does, and a release that claims it wakes it on the way
 * to the lock or hands the lock over. On the way, it tries once: if a barging thread has the lock, it
 * clears WAKING while the lock is held, so that the holder's release wakes the next waiter, and the
 * select begins anew. It then queues at the head, as one that was woken. */

static int case_attempt(thrum_case *of)
{
    thrum_lock *lock = of->object_;
    return thrum__owner_is_self(&lock->owner_) ? -EDEADLK : thrum_lock_try(lock);
}

static bool case_enqueue(thrum__select_place *place)
{
    thrum_lock *lock = place->of->object_;
    uint32_t turns = 0;
    for (;;) {
        uint32_t state = thrum__load_relaxed(&lock->state_);
        if (!(state & LOCKED))
            return false;
        if (thrum__context_lost(thrum__owner_peek(&lock->owner_)))
            thrum__lock_misuse(lock, "waited for, after a fork that left its holder behind,", NULL);
        if (state & GUARD)
            thrum__spin(&turns);
        else if (thrum__guard_try(&lock->state_, &state, state | GUARD | WAITERS))
            break;
    }
    uint64_t *since = &place->room[0];
    if (!*since)
        *since = (uint64_t)thrum__clock_now();
    place->waiter.since = (thrum_time)*since;
    if (place->was_woken)
        thrum__waiters_push_front(&lock->waiters_, &place->waiter);
    else
        thrum__waiters_push_back(&lock->waiters_, &place->waiter);
    thrum__guard_release(&lock->state_, GUARD);
    return true;
}

static void case_withdraw(thrum__select_place *place)
{
    thrum_lock *lock = place->of->object_;
    thrum__waiter_withdraw(&place->waiter, &lock->waiters_, &lock->state_, GUARD, WAITERS);
}

/* One try of a waiter that is on the way. */
static bool take_on_the_way(thrum_lock *lock, uint32_t ident)
{
    const uint32_t mine = WAKING | STAMP;
    uint32_t state = thrum__load_relaxed(&lock->state_);
    for (;;) {
        if (state & LOCKED) {
            if (thrum__cas_weak_relaxed(&lock->state_, &state, state & ~mine))
                return false;
        } else if (thrum__owner_take(&lock->state_, &lock->owner_, &state, (state | LOCKED) & ~mine,
                                     ident)) {
            return true;
        }
    }
}

static int case_settle(thrum__select_place *place)
{
    thrum_lock *lock = place->of->object_;
    thrum__context *self = place->waiter.context;
    thrum__plain_read(&place->waiter.granted);
    if (!place->waiter.granted && !take_on_the_way(lock, self->ident)) {
        place->was_woken = true;
        return -EAGAIN;
    }
    self->tenure = thrum__clock_now();
    thrum__probe(acquired, THRUM__PROBE_LOCK, lock, 0, NULL, 0);
    return 0;
}

thrum_case thrum_case_lock(thrum_lock *lock)
{
    static const thrum__case_ops ops = {.attempt = case_attempt,
                                        .enqueue = case_enqueue,
                                        .withdraw = case_withdraw,
                                        .settle = case_settle};
    return (thrum_case){.ops_ = &ops, .object_ = lock};
}
