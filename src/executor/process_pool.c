/* The process pool: how tasks get to worker processes, and their outcomes back.
 *
 * Each worker has task slots (process/task_slots.h) with room for a few tasks. Whoever submits puts the task on
 * the task slots of an idle worker himself; else it pends until a worker is there, or, when there are as many
 * as may be, goes to the one with the least before it, where it lies ahead of its time: so a worker that
 * ends a short task finds the next one without waiting for anybody. The reaper (process/reaper.c) collects
 * outcomes, fills task slots, starts and reaps workers. A worker that has nothing to do gets half of what lies
 * ahead on the fullest worker's slots, and so no task waits long behind another while a worker is idle.
 *
 * A task that is in a task slot is running in the eyes of its future, with the reaper's scope as its runner:
 * a cancel wakes the reaper, which takes the task back if it has not begun, and then it is cancelled as a
 * pending one would be, or else tells the worker or kills it. A task that was taken back for any other
 * reason goes in front of the pending, still as one that runs.
 *
 * When a worker has died, its outcomes are collected as always; the task that it was in fails, or is tried
 * again; the tasks ahead of their time go to others. Deaths are no reason to give up as long as each costs a
 * task: only if workers die one after another without having begun one is the pool broken.
 *
 * All of the pool's own state is under its one lock, taken by those who submit and by the reaper for about
 * a microsecond at a time, or for as long as a large argument takes to be copied. What is to be done to
 * futures, which may call callbacks, is noted there and done after it (thrum__outcomes). The parent goes
 * by its own account of each slot (held), and of the slots' words believes only what can do no harm.
 *
 * Rejected: one queue for all workers in memory they share, as in Python. A worker that dies while it has
 * the queue's lock takes all others along.
 */
#include "executor/process_pool.h"
#include "base/panic.h"
#include "base/process.h"
#include "executor/deadline.h"
#include <thrum/with.h>

#include <errno.h>

/* --------------------------------------------------------------------------------------- outcomes */

static void add_to(thrum_future **chain, thrum_future *future)
{
    future->next = *chain;
    *chain = future;
}

void thrum__outcomes_settle(const thrum__outcomes *outcomes)
{
    thrum_future *next;
    for (thrum_future *future = outcomes->ended; future; future = next) {
        next = future->next;
        thrum__future_end(future);
        thrum__future_unreference(future);
    }
    for (thrum_future *future = outcomes->unrun; future; future = next) {
        next = future->next;
        thrum__future_end_unrun(future);
        thrum__future_unreference(future);
    }
    for (thrum_future *future = outcomes->dropped; future; future = next) {
        next = future->next;
        thrum__future_unreference(future);
    }
    thrum__unpark_chain(outcomes->admitted);
}

void thrum__process_pool_fail(thrum__process_pool *pool, thrum_future *future, int code,
                              const char *message, thrum__outcomes *outcomes)
{
    future->task.function = thrum__timed_parts_of(&future->task).function; /* for who is told */
    thrum__task_fail(&future->task, code, message);
    pool->done++;
    pool->failed++;
    add_to(&outcomes->ended, future);
}

void thrum__process_pool_drop(thrum__process_pool *pool, thrum_future *future,
                              thrum__outcomes *outcomes)
{
    pool->done++;
    pool->cancelled++;
    add_to(&outcomes->dropped, future);
}

/* ---------------------------------------------------------------------------------- the pending */

enum { AGAIN, HIGH, MIDDLE, LOW };

void thrum__process_pool_push(thrum__process_pool *pool, thrum_future *future, int rank)
{
    thrum__queue_of_futures *queue = &pool->pending[rank];
    future->next = NULL;
    *queue->last = future;
    queue->last = &future->next;
    queue->count++;
    pool->pending_count++;
}

thrum_future *thrum__process_pool_pop(thrum__process_pool *pool)
{
    if (!pool->pending_count)
        return NULL;
    thrum__queue_of_futures *queue = pool->pending;
    while (!queue->first)
        queue++;
    thrum_future *future = queue->first;
    queue->first = future->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->count--;
    pool->pending_count--;
    return future;
}

static int rank_of(const thrum_future *future)
{
    uint32_t word = thrum__load_relaxed(&future->state);
    return word & THRUM__FUTURE_LOW ? LOW : word & THRUM__FUTURE_HIGH ? HIGH : MIDDLE;
}

/* ----------------------------------------------------------------------------------------- task slots */

bool thrum__hand_has_room(const thrum__process_pool *pool, thrum__hand *hand)
{
    while (hand->collected != hand->child.put &&
           !hand->held[hand->collected % THRUM__TASK_SLOTS].busy)
        hand->collected++; /* collected by waiters */
    return hand->stage == THRUM__HAND_SERVING &&
           (!pool->max_tasks || hand->given < pool->max_tasks) &&
           hand->child.put - hand->collected < THRUM__TASK_SLOTS &&
           thrum__task_slots_has_room(hand->child.slots, hand->child.put);
}

