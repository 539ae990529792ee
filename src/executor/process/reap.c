/* What the reaper does for a process pool in each of its rounds: collect results, handle dead
 * workers, pass on requests to stop, enforce deadlines, balance the workers, start workers and let
 * idle ones exit. The pool's lock is held for all of it except the start of a worker. Futures are
 * resolved after the lock is released.
 */
#include "base/clock.h"
#include "executor/process/process_pool.h"
#include "future/deadline.h"
#include <thrum/with.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { LEAVE_GRACES = 20, MOST_EARLY_DEATHS = 5 };

static thrum__task_slot *slot_of(thrum__process_worker *worker, uint32_t slot)
{
    return &worker->child.slots->slot[slot];
}

static void add_unrun(thrum__process_pool *pool, thrum_future *future, thrum__outcomes *outcomes)
{
    thrum__pool_count(&pool->pool, (thrum__ending){.cancelled = true});
    future->next = outcomes->unrun;
    outcomes->unrun = future;
}

/* Takes a task back that its worker has not begun; NULL if it has. */
static thrum_future *take_back(thrum__process_pool *pool, thrum__process_worker *worker,
                               uint32_t slot)
{
    if (!worker->held[slot].future || !thrum__task_slot_take_back(slot_of(worker, slot)))
        return NULL;
    worker->given--;
    return thrum__process_worker_release(pool, worker, slot);
}

/* ----------------------------------------------------------------------------------------- deaths */

/* The end of the task that a worker was in when it ended. */
static void end_with_worker(thrum__process_pool *pool, thrum__process_worker *worker, uint32_t slot,
                            const thrum__exit *ended, thrum__outcomes *outcomes)
{
    thrum_future *future = thrum__process_worker_release(pool, worker, slot);
    if (worker->doom && worker->doomed == slot) {
        char message[200];
        snprintf(message, sizeof message, "%s, and worker \"%s\" (pid %d) was killed",
                 worker->doom == -ETIMEDOUT ? "the task went on after its deadline"
                                            : "the task was cancelled",
                 worker->child.name, worker->child.pid);
        thrum__process_pool_fail(pool, future, worker->doom, message, outcomes);
    } else if (future->attempts++ < pool->retries && !thrum__future_is_asked(future)) {
        thrum__pool_push(&pool->pool, future, THRUM__RANK_AGAIN);
    } else {
        char message[sizeof(thrum_error)];
        thrum__child_obituary(&worker->child, ended, thrum__timed_parts_of(&future->task).function,
                              message, sizeof message);
        thrum__process_pool_fail(pool, future, -ECHILD, message, outcomes);
    }
}

/* A worker that died before it had begun any task. */
static void count_early_death(thrum__process_pool *pool, thrum__process_worker *worker,
                              const thrum__exit *ended, thrum__outcomes *outcomes)
{
    thrum_error error = {.code = -ECHILD};
    bool started = thrum__load_relaxed(&worker->child.slots->stage) != THRUM__STAGE_STARTING;
    if (!worker->initialising && ++pool->early_deaths < MOST_EARLY_DEATHS)
        return;
    int used = snprintf(error.message, sizeof error.message, "%s",
                        worker->initialising ? "in its initializer "
                        : started            ? "again and again, with no task done, "
                                             : "again and again, before it could begin, ");
    thrum__child_obituary(&worker->child, ended, NULL, error.message + used,
                          sizeof error.message - (size_t)used);
    thrum__process_pool_break(pool, "", &error, outcomes);
}

/* A worker is over: what it had done is collected. */
static void bury(thrum__process_pool *pool, thrum__process_worker *worker, const thrum__exit *ended,
                 thrum__outcomes *outcomes)
{
    bool began = false;
    for (; worker->collected != worker->child.put; worker->collected++) {
        uint32_t slot = worker->collected % THRUM__TASK_SLOTS;
        bool direct = worker->held[slot].direct;
        if (!worker->held[slot].busy)
            continue;
        if (thrum__task_slot_is_done(slot_of(worker, slot))) {
            thrum__process_pool_collect_one(pool, worker, slot, outcomes); /* left to a waiter */
        } else if (!worker->held[slot].future) {
            (void)thrum__process_worker_release(pool, worker, slot); /* the initializer */
        } else if (thrum__task_slot_is_taken(slot_of(worker, slot))) {
            began = true;
            end_with_worker(pool, worker, slot, ended, outcomes);
        } else {
            thrum__pool_push(&pool->pool, thrum__process_worker_release(pool, worker, slot),
                             THRUM__RANK_AGAIN);
        }
        if (direct)
            thrum__task_slot_send_away(slot_of(worker, slot));
    }
    if (began)
        pool->early_deaths = 0;
    else if (worker->stage == THRUM__PROCESS_WORKER_SERVING)
        count_early_death(pool, worker, ended, outcomes);
    thrum__child_free(&worker->child);
    *worker = (thrum__process_worker){0};
    pool->workers--;
}

