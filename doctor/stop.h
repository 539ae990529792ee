/* Stopping a running thread for a moment, on request. */
#ifndef DOCTOR_STOP_H
#define DOCTOR_STOP_H

#include "process.h"

/* Stops thread `index` by ptrace, takes its registers and frames, and lets it go. Returns 0 or a
 * negative errno. A thread that ended meanwhile is not an error. `buffer` holds STACK_COPY bytes.
 */
int stop_and_look(struct process *process, int index, uint8_t *buffer);

/* Registers and system call of a thread, as ptrace and core files have them. */
struct user_regs_struct;
void registers_take(struct thread *thread, const struct user_regs_struct *user);

#endif
