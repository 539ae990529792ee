/* Background threads: they run jobs for threads that must not run code of the user. background.c
 * has the essay. */
#ifndef THRUM_THREAD_BACKGROUND_H
#define THRUM_THREAD_BACKGROUND_H

#include <stdbool.h>

/* A job: a part of the object that it is about. */
typedef struct thrum__job {
    struct thrum__job *next;
    void (*run)(struct thrum__job *job); /* called once; may block and may free the job */
} thrum__job;

/* Has `job->run` called by a background thread. Does not fail and does not wait for the job.
 * Allocates nothing itself; starts a thread if none is idle. */
void thrum__background_run(thrum__job *job);

/* Tries again to start a thread if the system has refused one and a job waits for it. Returns false
 * if it is refused again: the caller tries later. */
bool thrum__background_retry(void);

/* Sets what is called when the system refuses a thread: it arranges a thrum__background_retry. */
void thrum__background_on_refusal(void (*function)(void));

#endif
