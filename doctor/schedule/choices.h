/* Which thread goes on, for turns.c. */
#ifndef DOCTOR_SCHEDULE_CHOICES_H
#define DOCTOR_SCHEDULE_CHOICES_H

#include "turns.h"

/* Reads the plan of the run. */
void thrum__choice_begin(void);

/* A thread was made, with the start function that it shows. */
void thrum__choice_created(struct turn_thread *thread);

/* One of the threads in the list, which is not empty. `current` took the last step. */
struct turn_thread *thrum__choice_thread(struct turn_thread **list, uint32_t count,
                                         struct turn_thread *current);

/* The thread has taken a step: priorities may change. */
void thrum__choice_taken(struct turn_thread *threads, uint32_t count, struct turn_thread *taken);

#endif
