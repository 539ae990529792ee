/* What it means that no thread can go on. */
#ifndef DOCTOR_SCHEDULE_STUCK_H
#define DOCTOR_SCHEDULE_STUCK_H

#include "turns.h"

/* What may end the wait of a thread for input or output. */
enum turn_source thrum__stuck_source(const struct turn_thread *thread);

/* True if something may yet happen in real time: input, a timer, a child process. */
bool thrum__stuck_moves(const struct turn_thread *threads, uint32_t count);

/* True if a thread waits for something from outside: input, or a signal. */
bool thrum__stuck_outside(const struct turn_thread *threads, uint32_t count);

/* Ends the run: a deadlock, unless something from outside is missing alone. Returns if a thread can go on now. */
void thrum__stuck(const struct turn_thread *threads, uint32_t count);

#endif
