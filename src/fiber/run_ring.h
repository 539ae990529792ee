/* The ring of a worker: tasks that have not started, first in, first out.
 *
 * `tail` counts what the owner has put in; only the owner writes it. `head` counts what was taken
 * out: by the owner one task at a time, by thieves up to half of what is there, each with one
 * compare-and-swap. Both counters wrap. The tasks from head to tail are in the ring.
 *
 *     put     by the owner     slot, then tail with release
 *     take    by the owner     slot, then head by compare-and-swap
 *     steal   by any other     tail with acquire, slots, then head by compare-and-swap
 *
 * A thief's acquire of `tail` pairs with the release of the put: the thief sees the slot and the
 * task. The owner acquires `head` before it overwrites a slot (in put; in steal for the thief's own
 * ring), and a thief's swap is a release, so no thread reads a slot while it is refilled. A thread
 * that reads slots and then loses its swap may have read stale values and drops them. Slots are
 * atomic only for that.
 *
 * A put and a thief's read of the tail are not ordered with each other. A caller that must not miss
 * a task has a fence of its own: idle.h.
 *
 * Source: the run queues of Go's scheduler.
 */
#ifndef THRUM_FIBER_RUN_RING_H
#define THRUM_FIBER_RUN_RING_H

#include "base/atomic.h"
#include "base/memory.h"

#include <stddef.h>

#ifdef THRUM_EXPLORE
enum { THRUM__RING_SIZE = 4 };
#else
enum { THRUM__RING_SIZE = 256 };
#endif

typedef struct thrum__run_ring {
    uint32_t head __attribute__((aligned(THRUM__CACHE_LINE)));
    uint32_t tail __attribute__((aligned(THRUM__CACHE_LINE)));
    void *slots[THRUM__RING_SIZE];
} thrum__run_ring;

static inline void **thrum__ring_slot(thrum__run_ring *ring, uint32_t at)
{
    return &ring->slots[at % THRUM__RING_SIZE];
}

/* Puts a task in; false if the ring is full. The owner's. */
static inline bool thrum__ring_put(thrum__run_ring *ring, void *task)
{
    uint32_t tail = ring->tail;
    if (tail - thrum__load_acquire(&ring->head) >= THRUM__RING_SIZE)
        return false;
    thrum__store_relaxed(thrum__ring_slot(ring, tail), task);
    thrum__store_release(&ring->tail, tail + 1);
    return true;
}

/* Takes the first `most` at the most, and gives how many. The owner's. */
static inline uint32_t thrum__ring_take_many(thrum__run_ring *ring, void **ret_tasks, uint32_t most)
{
    uint32_t head = thrum__load_relaxed(&ring->head);
    for (;;) {
        uint32_t count = ring->tail - head;
        count = count < most ? count : most;
        if (count == 0)
            return 0;
        for (uint32_t i = 0; i < count; i++)
            ret_tasks[i] = thrum__load_relaxed(thrum__ring_slot(ring, head + i));
        if (thrum__cas_release(&ring->head, &head, head + count))
            return count;
    }
}

/* Takes the first; NULL if there is none. The owner's. */
static inline void *thrum__ring_take(thrum__run_ring *ring)
{
    void *task = NULL;
    return thrum__ring_take_many(ring, &task, 1) ? task : NULL;
}

/* Whether something was in it, to others than the owner. */
static inline bool thrum__ring_empty(thrum__run_ring *ring)
{
    uint32_t head = thrum__load_relaxed(&ring->head);
    return thrum__load_relaxed(&ring->tail) == head;
}

/* Moves half of what `victim` has, rounded up, to `own`, as far as there is room, but for the
 * first, which it gives; NULL if there is nothing. By the owner of `own`. Mostly that is empty; it
 * is not if its owner left tasks to another or had no memory for a fiber, and either has changed
 * since. */
static inline void *thrum__ring_steal(thrum__run_ring *own, thrum__run_ring *victim)
{
    for (;;) {
        uint32_t head = thrum__load_acquire(&victim->head);
        uint32_t count = thrum__load_acquire(&victim->tail) - head;
        if (count == 0)
            return NULL;
        if (count > THRUM__RING_SIZE)
            continue; /* head and tail were read at different times */
        count -= count / 2;
        uint32_t tail = own->tail;
        uint32_t room = THRUM__RING_SIZE - (tail - thrum__load_acquire(&own->head));
        count = count <= room + 1 ? count : room + 1;
        void *first = thrum__load_relaxed(thrum__ring_slot(victim, head));
        for (uint32_t i = 1; i < count; i++)
            thrum__store_relaxed(thrum__ring_slot(own, tail + i - 1),
                                 thrum__load_relaxed(thrum__ring_slot(victim, head + i)));
        if (thrum__cas_acq_rel(&victim->head, &head, head + count)) {
            thrum__store_release(&own->tail, tail + count - 1);
            return first;
        }
    }
}

#endif
