/* The inside of the preload library: the region, the slot of this thread, and the fast paths. */
#ifndef DOCTOR_PRELOAD_WATCH_H
#define DOCTOR_PRELOAD_WATCH_H

#include "region.h"

#include <stddef.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Exported: these replace the C library's. All else is hidden. */
#define HOOK __attribute__((visibility("default")))

/* NULL while nothing is recorded. */
extern struct region *thrum__watch_region;

/* NULL until the thread's first hook, and after its last. */
extern __thread struct slot *thrum__watch_self __attribute__((tls_model("initial-exec")));

/* The slot of the thread itself, while `self` may be that of a task; and the task, 0 in no task. */
extern __thread struct slot *thrum__watch_base __attribute__((tls_model("initial-exec")));
extern __thread uint64_t thrum__watch_task __attribute__((tls_model("initial-exec")));

/* Gives this thread, or the task that it runs, a slot; NULL if it is to have none. */
struct slot *thrum__watch_adopt(void);

static inline struct slot *thrum__watch_slot(void)
{
    struct slot *slot = thrum__watch_self;
    return likely(slot) ? slot : thrum__watch_adopt();
}

/* Which thread has the slot, for those that look for an owner; 0: none. */
static inline void thrum__watch_slot_tid(const struct slot *slot, uint32_t tid)
{
    __atomic_store_n(&thrum__watch_region->slot_tids[slot - thrum__watch_region->slots], tid,
                     __ATOMIC_RELEASE);
}

/* region.c: the region as a whole. */
bool thrum__watch_region_open(void);  /* makes it and sends it to the watcher */
void thrum__watch_region_leave(void); /* in a child of fork: the region is its parent's */
void thrum__watch_segments(void);     /* notes which files are mapped; takes the loader's lock */
bool thrum__watch_wanted(void);       /* a watcher has started this program */

/* thread.c: slots and records. */
struct slot *thrum__watch_slot_take(void);
void thrum__watch_slot_free(struct slot *slot);
uint32_t thrum__watch_thread_record(void); /* a new one, 0 if the table is full */
void thrum__watch_note_end(struct slot *slot);

/* task.c: tasks of thrum. */
struct slot *thrum__watch_task_adopt(void);
void thrum__watch_task_fork(void); /* in a child: what was left is not resumed with its slot */

/* table.c: the tables. Each returns an index, 0 if the table is full. */
uint32_t thrum__watch_lock_find(const void *address, enum lock_kind kind);
void thrum__watch_lock_init(const void *address, enum lock_kind kind, unsigned flags,
                            const void *place, uint64_t argument);
void thrum__watch_lock_retire(const void *address, enum lock_kind kind, const void *place);
void thrum__watch_lock_end(
    const void *address); /* the memory is freed in which it lies, whatever it is */
void thrum__watch_use_destroyed(struct slot *slot, const void *address, enum lock_kind kind,
                                uint64_t site); /* tells if nobody has initialised it again */
uint32_t thrum__watch_node(uint32_t parent, uint32_t lock, uint64_t site);
void thrum__watch_variant(struct slot *slot, uint32_t node);
uint32_t thrum__watch_stack(struct slot *slot);
void thrum__watch_event(struct slot *slot, enum event_kind kind, uint32_t object, uint64_t other);
void thrum__watch_finding(struct slot *slot, const struct finding_record *finding);
uint32_t thrum__watch_named(const void *object, uint64_t size, const char *text);
void thrum__watch_drop(enum dropped what);

/* hook_memory.c: a lock lies there, and is part of a context. */
void thrum__watch_memory_note(uint64_t address);

/* An object of thrum was destroyed there; and whether that may be so. */
void thrum__watch_memory_destroyed(uint64_t address);
bool thrum__watch_maybe_destroyed(const void *object);

/* order.c */
uint32_t thrum__watch_enter_deep(struct slot *slot, const void *lock, enum lock_kind kind,
                                 uint64_t site);
void thrum__watch_leave_slow(struct slot *slot, const void *lock, enum lock_kind kind);
void thrum__watch_push_full(void);
bool thrum__watch_holds(const struct slot *slot, const void *lock);

/* hook_wait.c: a semaphore was taken, or is posted. */
void thrum__watch_taken(struct slot *slot, const void *semaphore, enum lock_kind kind,
                        uint64_t site, uint32_t node);
void thrum__watch_posted(struct slot *slot, const void *semaphore, enum lock_kind kind,
                         uint64_t count);

