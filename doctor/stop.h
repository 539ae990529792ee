/* Stopping a running thread for a moment, on request. */
#ifndef DOCTOR_STOP_H
#define DOCTOR_STOP_H

#include "process.h"

/* Stops thread `index` by ptrace, takes its registers and frames, and lets it go. Returns 0 or a
 * negative errno. A thread that ended meanwhile is not an error. `buffer` holds STACK_COPY bytes.
 */
int stop_and_look(struct process *process, int index, uint8_t *buffer);

/* All threads of a process, stopped at the same time. */
struct stopped {
    struct stopped_thread {
        int tid, signal; /* that is passed on when it goes on */
        bool held;
    } * list;
    int count, room;
};

/* Stops all of them. Returns 0 or a negative errno, and then has let them go. */
int stop_all(struct stopped *stopped, int pid);

/* The registers of one of them; its state is then THREAD_OUTSIDE. False if it is not there. */
bool stop_registers(struct thread *thread);

void stop_end(struct stopped *stopped);

/* Registers and system call of a thread, as ptrace and core files have them. */
struct user_regs_struct;
void registers_take(struct thread *thread, const struct user_regs_struct *user);

#endif
