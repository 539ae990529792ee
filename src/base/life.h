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

#include "base/atomic.h"
#include "base/process.h"

#include <stdbool.h>
#include <stdint.h>

enum { THRUM__LIFE_PID_BITS = 22, THRUM__LIFE_START_BITS = 39 }; /* the kernel has no larger pids */

typedef struct thrum__life {
    uint32_t pid;
    uint64_t start; /* in ticks of the system since it was booted; 0 if that cannot be found out */
} thrum__life;

/* Finds the calling process out, and remembers it. */
thrum__life thrum__life_find_self(void);

#ifdef THRUM_EXPLORE
#define thrum__life_self thrum__life_find_self
#else
/* What was found out: two words, as the second is the generation of the process that the first, start and pid,
 * is of. */
extern uint64_t thrum__life_known;
extern uint32_t thrum__life_process;

/* The calling process. */
static inline thrum__life thrum__life_self(void)
{
    const uint64_t pids = UINT64_C(1) << THRUM__LIFE_PID_BITS;
    if (__builtin_expect(thrum__load_acquire(&thrum__life_process) != thrum__process_generation, 0))
        return thrum__life_find_self();
    uint64_t found = thrum__load_relaxed(&thrum__life_known);
    return (thrum__life){(uint32_t)(found % pids), found / pids};
}
#endif

/* Whether that process has certainly ended. False where the system does not say, for want of a
 * descriptor: ask again. */
bool thrum__life_ended(thrum__life life);

#ifdef THRUM_EXPLORE
/* In the explorer each thread is a process of its own, and this is its death. */
void thrum__life_end(void);
#endif

#endif
