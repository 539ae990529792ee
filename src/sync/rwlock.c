/* The readers-writer lock.
 *
 *     WRITER    a writer owns the lock
 *     WAITERS   the queue is not empty; agrees with it whenever GUARD is clear
 *     GUARD     a thread changes the queue (park/guard.h)
 *     SLOTS     readers may use slots of their threads (read_slots.c): there may be more readings
 *               than the word has
 *     the rest  the number of readings, in units of READER, without those in slots
 *
 * WRITER excludes readings. A caller that finds the lock taken, or waiters before it, queues. A
 * release that leaves the lock free takes GUARD and admits: the writer at the head of the queue, or
 * all readers up to the next writer. The admitted own the lock when they wake: no caller can take
 * it first, and no wake is in vain.
 *
 * While GUARD is set, the word changes in one way only: a context that is known to read may add a
 * reading of its own. So the holder of GUARD finishes with a compare-and-swap, and that is its last
 * touch of the lock; the unparks follow.
 *
 * SLOTS is set by a reader, and never together with WRITER or WAITERS. A writer clears it under
 * GUARD before anything else, and adds the readings that it finds in slots to the word. So all of
 * the above holds without regard to slots, and with a fast way beside it: a reading by a slot
 * writes no word of the lock.
 *
 * Each context keeps a short list of the locks that it reads (`reading`), beside its slots. With it a reading is
 * released by the context that took it, a reader that wants to write is refused instead of waiting
 * for itself, and a reader that reads again does not queue behind a writer that waits for it. The
 * list has a few places. A context that reads more locks at once has readings that are counted and
 * not listed. It may read any lock again, so it passes the waiters of every lock that has readers.
 * Its other mistakes go undetected for those locks.
 *
 * A waiter that gives up (deadline, cancellation) may have kept out others that can go in now: a
 * leaving writer admits the readers behind it. So a withdrawal admits too.
 *
 * Pairs: a release is a release, every way in an acquire (the compare-and-swap, or the unpark).
 *
 * Rejected: preferring either side (starves the other); separate words for readers per core in the
 * lock (64 bytes and more a lock).
 */
#include "sync/rwlock.h"
#include "base/panic.h"
#include "base/probe.h"
#include "park/deadlock.h"
#include "park/guard.h"
#include "park/owner.h"
#include "park/park.h"
#include "park/queued.h"
#include <thrum/rwlock.h>

#include <errno.h>

enum { WRITER = 1, WAITERS = 2, GUARD = 4, SLOTS = 8, READER = 16 };

/* What keeps a reader out, and a writer. */
#define READ_BUSY  ((uint32_t)(WRITER | WAITERS | GUARD))
#define WRITE_BUSY UINT32_MAX

static void misuse(const thrum_rwlock *lock, const char *what, const void *place)
{
    uint32_t owner = thrum__owner_peek(&lock->owner_);
    thrum__panic(place, "rwlock %p %s by thread \"%s\"; it has %u readers and is written by %s%s%s",
                 (const void *)lock, what, thrum__self()->name, thrum_rwlock_readers(lock),
                 owner ? "thread \"" : "", thrum__context_name(owner), owner ? "\"" : "");
}

/* What a context reads: its entry for this lock, or NULL. */
static thrum__reading *reading_of(thrum__context *self, const thrum_rwlock *lock)
{
    for (int i = 0; i < THRUM__READINGS; i++)
        if (self->rest->reading[i].lock == lock)
            return &self->rest->reading[i];
    return NULL;
}

/* Whether a context reads the lock, as far as it knows. */
static bool reads(thrum__context *self, const thrum_rwlock *lock)
{
    return reading_of(self, lock) || thrum__read_slot_of(self, lock);
}

/* Adds one reading to the list. */
static void note_reading(thrum__context *self, thrum_rwlock *lock)
{
    thrum__reading *reading = reading_of(self, lock);
    if (!reading)
        reading = reading_of(self, NULL);
    if (!reading) {
        self->rest->unlisted_readings++;
        return;
    }
    reading->lock = lock;
    reading->depth++;
}

/* Takes one reading off the list; stops a context that does not read. */
static void forget_reading(thrum__context *self, thrum_rwlock *lock, const void *place)
{
    thrum__reading *reading = reading_of(self, lock);
    if (reading) {
        if (--reading->depth == 0)
            reading->lock = NULL;
    } else if (self->rest->unlisted_readings) {
        self->rest->unlisted_readings--;
    } else {
        misuse(lock, "released as a reader", place);
    }
}

