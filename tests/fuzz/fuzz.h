/* The random-operation fuzzer: what its files share. The essay is in main.c. */
#ifndef FUZZ_H
#define FUZZ_H

#include "../outcome.h"
#include "base/atomic.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum.h>

enum {
    FUZZ_ACTORS = 12,
    FUZZ_OPS = 48,    /* of one actor; a mask of them fits into 64 bits */
    FUZZ_STREAMS = 3, /* queues and the like, from producers to consumers */
    FUZZ_EVENTS = 4,
    FUZZ_FUTURES = 4, /* made by hand */
};

/* What an actor may wait for without end: program.c explains why no program can deadlock. */
enum fuzz_role {
    FUZZ_WORKER,   /* sets events, ends futures; never waits for other actors without a deadline */
    FUZZ_PRODUCER, /* of one stream */
    FUZZ_CONSUMER, /* of one stream */
    FUZZ_PARTY,    /* of the barrier */
    FUZZ_ROLES,
};

/* What runs an actor's operations. */
enum fuzz_carrier {
    FUZZ_THREAD, /* a thread of the library */
    FUZZ_BARE,   /* a chain of pthreads, of which each runs a few and starts the next */
    FUZZ_FIBER,  /* a task of a fiber pool with one worker */
    FUZZ_FIBERS, /* the same with several */
    FUZZ_POOL,   /* a task of a thread pool */
    FUZZ_INLINE, /* a task of an inline executor, in a thread */
    FUZZ_CARRIERS,
};

enum fuzz_wait { FUZZ_FOREVER, FUZZ_NOW, FUZZ_PAST, FUZZ_TINY, FUZZ_SHORT, FUZZ_WAITS };

struct fuzz_op {
    uint8_t kind; /* index into fuzz_kinds */
    uint8_t object;
    uint8_t wait; /* enum fuzz_wait */
    uint16_t value;
};

struct fuzz_actor {
    uint8_t role, carrier, stream, count;
    uint64_t mask; /* which operations are left after shrinking */
    struct fuzz_op op[FUZZ_OPS];
};

enum fuzz_stream_kind {
    FUZZ_UNBOUNDED,
    FUZZ_BOUNDED,
    FUZZ_LIFO,
    FUZZ_PRIORITY,
    FUZZ_LOCKED, /* bounded, by priority */
    FUZZ_CONDITION,
    FUZZ_DEQUE, /* with a semaphore */
    FUZZ_PIPE,
    FUZZ_SOCKET,
    FUZZ_SHARED, /* a queue as processes share it */
    FUZZ_STREAM_KINDS,
};

enum fuzz_end {
    FUZZ_TICKETS, /* consumers take as many items as were put, and nothing is closed */
    FUZZ_CLOSED,  /* the last producer closes it */
    FUZZ_ABRUPT,  /* some worker closes it at once and drops what is left */
};

struct fuzz_program {
    uint64_t seed;
    uint32_t actors, rounds, permits, workers;
    size_t fiber_stack;
    struct {
        uint8_t kind, end, capacity;
    } stream[FUZZ_STREAMS];
    struct fuzz_actor actor[FUZZ_ACTORS];
};

/* How it is run: not a part of the program. */
struct fuzz_mode {
    bool signals, one_core, no_fork;
    const char *fault; /* a deliberate fault of the fuzzer itself, for its own test */
};

extern struct fuzz_mode fuzz_mode;
extern const struct fuzz_program *fuzz_program; /* that runs */
extern bool fuzz_last_round;

/* Who runs an operation: an actor, or a task that it has submitted. */
struct fuzz_self {
    unsigned actor;
    uint64_t random;
    uint32_t *asked; /* true once it was asked to stop: only then may a wait be cancelled */
};

struct fuzz_kind {
    const char *name;
    unsigned roles;  /* a bit for each that may have it */
    unsigned weight; /* how often it is drawn; 0: in no list */
    unsigned objects;
    bool leaf; /* ends by itself and starts nothing: for submitted tasks, too */
    void (*run)(struct fuzz_self *self, const struct fuzz_op *op);
};

