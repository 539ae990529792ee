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

struct thrum_future {
    uint32_t references;
    uint32_t state; /* see future.c */
    uint32_t seen;  /* someone has asked for the failure, or it needs no telling */
    thrum_lock lock;
    thrum_event done;
    thrum__context *runner;       /* where it runs, while it does; under the lock */
    thrum__future_watch *watches; /* under the lock */
    thrum_future *next;           /* in its executor's queue; the executor's, as are these: */
    void *executor;
    thrum_time submitted;
    int32_t priority;
    uint32_t asked_to_stop; /* under the lock */
    thrum_task task;
};

/* A pending future with two references: the owner's and the executor's. Without memory it is a
 * future that has failed with -ENOMEM and is not to be run: see thrum__future_done. Never NULL. */
thrum_future *thrum__future_new(thrum_task_fn *function, const void *arg, size_t size);

/* Runs the task here, unless it was cancelled or is run already. True if it ran. The executor's
 * reference stays. */
bool thrum__future_run(thrum_future *future);

/* Takes one more reference. */
void thrum__future_retain(thrum_future *future);

/* Gives one reference up. */
void thrum__future_drop(thrum_future *future);

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

/* Has `watch` told when the future is done, at once if it is. */
void thrum__future_watch_begin(thrum_future *future, thrum__future_watch *watch);

/* After this `watch` will not be told any more, nor is it being told. */
void thrum__future_watch_end(thrum_future *future, thrum__future_watch *watch);

#endif
