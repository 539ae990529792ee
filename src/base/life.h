/* Who a process is, and whether it lives still: for what is shared by processes and outlives each.
 *
 * A pid alone says little, as the system uses it again. With the moment at which the process began it
 * names one process of this boot for good. All this is as seen from one pid namespace.
 *
 * A dead process that nobody has waited for (a zombie) has ended; one whose first thread has ended while
 * others run has not.
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
