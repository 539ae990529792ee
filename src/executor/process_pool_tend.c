/* What the reaper does for a process pool, in each of its rounds: collect what workers have done, bury the
 * dead, pass on requests to stop, enforce deadlines, level the workers, start workers, let them leave. All of
 * it is under the pool's lock but the start of a worker; what follows for futures comes after it.
 */
#include "base/clock.h"
#include "executor/deadline.h"
#include "executor/process_pool.h"
#include <thrum/with.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { AGAIN = 0, LEAVE_GRACES = 20, MOST_EARLY_DEATHS = 5 };

static thrum__task_slot *slot_of(thrum__hand *hand, uint32_t slot)
{
    return &hand->child.slots->slot[slot];
}

static void add_unrun(thrum__process_pool *pool, thrum_future *future, thrum__outcomes *outcomes)
{
    pool->done++;
    pool->cancelled++;
    future->next = outcomes->unrun;
    outcomes->unrun = future;
}

/* Takes a task back that its worker has not begun; NULL if it has. */
static thrum_future *take_back(thrum__process_pool *pool, thrum__hand *hand, uint32_t slot)
{
    if (!hand->held[slot].future || !thrum__task_slot_take_back(slot_of(hand, slot)))
        return NULL;
    hand->given--;
    return thrum__hand_release(pool, hand, slot);
}

/* ----------------------------------------------------------------------------------------- deaths */

void thrum__process_pool_break(thrum__process_pool *pool, const thrum_error *error,
                               thrum__outcomes *outcomes)
{
    if (!error)
        return;
    if (!pool->broken) {
        pool->broken = error->code;
        snprintf(pool->why_broken, sizeof pool->why_broken, "the pool is broken: %.170s",
                 error->message);
    }
    thrum_future *future;
    uint32_t won = 0;
    while ((future = thrum__process_pool_pop(pool))) {
        if (thrum_future_running(future) || thrum__future_start(future, NULL)) {
            thrum__process_pool_fail(pool, future, pool->broken, pool->why_broken, outcomes);
        } else {
            thrum__process_pool_drop(pool, future, outcomes);
        }
    }
    if (!outcomes->admitted)
        outcomes->admitted = thrum__waiters_claim_chain(&pool->submitters, UINT32_MAX, &won);
}

/* The end of the task that a worker was in when it ended. */
static void end_with_worker(thrum__process_pool *pool, thrum__hand *hand, uint32_t slot,
                            const thrum__exit *ended, thrum__outcomes *outcomes)
{
    thrum_future *future = thrum__hand_release(pool, hand, slot);
    if (hand->doom && hand->doomed == slot) {
        char message[200];
        snprintf(message, sizeof message, "%s, and worker \"%s\" (pid %d) was killed",
                 hand->doom == -ETIMEDOUT ? "the task went on after its deadline"
                                          : "the task was cancelled",
                 hand->child.name, hand->child.pid);
        thrum__process_pool_fail(pool, future, hand->doom, message, outcomes);
    } else if (future->attempts++ < pool->retries && !thrum__future_is_asked(future)) {
        thrum__process_pool_push(pool, future, AGAIN);
    } else {
        char message[sizeof(thrum_error)];
        thrum__child_obituary(&hand->child, ended, thrum__timed_parts_of(&future->task).function,
                              message, sizeof message);
        thrum__process_pool_fail(pool, future, -ECHILD, message, outcomes);
    }
}

/* A worker that died before it had begun any task. */
static void count_early_death(thrum__process_pool *pool, thrum__hand *hand,
                              const thrum__exit *ended, thrum__outcomes *outcomes)
{
    thrum_error error = {.code = -ECHILD};
    bool started = thrum__load_relaxed(&hand->child.slots->stage) != THRUM__STAGE_STARTING;
    if (!hand->initialising && ++pool->early_deaths < MOST_EARLY_DEATHS)
        return;
    int used = snprintf(error.message, sizeof error.message, "%s",
                        hand->initialising ? "in its initializer "
                        : started          ? "again and again, with no task done, "
                                           : "again and again, before it could begin, ");
    thrum__child_obituary(&hand->child, ended, NULL, error.message + used,
                          sizeof error.message - (size_t)used);
    thrum__process_pool_break(pool, &error, outcomes);
}

