/* A pool of fibers as the files of this folder see it, and as the executor that is made of it does.
 * scheduler.c has the essay. */
#ifndef THRUM_FIBER_SCHEDULER_H
#define THRUM_FIBER_SCHEDULER_H

#include "fiber/coroutine.h"
#include "fiber/reactor.h"
#include "fiber/run_ring.h"
#include "fiber/stack.h"
#include "fiber/timers.h"
#include "park/context.h"
#include <thrum/event.h>
#include <thrum/lock.h>
#include <thrum/thread.h>

typedef struct thrum__fibers thrum__fibers;
typedef struct thrum__fiber_worker thrum__fiber_worker;

/* How a task ended. */
enum { THRUM__FIBER_RAN = 1, THRUM__FIBER_FAILED = 2, THRUM__FIBER_CANCELLED = 4 };

/* Tasks in a list, first in, first out. */
typedef struct thrum__fiber_list {
    void *first, *last;
} thrum__fiber_list;

/* What fibers need to know of the tasks that they carry. */
typedef struct thrum__fiber_tasks {
    /* Called by each worker's thread before its first task; NULL for nothing. */
    void (*begin)(thrum__fibers *fibers);
    /* In an ordered pool, the task to begin for a ticket, if `early` is NULL, or else in place of the first of
     * that list, which it takes off. May wait. */
    void *(*choose)(thrum__fibers *fibers, thrum__fiber_list *early);
    /* Runs the task in the calling context, or cancels it if `drop`. Says how it ended. */
    int (*run)(void *task, bool drop);
    /* Gives back a task that has run. May wait; no list has the task any more. */
    void (*release)(void *task);
    /* Asks a task that runs to stop, or that has and was not given up; that one is left alone. */
    void (*cancel)(void *task);
    /* The code that it runs, for a message. */
    const void *(*place)(void *task);
    /* The last worker has left: the last touch of the fibers. */
    void (*end)(thrum__fibers *fibers);
    /* Where in a task there is room for a pointer to the next in a list. */
    size_t link;
} thrum__fiber_tasks;

/* A fiber: a stack with this struct at its top, and what runs on it. Only its worker touches it. */
typedef struct thrum__fiber {
    thrum__coroutine coroutine;
    thrum__context *context;
    thrum__fiber_worker *worker;
    struct thrum__fiber *next; /* among the ready, or the spare */
    thrum__stack stack;
    void *task;         /* that it runs, or NULL */
    const void *place;  /* the code of the task */
    uint64_t ticket;    /* of a wait with a deadline */
    thrum__scope scope; /* of its task */
    uint32_t slot;      /* its number on its worker */
    bool asked;         /* to stop, by a shutdown */
} thrum__fiber;

struct thrum__fiber_worker {
    uint32_t inbox __attribute__((aligned(THRUM__CACHE_LINE))); /* see inbox.h */
    thrum__run_ring ring;                                       /* see run_ring.h */

    /* Its own; others read the counts to tell a person, or to find out whether all is done. */
    thrum__fibers *fibers;
    uint32_t index;
    uint32_t tick;     /* how often it chose what to do next */
    uint32_t current;  /* the ident of the context that runs */
    const void *place; /* the code of the task that it runs, or NULL */
    thrum__fiber *running;
    thrum__fiber *first_ready, *last_ready;
    thrum__fiber *spare; /* without a task, to be taken for one */
    uint32_t spares;
    thrum__fiber *dead;      /* has ended; the next fiber that runs frees it */
    void *handed;            /* the task for the spare that is switched to */
    thrum__fiber_list local; /* of a pool of one: tasks that have not started */
    thrum__fiber_list
        early; /* of an ordered pool: tasks that were taken without a ticket, until chosen */
    thrum__timers timers;
    thrum__stacks stacks;
    thrum__reactor *reactor; /* or NULL: no fiber has waited for a descriptor yet */
    thrum_time polled;       /* when that was last asked */
    thrum__context *thread;  /* the context of the thread itself */
    thrum__coroutine home;   /* the thread's own stack */
    bool from_home;          /* the first fiber is about to begin */
    bool searching;          /* has the role: idle.h */
    bool starved;            /* there was no memory for a fiber */
    bool leaving;
    bool asked_all; /* its tasks to stop, by a shutdown */
    int32_t native_id;
    uint64_t submitted, begun, done, failed, cancelled;
};

struct thrum__fibers {
    /* Fixed. */
    const thrum__fiber_tasks *tasks;
    struct thrum_executor *owner; /* as contexts know it */
    thrum__fiber_worker **workers;
    uint32_t width;   /* of `workers` */
    uint32_t process; /* the generation in which it was made */
    thrum_time hold_limit;
    char *name_prefix;

    uint32_t ordered; /* `choose` is asked; set once, before the first ticket */

    thrum_lock start_lock;
    uint32_t started; /* workers; under that lock, read by all */

    uint32_t guard __attribute__((aligned(THRUM__CACHE_LINE))); /* of these: */
    thrum__fiber_list injected;
    uint32_t tickets;        /* the owner has so many tasks more to choose from */
    uint32_t injected_count; /* in the list, and tickets; read by all */
    uint32_t closing;        /* read by all */
    uint64_t injected_total;

