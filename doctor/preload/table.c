/* The tables of the region: locks, contexts, variants, events, findings, stacks.
 *
 * A chain is searched from its head. To add, a record is filled in, then made the head by a
 * compare-and-swap; if that fails, only what came since is searched again. So each key has one
 * record. A record that lost the race stays unused.
 *
 * A lock is known by its address and its kind, as long as its record is alive. An object of thrum may begin with
 * another one, as a queue does with its lock: so records of thrum's kinds live beside each other at one address. Another
 * kind of the C library's there means that the memory has become something else. When a lock is destroyed, its memory
 * freed, or it is initialised again, a record that is in a context (LOCK_NESTED) is left for what
 * was recorded of it, and a stamp is raised that makes all caches forget the address; the next lock
 * there gets a record of its own. A record that is in no context is used again.
 */
#include "watch.h"

#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

void thrum__watch_drop(enum dropped what)
{
    __atomic_fetch_add(&thrum__watch_region->dropped[what], 1, __ATOMIC_RELAXED);
}

/* The index of a new record, 0 if the table is full. */
static uint32_t take(uint32_t *count, uint32_t room, enum dropped what)
{
    uint32_t index = __atomic_load_n(count, __ATOMIC_RELAXED);
    if (index < room)
        index = __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    if (index < room)
        return index;
    __atomic_store_n(count, room, __ATOMIC_RELAXED);
    thrum__watch_drop(what);
    return 0;
}

static uint32_t *lock_head(const void *address)
{
    return &thrum__watch_region
                ->lock_heads[thrum__watch_hash((uint64_t)(uintptr_t)address) % (REGION_LOCKS / 2)];
}

static void lock_fill(struct lock_record *lock, const void *address, enum lock_kind kind)
{
    struct slot *slot = thrum__watch_self;
    lock->address = (uintptr_t)address;
    lock->kind = (uint8_t)kind;
    lock->thread = slot ? slot->thread : 0;
    lock->epoch = slot ? slot->epoch : 0;
}

/* Two objects of which one may lie at the beginning of the other. */
static bool lie_together(unsigned kind, unsigned other)
{
    return kind >= LOCK_THRUM_LOCK && other >= LOCK_THRUM_LOCK;
}

/* What lies at an address. */
struct found {
    uint32_t alive, spare; /* of the kind: the record in use; a dead record for reuse */
    uint32_t before;       /* alive, of a kind that the memory can have no longer */
};

static void lock_search(uint32_t from, uint32_t end, const void *address, enum lock_kind kind,
                        struct found *found)
{
    struct lock_record *locks = thrum__watch_region->locks;
    for (uint32_t at = from; at != end && !found->alive; at = locks[at].next) {
        if (locks[at].address != (uintptr_t)address)
            continue;
        uint8_t flags = __atomic_load_n(&locks[at].flags, __ATOMIC_ACQUIRE);
        if (locks[at].kind == kind && flags & LOCK_ALIVE)
            found->alive = at;
        else if (locks[at].kind == kind && !(flags & LOCK_NESTED))
            found->spare = at;
        else if (flags & LOCK_ALIVE && !lie_together(kind, locks[at].kind))
            found->before = at;
    }
}

static uint32_t lock_peek(const void *address, enum lock_kind kind)
{
    struct found found = {0};
    lock_search(__atomic_load_n(lock_head(address), __ATOMIC_ACQUIRE), 0, address, kind, &found);
    return found.alive;
}

/* `mark`: LOCK_DESTROYED or 0. */
static void lock_end(uint32_t index, const void *address, uint8_t mark)
{
    struct lock_record *lock = &thrum__watch_region->locks[index];
    uint8_t flags = __atomic_load_n(&lock->flags, __ATOMIC_RELAXED), ended;
    do
        ended = (uint8_t)((flags & ~(LOCK_ALIVE | LOCK_DESTROYED)) | mark);
    while (!__atomic_compare_exchange_n(&lock->flags, &flags, ended, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED));
    if (flags & LOCK_ALIVE && flags & LOCK_NESTED)
        __atomic_fetch_add(&thrum__watch_region->stamps[thrum__watch_stamp_of(address)], 1,
                           __ATOMIC_RELAXED);
}

