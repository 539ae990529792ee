/* Who sleeps and who searches: how a task that nobody has begun finds a worker, and no worker is
 * woken in vain.
 *
 * One word for a pool: the number of workers that sleep or are about to, and the bit SEARCHING while
 * one worker has the role of looking through the rings of all others. One at a time is enough: who
 * finds something wakes the next before he runs it. More would only fight for the same tasks.
 *
 * The spot where a wake-up could be lost is that a task comes while the last worker falls asleep:
 *
 *     whoever submits                     the worker
 *     1  puts the task into a queue       1  its inbox: 0 -> ASLEEP
 *     2  fence                            2  the count: + 1, and gives the role up
 *     3  looks at this word               3  fence
 *                                         4  looks at all queues once more
 *                                         5  sleeps on its inbox
 *
 * Both fences are sequentially consistent, so that at least one of them sees the other: either the
 * submitter sees the count and pokes, or the worker sees the task. A submitter who finds SEARCHING
 * set leaves it to that one: its step 2, which clears the bit, comes later, and its step 4 sees the
 * task. Then it takes the role again before it takes the task, as others may have left tasks to it,
 * too. Who has found a task and has the role gives it up by thrum__idle_found, and then looks for more
 * and wakes as a submitter does.
 *
 * Step 1 comes before step 2, and a poke goes round all inboxes: so whom the count names is found
 * asleep, or has been woken meanwhile by something else and looks for itself before it sleeps again.
 *
 * The role is handed to a sleeper by the poke (inbox.h); whoever wants to poke takes it first. A submitter
 * that finds nobody asleep after all gives it back, and then looks again: another submitter may have seen
 * SEARCHING meanwhile and left its task, and a worker may have fallen asleep behind the round of the first
 * before that task was there. After a fence, with the role given back, each worker is either seen asleep,
 * and is poked, or its step 3 comes after that fence, and so its step 4 sees the task.
 */
#ifndef THRUM_FIBER_IDLE_H
#define THRUM_FIBER_IDLE_H

#include "base/atomic.h"

#include <stdbool.h>

#define THRUM__IDLE_SEARCHING UINT32_C(0x80000000)

/* After work was put in: whether the caller is to wake a sleeper, for which it has the role now. */
static inline bool thrum__idle_wants_poke(uint32_t *idle)
{
    thrum__fence_seq_cst();
    uint32_t found = thrum__load_relaxed(idle);
    while (found && !(found & THRUM__IDLE_SEARCHING))
        if (thrum__cas_acq_rel(idle, &found, found | THRUM__IDLE_SEARCHING))
            return true;
    return false;
}

/* Whether a worker has the role: it looks at all queues before it sleeps. One who has counted itself
 * since (thrum__idle_enter) may leave to it what is there. */
static inline bool thrum__idle_is_searched(const uint32_t *idle)
{
    return thrum__load_relaxed(idle) & THRUM__IDLE_SEARCHING;
}

/* Takes the role for a worker that has run out of work; false if another has it. */
static inline bool thrum__idle_search(uint32_t *idle)
{
    uint32_t found = thrum__load_relaxed(idle);
    while (!(found & THRUM__IDLE_SEARCHING))
        if (thrum__cas_acq_rel(idle, &found, found | THRUM__IDLE_SEARCHING))
            return true;
    return false;
}

/* Gives the role up. Who has found work then looks whether there is more, as a submitter does. */
static inline void thrum__idle_found(uint32_t *idle)
{
    thrum__and_release(idle, ~THRUM__IDLE_SEARCHING);
}

/* Counts a worker, whose inbox says ASLEEP, and gives the role up if it has it. What it reads next
 * is what there is now. */
static inline void thrum__idle_enter(uint32_t *idle, bool searching)
{
    thrum__add_acq_rel(idle, 1 - (searching ? THRUM__IDLE_SEARCHING : 0));
    thrum__fence_seq_cst();
}

/* It is awake. */
static inline void thrum__idle_leave(uint32_t *idle)
{
    thrum__sub_relaxed(idle, 1);
}

/* It is awake because it saw work in step 4. Whoever brought that may have left it to the role that
 * this worker had a moment ago, and may have brought more: true if it has the role again. If another
 * has it by now, that one is to look. */
static inline bool thrum__idle_return(uint32_t *idle)
{
    thrum__sub_relaxed(idle, 1);
    return thrum__idle_search(idle);
}

/* What a round over the workers needs to know of them. */
typedef struct thrum__idle_workers {
    bool (*poke_one)(void *workers); /* hands the role to one that sleeps; false if none does */
    bool (*someone_sleeps)(void *workers); /* whether an inbox says so */
    bool (*have_work)(void *workers);      /* whether a task is left in a queue */
} thrum__idle_workers;

/* After work was put in: wakes a sleeper for it, if there is one and nobody else is to. */
static inline void thrum__idle_notify(uint32_t *idle, const thrum__idle_workers *ops, void *workers)
{
    while (thrum__idle_wants_poke(idle) && !ops->poke_one(workers)) {
        thrum__idle_found(idle);
        thrum__fence_seq_cst();
        if (!ops->someone_sleeps(workers) || !ops->have_work(workers))
            return;
    }
}

#endif
