/* The lock between processes.
 *
 * The state is one word of 64 bits. A process takes the lock and names itself in the same step.
 * With two steps a process that dies between them would leave a lock without a known owner.
 *
 *     bits  0 - 21   the owner's pid, 0 for a free lock
 *     bit  22        WAITERS: a waiter sleeps, or has slept: the release wakes one
 *     bit  23        DIED: an owner died, and no later owner has marked the lock consistent
 *     bit  24        BROKEN: released with DIED; for good
 *     bits 25 - 63   when the owner's process began, to detect a reused pid
 *
 * Sleepers sleep on the low half (wait.c). It is the same for all owners of one process, and a
 * sleeper need not know of their changes: WAITERS stays set, because a waiter that has slept takes
 * the lock with it. So while the low half is what a sleeper expects, the lock is held and its
 * release will wake a waiter.
 *
 * `owner_` names the owning context by the low bits of its process's start, the pid and the ident.
 * The owner writes it after the acquire and clears it before the release; park/owner.h says what a
 * reader learns. What a dead owner leaves there names a process that has ended.
 *
 * Acquire is a compare-and-swap from a free word (acquire), release one to a free word (release).
 * They pair, and the release is the last touch of the lock. The wake that follows goes to an
 * address that may be gone, which is harmless in the kernel.
 *
 * A dead owner. A waiter sleeps in slices that grow from FIRST_NS to the slice of all waits. After
 * each slice without a change it asks whether the owner's process lives (base/life.h). If not, it
 * takes over the lock by a compare-and-swap from the word that named the dead owner (only one
 * waiter can), and adds DIED. To ask at once would cost every contended acquire some system calls.
 * A thread or fiber that ends with a lock, in a process that goes on, is a mistake of the program,
 * as with thrum_lock, and is not detected.
 *
 * fork: the child is another process and owns nothing. The child may wait for what the parent
 * holds.
 *
 * Rejected: a queue of waiters in the shared memory, because the dead stay in it. A robust shared
 * pthread mutex: its owner is an OS thread, which two fibers have in common, and a waiting fiber
 * would block its worker.
 */
#include "base/clock.h"
#include "base/futex.h"
#include "base/life.h"
#include "base/panic.h"
#include "base/probe.h"
#include "park/owner.h"
#include "shared/wait.h"
#include <thrum/shared_lock.h>

#include <errno.h>
#include <limits.h>

#define PIDS    ((UINT64_C(1) << THRUM__LIFE_PID_BITS) - 1)
#define WAITERS (UINT64_C(1) << 22)
#define DIED    (UINT64_C(1) << 23)
#define BROKEN  (UINT64_C(1) << 24)
enum { START_SHIFT = 25 };
_Static_assert(START_SHIFT + THRUM__LIFE_START_BITS == 64, "the word is full");

enum { FIRST_NS = 2000000 };

/* A process, as the state has it. */
static uint64_t state_of(thrum__life process)
{
    return process.start << START_SHIFT | process.pid;
}

/* A process, as the owner word has it, without an ident. */
static uint64_t owner_of(thrum__life process)
{
    enum { IDENT_BITS = 20 };
    return process.start << (IDENT_BITS + THRUM__LIFE_PID_BITS) | (uint64_t)process.pid
                                                                      << IDENT_BITS;
}

static thrum__life holder_of(uint64_t state)
{
    return (thrum__life){(uint32_t)(state & PIDS), state >> START_SHIFT};
}

static bool is_mine(const thrum_shared_lock *lock)
{
    thrum__life self = thrum__life_self();
    return thrum__owner_is_self_shared(&lock->owner_, owner_of(self)) &&
           (thrum__load_relaxed(&lock->state_) & ~(WAITERS | DIED | BROKEN)) == state_of(self);
}

static __attribute__((noreturn, noinline)) void misuse(const thrum_shared_lock *lock,
                                                       const char *what, const void *place)
{
    uint32_t pid = holder_of(thrum__load_relaxed(&lock->state_)).pid;
    if (pid)
        thrum__panic(place, "shared lock %p %s by thread \"%s\"; it is held in process %u",
                     (const void *)lock, what, thrum__self()->name, pid);
    thrum__panic(place, "shared lock %p %s by thread \"%s\"; it is held by nobody",
                 (const void *)lock, what, thrum__self()->name);
}

void thrum_shared_lock_init(thrum_shared_lock *lock)
{
    *lock = (thrum_shared_lock)THRUM_SHARED_LOCK_INIT;
}

/* The caller has just got the lock. */
static int acquired(thrum_shared_lock *lock, thrum__life self, uint64_t state)
{
    thrum__owner_set_shared(&lock->owner_, owner_of(self) | thrum__self_ident());
    thrum__probe(acquired, THRUM__PROBE_LOCK, lock, 0, NULL, 0);
    return state & DIED ? -EOWNERDEAD : 0;
}

