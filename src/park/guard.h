/* The guard: one bit of an object's state word that protects its queue of waiters.
 *
 * It is held for a few instructions and never across a wait, a system call or a call to the user. A
 * thread that finds it set spins; after a few turns it yields the processor, in case the holder was
 * preempted. Taking it is an acquire and giving it back a release: the next holder sees what this
 * one wrote to the queue.
 *
 * Fork: a guard is held in a section (base/section.h), so in a child process every guard is clear
 * and the queue behind it is whole. A thread that only spins for a guard is in no section.
 */
#ifndef THRUM_PARK_GUARD_H
#define THRUM_PARK_GUARD_H

#include "base/atomic.h"
#include "base/section.h"
#include "base/spin.h"

/* Tries to take a guard: changes `*word` from `*state` to `next`, which has the guard bit. On
 * failure `*state` is the word found, as after a compare-and-swap. */
static inline bool thrum__guard_try(uint32_t *word, uint32_t *state, uint32_t next)
{
    void *section = thrum__section_enter();
    if (thrum__cas_weak_acquire(word, state, next))
        return true;
    thrum__section_leave(section);
    return false;
}

/* After a guard was given back by another write than thrum__guard_release. */
static inline void thrum__guard_left(void)
{
    thrum__section_leave(thrum__section_self_in());
}

/* Sets `bit` in `*word`, once it is clear, and gives the word with it. */
static inline uint32_t thrum__guard_acquire(uint32_t *word, uint32_t bit)
{
    uint32_t turn = 0;
    for (;;) {
        uint32_t state = thrum__load_relaxed(word);
        if (!(state & bit)) {
            if (thrum__guard_try(word, &state, state | bit))
                return state | bit;
        } else {
            thrum__spin(&turn);
        }
    }
}

static inline void thrum__guard_release(uint32_t *word, uint32_t bit)
{
    thrum__and_release(word, ~bit);
    thrum__guard_left();
}

#endif
