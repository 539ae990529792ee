/* The order of locks: which a thread holds, and in which context it takes another.
 *
 * A thread's held locks are a stack in its slot. The context of the top is a node in a trie: its
 * lock, where it was taken, and the context before it. To take a lock with others held is a step from one node
 * to another. A step that this thread has made before in this epoch, is in its cache, and costs a
 * comparison; else the step is looked up, and recorded with its stack. The lowest lock of a stack has no node until another is taken while
 * it is held, so a program that never holds two locks pays for a push and a pop.
 *
 * An epoch of a thread ends where it creates or joins a thread, or is ordered with another by a
 * semaphore, a condition or a barrier (table.c, thrum__watch_event). The watcher computes from these which steps
 * cannot happen at the same time.
 *
 * What is recorded is recorded before the lock is waited for, so also of a wait that never ends.
 */
#include "watch.h"

#include <errno.h>
#include <pthread.h>

bool thrum__watch_holds(const struct slot *slot, const void *lock)
{
    for (uint32_t i = 0; i < slot->depth && i < HELD_MOST; i++)
        if (slot->held[i].lock == (uintptr_t)lock)
            return true;
    return false;
}

void thrum__watch_push_full(void)
{
    thrum__watch_drop(DROPPED_HELD);
}

/* A handler that comes while an entry is written would mix its own into it; so it writes none. */
static void cache_fill(struct slot *slot, const void *lock, uint64_t site, uint32_t parent,
                       uint32_t node, uint32_t stamp)
{
    if (slot->busy > 1)
        return;
    struct cache_entry *entry = thrum__watch_cache(slot, lock, site, parent);
    *entry = (struct cache_entry){(uintptr_t)lock, site, parent, node, slot->epoch, stamp};
}

/* The context of one lock after another, without recording an acquisition. */
static uint32_t quiet_node(struct slot *slot, uint32_t parent, const struct held *held)
{
    const void *lock = (const void *)held->lock;
    uint64_t key = held->site | (uint64_t)MODE_QUIET << SITE_BITS;
    const struct cache_entry *entry = thrum__watch_cache(slot, lock, key, parent);
    if (thrum__watch_cached(slot, entry, lock, key, parent))
        return entry->node;
    uint32_t stamp = __atomic_load_n(&thrum__watch_region->stamps[thrum__watch_stamp_of(lock)],
                                     __ATOMIC_RELAXED);
    uint32_t index = thrum__watch_held_lock(held);
    uint32_t node = index ? thrum__watch_node(parent, index, held->site) : 0;
    if (node)
        cache_fill(slot, lock, key, parent, node, stamp);
    return node;
}

/* The context of all that is held; 0 if the tables are full. */
static uint32_t context(struct slot *slot)
{
    uint32_t node = 0;
    for (uint32_t i = 0; i < slot->depth; i++) {
        struct held *held = &slot->held[i];
        if (!held->lock)
            continue;
        if (!held->node && !(held->node = quiet_node(slot, node, held)))
            return 0;
        node = held->node;
    }
    return node;
}

/* The lock is held already: no order, but to wait for it may be to wait for oneself. */
static void self_step(struct slot *slot, uint32_t index, uint64_t site)
{
    const struct lock_record *lock = &thrum__watch_region->locks[index];
    bool reads = true;
    if (lock->flags & LOCK_RECURSIVE || lock->kind == LOCK_SEMAPHORE ||
        lock->kind == LOCK_THRUM_SEMAPHORE ||
        site_mode(site) & (MODE_TRY | MODE_TIMED | MODE_REACQUIRE))
        return;
    for (uint32_t i = 0; i < slot->depth; i++)
        if (slot->held[i].lock == lock->address)
            reads &= (site_mode(slot->held[i].site) & MODE_READ) != 0;
    if (reads && site_mode(site) & MODE_READ && !(lock->flags & LOCK_PREFERS_WRITER))
        return;
    thrum__watch_finding(
        slot, &(struct finding_record){.kind = FINDING_SELF, .lock = index, .site = site});
}

