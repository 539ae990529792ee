/* Read slots: readings of a readers-writer lock that touch no shared line.
 *
 * A reading by the word of a lock writes that word twice, so readers on several processors pass one
 * cache line to and fro. While the lock's word has SLOTS, a reader writes its lock's address into a
 * slot of its own OS thread instead, and looks whether SLOTS is still set. A writer clears SLOTS and
 * then looks at the slots of all threads:
 *
 *     reader   slot = lock;  fence;  SLOTS set? it reads. Else it empties the slot, as at a release
 *     writer   SLOTS cleared, under the lock's guard;  fence;  which slots hold the lock?
 *
 * With a full fence on each side, the reader sees SLOTS cleared or the writer sees the slot. The
 * writer has the fence made on all threads at once, by membarrier (base/section.c), so the reader
 * only keeps the compiler from reordering. Where the kernel refuses membarrier, each reader makes
 * its own fence.
 *
 * A writer does not wait for slots. It counts them into the word of the lock. From then on they are
 * readings like all others: the writer queues, and the last reading that is released lets it in.
 * Each reader must know whether it was counted, because after an uncounted release it may not touch
 * the lock: a writer may have freed it. So a slot has a second word:
 *
 *     counted   NULL            not counted
 *               lock + 1        a writer asks; it has not decided yet
 *               lock            counted
 *
 *     writer    slot holds the lock:  counted = lock + 1;  fence;
 *               slot still holds it:  lock + 1 -> lock
 *               else:                 lock + 1 -> NULL, if the reader has not claimed it
 *     reader    slot = FREE;  fence;  counted is the lock, or lock + 1: -> NULL, a claim
 *
 * The changes after the fences are compare-and-swaps, so reader and writer agree. If the reader
 * claims, the writer counts it. If the writer takes its question back, the reader does not claim. A
 * slot that the writer still saw after its second fence is emptied later, so its reader sees the
 * question. A reader that filled a slot too late may be counted, too; then it has a reading in the
 * word and keeps it.
 *
 * Writers take turns at this (`guard`). So a question is decided before another lock's writer asks
 * anything of the same slot.
 *
 * Order. To empty a slot is a release, and the writer's look at a slot an acquire: what the reader
 * read comes before what the writer writes. The reader's look at SLOTS is an acquire: the word's
 * changes since the last writer are all read-modify-writes, so what that wrote comes before.
 *
 * Slots belong to OS threads. Their number bounds what a writer has to look at, and there may be a
 * million fibers. A fiber uses the first slot of its worker's thread. If it waits or yields, its
 * reading moves to the lock's word (thrum__rwlock_fall_back), so the next fiber finds the slot free.
 * A thread uses all of its slots: one for each reading that it has at once.
 *
 * When. A reading by the word sets SLOTS, one in AFTER, so that a lock that is read once or twice
 * costs its writer nothing. To clear it costs a writer some microseconds. For PAUSE times as long as
 * the last writer needed, SLOTS is not set again, so slots cost a mix of readers and writers some
 * per cent at most. The moments are in a table by the hash of the lock's address: a lock has 16
 * bytes. Two locks at one place share their pauses, which does no harm.
 *
 * Fork. A count is done in a section, so a child finds no question undecided. In the child the slots
 * of lost threads are emptied: what a lost thread only read hinders nobody. Lost readings that are
 * in the word stay there, as the word does not name its readers.
 *
 * A thread that ends while it reads leaves its slot filled: the lock is read for ever, as it would
 * be by the word.
 *
 * Rejected: a writer that spins until the slots are empty, as BRAVO's (a reader may wait for hours,
 * and the search for deadlocks would not see it); a mark in the lock by which a reader finds out
 * that it was counted (the lock may be gone); slots by the hash of lock and thread in one table
 * (threads share lines, and a compare-and-swap for each reading).
 *
 * Sources: BRAVO, biased locking for reader-writer locks (Dice, Kogan); the asymmetric fences of
 * liburcu (Desnoyers), as section.c has them.
 *
 * Tests: tests/unit/sync/test_read_slots.c, tests/explore/explore_read_slots.c.
 */
#include "sync/read_slots.h"
#include "base/clock.h"
#include "base/panic.h"
#include "base/process.h"
#include "park/guard.h"

enum { PAUSE = 9, PLACES = 64 };

#ifdef THRUM_EXPLORE
uint32_t thrum__read_slots_after;
#define AFTER thrum__read_slots_after
#else
enum { AFTER = 16 };
#endif

static uint32_t guard;            /* of the list, and of the writers' turns */
static thrum__read_slots *first;  /* of those with slots; grows at its head */
static thrum_time pauses[PLACES]; /* when the readers of a lock may use slots again */

static const void *asked(const void *lock)
{
    return (const char *)lock + 1;
}

static bool is_fenced(const thrum__read_slot *slot)
{
    return (uintptr_t)slot->lock % 2 == 1 ? slot->lock != THRUM__SLOT_FREE
                                          : slot->lock == THRUM__SLOT_FREE_FENCED;
}

#ifndef THRUM_EXPLORE
/* In a child of fork: the threads of the other slots are lost. */
static void begin_child(void)
{
    const thrum__context *self = thrum__local();
    for (thrum__read_slots *its = first; its; its = its->next)
        for (int i = 0; i < THRUM__SLOTS && !(self && &self->of_thread->read_slots == its); i++) {
            thrum__read_slot *slot = &its->slots[i];
            slot->lock = is_fenced(slot) ? THRUM__SLOT_FREE_FENCED : THRUM__SLOT_FREE;
            slot->counted = NULL;
        }
}