void thrum_rwlock_init(thrum_rwlock *lock)
{
    *lock = (thrum_rwlock)THRUM_RWLOCK_INIT;
    thrum__probe(made, THRUM__PROBE_RWLOCK, lock, 0, thrum__caller());
}

/* Whom an admission lets in. */
struct admitted {
    thrum__waiter *chain;
    uint32_t added; /* to the word */
};

/* Takes from the head of the queue the waiters that a lock with the given readings can admit. Under GUARD, without a writer. */
static struct admitted admit(thrum_rwlock *lock, uint32_t readings)
{
    struct admitted in = {0};
    thrum__waiter **end = &in.chain, *first;
    while ((first = thrum__waiters_first(&lock->waiters_))) {
        if (!first->shared && (readings || in.added))
            break;
        thrum__waiters_remove(&lock->waiters_, first);
        if (!thrum__claim_waiter(first))
            continue;
        *end = first;
        end = &first->next;
        if (!first->shared) {
            in.added = WRITER;
            thrum__owner_set(&lock->owner_, first->context->ident);
            break;
        }
        in.added += READER;
    }
    *end = NULL;
    return in;
}

/* Gives GUARD back with `removed` taken from the word and `in` let in. */
static void settle(thrum_rwlock *lock, uint32_t removed, struct admitted in)
{
    uint32_t clear = GUARD | (thrum__waiters_empty(&lock->waiters_) ? WAITERS : 0);
    uint32_t state = thrum__load_relaxed(&lock->state_);
    while (!thrum__cas_weak_release(&lock->state_, &state, ((state - removed) & ~clear) + in.added))
        ;
    thrum__guard_left();
    thrum__unpark_chain(in.chain);
}

/* Has all readings counted in the word; see above. */
static void count_slots(thrum_rwlock *lock)
{
    uint32_t turns = 0, state;
    while ((state = thrum__load_relaxed(&lock->state_)) & SLOTS) {
        if (state & GUARD)
            thrum__spin(&turns);
        else if (thrum__guard_try(&lock->state_, &state, (state & ~(uint32_t)SLOTS) | GUARD))
            settle(lock, 0, (struct admitted){.added = thrum__read_slots_count(lock) * READER});
    }
}

void thrum_rwlock_finish(thrum_rwlock *lock)
{
    count_slots(lock);
    if (thrum__load_acquire(&lock->state_))
        misuse(lock, "finished while in use", thrum__caller());
    thrum__probe(gone, THRUM__PROBE_RWLOCK, lock, thrum__caller());
}

/* Takes a waiter out that gave up, and lets in those that it kept out. */
static void withdraw(void *object, thrum__waiter *waiter)
{
    thrum_rwlock *lock = object;
    uint32_t state = thrum__guard_acquire(&lock->state_, GUARD);
    if (thrum__waiter_queued(waiter))
        thrum__waiters_remove(&lock->waiters_, waiter);
    struct admitted in = {0};
    if (!(state & WRITER))
        in = admit(lock, state / READER);
    settle(lock, 0, in);
}

/* Takes the lock at once if that is fair; `add` is WRITER or READER, `busy` what must be clear. */
static bool take(thrum_rwlock *lock, uint32_t add, uint32_t busy)
{
    uint32_t state = thrum__load_relaxed(&lock->state_);
    while (!(state & busy)) {
        bool taken = add == WRITER ? thrum__owner_take(&lock->state_, &lock->owner_, &state, WRITER,
                                                       thrum__local_number())
                                   : thrum__cas_weak_acquire(&lock->state_, &state, state + READER);
        if (taken)
            return true;
    }
    return false;
}

/* Takes the lock at once if that is fair, and else queues `waiter`; true if it did. */
static bool enqueue(thrum_rwlock *lock, thrum__waiter *waiter, uint32_t add, uint32_t busy)
{
    uint32_t turns = 0;
    for (;;) {
        if (take(lock, add, busy))
            return false;
        uint32_t state = thrum__load_relaxed(&lock->state_);
        if (state & GUARD)
            thrum__spin(&turns);
        else if (state & SLOTS && add == WRITER)
            count_slots(lock);
        else if (state & busy && thrum__guard_try(&lock->state_, &state, state | GUARD | WAITERS))
            break;
    }
    waiter->shared = add == READER;
    thrum__waiters_push_back(&lock->waiters_, waiter);
    thrum__guard_release(&lock->state_, GUARD);
    return true;
}

