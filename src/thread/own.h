/* Threads of the library's own that end and are then joined: workers of pools. own.c has the
 * essay. */
#ifndef THRUM_THREAD_OWN_H
#define THRUM_THREAD_OWN_H

#include <thrum/thread.h>

/* Starts a daemon thread of the library's own. It must depart before it ends, and only after this
 * call has returned. Returns 0, -EAGAIN or -ENOMEM. */
int thrum__thread_start_own(const char *name, thrum_task_fn *function, const void *arg,
                            size_t size);

/* Called by such a thread before its last touch of the object that it works for. Enters it as the
 * last that has departed. Returns the thread before, which the caller passes to thrum__thread_end. */
thrum_thread *thrum__thread_depart(thrum_thread **departed);

/* Called by such a thread last: waits for the end of the thread that departed before it. */
void thrum__thread_end(thrum_thread *previous);

/* Waits for the end of a thread that has departed, and of all that departed before it. A thread
 * that has called thrum__thread_end, and now runs destructors, does not wait. NULL does nothing. */
void thrum__thread_await(thrum_thread *thread);

/* The same, and then frees the handle. */
void thrum__thread_reap(thrum_thread *thread);

/* Leaves a thread that has departed to the end of the program. Returns the thread that was left
 * before, for the caller to reap; the end of the program calls it with NULL. */
thrum_thread *thrum__thread_abandon(thrum_thread *thread);

#endif
