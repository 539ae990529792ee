/* The context: who is running here, be it an OS thread or a fiber.
 *
 * A primitive never asks which of the two it serves. It sees a context: something with an ident
 * (what a lock keeps as its owner), a name (for messages), a claim word and a way to be put to
 * sleep and woken. A thread's way is the futex (thread_park.c); a fiber's worker has its own `ops`
 * (fiber/fiber.c).
 *
 * Contexts are immortal: they come from a table that only grows and return to its free list when
 * their thread or fiber ends. A waker that is late may therefore always touch one; the worst that
 * it can do to the next owner is to wake it for no reason, which every sleeper tolerates. This is
 * rule 3 of parking: a wake goes to an immortal record, never to a stack that may be gone.
 *
 * The claim word holds `generation << 3 | state`. The generation counts the waits of the context
 * and never goes back, so the word of one wait is never confused with that of another, even by a
 * canceller or timer that took its copy long ago:
 *
 *     state      set by                        means
 *     IDLE       the owner, at birth           does not wait
 *     WAITING    the owner, at wait_begin      waits; anyone may end it
 *     SHIELDED   the owner, at wait_begin      waits; cancellation may not end it
 *     NOTIFIED   the claimer                   was woken; the claimer owes one unpark
 *     TIMED_OUT  the owner (a fiber's timer)   its deadline passed
 *     CANCELLED  the canceller                 was cancelled; the canceller owes one unpark
 *
 * From WAITING or SHIELDED it leaves by one compare-and-swap, so exactly one of release, timeout
 * and cancellation wins.
 *
 * The signal word is where a thread sleeps: EMPTY, TOKEN (an unpark has come), or one of the values of
 * a thread that is asleep (thread_park.c).
 */
#ifndef THRUM_PARK_CONTEXT_H
#define THRUM_PARK_CONTEXT_H

#include "base/atomic.h"
#include "base/local.h"
#include "base/memory.h"
#include <thrum/time.h>

#include <stdbool.h>

typedef struct thrum__context thrum__context;

/* What other layers keep in a context. Each layer defines its own, and this one looks into none of them. */
struct thrum__fiber;       /* fiber/scheduler.h */
struct thrum__free_future; /* future/future_cache.c */
struct thrum__thread;      /* thread/thread.h */
struct thrum_executor;     /* executor/core/executor.h */
struct thrum_future;       /* future/future.h */

/* How a kind of context sleeps and is woken. */
typedef struct thrum__context_ops {
    /* Sleeps until an unpark came (0) or the claim `ticket` was moved to TIMED_OUT because
     * `deadline` had passed (-ETIMEDOUT). Called by the context itself. If `look_at` of the context
     * is set, there is no deadline: it finds the moment of the first search (first_look.h), calls
     * thrum__deadlock_look then and sleeps on. */
    int (*park)(thrum__context *self, uint64_t ticket, thrum_deadline deadline);
    /* Ends one park, begun or yet to begin. Called by the claimer, exactly once. */
    void (*unpark)(thrum__context *context);
} thrum__context_ops;

enum thrum__claim_state {
    THRUM__CLAIM_IDLE,
    THRUM__CLAIM_WAITING,
    THRUM__CLAIM_SHIELDED,
    THRUM__CLAIM_NOTIFIED,
    THRUM__CLAIM_TIMED_OUT,
    THRUM__CLAIM_CANCELLED,
};
enum { THRUM__CLAIM_STATES = 8 }; /* one generation further */

enum thrum__signal {
    THRUM__SIGNAL_EMPTY,
    THRUM__SIGNAL_TOKEN,
    THRUM__SIGNAL_ASLEEP,
    THRUM__SIGNAL_WATCHED, /* asleep too, and not yet searched for a deadlock: first_look.c */
    THRUM__SIGNAL_LOOK,    /* asleep too, and asked to search */
};

/* How the pool whose worker a context is lets it wait for futures without holding up the pool. */
typedef struct thrum__worker_ops {
    /* Tries to run the pending future here, in place of a wait. True if it did. */
    bool (*run)(thrum__context *self, struct thrum_future *future);
    /* Around a wait for a future. */
    void (*wait_begin)(thrum__context *self);
    void (*wait_end)(thrum__context *self);
} thrum__worker_ops;

/* How a thread waits for a future that runs in another process, and for which a scope only stands. */
typedef struct thrum__far_ops {
    /* Begins such a wait, under the future's guard. */
    bool (*enter)(struct thrum_future *future);
    /* Waits. 0 if the future is done or was moved, -ETIMEDOUT, -ECANCELED, or 1 if it cannot be
     * waited for in this way. */
    int (*wait)(struct thrum_future *future, thrum_deadline deadline);
    /* Passes a request to stop on, after `enter`. Then there is no context that could be asked, and no
     * `wait`. NULL if the scope's context is asked. */
    void (*asked)(struct thrum_future *future);
} thrum__far_ops;