/* What the words of the C library's objects say of their kind. */
static void inspect(const void *object, uint32_t index)
{
    struct lock_record *lock = &thrum__watch_region->locks[index];
    unsigned flags = 0;
    if (lock->kind == LOCK_MUTEX) {
        int kind = ((const pthread_mutex_t *)object)->__data.__kind & 3;
        /* One that checks for errors refuses, it does not wait. */
        flags = kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK ? LOCK_RECURSIVE
                                                                                    : 0;
    } else if (lock->kind == LOCK_RWLOCK && ((const pthread_rwlock_t *)object)->__data.__flags ==
                                                PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP)
        flags = LOCK_PREFERS_WRITER;
    if (flags & ~lock->flags)
        __atomic_fetch_or(&lock->flags, (uint8_t)flags, __ATOMIC_RELAXED);
}

static uint32_t step(struct slot *slot, const void *lock, enum lock_kind kind, uint64_t site)
{
    uint32_t parent = context(slot);
    if (!parent)
        return 0;
    const struct cache_entry *entry = thrum__watch_cache(slot, lock, site, parent);
    if (thrum__watch_cached(slot, entry, lock, site, parent))
        return entry->node;
    uint32_t stamp = __atomic_load_n(&thrum__watch_region->stamps[thrum__watch_stamp_of(lock)],
                                     __ATOMIC_RELAXED);
    uint32_t index = thrum__watch_lock_find(lock, kind);
    uint32_t node = index ? thrum__watch_node(parent, index, site) : 0;
    if (!node)
        return 0;
    inspect(lock, index);
    if (thrum__watch_holds(slot, lock))
        self_step(slot, index, site);
    else if (!(site_mode(site) & MODE_TRY))
        thrum__watch_variant(slot, node);
    cache_fill(slot, lock, site, parent, node, stamp);
    return node;
}

static __attribute__((noinline)) uint32_t enter_slow(struct slot *slot, const void *lock,
                                                     enum lock_kind kind, uint64_t site)
{
    int error = errno;
    slot->busy++;
    uint32_t node = step(slot, lock, kind, site);
    slot->busy--;
    errno = error;
    return node;
}

/* With other locks held. The lowest has no context yet, each time, so its own is looked up first. */
uint32_t thrum__watch_enter_deep(struct slot *slot, const void *lock, enum lock_kind kind,
                                 uint64_t site)
{
    struct held *top = &slot->held[slot->depth - 1];
    uint32_t parent = top->node;
    const struct cache_entry *entry;
    if (!parent && slot->depth == 1) {
        const void *below = (const void *)top->lock;
        uint64_t key = top->site | (uint64_t)MODE_QUIET << SITE_BITS;
        entry = thrum__watch_cache(slot, below, key, 0);
        if (likely(thrum__watch_cached(slot, entry, below, key, 0)))
            parent = top->node = entry->node;
    }
    if (likely(parent)) {
        entry = thrum__watch_cache(slot, lock, site, parent);
        if (likely(thrum__watch_cached(slot, entry, lock, site, parent)))
            return entry->node;
    }
    return enter_slow(slot, lock, kind, site);
}

/* Locks need not be released in the order of their acquisition. What was above it has another context
 * from then on. */
void thrum__watch_leave_slow(struct slot *slot, const void *lock, enum lock_kind kind)
{
    uint32_t depth = slot->depth, at = depth;
    while (at > 0 && slot->held[at - 1].lock != (uintptr_t)lock)
        at--;
    if (at > 0) {
        for (uint32_t i = at - 1; i + 1 < depth; i++) {
            slot->held[i] = slot->held[i + 1];
            slot->held[i].node = 0;
        }
        slot->held[depth - 1].lock = 0;
        slot->depth = depth - 1;
        return;
    }
    /* More are held than the slot has room for; or another thread took it, or nobody did. */
    if (depth >= HELD_MOST)
        return;
    uint32_t index = thrum__watch_lock_find(lock, kind);
    if (index)
        __atomic_fetch_or(&thrum__watch_region->locks[index].flags, LOCK_HANDED, __ATOMIC_RELAXED);
}
