/* A pool: what the executors that own carriers have in common. pool.c has the essay.
 *
 * A kind of pool embeds this as its first member and adds how a task gets a carrier (a thread, a fiber, a
 * worker process), and nothing else: states, admission, counters, shutdown, the end of the program and
 * fork are here. */
#ifndef THRUM_EXECUTOR_CORE_POOL_H
#define THRUM_EXECUTOR_CORE_POOL_H

#include "base/process.h"
#include "executor/core/executor.h"
#include "park/park.h"
#include <thrum/event.h>
#include <thrum/lock.h>
#include <thrum/thread.h>

typedef struct thrum__pool thrum__pool;

/* What differs between kinds. */
typedef struct thrum__pool_kind {
    const char *name; /* for messages */
    /* Begins with thrum__pool_begin_close, does as the options say, and lets the carriers leave when all is
     * done. Called once; the caller holds the pool meanwhile. Returns how many pending tasks it has cancelled, which
     * the caller counts. */
    size_t (*close)(thrum__pool *pool, const thrum_shutdown_options *options);
    /* In a child of fork, which has none of the carriers: gives up what is pending. Returns false if the
     * pool's memory must stay. */
    bool (*forsake)(thrum__pool *pool);
    /* Gives back what the pool holds, but not the pool itself; NULL for nothing. */
    void (*finish)(thrum__pool *pool);
} thrum__pool_kind;

/* The order in which tasks leave the backlog. */
enum thrum__rank {
    THRUM__RANK_AGAIN,
    THRUM__RANK_HIGH,
    THRUM__RANK_OVERTAKEN, /* of middle priority, before those: they gave way to a high one */
    THRUM__RANK_MIDDLE,
    THRUM__RANK_LOW,
    THRUM__RANKS
};

/* Futures in the order of their coming, linked by `next`; ended by `last` alone. */
typedef struct thrum__pending {
    thrum_future *first, **last;
} thrum__pending;

struct thrum__pool {
    thrum_executor base;

    /* Fixed. */
    const thrum__pool_kind *kind;
    char *name_prefix;
    uint32_t process; /* the generation in which it was made */
    size_t max_pending;
    thrum_when_full when_full;
    uint32_t daemon; /* 1: the end of the program does not wait for it */
    thrum_task_fn *initializer;
    void *initializer_arg;
    size_t initializer_arg_size;

    thrum_lock lock; /* for all that follows, and what the kind says */
    thrum__pending pending[THRUM__RANKS];
    size_t pending_count;
    void *submitters; /* the queue of those that wait for room */
    size_t invited;   /* places that were handed to one of them, which has not come for it yet */
    size_t
        holders; /* carriers, submitters that wait or run a task, a shutdown: the pool stands until all let go */
    uint64_t done, failed, cancelled;
    bool closing;
    int broken; /* the code of an initializer that failed; written once, read without the lock, too */
    char why_broken[sizeof((thrum_error *)0)->message]; /* fixed once it is broken */

    /* Under the lock of the list of all pools. */
    bool claimed;   /* a shutdown has it */
    bool carries;   /* workers of other pools */
    bool abandoned; /* and does not wait: the last holder frees it */
    bool drained;   /* the end of the program waits for it, and it is never freed */
    bool closed;    /* its kind's `close` was called */
    thrum__pool *next, *prev;

    thrum_event gone;       /* closing, and the last holder has let go */
    thrum_thread *departed; /* the carrier that left last, if carriers are threads; thread/own.h */
};

/* ------------------------------------------------------------------------------ beginning and end */

/* The options that all kinds have, under the same names. */
typedef struct thrum__pool_options {
    int max_workers;
    const char *name_prefix;
    bool daemon;
    size_t max_pending;
    thrum_when_full when_full;
    thrum_task_fn *initializer;
    const void *initializer_arg;
    size_t initializer_arg_size;
} thrum__pool_options;

/* The same from the options of one kind. */
#define thrum__pool_options_of(options)                                                            \
    ((thrum__pool_options){.max_workers = (options)->max_workers,                                  \
                           .name_prefix = (options)->name_prefix,                                  \
                           .daemon = (options)->daemon,                                            \
                           .max_pending = (options)->max_pending,                                  \
                           .when_full = (options)->when_full,                                      \
                           .initializer = (options)->initializer,                                  \
                           .initializer_arg = (options)->initializer_arg,                          \
                           .initializer_arg_size = (options)->initializer_arg_size})

/* Stops the program with a message if options make no sense; `place` is the caller's. */
void thrum__pool_options_check(const thrum__pool_options *options, const thrum__pool_kind *kind,
                               const void *place);

/* Makes zeroed memory a pool and lists it. `prefix` stands for a name that is not given. The options were
 * checked; what they point to is copied. Returns 0 or -ENOMEM, and then has taken nothing. */
int thrum__pool_init(thrum__pool *pool, const thrum__executor_ops *ops,
                     const thrum__pool_kind *kind, const thrum__pool_options *options,
                     const char *prefix);