/* A worker is over: what it had done is collected. */
static void bury(thrum__process_pool *pool, thrum__hand *hand, const thrum__exit *ended,
                 thrum__outcomes *outcomes)
{
    bool began = false;
    for (; hand->collected != hand->child.put; hand->collected++) {
        uint32_t slot = hand->collected % THRUM__TASK_SLOTS;
        bool direct = hand->held[slot].direct;
        if (!hand->held[slot].busy)
            continue;
        if (thrum__task_slot_is_done(slot_of(hand, slot))) {
            thrum__process_pool_collect_one(pool, hand, slot, outcomes); /* left to a waiter */
        } else if (!hand->held[slot].future) {
            (void)thrum__hand_release(pool, hand, slot); /* the initializer */
        } else if (thrum__task_slot_is_taken(slot_of(hand, slot))) {
            began = true;
            end_with_worker(pool, hand, slot, ended, outcomes);
        } else {
            thrum__process_pool_push(pool, thrum__hand_release(pool, hand, slot), AGAIN);
        }
        if (direct)
            thrum__task_slot_send_away(slot_of(hand, slot));
    }
    if (began)
        pool->early_deaths = 0;
    else if (hand->stage == THRUM__HAND_SERVING)
        count_early_death(pool, hand, ended, outcomes);
    thrum__child_free(&hand->child);
    *hand = (thrum__hand){0};
    pool->workers--;
}

static void bury_dead(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__hand *hand = &pool->hands[i];
        thrum__exit ended;
        if (!hand->child.slots || !thrum__pidfd_reap(hand->child.pidfd, &ended))
            continue;
        thrum__process_pool_collect(pool, outcomes);
        bury(pool, hand, &ended, outcomes);
    }
}

/* ----------------------------------------------------------------------- requests and deadlines */

/* Kills a worker for the sake of the task that it runs; not if that has ended. */
static void kill_for(thrum__hand *hand, uint32_t slot, int code)
{
    if (hand->doom || !thrum__task_slots_hold(hand->child.slots, slot_of(hand, slot)))
        return;
    hand->doom = code;
    hand->doomed = slot;
    hand->stage = THRUM__HAND_LEAVING;
    hand->leave_by = THRUM_FOREVER;
    (void)thrum__pidfd_signal(hand->child.pidfd, SIGKILL);
}

/* A task in a worker that is to stop. */
static void stop_one(thrum__process_pool *pool, thrum__hand *hand, uint32_t slot,
                     thrum__outcomes *outcomes)
{
    thrum__held_task *held = &hand->held[slot];
    thrum_future *future = take_back(pool, hand, slot);
    if (future) {
        add_unrun(pool, future, outcomes);
        return;
    }
    if (pool->kill_on_cancel)
        kill_for(hand, slot, -ECANCELED);
    else if (!held->asked)
        thrum__task_slots_ask(hand->child.slots, slot_of(hand, slot));
    held->asked = true;
}

static void pass_requests(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__hand *hand = &pool->hands[i];
        for (uint32_t slot = 0; hand->in_flight && slot < THRUM__TASK_SLOTS; slot++) {
            thrum__held_task *held = &hand->held[slot];
            if (held->future && (pool->stop_running || thrum__future_is_asked(held->future)))
                stop_one(pool, hand, slot, outcomes);
        }
    }
    /* those between two workers: all that stay are put back in the same order */
    for (size_t count = pool->pending[AGAIN].count; count; count--) {
        thrum_future *future = thrum__process_pool_pop(pool);
        if (pool->stop_running || thrum__future_is_asked(future))
            add_unrun(pool, future, outcomes);
        else
            thrum__process_pool_push(pool, future, AGAIN);
    }
}

static void drop_pending(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    thrum_future *future;
    for (size_t i = 0; i < pool->max_workers; i++)
        for (uint32_t slot = 0; slot < THRUM__TASK_SLOTS; slot++) {
            future = take_back(pool, &pool->hands[i], slot);
            if (future)
                add_unrun(pool, future, outcomes);
        }
    while ((future = thrum__process_pool_pop(pool))) {
        if (thrum_future_running(future) || thrum__future_start(future, NULL)) {
            add_unrun(pool, future, outcomes);
        } else {
            thrum__process_pool_drop(pool, future, outcomes);
        }
    }
}

static void wake_at(thrum__reaper_round *round, thrum_time moment)
{
    if (moment < round->next)
        round->next = moment;
}

static thrum_time later(thrum_time moment, thrum_time by)
{
    return by > THRUM_FOREVER - moment ? THRUM_FOREVER : moment + by;
}

/* A task with a deadline: taken back if it has not begun, its worker killed when the grace is over. */
static void look_at_deadline(thrum__process_pool *pool, thrum__hand *hand, uint32_t slot,
                             thrum_time now, thrum__reaper_round *round, thrum__outcomes *outcomes)
{
    thrum_time deadline = hand->held[slot].deadline, end = later(deadline, pool->grace);
    thrum_future *future = now < deadline ? NULL : take_back(pool, hand, slot);
    if (now < deadline)
        wake_at(round, deadline);
    else if (future)
        thrum__process_pool_fail(pool, future, -ETIMEDOUT,
                                 "the task's deadline passed before it could begin", outcomes);
    else if (now < end)
        wake_at(round, end);
    else
        kill_for(hand, slot, -ETIMEDOUT);
}