static uint32_t writer_of(const void *lock)
{
    return thrum__owner_peek(&((const thrum_rwlock *)lock)->owner_);
}

static bool enqueue_reader(void *lock, thrum__waiter *waiter)
{
    return enqueue(lock, waiter, READER, READ_BUSY);
}

static bool enqueue_writer(void *lock, thrum__waiter *waiter)
{
    return enqueue(lock, waiter, WRITER, WRITE_BUSY);
}

/* What differs between the two ways in, once the fast one has failed. */
struct access {
    uint32_t add, busy;
    thrum__queue_ops queue;
    thrum__wait_kind kind;
};

static const struct access to_read = {
    READER, READ_BUSY, {enqueue_reader, withdraw}, {"rwlock read", "written by", writer_of}};
static const struct access to_write = {
    WRITER, WRITE_BUSY, {enqueue_writer, withdraw}, {"rwlock write", "written by", writer_of}};

static __attribute__((noinline)) int acquire_slow(thrum_rwlock *lock, const struct access *access,
                                                  thrum_deadline deadline, bool cancellable,
                                                  const void *place)
{
    if (access->add == WRITER)
        count_slots(lock);
    if (thrum_deadline_is_now(deadline))
        return take(lock, access->add, access->busy) ? 0 : -EAGAIN;
    if (thrum__context_lost(thrum__owner_peek(&lock->owner_)))
        misuse(lock, "waited for, after a fork that left its writer behind,", NULL);
    thrum__waiter waiter;
    return thrum__wait_queued(lock, &access->queue, &waiter, &access->kind, deadline, cancellable,
                              place);
}

/* Adds a reading beside those that there are; false if there is none. The caller need not be one of
 * the readers, so it keeps out while another has GUARD and counts on the readers that it saw. */
static bool join_readers(thrum_rwlock *lock)
{
    uint32_t turns = 0, state;
    while ((state = thrum__load_relaxed(&lock->state_)) >= READER) {
        if (state & GUARD)
            thrum__spin(&turns);
        else if (thrum__cas_weak_acquire(&lock->state_, &state, state + READER))
            return true;
    }
    return false;
}

static inline int acquire_reading(thrum_rwlock *lock, thrum_deadline deadline, bool cancellable,
                                  const void *place)
{
    uint32_t state = thrum__load_relaxed(&lock->state_);
    if (!(state & READ_BUSY) && thrum__cas_acquire(&lock->state_, &state, state + READER))
        return 0;
    return acquire_slow(lock, &to_read, deadline, cancellable, place);
}

/* Reads again, past the waiters, as they wait for the caller. */
static bool read_again(thrum_rwlock *lock, thrum__context *self)
{
    if (!reads(self, lock))
        return self->rest->unlisted_readings && join_readers(lock);
    thrum__add_relaxed(&lock->state_, READER);
    return true;
}

static bool writes(const thrum_rwlock *lock)
{
    return thrum__owner_is_self(&lock->owner_);
}

/* What a reader does that has filled a slot too late. True if a writer has counted the slot: then
 * it reads, by the word. */
static bool reads_though_late(thrum_rwlock *lock, thrum__read_slot *slot)
{
    if (!thrum__read_slot_give(slot, lock))
        return false;
    note_reading(thrum__self(), lock);
    return true;
}

static __attribute__((noinline)) void tell_reading(const thrum_rwlock *lock, unsigned mode,
                                                   const void *place)
{
    thrum__probe(acquired, THRUM__PROBE_RWLOCK, lock, mode | THRUM__PROBE_READ, place, 0);
}

static unsigned mode_of(thrum_deadline deadline)
{
    return thrum_deadline_is_now(deadline)       ? THRUM__PROBE_TRY
           : thrum_deadline_is_forever(deadline) ? 0
                                                 : THRUM__PROBE_LIMIT;
}

/* Tries the first slot of the thread: true if the caller reads. Else `*ret_slot` is that slot if it
 * was filled and is to be given back, or NULL. */
