/* The context: who is running here, be it an OS thread or a fiber.
 *
 * A primitive never asks which of the two it serves. It sees a context: something with an ident
 * (what a lock keeps as its owner), a name (for messages), a claim word and a way to be put to
 * sleep and woken. A thread's way is the futex below; a fiber's scheduler will install its own
 * `ops`.
 *
 * Contexts are immortal: they come from a table that only grows and return to its free list when
 * their thread ends. A waker that is late may therefore always touch one; the worst that it can do
 * to the next owner is to wake it for no reason, which every sleeper tolerates. This is rule 3 of
 * parking: a wake goes to an immortal record, never to a stack that may be gone.
 *
 * The claim word holds `generation << 3 | state`. The generation counts the waits of the context
 * and never goes back, so the word of one wait is never confused with that of another, even by a
 * canceller or timer that took its copy long ago:
 *
 *     state      set by                        means
 *     IDLE       the owner, at birth           does not wait
 *     WAITING    the owner, at wait_begin      waits; anyone may end it
 *     SHIELDED   the owner, at wait_begin      waits; cancellation may not end it
 *     NOTIFIED   whoever claimed it            was woken; the claimer owes one unpark
 *     TIMED_OUT  the owner (a fiber's timer)   its deadline passed
 *     CANCELLED  the canceller                 was cancelled; the canceller owes one unpark
 *
 * From WAITING or SHIELDED it leaves by one compare-and-swap, so exactly one of release, timeout
 * and cancellation wins.
 *
 * The signal word is where a thread sleeps: EMPTY, TOKEN (an unpark has come) or ASLEEP.
 */
#ifndef THRUM_PARK_CONTEXT_H
#define THRUM_PARK_CONTEXT_H

#include "base/atomic.h"
#include "base/local.h"
#include "base/memory.h"
#include <thrum/time.h>

typedef struct thrum__context thrum__context;

/* How a kind of context sleeps and is woken. */
typedef struct thrum__context_ops {
    /* Sleeps until an unpark came (0) or the claim `ticket` was moved to TIMED_OUT because
     * `deadline` had passed (-ETIMEDOUT). Called by the context itself. */
    int (*park)(thrum__context *self, uint64_t ticket, thrum_time deadline);
    /* Ends one park, begun or yet to begin. Called by whoever claimed it, exactly once. */
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

enum thrum__signal { THRUM__SIGNAL_EMPTY, THRUM__SIGNAL_TOKEN, THRUM__SIGNAL_ASLEEP };

enum { THRUM__NAME_SIZE = 64 };

struct thrum__context {
    uint64_t claim;                /* see above */
    uint32_t signal;               /* see above; threads only */
    uint32_t cancelled;            /* 1 once the running task was asked to stop */
    uint32_t ident;                /* its number in the table; fixed */
    const thrum__context_ops *ops; /* fixed while it is in use */
    const char *wait_kind;         /* what it waits for, or NULL: for those who diagnose */
    const void *wait_object;       /* the object */
    uint32_t holds_exit;           /* 1 for a thread that the end of the program waits for */
    const void *executor;          /* whose worker it is, or NULL */
    const char *full_name;         /* the owner's to read; may be longer than `name` */
    char name[THRUM__NAME_SIZE];   /* anyone may read it, if only to print it */
    thrum__context *next_free;
} __attribute__((aligned(THRUM__CACHE_LINE)));

/* The context of the thread or fiber that calls. Made on first use for a thread that thrum did not
 * start; stops the program if there is no memory for that. */
thrum__context *thrum__self_make(void);

static inline thrum__context *thrum__self(void)
{
    thrum__context *self = thrum__local();
    return __builtin_expect(self != 0, 1) ? self : thrum__self_make();
}

/* Takes a context out of the table for a thread that is about to start; `name` is cut to fit, and
 * `full_name` points to it. NULL if memory is out. */
thrum__context *thrum__context_new(const char *name);

/* Makes `context` that of the calling thread. */
void thrum__context_enter(thrum__context *context);

/* Ends the calling thread's context and gives it back to the table. */
void thrum__context_leave(thrum__context *context);

/* The same for one that was never entered. */
void thrum__context_free(thrum__context *context);

/* The context with that ident, which must have been in use once. */
thrum__context *thrum__context_of(uint32_t ident);

/* For messages: the name of the context with that ident; "nobody" for 0. */
const char *thrum__context_name(uint32_t ident);

#endif
