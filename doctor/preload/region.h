/* What the preload library records, as it lies in memory that the program and `thrum doctor` share.
 *
 * The library only records; all judgement is in the process that watches (doctor/record.c and on). So
 * its hooks need no allocation and no lock: each table grows by an atomic count, each record is
 * written before it is linked into its chain by a compare-and-swap, and is never unlinked. A record
 * that lost a race for its chain is left unused. A table that is full is counted in `dropped`.
 *
 * The region is a memfd, sparse, and sealed against a change of its size; the library makes it and
 * sends it to the watcher through a socket. What was recorded outlives the program, however it ends.
 * The watcher believes nothing in it: each index is checked against its table.
 *
 * Index 0 of each table means "none".
 *
 * A thread has a slot for as long as it runs, with what the fast paths need: the locks that it holds,
 * and a cache of contexts. Its record in `threads` stays. Of the slots only the owner writes; others
 * read `held` and `recent` while it runs, and may see an entry that is half new, which is harmless:
 * an address that is no lock's is not found.
 *
 * A task of a thrum pool that takes locks has a slot and a record as a thread has: the tasks of one worker are no
 * more one after another than its threads are. It has them from its first lock on.
 *
 * Behind the region lie the rings of events, one for each slot, if the watcher wants them: ring.h.
 */
#ifndef DOCTOR_PRELOAD_REGION_H
#define DOCTOR_PRELOAD_REGION_H

#include "ring.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    REGION_VERSION = 2,
    REGION_SLOTS = 4096,
    REGION_THREADS = 1 << 16,
    REGION_LOCKS = 1 << 18,
    REGION_NODES = 1 << 18,
    REGION_VARIANTS = 1 << 18,
    REGION_EVENTS = 1 << 19,
    REGION_WAITS = 1 << 14,
    REGION_FINDINGS = 1 << 12,
    REGION_SEGMENTS = 1 << 12,
    REGION_NAMES = 1 << 12,
    REGION_STAMPS = 1 << 10,
    REGION_STACK_BYTES = 64 << 20,
    REGION_PATH = 256,
    HELD_MOST = 64,
    CACHE_ENTRIES = 512,
    RECENT_ENTRIES = 64,
    STACK_MOST = 16 << 10,
    BUMPS_MOST = 2048, /* events of a thread, besides joins, that are recorded */
};

#define REGION_MAGIC UINT64_C(0x7468727564726763)

enum lock_kind {
    LOCK_NONE,
    LOCK_MUTEX,
    LOCK_RWLOCK,
    LOCK_SPIN,
    LOCK_SEMAPHORE,
    LOCK_CONDITION,
    LOCK_BARRIER,
    LOCK_ONCE,
    LOCK_THRUM_LOCK,
    LOCK_THRUM_RWLOCK,
    LOCK_THRUM_SEMAPHORE,
    LOCK_THRUM_CONDITION,
    LOCK_THRUM_BARRIER,
    LOCK_THRUM_EVENT,
    LOCK_THRUM_QUEUE,
    LOCK_THRUM_GROUP,
    LOCK_THRUM_FUTURE,
    LOCK_THRUM_SLEEP,
    LOCK_THRUM_OTHER,
    LOCK_THREAD, /* a join */
    LOCK_KINDS,
};

enum {
    LOCK_ALIVE = 1,  /* cleared when it is destroyed, or when its memory is freed */
    LOCK_NESTED = 2, /* it is in a node */
    LOCK_HANDED = 4, /* released by another thread than took it: it is no lock, but a signal */
    LOCK_PREFERS_WRITER = 8,
    LOCK_RECURSIVE = 16, /* or it refuses to be locked twice */
    LOCK_WRITTEN = 32,   /* set only if it prefers writers */
    LOCK_VALUED = 64,    /* its first value is known though nobody was seen to initialise it */
    LOCK_DESTROYED =
        128, /* its memory has not been freed since, and nobody was seen to initialise it again */
};

/* How a lock was taken; in the upper byte of a site. */
enum {
    MODE_READ = 1,
    MODE_TRY = 2,       /* it did not wait */
    MODE_TIMED = 4,     /* it would have given up */
    MODE_REACQUIRE = 8, /* at the end of a wait for a condition */
    MODE_QUIET = 128,   /* a key of the cache only: no acquisition was recorded */
};