static void look_at_deadlines(thrum__process_pool *pool, thrum__reaper_round *round,
                              thrum__outcomes *outcomes)
{
    thrum_time now = thrum__clock_now();
    bool stopping = pool->stop_running && pool->in_flight;
    if (stopping && now < pool->stop_by)
        wake_at(round, pool->stop_by);
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__hand *hand = &pool->hands[i];
        for (uint32_t slot = 0; hand->in_flight && slot < THRUM__TASK_SLOTS; slot++) {
            if (hand->held[slot].deadline)
                look_at_deadline(pool, hand, slot, now, round, outcomes);
            if (stopping && now >= pool->stop_by && hand->held[slot].future)
                kill_for(hand, slot, -ECANCELED);
        }
        if (hand->stage != THRUM__HAND_LEAVING)
            continue;
        if (now < hand->leave_by) {
            wake_at(round, hand->leave_by);
        } else {
            hand->leave_by = THRUM_FOREVER;
            (void)thrum__pidfd_signal(hand->child.pidfd, SIGKILL);
        }
    }
}

/* ---------------------------------------------------------------------------------------- levelling */

static thrum__hand *fullest(thrum__process_pool *pool)
{
    thrum__hand *found = NULL;
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__hand *hand = &pool->hands[i];
        if (hand->in_flight > 1 && (!found || hand->in_flight > found->in_flight))
            found = hand;
    }
    return found;
}

/* Gives an idle worker the older half of what waits on the fullest worker's slots. False if it got nothing. */
static bool level_one(thrum__process_pool *pool, thrum__hand *idle)
{
    thrum__hand *from = fullest(pool);
    if (!from)
        return false;
    uint32_t most = from->in_flight / 2, moved = 0;
    for (uint32_t at = from->collected; at != from->child.put && moved < most; at++) {
        uint32_t slot = at % THRUM__TASK_SLOTS;
        thrum_future *future =
            thrum__hand_has_room(pool, idle) ? take_back(pool, from, slot) : NULL;
        if (!future)
            continue;
        if (thrum__hand_put(pool, idle, future) < 0)
            thrum__process_pool_push(pool, future, AGAIN);
        moved++;
    }
    return moved > 0;
}

/* Whether there is room for what waits for it, or lies behind another task. */
static bool has_room_for_more(thrum__process_pool *pool)
{
    thrum__hand *from = pool->pending_count ? NULL : fullest(pool);
    bool wanted = pool->pending_count && !pool->broken;
    for (uint32_t slot = 0; from && slot < THRUM__TASK_SLOTS; slot++)
        wanted |= from->held[slot].future && thrum__task_slot_is_ready(slot_of(from, slot));
    for (size_t i = 0; wanted && i < pool->max_workers; i++) {
        thrum__hand *hand = &pool->hands[i];
        if (!hand->in_flight && thrum__hand_has_room(pool, hand))
            return true;
    }
    return false;
}

static void level(thrum__process_pool *pool)
{
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__hand *hand = &pool->hands[i];
        if (!hand->in_flight && thrum__hand_has_room(pool, hand) && !level_one(pool, hand))
            return;
    }
}

/* ----------------------------------------------------------------------------- starts and leaves */

static void begin_to_leave(thrum__process_pool *pool, thrum__hand *hand)
{
    hand->stage = THRUM__HAND_LEAVING;
    hand->leave_by = later(thrum__clock_now(), LEAVE_GRACES * pool->grace);
    thrum__task_slots_leave(hand->child.slots);
}

/* Sends away those that have nothing to do and will get nothing more. */
static void let_leave(thrum__process_pool *pool)
{
    bool all = pool->broken || (pool->closing && !pool->pending_count && !pool->in_flight);
    for (size_t i = 0; i < pool->max_workers; i++) {
        thrum__hand *hand = &pool->hands[i];
        bool spent = pool->max_tasks && hand->given >= pool->max_tasks;
        if (hand->stage == THRUM__HAND_SERVING && !hand->in_flight && (all || spent))
            begin_to_leave(pool, hand);
    }
}

static thrum__hand *free_hand(thrum__process_pool *pool)
{
    for (size_t i = 0; i < pool->max_workers; i++)
        if (pool->hands[i].stage == THRUM__HAND_NONE)
            return &pool->hands[i];
    return NULL;
}

