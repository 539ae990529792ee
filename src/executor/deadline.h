/* Futures of tasks with a deadline: see deadline.c. */
#ifndef THRUM_EXECUTOR_DEADLINE_H
#define THRUM_EXECUTOR_DEADLINE_H

#include "future/future.h"

/* As thrum__future_new, for a task that is to end by `deadline`. */
thrum_future *thrum__future_new_until(thrum_time deadline, thrum_task_fn *function, const void *arg,
                                      size_t size);

#endif