static void bury_dead(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__process_worker *worker = &pool->all_workers[i];
        thrum__exit ended;
        if (!worker->child.slots || !thrum__pidfd_reap(worker->child.pidfd, &ended))
            continue;
        thrum__process_pool_collect(pool, outcomes);
        bury(pool, worker, &ended, outcomes);
    }
}

/* ----------------------------------------------------------------------- requests and deadlines */

/* Kills a worker for the sake of the task that it runs; not if that has ended. */
static void kill_for(thrum__process_worker *worker, uint32_t slot, int code)
{
    if (worker->doom || !thrum__task_slots_hold(worker->child.slots, slot_of(worker, slot)))
        return;
    worker->doom = code;
    worker->doomed = slot;
    worker->stage = THRUM__PROCESS_WORKER_LEAVING;
    worker->leave_by = THRUM_FOREVER;
    (void)thrum__pidfd_signal(worker->child.pidfd, SIGKILL);
}

/* A task in a worker that is to stop. */
static void stop_one(thrum__process_pool *pool, thrum__process_worker *worker, uint32_t slot,
                     thrum__outcomes *outcomes)
{
    thrum__held_task *held = &worker->held[slot];
    thrum_future *future = take_back(pool, worker, slot);
    if (future) {
        add_unrun(pool, future, outcomes);
        return;
    }
    if (pool->kill_on_cancel)
        kill_for(worker, slot, -ECANCELED);
    else if (!held->asked)
        thrum__task_slots_ask(worker->child.slots, slot_of(worker, slot));
    held->asked = true;
}

/* The same for tasks between two workers: those that stay are put back in the same order. */
static void pass_requests_again(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    thrum__pending *again = &pool->pool.pending[THRUM__RANK_AGAIN];
    thrum_future *future = again->first, *next;
    *again = (thrum__pending){NULL, &again->first};
    for (; future; future = next) {
        next = future->next;
        pool->pool.pending_count--;
        if (pool->stop_running || thrum__future_is_asked(future))
            add_unrun(pool, future, outcomes);
        else
            thrum__pool_push(&pool->pool, future, THRUM__RANK_AGAIN);
    }
}

static void pass_requests(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__process_worker *worker = &pool->all_workers[i];
        for (uint32_t slot = 0; worker->in_flight && slot < THRUM__TASK_SLOTS; slot++) {
            thrum__held_task *held = &worker->held[slot];
            if (held->future && (pool->stop_running || thrum__future_is_asked(held->future)))
                stop_one(pool, worker, slot, outcomes);
        }
    }
    pass_requests_again(pool, outcomes);
}

static void drop_pending(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    thrum_future *future;
    for (size_t i = 0; i < pool->max_workers; i++)
        for (uint32_t slot = 0; slot < THRUM__TASK_SLOTS; slot++) {
            future = take_back(pool, &pool->all_workers[i], slot);
            if (future)
                add_unrun(pool, future, outcomes);
        }
    while ((future = thrum__process_pool_take_pending(pool, NULL, outcomes)))
        add_unrun(pool, future, outcomes);
}

static void wake_at(thrum__reaper_round *round, thrum_deadline moment)
{
    round->next = thrum_deadline_sooner(round->next, moment);
}

/* A task with a deadline: taken back if it has not begun, its worker killed when the grace is over. */
static void look_at_deadline(thrum__process_pool *pool, thrum__process_worker *worker,
                             uint32_t slot, thrum_time now, thrum__reaper_round *round,
                             thrum__outcomes *outcomes)
{
    thrum_deadline deadline = worker->held[slot].deadline;
    thrum_deadline end = thrum__deadline_after(deadline.ns, pool->grace);
    thrum_future *future = now < deadline.ns ? NULL : take_back(pool, worker, slot);
    if (now < deadline.ns)
        wake_at(round, deadline);
    else if (future)
        thrum__process_pool_fail(pool, future, -ETIMEDOUT,
                                 "the task's deadline passed before it could begin", outcomes);
    else if (now < end.ns)
        wake_at(round, end);
    else
        kill_for(worker, slot, -ETIMEDOUT);
}

