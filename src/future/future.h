/* What executors and waiters for many futures need beyond the public interface. */
#ifndef THRUM_FUTURE_FUTURE_H
#define THRUM_FUTURE_FUTURE_H

#include "park/guard.h"
#include "park/waiter.h"
#include "thread/background.h"
#include "thread/deliver.h"
#include "thread/task.h"
#include <thrum/future.h>

/* One who is to be told when a future is done. `fire` is called once, under the future's guard: it
 * must be short, may neither wait nor call the system, and may take only guards that are never held
 * around calls to futures. It may claim one waiter, and gives that: the unpark follows when the
 * guard is released. NULL stands for a callback. */
typedef struct thrum__future_watch {
    struct thrum__future_watch *next, *prev;
    thrum__waiter *(*fire)(struct thrum__future_watch *watch);
    bool linked;
} thrum__future_watch;

/* One that is to be called when a future is done: once, without any guard, by the thread that ends
 * it, or for a process pool by a background thread. `run` may free its callback and the owner's reference to the future. See callback.c. */
typedef struct thrum__future_callback {
    thrum__future_watch watch;
    void (*run)(struct thrum__future_callback *callback, thrum_future *future);
} thrum__future_callback;

/* The state word; future.c says who may change it when. */
enum {
    THRUM__FUTURE_PENDING = 0,
    THRUM__FUTURE_RUNNING = 1,
    THRUM__FUTURE_FINISHED = 2,
    THRUM__FUTURE_CANCELLED = 3,
    THRUM__FUTURE_PHASE = 3,        /* the bits of these four */
    THRUM__FUTURE_DONE = 2,         /* the bit that the last two have */
    THRUM__FUTURE_GUARD = 1 << 2,   /* park/guard.h */
    THRUM__FUTURE_WATCHED = 1 << 3, /* somebody is to be told */
    THRUM__FUTURE_SEEN = 1 << 4,    /* someone has asked for the failure, or it needs no telling */
    THRUM__FUTURE_ASKED = 1 << 5,   /* to stop, while it ran */
    THRUM__FUTURE_OWED = 1 << 6,    /* made by hand, and its end is owed (by_hand.c) */
    THRUM__FUTURE_ENDED = 1 << 7,   /* made by hand, and its end came */
    THRUM__FUTURE_LOW = 1 << 8,     /* its executor is to prefer others, or it to others; fixed */
    THRUM__FUTURE_HIGH = 1 << 9,
    /* It runs parts of a task that has begun (parallel/fork.c): a bounded backlog has room for it. With the
     * second, that is a task of the same executor, and does not end before it was taken: a shutdown does not
     * refuse it. */
    THRUM__FUTURE_HELPER = 1 << 10,
    THRUM__FUTURE_HELPER_INSIDE = 1 << 11,
    THRUM__FUTURE_ITEM = 1 << 12,     /* of a map: park/scope.h; fixed */
    THRUM__FUTURE_IN_PLACE = 1 << 13, /* in the caller's memory; fixed */
    /* From this bit on: the process generation in which it was made; fixed. */
    THRUM__FUTURE_BORN = 14,
};

/* Two cache lines. What the executor and waiters touch is in the first; a task without an
 * argument and a result leaves the second alone. */
struct thrum_future {
    uint32_t state;
    uint32_t references;
    thrum__future_watch
        *watches; /* the last of a ring, in the order of coming; under the guard. Once the
                                     future is done: callbacks for a background thread */
    union {
        struct {
            thrum_future *next;   /* in its executor's queue; the executor's */
            thrum__scope *runner; /* in which it runs, once it does; under the guard */
        };
        thrum__job job; /* once it is done, for a background thread; the executor's */
    };
    void *executor; /* the executor's, as are these: */
    union {
        thrum_time submitted;
        thrum_future *previous;
        struct {
            uint32_t attempts; /* how often a process pool has begun it */
            uint32_t place;    /* where; a direct waiter reads it even when the future is done */
        };
    };
    thrum_task task;
} __attribute__((aligned(THRUM__CACHE_LINE)));

/* A pending future with two references: the owner's and the executor's. Without memory it is a
 * future that has failed with -ENOMEM and is not to be run: see thrum__future_done. Never NULL. */
thrum_future *thrum__future_new(thrum_task_fn *function, thrum__value arg);

/* The same for plain bytes. A thrum__value goes through memory, which this saves each task. */
thrum_future *thrum__future_new_plain(thrum_task_fn *function, const void *arg, size_t size);

/* The same in memory of the caller: its owner waits in thrum_future_free until nobody else has it. */
thrum_future *thrum__future_new_in(thrum_future_memory *memory, thrum_task_fn *function,
                                   thrum__value arg);

