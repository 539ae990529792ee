/* The sleep of one thread; see sleep.c.
 */
#ifndef THRUM_PYTHON_SLEEP_H
#define THRUM_PYTHON_SLEEP_H

#include "extension.h"

#include <semaphore.h>

typedef struct {
    _Atomic int state; /* AWAKE, PARKED or WOKEN */
    unsigned releases; /* of the GIL, when it was woken */
    /* For the doctor, which finds them before the semaphore that a thread sleeps in. */
    uint64_t mark;
    PyObject *object;           /* that the thread waits for, borrowed */
    const unsigned long *owner; /* the ident of the thread that holds it, or NULL */
    sem_t semaphore;
} ext_sleeper;

void ext_sleeper_init(ext_sleeper *self, PyObject *object);
void ext_sleeper_finish(ext_sleeper *self);

/* Releases the GIL, sleeps until ext_sleeper_wake or the deadline, and takes the GIL. 0, EINTR after a signal, or
 * ETIMEDOUT. It may return 0 without a wake: the caller has to know whether it was woken. `first` is false if the
 * caller continues a wait after a signal. */
int ext_sleeper_sleep(ext_sleeper *self, ext_deadline deadline, bool first);

/* Ends the sleep. Called once for each, or before it begins. */
void ext_sleeper_wake(ext_sleeper *self);

/* Names the thread that runs the handlers of signals. Called at the import, and in the child process of a fork. */
void ext_sleepers_begin(unsigned long thread);

#endif
