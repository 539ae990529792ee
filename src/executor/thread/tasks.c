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
 * stand in one list, and are taken one at a time in the order of submission, whichever worker takes them. So of the
 * tasks before one that begins, only those that other workers have just taken may not have begun. A future that was
 * cancelled, or run by its waiter, stays in its list until a worker comes across it.
 *
 * The common inbox and the backlog are timed by samples: one task in THRUM__WAIT_SAMPLE has its time of
 * submission in it. A worker's own inbox uses the same place for its back links.
 */
#include "base/clock.h"
#include "executor/thread/thread_pool.h"

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

thrum_future *thrum__thread_pool_take_tasks(thrum__thread_pool *pool)
{
    thrum_future *chain = thrum__thread_pool_take_all(pool), *tasks = NULL, **end = &tasks;
    for (thrum_future *next; chain; chain = next) {
        next = chain->next;
        if (thrum__load_relaxed(&chain->state) & THRUM__FUTURE_HELPER) {
            thrum__thread_pool_push(pool, chain);
            continue;
        }
        *end = chain;
        end = &chain->next;
    }
    *end = NULL;
    return tasks;
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

/* The oldest that was submitted from elsewhere, of middle priority. */
static thrum_future *take_common(thrum__thread_pool *pool)
{
    const thrum__pending *middle = &pool->pool.pending[THRUM__RANK_MIDDLE];
    if (!middle->first)
        thrum__thread_pool_empty_inbox(pool);
    return middle->first ? pop(pool) : NULL;
}

/* A task of middle priority; see above for the turns. */
static thrum_future *take_middle(thrum__thread_pool *pool, thrum__thread_pool_worker *worker)
{
    uint32_t turn = worker->looks++;
    thrum_future *future = NULL;
    if (turn % 8 == 7)
        future = steal(pool, worker);
    else if (turn % 2)
        future = take_common(pool);
    if (!future)
        future = thrum__inbox_take_oldest(&worker->own);
    if (!future)
        future = take_common(pool);
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
