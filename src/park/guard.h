/* The guard: one bit of an object's state word that protects its queue of waiters.
 *
 * It is held for a few instructions and never across a wait, a system call or a call to the user,
 * so that those who find it set spin; after a few turns they give the processor away, in case the
 * holder was preempted. Taking it is an acquire and giving it back a release: what the one holder
 * wrote to the queue, the next one sees.
 */
#ifndef THRUM_PARK_GUARD_H
#define THRUM_PARK_GUARD_H

#include "base/atomic.h"
#include "base/spin.h"

/* Sets `bit` in `*word`, once it is clear, and gives the word with it. */
static inline uint32_t thrum__guard_acquire(uint32_t *word, uint32_t bit)
{
    uint32_t turn = 0;
    for (;;) {
        uint32_t state = thrum__load_relaxed(word);
        if (!(state & bit)) {
            if (thrum__cas_weak_acquire(word, &state, state | bit))
                return state | bit;
        } else {
            thrum__spin(&turn);
        }
    }
}

static inline void thrum__guard_release(uint32_t *word, uint32_t bit)
{
    thrum__and_release(word, ~bit);
}

#endif
