/* Where the threads of a process that hangs stand: for the test runner. */
#ifndef TESTS_HARNESS_DUMP_H
#define TESTS_HARNESS_DUMP_H

#include <sys/types.h>

/* Before the first fork: the memory through which a process answers. */
void dump_prepare(void);

/* In the process that may have to answer: makes it answer. */
void dump_accept(void);

/* Prints each thread of `process`, which was forked from this one, and of what descends from this one:
 * name, state, where in the kernel, and its stack of calls. */
void dump_all(pid_t process);

#endif
