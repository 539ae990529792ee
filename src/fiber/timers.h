/* The deadlines of a worker's fibers: a heap with four children to a node.
 *
 * Each fiber of a worker has a slot, a small number, from its birth to its end, and at most one
 * deadline. `entries` is the heap: a deadline and a slot. `places` says where in the heap a slot's
 * deadline is, so that it is removed at once when its wait ends early; most deadlines are never
 * reached and leave nothing behind. Both are dense arrays: with a million sleepers a step of the
 * heap touches none of their stacks, each of which has a page of its own.
 *
 * The slot comes with room for one deadline, so a wait needs no memory and cannot fail.
 *
 * Only the worker uses this. Another thread that ends a wait wakes the fiber, and the worker
 * removes the deadline when it resumes the fiber, so timers need no inbox.
 */
#ifndef THRUM_FIBER_TIMERS_H
#define THRUM_FIBER_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum/time.h>

typedef struct thrum__timer_entry {
    thrum_deadline deadline;
    uint32_t slot;
} thrum__timer_entry;

typedef struct thrum__timers {
    thrum__timer_entry *entries;
    uint32_t *places; /* by slot: index in `entries`, plus 1; 0 for none; a free one: the next */
    void **owners;    /* by slot */
    uint32_t count;   /* of entries */
    uint32_t slots, room;
    uint32_t free_slot; /* plus 1 */
} thrum__timers;

/* Gives memory back; no slot is used any more. */
void thrum__timers_finish(thrum__timers *timers);

/* A slot for `owner`; -ENOMEM without memory. */
int64_t thrum__timers_slot_new(thrum__timers *timers, void *owner);

/* Gives it back; its deadline was taken out. */
void thrum__timers_slot_free(thrum__timers *timers, uint32_t slot);

/* Sets the deadline of a slot that has none. */
void thrum__timers_insert(thrum__timers *timers, uint32_t slot, thrum_deadline deadline);

/* Takes it out, if it has one. */
void thrum__timers_remove(thrum__timers *timers, uint32_t slot);

/* The first deadline; THRUM_FOREVER if there is none. */
static inline thrum_deadline thrum__timers_first(const thrum__timers *timers)
{
    return timers->count ? timers->entries[0].deadline : THRUM_FOREVER;
}

/* Removes the entries whose deadline is not after `now`, at most `most`, and gives their owners in
 * the order of the deadlines. Returns how many. */
uint32_t thrum__timers_expire(thrum__timers *timers, thrum_time now, void **ret_owners,
                              uint32_t most);

#endif
