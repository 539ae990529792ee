/* A thread pool as the files of this folder see it. thread_pool.c has the essay, and what callers from
 * outside do; worker.c is what workers do; tasks.c is where pending tasks are; inbox.c is how a task gets
 * there without the pool's lock. Each calls only those after it. */
#ifndef THRUM_EXECUTOR_THREAD_POOL_H
#define THRUM_EXECUTOR_THREAD_POOL_H

#include "base/clock.h"
#include "executor/core/pool.h"
#include "executor/thread/inbox.h"

typedef struct thrum__thread_pool thrum__thread_pool;

/* A worker, in the list of its pool. */
typedef struct thrum__thread_pool_worker {
    thrum__inbox own; /* what its tasks submit */
    thrum__worker_ops ops;
    thrum__thread_pool *pool;
    thrum__context *context; /* of its thread or fiber */
    bool is_fiber;           /* of the reserve: reserve.h */
    uint64_t counted,
        counted_failed; /* tasks that the pool's counters do not have: those run without
                                         a visit to the lock; written by itself alone */
    uint32_t budget;    /* how many more it may run before the next visit; its own */

    /* Changed under the pool's lock, or by the worker itself under the guard of `own`; others read it under both. */
    thrum_future *future; /* what it runs, or NULL */

    /* Under the pool's lock. */
    enum {
        THRUM__STOP_NONE,
        THRUM__STOP_WANTED,
        THRUM__STOP_ASKED
    } stop;                  /* of it, by a shutdown */
    uint32_t looks;          /* for a task, to take turns */
    thrum__context *called;  /* a worker that is to be woken once the lock is released, or NULL */
    thrum__waiter *admitted; /* submitters to be woken then, too */
    struct thrum__thread_pool_worker *next, *prev;
} thrum__thread_pool_worker;

struct thrum__thread_pool {
    thrum__pool pool; /* its lock is for what follows `inbox`, too */

    /* Fixed. */
    bool direct; /* tasks may go by the inbox */

    thrum__inbox inbox; /* of tasks of middle priority */

    void *idle; /* the queue of idle workers, last come first */
    thrum__thread_pool_worker *all_workers;
    thrum__thread_pool_worker *steal_from; /* that a task was last stolen from, or NULL */
    size_t workers, max_workers, idle_count;
    size_t waiting;     /* workers in a wait for futures */
    size_t running;     /* tasks, those of waiting workers included */
    size_t named;       /* workers so far, for their names */
    uint32_t attention; /* 1: workers are to visit the lock after each task; read without it */
    bool coming;        /* a direct pool's: a worker was woken or started, and has not looked yet */
    uint64_t pushed;
    thrum_time longest_wait;
};

static inline thrum__thread_pool *thrum__thread_pool_of(thrum_executor *executor)
{
    return (thrum__thread_pool *)executor; /* its first member's first */
}

/* The worker that a context with a thread pool as its executor is. */
static inline thrum__thread_pool_worker *thrum__thread_pool_worker_of(const thrum__context *self)
{
    return (thrum__thread_pool_worker *)((uintptr_t)self->worker -
                                         offsetof(thrum__thread_pool_worker, ops));
}

/* ----------------------------------------------------- tasks.c: under the lock, but where it says */

/* Makes a task ready to be put where workers find it. `number` says whether its wait is timed. Without the
 * lock. The caller has the future alone until it stores its executor: a release, as a waiter may then run it,
 * if it is a worker, before the future is in any list. */
enum { THRUM__WAIT_SAMPLE = 16, THRUM__UNTIMED = 1 };
static inline void thrum__thread_pool_begin_to_pend(thrum__thread_pool *pool, thrum_future *future,
                                                    uint64_t number)
{
    future->next = NULL;
    future->submitted = number % THRUM__WAIT_SAMPLE ? 0 : thrum__clock_now();
    thrum__store_release(&future->executor, (void *)pool);
}

/* Takes a future into the backlog. */
void thrum__thread_pool_push(thrum__thread_pool *pool, thrum_future *future);

/* The next task for a worker, or NULL. */
thrum_future *thrum__thread_pool_take(thrum__thread_pool *pool, thrum__thread_pool_worker *worker);

/* Whether something is pending. In a direct pool, if not, the next submitter calls a worker. */
bool thrum__thread_pool_is_pending(thrum__thread_pool *pool);

/* Takes over what is in the common inbox, or in a worker's own, which is closed then. */
void thrum__thread_pool_empty_inbox(thrum__thread_pool *pool);
void thrum__thread_pool_close_own(thrum__thread_pool *pool, thrum__thread_pool_worker *worker);

/* Takes off all that is pending, as a chain by `next`. The pool's inbox is closed, or nobody else has the
 * pool. */
thrum_future *thrum__thread_pool_take_all(thrum__thread_pool *pool);

/* The same but for helpers, as the tasks that they help are not pending. */
thrum_future *thrum__thread_pool_take_tasks(thrum__thread_pool *pool);

/* ----------------------------------------------------------------------- worker.c: under the lock */

/* Sees to it that a worker comes for what is pending, if one may. Sets `*ret_called` to one who is to be
 * unparked once the lock is released, or to NULL. Returns 0, or the error of a start that was tried. */
int thrum__thread_pool_staff(thrum__thread_pool *pool, thrum__context **ret_called);

/* Tells all idle workers to look again. Returns a chain to unpark when the lock is released. */
thrum__waiter *thrum__thread_pool_wake_all(thrum__thread_pool *pool);

#endif
