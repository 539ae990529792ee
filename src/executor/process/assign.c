/* How tasks get into the task slots of worker processes, and outcomes out of them. Under the pool's lock; what
 * is to be done to futures is noted in thrum__outcomes, and done after the lock is released.
 *
 * The parent goes by its own account of each slot (thrum__held_task), and believes of the slots' words only
 * what can do no harm.
 */
#include "executor/process/process_pool.h"
#include "future/deadline.h"
#include <thrum/with.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

/* --------------------------------------------------------------------------------------- outcomes */

static void add_to(thrum_future **chain, thrum_future *future)
{
    future->next = *chain;
    *chain = future;
}

void thrum__process_pool_leave(thrum__process_pool *pool, bool wakes)
{
    thrum_with (&pool->pool.lock) {
        thrum__sub_release(&pool->visitors, 1);
        wakes |= pool->pool.closing;
    }
    if (wakes)
        thrum__reaper_wake();
}

/* Calls the callbacks of a future that is done, and the failure hook: on a background thread, which is
 * a worker of the pool meanwhile, so that a shutdown knows it. */
static void call_user(thrum__job *job)
{
    thrum_future *future = (thrum_future *)(void *)((char *)job - offsetof(thrum_future, job));
    thrum__process_pool *pool = future->executor;
    thrum__context *self = thrum__self();
    self->executor = &pool->pool.base;
    thrum__future_call_back(future, future->watches);
    thrum__future_unreference(future);
    self->executor = NULL;
    if (!thrum__pool_lost(&pool->pool)) /* else a callback has forked, and this is the child */
        thrum__process_pool_leave(pool, false);
}

/* Gives up the pool's reference to a future that is done. Code of the user that is to be called goes
 * to a background thread, with the reference. It is a visitor: a shutdown waits for it. */
static void let_go(thrum__process_pool *pool, thrum_future *future, thrum__future_watch *callbacks)
{
    if (!callbacks && thrum__future_unreference_quietly(future))
        return;
    future->watches = callbacks;
    future->job.run = call_user;
    thrum__add_relaxed(&pool->visitors, 1);
    thrum__background_run(&future->job);
}

/* The last job of a pool that is broken, and a visitor as well. */
static void report_broken(thrum__job *job)
{
    thrum__process_pool *pool =
        (thrum__process_pool *)(void *)((char *)job - offsetof(thrum__process_pool, report));
    thrum__context *self = thrum__self();
    self->executor = &pool->pool.base;
    thrum__pool_report_broken(&pool->pool);
    self->executor = NULL;
    if (!thrum__pool_lost(&pool->pool)) /* else the hook has forked, and this is the child */
        thrum__process_pool_leave(pool, false);
}

void thrum__outcomes_settle(thrum__process_pool *pool, const thrum__outcomes *outcomes)
{
    thrum_future *next;
    for (thrum_future *future = outcomes->ended; future; future = next) {
        next = future->next;
        let_go(pool, future, thrum__future_end_quietly(future));
    }
    for (thrum_future *future = outcomes->unrun; future; future = next) {
        next = future->next;
        let_go(pool, future, thrum__future_end_unrun(future));
    }
    for (thrum_future *future = outcomes->dropped; future; future = next) {
        next = future->next;
        let_go(pool, future, NULL);
    }
    thrum__unpark_chain(outcomes->admitted);
    if (outcomes->broke) {
        pool->report.run = report_broken;
        thrum__add_relaxed(&pool->visitors, 1);
        thrum__background_run(&pool->report);
    }
}

void thrum__process_pool_invite(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    thrum__waiter **end = &outcomes->admitted;
    while (*end)
        end = &(*end)->next;
    *end = thrum__pool_invite(&pool->pool);
}

void thrum__process_pool_fail(thrum__process_pool *pool, thrum_future *future, int code,
                              const char *message, thrum__outcomes *outcomes)
{
    future->task.function = thrum__timed_parts_of(&future->task).function; /* for who is told */
    thrum__task_fail(&future->task, code, message);
    thrum__pool_count(&pool->pool, (thrum__ending){.ran = true, .failed = true});
    add_to(&outcomes->ended, future);
}

/* ----------------------------------------------------------------------------------------- task slots */

bool thrum__process_worker_has_room(const thrum__process_pool *pool, thrum__process_worker *worker)
{
    while (worker->collected != worker->child.put &&
           !worker->held[worker->collected % THRUM__TASK_SLOTS].busy)
        worker->collected++; /* collected by waiters */
    /* A task behind an initializer would run even if that fails. */
    return worker->stage == THRUM__PROCESS_WORKER_SERVING && !worker->initialising &&
           (!pool->max_tasks || worker->given < pool->max_tasks) &&
           worker->child.put - worker->collected < THRUM__TASK_SLOTS &&
           thrum__task_slots_has_room(worker->child.slots, worker->child.put);
}

int thrum__process_worker_put(thrum__process_pool *pool, thrum__process_worker *worker,
                              thrum_future *future)
{
    thrum__timed_parts parts = thrum__timed_parts_of(&future->task);
    int slot =
        thrum__child_put(&worker->child, parts.function, parts.arg, parts.size, parts.deadline);
    if (slot < 0)
        return slot;
    worker->held[slot] =
        (thrum__held_task){.busy = true, .future = future, .deadline = parts.deadline};
    future->place = (uint32_t)(worker - pool->all_workers) * THRUM__TASK_SLOTS + (uint32_t)slot;
    worker->in_flight++;
    worker->given++;
    pool->in_flight++;
    pool->timed += parts.deadline.ns != 0;
    return slot;
}

