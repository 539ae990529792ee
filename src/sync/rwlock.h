/* What a switch between fibers needs of readers-writer locks. */
#ifndef THRUM_SYNC_RWLOCK_H
#define THRUM_SYNC_RWLOCK_H

#include "sync/read_slots.h"

/* Moves the reading in the first slot of the calling thread to the word of its lock. */
void thrum__rwlock_fall_back(thrum__context *self);

/* Before a fiber gives its thread to another: see read_slots.c. */
static inline void thrum__rwlock_before_switch(thrum__context *self)
{
    if (__builtin_expect(thrum__read_slot_lock(&self->of_thread->read_slots.slots[0]) != NULL, 0))
        thrum__rwlock_fall_back(self);
}

#endif
