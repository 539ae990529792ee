/* Ctrl-C and its kin, as a question that anyone may ask and an event that anyone may wait for. */
#ifndef CLI_COMMON_INTERRUPT_H
#define CLI_COMMON_INTERRUPT_H

#include <stdbool.h>
#include <thrum.h>

/* From now on SIGINT, SIGTERM and SIGHUP no longer end the program but are held for
 * interrupt_watch; those that were ignored stay so. SIGPIPE is ignored. Starts no thread, so that
 * a process may still be made by fork. Returns 0 or a negative errno. */
int interrupt_hold(thrum_error *ret_error);

/* What a command does about signals. Called on the thread that waits for them; NULL for nothing. */
struct interrupt_answers {
    void (*first)(int signal);     /* says what is still waited for */
    void (*impatient)(int signal); /* the second has come: ends what is waited for */
    void (*cleanup)(void);         /* before the program ends at once */
};

/* Begins to act on the signals, those that came before included. The first answers the questions
 * below. The second is for `impatient`, and the third ends the program; without `impatient` the second
 * does. SIGHUP is the first and the second at once. Returns 0 or a negative errno. */
int interrupt_watch(struct interrupt_answers answers, thrum_error *ret_error);

/* Ends the program as the signal would have: by the signal, so that nothing comes in between, and a
 * shell knows why. */
void interrupt_die(int number);

/* Gives the signals back their meaning, for a process made by fork: SIGTERM ends it, while SIGINT
 * and SIGHUP, which a terminal sends to parent and child alike, are left to the parent. */
void interrupt_leave_to_parent(void);

/* True once one of the signals has arrived. From any thread; no system call. */
bool interrupt_asked(void);

/* Set when the first has arrived. */
thrum_event *interrupt_event(void);

/* A descriptor that is readable from then on, for poll; -1 before interrupt_hold. Never read it. */
int interrupt_descriptor(void);

/* The signal that arrived, or 0. */
int interrupt_signal(void);

/* "SIGINT" and so on, for a signal that interrupt_signal may give. */
const char *interrupt_name(int number);

#endif
