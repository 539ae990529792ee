/* A thread pool as the files of this folder see it. thread_pool.c has the essay. */
#ifndef THRUM_EXECUTOR_THREAD_POOL_H
#define THRUM_EXECUTOR_THREAD_POOL_H

#include "executor/executor.h"
#include "park/waiter.h"
#include <thrum/event.h>
#include <thrum/lock.h>
#include <thrum/thread.h>

enum { THRUM__PRIORITIES = 3 };

/* The pending of one priority, first in, first out. */
typedef struct thrum__pending {
    thrum_future *first, **last;
} thrum__pending;

/* A worker, on its own stack; in the list of its pool. */
typedef struct thrum__worker {
    thrum_future *future; /* what it runs, or NULL */
    bool asked_to_stop;   /* by a shutdown */
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

    thrum_lock lock; /* for all that follows */
    thrum__pending pending[THRUM__PRIORITIES];
    size_t pending_count;
    void *idle;       /* the queue of idle workers, last come first */
    void *submitters; /* the queue of those that wait for room */
    thrum__worker *all_workers;
    size_t workers, max_workers, idle_count;
    size_t waiting; /* workers in a wait for futures */
    size_t running; /* tasks, those of waiting workers included */
    size_t named;   /* workers so far, for their names */
    uint64_t submitted, done, failed, cancelled;
    thrum_time longest_wait;
    int broken; /* the code of an initialiser that failed */
    bool closing;
    bool abandoned;   /* nobody waits for the end: the last worker frees it */
    thrum_event gone; /* closing, and the last worker has left */

    /* Under the lock of all pools. */
    bool drained;
    struct thrum__pool *next, *prev;
} thrum__pool;

/* Enters a pool in the list of all, and takes it off: false if the end of the program is draining
 * it, and it must not be freed. */
void thrum__pools_enter(thrum__pool *pool);
bool thrum__pools_leave(thrum__pool *pool);

/* Refuses further tasks, and waits until those that were submitted are done. */
void thrum__pool_drain(thrum__pool *pool);

/* Gives the pool's memory back. */
void thrum__pool_free(thrum__pool *pool);

/* Starts and wakes workers as the pending ask for. Under the lock. */
void thrum__pool_staff(thrum__pool *pool);

/* Tells all idle workers to look again. Under the lock; gives the chain to unpark after it. */
thrum__waiter *thrum__pool_rouse(thrum__pool *pool);

/* Takes off all that is pending, as a chain by `next`. Under the lock. */
thrum_future *thrum__pool_take_all(thrum__pool *pool);

extern const thrum__executor_ops thrum__thread_pool_ops;

/* The rest of the table: how a pool ends. */
void thrum__pool_shutdown(thrum_executor *executor, const thrum_shutdown_options *options,
                          const void *place);

#endif