enum { SITE_BITS = 56 };
#define SITE_MASK ((UINT64_C(1) << SITE_BITS) - 1)

static inline uint64_t site_make(const void *place, unsigned mode)
{
#if defined(__aarch64__) /* a return address may be signed, in its upper bits */
    uint64_t address = (uint64_t)(uintptr_t)place & SITE_MASK;
#else
    uint64_t address = (uint64_t)(uintptr_t)place;
#endif
    return address | (uint64_t)mode << SITE_BITS;
}

static inline unsigned site_mode(uint64_t site)
{
    return (unsigned)(site >> SITE_BITS);
}

struct lock_record {
    uint64_t address;
    uint64_t site;     /* where it was initialised; 0: by its bytes */
    uint64_t argument; /* first value of a semaphore, count of a barrier */
    uint32_t next;
    uint32_t thread; /* that first met it; for a semaphore, that posted last */
    uint8_t kind, flags;
    uint16_t unused;
    uint32_t epoch; /* of `thread` */
};

/* A context: the locks that a thread holds, in order. The last of them is `lock`, taken at `site`;
 * the others are the context `parent`. */
struct node_record {
    uint64_t site;
    uint32_t parent, lock, next, depth;
    uint32_t variants, stack; /* how many there are; the stack of the first */
};

/* A thread acquired the last lock of a context, and held the others. `count` says the how manieth of
 * this thread it is. */
struct variant_record {
    uint32_t node, thread, epoch, stack, next, count;
};

/* What orders threads, besides their creation (thread_record.parent_epoch). It ends the epoch `epoch` of the thread. */
enum event_kind {
    EVENT_NONE,
    EVENT_JOIN,         /* `other` has ended */
    EVENT_POST,         /* of the semaphore `object` */
    EVENT_TAKE,         /* `object` was posted */
    EVENT_SIGNAL,       /* of the condition `object`, while one waited */
    EVENT_WOKEN,        /* the wait began when `other` events were recorded */
    EVENT_BARRIER,      /* arrival at `object`, and then on */
    EVENT_WOKEN_BY_ALL, /* of EVENT_SIGNAL before it */
};

struct event_record {
    uint32_t kind, thread, epoch, object;
    uint64_t other;
};

enum {
    THREAD_HAS_ENDED = 1,
    THREAD_DETACHED = 2,
    THREAD_JOINED = 4,
    THREAD_MAIN = 8,
    THREAD_RUNS_TASKS = 32,
    THREAD_TASK = 16, /* not a thread, but a task of thrum; `handle` is the thread that ran it */
};

struct thread_record {
    uint64_t start;  /* the function that it runs; 0: not known */
    uint64_t handle; /* its pthread_t */
    uint64_t site;   /* where it was created */
    uint32_t tid, parent, parent_epoch, last_epoch;
    uint32_t slot, flags;
    char name[16];
    uint64_t cpu; /* that it used, ns, at its end */
};

/* Waits for one lock at one place behind one holder. */
struct wait_record {
    uint32_t lock, stack, next, kind; /* for joins, `lock` is 0 */
    uint64_t site, holder; /* site: of the wait; holder: where it was taken by what held it, or 0 */
    uint64_t count, total, longest; /* ns */
};

enum finding_kind {
    FINDING_NONE,
    FINDING_SELF,         /* a thread locks what it holds */
    FINDING_ENDS_HOLDING, /* a thread ended with a lock */
    FINDING_DESTROYED_HELD,
    FINDING_WAITS_HOLDING, /* waited for what `other` did, which took `lock` at epoch `other_epoch` */
    FINDING_CONDITION_HOLDING, /* waited for a condition with `lock` held besides */
    FINDING_DESTROYED,         /* used an object after it was destroyed */
    FINDING_UNREAD, /* a failure of the task with the name `object`; `other` is its errno */
};

struct finding_record {
    uint32_t kind, lock, object, thread, epoch, stack;
    uint32_t other, other_epoch;
    uint64_t site, other_site;
};

/* A name that the program gave to `size` bytes. */
struct name_record {
    uint64_t address, size;
    char text[48];
};

struct segment_record {
    uint64_t start, end, offset, execute;
    char path[REGION_PATH];
};

/* A stack: the registers inside the hook, the locks held, and a copy of the bytes from `start` on. */
enum { STACK_REGISTERS = 16 };

