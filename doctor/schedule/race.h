/* Order between threads, and races: for the hooks of the preload library of `thrum explore`. */
#ifndef DOCTOR_SCHEDULE_RACE_H
#define DOCTOR_SCHEDULE_RACE_H

#include "turns.h"

/* What this thread has done comes before what follows an acquire of the same object. */
void thrum__race_release(const void *object);
void thrum__race_acquire(const void *object);

/* A new thread begins after what its creator has done; a joined one has ended before what follows. */
void thrum__race_created(uint32_t thread);
void thrum__race_joined(uint32_t thread);

/* The program was compiled with -fsanitize=thread. */
extern bool thrum__race_instrumented;

#endif
