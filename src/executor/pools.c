/* The list of all pools, for the end of the program.
 *
 * Python's pools finish what was submitted before the interpreter ends, and so do these: their workers
 * are daemons, so nothing else would wait for them. A drain (thread/living.h) closes each pool in the
 * list and waits for its workers, those of tasks that submit to other pools included, as it looks at
 * the list anew after each. A pool that is drained stays in the list and is never freed: a shutdown
 * that comes meanwhile finds that it is not its to free. A task that calls exit would wait for itself,
 * so its own pool goes as it is. A child made by fork has its parent's list as well, of pools whose
 * workers it has not: they go as they are too.
 *
 * The lock is held across a fork. It is not held while a pool is drained.
 */
#include "executor/pools.h"
#include "base/process.h"
#include "park/context.h"
#include "sync/fork_lock.h"
#include "thread/living.h"
#include <thrum/lock.h>
#include <thrum/with.h>

#include <stddef.h>

static thrum_lock lock; /* for the list, and what it has in each pool */
static thrum__listed_pool *first;

/* True if the pool's workers are to be waited for. */
static bool is_due(const thrum__listed_pool *listed)
{
    return !listed->drained && listed->process == thrum__process_generation &&
           listed->executor != thrum__self()->executor;
}

static void drain_all(void)
{
    for (;;) {
        thrum__listed_pool *listed = NULL;
        thrum_with (&lock) {
            listed = first;
            while (listed && !is_due(listed))
                listed = listed->next;
            if (listed)
                listed->drained = true;
        }
        if (!listed)
            return;
        listed->drain(listed);
    }
}

void thrum__pools_enter(thrum__listed_pool *listed, const void *executor)
{
    thrum__living_at_exit(drain_all);
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        listed->executor = executor;
        listed->process = thrum__process_generation;
        listed->next = first;
        if (first)
            first->prev = listed;
        first = listed;
    }
}

bool thrum__pools_leave(thrum__listed_pool *listed)
{
    bool ours = false;
    thrum_with (&lock) {
        ours = !listed->drained;
        if (ours) {
            if (listed->prev)
                listed->prev->next = listed->next;
            else
                first = listed->next;
            if (listed->next)
                listed->next->prev = listed->prev;
        }
    }
    return ours;
}
