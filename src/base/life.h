/* The identity of a process, and whether it is alive: for memory that processes share and that
 * outlives each.
 *
 * The system uses a pid again. Together with the moment at which the process began, a pid names one
 * process of this boot. All this is as seen from one pid namespace.
 *
 * A zombie, a dead process that its parent has not waited for, has ended. A process whose first
 * thread has ended while others run has not.
 */
#ifndef THRUM_BASE_LIFE_H
#define THRUM_BASE_LIFE_H

#include <stdbool.h>
#include <stdint.h>

enum { THRUM__LIFE_PID_BITS = 22, THRUM__LIFE_START_BITS = 39 }; /* the kernel has no larger pids */

typedef struct thrum__life {
    uint32_t pid;
    uint64_t start; /* in ticks of the system since it was booted; 0 if that cannot be found out */
} thrum__life;

/* The calling process. */
thrum__life thrum__life_self(void);

/* Whether that process has certainly ended. False where the system does not say, for want of a
 * descriptor: ask again. */
bool thrum__life_ended(thrum__life life);

#ifdef THRUM_EXPLORE
/* In the explorer each thread is a process of its own, and this is its death. */
void thrum__life_end(void);
#endif

#endif
