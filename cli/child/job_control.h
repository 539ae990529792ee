/* What a shell does for its jobs, done by a program that runs others: Ctrl-Z, Ctrl-\, stopped children. */
#ifndef CLI_CHILD_JOB_CONTROL_H
#define CLI_CHILD_JOB_CONTROL_H

#include <thrum.h>

/* Begins to act on SIGTSTP, SIGQUIT and SIGCHLD, and to adopt orphaned descendants. `clear` is called before
 * the program is stopped or ended so, to leave the terminal in order, and `again`, which may be NULL, when it
 * is continued. Starts a thread. Returns 0 or a negative errno. */
int job_control_start(void (*clear)(void), void (*again)(void), thrum_error *ret_error);

/* Ends the program by SIGQUIT if that has come: the children may have ended before the program has. Call
 * it before the program ends by itself. */
void job_control_finish(void);

#endif