static void look_at_deadlines(thrum__process_pool *pool, thrum__reaper_round *round,
                              thrum__outcomes *outcomes)
{
    thrum_time now = thrum__clock_now();
    bool stopping = pool->stop_running && pool->in_flight;
    if (stopping && now < pool->stop_by.ns)
        wake_at(round, pool->stop_by);
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__process_worker *worker = &pool->all_workers[i];
        for (uint32_t slot = 0; worker->in_flight && slot < THRUM__TASK_SLOTS; slot++) {
            if (worker->held[slot].deadline.ns)
                look_at_deadline(pool, worker, slot, now, round, outcomes);
            if (stopping && now >= pool->stop_by.ns && worker->held[slot].future)
                kill_for(worker, slot, -ECANCELED);
        }
        if (worker->stage != THRUM__PROCESS_WORKER_LEAVING)
            continue;
        if (now < worker->leave_by.ns) {
            wake_at(round, worker->leave_by);
        } else {
            worker->leave_by = THRUM_FOREVER;
            (void)thrum__pidfd_signal(worker->child.pidfd, SIGKILL);
        }
    }
}

/* ---------------------------------------------------------------------------------------- levelling */

static thrum__process_worker *fullest(thrum__process_pool *pool)
{
    thrum__process_worker *found = NULL;
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__process_worker *worker = &pool->all_workers[i];
        if (worker->in_flight > 1 && (!found || worker->in_flight > found->in_flight))
            found = worker;
    }
    return found;
}

/* Gives an idle worker the older half of what waits on the fullest worker's slots. False if it got nothing. */
static bool level_one(thrum__process_pool *pool, thrum__process_worker *idle)
{
    thrum__process_worker *from = fullest(pool);
    if (!from)
        return false;
    uint32_t most = from->in_flight / 2, moved = 0;
    for (uint32_t at = from->collected; at != from->child.put && moved < most; at++) {
        uint32_t slot = at % THRUM__TASK_SLOTS;
        thrum_future *future =
            thrum__process_worker_has_room(pool, idle) ? take_back(pool, from, slot) : NULL;
        if (!future)
            continue;
        if (thrum__process_worker_put(pool, idle, future) < 0)
            thrum__pool_push(&pool->pool, future, THRUM__RANK_AGAIN);
        moved++;
    }
    return moved > 0;
}

/* Whether there is room for what waits for it, or lies behind another task. */
static bool has_room_for_more(thrum__process_pool *pool)
{
    thrum__process_worker *from = pool->pool.pending_count ? NULL : fullest(pool);
    bool wanted = pool->pool.pending_count && !pool->pool.broken;
    for (uint32_t slot = 0; from && slot < THRUM__TASK_SLOTS; slot++)
        wanted |= from->held[slot].future && thrum__task_slot_is_ready(slot_of(from, slot));
    for (size_t i = 0; wanted && i < pool->max_workers; i++) {
        thrum__process_worker *worker = &pool->all_workers[i];
        if (!worker->in_flight && thrum__process_worker_has_room(pool, worker))
            return true;
    }
    return false;
}

static void level(thrum__process_pool *pool)
{
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__process_worker *worker = &pool->all_workers[i];
        if (!worker->in_flight && thrum__process_worker_has_room(pool, worker) &&
            !level_one(pool, worker))
            return;
    }
}

/* ----------------------------------------------------------------------------- starts and leaves */

static void begin_to_leave(thrum__process_pool *pool, thrum__process_worker *worker)
{
    worker->stage = THRUM__PROCESS_WORKER_LEAVING;
    worker->leave_by = thrum__deadline_after(thrum__clock_now(), LEAVE_GRACES * pool->grace);
    thrum__task_slots_leave(worker->child.slots);
}

/* Sends away those that have nothing to do and will get nothing more. */
static void let_leave(thrum__process_pool *pool)
{
    bool all =
        pool->pool.broken || (pool->pool.closing && !pool->pool.pending_count && !pool->in_flight);
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__process_worker *worker = &pool->all_workers[i];
        bool spent = pool->max_tasks && worker->given >= pool->max_tasks;
        if (worker->stage == THRUM__PROCESS_WORKER_SERVING && !worker->in_flight && (all || spent))
            begin_to_leave(pool, worker);
    }
}

static thrum__process_worker *free_place(thrum__process_pool *pool)
{
    for (size_t i = 0; i < pool->max_workers; i++)
        if (pool->all_workers[i].stage == THRUM__PROCESS_WORKER_NONE)
            return &pool->all_workers[i];
    return NULL;
}

/* No worker came. Without any other, those that are pending fail; with some, they go to these. */
static void refuse_start(thrum__process_pool *pool, int code, thrum__outcomes *outcomes)
{
    thrum_future *future;
    pool->start_refused = true;
    if (pool->workers)
        return;
    while ((future = thrum__process_pool_take_pending(pool, NULL, outcomes)))
        thrum__process_pool_fail(pool, future, code, "the system refuses a worker process",
                                 outcomes);
}

static void put_initializer(thrum__process_pool *pool, thrum__process_worker *worker,
                            thrum__outcomes *outcomes)
{
    int slot = thrum__child_put(&worker->child, pool->pool.initializer, pool->pool.initializer_arg,
                                pool->pool.initializer_arg_size, THRUM__NO_DEADLINE);
    if (slot >= 0) {
        worker->held[slot].busy = true;
        worker->in_flight++;
        worker->initialising = true;
        return;
    }
    thrum_error error = {.code = slot};
    snprintf(error.message, sizeof error.message, "the initializer cannot be handed to a worker");
    thrum__process_pool_break(pool, "", &error, outcomes);
}