/* Takes a pending task for the scope `runner`, which a cancel then asks to stop, or, with NULL, for
 * no task that could be asked. Returns false if it is taken, or cancelled. */
bool thrum__future_start(thrum_future *future, thrum__scope *runner);

/* Runs the task here, in a scope of its own, unless it was cancelled or is run already. Returns true if
 * it ran. The executor's reference stays. */
bool thrum__future_run(thrum_future *future);

/* Before and after a wait for futures: a pool's worker lets another step in. */
static inline thrum__context *thrum__futures_wait_begin(void)
{
    thrum__context *self = thrum__self();
    if (self->worker) {
        self->worker->wait_begin(self);
        self->stood_in = 1;
    }
    return self;
}

static inline void thrum__futures_wait_end(thrum__context *self)
{
    if (self->worker) {
        self->stood_in = 0;
        self->worker->wait_end(self);
    }
}

/* Ends a pending future with an error and gives up the executor's reference. `message` NULL stands
 * for the code's own text. */
void thrum__future_fail(thrum_future *future, int code, const char *message);

/* The failure, if it comes to one, needs no telling. */
void thrum__future_ignore(thrum_future *future);

/* The error of a future that is done and failed; NULL for one that succeeded or was cancelled, a
 * task that ended with -ECANCELED included. Leaves it unseen. */
const thrum_error *thrum__future_failure(const thrum_future *future);

/* True in a child of fork for a future that is not done and that a pool of the parent was given: nobody
 * here will end it. */
bool thrum__future_is_lost(const thrum_future *future);

/* True if the task runs in the calling context. */
bool thrum__future_runs_here(thrum_future *future);

/* The future for want of a future: failed with -ENOMEM, immortal, shared. */
extern thrum_future thrum__no_memory;
static inline thrum_future *thrum__future_no_memory(void)
{
    return &thrum__no_memory;
}

/* One reference more, and one less. */
void thrum__future_reference(thrum_future *future);
void thrum__future_unreference(thrum_future *future);

/* The same without a call of user code. Returns false if the failure hook or a destructor is due: then the
 * reference, which is the last, is the caller's still. */
bool thrum__future_unreference_quietly(thrum_future *future);

/* Takes the guard and gives the state word, without its bit; gives the guard back with a new word. */
static inline uint32_t thrum__future_guard(thrum_future *future)
{
    return thrum__guard_acquire(&future->state, THRUM__FUTURE_GUARD) & ~THRUM__FUTURE_GUARD;
}

static inline void thrum__future_unguard(thrum_future *future, uint32_t word)
{
    thrum__store_release(&future->state, word);
    thrum__guard_left();
}

/* Waits for the end and delivers the result. Returns as thrum_future_result. */
int thrum__future_result(thrum_future *future, const thrum__request *request,
                         thrum_deadline deadline, const void *place);

/* How the guard keeps others from the result. */
extern const thrum__deliver_lock thrum__future_deliver_lock;

/* Publishes the end of a running future, and tells all who are to be told. The caller has a
 * reference. */
void thrum__future_end(thrum_future *future);

/* The same, but it calls no callbacks. Returns them, linked by `next`, for thrum__future_call_back; NULL
 * for none. */
thrum__future_watch *thrum__future_end_quietly(thrum_future *future);

/* Makes a future that was started, but whose task has not run and never will, one that was cancelled
 * before it ran. The caller has a reference. Returns the callbacks as thrum__future_end_quietly. */
thrum__future_watch *thrum__future_end_unrun(thrum_future *future);

/* Whether a future that was started was asked to stop. One who was told so as its runner sees it here. */
bool thrum__future_is_asked(thrum_future *future);

/* Calls callbacks, linked by `next`, and gives up the reference that was taken for them. NULL is accepted. */
void thrum__future_call_back(thrum_future *future, thrum__future_watch *first);

/* Has `callback` called when the future is done, at once and here if it is. The caller has a
 * reference; the callback may outlast it. */
void thrum__future_callback_add(thrum_future *future, thrum__future_callback *callback);

/* Has `watch` told when the future is done. False if it is done already: it is not told then. */
bool thrum__future_watch_begin(thrum_future *future, thrum__future_watch *watch);

/* After this `watch` will not be told any more, nor is it being told. */
void thrum__future_watch_end(thrum_future *future, thrum__future_watch *watch);

/* Claims a waiter for a watch that wakes it: gives it, or NULL if another was first. */
thrum__waiter *thrum__future_claim(thrum__waiter *waiter);

/* Takes all watches off a future that ends, tells them, and publishes `word`. Under the guard,
 * which it gives back. Returns the callbacks as thrum__future_end_quietly. */
thrum__future_watch *thrum__future_tell(thrum_future *future, uint32_t word);

#endif