    uint32_t idle __attribute__((aligned(THRUM__CACHE_LINE))); /* see idle.h */
    uint32_t drop;          /* tasks that have not started are cancelled */
    uint32_t cancel;        /* those that run are asked to stop */
    uint32_t ended;         /* closing, and all is done */
    uint32_t asking;        /* threads that ask what runs to stop */
    uint32_t inside;        /* threads that are in a call which may outlast the last task */
    uint32_t left;          /* workers, and the monitor, that have not left */
    thrum_event stop;       /* for the monitor */
    thrum_thread *departed; /* the worker or monitor that left last; thread/own.h */
};

/* Makes zeroed memory a pool; `workers` at least 1. Returns 0 or -ENOMEM, and then has taken
 * nothing. */
int thrum__fibers_init(thrum__fibers *fibers, uint32_t workers, size_t stack_size,
                       const char *name_prefix);

/* Gives back what it holds; no worker is left. */
void thrum__fibers_finish(thrum__fibers *fibers);

/* Starts the workers if there are none. Returns 0 if there is one, or a code; `*ret_reason` may then be set. */
int thrum__fibers_ready(thrum__fibers *fibers, const char **ret_reason);

/* Takes a task over. Returns 0, or a code, and then has not. One that `helps` the calling task is taken even
 * while the pool is closing. */
int thrum__fibers_submit(thrum__fibers *fibers, void *task, bool helps, const char **ret_reason);

/* Issues a ticket: a worker that takes it asks `choose` for the task. Not while the pool is closing. Returns 0,
 * or a code if there is no worker, and then has issued none. */
int thrum__fibers_submit_ticket(thrum__fibers *fibers, const char **ret_reason);

/* Refuses further tasks and lets the workers leave when all are done. Returns true if there are
 * none to wait for; else the last of them calls `end`, and may have done so when this returns. */
bool thrum__fibers_close(thrum__fibers *fibers, bool drop, bool cancel);

/* Takes off what was injected and not taken yet: what there is of a pool without workers. */
void *thrum__fibers_take_injected(thrum__fibers *fibers);

/* --------------------------------------------------------------------- between the files here */

/* The pointer to the next in a list. */
void *thrum__fibers_next(const thrum__fibers *fibers, const void *task);

void thrum__fiber_list_push(const thrum__fibers *fibers, thrum__fiber_list *list, void *task);
void *thrum__fiber_list_pop(const thrum__fibers *fibers, thrum__fiber_list *list);

/* Wakes a worker for a task that was put into a queue, if one sleeps and none searches. */
void thrum__fibers_notify(thrum__fibers *fibers);

/* Tells all workers that sleep to look round. */
void thrum__fibers_wake_all(thrum__fibers *fibers);

/* Whether tasks that have not started are in a queue that every worker can reach. */
bool thrum__fibers_have_work(thrum__fibers *fibers);

/* What stands for a ticket among tasks. */
extern char thrum__fibers_ticket;

/* Takes a share of the injected to the worker's own queue, and gives the first; or a ticket. */
void *thrum__fibers_take(thrum__fibers *fibers, thrum__fiber_worker *worker);

/* Whether all that was submitted is done. True once and for all if the pool is closing. */
bool thrum__fibers_all_done(thrum__fibers *fibers);

/* One of those counted by `left` goes: its last touch of the pool. */
void thrum__fibers_leave(thrum__fibers *fibers);

/* The monitor, a thread. */
int thrum__fibers_monitor_start(thrum__fibers *fibers);

/* A fiber for a worker, at the beginning of its loop; NULL if memory is out. */
thrum__fiber *thrum__fiber_new(thrum__fiber_worker *worker);
void thrum__fiber_free(thrum__fiber *fiber);

/* Leaves the running fiber for another, until it is switched to again. */
void thrum__fiber_switch(thrum__fiber *from, thrum__fiber *to);

/* Leaves it for good; for the thread's own stack if `to` is NULL. */
void thrum__fiber_leave(thrum__fiber *from, thrum__fiber *to) __attribute__((noreturn));

/* Asks for the memory of a fiber that is to be resumed soon; for more of it, once that has come. */
void thrum__fiber_fetch(const thrum__fiber *fiber);
void thrum__fiber_fetch_more(const thrum__fiber *fiber);

/* The fiber that calls, or NULL if a thread does. */
thrum__fiber *thrum__fiber_self(void);

/* Puts a fiber at the end of its worker's ready; on that worker. */
static inline void thrum__fiber_ready(thrum__fiber *fiber)
{
    thrum__fiber_worker *worker = fiber->worker;
    fiber->next = NULL;
    if (worker->first_ready)
        worker->last_ready->next = fiber;
    else
        worker->first_ready = fiber;
    worker->last_ready = fiber;
}

/* The body of a worker's thread: enters `first` and returns when the pool has ended. */
void thrum__worker_run(thrum__fiber_worker *worker, thrum__fiber *first);

/* The body of a fiber. */
void thrum__worker_loop(thrum__fiber *self) __attribute__((noreturn));

/* Does other things until `self`, which is in a wait or has yielded, is the next of the ready. */
void thrum__worker_wait(thrum__fiber_worker *worker, thrum__fiber *self);

#endif
