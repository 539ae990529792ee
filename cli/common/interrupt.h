/* Ctrl-C and its kin, as a question that anyone may ask and an event that anyone may wait for. */
#ifndef CLI_COMMON_INTERRUPT_H
#define CLI_COMMON_INTERRUPT_H

#include <stdbool.h>
#include <thrum.h>

/* From now on SIGINT, SIGTERM and SIGHUP no longer end the program but are held for
 * interrupt_watch; those that were ignored stay so. SIGPIPE is ignored. Starts no thread, so that
 * a process may still be made by fork. Returns 0 or a negative errno. */
int interrupt_hold(thrum_error *ret_error);

/* Begins to act on them, those that came before included. The first is an answer to the questions
 * below. The second calls `impatient` with its number, on a thread of its own, and if that returns
 * the third ends the program at once; without one (NULL) the second does. `cleanup`, which may be NULL,
 * is called before such an end. Returns 0 or a negative errno. */
int interrupt_watch(void (*impatient)(int signal), void (*cleanup)(void), thrum_error *ret_error);

/* Gives the signals back their meaning, for a process made by fork: SIGTERM ends it, while SIGINT
 * and SIGHUP, which a terminal sends to parent and child alike, are left to the parent. */
void interrupt_leave_to_parent(void);

/* True once one of the signals has arrived. From any thread; no system call. */
bool interrupt_asked(void);

/* Set when the first has arrived. */
thrum_event *interrupt_event(void);

/* The signal that arrived, or 0. */
int interrupt_signal(void);

/* "SIGINT" and so on, for a signal that interrupt_signal may give. */
const char *interrupt_name(int number);

#endif