/* One field of objects: locks, streams, futures, pools. All calls are made by the main thread, but
 * for the operations. */
struct fuzz_concern {
    const struct fuzz_kind *kinds;
    unsigned count;
    void (*set_up)(void);
    void (*finish)(void); /* all actors have ended: checks, and ends the objects */
};

extern const struct fuzz_concern fuzz_sync, fuzz_streams, fuzz_futures, fuzz_pools, fuzz_system,
    fuzz_net, fuzz_shared, fuzz_requests; /* the last is of the explorer alone */

#define FUZZ_ALL ((1u << FUZZ_ROLES) - 1)

/* program.c */
unsigned fuzz_kind_count(void);
const struct fuzz_kind *fuzz_kind(unsigned index);
const struct fuzz_concern *fuzz_concern(unsigned index); /* NULL after the last */
bool fuzz_has(const struct fuzz_actor *actor, unsigned op);
bool fuzz_program_uses(void (*run)(struct fuzz_self *, const struct fuzz_op *), unsigned object);
/* Draws a program of 2 to `actors` actors with 1 to `ops` operations each. */
void fuzz_generate(struct fuzz_program *program, uint64_t seed, unsigned actors, unsigned ops);
void fuzz_print(const struct fuzz_program *program);
uint64_t fuzz_random(uint64_t *state);

/* Ends of actors. */
void fuzz_parties(unsigned count);                     /* sync.c: before the start */
void fuzz_leave_barrier(struct fuzz_self *self);       /* a party ends */
void fuzz_leave_stream(struct fuzz_self *self);        /* streams.c: a producer or consumer ends */
void fuzz_join_stream(const struct fuzz_actor *actor); /* before the start */

bool fuzz_uses_processes(void); /* pools.c */
void fuzz_check_locals(void);   /* system.c: after the last round */

/* run.c */
void fuzz_run(
    const struct fuzz_program *program); /* in a process of its own; ends it if it fails */
void fuzz_fail(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void fuzz_leaf(struct fuzz_self *self, uint64_t random); /* one or two leaf operations */
void fuzz_cancel(unsigned actor);                        /* asks an actor to stop */
bool fuzz_fault(const char *name);

/* Gives the processor away, so that others meet what the caller holds. The explorer switches anywhere. */
static inline void fuzz_give_way(void)
{
#ifndef THRUM_EXPLORE
    thrum_yield();
#endif
}

#define FUZZ_CHECK(condition)                                                                      \
    ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, "%s is false", #condition))

/* A wait's deadline, and whether its result is one that this deadline allows: 0 always, and
 * -ECANCELED where the caller was asked to stop. */
thrum_deadline fuzz_deadline(struct fuzz_self *self, unsigned wait);
void fuzz_allowed(const struct fuzz_self *self, unsigned wait, int rc, const char *file, int line);
#define FUZZ_ALLOWED(self, wait, rc) fuzz_allowed(self, wait, rc, __FILE__, __LINE__)

/* Repeats a wait until it succeeds: once as the operation says, then without end, and shielded from
 * cancellation. `call` uses `until`. */
#define FUZZ_UNTIL_DONE(self, wanted, rc, call)                                                    \
    do {                                                                                           \
        thrum_deadline until = fuzz_deadline(self, wanted);                                        \
        (rc) = (call);                                                                             \
        if ((rc) == -ETIMEDOUT || (rc) == -EAGAIN || (rc) == -ECANCELED) {                         \
            FUZZ_ALLOWED(self, wanted, rc);                                                        \
            until = THRUM_FOREVER;                                                                 \
            thrum_shield_begin();                                                                  \
            (rc) = (call);                                                                         \
            thrum_shield_end();                                                                    \
        }                                                                                          \
    } while (0)

#endif
