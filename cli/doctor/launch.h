/* Starting a program with the preload library, and receiving what it records. */
#ifndef CLI_DOCTOR_LAUNCH_H
#define CLI_DOCTOR_LAUNCH_H

#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

struct launch {
    int listener; /* the socket to which the library connects, to send a region */
    int arrivals; /* an epoll of the listener and its connections: readable if launch_receive may have something */
    int process; /* becomes readable when the program has ended */
    pid_t pid;
};

/* Starts the program with that mask of signals, and with rings of 2^ring_bits events for each thread; 0:
 * without. Returns 0, or a negative errno with the reason in `message`. */
int launch(struct launch *launch, char **words, const sigset_t *mask, unsigned ring_bits,
           char *message, size_t size);

/* A region that has arrived: its descriptor, and the process that sent it. Returns -EAGAIN if there
 * is none now. */
int launch_receive(const struct launch *launch, pid_t *ret_pid);

void launch_close(struct launch *launch);

#endif