thrum_future *thrum__process_worker_release(thrum__process_pool *pool,
                                            thrum__process_worker *worker, uint32_t slot)
{
    thrum__held_task *held = &worker->held[slot];
    thrum_future *future = held->future;
    worker->in_flight--;
    if (future) {
        pool->in_flight--;
        pool->timed -= held->deadline.ns != 0;
    }
    *held = (thrum__held_task){0};
    return future;
}

/* The worker for the next task, or NULL: an idle one, or, when all that may be are there, the one with the
 * fewest tasks. */
static thrum__process_worker *best_worker(thrum__process_pool *pool)
{
    bool crowded = pool->start_refused || (pool->workers == pool->max_workers && !pool->starting);
    thrum__process_worker *best = NULL;
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__process_worker *worker = &pool->all_workers[i];
        if (!thrum__process_worker_has_room(pool, worker))
            continue;
        if (!worker->in_flight)
            return worker;
        if (crowded && (!best || worker->in_flight < best->in_flight))
            best = worker;
    }
    return best;
}

thrum_future *thrum__process_pool_take_pending(thrum__process_pool *pool, thrum__scope *runner,
                                               thrum__outcomes *outcomes)
{
    thrum_future *future;
    while ((future = thrum__pool_pop(&pool->pool)) && !thrum_future_running(future) &&
           !thrum__future_start(future, runner)) {
        thrum__pool_count(&pool->pool, (thrum__ending){.cancelled = true});
        add_to(&outcomes->dropped, future);
    }
    return future;
}

void thrum__process_pool_fill(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    thrum__process_worker *worker;
    while (pool->pool.pending_count && (worker = best_worker(pool))) {
        thrum_future *future =
            thrum__process_pool_take_pending(pool, thrum__reaper_scope(), outcomes);
        if (!future)
            break;
        int rc = thrum__process_worker_put(pool, worker, future);
        if (rc < 0)
            thrum__process_pool_fail(pool, future, rc,
                                     rc == -ENOENT
                                         ? "the function is in no module that a worker could have"
                                         : "the task cannot be handed to a worker process",
                                     outcomes);
    }
    thrum__process_pool_invite(pool, outcomes);
}

void thrum__process_pool_break(thrum__process_pool *pool, const char *what,
                               const thrum_error *error, thrum__outcomes *outcomes)
{
    if (!error)
        return;
    outcomes->broke |= thrum__pool_break(&pool->pool, what, error);
    thrum_future *future;
    while ((future = thrum__process_pool_take_pending(pool, NULL, outcomes))) {
        thrum__future_ignore(future); /* the failure hook is told once, of the pool */
        thrum__process_pool_fail(pool, future, pool->pool.broken, pool->pool.why_broken, outcomes);
    }
    thrum__process_pool_invite(pool, outcomes);
}

/* The outcome of a slot that is DONE. */
void thrum__process_pool_collect_one(thrum__process_pool *pool, thrum__process_worker *worker,
                                     uint32_t slot, thrum__outcomes *outcomes)
{
    thrum_future *future = thrum__process_worker_release(pool, worker, slot);
    pool->early_deaths = 0;
    if (!future) { /* the initializer */
        thrum_task task = {0};
        worker->initialising = false;
        thrum__child_collect(&worker->child, &worker->child.slots->slot[slot], &task);
        thrum__process_pool_break(pool, "the initializer failed: ", thrum__task_error(&task),
                                  outcomes);
        thrum__task_finish(&task);
        return;
    }
    future->task.function = thrum__timed_parts_of(&future->task).function;
    thrum__child_collect(&worker->child, &worker->child.slots->slot[slot], &future->task);
    bool failed = thrum__task_error(&future->task);
    thrum__pool_count(&pool->pool, (thrum__ending){.ran = true, .failed = failed});
    add_to(&outcomes->ended, future);
}

/* Outcomes with a direct waiter are left to it; what comes behind them is not. */
static void collect_from(thrum__process_pool *pool, thrum__process_worker *worker,
                         thrum__outcomes *outcomes)
{
    bool gapless = true;
    for (uint32_t at = worker->collected; at != worker->child.put; at++) {
        uint32_t slot = at % THRUM__TASK_SLOTS;
        if (worker->held[slot].busy) {
            if (!thrum__task_slot_is_done(&worker->child.slots->slot[slot]))
                return;
            if (worker->held[slot].direct)
                gapless = false;
            else
                thrum__process_pool_collect_one(pool, worker, slot, outcomes);
        }
        if (gapless)
            worker->collected = at + 1;
    }
}

void thrum__process_pool_collect(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    for (size_t i = 0; i < pool->max_workers; i++)
        if (pool->all_workers[i].child.slots)
            collect_from(pool, &pool->all_workers[i], outcomes);
}

bool thrum__process_pool_wants_worker(const thrum__process_pool *pool)
{
    return pool->workers < pool->max_workers && !pool->pool.broken &&
           pool->workers < pool->in_flight + pool->pool.pending_count;
}
