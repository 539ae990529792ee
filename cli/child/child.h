/* A child process in a process group of its own. */
#ifndef CLI_CHILD_CHILD_H
#define CLI_CHILD_CHILD_H

#include "descendants.h"

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <thrum.h>

struct child {
    pid_t pid;           /* of the process and of its group; 0 if none runs */
    int descriptor;      /* becomes readable when it ends */
    bool terminal;       /* it has the terminal's foreground */
    bool ending;         /* its end was requested: processes that it leaves are killed */
    bool wants_terminal; /* it was ended because it used a terminal that it does not have */
    struct rusage usage; /* of it and of the children that it waited for; set when it has ended */
    struct descendants below; /* known since its end was requested */
};

/* The settings of a child. Zero selects the default. */
struct child_options {
    char *const *words; /* the program and its arguments, ended by NULL; found by PATH */
    int out, err;       /* descriptors for its output; 0 for ours */
    bool input;    /* it reads our standard input rather than /dev/null, and has the terminal */
    bool terminal; /* it reads /dev/tty, and has the terminal */
};

/* Starts it, with the default action of all signals that this program handles. Returns 0;
 * -ECANCELED once the end of all children was requested; -EAGAIN, -EMFILE, -ENFILE or -ENOMEM if
 * the system has no room for it now; another negative errno. */
int child_start(struct child *child, const struct child_options *options);

/* Waits until the child has ended, and gives its status as waitpid does. If its end was requested,
 * processes that it leaves are killed. Returns 0 or -ETIMEDOUT. Blocks; in a fiber, the fiber
 * only. */
int child_wait(struct child *child, thrum_deadline deadline, int *ret_status);

/* True if it has ended. Does not block. */
bool child_has_ended(const struct child *child);

/* Sends SIGTERM to the child and all processes that it has started, kills those that are left after
 * `grace` seconds, and gives its status. Blocks. */
int child_end(struct child *child, double grace, int *ret_status);

/* Does the same for all children, with the signal `number` in place of SIGTERM. Called by another
 * thread than those that wait for the children; these see them end. No child starts after that.
 * Blocks for up to `grace`. */
void children_end_all(int number, double grace);

/* Kills all children, and all processes that they have started. */
void children_kill_all(void);

/* The number of children that run. */
size_t children_count(void);

/* Sends the signal to the groups of all children. */
void children_signal(int number);

/* A descriptor of the controlling terminal, standard input if it is one; -1 if there is none. */
int child_terminal(void);

/* Calls the function for each child, under the lock under which they start and end. */
void children_each(void (*look)(struct child *child));

/* Ends a child that the system stopped because it used a terminal that it does not have. From
 * children_each. */
void child_refuse_terminal(struct child *child);

/* Reaps adopted processes that have ended. */
void children_reap_adopted(void);

/* The exit status of a shell for this status: 128 + the signal's number, or the exit status. */
int child_exit_code(int status);

#endif
