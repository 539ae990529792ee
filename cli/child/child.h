/* A program that is run: a child process in a process group of its own. */
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
    bool ending;         /* its end was asked for: what is left of it is killed with it */
    bool wants_terminal; /* it was ended because it used a terminal that it does not have */
    struct rusage
        usage; /* what it took, and those of its children that it waited for; once it has ended */
    struct descendants below; /* those known since its end was asked for */
};

/* What a child is given; zero means the default. */
struct child_options {
    char *const *words; /* the program and its arguments, ended by NULL; found by PATH */
    int out, err;       /* descriptors for its output; 0 for ours */
    bool input;    /* it reads our standard input rather than /dev/null, and has the terminal */
    bool terminal; /* it reads /dev/tty, and has the terminal */
};

/* Starts it, with the usual meaning of all signals that this program handles. Returns 0; -ECANCELED once all
 * children have been told to end; -EAGAIN, -EMFILE, -ENFILE or -ENOMEM if there is no room for it now;
 * another negative errno. */
int child_start(struct child *child, const struct child_options *options);

/* Waits until the child has ended, and gives its status as waitpid does. If its end was asked for,
 * what is left of it is killed. Returns 0 or -ETIMEDOUT. Blocks; in a fiber, the fiber only. */
int child_wait(struct child *child, thrum_deadline deadline, int *ret_status);

/* True if it has ended. Does not block. */
bool child_has_ended(const struct child *child);

/* Asks the child and all that it has started to end by SIGTERM, kills what is left after `grace` seconds,
 * and gives its status. Blocks. */
int child_end(struct child *child, double grace, int *ret_status);

/* Does the same for all children, with the signal `number` in place of SIGTERM, from another thread than
 * those that wait for them. They wait on, and see them end. No child starts from then on. Blocks for
 * the grace. */
void children_end_all(int number, double grace);

/* Kills all children, with all that they have started. */
void children_kill_all(void);

/* How many run. */
size_t children_count(void);

/* Sends the signal to the groups of all children. */
void children_signal(int number);

/* A descriptor of the controlling terminal, standard input if it is one; -1 if there is none. */
int child_terminal(void);

/* Calls the function for each child, under the lock under which they start and end. */
void children_each(void (*look)(struct child *child));

/* Ends a child that was stopped because it used a terminal which it does not have. From children_each. */
void child_refuse_terminal(struct child *child);

/* Reaps adopted processes that have ended. */
void children_reap_adopted(void);

/* The number that a shell gives for a status: 128 + the signal's number, or the exit status. */
int child_exit_code(int status);

#endif