/* What a context that has forked does around each of its waits: parallel/fork.c. */
typedef struct thrum__wait_hook {
    /* Before it sleeps. The wait is open, so this may neither wait nor take a lock. */
    void (*begin)(thrum__context *self);
    /* After the wait. The same holds: what was waited for may be a lock that the staff of a pool needs. */
    void (*end)(thrum__context *self);
    /* Before the shields of the innermost scope change. May not wait. */
    void (*shield)(thrum__context *self);
} thrum__wait_hook;

/* The first member of parallel/fork.h's thrum__forks. */
typedef struct thrum__forks_base {
    const thrum__wait_hook *hook;
} thrum__forks_base;

/* What a request to stop is addressed to: scope.h. */
typedef struct thrum__scope {
    uint32_t cancelled;     /* 1 once its task was asked to stop */
    uint32_t shields : 31;  /* how many shields it is under */
    uint32_t apart : 1;     /* a callback's: it is no task that the context is asked to stop */
    thrum_deadline ends_at; /* the deadline of its task; not set: none */
    thrum__context *context;
    struct thrum__scope *outer;
    const struct thrum__scope *parent; /* of what this is a half or an item, or NULL */
    struct thrum__scope *reaches;      /* the innermost item that requests reach, too, or NULL */
    struct thrum_future *task;         /* that runs in it, or NULL */
    const thrum__far_ops *far;         /* not NULL: its tasks run in another process */
} thrum__scope;

enum { THRUM__NAME_SIZE = 64, THRUM__READINGS = 4, THRUM__SLOTS = 4 };

/* A readers-writer lock that a context reads, and how often. */
typedef struct thrum__reading {
    const void *lock; /* NULL for a free place */
    uint32_t depth;
} thrum__reading;

/* A readers-writer lock that an OS thread reads, which the lock's word does not know: see
 * sync/read_slots.c. */
typedef struct thrum__read_slot {
    const void *lock;    /* its thread writes it, all read it */
    const void *counted; /* writers write it, and its thread */
} thrum__read_slot;

typedef struct thrum__read_slots {
    thrum__read_slot slots[THRUM__SLOTS]; /* first */
    struct thrum__read_slots *next;       /* of all that were ever used */
    uint32_t readings_by_word;            /* its thread's alone */
} thrum__read_slots;

/* A wait that one context must end: deadlock.h. Its context writes it, all but `state` before the
 * wait; who looks for deadlocks reads it while `state` says that the wait lasts. */
typedef struct thrum__owned_wait {
    uint32_t state;
    const struct thrum__wait_kind *kind;
    const void *object, *place;
    thrum_time pause; /* until the next look */
    uint64_t told;    /* the ticket of the wait that was reported last */

    /* For the looker: first_look.c. */
    uint64_t seen;                      /* the claim in its previous round; the looker's alone */
    struct thrum__context *next_listed; /* fixed once it is listed */
    bool listed;                        /* its context's alone */
} thrum__owned_wait;

/* Memory for futures that a thread keeps: future/future_cache.c. */
typedef struct thrum__future_bundles {
    uint32_t count;                          /* in `first` */
    struct thrum__free_future *first, *full; /* the bundle in use, and a full one or NULL */
    void (*end)(
        struct thrum__future_bundles *self); /* gives them back at the thread's end, or NULL */
} thrum__future_bundles;

/* A function for ranges that was cheap when it was measured last: parallel/range.c. */
typedef struct thrum__cheap_range {
    const void *function;
    uint32_t most; /* indices that take little */
    uint16_t left; /* how many calls are not measured */
    uint16_t next; /* and how many after the next measurement */
} thrum__cheap_range;

enum { THRUM__CHEAP_RANGES = 4 };

/* What an OS thread has, for all that runs on it. */
typedef struct thrum__of_thread {
    thrum__read_slots read_slots; /* first */
    thrum__future_bundles futures;
    char *buffer; /* memory that streams use in turns, or NULL: net/stream_buffer.h */
    thrum__cheap_range cheap_ranges[THRUM__CHEAP_RANGES];
} thrum__of_thread;

/* What few contexts use, apart from the others: a million fibers that sleep leave it untouched, and
 * it costs them no memory. Like the context it is of its place in the table, for ever. */
