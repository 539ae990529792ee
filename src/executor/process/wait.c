/* Waiting for one future of a process pool without the reaper in between.
 *
 * A thread that waits for a task in a task slot sleeps on the task's slot itself: it sets DIRECT there
 * (process/task_slots.h), the worker wakes it, and it collects the outcome and ends the future, as the reaper
 * would have. So a task to another process and back costs two worker-offs and not three. The wait remains
 * one like any other, with a deadline and open to cancellation (park/shared_park.c).
 *
 * The slot may be taken back and given to another worker, or the worker may die: then the reaper clears
 * DIRECT or releases the slot, wakes the word, and the waiter looks anew where its task is. The reaper leaves
 * an outcome with a direct waiter to it. The memory of the task slots stays mapped while somebody sleeps on it:
 * `mapping` counts them, under the pool's lock.
 *
 * A future says nothing of how long its pool lives. So a waiter enters the pool under the future's guard,
 * where it still runs, and is counted in `visitors`; a pool is over only when all visitors have left, and
 * no future that it had is between its outcome and its end.
 */
#include "base/futex.h"
#include "executor/process/process_pool.h"
#include <thrum/with.h>

#include <errno.h>
#include <limits.h>

/* Where a waiter sleeps. */
struct spot {
    thrum__process_worker *worker;
    thrum__mapping *mapping;
    uint32_t slot;
};

/* Whether the task is in the slot. */
static bool is_there(const struct spot *spot, const thrum_future *future)
{
    return spot->worker->child.mapping == spot->mapping &&
           spot->worker->held[spot->slot].future == future;
}

/* Whether the task has been there all the time: it may have gone and come back, with another who waits. */
static bool stayed_there(const struct spot *spot, const thrum_future *future)
{
    return is_there(spot, future) && spot->worker->held[spot->slot].direct == spot;
}

static thrum__task_slot *slot_of(const struct spot *spot)
{
    return &((thrum__task_slots *)spot->mapping->pages.memory)->slot[spot->slot];
}

/* Finds the task's slot and sets DIRECT. False if there is nothing to sleep on. Under the lock. */
static bool settle_down(thrum__process_pool *pool, thrum_future *future, struct spot *ret_spot)
{
    uint32_t place = future->place;
    *ret_spot = (struct spot){.worker = &pool->all_workers[place / THRUM__TASK_SLOTS],
                              .slot = place % THRUM__TASK_SLOTS};
    ret_spot->mapping = ret_spot->worker->child.mapping;
    if (place / THRUM__TASK_SLOTS >= pool->max_workers || !ret_spot->mapping ||
        !is_there(ret_spot, future) || ret_spot->worker->held[ret_spot->slot].direct)
        return false;
    ret_spot->worker->held[ret_spot->slot].direct = ret_spot;
    ret_spot->mapping->users++;
    (void)thrum__task_slot_set_direct(slot_of(ret_spot)); /* else it is done */
    return true;
}

/* Whether the reaper has something to do now that a worker has one task less: give it another, one that lies
 * behind on another worker, say, or let it leave. */
static bool concerns_reaper(const thrum__process_pool *pool)
{
    bool waits_behind = false;
    for (size_t i = 0; i < pool->max_workers; i++)
        waits_behind |= pool->all_workers[i].in_flight > 1;
    return waits_behind || pool->pool.closing || pool->max_tasks || pool->pool.pending_count;
}

/* Takes the outcome if it is there. Under the lock. True if the reaper is to look, too. */
static bool get_up(thrum__process_pool *pool, thrum_future *future, const struct spot *spot,
                   thrum__outcomes *outcomes)
{
    if (stayed_there(spot, future)) {
        spot->worker->held[spot->slot].direct = NULL;
        if (!thrum__task_slot_clear_direct(slot_of(spot))) {
            thrum__process_pool_collect_one(pool, spot->worker, spot->slot, outcomes);
            thrum__process_pool_fill(pool, outcomes);
        }
    }
    thrum__mapping_release(spot->mapping);
    return spot->worker->in_flight || concerns_reaper(pool);
}

static bool enter(thrum_future *future)
{
    thrum__process_pool *pool = future->executor;
    thrum__add_relaxed(&pool->visitors, 1);
    return true;
}

static int wait(thrum_future *future, thrum_deadline deadline)
{
    thrum__process_pool *pool = future->executor;
    thrum__outcomes outcomes = {0};
    struct spot spot;
    bool there = false, ring = false;
    int rc = 1;
    thrum_with (&pool->pool.lock)
        there = settle_down(pool, future, &spot);
    if (there) {
        rc = thrum__task_slot_sleep_direct(slot_of(&spot), future, deadline);
        thrum_with (&pool->pool.lock)
            ring = get_up(pool, future, &spot, &outcomes);
        thrum__outcomes_settle(pool, &outcomes);
    }
    thrum__process_pool_leave(pool, ring);
    return rc;
}

const thrum__far_ops thrum__process_pool_far = {.enter = enter, .wait = wait};
