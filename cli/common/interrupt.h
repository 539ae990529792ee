/* Ctrl-C, SIGTERM and SIGHUP, as a flag to ask and an event to wait for. */
#ifndef CLI_COMMON_INTERRUPT_H
#define CLI_COMMON_INTERRUPT_H

#include <stdbool.h>
#include <thrum.h>

/* Holds SIGINT, SIGTERM and SIGHUP for interrupt_watch: they no longer end the program. Signals
 * that were ignored stay ignored. SIGPIPE is ignored. Starts no thread, so the program may still
 * fork. Returns 0 or a negative errno. */
int interrupt_hold(thrum_error *ret_error);

/* A command's functions for signals. They run on the thread that waits for signals. NULL does
 * nothing. */
struct interrupt_answers {
    void (*first)(int signal);     /* after the first signal: prints what the command waits for */
    void (*impatient)(int signal); /* after the second: ends what the command waits for */
    void (*cleanup)(void);         /* before the program ends at once */
};

/* Begins to act on the signals, including those that have come before. The first sets the flag and
 * the event below. The second calls `impatient`, and the third ends the program; without
 * `impatient` the second does. SIGHUP counts as the first and the second. Returns 0 or a negative
 * errno. */
int interrupt_watch(struct interrupt_answers answers, thrum_error *ret_error);

/* Ends the program by the signal, so the shell knows the reason. */
void interrupt_die(int number);

/* For a process made by fork: SIGTERM ends it. SIGINT and SIGHUP, which a terminal sends to parent
 * and child, are ignored, because the parent handles them. */
void interrupt_leave_to_parent(void);

/* True once a signal has arrived. From any thread; no system call. */
bool interrupt_asked(void);

/* An event that the first signal sets. */
thrum_event *interrupt_event(void);

/* A descriptor that the first signal makes readable, for poll; -1 before interrupt_hold. Do not
 * read it. */
int interrupt_descriptor(void);

/* The signal that arrived, or 0. */
int interrupt_signal(void);

/* The name of a signal that interrupt_signal may return, such as "SIGINT". */
const char *interrupt_name(int number);

#endif
