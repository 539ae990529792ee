/* Which process this is: fork makes another, with one thread of the parent's many. */
#ifndef THRUM_BASE_PROCESS_H
#define THRUM_BASE_PROCESS_H

#include <stdint.h>

/* 1 in the first process; one more in each child made by fork, counted along the line of descent.
 * What was made under another number belongs to threads that may not exist here. */
extern uint32_t thrum__process_generation;

/* Has `before` called ahead of each fork, and after it `after` in the parent and `child` in the
 * child, on the forking thread. What is registered later comes earlier before the fork and later
 * after it. Returns 0 or -ENOMEM. */
int thrum__process_on_fork(void (*before)(void), void (*after)(void), void (*child)(void));

#endif