static uint32_t lock_reuse(uint32_t spare, const void *address, enum lock_kind kind)
{
    struct lock_record *lock = &thrum__watch_region->locks[spare];
    uint8_t flags = __atomic_load_n(&lock->flags, __ATOMIC_RELAXED);
    while (!(flags & (LOCK_ALIVE | LOCK_NESTED)))
        if (__atomic_compare_exchange_n(&lock->flags, &flags, LOCK_ALIVE, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            lock->site = lock->argument = 0;
            lock_fill(lock, address, kind);
            return spare;
        }
    return flags & LOCK_ALIVE ? spare : 0;
}

uint32_t thrum__watch_lock_find(const void *address, enum lock_kind kind)
{
    uint32_t *head = lock_head(address), mine = 0;
    struct found found = {0};
    uint32_t first = __atomic_load_n(head, __ATOMIC_ACQUIRE), searched = 0;
    struct lock_record *locks = thrum__watch_region->locks;
    for (;;) {
        lock_search(first, searched, address, kind, &found);
        if (found.alive)
            return found.alive;
        if (found.before) /* its memory has become another kind of object */
            lock_end(found.before, address, 0);
        uint32_t again = found.spare && !mine ? lock_reuse(found.spare, address, kind) : 0;
        if (again)
            return again;
        found = (struct found){0};
        if (!mine && !(mine = take(&thrum__watch_region->lock_count, REGION_LOCKS, DROPPED_LOCKS)))
            return 0;
        lock_fill(&locks[mine], address, kind);
        locks[mine].flags = LOCK_ALIVE;
        locks[mine].next = searched = first;
        if (__atomic_compare_exchange_n(head, &first, mine, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return mine;
    }
}

/* A lock without a record gets one if a later use of it would be noticed by the record (destroyed.h). */
void thrum__watch_lock_retire(const void *address, enum lock_kind kind, const void *place)
{
    struct slot *slot = thrum__watch_self;
    if (!thrum__watch_region)
        return;
    uint32_t index = kind == LOCK_MUTEX || kind == LOCK_SPIN
                         ? lock_peek(address, kind)
                         : thrum__watch_lock_find(address, kind);
    if (!index)
        return;
    if (slot && thrum__watch_holds(slot, address))
        thrum__watch_finding(slot, &(struct finding_record){.kind = FINDING_DESTROYED_HELD,
                                                            .lock = index,
                                                            .site = site_make(place, 0)});
    lock_end(index, address, LOCK_DESTROYED);
    if (kind >= LOCK_THRUM_LOCK)
        thrum__watch_memory_destroyed((uintptr_t)address);
}

void thrum__watch_lock_end(const void *address)
{
    enum { BEFORE = LOCK_ALIVE | LOCK_DESTROYED };
    struct lock_record *locks = thrum__watch_region->locks;
    uint32_t at = __atomic_load_n(lock_head(address), __ATOMIC_ACQUIRE);
    for (; at; at = locks[at].next)
        if (locks[at].address == (uintptr_t)address &&
            __atomic_load_n(&locks[at].flags, __ATOMIC_RELAXED) & BEFORE)
            lock_end(at, address, 0);
}

void thrum__watch_use_destroyed(struct slot *slot, const void *address, enum lock_kind kind,
                                uint64_t site)
{
    struct lock_record *locks = thrum__watch_region->locks;
    uint32_t at = __atomic_load_n(lock_head(address), __ATOMIC_ACQUIRE);
    for (; at; at = locks[at].next) {
        uint8_t flags = __atomic_load_n(&locks[at].flags, __ATOMIC_ACQUIRE);
        if (locks[at].address != (uintptr_t)address || locks[at].kind != kind)
            continue;
        if (flags & LOCK_ALIVE)
            return;
        if (flags & LOCK_DESTROYED) {
            thrum__watch_finding(slot, &(struct finding_record){
                                           .kind = FINDING_DESTROYED, .lock = at, .site = site});
            return;
        }
    }
}

void thrum__watch_lock_init(const void *address, enum lock_kind kind, unsigned flags,
                            const void *place, uint64_t argument)
{
    if (!thrum__watch_region)
        return;
    uint32_t index = lock_peek(address, kind);
    if (index)
        lock_end(index, address, 0);
    index = thrum__watch_lock_find(address, kind);
    if (!index)
        return;
    struct lock_record *lock = &thrum__watch_region->locks[index];
    lock->site = site_make(place, 0);
    lock->argument = argument;
    __atomic_fetch_or(&lock->flags, (uint8_t)flags, __ATOMIC_RELEASE);
}

uint32_t thrum__watch_node(uint32_t parent, uint32_t lock, uint64_t site)
{
    struct node_record *nodes = thrum__watch_region->nodes;
    uint64_t key = site * 31 + (uint64_t)parent * 65599 + lock;
    uint32_t *head = &thrum__watch_region->node_heads[thrum__watch_hash(key) % (REGION_NODES / 2)];
    uint32_t first = __atomic_load_n(head, __ATOMIC_ACQUIRE), searched = 0, mine = 0;
    for (;;) {
        for (uint32_t at = first; at != searched; at = nodes[at].next)
            if (nodes[at].site == site && nodes[at].parent == parent && nodes[at].lock == lock)
                return at;
        if (!mine && !(mine = take(&thrum__watch_region->node_count, REGION_NODES, DROPPED_NODES)))
            return 0;
        nodes[mine] = (struct node_record){.site = site,
                                           .parent = parent,
                                           .lock = lock,
                                           .next = first,
                                           .depth = nodes[parent].depth + 1};
        searched = first;
        if (__atomic_compare_exchange_n(head, &first, mine, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            __atomic_fetch_or(&thrum__watch_region->locks[lock].flags, LOCK_NESTED,
                              __ATOMIC_RELEASE);
            thrum__watch_memory_note(thrum__watch_region->locks[lock].address);
            return mine;
        }
    }
}

/* Variants of one context by one thread: one for each epoch, up to so many. What is not recorded
 * then was seen in the same thread before. */
enum { VARIANTS_EACH = 8 };

/* Where a thread is made for each task, a thousand variants differ in nothing but the thread: only
 * so many of a context have a stack of their own, the others show that of the first. */
enum { STACKS_EACH = 32 };

/* Tasks are many more than threads, and those that run the same function do the same. */
enum { TASKS_EACH = 64 };

static uint32_t variant_stack(struct slot *slot, struct node_record *node)
{
    uint32_t before = __atomic_fetch_add(&node->variants, 1, __ATOMIC_RELAXED);
    if (before >= STACKS_EACH)
        return __atomic_load_n(&node->stack, __ATOMIC_RELAXED);
    uint32_t stack = thrum__watch_stack(slot);
    if (before == 0)
        __atomic_store_n(&node->stack, stack, __ATOMIC_RELAXED);
    return stack;
}

void thrum__watch_variant(struct slot *slot, uint32_t node)
{
    struct variant_record *variants = thrum__watch_region->variants;
    uint64_t key = (uint64_t)node * 65599 + slot->thread;
    uint32_t *head =
        &thrum__watch_region->variant_heads[thrum__watch_hash(key) % (REGION_VARIANTS / 2)];
    uint32_t first = __atomic_load_n(head, __ATOMIC_ACQUIRE), count = 0;
    if (slot->task &&
        __atomic_load_n(&thrum__watch_region->nodes[node].variants, __ATOMIC_RELAXED) >= TASKS_EACH)
        return;
    /* Only this thread adds variants of its own, so the search need not be repeated. */
    for (uint32_t at = first; at; at = variants[at].next)
        if (variants[at].node == node && variants[at].thread == slot->thread) {
            if (variants[at].epoch == slot->epoch || variants[at].count >= VARIANTS_EACH)
                return;
            count = variants[at].count;
            break;
        }
    slot->touched = 1;
    uint32_t mine = take(&thrum__watch_region->variant_count, REGION_VARIANTS, DROPPED_VARIANTS);
    if (!mine)
        return;
    variants[mine] = (struct variant_record){
        node,  slot->thread, slot->epoch, variant_stack(slot, &thrum__watch_region->nodes[node]),
        first, count + 1};
    while (
        !__atomic_compare_exchange_n(head, &first, mine, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        variants[mine].next = first;
}

void thrum__watch_event(struct slot *slot, enum event_kind kind, uint32_t object, uint64_t other)
{
    if (kind != EVENT_JOIN && slot->bumps++ >= BUMPS_MOST)
        return;
    slot->touched = 1;
    uint32_t mine = take(&thrum__watch_region->event_count, REGION_EVENTS, DROPPED_EVENTS);
    if (!mine)
        return;
    struct event_record *event = &thrum__watch_region->events[mine];
    event->thread = slot->thread;
    event->epoch = slot->epoch;
    event->object = object;
    event->other = other;
    __atomic_store_n(&event->kind, (uint32_t)kind, __ATOMIC_RELEASE);
    slot->epoch++;
}

void thrum__watch_finding(struct slot *slot, const struct finding_record *finding)
{
    struct finding_record *all = thrum__watch_region->findings;
    uint32_t end = __atomic_load_n(&thrum__watch_region->finding_count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 1; i < end && i < REGION_FINDINGS; i++)
        if (all[i].kind == finding->kind && all[i].lock == finding->lock &&
            all[i].site == finding->site && all[i].object == finding->object &&
            all[i].other == finding->other)
            return;
    slot->touched = 1;
    uint32_t mine = take(&thrum__watch_region->finding_count, REGION_FINDINGS, DROPPED_OTHER);
    if (!mine)
        return;
    uint32_t kind = finding->kind;
    all[mine] = *finding;
    all[mine].kind = 0;
    all[mine].thread = slot->thread;
    if (!all[mine].epoch)
        all[mine].epoch = slot->epoch;
    all[mine].stack = thrum__watch_stack(slot);
    __atomic_store_n(&all[mine].kind, kind, __ATOMIC_RELEASE);
}

/* Names are few, and looked for by the watcher alone: the last one of an address counts. */
uint32_t thrum__watch_named(const void *object, uint64_t size, const char *text)
{
    uint32_t mine = take(&thrum__watch_region->name_count, REGION_NAMES, DROPPED_OTHER);
    if (!mine)
        return 0;
    struct name_record *name = &thrum__watch_region->names[mine];
    name->address = (uintptr_t)object;
    for (size_t i = 0; text && text[i] && i < sizeof name->text - 1; i++)
        name->text[i] = text[i];
    __atomic_store_n(&name->size, size, __ATOMIC_RELEASE);
    return mine;
}
