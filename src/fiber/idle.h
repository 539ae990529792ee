/* Which workers sleep and which one searches: how a new task finds a worker without a wake in vain.
 *
 * One word for a pool: the number of workers that sleep or are about to, and the bit SEARCHING
 * while one worker has the role of the searcher, which looks through the rings of all others. One
 * searcher is enough: a searcher that finds a task wakes the next worker before it runs the task.
 * More searchers would compete for the same tasks.
 *
 * A wake-up could be lost if a task comes while the last worker falls asleep:
 *
 *     the submitter                       the worker
 *     1  puts the task into a queue       1  its inbox: 0 -> ASLEEP
 *     2  fence                            2  the count: + 1, and gives up the role
 *     3  reads this word                  3  fence
 *                                         4  looks at all queues once more
 *                                         5  sleeps on its inbox
 *
 * Both fences are sequentially consistent, so at least one side sees the other: the submitter sees
 * the count and pokes, or the worker sees the task. A submitter that finds SEARCHING set leaves the
 * task to the searcher. The searcher's step 2, which clears the bit, comes later, and its step 4
 * sees the task. The searcher then takes the role again before it takes the task, because other
 * submitters may also have left tasks to it. A worker that has found a task and has the role gives
 * it up by thrum__idle_found. Then it looks for more and wakes as a submitter does.
 *
 * Step 1 comes before step 2, and a poke visits all inboxes. So each counted worker is found
 * asleep, or something else has woken it and it looks for work itself before it sleeps again.
 *
 * A poke hands the role to a sleeper (inbox.h); a caller takes the role before it pokes. A
 * submitter that finds no sleeper gives the role back and looks again. Meanwhile another submitter
 * may have seen SEARCHING and left its task, and a worker may have fallen asleep behind the first
 * round before that task was there. After a fence, with the role given back, each worker is either
 * seen asleep and poked, or its step 3 comes after that fence and its step 4 sees the task.
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

/* Whether a worker has the role: it looks at all queues before it sleeps. A worker that has counted
 * itself since (thrum__idle_enter) may leave tasks to it. */
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

/* Counts a worker whose inbox says ASLEEP, and gives up the role if the worker has it. What the
 * worker reads next is current. */
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

/* It is awake because it saw work in step 4. The thread that brought it may have left it to the role that
 * this worker had a moment ago, and may have brought more: true if it has the role again. If
 * another has it by now, that one is to look. */
static inline bool thrum__idle_return(uint32_t *idle)
{
    thrum__sub_relaxed(idle, 1);
    return thrum__idle_search(idle);
}

/* What a round over the workers needs to know of them. */
typedef struct thrum__idle_workers {
    bool (*poke_one)(void *workers);       /* hands the role to a sleeper; false if there is none */
    bool (*someone_sleeps)(void *workers); /* whether an inbox says so */
    bool (*have_work)(void *workers);      /* whether a task is left in a queue */
} thrum__idle_workers;

/* After a task was put in: wakes a sleeper for it, if there is one and no searcher. */
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