int thrum__hand_put(thrum__process_pool *pool, thrum__hand *hand, thrum_future *future)
{
    thrum__timed_parts parts = thrum__timed_parts_of(&future->task);
    int slot =
        thrum__child_put(&hand->child, parts.function, parts.arg, parts.size, parts.deadline);
    if (slot < 0)
        return slot;
    hand->held[slot] =
        (thrum__held_task){.busy = true, .future = future, .deadline = parts.deadline};
    future->place = (uint32_t)(hand - pool->hands) * THRUM__TASK_SLOTS + (uint32_t)slot;
    hand->in_flight++;
    hand->given++;
    pool->in_flight++;
    pool->timed += parts.deadline != 0;
    return slot;
}

thrum_future *thrum__hand_release(thrum__process_pool *pool, thrum__hand *hand, uint32_t slot)
{
    thrum__held_task *held = &hand->held[slot];
    thrum_future *future = held->future;
    hand->in_flight--;
    if (future) {
        pool->in_flight--;
        pool->timed -= held->deadline != 0;
    }
    *held = (thrum__held_task){0};
    return future;
}

/* The worker for the next task, or NULL: an idle one, or, when all that may be are there, the one with the
 * fewest tasks. */
static thrum__hand *best_hand(thrum__process_pool *pool)
{
    bool crowded = pool->start_refused || (pool->workers == pool->max_workers && !pool->starting);
    thrum__hand *best = NULL;
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__hand *hand = &pool->hands[i];
        if (!thrum__hand_has_room(pool, hand))
            continue;
        if (!hand->in_flight)
            return hand;
        if (crowded && (!best || hand->in_flight < best->in_flight))
            best = hand;
    }
    return best;
}

/* Whether a task from the pending is to be run still; it then runs in its future's eyes. */
static bool begins(thrum_future *future)
{
    return thrum_future_running(future) || thrum__future_start(future, thrum__reaper_scope());
}

void thrum__process_pool_fill(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    thrum__hand *hand;
    while (pool->pending_count && (hand = best_hand(pool))) {
        thrum_future *future = thrum__process_pool_pop(pool);
        if (!begins(future)) {
            thrum__process_pool_drop(pool, future, outcomes);
            continue;
        }
        int rc = thrum__hand_put(pool, hand, future);
        if (rc < 0)
            thrum__process_pool_fail(pool, future, rc,
                                     rc == -ENOENT
                                         ? "the function is in no module that a worker could have"
                                         : "the task cannot be handed to a worker process",
                                     outcomes);
    }
    size_t room =
        pool->max_pending > pool->pending_count ? pool->max_pending - pool->pending_count : 0;
    uint32_t won = 0;
    if (room && pool->submitters && !outcomes->admitted)
        outcomes->admitted = thrum__waiters_claim_chain(&pool->submitters, (uint32_t)room, &won);
}

/* The outcome of a slot that is DONE. */
void thrum__process_pool_collect_one(thrum__process_pool *pool, thrum__hand *hand, uint32_t slot,
                                     thrum__outcomes *outcomes)
{
    thrum_future *future = thrum__hand_release(pool, hand, slot);
    pool->early_deaths = 0;
    if (!future) { /* the initializer */
        thrum_task task = {0};
        hand->initialising = false;
        thrum__child_collect(&hand->child, &hand->child.slots->slot[slot], &task);
        thrum__process_pool_break(pool, thrum__task_error(&task), outcomes);
        thrum__task_finish(&task);
        return;
    }
    future->task.function = thrum__timed_parts_of(&future->task).function;
    thrum__child_collect(&hand->child, &hand->child.slots->slot[slot], &future->task);
    pool->done++;
    pool->failed += thrum__task_error(&future->task) != NULL;
    add_to(&outcomes->ended, future);
}

/* Outcomes with a direct waiter are left to him; what comes behind them is not. */
static void collect_from(thrum__process_pool *pool, thrum__hand *hand, thrum__outcomes *outcomes)
{
    bool gapless = true;
    for (uint32_t at = hand->collected; at != hand->child.put; at++) {
        uint32_t slot = at % THRUM__TASK_SLOTS;
        if (hand->held[slot].busy) {
            if (!thrum__task_slot_is_done(&hand->child.slots->slot[slot]))
                return;
            if (hand->held[slot].direct)
                gapless = false;
            else
                thrum__process_pool_collect_one(pool, hand, slot, outcomes);
        }
        if (gapless)
            hand->collected = at + 1;
    }
}

