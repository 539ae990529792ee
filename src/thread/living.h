/* The register of the living: the threads that thrum has started, and what holds up the end of the
 * program. */
#ifndef THRUM_THREAD_LIVING_H
#define THRUM_THREAD_LIVING_H

#include <stdbool.h>

/* Counts a thread that the end of the program is to wait for; each is matched by a `leave`. */
void thrum__living_enter(void);
void thrum__living_leave(void);

/* Sees to it that the end of the program is attended to even if no thread is counted. `drain`, if
 * not NULL, is called before the wait for threads; there is one for all (executor/core/pool.c). */
void thrum__living_at_exit(void (*drain)(void));

/* Calls `report` at the end of the program, after all waits. It reports unobserved failures and, if
 * `leaks`, handles that were not freed. A second call for the same function does nothing. */
void thrum__living_report_at_exit(void (*report)(bool leaks));

#endif
