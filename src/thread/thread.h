/* A thread as the files of this folder see it. */
#ifndef THRUM_THREAD_THREAD_H
#define THRUM_THREAD_THREAD_H

#include "base/os_thread.h"
#include "thread/deliver.h"
#include "thread/leaks.h"
#include <thrum/event.h>
#include <thrum/lock.h>
#include <thrum/thread.h>

/* Where a thread with `start_at` stands, its timer. */
enum thrum__timer {
    THRUM__TIMER_NONE,
    THRUM__TIMER_SET,
    THRUM__TIMER_BEGUN,
    THRUM__TIMER_CANCELLED
};

struct thrum__thread {
    thrum_thread handle; /* the owner's, if it is on the heap */
    thrum_thread *owner; /* the owner's, wherever it is */
    thrum_task task;
    thrum_event finished;
    thrum_lock lock;
    thrum__context *running; /* under the lock */
    uint32_t ident;          /* of its context, 0 once its task has ended; for messages */
    thrum__os_thread os;
    uint32_t references;
    uint32_t process;      /* the generation in which it was started */
    uint32_t reaped;       /* joined or detached */
    uint32_t seen;         /* someone has asked for the failure */
    uint32_t timer;        /* enum thrum__timer */
    thrum_event disturbed; /* the timer was cancelled */
    uint32_t own;          /* the library's own, which the report of leaks leaves out; own.h */
    thrum_deadline start_at;
    bool daemon;
    thrum__handle listed;
    char name[]; /* in full */
};

/* Sleeps until the thread's task may begin. Returns 0 or -ECANCELED. */
int thrum__timer_wait(struct thrum__thread *thread);

#endif
