/* A thread pool as the files of this folder see it. thread_pool.c has the essay and what those who
 * submit do; pool_work.c the workers; pool_life.c the beginning and the end; inbox.c the way of a
 * task from the ones to the others. */
#ifndef THRUM_EXECUTOR_THREAD_POOL_H
#define THRUM_EXECUTOR_THREAD_POOL_H

#include "executor/executor.h"
#include "executor/inbox.h"
#include "executor/pools.h"
#include "park/park.h"
#include "park/waiter.h"
#include <thrum/event.h>
#include <thrum/lock.h>
#include <thrum/thread.h>

enum { THRUM__LOW, THRUM__MIDDLE, THRUM__HIGH, THRUM__PRIORITIES };

/* A worker, in the list of its pool. */
typedef struct thrum__worker {
    thrum__inbox own; /* what its tasks submit */
    thrum__worker_ops ops;
    struct thrum__pool *pool;
    uint64_t helped, helped_failed; /* tasks run in place of a wait; written by itself alone */

    /* Under the pool's lock. */
    thrum_future *future;   /* what it runs, or NULL */
    bool asked_to_stop;     /* by a shutdown */
    uint32_t looks;         /* for a task, to take turns */
    thrum__context *called; /* a worker that is to be woken once the lock is released, or NULL */
    struct thrum__worker *next, *prev;
} thrum__worker;

typedef struct thrum__pool {
    thrum_executor base;

    /* Fixed. */
    size_t max_pending;
    thrum_when_full when_full;
    uint32_t process; /* the generation in which it was made */
    int (*initializer)(void *context);
    void *context;
    char *name_prefix;
    bool direct; /* tasks may go by the inbox */

    thrum__inbox inbox; /* of tasks of middle priority */

    thrum_lock lock; /* for all that follows */
    thrum__pending pending[THRUM__PRIORITIES];
    size_t pending_count;
    void *idle;                          /* the queue of idle workers, last come first */
    void *submitters;                    /* the queue of those that wait for room */
    thrum__worker *all_workers, *robbed; /* the last one that a task was taken from, or NULL */
    size_t workers, max_workers, idle_count;
    size_t waiting; /* workers in a wait for futures */
    size_t running; /* tasks, those of waiting workers included */
    size_t named;   /* workers so far, for their names */
    bool coming;    /* a direct pool's: a worker was woken or started, and has not looked yet */
    uint64_t pushed, done, failed, cancelled;
    thrum_time longest_wait;
    int broken; /* the code of an initialiser that failed */
    bool closing;
    bool abandoned;   /* nobody waits for the end: the last worker frees it */
    thrum_event gone; /* closing, and the last worker has left */

    thrum__listed_pool listed;
} thrum__pool;

/* Gives the pool's memory back. */
void thrum__pool_free(thrum__pool *pool);

/* Counts the ends of tasks: whether each ran, failed, or was cancelled before. */
typedef struct thrum__ending {
    bool ran, failed, cancelled;
} thrum__ending;

/* Runs a task in the calling context. Without the lock. */
thrum__ending thrum__pool_run(thrum_future *future);

/* Counts it; one that was run by another, who waited for it, was counted there. Under the lock. */
void thrum__pool_count(thrum__pool *pool, thrum__ending ending);

/* Takes a future into the backlog, and the oldest of the highest priority out of it; there must be
 * one. Under the lock. */
void thrum__pool_push(thrum__pool *pool, thrum_future *future);
thrum_future *thrum__pool_pop(thrum__pool *pool);

/* Takes what a worker's tasks have submitted into the backlog, and lets them submit there no more.
 * Under the lock. */
void thrum__pool_close_own(thrum__pool *pool, thrum__worker *worker);

/* Takes over what is in the inbox. Under the lock. */
void thrum__pool_empty_inbox(thrum__pool *pool);

/* Lets the first of those that wait for room go on. Under the lock. */
void thrum__pool_admit(thrum__pool *pool);

/* Sees to it that a worker comes for what is pending, if one may. Under the lock. Sets `*ret_called`
 * to one who is to be unparked once the lock is released, or to NULL. Returns 0, or the error of a
 * start that was tried. */
int thrum__pool_staff(thrum__pool *pool, thrum__context **ret_called);

/* Tells all idle workers to look again. Under the lock; gives the chain to unpark after it. */
thrum__waiter *thrum__pool_rouse(thrum__pool *pool);

/* Takes off all that is pending, as a chain by `next`. Under the lock of a pool whose inbox is closed,
 * or without it where nobody else has the pool. */
thrum_future *thrum__pool_take_all(thrum__pool *pool);

/* The worker that a context with a pool as its executor is. */
static inline thrum__worker *thrum__worker_of(const thrum__context *self)
{
    return (thrum__worker *)((uintptr_t)self->worker - offsetof(thrum__worker, ops));
}

extern const thrum__executor_ops thrum__thread_pool_ops;

/* The rest of the table: how a pool ends. */
void thrum__pool_shutdown(thrum_executor *executor, const thrum_shutdown_options *options,
                          const void *place);

#endif
