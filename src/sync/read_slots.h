/* Read slots: where an OS thread notes what it reads, in memory that no other thread writes.
 * read_slots.c has the essay. */
#ifndef THRUM_SYNC_READ_SLOTS_H
#define THRUM_SYNC_READ_SLOTS_H

#include "base/section.h"
#include "park/context.h"

#include <stdint.h>

/* A slot that is free. One that was never listed holds NULL. Where readers make their own fence, a
 * free slot is FREE_FENCED, and a slot in use holds the address of the lock plus 1. So the inline
 * functions below leave it alone. */
#define THRUM__SLOT_FREE        ((const void *)1)
#define THRUM__SLOT_FREE_FENCED ((const void *)2)

/* The first slot of the calling thread, if it is free; else NULL. */
static inline thrum__read_slot *thrum__read_slot_first(void)
{
    const thrum__context *self = thrum__local();
    if (!self)
        return NULL;
    thrum__read_slot *slot = &self->of_thread->read_slots.slots[0];
    return slot->lock == THRUM__SLOT_FREE ? slot : NULL;
}

/* The first slot of the calling thread, if it holds `lock`; else NULL. */
static inline thrum__read_slot *thrum__read_slot_first_with(const void *lock)
{
    const thrum__context *self = thrum__local();
    if (!self)
        return NULL;
    thrum__read_slot *slot = &self->of_thread->read_slots.slots[0];
    return slot->lock == lock ? slot : NULL;
}

/* Fills a free slot. The caller then looks whether the lock still lets its readers use slots. */
static inline void thrum__read_slot_fill(thrum__read_slot *slot, const void *lock)
{
    thrum__store_release(&slot->lock, lock);
    thrum__section_fence();
}

/* Empties a slot. True if the lock's word may have counted it: then thrum__read_slot_claim tells. */
static inline bool thrum__read_slot_empty(thrum__read_slot *slot)
{
    thrum__store_release(&slot->lock, THRUM__SLOT_FREE);
    thrum__section_fence();
    return __builtin_expect(thrum__load_relaxed(&slot->counted) != NULL, 0);
}

/* Whether the slot, which was just emptied, was counted: the caller then has a reading in the word
 * of `lock`. */
bool thrum__read_slot_claim(thrum__read_slot *slot, const void *lock);

/* Fills any free slot of the calling thread, as thrum__read_slot_fill; NULL if none is free. */
thrum__read_slot *thrum__read_slot_take(thrum__context *self, const void *lock);

/* A slot of the calling thread that holds `lock`, or NULL. */
thrum__read_slot *thrum__read_slot_of(const thrum__context *self, const void *lock);

/* Empties a slot that any function above has filled. True if it was counted. */
bool thrum__read_slot_give(thrum__read_slot *slot, const void *lock);

/* The lock in the first slot of a thread, or NULL. */
static inline const void *thrum__read_slot_lock(const thrum__read_slot *slot)
{
    uintptr_t value = (uintptr_t)slot->lock;
    return value > (uintptr_t)THRUM__SLOT_FREE_FENCED ? (const void *)(value & ~(uintptr_t)1)
                                                      : NULL;
}

/* Counts the slots that hold `lock` and makes their readers know it: they release what is in the
 * lock's word. The caller has the lock's guard, and no reader may fill a slot from now on. */
uint32_t thrum__read_slots_count(const void *lock);

/* How many readings are in slots and not in the word; for displays. */
uint32_t thrum__read_slots_readers(const void *lock);

/* Whether a reading of `lock` that went by the word should let the next ones use slots. */
bool thrum__read_slots_due(thrum__context *self, const void *lock);

#ifdef THRUM_EXPLORE
extern uint32_t thrum__read_slots_after; /* how many readings go by the word before; 0: all */
#endif

#endif