static inline bool read_fast(thrum_rwlock *lock, thrum__read_slot **ret_slot, unsigned mode,
                             const void *place)
{
    *ret_slot = NULL;
    if (!(thrum__load_relaxed(&lock->state_) & SLOTS))
        return false;
    thrum__read_slot *slot = thrum__read_slot_first();
    if (__builtin_expect(!slot, 0))
        return false;
    thrum__read_slot_fill(slot, lock);
    if (__builtin_expect(!(thrum__load_acquire(&lock->state_) & SLOTS), 0)) {
        *ret_slot = slot;
        return false;
    }
    if (thrum__probed())
        tell_reading(lock, mode, place);
    return true;
}

/* Reads by any slot. */
static bool read_by_slot(thrum_rwlock *lock, thrum__context *self)
{
    if (!(thrum__load_relaxed(&lock->state_) & SLOTS))
        return false;
    thrum__read_slot *slot = thrum__read_slot_take(self, lock);
    return slot && (thrum__load_acquire(&lock->state_) & SLOTS || reads_though_late(lock, slot));
}

/* Lets readers use slots, now and then. The caller has a reading in the word. */
static void open_slots(thrum_rwlock *lock, thrum__context *self)
{
    uint32_t state = thrum__load_relaxed(&lock->state_);
    if (state & (SLOTS | READ_BUSY) || !thrum__read_slots_due(self, lock))
        return;
    while (!(state & (SLOTS | READ_BUSY)) &&
           !thrum__cas_weak_relaxed(&lock->state_, &state, state | SLOTS))
        ;
}

/* Reads by whatever way there is. `filled` is what read_fast has left, or NULL. */
static __attribute__((noinline)) int acquire_read(thrum_rwlock *lock, thrum__read_slot *filled,
                                                  thrum_deadline deadline, bool cancellable,
                                                  const void *place)
{
    thrum__context *self = thrum__self();
    unsigned mode = mode_of(deadline);
    bool late = filled && reads_though_late(lock, filled);
    if (mode != THRUM__PROBE_TRY)
        thrum__probe(wanted, THRUM__PROBE_RWLOCK, lock, mode | THRUM__PROBE_READ, place, 0);
    if (writes(lock))
        return -EDEADLK;
    if (!late && !read_by_slot(lock, self)) {
        int rc = read_again(lock, self) ? 0 : acquire_reading(lock, deadline, cancellable, place);
        if (rc < 0)
            return rc;
        note_reading(self, lock);
        open_slots(lock, self);
    }
    if (thrum__probed())
        tell_reading(lock, mode, place);
    return 0;
}

static __attribute__((noinline)) void acquire_read_slow(thrum_rwlock *lock,
                                                        thrum__read_slot *filled, const void *place)
{
    if (acquire_read(lock, filled, THRUM_FOREVER, false, place) == -EDEADLK)
        misuse(lock, "acquired for reading by its writer,", place);
}

void thrum_rwlock_acquire_read(thrum_rwlock *lock)
{
    thrum__read_slot *filled;
    if (!read_fast(lock, &filled, 0, thrum__caller()))
        acquire_read_slow(lock, filled, thrum__caller());
}

int thrum_rwlock_try_read(thrum_rwlock *lock)
{
    thrum__read_slot *filled;
    if (read_fast(lock, &filled, THRUM__PROBE_TRY, thrum__caller()))
        return 0;
    int rc = acquire_read(lock, filled, THRUM_NOW, false, thrum__caller());
    return rc == -EDEADLK ? -EAGAIN : rc;
}

int thrum_rwlock_acquire_read_until(thrum_rwlock *lock, thrum_deadline deadline)
{
    thrum__read_slot *filled;
    return read_fast(lock, &filled, mode_of(deadline), thrum__caller())
               ? 0
               : acquire_read(lock, filled, deadline, true, thrum__caller());
}

/* The fast path comes first: it fails if the caller reads or writes, whatever that is counted by. */
static int acquire_write(thrum_rwlock *lock, thrum_deadline deadline, bool cancellable,
                         const void *place)
{
    thrum__context *self = thrum__self();
    if (!thrum__owner_take_fast(&lock->state_, &lock->owner_, WRITE_BUSY, WRITER, self->ident)) {
        if (!thrum_deadline_is_now(deadline))
            thrum__probe(wanted, THRUM__PROBE_RWLOCK, lock, mode_of(deadline), place, 0);
        if (writes(lock) || reads(self, lock))
            return -EDEADLK;
        int rc = acquire_slow(lock, &to_write, deadline, cancellable, place);
        if (rc < 0)
            return rc;
    }
    thrum__probe(acquired, THRUM__PROBE_RWLOCK, lock, mode_of(deadline), place, 0);
    return 0;
}