/* No worker came. Without any other, those that are pending fail; with some, they go to these. */
static void refuse_start(thrum__process_pool *pool, int code, thrum__outcomes *outcomes)
{
    thrum_future *future;
    pool->start_refused = true;
    if (pool->workers)
        return;
    while ((future = thrum__process_pool_pop(pool)))
        if (thrum_future_running(future) || thrum__future_start(future, NULL)) {
            thrum__process_pool_fail(pool, future, code, "the system refuses a worker process",
                                     outcomes);
        } else {
            thrum__process_pool_drop(pool, future, outcomes);
        }
}

static void put_initializer(thrum__process_pool *pool, thrum__hand *hand, thrum__outcomes *outcomes)
{
    int slot = thrum__child_put(&hand->child, pool->initializer, pool->initializer_arg,
                                pool->initializer_size, 0);
    if (slot >= 0) {
        hand->held[slot].busy = true;
        hand->in_flight++;
        hand->initialising = true;
        return;
    }
    thrum_error error = {.code = slot};
    snprintf(error.message, sizeof error.message, "the initializer cannot be handed to a worker");
    thrum__process_pool_break(pool, &error, outcomes);
}

/* Starts a worker, without the lock meanwhile. False if that is to be left for now. */
static bool start_one(thrum__process_pool *pool, thrum__outcomes *outcomes)
{
    thrum__hand *hand = free_hand(pool);
    char name[THRUM__NAME_SIZE];
    thrum__child child;
    snprintf(name, sizeof name, "%.48s-%zu", pool->name_prefix, pool->named + 1);
    thrum__child_options options = pool->child_options;
    options.name = name;
    hand->stage = THRUM__HAND_STARTING;
    pool->workers++;
    pool->starting++;
    thrum_lock_release(&pool->lock);
    int rc = thrum__child_start(&child, &options);
    thrum_lock_acquire(&pool->lock);
    pool->starting--;
    if (rc < 0) {
        hand->stage = THRUM__HAND_NONE;
        pool->workers--;
        refuse_start(pool, rc, outcomes);
        return false;
    }
    hand->stage = THRUM__HAND_SERVING;
    hand->child = child;
    pool->named++;
    if (pool->initializer)
        put_initializer(pool, hand, outcomes);
    return true;
}

/* ------------------------------------------------------------------------------------- the round */

static bool is_over(thrum__process_pool *pool)
{
    return pool->closing && !pool->workers && !pool->pending_count && !pool->in_flight &&
           !thrum__load_acquire(&pool->visitors);
}

static void work(thrum__process_pool *pool, thrum__reaper_round *round, thrum__outcomes *outcomes)
{
    thrum__process_pool_collect(pool, outcomes);
    if (round->deaths)
        bury_dead(pool, outcomes);
    if (pool->broken && pool->pending_count) {
        thrum_error error = {.code = pool->broken};
        thrum__process_pool_break(pool, &error, outcomes);
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
    thrum_with (&pool->lock) {
        work(pool, round, &outcomes);
        over = is_over(pool);
    }
    bool settles = outcomes.ended || outcomes.unrun || outcomes.dropped || outcomes.admitted;
    thrum__outcomes_settle(&outcomes);
    if (over && settles) { /* one who waits for these may just have entered: look once more */
        over = false;
        thrum__reaper_wake();
    }
    return !over;
}

/* Whether the next outcome of a worker is there, but for those that a waiter collects. */
static bool has_outcome(thrum__hand *hand)
{
    uint32_t at = hand->collected;
    while (at != hand->child.put &&
           (!hand->held[at % THRUM__TASK_SLOTS].busy || hand->held[at % THRUM__TASK_SLOTS].direct))
        at++;
    return at != hand->child.put && thrum__task_slot_is_done(slot_of(hand, at % THRUM__TASK_SLOTS));
}

bool thrum__process_pool_sleeps(thrum__reaper_client *client, bool sleeps)
{
    thrum__process_pool *pool =
        (thrum__process_pool *)((char *)client - offsetof(thrum__process_pool, client));
    bool busy = false;
    thrum_with (&pool->lock) {
        for (size_t i = 0; i < pool->max_workers; i++)
            if (pool->hands[i].child.slots)
                thrum__task_slots_reaper_sleeps(pool->hands[i].child.slots, sleeps);
        thrum__fence_seq_cst(); /* pairs with those in thrum__task_slots_finish and thrum__task_slots_emptied */
        for (size_t i = 0; sleeps && i < pool->max_workers; i++)
            busy |= pool->hands[i].child.slots && has_outcome(&pool->hands[i]);
        busy |= sleeps && has_room_for_more(pool);
    }
    return busy;
}
