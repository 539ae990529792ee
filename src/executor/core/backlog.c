/* The backlog of a pool, and who may add to it.
 *
 * The tasks that wait for a carrier stand in one list for each rank, oldest first: tasks that begin once
 * more, then high priority, those that a high one has overtaken, middle and low priority. With `max_pending` the lists together are bounded. What a
 * submit to a full backlog does is the pool's `when_full`: it waits for room, is refused, or runs the task
 * itself. A task of the pool itself runs it in any case, as it would wait for its own pool.
 *
 * Those that wait for room stand in one queue and get it in order. A place is handed over: a thread that takes a
 * task out of the backlog invites the first of the queue, and its place counts as taken (`invited`) until
 * it comes for it. So no submitter can overtake it meanwhile, an invited submitter always finds its
 * place, and no more are woken than there is room for. A submitter that is cancelled was not invited, as
 * the two race for one claim; so no place is lost with it. A submitter that finds the pool closing or
 * broken gives its place up.
 *
 *     pending_count + invited <= max_pending      while the pool is open
 *
 * A submitter that waits, or runs its task itself, is in the middle of the pool when another thread shuts
 * that down. So it holds the pool meanwhile (pool.c).
 *
 * All of it is under the pool's lock.
 *
 * Rejected: to wake the first of the queue and let it look anew. A submitter that comes at the right
 * moment takes the place each time, and the longest waiter waits on.
 */
#include "executor/core/pool.h"
#include <thrum/with.h>

#include <errno.h>

enum thrum__rank thrum__pool_rank(const thrum_future *future)
{
    uint32_t word = thrum__load_relaxed(&future->state);
    return word & THRUM__FUTURE_LOW    ? THRUM__RANK_LOW
           : word & THRUM__FUTURE_HIGH ? THRUM__RANK_HIGH
                                       : THRUM__RANK_MIDDLE;
}

void thrum__pool_push(thrum__pool *pool, thrum_future *future, enum thrum__rank rank)
{
    thrum__pending *list = &pool->pending[rank];
    future->next = NULL;
    *list->last = future;
    list->last = &future->next;
    pool->pending_count++;
}

thrum_future *thrum__pool_pop(thrum__pool *pool)
{
    if (!pool->pending_count)
        return NULL;
    thrum__pending *list = pool->pending;
    while (!list->first)
        list++;
    thrum_future *future = list->first;
    list->first = future->next;
    if (!list->first)
        list->last = &list->first;
    pool->pending_count--;
    return future;
}

static bool is_open(const thrum__pool *pool)
{
    return !pool->closing && !pool->broken;
}

static bool is_full(const thrum__pool *pool)
{
    return pool->max_pending && pool->pending_count + pool->invited >= pool->max_pending &&
           is_open(pool);
}

static int go_inside(thrum__pool *pool, bool *ret_inside)
{
    *ret_inside = true;
    thrum__pool_hold(pool);
    return THRUM__ADMIT_RUN;
}

/* Waits for a place, or until none can be hoped for. Gives up the lock meanwhile. Returns 0, or -ECANCELED. */
static int wait_for_room(thrum__pool *pool, bool *ret_inside)
{
    thrum__waiter waiter;
    int rc = thrum__wait_begin(&waiter, true);
    if (rc < 0)
        return rc;
    (void)go_inside(pool, ret_inside);
    thrum__waiters_push_back(&pool->submitters, &waiter);
    thrum_lock_release(&pool->lock);
    rc = thrum__wait(&waiter, THRUM_FOREVER, "pool", pool);
    thrum_lock_acquire(&pool->lock);
    if (rc == 0)
        pool->invited--; /* from here on the place is kept by the lock */
    else if (thrum__waiter_queued(&waiter))
        thrum__waiters_remove(&pool->submitters, &waiter);
    return rc;
}

thrum__waiter *thrum__pool_invite(thrum__pool *pool)
{
    size_t taken = pool->pending_count + pool->invited, room = UINT32_MAX;
    if (!pool->submitters)
        return NULL;
    if (is_open(pool))
        room = pool->max_pending > taken ? pool->max_pending - taken : 0;
    uint32_t won = 0;
    thrum__waiter *chain = thrum__waiters_claim_chain(
        &pool->submitters, room < UINT32_MAX ? (uint32_t)room : UINT32_MAX, &won);
    pool->invited += won;
    return chain;
}

int thrum__pool_admit(thrum__pool *pool, const char **ret_reason, bool *ret_inside)
{
    if (is_full(pool)) {
        if (pool->when_full == THRUM_WHEN_FULL_RUN || thrum__self()->executor == &pool->base)
            return go_inside(pool, ret_inside);
        if (pool->when_full == THRUM_WHEN_FULL_REFUSE) {
            *ret_reason = "the pool's backlog is full";
            return -EAGAIN;
        }
        int rc = wait_for_room(pool, ret_inside);
        if (rc < 0)
            return rc;
    }
    if (pool->broken) {
        *ret_reason = pool->why_broken;
        return pool->broken;
    }
    return pool->closing ? -EPIPE : 0;
}

/* Runs a task in its submitter, counts it, and gives up the executor's reference. */
static void run_here(thrum__pool *pool, thrum_future *future)
{
    thrum__store_release(&future->executor, (void *)pool);
    thrum__ending ending = thrum__pool_run(future);
    thrum_with (&pool->lock)
        thrum__pool_count(pool, ending);
    thrum__future_unreference(future);
}

int thrum__pool_end_submit(thrum__pool *pool, thrum_future *future, int rc, bool inside)
{
    if (rc == THRUM__ADMIT_RUN)
        run_here(pool, future);
    if (inside)
        thrum__pool_leave(pool);
    return rc == THRUM__ADMIT_RUN ? 0 : rc;
}
