/* A program that is run: a child process in a process group of its own. */
#ifndef CLI_CHILD_CHILD_H
#define CLI_CHILD_CHILD_H

#include <stdbool.h>
#include <sys/types.h>
#include <thrum.h>

struct child {
    pid_t pid;      /* of the process and of its group; 0 if none runs */
    int descriptor; /* becomes readable when it ends */
    bool ending;    /* its group is to be killed when it ends */
};

/* What a child is given; zero means the default. */
struct child_options {
    char *const *words; /* the program and its arguments, ended by NULL; found by PATH */
    int out, err;       /* descriptors for its output; 0 for ours */
    bool input; /* it reads our standard input, and has the terminal, rather than /dev/null */
};

/* Starts it. Signals that this program holds back have their usual meaning for it. Returns 0; -ECANCELED
 * once all children have been told to end; another negative errno. */
int child_start(struct child *child, const struct child_options *options);

/* Waits until the child has ended, and gives its status as waitpid does. Where somebody has asked for
 * its end, what is left of its group is killed. Returns 0 or -ETIMEDOUT. Blocks; in a fiber, the
 * fiber only. */
int child_wait(struct child *child, thrum_time deadline, int *ret_status);

/* Asks its group to end by SIGTERM, kills it if that does not help within `grace` seconds, and gives
 * its status. Blocks. */
int child_end(struct child *child, double grace, int *ret_status);

/* Does the same for all children there are, from another thread than those who wait for them. They
 * wait on, and see them end. No child starts from then on. Blocks for the grace. */
void children_end_all(double grace);

/* Kills all groups at once. */
void children_kill_all(void);

/* The number that a shell gives for a status: 128 + the signal's number, or the exit status. */
int child_exit_code(int status);

#endif