void thrum_rwlock_acquire_write(thrum_rwlock *lock)
{
    if (acquire_write(lock, THRUM_FOREVER, false, thrum__caller()) == -EDEADLK)
        misuse(lock, "acquired for writing by a reader or writer of it,", thrum__caller());
}

int thrum_rwlock_try_write(thrum_rwlock *lock)
{
    int rc = acquire_write(lock, THRUM_NOW, false, thrum__caller());
    return rc == -EDEADLK ? -EAGAIN : rc;
}

int thrum_rwlock_acquire_write_until(thrum_rwlock *lock, thrum_deadline deadline)
{
    return acquire_write(lock, deadline, true, thrum__caller());
}

/* Takes `held` from the word. If that leaves the lock free, admits waiters. */
static __attribute__((noinline)) void release_slow(thrum_rwlock *lock, uint32_t held)
{
    uint32_t turns = 0;
    for (;;) {
        uint32_t state = thrum__load_relaxed(&lock->state_);
        bool last = held == WRITER || state / READER == 1;
        if (state & GUARD) {
            thrum__spin(&turns);
        } else if (!(state & WAITERS) || !last) {
            if (held == WRITER ? thrum__owner_give(&lock->state_, &lock->owner_, &state,
                                                   state - WRITER, thrum__local_number())
                               : thrum__cas_weak_release(&lock->state_, &state, state - READER))
                return;
        } else if (thrum__guard_try(&lock->state_, &state, state | GUARD)) {
            if (held == WRITER)
                thrum__owner_set(&lock->owner_, 0);
            settle(lock, held, admit(lock, 0));
            return;
        }
    }
}

/* Releases a reading that the word has. */
static void release_counted(thrum_rwlock *lock)
{
    uint32_t state = thrum__load_relaxed(&lock->state_);
    if (state & (GUARD | WAITERS) || !thrum__cas_release(&lock->state_, &state, state - READER))
        release_slow(lock, READER);
}

static __attribute__((noinline)) void release_slow_reading(thrum_rwlock *lock, const void *place)
{
    thrum__context *self = thrum__self();
    thrum__probe(released, THRUM__PROBE_RWLOCK, lock, 1);
    thrum__read_slot *slot = thrum__read_slot_of(self, lock);
    if (!slot)
        forget_reading(self, lock, place);
    if (!slot || thrum__read_slot_give(slot, lock))
        release_counted(lock);
}

static __attribute__((noinline)) void release_claimed(thrum_rwlock *lock, thrum__read_slot *slot)
{
    if (thrum__read_slot_claim(slot, lock))
        release_counted(lock);
}

void thrum_rwlock_release_read(thrum_rwlock *lock)
{
    thrum__read_slot *slot = thrum__read_slot_first_with(lock);
    if (__builtin_expect(!slot || thrum__probed(), 0))
        release_slow_reading(lock, thrum__caller());
    else if (thrum__read_slot_empty(slot))
        release_claimed(lock, slot);
}

void thrum__rwlock_fall_back(thrum__context *self)
{
    thrum__read_slot *slot = &self->of_thread->read_slots.slots[0];
    thrum_rwlock *lock = (thrum_rwlock *)(uintptr_t)thrum__read_slot_lock(slot);
    thrum__add_relaxed(&lock->state_, READER); /* the caller reads, so no writer is in */
    note_reading(self, lock);
    if (thrum__read_slot_give(slot, lock))
        release_counted(lock);
}

void thrum_rwlock_release_write(thrum_rwlock *lock)
{
    if (!writes(lock))
        misuse(lock, "released as a writer", thrum__caller());
    thrum__probe(released, THRUM__PROBE_RWLOCK, lock, 1);
    if (!thrum__owner_give_fast(&lock->state_, &lock->owner_, GUARD | WAITERS, WRITER,
                                thrum__local_number()))
        release_slow(lock, WRITER);
}

uint32_t thrum_rwlock_readers(const thrum_rwlock *lock)
{
    uint32_t state = thrum__load_relaxed(&lock->state_);
    return state / READER + (state & SLOTS ? thrum__read_slots_readers(lock) : 0);
}
