/* Ctrl-C and its kin, as a question that anyone may ask. */
#ifndef CLI_BENCH_INTERRUPT_H
#define CLI_BENCH_INTERRUPT_H

#include <stdbool.h>
#include <thrum.h>

/* From now on SIGINT, SIGTERM and SIGHUP no longer end the program but are held for
 * interrupt_asked; those that were ignored stay so. Call it while there is but one thread: threads
 * started later inherit it. Returns 0 or a negative errno. */
int interrupt_hold(thrum_error *ret_error);

/* Gives the signals back their meaning, for a process made by fork: SIGTERM ends it, while SIGINT
 * and SIGHUP, which a terminal sends to parent and child alike, are left to the parent. */
void interrupt_leave_to_parent(void);

/* True once one of the signals has arrived. From any thread; one system call while it is false. The
 * second signal ends the program at once, taking the temporary files along. */
bool interrupt_asked(void);

/* The signal that arrived, or 0. */
int interrupt_signal(void);

/* "SIGINT" and so on, for a signal that interrupt_signal may give. */
const char *interrupt_name(int number);

#endif
