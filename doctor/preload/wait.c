/* Waits: what a thread waits for, for the watcher that looks from outside; and how long, behind which
 * holder, for the report on contention. */
#include "trace.h"

#include <errno.h>
#include <string.h>
#include <time.h>

uint64_t thrum__watch_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Where that slot's thread took the object; 0 if it does not hold it. */
static uint64_t slot_holds(const struct slot *slot, const void *object)
{
    uint32_t depth = __atomic_load_n(&slot->depth, __ATOMIC_RELAXED);
    for (uint32_t at = 0; at < depth && at < HELD_MOST; at++)
        if (__atomic_load_n(&slot->held[at].lock, __ATOMIC_RELAXED) == (uintptr_t)object)
            return __atomic_load_n(&slot->held[at].site, __ATOMIC_RELAXED);
    return 0;
}

/* Where the thread with that number took the object; 0 if that is not known. */
static uint64_t holder_site(uint32_t owner, const void *object)
{
    uint32_t end = __atomic_load_n(&thrum__watch_region->slot_count, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < end && i < REGION_SLOTS; i++) {
        if (__atomic_load_n(&thrum__watch_region->slot_tids[i], __ATOMIC_RELAXED) != owner)
            continue;
        uint64_t site = slot_holds(&thrum__watch_region->slots[i], object);
        if (site)
            return site;
    }
    return 0;
}

uint64_t thrum__watch_holder(const void *object)
{
    enum { SLOTS_MOST = 256 }; /* more are not looked at, as this comes before each wait */
    uint32_t end = __atomic_load_n(&thrum__watch_region->slot_count, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < end && i < SLOTS_MOST; i++) {
        uint64_t site = slot_holds(&thrum__watch_region->slots[i], object);
        if (site)
            return site;
    }
    return 0;
}

/* A thread is known by its number. */
static uint64_t traced_object(const void *object, enum lock_kind kind)
{
    return kind == LOCK_THREAD ? (uint64_t)(uintptr_t)object : thrum__trace_object(object);
}

void thrum__watch_wait_begin(struct slot *slot, const void *object, enum lock_kind kind,
                             uint64_t site, uint32_t owner, struct watched_wait *ret_wait)
{
    if (thrum__traced(slot))
        thrum__trace_put(slot, RING_WAIT, traced_object(object, kind),
                         thrum__trace_place(slot, site, kind));
    ret_wait->since = thrum__watch_now();
    ret_wait->holder = owner ? holder_site(owner, object) : 0;
    slot->waits_since = ret_wait->since;
    slot->waits_kind = kind;
    slot->wait_count++;
    __atomic_store_n(&slot->waits_for, (uint64_t)(uintptr_t)object, __ATOMIC_RELEASE);
}

static struct wait_record *find(struct slot *slot, uint32_t lock, enum lock_kind kind,
                                uint64_t site, uint64_t holder)
{
    struct wait_record *waits = thrum__watch_region->waits;
    uint64_t key = site * 31 + holder * 65599 + lock;
    uint32_t *head = &thrum__watch_region->wait_heads[thrum__watch_hash(key) % (REGION_WAITS / 2)];
    uint32_t first = __atomic_load_n(head, __ATOMIC_ACQUIRE), searched = 0, mine = 0;
    for (;;) {
        for (uint32_t at = first; at != searched; at = waits[at].next)
            if (waits[at].site == site && waits[at].holder == holder && waits[at].lock == lock &&
                waits[at].kind == kind)
                return &waits[at];
        if (!mine) {
            mine = __atomic_fetch_add(&thrum__watch_region->wait_count, 1, __ATOMIC_RELAXED);
            if (mine >= REGION_WAITS) {
                __atomic_store_n(&thrum__watch_region->wait_count, REGION_WAITS, __ATOMIC_RELAXED);
                thrum__watch_drop(DROPPED_OTHER);
                return NULL;
            }
            waits[mine] = (struct wait_record){.lock = lock,
                                               .kind = kind,
                                               .site = site,
                                               .holder = holder,
                                               .stack = thrum__watch_stack(slot)};
        }
        waits[mine].next = searched = first;
        if (__atomic_compare_exchange_n(head, &first, mine, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return &waits[mine];
    }
}

void thrum__watch_waited(struct slot *slot, uint32_t lock, enum lock_kind kind, uint64_t site,
                         uint64_t holder, uint64_t took)
{
    struct wait_record *record = find(slot, lock, kind, site, holder);
    if (record) {
        __atomic_fetch_add(&record->count, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&record->total, took, __ATOMIC_RELAXED);
        uint64_t longest = __atomic_load_n(&record->longest, __ATOMIC_RELAXED);
        while (took > longest &&
               !__atomic_compare_exchange_n(&record->longest, &longest, took, false,
                                            __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            ;
    }
}

void thrum__watch_wait_end(struct slot *slot, const void *object, enum lock_kind kind,
                           uint64_t site, const struct watched_wait *wait)
{
    int error = errno;
    if (thrum__traced(slot))
        thrum__trace_put(slot, RING_WAIT_END, traced_object(object, kind), 0);
    uint64_t took = thrum__watch_now() - wait->since;
    __atomic_store_n(&slot->waits_for, 0, __ATOMIC_RELEASE);
    uint32_t lock = kind == LOCK_THREAD ? 0 : thrum__watch_lock_find(object, kind);
    thrum__watch_waited(slot, lock, kind, site, wait->holder, took);
    errno = error;
}
