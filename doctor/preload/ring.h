/* The rings of events: what each thread did last, for `thrum trace`.
 *
 * Each slot has a ring of 2^n events of 16 bytes, behind the region and in the same memfd. Its pages
 * belong to no disk, so they never fault again after they have been written back, and the watcher keeps
 * them when the program is killed. A memfd needs no mounted /dev/shm and no name. A page takes memory
 * when its first event is written; a ring that no thread uses takes none.
 *
 * One thread writes to a ring: the owner of the slot. The watcher reads while it writes and never
 * stops it. Neither waits for the other, so a slow reader loses events, and counts them.
 *
 *     claim: at = head, head = at + 1    one instruction, so a signal handler claims the next place
 *     store when, store what             each has the lap of its place; release: the claim is visible before
 *
 * The lap of a place is at / 2^n + 1, some bits of it are in each word. An event is whole if both words
 * have the lap of its place. A word of an earlier lap, or of memory that was never written, has another:
 * `when` has six bits of it and `what` has two, and a place is written in every lap.
 * The reader takes the head, copies, and takes the head again; it copies by acquiring loads, so the head is as new as the copy. What lies 2^n or more below
 * the second head may have been written over meanwhile and counts as lost. So the
 * bits of a lap need not tell laps apart that are further away than that. An event that is not whole
 * is being written: its thread was preempted, or a signal handler runs there. The reader
 * stops in front of it. It skips and counts it if the thread has ended, or if half a ring of events has come
 * after it: then a handler has left by longjmp, or does not return.
 *
 * Time is the processor's counter (rdtsc, cntvct): 10 ns, where clock_gettime takes 26 on the same machine. The
 * watcher reads both clocks at the same moments and converts later. If the counter may
 * stop or differ between processors, CLOCK_MONOTONIC is used. An event has 52 bits of the counter:
 * 17 days at 3 GHz. The reader adds the upper bits.
 *
 * An object is an address without its two lower bits, as no object of interest lies closer together.
 * Numbers of threads and the like are shifted to pass for addresses.
 *
 * Where it happened is interned: a place is a call, the kind of the object, and the depth
 * of the stack there. Two ways to the same call mostly have different depths, so both have a place.
 * The stack is copied for the first event of a place only. Places are never
 * removed; when the table is full, events have place 0.
 *
 * A slot serves one thread after another, and its ring goes on. RING_BEGIN and RING_END name the
 * thread. Events in front of the first of these belong to the thread that RING_END names, or to the
 * owner of the slot.
 *
 * In the child of a fork the region is unmapped; a new one is made at its next hook. A program that
 * executes another one leaves its region to the watcher.
 *
 * What was rejected: a file in /dev/shm for each thread, as thousands of threads need as many
 * names and descriptors, and they stay behind if the watcher is killed; a ring for each processor, which needs restartable
 * sequences or a lock; a commit count beside the head, which a handler that never returns blocks for ever;
 * records of different sizes, where a reader that was overtaken finds no beginning.
 */
#ifndef DOCTOR_PRELOAD_RING_H
#define DOCTOR_PRELOAD_RING_H

#include <stdint.h>

enum {
    RING_BITS_LEAST = 8, /* 2^8 events */
    RING_BITS_MOST = 20,
    RING_PLACES = 1 << 16, /* 0: none */
    RING_PLACES_TRIED = 16,
    RING_HEAD = 64, /* bytes in front of the events */
};

enum ring_kind {
    RING_NONE,
    RING_WAIT,     /* begins to wait for the object */
    RING_WAIT_END, /* the wait has ended */
    RING_ACQUIRE,  /* holds the lock */
    RING_RELEASE,
    RING_TAKE,      /* took one from a semaphore */
    RING_POST,      /* to a semaphore */
    RING_SIGNAL,    /* of a condition for which a thread waits */
    RING_BROADCAST, /* likewise */
    RING_CREATE,    /* object: the number of a thread */
    RING_BEGIN,     /* likewise: from here on, the ring is that thread's */
    RING_END,       /* likewise: the thread ends here */
    RING_CALL,      /* a system call that may block begins; object: enum ring_call, a descriptor */
    RING_CALL_END,
    RING_TASK, /* a task of libthrum begins here, or a fiber comes back; place: its function */
    RING_TASK_END,
    RING_LEAVE, /* a fiber leaves its worker; object: its task, 0 if it has none */
    RING_WAKE,  /* makes a waiter for the object ready */
    RING_KINDS,
};

