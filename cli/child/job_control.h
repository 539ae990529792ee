/* Job control, as a shell does it, for a program that runs others: Ctrl-Z, Ctrl-\, stopped
 * children. */
#ifndef CLI_CHILD_JOB_CONTROL_H
#define CLI_CHILD_JOB_CONTROL_H

#include <thrum.h>

/* Begins to act on SIGTSTP, SIGQUIT and SIGCHLD, and to adopt orphaned descendants. Before one of
 * these signals stops or ends the program, `clear` is called to restore the terminal. `again`,
 * which may be NULL, is called when the program is continued, and when the window gets another
 * size. Starts a thread. Returns 0 or a negative errno. */
int job_control_start(void (*clear)(void), void (*again)(void), thrum_error *ret_error);

/* Ends the program by SIGQUIT if that has come. Call it before the program exits, because the
 * children may end first. */
void job_control_finish(void);

#endif
