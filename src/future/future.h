/* What executors and those who wait for many futures need beyond the public interface. */
#ifndef THRUM_FUTURE_FUTURE_H
#define THRUM_FUTURE_FUTURE_H

#include "thread/task.h"
#include <thrum/event.h>
#include <thrum/future.h>
#include <thrum/lock.h>

/* One who is to be told when a future is done. `fire` is called once, under the future's lock: it
 * must be short and may take only locks that are never held around calls to futures. */
typedef struct thrum__future_watch {
    struct thrum__future_watch *next, *prev;
    void (*fire)(struct thrum__future_watch *watch);
    bool linked;
} thrum__future_watch;

/* One that is to be called when a future is done: once, without any lock, by the thread that ends
 * it. `run` may free its callback and the owner's reference to the future. See callback.c. */
typedef struct thrum__future_callback {
    struct thrum__future_callback *next;
    void (*run)(struct thrum__future_callback *callback, thrum_future *future);
} thrum__future_callback;

enum thrum__future_state {
    THRUM__FUTURE_PENDING,
    THRUM__FUTURE_RUNNING,
    THRUM__FUTURE_FINISHED,
    THRUM__FUTURE_CANCELLED
};

/* Whether an end is owed by hand (by_hand.c); an executor's futures are ended by it alone. */
enum thrum__future_maker { THRUM__FUTURE_EXECUTORS, THRUM__FUTURE_OWED, THRUM__FUTURE_ENDED };

struct thrum_future {
    uint32_t references;
    uint32_t state;                 /* see future.c */
    uint32_t seen;                  /* someone has asked for the failure, or it needs no telling */
    uint32_t asked;                 /* to stop, while it ran */
    enum thrum__future_maker maker; /* under the lock */
    thrum_lock lock;
    thrum_event done;
    thrum__context *runner;       /* where it runs, while it does; under the lock */
    thrum__future_watch *watches; /* under the lock */
    thrum__future_callback *first_callback, *last_callback; /* in order; under the lock */
    thrum_future *next; /* in its executor's queue; the executor's, as are these: */
    void *executor;
    thrum_time submitted;
    int32_t priority;
    thrum_task task;
};

/* A pending future with two references: the owner's and the executor's. Without memory it is a
 * future that has failed with -ENOMEM and is not to be run: see thrum__future_done. Never NULL. */
thrum_future *thrum__future_new(thrum_task_fn *function, const void *arg, size_t size);

/* Runs the task here, unless it was cancelled or is run already. True if it ran. The executor's
 * reference stays. */
bool thrum__future_run(thrum_future *future);

/* A request to stop that reached this context on behalf of a future that it no longer runs is taken
 * back; one for `future`, which it runs now (or NULL), stays in force. */
void thrum__future_settle_cancel(thrum_future *future);

/* Before and after a wait for futures: a pool's worker lets another step in. */
static inline thrum__context *thrum__futures_wait_begin(void)
{
    thrum__context *self = thrum__self();
    if (self->worker)
        self->worker->wait_begin(self);
    return self;
}

static inline void thrum__futures_wait_end(thrum__context *self)
{
    if (self->worker)
        self->worker->wait_end(self);
}

/* Ends a pending future with an error and gives up the executor's reference. `message` NULL stands
 * for the code's own text. */
void thrum__future_fail(thrum_future *future, int code, const char *message);

/* The failure, if it comes to one, needs no telling. */
void thrum__future_ignore(thrum_future *future);

/* The error of a future that is done and failed; NULL for one that succeeded or was cancelled, a
 * task that ended with -ECANCELED included. Leaves it unseen. */
const thrum_error *thrum__future_failure(const thrum_future *future);

/* True if the task runs in the calling context. */
bool thrum__future_runs_here(thrum_future *future);

/* The future for want of a future: failed with -ENOMEM, immortal, shared. */
thrum_future *thrum__future_no_memory(void);

/* One reference more, and one less. */
void thrum__future_reference(thrum_future *future);
void thrum__future_unreference(thrum_future *future);

/* Publishes the end, under the lock. Gives the callbacks, to be handed to thrum__future_call_back
 * once the lock is released; where there are some, they have a reference. */
thrum__future_callback *thrum__future_end(thrum_future *future, uint32_t state);

/* Calls what thrum__future_end gave, and gives up its reference. */
void thrum__future_call_back(thrum_future *future, thrum__future_callback *first);

/* Has `callback` called when the future is done, at once and here if it is. The caller has a
 * reference; the callback may outlast it. */
void thrum__future_callback_add(thrum_future *future, thrum__future_callback *callback);

/* Has `watch` told when the future is done, at once if it is. */
void thrum__future_watch_begin(thrum_future *future, thrum__future_watch *watch);

/* After this `watch` will not be told any more, nor is it being told. */
void thrum__future_watch_end(thrum_future *future, thrum__future_watch *watch);

#endif