enum ring_call {
    RING_CALL_OTHER,
    RING_CALL_READ,
    RING_CALL_WRITE,
    RING_CALL_READV,
    RING_CALL_WRITEV,
    RING_CALL_RECV,
    RING_CALL_RECVFROM,
    RING_CALL_RECVMSG,
    RING_CALL_SEND,
    RING_CALL_SENDTO,
    RING_CALL_SENDMSG,
    RING_CALL_ACCEPT,
    RING_CALL_ACCEPT4,
    RING_CALL_CONNECT,
    RING_CALL_POLL,
    RING_CALL_PPOLL,
    RING_CALL_SELECT,
    RING_CALL_PSELECT,
    RING_CALL_EPOLL_WAIT,
    RING_CALL_EPOLL_PWAIT,
    RING_CALL_NANOSLEEP,
    RING_CALL_CLOCK_NANOSLEEP,
    RING_CALL_USLEEP,
    RING_CALL_SLEEP,
    RING_CALL_FSYNC,
    RING_CALL_FDATASYNC,
    RING_CALL_WAITPID,
    RING_CALLS,
};

/* Where the fields lie in the two words of an event. */
enum {
    RING_LAP_BITS = 6,
    RING_KIND_BITS = 6,
    RING_TIME_BITS = 52,
    RING_LOW_LAP_BITS = 2,
    RING_PLACE_BITS = 16,
    RING_OBJECT_BITS = 46,
};
#define RING_TIME_MASK   ((UINT64_C(1) << RING_TIME_BITS) - 1)
#define RING_OBJECT_MASK ((UINT64_C(1) << RING_OBJECT_BITS) - 1)

struct ring_event {
    uint64_t when; /* time, kind, lap: from the upper bits down */
    uint64_t what; /* object, place, lap */
};

struct ring {
    uint64_t head; /* how many places were claimed */
    uint64_t unused[RING_HEAD / 8 - 1];
    struct ring_event events[];
};

struct ring_place {
    uint64_t key; /* 0: free */
    uint64_t site;
    uint32_t kind, stack; /* enum lock_kind; an index as of other stacks */
    uint32_t filled, unused;
};

/* Which counter the events have. */
enum ring_clock { RING_CLOCK_MONOTONIC = 1, RING_CLOCK_COUNTER };

static inline uint64_t ring_when(uint64_t time, enum ring_kind kind, uint64_t lap)
{
    return time << (RING_KIND_BITS + RING_LAP_BITS) | (uint64_t)kind << RING_LAP_BITS |
           (lap & ((1 << RING_LAP_BITS) - 1));
}

static inline uint64_t ring_what(uint64_t object, uint64_t place, uint64_t lap)
{
    return object << (RING_PLACE_BITS + RING_LOW_LAP_BITS) | place << RING_LOW_LAP_BITS |
           (lap & ((1 << RING_LOW_LAP_BITS) - 1));
}

static inline int ring_whole(const struct ring_event *event, uint64_t lap)
{
    return ((event->when ^ lap) & ((1 << RING_LAP_BITS) - 1)) == 0 &&
           ((event->what ^ lap) & ((1 << RING_LOW_LAP_BITS) - 1)) == 0;
}

static inline unsigned ring_kind(const struct ring_event *event)
{
    return event->when >> RING_LAP_BITS & ((1 << RING_KIND_BITS) - 1);
}

static inline uint64_t ring_time(const struct ring_event *event)
{
    return event->when >> (RING_KIND_BITS + RING_LAP_BITS);
}

static inline uint64_t ring_object(const struct ring_event *event)
{
    return event->what >> (RING_PLACE_BITS + RING_LOW_LAP_BITS);
}

static inline unsigned ring_place(const struct ring_event *event)
{
    return event->what >> RING_LOW_LAP_BITS & (RING_PLACES - 1);
}

/* Bytes from one ring to the next. */
static inline uint64_t ring_size(unsigned bits)
{
    return RING_HEAD + (UINT64_C(16) << bits);
}

#if defined(__x86_64__)
static inline uint64_t ring_counter(void)
{
    return __builtin_ia32_rdtsc();
}
#else
static inline uint64_t ring_counter(void)
{
    uint64_t value;
    __asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(value));
    return value;
}
#endif

#endif
