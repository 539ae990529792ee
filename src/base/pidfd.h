/* Descriptors that stand for processes.
 *
 * A number of a process may stand for another one as soon as its end was noticed; a descriptor
 * never does. It is readable, for a poller, once the process has ended. Its parent then
 * reaps it, and is told how it ended, unless another part of the program came first (a wait for any
 * child, or SIGCHLD ignored): then only that it has ended can be known. */
#ifndef THRUM_BASE_PIDFD_H
#define THRUM_BASE_PIDFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a process has ended. */
typedef struct thrum__exit {
    bool known;    /* false: another caller has reaped it */
    bool signaled; /* `number` is that of a signal, not the status */
    int number;
} thrum__exit;

/* A descriptor of the process `pid`, closed on exec, or a negative errno. */
int thrum__pidfd_open(int32_t pid);

/* Whether the process has ended, a zombie included. */
bool thrum__pidfd_is_over(int pidfd);

/* Whether the child has ended; reaps it if so. */
bool thrum__pidfd_reap(int pidfd, thrum__exit *ret_exit);

/* Sends a signal. Returns 0, or a negative errno: -ESRCH if it has been reaped. */
int thrum__pidfd_signal(int pidfd, int number);

/* Waits for the end of a child that is about to end, where no descriptor of it is to be had. */
void thrum__pid_wait(int32_t pid);
void thrum__pid_kill(int32_t pid);

/* Says how it ended: "was killed by signal 11 (Segmentation fault)". */
void thrum__exit_text(const thrum__exit *ended, char *text, size_t size);

#endif