/* Starts a worker, without the lock meanwhile. False if that is to be left for now. */
static bool start_one(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    thrum__process_worker *worker = free_place(pool);
    char name[THRUM__NAME_SIZE];
    thrum__child child;
    snprintf(name, sizeof name, "%.48s-%zu", pool->pool.name_prefix, pool->named + 1);
    thrum__child_options options = pool->child_options;
    options.name = name;
    worker->stage = THRUM__PROCESS_WORKER_STARTING;
    pool->workers++;
    pool->starting++;
    thrum_lock_release(&pool->pool.lock);
    int rc = thrum__child_start(&child, &options);
    thrum_lock_acquire(&pool->pool.lock);
    pool->starting--;
    if (rc < 0) {
        worker->stage = THRUM__PROCESS_WORKER_NONE;
        pool->workers--;
        refuse_start(pool, rc, outcomes);
        return false;
    }
    worker->stage = THRUM__PROCESS_WORKER_SERVING;
    worker->child = child;
    pool->named++;
    if (pool->pool.initializer)
        put_initializer(pool, worker, outcomes);
    return true;
}

/* ------------------------------------------------------------------------------------- the round */

static bool is_over(thrum__process_pool *pool)
{
    return pool->pool.closing && !pool->workers && !pool->pool.pending_count && !pool->in_flight &&
           !thrum__load_acquire(&pool->visitors);
}

static void work(thrum__process_pool *pool, thrum__reaper_round *round, thrum__outcomes *outcomes)
{
    thrum__process_pool_collect(pool, outcomes);
    if (round->deaths)
        bury_dead(pool, outcomes);
    if (pool->pool.broken && pool->pool.pending_count) {
        thrum_error error = {.code = pool->pool.broken};
        thrum__process_pool_break(pool, "", &error, outcomes);
    }
    if (pool->drop_pending)
        drop_pending(pool, outcomes);
    if (round->asked || pool->stop_running)
        pass_requests(pool, outcomes);
    thrum__process_pool_fill(pool, outcomes);
    while (!pool->start_refused && thrum__process_pool_wants_worker(pool) &&
           start_one(pool, outcomes)) {
        thrum__process_pool_fill(pool, outcomes);
        level(pool);
    }
    thrum__process_pool_fill(pool, outcomes);
    level(pool);
    let_leave(pool);
    look_at_deadlines(pool, round, outcomes);
}

bool thrum__process_pool_work(thrum__reaper_client *client, thrum__reaper_round *round)
{
    thrum__process_pool *pool =
        (thrum__process_pool *)((char *)client - offsetof(thrum__process_pool, client));
    thrum__outcomes outcomes = {0};
    bool over = false;
    thrum_with (&pool->pool.lock) {
        work(pool, round, &outcomes);
        over = is_over(pool);
    }
    bool settles =
        outcomes.ended || outcomes.unrun || outcomes.dropped || outcomes.admitted || outcomes.broke;
    thrum__outcomes_settle(pool, &outcomes);
    if (over && settles) { /* a waiter for these may just have entered: look once more */
        over = false;
        thrum__reaper_wake();
    }
    return !over;
}

/* Whether the next outcome of a worker is there, but for those that a waiter collects. */
static bool has_outcome(thrum__process_worker *worker)
{
    uint32_t at = worker->collected;
    while (at != worker->child.put && (!worker->held[at % THRUM__TASK_SLOTS].busy ||
                                       worker->held[at % THRUM__TASK_SLOTS].direct))
        at++;
    return at != worker->child.put &&
           thrum__task_slot_is_done(slot_of(worker, at % THRUM__TASK_SLOTS));
}

bool thrum__process_pool_sleeps(thrum__reaper_client *client, bool sleeps)
{
    thrum__process_pool *pool =
        (thrum__process_pool *)((char *)client - offsetof(thrum__process_pool, client));
    bool busy = false;
    thrum_with (&pool->pool.lock) {
        for (size_t i = 0; i < pool->max_workers; i++)
            if (pool->all_workers[i].child.slots)
                thrum__task_slots_reaper_sleeps(pool->all_workers[i].child.slots, sleeps);
        thrum__fence_seq_cst(); /* pairs with those in thrum__task_slots_finish and thrum__task_slots_emptied */
        for (size_t i = 0; sleeps && i < pool->max_workers; i++)
            busy |= pool->all_workers[i].child.slots && has_outcome(&pool->all_workers[i]);
        busy |= sleeps && has_room_for_more(pool);
    }
    return busy;
}