typedef struct thrum__context_rest {
    thrum__reading reading[THRUM__READINGS]; /* its context's alone */
    thrum__of_thread of_thread; /* begins with slots: the doctor reads them as more of `reading` */
    uint32_t unlisted_readings;

    /* For waits on words of other processes: shared_park.c. */
    uint32_t *shared_word;
    uint32_t shared_expected;

    uint64_t random; /* for the order of its selects: select.c */

    thrum__owned_wait wait;
    thrum__scope base; /* of a thread; a fiber has its own */
} __attribute__((aligned(THRUM__CACHE_LINE))) thrum__context_rest;

/* Four cache lines: who waits and is woken needs the first, a task the second. */
struct thrum__context {
    /* What a program reads inline, so it stays where it is: thrum/parallel.h. Written by itself. */
    thrum__forks_base *forks; /* the innermost, or NULL: parallel/fork.h */
    thrum__scope *scope;      /* the innermost open one; a canceller reads it */

    /* What others write. */
    uint64_t claim;     /* see above */
    uint32_t signal;    /* see above; threads only */
    uint32_t wake_next; /* in its worker's inbox; fibers only */

    /* Fixed while it is in use. */
    uint32_t
        stop; /* 1 once all tasks that run in it were asked to stop; a worker's pool writes it */
    uint32_t ident; /* its number in the table, for ever */
    const thrum__context_ops *ops;
    struct thrum__fiber *fiber; /* that it is of, or NULL */
    uint32_t process;           /* the generation of the process that it lives in; 0: unused */

    /* What it does, written by itself; others read it to tell a person. */
    int32_t native_id;       /* the system's number; 0 before it runs */
    const char *wait_kind;   /* what it waits for, or NULL */
    const void *wait_object; /* the object */

    /* Its own alone. */
    thrum_time tenure;      /* when it last got a lock that it had to sleep for */
    thrum_deadline look_at; /* when it searches for a deadlock: deadlock.h; not set: never */
    struct thrum_executor *executor; /* whose worker it is, or NULL */
    const thrum__worker_ops *worker;
    void **locals; /* values of thrum_local by index */
    uint32_t local_count;
    uint32_t stood_in; /* 1 while its pool lets another worker in for it: future/future.h */
    thrum__of_thread *of_thread; /* what it uses: its own, or that of a fiber's thread */

    /* Fixed while it is in use. */
    thrum__context_rest *rest;    /* its own */
    struct thrum__thread *thread; /* the thread that it is of, if thrum started it */
    const char *full_name;        /* its owner's to read */
    bool daemon;                  /* the end of the program does not wait for it */

    /* For waits on descriptors: poll_park.h. */
    int32_t wake_descriptor; /* belongs to the place in the table, for ever */
    uint32_t wake_process;   /* the generation of the process that made it; 0: there is none */
    struct thrum__polls *polls;

    thrum__context *next_free;
    char name[THRUM__NAME_SIZE]; /* cut to fit; fixed */
} __attribute__((aligned(THRUM__CACHE_LINE)));

/* The context of the thread or fiber that calls. Made on first use for a thread that thrum did not
 * start; stops the program if there is no memory for that. */
thrum__context *thrum__self_make(void);

static inline thrum__context *thrum__self(void)
{
    thrum__context *self = thrum__local();
    return __builtin_expect(self != 0, 1) ? self : thrum__self_make();
}

/* Its ident. */
static inline uint32_t thrum__self_ident(void)
{
    uint32_t ident = thrum__local_number();
    return __builtin_expect(ident != 0, 1) ? ident : thrum__self_make()->ident;
}

/* Takes a context out of the table for a thread or fiber that is about to start. `name` is cut to
 * fit, and `full_name` points to it. `base` is the base scope of a fiber, NULL for a thread, which
 * has one of its own. Returns NULL if memory is out. */
thrum__context *thrum__context_new(const char *name, thrum__scope *base);

/* Makes `context` that of the calling thread. */
void thrum__context_enter(thrum__context *context);

/* Ends the calling thread's context: destroys its thrum_local values and gives it back to the
 * table. */
void thrum__context_leave(thrum__context *context);

/* The same for one that was never entered. */
void thrum__context_free(thrum__context *context);

/* The context with that ident, which must have been in use once. */
thrum__context *thrum__context_of(uint32_t ident);

/* Whether the context with that ident belongs to a thread that fork left behind in the parent. */
bool thrum__context_lost(uint32_t ident);

/* Calls `visit` for each context that lives in this process, in the order of their idents. */
void thrum__context_each(void (*visit)(const thrum__context *context, void *argument),
                         void *argument);

/* For messages: the name of the context with that ident; "nobody" for 0. */
const char *thrum__context_name(uint32_t ident);

#endif