/* Makes it the library's own: nobody shuts it down, so nobody is told that it was not. If it `carries` workers of
 * others, the end of the program waits for it last. */
void thrum__pool_keep(thrum__pool *pool, bool carries);

/* Takes back thrum__pool_init for a pool that could not be completed, and frees its memory. */
void thrum__pool_discard(thrum__pool *pool);

/* Keeps the pool in memory until thrum__pool_let_go. Under the lock, in a pool that is open or that another
 * holds. */
void thrum__pool_hold(thrum__pool *pool);

/* Lets go. Under the lock. Returns true if the pool is closing and nobody holds it any more: then the caller
 * calls thrum__pool_gone, without the lock. Else it was the caller's last touch when the lock is released. */
bool thrum__pool_let_go(thrum__pool *pool);

/* The last holder of a pool that is closing has let go: its last touch of the pool. */
void thrum__pool_gone(thrum__pool *pool);

/* Both, with the lock, which the caller does not have. */
void thrum__pool_leave(thrum__pool *pool);

/* The pool takes no more tasks. Under the lock. Returns a chain to unpark when the lock is released: submitters
 * that waited for room. */
thrum__waiter *thrum__pool_begin_close(thrum__pool *pool);

/* What the end of the program does: closes all pools that are open, and waits until all are gone. Returns how
 * many it waited for. */
size_t thrum__pool_drain_all(void);

/* The `shutdown` of every pool's table. */
void thrum__pool_shutdown(thrum_executor *executor, const thrum_shutdown_options *options,
                          const void *place);

/* Runs the initializer, if there is one, in the calling worker. Returns 0; or its code, and sets the error. */
int thrum__pool_initialize(const thrum__pool *pool, thrum_error *ret_error);

/* Makes the pool one that is broken: what is pending is to fail, and what is submitted later is refused, with
 * this code and a message that begins with `what`. Under the lock. Returns true the first time: then the caller
 * calls thrum__pool_report_broken, once. */
bool thrum__pool_break(thrum__pool *pool, const char *what, const thrum_error *error);

/* Tells the failure hook, which is code of the user. Without the lock; the pool must stay meanwhile. */
void thrum__pool_report_broken(const thrum__pool *pool);

/* Whether the pool has its carriers in this process, or a fork has left them behind. */
static inline bool thrum__pool_lost(const thrum__pool *pool)
{
    return pool->process != thrum__process_generation;
}

/* -------------------------------------------------------------- admission: all under the lock */

/* What becomes of a task that is submitted: 0 takes it into the backlog, THRUM__ADMIT_RUN has the caller
 * run it, a negative code refuses it, with `*ret_reason`. May wait for room, and
 * gives up the lock meanwhile. The caller ends its submit by
 * thrum__pool_end_submit, with what `*ret_inside` was set to: whether it holds the pool. */
enum { THRUM__ADMIT_RUN = 1 };
int thrum__pool_admit(thrum__pool *pool, const char **ret_reason, bool *ret_inside);

/* Ends every submit that has asked thrum__pool_admit and came to `rc`: runs the task here if it is to, and
 * lets the pool go if the submitter holds it. Returns 0 or the code. Without the lock; the pool may be gone
 * when it returns. */
int thrum__pool_end_submit(thrum__pool *pool, thrum_future *future, int rc, bool inside);

/* The rank that a task was submitted with. */
enum thrum__rank thrum__pool_rank(const thrum_future *future);

/* Takes a future in, or the next one out: the oldest of the first rank that has one, or NULL. */
void thrum__pool_push(thrum__pool *pool, thrum_future *future, enum thrum__rank rank);
thrum_future *thrum__pool_pop(thrum__pool *pool);

/* Hands the places that there are to those that wait for room; all are told to go on if the pool is
 * closing or broken. Returns a chain to unpark when the lock is released. */
thrum__waiter *thrum__pool_invite(thrum__pool *pool);

/* ------------------------------------------------------------------------------- running and counting */

/* How a task ended: it ran, and failed; or it was cancelled before it ran. */
typedef struct thrum__ending {
    bool ran, failed, cancelled;
} thrum__ending;

/* Runs a task in the calling context. Without the lock. */
static inline thrum__ending thrum__pool_run(thrum_future *future)
{
    bool ran = thrum__future_run(future);
    return (thrum__ending){
        .ran = ran,
        .failed = ran && thrum__task_error(&future->task),
        .cancelled = !ran && thrum_future_cancelled(future),
    };
}

/* Counts it; one that was run by another, who waited for it, was counted there. Under the lock. */
void thrum__pool_count(thrum__pool *pool, thrum__ending ending);

/* Cancels a chain of pending futures, linked by `next`, and gives up the references; those that a waiter
 * has begun go on. Returns how many were cancelled. Without the lock. */
size_t thrum__pool_cancel(thrum_future *chain);

#endif
