/* Which process this is: fork makes another, with one thread of the parent's many. */
#ifndef THRUM_BASE_PROCESS_H
#define THRUM_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* 1 in the first process; one more in each child made by fork, counted along the line of descent.
 * What was made under another number belongs to threads that may not exist here. */
extern uint32_t thrum__process_generation;

/* Whether a fork made it, after the library was loaded. */
static inline bool thrum__process_is_forked(void)
{
    return thrum__process_generation > 1;
}

/* Whether the program runs with rights that its caller does not have: set-user-ID, set-group-ID,
 * capabilities of its file (AT_SECURE). The environment and the inherited descriptors are then not
 * to be obeyed. */
bool thrum__process_is_secure(void);

/* The value of an environment variable, or NULL; always NULL in a program that is secure. */
const char *thrum__process_environment(const char *name);

/* Has `before` called ahead of each fork, and after it `after` in the parent and `child` in the
 * child, on the forking thread. What is registered later comes earlier before the fork and later
 * after it. Returns 0 or -ENOMEM. */
int thrum__process_on_fork(void (*before)(void), void (*after)(void), void (*child)(void));

#endif