void thrum__process_pool_collect(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    for (size_t i = 0; i < pool->max_workers; i++)
        if (pool->hands[i].child.slots)
            collect_from(pool, &pool->hands[i], outcomes);
}

bool thrum__process_pool_wants_worker(const thrum__process_pool *pool)
{
    return pool->workers < pool->max_workers && !pool->broken &&
           pool->workers < pool->in_flight + pool->pending_count;
}

/* --------------------------------------------------------------------------------------- submit */

static bool is_full(const thrum__process_pool *pool)
{
    return pool->max_pending && pool->pending_count >= pool->max_pending && !pool->closing &&
           !pool->broken;
}

/* Waits until there is room, or none can be hoped for. Under the lock, which it gives up meanwhile.
 * Returns 0 or -ECANCELED. */
static int wait_for_room(thrum__process_pool *pool)
{
    while (is_full(pool)) {
        thrum__waiter waiter;
        int rc = thrum__wait_begin(&waiter, true);
        if (rc < 0)
            return rc;
        thrum__waiters_push_back(&pool->submitters, &waiter);
        thrum_lock_release(&pool->lock);
        rc = thrum__wait(&waiter, THRUM_FOREVER, "pool", pool);
        thrum_lock_acquire(&pool->lock);
        if (thrum__waiter_queued(&waiter))
            thrum__waiters_remove(&pool->submitters, &waiter);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void run_here(thrum_future *future)
{
    (void)thrum__future_run(future);
    thrum__future_unreference(future);
}

/* Makes room if need be. Returns 1 if the caller is to run the task himself. */
static int admit(thrum__process_pool *pool, const char **ret_reason)
{
    if (is_full(pool)) {
        if (pool->when_full == THRUM_WHEN_FULL_RUN)
            return 1;
        if (pool->when_full == THRUM_WHEN_FULL_REFUSE) {
            *ret_reason = "the pool's backlog is full";
            return -EAGAIN;
        }
        int rc = wait_for_room(pool);
        if (rc < 0)
            return rc;
    }
    if (pool->broken) {
        *ret_reason = pool->why_broken;
        return pool->broken;
    }
    return pool->closing ? -EPIPE : 0;
}

static int submit(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    thrum__process_pool *pool = (thrum__process_pool *)executor; /* its first member */
    thrum__outcomes outcomes = {0};
    bool ring = false;
    int rc = 0;
    if (pool->process != thrum__process_generation)
        return -ESRCH;
    thrum_with (&pool->lock) {
        rc = admit(pool, ret_reason);
        if (rc == 0) {
            size_t timed = pool->timed;
            future->attempts = future->place = 0;
            thrum__store_release(&future->executor, (void *)pool);
            pool->start_refused = false;
            thrum__process_pool_push(pool, future, rank_of(future));
            thrum__process_pool_fill(pool, &outcomes);
            ring = thrum__process_pool_wants_worker(pool) || pool->timed != timed;
        }
    }
    if (ring)
        thrum__reaper_wake();
    thrum__outcomes_settle(&outcomes);
    if (rc == 1)
        run_here(future);
    return rc < 0 ? rc : 0;
}

static size_t width(const thrum_executor *executor)
{
    return ((const thrum__process_pool *)executor)->max_workers;
}

static void stats(thrum_executor *executor, thrum_executor_stats *ret_stats)
{
    thrum__process_pool *pool = (thrum__process_pool *)executor;
    thrum_with (&pool->lock) {
        size_t idle = 0, running = 0, live = 0;
        for (size_t i = 0; i < pool->max_workers; i++) {
            const thrum__hand *hand = &pool->hands[i];
            if (!hand->child.slots)
                continue;
            live++;
            running += hand->in_flight > 0;
            idle += hand->in_flight == 0;
        }
        *ret_stats = (thrum_executor_stats){
            .workers = live,
            .idle = idle,
            .pending = pool->pending_count + pool->in_flight - running,
            .running = running,
            .done = pool->done,
            .failed = pool->failed,
            .cancelled = pool->cancelled,
        };
    }
}

const thrum__executor_ops thrum__process_pool_ops = {submit, width, thrum__process_pool_shutdown,
                                                     stats};

size_t thrum_process_pool_pids(thrum_executor *executor, int32_t *ret_pids, size_t most)
{
    if (executor->ops != &thrum__process_pool_ops)
        return 0;
    thrum__process_pool *pool = (thrum__process_pool *)executor;
    size_t count = 0;
    thrum_with (&pool->lock)
        for (size_t i = 0; i < pool->max_workers; i++)
            if (pool->hands[i].child.slots) {
                if (count < most)
                    ret_pids[count] = pool->hands[i].child.pid;
                count++;
            }
    return count;
}
