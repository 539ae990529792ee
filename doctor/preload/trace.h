/* Writing events into the ring of this thread: ring.h says how. */
#ifndef DOCTOR_PRELOAD_TRACE_H
#define DOCTOR_PRELOAD_TRACE_H

#include "watch.h"

/* Whether this thread's events are wanted. */
static inline bool thrum__traced(const struct slot *slot)
{
    return unlikely(slot->ring != 0);
}

/* trace.c */
void thrum__trace_open(struct region *region); /* the region is new: which clock is used */
void thrum__trace_attach(struct slot *slot);   /* the slot has a ring, if there are rings */
uint32_t thrum__trace_intern(struct slot *slot, uint64_t key, uint64_t site, enum lock_kind kind);

static inline uint64_t thrum__trace_time(void)
{
    return likely(thrum__watch_region->ring_clock == RING_CLOCK_COUNTER) ? ring_counter()
                                                                         : thrum__watch_now();
}

/* No lock is needed, as only this thread writes; one instruction, as a handler may come. */
static inline uint64_t thrum__trace_claim(struct ring *ring)
{
#if defined(__x86_64__)
    uint64_t at = 1;
    __asm__ __volatile__("xaddq %0, %1" : "+r"(at), "+m"(ring->head) : : "memory");
    return at;
#else
    return __atomic_fetch_add(&ring->head, 1, __ATOMIC_RELAXED);
#endif
}

/* The object is without its two lower bits. */
static inline void thrum__trace_put(struct slot *slot, enum ring_kind kind, uint64_t object,
                                    uint32_t place)
{
    struct ring *ring = (struct ring *)(uintptr_t)slot->ring;
    unsigned bits = slot->ring_bits;
    uint64_t time = thrum__trace_time(), at = thrum__trace_claim(ring), lap = (at >> bits) + 1;
    struct ring_event *event = &ring->events[at & ((UINT64_C(1) << bits) - 1)];
    __atomic_store_n(&event->when, ring_when(time, kind, lap), __ATOMIC_RELEASE);
    __atomic_store_n(&event->what, ring_what(object & RING_OBJECT_MASK, place, lap),
                     __ATOMIC_RELEASE);
}

static inline uint64_t thrum__trace_object(const void *object)
{
    return (uint64_t)(uintptr_t)object >> 2;
}

/* The number of the place of a call, where the stack has this depth. */
static inline uint32_t thrum__trace_place(struct slot *slot, uint64_t site, enum lock_kind kind)
{
    uint64_t depth = slot->stack_high - thrum__watch_sp();
    if (unlikely(depth >= slot->stack_high - slot->stack_low)) /* on another stack */
        depth = 0;
    uint64_t key = (site ^ depth << 40 ^ (uint64_t)kind << 36) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    uint32_t at = (uint32_t)(key >> 48);
    if (likely(__atomic_load_n(&thrum__watch_region->places[at].key, __ATOMIC_RELAXED) == key))
        return at;
    return thrum__trace_intern(slot, key, site, kind);
}

static inline void thrum__trace_at(struct slot *slot, enum ring_kind what, const void *object,
                                   enum lock_kind kind, uint64_t site)
{
    thrum__trace_put(slot, what, thrum__trace_object(object), thrum__trace_place(slot, site, kind));
}

/* The lock is held. */
static inline void thrum__trace_taken(struct slot *slot, const void *lock, enum lock_kind kind,
                                      uint64_t site)
{
    if (thrum__traced(slot))
        thrum__trace_at(slot, RING_ACQUIRE, lock, kind, site);
}

static inline void thrum__trace_event(struct slot *slot, enum ring_kind what, const void *object)
{
    if (thrum__traced(slot))
        thrum__trace_put(slot, what, thrum__trace_object(object), 0);
}

/* The same of threads: their number is the object. */
static inline void thrum__trace_thread(struct slot *slot, enum ring_kind what, uint32_t thread)
{
    if (slot && thrum__traced(slot))
        thrum__trace_put(slot, what, thread, 0);
}

#endif
