/* The tasks of thrum's pools as contexts of their own: task.c. */
#ifndef DOCTOR_PRELOAD_TASK_H
#define DOCTOR_PRELOAD_TASK_H

#include <stdint.h>

void thrum__watch_submitted(const void *task);
uint64_t thrum__watch_task_begin(const void *task, const void *function);
void thrum__watch_task_end(const void *task, int code, uint64_t outer);
void thrum__watch_task_awaited(const void *task);
uint64_t thrum__watch_task_leave(void);
void thrum__watch_task_arrive(uint64_t left);

#endif