__attribute__((constructor)) static void watch_forks(void)
{
    if (thrum__process_on_fork(NULL, NULL, begin_child) < 0)
        thrum__panic(NULL, "out of memory: cannot register what a fork has to do");
}
#endif

/* -------------------------------------------------------------------------------------- readers */

static void enlist(thrum__read_slots *own)
{
    bool fenced = thrum__load_relaxed(&thrum__section_gate) & THRUM__GATE_UNFENCED;
    thrum__guard_acquire(&guard, 1);
    for (int i = 0; i < THRUM__SLOTS; i++)
        thrum__store_relaxed(&own->slots[i].lock,
                             fenced ? THRUM__SLOT_FREE_FENCED : THRUM__SLOT_FREE);
    own->next = first;
    thrum__store_release(&first, own);
    thrum__guard_release(&guard, 1);
}

/* How many slots the context may use, and how many it has to look at. */
static int slots_of(const thrum__context *self)
{
    return self->fiber ? 1 : THRUM__SLOTS;
}

thrum__read_slot *thrum__read_slot_take(thrum__context *self, const void *lock)
{
    thrum__read_slots *own = &self->of_thread->read_slots;
    if (!own->slots[0].lock)
        enlist(own);
    for (int i = 0; i < slots_of(self); i++) {
        thrum__read_slot *slot = &own->slots[i];
        if (slot->lock == THRUM__SLOT_FREE) {
            thrum__read_slot_fill(slot, lock);
            return slot;
        }
        if (slot->lock == THRUM__SLOT_FREE_FENCED) {
            thrum__store_release(&slot->lock, (const void *)((const char *)lock + 1));
            thrum__fence_seq_cst();
            return slot;
        }
    }
    return NULL;
}

thrum__read_slot *thrum__read_slot_of(const thrum__context *self, const void *lock)
{
    for (int i = 0; i < slots_of(self); i++)
        if (thrum__read_slot_lock(&self->of_thread->read_slots.slots[i]) == lock)
            return &self->of_thread->read_slots.slots[i];
    return NULL;
}

bool thrum__read_slot_claim(thrum__read_slot *slot, const void *lock)
{
    const void *counted = thrum__load_relaxed(&slot->counted);
    while (counted == lock || counted == asked(lock))
        if (thrum__cas_acquire(&slot->counted, &counted, (const void *)NULL))
            return true;
    return false;
}

bool thrum__read_slot_give(thrum__read_slot *slot, const void *lock)
{
    if (!is_fenced(slot))
        return thrum__read_slot_empty(slot) && thrum__read_slot_claim(slot, lock);
    thrum__store_release(&slot->lock, THRUM__SLOT_FREE_FENCED);
    thrum__fence_seq_cst();
    return thrum__read_slot_claim(slot, lock);
}

/* -------------------------------------------------------------------------------------- writers */

static const void *look(const thrum__read_slot *slot)
{
    uintptr_t value = (uintptr_t)thrum__load_acquire(&slot->lock);
    return (const void *)(value & ~(uintptr_t)1);
}

/* Asks all slots that hold the lock and were not counted before. Gives how many these are. */
static uint32_t ask(const void *lock)
{
    uint32_t count = 0;
    for (thrum__read_slots *its = thrum__load_acquire(&first); its; its = its->next)
        for (int i = 0; i < THRUM__SLOTS; i++) {
            thrum__read_slot *slot = &its->slots[i];
            if (look(slot) != lock || thrum__load_relaxed(&slot->counted) == lock)
                continue;
            thrum__store_relaxed(&slot->counted, asked(lock));
            count++;
        }
    return count;
}

/* Decides what was asked. Gives how many slots are not counted, as they were emptied before. */
static uint32_t decide(const void *lock)
{
    uint32_t gone = 0;
    for (thrum__read_slots *its = thrum__load_acquire(&first); its; its = its->next)
        for (int i = 0; i < THRUM__SLOTS; i++) {
            thrum__read_slot *slot = &its->slots[i];
            const void *counted = asked(lock);
            if (thrum__load_relaxed(&slot->counted) != counted)
                continue;
            if (look(slot) == lock)
                (void)thrum__cas_relaxed(&slot->counted, &counted, lock);
            else
                gone += thrum__cas_relaxed(&slot->counted, &counted, (const void *)NULL);
        }
    return gone;
}

static thrum_time *pause_of(const void *lock)
{
    return &pauses[(uintptr_t)lock / sizeof(void *) * UINT64_C(0x9E3779B97F4A7C15) >> 58];
}

uint32_t thrum__read_slots_count(const void *lock)
{
    thrum_time begin = thrum__clock_now();
    thrum__guard_acquire(&guard, 1);
    thrum__section_fence_all();
    uint32_t count = ask(lock);
    if (count > 0) {
        thrum__section_fence_all();
        count -= decide(lock);
    }
    thrum__guard_release(&guard, 1);
    thrum_time end = thrum__clock_now();
    thrum__store_relaxed(pause_of(lock), end + PAUSE * (end - begin));
    return count;
}

uint32_t thrum__read_slots_readers(const void *lock)
{
    uint32_t count = 0;
    for (thrum__read_slots *its = thrum__load_acquire(&first); its; its = its->next)
        for (int i = 0; i < THRUM__SLOTS; i++)
            count +=
                look(&its->slots[i]) == lock && thrum__load_relaxed(&its->slots[i].counted) != lock;
    return count;
}

bool thrum__read_slots_due(thrum__context *self, const void *lock)
{
    if (AFTER == 0 || ++self->of_thread->read_slots.readings_by_word % AFTER)
        return false;
    return thrum__clock_now() >= thrum__load_relaxed(pause_of(lock));
}
