/* Where the pending tasks of a thread pool are, and which one is next.
 *
 * Tasks of middle priority are left in inboxes, without the pool's lock, once the pool has a worker: one
 * inbox for all who are no workers, and one for each worker and what its tasks submit. Every other task is
 * in the backlog (core/backlog.c). What is in the common inbox comes behind the middle rank of the
 * backlog, and is taken over when that is empty; what is in a worker's own inbox stays there until it
 * begins, unless the worker leaves.
 *
 * A worker begins the oldest task of high priority, else of its own, of the common ones, or of another
 * worker's, else of low priority. Which of the three comes first changes by turns, so a task that submits
 * others without end keeps nobody's from their turn. All tasks that one thread submits, of one priority,
 * stand in one list, and begin in the order of submission, whichever worker takes them. A future that was
 * cancelled, or run by its waiter, stays in its list until a worker comes across it.
 *
 * A worker whose own inbox has nothing takes a share of the common list with its task: at most SHARE, and no more than
 * half of what each worker would get. It puts the share into its inbox. As long as a worker has tasks of a share
 * left, others that look for a common task take half of those. So tasks begin in the order of submission but for
 * one share, and a task that takes long holds nobody up.
 *
 * The common inbox and the backlog are timed by samples: one task in WAIT_SAMPLE has its time of
 * submission in it. A worker's own inbox uses the same place for its back links.
 */
#include "base/clock.h"
#include "executor/thread/thread_pool.h"

enum { WAIT_SAMPLE = 16, SHARE = 64 };

/* The part of the pending tasks that one share is; no share unless a client of the explorer says so. */
#ifdef THRUM_EXPLORE
size_t thrum__pool_parts = SIZE_MAX;
#define PARTS_OF(pool) thrum__pool_parts
#else
#define PARTS_OF(pool) (2 * (pool)->max_workers)
#endif

/* The caller has the future alone until it stores its executor: a release, as a waiter may then run it, if
 * it is a worker, before the future is in any list. */
void thrum__thread_pool_begin_to_pend(thrum__thread_pool *pool, thrum_future *future,
                                      uint64_t number)
{
    future->next = NULL;
    future->submitted = number % WAIT_SAMPLE ? 0 : thrum__clock_now();
    thrum__store_release(&future->executor, (void *)pool);
}

void thrum__thread_pool_push(thrum__thread_pool *pool, thrum_future *future)
{
    enum thrum__rank rank = thrum__pool_rank(future);
    thrum__thread_pool_begin_to_pend(pool, future, pool->pushed++);
    thrum__pool_push(&pool->pool, future, rank);
    if (rank < THRUM__RANK_MIDDLE)
        thrum__store_relaxed(&pool->attention, 1);
}

static thrum_future *pop(thrum__thread_pool *pool)
{
    thrum_future *future = thrum__pool_pop(&pool->pool);
    if (future && future->submitted) {
        thrum_time waited = thrum__clock_now() - future->submitted;
        pool->longest_wait = waited > pool->longest_wait ? waited : pool->longest_wait;
    }
    return future;
}

void thrum__thread_pool_empty_inbox(thrum__thread_pool *pool)
{
    pool->pool.pending_count +=
        thrum__inbox_empty(&pool->inbox, &pool->pool.pending[THRUM__RANK_MIDDLE]);
}

/* What the inbox of a worker had is not timed, but linked backwards in the same place. */
static void forget_links(thrum_future *first)
{
    for (; first; first = first->next)
        first->submitted = 0;
}

void thrum__thread_pool_close_own(thrum__thread_pool *pool, thrum__thread_pool_worker *worker)
{
    thrum__pending *middle = &pool->pool.pending[THRUM__RANK_MIDDLE];
    thrum_future **from = middle->last;
    thrum__inbox_close(&worker->own);
    pool->pool.pending_count += thrum__inbox_empty(&worker->own, middle);
    forget_links(*from);
}

thrum_future *thrum__thread_pool_take_all(thrum__thread_pool *pool)
{
    thrum__pending *middle = &pool->pool.pending[THRUM__RANK_MIDDLE];
    pool->pool.pending_count += thrum__inbox_empty_alone(&pool->inbox, middle);
    for (thrum__thread_pool_worker *worker = pool->all_workers; worker; worker = worker->next) {
        thrum_future **from = middle->last;
        pool->pool.pending_count += thrum__inbox_empty_alone(&worker->own, middle);
        forget_links(*from);
    }
    thrum_future *chain = NULL, **end = &chain, *future;
    for (; (future = pop(pool)); end = &future->next)
        *end = future;
    *end = NULL;
    return chain;
}