/* Takes the lock if it is free, with `flags`. False if it is held, by `*ret_state`; else with a code. */
static bool take(thrum_shared_lock *lock, uint64_t flags, uint64_t *ret_state, int *ret_code)
{
    uint64_t state = thrum__load_relaxed(&lock->state_);
    thrum__life self = thrum__life_self();
    while (!(state & PIDS)) {
        if (state & BROKEN) {
            *ret_code = -ENOTRECOVERABLE;
            return true;
        }
        if (thrum__cas_acquire(&lock->state_, &state, state_of(self) | flags)) {
            *ret_code = acquired(lock, self, 0);
            return true;
        }
    }
    *ret_state = state;
    return false;
}

/* Takes the lock from a holder that has died. */
static bool inherit(thrum_shared_lock *lock, uint64_t state, int *ret_code)
{
    thrum__life self = thrum__life_self();
    if ((state & ~(WAITERS | DIED | BROKEN)) == state_of(self) ||
        !thrum__life_ended(holder_of(state)))
        return false;
    /* Whether others sleep is not known: the dead may have seen no WAITERS. */
    uint64_t mine = state_of(self) | WAITERS | DIED;
    if (!thrum__cas_acquire(&lock->state_, &state, mine))
        return false;
    *ret_code = acquired(lock, self, mine);
    return true;
}

static int acquire_slow(thrum_shared_lock *lock, thrum_deadline deadline, bool cancellable)
{
    uint64_t flags = 0, state, before = 0;
    thrum_time slice = FIRST_NS;
    if (thrum__shared_slice < FIRST_NS || thrum__shared_slice == THRUM__NEVER)
        slice = thrum__shared_slice;
    for (;;) {
        int rc;
        if (take(lock, flags, &state, &rc))
            return rc;
        if (state == before) {
            if (inherit(lock, state, &rc))
                return rc;
            slice = slice < thrum__shared_slice / 2 ? slice * 2 : thrum__shared_slice;
        }
        uint64_t marked = state | WAITERS;
        if (state != marked && !thrum__cas_relaxed(&lock->state_, &state, marked))
            continue;
        rc = thrum__shared_wait(thrum__shared_low(&lock->state_), (uint32_t)marked, slice, deadline,
                                cancellable, "shared lock", lock);
        if (rc < 0)
            return rc;
        flags = WAITERS;
        before = marked;
    }
}

int thrum_shared_lock_acquire(thrum_shared_lock *lock)
{
    uint64_t state;
    int rc;
    if (__builtin_expect(take(lock, 0, &state, &rc), 1))
        return rc;
    if (is_mine(lock))
        misuse(lock, "acquired a second time", thrum__caller());
    return acquire_slow(lock, THRUM_FOREVER, false);
}

int thrum_shared_lock_try(thrum_shared_lock *lock)
{
    uint64_t state;
    int rc;
    if (take(lock, 0, &state, &rc) || inherit(lock, state, &rc))
        return rc;
    return -EAGAIN;
}

int thrum_shared_lock_acquire_until(thrum_shared_lock *lock, thrum_deadline deadline)
{
    uint64_t state;
    int rc;
    if (take(lock, 0, &state, &rc))
        return rc;
    if (is_mine(lock))
        return -EDEADLK;
    if (thrum_deadline_is_now(deadline))
        return thrum_shared_lock_try(lock);
    return acquire_slow(lock, deadline, true);
}

void thrum_shared_lock_consistent(thrum_shared_lock *lock)
{
    if (!is_mine(lock))
        misuse(lock, "called consistent", thrum__caller());
    thrum__and_relaxed(&lock->state_, ~DIED);
}

void thrum_shared_lock_release(thrum_shared_lock *lock)
{
    if (!is_mine(lock))
        misuse(lock, "released", thrum__caller());
    thrum__probe(released, THRUM__PROBE_LOCK, lock, 1);
    thrum__owner_set_shared(&lock->owner_, 0);
    uint32_t *low = thrum__shared_low(&lock->state_);
    uint64_t state = thrum__load_relaxed(&lock->state_);
    while (!thrum__cas_release(&lock->state_, &state, state & DIED ? BROKEN : 0))
        ;
    if (state & DIED)
        thrum__futex_wake_shared(low, INT_MAX);
    else if (state & WAITERS)
        thrum__futex_wake_shared(low, 1);
}

bool thrum_shared_lock_owned(const thrum_shared_lock *lock)
{
    return is_mine(lock);
}

int32_t thrum_shared_lock_holder(const thrum_shared_lock *lock)
{
    return (int32_t)holder_of(thrum__load_relaxed(&lock->state_)).pid;
}
