/* A process pool as the files of this folder see it. process_pool.c has the essay, and what those who
 * submit do; process_pool_tend.c what the reaper does; process_pool_life.c the beginning and the end. */
#ifndef THRUM_EXECUTOR_PROCESS_POOL_H
#define THRUM_EXECUTOR_PROCESS_POOL_H

#include "executor/executor.h"
#include "executor/pools.h"
#include "park/park.h"
#include "process/child.h"
#include "process/reaper.h"
#include <thrum/event.h>
#include <thrum/lock.h>
#include <thrum/process_pool.h>

/* The parent's account of a slot; the slots' own words are the worker's to write, too. */
typedef struct thrum__held_task {
    bool busy;            /* a task is in the slot */
    bool asked;           /* the worker was told that it is to stop */
    const void *direct;   /* whose thread sleeps on it, and collects the outcome; NULL for none */
    thrum_future *future; /* NULL for the initializer */
    thrum_time deadline;  /* 0 for none */
} thrum__held_task;

enum thrum__hand_stage {
    THRUM__HAND_NONE,     /* there is no process */
    THRUM__HAND_STARTING, /* the reaper is starting it */
    THRUM__HAND_SERVING,
    THRUM__HAND_LEAVING, /* it was told to leave, or killed, and gets no more tasks */
};

/* A worker process of the pool. */
typedef struct thrum__hand {
    thrum__child child;
    enum thrum__hand_stage stage;
    uint32_t collected; /* the position up to which slots are done with */
    uint32_t in_flight; /* busy slots */
    size_t given;       /* tasks so far */
    bool initialising;
    int doom;            /* the error of the task for whose sake it was killed, or 0 */
    uint32_t doomed;     /* the slot of that task */
    thrum_time leave_by; /* then it is killed */
    thrum__held_task held[THRUM__TASK_SLOTS];
} thrum__hand;

typedef struct thrum__queue_of_futures {
    thrum_future *first, **last;
    size_t count;
} thrum__queue_of_futures;

enum { THRUM__RANKS = 4 }; /* tasks that begin once more, then high, middle and low priority */

typedef struct thrum__process_pool {
    thrum_executor base;

    /* Fixed. */
    size_t max_workers, max_pending, max_tasks;
    thrum_when_full when_full;
    uint32_t process; /* the generation in which it was made */
    thrum_task_fn *initializer;
    void *initializer_arg;
    size_t initializer_size;
    thrum__child_options child_options; /* but for the name */
    thrum_time grace;
    bool kill_on_cancel;
    uint32_t retries;
    char *name_prefix;

    thrum_lock lock; /* for all that follows */
    thrum__queue_of_futures pending[THRUM__RANKS];
    size_t pending_count;
    thrum__hand *hands;
    size_t workers;   /* with a process, or starting */
    size_t starting;  /* of them */
    size_t in_flight; /* tasks in task slots */
    size_t timed;     /* of them with a deadline */
    size_t named;
    bool start_refused; /* the system would not give another worker the last time */
    unsigned early_deaths;
    int broken;
    char why_broken[200];
    void *submitters; /* the queue of those that wait for room */
    uint64_t done, failed, cancelled;
    uint32_t visitors; /* direct waiters, from their entry to their last touch */
    bool closing, abandoned, drop_pending, stop_running;
    thrum_time stop_by;
    thrum_event gone;

    thrum__reaper_client client;
    thrum__listed_pool listed;
} thrum__process_pool;

/* What was decided under the lock and is done to futures after it. */
typedef struct thrum__outcomes {
    thrum_future *ended;     /* settled; linked by next */
    thrum_future *unrun;     /* cancelled before they ran */
    thrum_future *dropped;   /* done already; the pool's reference is to go */
    thrum__waiter *admitted; /* who waited for room */
} thrum__outcomes;

/* Does it. Without the lock. */
void thrum__outcomes_settle(const thrum__outcomes *outcomes);

/* Takes a future in, or takes the next one out: NULL if there is none. Under the lock, as all that follows. */
void thrum__process_pool_push(thrum__process_pool *pool, thrum_future *future, int rank);
thrum_future *thrum__process_pool_pop(thrum__process_pool *pool);

/* Puts pending tasks in task slots. */
void thrum__process_pool_fill(thrum__process_pool *pool, thrum__outcomes *outcomes);

/* Puts one on the task slots of a worker. Returns as thrum__child_put. */
int thrum__hand_put(thrum__process_pool *pool, thrum__hand *hand, thrum_future *future);

/* Whether a worker can take another task. */
bool thrum__hand_has_room(const thrum__process_pool *pool, thrum__hand *hand);

/* Takes a task out of the account: its slot is free as far as the parent knows. */
thrum_future *thrum__hand_release(thrum__process_pool *pool, thrum__hand *hand, uint32_t slot);

/* Ends a future of the pool with an error. */
void thrum__process_pool_fail(thrum__process_pool *pool, thrum_future *future, int code,
                              const char *message, thrum__outcomes *outcomes);

/* Forgets a future that was cancelled while it was pending. */
void thrum__process_pool_drop(thrum__process_pool *pool, thrum_future *future,
                              thrum__outcomes *outcomes);

/* Makes the pool one that is broken, if there is an error, and fails all that is pending. */
void thrum__process_pool_break(thrum__process_pool *pool, const thrum_error *error,
                               thrum__outcomes *outcomes);

/* Collects what workers have done. */
void thrum__process_pool_collect(thrum__process_pool *pool, thrum__outcomes *outcomes);

/* Collects the outcome of one slot that is DONE. */
void thrum__process_pool_collect_one(thrum__process_pool *pool, thrum__hand *hand, uint32_t slot,
                                     thrum__outcomes *outcomes);

/* Whether another worker should be started. */
bool thrum__process_pool_wants_worker(const thrum__process_pool *pool);

bool thrum__process_pool_work(thrum__reaper_client *client, thrum__reaper_round *round);
bool thrum__process_pool_sleeps(thrum__reaper_client *client, bool sleeps);

/* How a thread waits for one future of a pool: process_pool_wait.c. */
extern const thrum__far_ops thrum__process_pool_far;

extern const thrum__executor_ops thrum__process_pool_ops;
void thrum__process_pool_shutdown(thrum_executor *executor, const thrum_shutdown_options *options,
                                  const void *place);

#endif
