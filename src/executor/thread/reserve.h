/* The reserve: carries workers of thread pools that the system refuses a thread. reserve.c has the essay. */
#ifndef THRUM_EXECUTOR_THREAD_RESERVE_H
#define THRUM_EXECUTOR_THREAD_RESERVE_H

#include "thread/value.h"
#include <thrum/task.h>

/* Sees to it that this process has the reserve. Not under a lock of a pool. Returns 0, -EAGAIN or -ENOMEM. */
int thrum__reserve_begin(void);

/* Has a fiber of the reserve run the function. There must be a reserve. The end of the program does not wait for
 * the function if it is a `daemon`. Returns 0 or -ENOMEM. */
int thrum__reserve_carry(thrum_task_fn *function, thrum__value arg, bool daemon);

#ifdef THRUM_EXPLORE
/* A client of the explorer has no reserve unless it sets this, and ends the reserve itself. */
extern bool thrum__reserve_wanted;
void thrum__reserve_end(void);
#endif

#endif
