/* Whose turn it is: for the hooks of the preload library of `thrum explore`. */
#ifndef DOCTOR_SCHEDULE_TURNS_H
#define DOCTOR_SCHEDULE_TURNS_H

#include "region.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define HOOK  __attribute__((visibility("default")))
#define PLACE __builtin_return_address(0)

#define NEVER INT64_MAX

/* Virtual time when a run begins: the same moment in each run. */
#define TURN_FIRST_NS 1000000000ll

/* What may end a wait of THREAD_IO; a wait for several things has the greatest. */
enum turn_source {
    SOURCE_INSIDE,  /* only this program can */
    SOURCE_MOVES,   /* so it is, but the system or a child process may still be at work for it */
    SOURCE_SIGNAL,  /* a signal */
    SOURCE_OUTSIDE, /* input from outside */
};

/* What a thread is about to do, or waits for. A handler of a signal has its own meanwhile. */
struct turn_act {
    uint8_t kind; /* its next operation */
    bool writes;  /* it changes the object */
    uint64_t object, place;
    int64_t deadline;      /* of a wait or a sleep, in virtual nanoseconds; NEVER */
    bool (*ready)(void *); /* of THREAD_IO: can the call be made? */
    void *ready_argument;
    enum turn_source (*source)(void *argument, bool certain); /* of THREAD_IO */
    uint64_t awaited; /* of a wait for signals: which, as bits */
};

struct turn_thread {
    struct schedule_thread *shown; /* what the command sees of it */
    uint32_t index;
    uint32_t go;      /* a futex: 1 gives it the turn */
    uint32_t arrived; /* a futex: 1 once a new thread waits for its first turn */
    uint32_t tid;
    bool ended, detached, cancelled;
    bool woken;    /* why its last wait ended: woken, not timed out */
    uint8_t flags; /* for its step */
    struct turn_act act;
    uint64_t priority;  /* the greatest goes first */
    uint32_t kin;       /* the number of its group in choices.c */
    uint64_t behind;    /* greater than 0: it yielded, and goes after all others */
    uint64_t last_load; /* of race.c: what a load of an atomic found */
    uint32_t own_steps; /* that it has taken */
    uint32_t ticks;     /* of processor time since its last call */
    uint64_t queued;    /* the order of waiters of a condition */
    uint64_t
        directed; /* signals that were sent to this thread alone, and that it blocks, as bits */
    uint64_t deferred; /* signals that came while it had no turn, as bits (hook_signal.c) */
    pthread_t handle;
    void *(*run)(void *);
    void *argument;
};

extern __thread struct turn_thread *thrum__turn_self __attribute__((tls_model("initial-exec")));
extern struct schedule_region *thrum__turn_region;

/* True in the process of the run. A child has a zero there from the fork on: it calls handlers of the fork
 * before thrum__turn_leave, and must not wait for a turn in them. */
extern const bool *thrum__turn_here;

/* True if this thread is scheduled: the run has begun, and the thread belongs to it. */
static inline bool thrum__turn_on(void)
{
    return thrum__turn_self != NULL && *thrum__turn_here;
}

/* True if it has the turn, and does not pass it on. May be asked in a handler of a signal. */
bool thrum__turn_has(void);

/* The run begins, in the calling thread, which becomes the first. */
void thrum__turn_begin(void);

/* This thread and all that it starts run free from now on: the child of a fork. */
void thrum__turn_leave(void);

/* The calling thread is about to do something. Returns when it has the turn for it. */
void thrum__turn_point(enum schedule_kind kind, const void *object, bool writes, const void *place);

/* The calling thread cannot do it now. Returns when it has the turn to try again: true if woken, false
 * if the deadline has passed. */
bool thrum__turn_block(int64_t deadline);

/* The same for a sleep: no other thread can end it. */
void thrum__turn_sleep(int64_t deadline, const void *place);

/* The same for input and output: `ready` asks the system. `source` tells what can make it ready; `certain` asks it to
 * look longer, before the run is judged. */
bool thrum__turn_io(bool (*ready)(void *), enum turn_source (*source)(void *, bool certain),
                    void *argument, int64_t deadline);

/* The thread that waits for one of these signals; NULL if there is none. */
struct turn_thread *thrum__turn_awaits(uint64_t signals);

/* Lets all threads that are blocked at the object try again. */
void thrum__turn_wake(const void *object);

/* Wakes at most `most` threads that wait at the object; which ones is a choice. Returns how many. */
int thrum__turn_wake_some(const void *object, int most);

/* Ends its wait or its sleep, if it has one. */
void thrum__turn_interrupt(struct turn_thread *thread);

/* The thread goes behind all others until each of them has had a turn. */
void thrum__turn_behind(void);

/* How many steps all threads have taken, without yields and sleeps, which change nothing. */
static inline uint32_t thrum__turn_moves(void)
{
    return thrum__turn_region->steps - thrum__turn_region->idle_steps;
}

/* True if another thread can go on, now or later. */
bool thrum__turn_anyone(void);

/* A choice between `count` options that are no threads. */
uint32_t thrum__turn_choose(uint32_t count);

/* A new thread: its record, or NULL if there are too many. It runs when it is chosen. */
struct turn_thread *thrum__turn_admit(void);
void thrum__turn_forget(struct turn_thread *thread); /* joined, or never started */
void thrum__turn_start(
    struct turn_thread *thread); /* in the new thread: waits for its first turn */
void thrum__turn_arrived(struct turn_thread *thread); /* in the creator: until it waits */
struct turn_thread *thrum__turn_find(pthread_t handle);
void thrum__turn_end(void); /* the calling thread takes no more turns */

void thrum__turn_hold(const void *object, const void *place);
void thrum__turn_drop(const void *object);

/* Ends the run by that verdict. */
void thrum__turn_fail(enum schedule_verdict verdict, const void *object, const void *place,
                      const char *message) __attribute__((noreturn));

/* Virtual time, in nanoseconds since an arbitrary moment; it is what CLOCK_MONOTONIC shows. */
int64_t thrum__turn_now(void);
int64_t thrum__turn_clock(clockid_t clock); /* of another clock; -1: it is not virtual */
int64_t thrum__turn_deadline(clockid_t clock, const struct timespec *until);
int64_t thrum__turn_after(const struct timespec *time);

/* A random number of the run. */
uint64_t thrum__turn_random(void);

/* For a thread that computes without a call: the number of the thread that has the turn, and a turn
 * for the others, asked from a signal handler of that thread. */
uint32_t thrum__turn_running(void);
void thrum__turn_stopped(const void *place);

/* Sleeps until the word differs; wakes a thread that sleeps there. */
void thrum__turn_futex_wait(uint32_t *word, uint32_t expected);
void thrum__turn_futex_wake(uint32_t *word);

#endif
