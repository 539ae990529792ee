/* Waiting without sleeping: one turn of a short spin loop.
 *
 * A spin loop here is always short and bounded, or guarded by a word whose holder is inside a few
 * instructions. thrum__spin makes a turn longer with each call and gives the processor away after
 * a few, so that a holder which was preempted on a machine with few cores can run.
 */
#ifndef THRUM_BASE_SPIN_H
#define THRUM_BASE_SPIN_H

#include <stdint.h>

/* `turn` starts at 0 and counts the turns of this loop. */
void thrum__spin(uint32_t *turn);

/* Waits a little after another thread won a race for a word, longer after each loss, and never
 * yields. Meanwhile that thread works with the line in its own cache. `turn` as above. Does nothing
 * in the explorer build: the other thread has made progress already. */
void thrum__back_off(uint32_t *turn);

/* Yields the processor once, before a sleep that may then not be needed. Does nothing in the
 * explorer build, where other threads may run at every step anyway. */
void thrum__yield(void);

/* One pause instruction; in the explorer build the thread waits for another to act. */
static inline void thrum__pause(void);

#ifdef THRUM_EXPLORE
#include "base/explore.h"
static inline void thrum__pause(void)
{
    thrum__explore_pause();
}
#else
static inline void thrum__pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}
#endif

#endif
