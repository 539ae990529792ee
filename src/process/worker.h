/* The worker: what a child process does. See worker.c. */
#ifndef THRUM_PROCESS_WORKER_H
#define THRUM_PROCESS_WORKER_H

#include "process/task_slots.h"

/* The variable that makes a program a worker: the descriptor of its task slots. */
#define THRUM__WORKER_VARIABLE "THRUM_WORKER"

/* Serves the task slots in this process, until it is told to leave, and ends the process. `forked`:
 * the process has all that its parent had, and must not run what its parent left for its own end.
 * */
void thrum__worker_serve(const thrum__shared_pages *pages, bool forked) __attribute__((noreturn));

#endif