struct stack_held {
    uint64_t site, sp; /* as in struct held */
    uint32_t lock, epoch;
};

struct stack_record {
    uint64_t registers[STACK_REGISTERS]; /* pc, sp, then as machine code saves them */
    uint64_t start;
    uint32_t size, held_count;
    /* struct stack_held held[held_count]; the bytes */
};

struct held {
    uint64_t lock, site;
    uint64_t sp;          /* its upper byte is the lock's kind */
    uint32_t node, epoch; /* node 0: not known yet */
};

struct recent {
    uint64_t lock;
    uint32_t epoch, unused;
};

struct cache_entry {
    uint64_t lock, site;
    uint32_t parent, node, epoch, stamp;
};

struct slot {
    uint64_t ring; /* the address of its ring in the program; 0: none */
    uint32_t depth, epoch, thread, busy;
    uint32_t bumps; /* of `epoch`, but by threads that begin and end */
    uint32_t used, ring_bits;
    uint64_t stack_low, stack_high;
    uint64_t waits_for, waits_since, wait_count; /* what it waits for now, 0 for nothing */
    uint32_t waits_kind, unused;
    uint64_t task;   /* whose slot it is, if not a thread's */
    uint64_t wanted; /* the site of a wait of thrum that is about to begin */
    void *(*start)(void *);
    void *argument;
    void (*once)(void);
    const void *once_object;
    uint64_t once_site;
    uint32_t once_node, unused2;
    uint32_t first_epoch;                     /* of `thread`: the slot may have had others before */
    uint32_t touched;                         /* what this thread did is in a table */
    _Alignas(64) struct held held[HELD_MOST]; /* none of the entries lies in two cache lines */
    struct recent recent[RECENT_ENTRIES];
    _Alignas(64) struct cache_entry cache[CACHE_ENTRIES];
};

enum dropped {
    DROPPED_THREADS,
    DROPPED_LOCKS,
    DROPPED_NODES,
    DROPPED_VARIANTS,
    DROPPED_EVENTS,
    DROPPED_STACKS,
    DROPPED_HELD,
    DROPPED_PLACES,
    DROPPED_OTHER,
    DROPPED_KINDS,
};

struct region {
    _Alignas(4096) uint64_t magic;
    uint32_t version, pid;
    uint64_t size, began;
    uint32_t ring_bits, ring_clock; /* 0: there are no rings; enum ring_clock */
    uint32_t parent, complete;      /* complete: the program ended by exit() */
    uint32_t slot_count, thread_count, lock_count, node_count, variant_count, event_count;
    uint32_t wait_count, finding_count, segment_count, name_count;
    uint32_t dropped[DROPPED_KINDS];
    uint64_t tasks_submitted, tasks_begun, tasks_ended;
    uint64_t tasks_left; /* that were submitted, but ran as a part of another, or never */
    uint64_t stack_used;
    char program[REGION_PATH];
    uint32_t stamps[REGION_STAMPS];
    uint32_t slot_tids[REGION_SLOTS];
    uint32_t lock_heads[REGION_LOCKS / 2], node_heads[REGION_NODES / 2];
    uint32_t variant_heads[REGION_VARIANTS / 2], wait_heads[REGION_WAITS / 2];
    struct thread_record threads[REGION_THREADS];
    struct lock_record locks[REGION_LOCKS];
    struct node_record nodes[REGION_NODES];
    struct variant_record variants[REGION_VARIANTS];
    struct event_record events[REGION_EVENTS];
    struct wait_record waits[REGION_WAITS];
    struct finding_record findings[REGION_FINDINGS];
    struct segment_record segments[REGION_SEGMENTS];
    struct ring_place places[RING_PLACES];
    struct name_record names[REGION_NAMES];
    struct slot slots[REGION_SLOTS];
    uint8_t stacks[REGION_STACK_BYTES];
};

/* What goes through the socket, with the descriptor of the region. */
struct region_hello {
    uint64_t magic;
    uint32_t version, pid;
};

/* Its size with rings of 2^bits events; 0: without. */
static inline uint64_t region_size(unsigned ring_bits)
{
    return sizeof(struct region) + (ring_bits ? REGION_SLOTS * ring_size(ring_bits) : 0);
}

/* Its value is the name of the watcher's socket, then ",rings=BITS" if events are wanted. */
#define REGION_VARIABLE "THRUM_DOCTOR"

#endif
