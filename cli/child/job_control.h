/* What a shell does for its jobs, done by a program that runs others: Ctrl-Z, Ctrl-\, stopped children. */
#ifndef CLI_CHILD_JOB_CONTROL_H
#define CLI_CHILD_JOB_CONTROL_H

#include <thrum.h>

/* Begins to act on SIGTSTP, SIGQUIT and SIGCHLD, and to adopt orphaned descendants. `clear`, which may be
 * NULL, is called before the program is stopped or ended so, to leave the terminal in order. Starts a
 * thread. Returns 0 or a negative errno. */
int job_control_start(void (*clear)(void), thrum_error *ret_error);

#endif