bool thrum__thread_pool_is_pending(thrum__thread_pool *pool)
{
    bool pending = pool->pool.pending_count > 0;
    if (!pool->direct)
        return pending;
    pending = pending || !thrum__inbox_call_next(&pool->inbox);
    for (thrum__thread_pool_worker *w = pool->all_workers; w && !pending; w = w->next)
        pending = !thrum__inbox_call_next(&w->own);
    return pending;
}

/* The oldest that another worker's tasks have submitted; of each worker in turn. */
static thrum_future *steal(thrum__thread_pool *pool, const thrum__thread_pool_worker *thief)
{
    thrum__thread_pool_worker *from = pool->steal_from;
    for (size_t i = 0; i < pool->workers; i++) {
        from = from && from->next ? from->next : pool->all_workers;
        thrum_future *future = from == thief ? NULL : thrum__inbox_take_oldest(&from->own);
        if (future) {
            pool->steal_from = from;
            return future;
        }
    }
    return NULL;
}

/* The first of a chain for the worker; the rest goes into its own inbox, which has nothing. */
static thrum_future *keep_rest(thrum__thread_pool *pool, thrum__thread_pool_worker *worker,
                               thrum_future *chain, uint32_t count)
{
    if (count > 1) {
        thrum__inbox_share(&worker->own, chain->next, count - 1);
        pool->shares = true;
    }
    return chain;
}

/* Some of what is left of another worker's share. */
static thrum_future *take_of_share(thrum__thread_pool *pool, thrum__thread_pool_worker *thief)
{
    uint32_t most = thrum__inbox_has_nothing(&thief->own) ? SHARE : 1, count = 0;
    bool shares = thrum__inbox_shared(&thief->own) > 0;
    for (thrum__thread_pool_worker *from = pool->all_workers; from; from = from->next) {
        if (from == thief || !thrum__inbox_shared(&from->own))
            continue;
        thrum_future *chain = thrum__inbox_take_shared(&from->own, most, &count);
        if (chain)
            return keep_rest(pool, thief, chain, count);
        shares = shares || thrum__inbox_shared(&from->own);
    }
    pool->shares = shares;
    return NULL;
}

/* The oldest that was submitted from elsewhere, of middle priority, and a share with it. */
static thrum_future *take_common(thrum__thread_pool *pool, thrum__thread_pool_worker *worker)
{
    const thrum__pending *middle = &pool->pool.pending[THRUM__RANK_MIDDLE];
    thrum_future *chain = pool->shares ? take_of_share(pool, worker) : NULL;
    if (chain)
        return chain;
    if (!middle->first)
        thrum__thread_pool_empty_inbox(pool);
    size_t share =
        thrum__inbox_has_nothing(&worker->own) ? pool->pool.pending_count / PARTS_OF(pool) : 0;
    thrum_future **end = &chain;
    uint32_t count = 0;
    while (middle->first && (count == 0 || (count < share && count < SHARE))) {
        *end = pop(pool);
        end = &(*end)->next;
        count++;
    }
    *end = NULL;
    return chain ? keep_rest(pool, worker, chain, count) : NULL;
}

/* A task of middle priority; see above for the turns. */
static thrum_future *take_middle(thrum__thread_pool *pool, thrum__thread_pool_worker *worker)
{
    uint32_t turn = worker->looks++;
    thrum_future *future = NULL;
    if (turn % 8 == 7)
        future = steal(pool, worker);
    else if (turn % 2)
        future = take_common(pool, worker);
    if (!future)
        future = thrum__inbox_take_oldest(&worker->own);
    if (!future)
        future = take_common(pool, worker);
    return future ? future : steal(pool, worker);
}

thrum_future *thrum__thread_pool_take(thrum__thread_pool *pool, thrum__thread_pool_worker *worker)
{
    const thrum__pending *high = &pool->pool.pending[THRUM__RANK_HIGH];
    thrum_future *future = high->first ? NULL : take_middle(pool, worker);
    if (!future)
        future = pop(pool);
    bool attention =
        high->first || pool->pool.closing || pool->workers > pool->max_workers + pool->waiting;
    if (thrum__load_relaxed(&pool->attention) != attention)
        thrum__store_relaxed(&pool->attention, attention);
    return future;
}
