/* Futures of tasks with a deadline: see deadline.c. */
#ifndef THRUM_EXECUTOR_DEADLINE_H
#define THRUM_EXECUTOR_DEADLINE_H

#include "future/future.h"

/* As thrum__future_new, for a task that is to end by `deadline`. */
thrum_future *thrum__future_new_until(thrum_deadline deadline, thrum_task_fn *function,
                                      thrum__value arg);

/* What a task is to do, taken out of its wrapper if it has a deadline. */
typedef struct thrum__timed_parts {
    thrum_deadline deadline; /* 0 for none */
    thrum_task_fn *function;
    const void *arg; /* the task's own */
    size_t size;
} thrum__timed_parts;

/* The parts of a task that has not begun. */
thrum__timed_parts thrum__timed_parts_of(thrum_task *task);

#endif