/* wait.c: waits that block. */
uint64_t thrum__watch_holder(const void *object); /* where it was taken by what holds it, or 0 */
void thrum__watch_waited(struct slot *slot, uint32_t lock, enum lock_kind kind, uint64_t site,
                         uint64_t holder, uint64_t took);
struct watched_wait {
    uint64_t since, holder;
};
void thrum__watch_wait_begin(struct slot *slot, const void *object, enum lock_kind kind,
                             uint64_t site, uint32_t owner, struct watched_wait *ret_wait);
void thrum__watch_wait_end(struct slot *slot, const void *object, enum lock_kind kind,
                           uint64_t site, const struct watched_wait *wait);
uint64_t thrum__watch_now(void);

static inline uint32_t thrum__watch_hash(uint64_t value)
{
    return (uint32_t)((value * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

/* For the small tables: locks lie at least four bytes apart, mostly in rows. */
static inline uint32_t thrum__watch_mix(uint64_t address)
{
    return (uint32_t)(address >> 3 ^ address >> 11);
}

static inline uint32_t thrum__watch_stamp_of(const void *lock)
{
    return thrum__watch_mix((uint64_t)(uintptr_t)lock) % REGION_STAMPS;
}

static inline struct recent *thrum__watch_recent(const struct slot *slot, uint64_t lock)
{
    return (struct recent *)(uintptr_t)&slot->recent[thrum__watch_mix(lock) % RECENT_ENTRIES];
}

static inline struct cache_entry *thrum__watch_cache(struct slot *slot, const void *lock,
                                                     uint64_t site, uint32_t parent)
{
    uint32_t key = thrum__watch_mix((uint64_t)(uintptr_t)lock) + (uint32_t)site * 5 + parent * 37;
    return &slot->cache[key % CACHE_ENTRIES];
}

static inline bool thrum__watch_cached(const struct slot *slot, const struct cache_entry *entry,
                                       const void *lock, uint64_t site, uint32_t parent)
{
    return entry->lock == (uintptr_t)lock && entry->site == site && entry->parent == parent &&
           entry->epoch == slot->epoch &&
           entry->stamp ==
               __atomic_load_n(&thrum__watch_region->stamps[thrum__watch_stamp_of(lock)],
                               __ATOMIC_RELAXED);
}

/* Before a lock is waited for: records the order. Returns the context in which it will be held, 0 if
 * that is not needed yet. */
static inline uint32_t thrum__watch_enter(struct slot *slot, const void *lock, enum lock_kind kind,
                                          uint64_t site)
{
    struct recent *recent = thrum__watch_recent(slot, (uintptr_t)lock);
    recent->lock = (uintptr_t)lock;
    recent->epoch = slot->epoch;
    if (likely(slot->depth == 0))
        return 0;
    return thrum__watch_enter_deep(slot, lock, kind, site);
}

static inline uint64_t thrum__watch_sp(void)
{
    uint64_t sp;
#if defined(__x86_64__)
    __asm__("mov %%rsp, %0" : "=r"(sp));
#else
    __asm__("mov %0, sp" : "=r"(sp));
#endif
    return sp;
}

/* The lock is held. A signal handler may come in between: it finds an entry without a lock, and what
 * it pushes it has popped when it returns. */
static inline void thrum__watch_push(struct slot *slot, const void *lock, enum lock_kind kind,
                                     uint64_t site, uint32_t node)
{
    uint32_t depth = slot->depth;
    if (unlikely(depth >= HELD_MOST)) {
        thrum__watch_push_full();
        return;
    }
    struct held *held = &slot->held[depth];
    slot->depth = depth + 1;
    __asm__ __volatile__("" ::: "memory");
    held->site = site;
    held->sp = thrum__watch_sp() | (uint64_t)kind << SITE_BITS;
    held->node = node;
    held->epoch = slot->epoch;
    held->lock = (uintptr_t)lock;
}

/* The record of a lock that is held. */
static inline uint32_t thrum__watch_held_lock(const struct held *held)
{
    return thrum__watch_lock_find((const void *)(uintptr_t)held->lock,
                                  (enum lock_kind)(held->sp >> SITE_BITS));
}

/* Before the lock is released. */
static inline void thrum__watch_leave(struct slot *slot, const void *lock, enum lock_kind kind)
{
    uint32_t depth = slot->depth;
    if (likely(depth && slot->held[depth - 1].lock == (uintptr_t)lock)) {
        slot->held[depth - 1].lock = 0;
        __asm__ __volatile__("" ::: "memory");
        slot->depth = depth - 1;
        return;
    }
    thrum__watch_leave_slow(slot, lock, kind);
}

#endif
