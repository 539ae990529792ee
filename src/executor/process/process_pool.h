/* A process pool as the files of this folder see it. process_pool.c has the essay, and what callers do;
 * reap.c is what the reaper does, wait.c how a thread waits without the reaper, assign.c how tasks get into
 * task slots and outcomes out of them. Each calls only those after it. */
#ifndef THRUM_EXECUTOR_PROCESS_POOL_H
#define THRUM_EXECUTOR_PROCESS_POOL_H

#include "executor/core/pool.h"
#include "process/child.h"
#include "process/reaper.h"
#include <thrum/process_pool.h>

/* The parent's account of a slot; the slots' own words are the worker's to write, too. */
typedef struct thrum__held_task {
    bool busy;            /* a task is in the slot */
    bool asked;           /* the worker was told that it is to stop */
    const void *direct;   /* whose thread sleeps on it, and collects the outcome; NULL for none */
    thrum_future *future; /* NULL for the initializer */
    thrum_deadline deadline; /* 0 for none */
} thrum__held_task;

enum thrum__process_worker_stage {
    THRUM__PROCESS_WORKER_NONE,     /* there is no process */
    THRUM__PROCESS_WORKER_STARTING, /* the reaper is starting it */
    THRUM__PROCESS_WORKER_SERVING,
    THRUM__PROCESS_WORKER_LEAVING, /* it was told to leave, or killed, and gets no more tasks */
};

/* A worker process of the pool. */
typedef struct thrum__process_worker {
    thrum__child child;
    enum thrum__process_worker_stage stage;
    uint32_t collected; /* the position up to which slots are done with */
    uint32_t in_flight; /* busy slots */
    size_t given;       /* tasks so far */
    bool initialising;
    int doom;                /* the error of the task for whose sake it was killed, or 0 */
    uint32_t doomed;         /* the slot of that task */
    thrum_deadline leave_by; /* then it is killed */
    thrum__held_task held[THRUM__TASK_SLOTS];
} thrum__process_worker;

typedef struct thrum__process_pool {
    thrum__pool pool; /* its lock is for all that is not fixed */

    /* Fixed. */
    size_t max_workers, max_tasks;
    thrum__child_options child_options; /* but for the name */
    thrum_time grace;
    bool kill_on_cancel;
    bool refused; /* the program may start no worker processes; the reaper does not have the pool */
    uint32_t retries;

    thrum__process_worker *all_workers;
    size_t workers;   /* with a process, or starting */
    size_t starting;  /* of them */
    size_t in_flight; /* tasks in task slots */
    size_t timed;     /* of them with a deadline */
    size_t named;
    bool start_refused; /* the system would not give another worker the last time */
    unsigned early_deaths;
    uint32_t visitors; /* direct waiters and jobs of background threads, to their last touch */
    thrum__job report; /* of a pool that is broken, to the failure hook */
    bool drop_pending, stop_running;
    thrum_deadline stop_by;

    thrum__reaper_client client;
} thrum__process_pool;

/* What was decided under the lock and is done to futures after it. */
typedef struct thrum__outcomes {
    thrum_future *ended;     /* settled; linked by next */
    thrum_future *unrun;     /* cancelled before they ran */
    thrum_future *dropped;   /* done already; the pool's reference is to go */
    thrum__waiter *admitted; /* submitters that waited for room */
    bool broke;              /* the failure hook is to be told that the pool is broken */
} thrum__outcomes;

/* Does it, and has callbacks and the failure hook called by a background thread. Without the lock. The
 * caller keeps the pool from being over. */
void thrum__outcomes_settle(thrum__process_pool *pool, const thrum__outcomes *outcomes);

/* A visitor's last touch of the pool. Wakes the reaper if the pool is closing, or if `wakes`. Without the
 * lock. */
void thrum__process_pool_leave(thrum__process_pool *pool, bool wakes);

/* ----------------------------------------------------------------------- assign.c: under the lock */

/* Puts pending tasks in task slots. */
void thrum__process_pool_fill(thrum__process_pool *pool, thrum__outcomes *outcomes);

/* Puts one on the task slots of a worker. Returns as thrum__child_put. */
int thrum__process_worker_put(thrum__process_pool *pool, thrum__process_worker *worker,
                              thrum_future *future);

/* Whether a worker can take another task. */
bool thrum__process_worker_has_room(const thrum__process_pool *pool, thrum__process_worker *worker);

/* Takes a task out of the account: its slot is free as far as the parent knows. */
thrum_future *thrum__process_worker_release(thrum__process_pool *pool,
                                            thrum__process_worker *worker, uint32_t slot);

/* Ends a future of the pool with an error. */
void thrum__process_pool_fail(thrum__process_pool *pool, thrum_future *future, int code,
                              const char *message, thrum__outcomes *outcomes);

/* Takes the next pending task out, which runs in its future's eyes from then on, in `runner` or NULL. Drops those
 * that were cancelled while they were pending. NULL if none is left. */
thrum_future *thrum__process_pool_take_pending(thrum__process_pool *pool, thrum__scope *runner,
                                               thrum__outcomes *outcomes);

/* Makes the pool one that is broken, if there is an error, and fails all that is pending. `what` as
 * thrum__pool_break. */
void thrum__process_pool_break(thrum__process_pool *pool, const char *what,
                               const thrum_error *error, thrum__outcomes *outcomes);

/* Collects what workers have done. */
void thrum__process_pool_collect(thrum__process_pool *pool, thrum__outcomes *outcomes);

/* Collects the outcome of one slot that is DONE. */
void thrum__process_pool_collect_one(thrum__process_pool *pool, thrum__process_worker *worker,
                                     uint32_t slot, thrum__outcomes *outcomes);

/* Whether another worker should be started. */
bool thrum__process_pool_wants_worker(const thrum__process_pool *pool);

/* Makes room for those that wait for it, as far as there is some. */
void thrum__process_pool_invite(thrum__process_pool *pool, thrum__outcomes *outcomes);

/* How a thread waits for one future of a pool: wait.c. */
extern const thrum__far_ops thrum__process_pool_far;

/* The reaper's calls: reap.c. */
bool thrum__process_pool_work(thrum__reaper_client *client, thrum__reaper_round *round);
bool thrum__process_pool_sleeps(thrum__reaper_client *client, bool sleeps);

#endif
