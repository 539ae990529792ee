/* The program that is to become a worker. */
#ifndef CLI_WORKER_PROGRAM_H
#define CLI_WORKER_PROGRAM_H

#include <thrum.h>

/* Finds a program as a shell does, and checks that a library can be preloaded into it. Sets `path`, which has room for
 * PATH_MAX bytes. Returns 0 or a negative errno with a message. */
int worker_program_find(const char *name, char *path, thrum_error *ret_error);

#endif
