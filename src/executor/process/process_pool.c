/* The process pool: how tasks get to worker processes, and their outcomes back.
 *
 * Each worker has task slots (process/task_slots.h) with room for a few tasks. A submitter puts the task on
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
 * All of the pool's own state is under its one lock, taken by submitters and by the reaper for about
 * a microsecond at a time, or for as long as a large argument takes to be copied. What is to be done to
 * futures is noted there and done after it (thrum__outcomes). Callbacks and the failure hook run on a
 * background thread (thread/background.c), never on the reaper: they may wait for processes. The parent goes
 * by its own account of each slot (held), and of the slots' words believes only what can do no harm.
 *
 * Rejected: one queue for all workers in memory they share, as in Python. A worker that dies while it has
 * the queue's lock takes all others along.
 */
#include "executor/process/process_pool.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/panic.h"
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int submit(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    thrum__process_pool *pool = (thrum__process_pool *)executor; /* its first member's first */
    thrum__outcomes outcomes = {0};
    bool wakes = false, inside = false;
    int rc = 0;
    if (thrum__pool_lost(&pool->pool))
        return -ESRCH;
    if (thrum__task_arg_owned(&future->task)) {
        *ret_reason = thrum__value_stays;
        return -EINVAL;
    }
    thrum_with (&pool->pool.lock) {
        rc = thrum__pool_admit(&pool->pool, ret_reason, &inside);
        if (rc == 0) {
            size_t timed = pool->timed;
            future->attempts = future->place = 0;
            thrum__store_release(&future->executor, (void *)pool);
            pool->start_refused = false;
            thrum__pool_push(&pool->pool, future, thrum__pool_rank(future));
            thrum__process_pool_fill(pool, &outcomes);
            wakes = thrum__process_pool_wants_worker(pool) || pool->timed != timed;
        }
    }
    if (wakes)
        thrum__reaper_wake();
    thrum__outcomes_settle(pool, &outcomes);
    return thrum__pool_end_submit(&pool->pool, future, rc, inside);
}

static size_t width(const thrum_executor *executor)
{
    return ((const thrum__process_pool *)executor)->max_workers;
}

static void stats(thrum_executor *executor, thrum_executor_stats *ret_stats)
{
    thrum__process_pool *pool = (thrum__process_pool *)executor;
    if (thrum__pool_lost(&pool->pool))
        return; /* a lost thread may hold the lock */
    thrum_with (&pool->pool.lock) {
        size_t idle = 0, running = 0, live = 0;
        for (size_t i = 0; i < pool->max_workers; i++) {
            const thrum__process_worker *worker = &pool->all_workers[i];
            if (!worker->child.slots)
                continue;
            live++;
            running += worker->in_flight > 0;
            idle += worker->in_flight == 0;
        }
        *ret_stats = (thrum_executor_stats){
            .workers = live,
            .idle = idle,
            .pending = pool->pool.pending_count + pool->in_flight - running,
            .running = running,
            .done = pool->pool.done,
            .failed = pool->pool.failed,
            .cancelled = pool->pool.cancelled,
        };
    }
}

static const thrum__executor_ops process_pool_ops = {.submit = submit,
                                                     .width = width,
                                                     .shutdown = thrum__pool_shutdown,
                                                     .stats = stats,
                                                     .far = true};

size_t thrum_process_pool_pids(thrum_executor *executor, int32_t *ret_pids, size_t most)
{
    thrum__executor_check(executor, thrum__caller());
    if (executor->ops != &process_pool_ops)
        return 0;
    thrum__process_pool *pool = (thrum__process_pool *)executor;
    size_t count = 0;
    if (thrum__pool_lost(&pool->pool))
        return 0;
    thrum_with (&pool->pool.lock)
        for (size_t i = 0; i < pool->max_workers; i++)
            if (pool->all_workers[i].child.slots) {
                if (count < most)
                    ret_pids[count] = pool->all_workers[i].child.pid;
                count++;
            }
    return count;
}

/* --------------------------------------------------------------------------------------- the end */

static void finish(thrum__pool *common)
{
    thrum__process_pool *pool = (thrum__process_pool *)common; /* its first member */
    thrum__free((void *)(uintptr_t)pool->child_options.descriptors);
    thrum__free(pool->all_workers);
}

static void gone(thrum__reaper_client *client)
{
    thrum__pool_leave(
        &((thrum__process_pool *)((char *)client - offsetof(thrum__process_pool, client)))->pool);
}

/* The reaper does the rest. */
static size_t close_pool(thrum__pool *common, const thrum_shutdown_options *options)
{
    thrum__process_pool *pool = (thrum__process_pool *)common; /* its first member */
    thrum__waiter *refused = NULL;
    bool refused_pool = false;
    thrum_with (&common->lock) {
        refused_pool = pool->refused;
        refused = thrum__pool_begin_close(common);
        pool->start_refused = false;
        pool->drop_pending = options->cancel_pending;
        if (options->cancel_running) {
            pool->stop_running = true;
            pool->stop_by = thrum__deadline_after(thrum__clock_now(), pool->grace);
        }
    }
    thrum__unpark_chain(refused);
    if (refused_pool)
        thrum__pool_leave(common); /* for the reaper, which does not have it */
    else
        thrum__reaper_wake();
    return 0;
}

/* The workers are the parent's: the child touches nothing, neither task slots nor futures. */
static bool forsake(thrum__pool *common)
{
    (void)common;
    return false;
}

/* ----------------------------------------------------------------------------------- the beginning */

static const thrum__pool_kind kind = {
    .name = "process pool", .close = close_pool, .forsake = forsake, .finish = finish};

/* Copies `size` bytes. False if memory is out. */
static bool copy(void *ret_copy, const void *from, size_t size)
{
    void *memory = NULL;
    if (size && from) {
        memory = thrum__alloc(size);
        if (!memory)
            return false;
        memcpy(memory, from, size);
    }
    memcpy(ret_copy, &memory, sizeof memory);
    return true;
}

enum { MOST_SECONDS = 1000000 };

static thrum_time grace_of(const thrum_process_pool_options *options)
{
    double grace = options->grace > 0 ? options->grace : 0.1;
    return (thrum_time)((grace < MOST_SECONDS ? grace : MOST_SECONDS) * 1e9);
}

static void set(thrum__process_pool *pool, const thrum_process_pool_options *options)
{
    pool->max_workers = (size_t)(options->max_workers ? options->max_workers : thrum__cpu_count());
    pool->max_tasks = options->max_tasks_per_worker;
    pool->child_options.fork = options->start == THRUM_START_FORK;
    pool->child_options.memory_limit = options->memory_limit;
    pool->child_options.cpu_limit = options->cpu_limit;
    pool->child_options.descriptor_count = options->descriptor_count;
    pool->grace = grace_of(options);
    pool->kill_on_cancel = options->kill_on_cancel;
    pool->retries = options->retries > 0 ? (uint32_t)options->retries : 0;
    pool->client = (thrum__reaper_client){
        .work = thrum__process_pool_work, .sleeps = thrum__process_pool_sleeps, .gone = gone};
}

/* Gives the pool to the reaper. If the program may start no workers, or the reaper cannot start, the pool is broken
 * from the beginning, and the reaper does not have it: each task fails with the reason. */
static int enter(thrum__process_pool *pool)
{
    int rc = thrum__reaper_enter(&pool->client);
    if (rc == 0)
        thrum__store_relaxed(&thrum__reaper_scope()->far, &thrum__process_pool_far);
    if (rc == 0 || rc == -ENOMEM)
        return rc;
    pool->refused = true;
    pool->pool.broken = rc;
    if (rc == -EPERM)
        snprintf(pool->pool.why_broken, sizeof pool->pool.why_broken, "%s", thrum__reaper_refusal);
    else
        snprintf(pool->pool.why_broken, sizeof pool->pool.why_broken,
                 "the pool is broken: the thread that watches processes cannot start: %s",
                 thrum_strerror(rc));
    return 0;
}

thrum_executor *thrum_process_pool_new(const thrum_process_pool_options *options)
{
    static const thrum_process_pool_options defaults;
    if (!options)
        options = &defaults;
    thrum__pool_options common = thrum__pool_options_of(options);
    thrum__pool_options_check(&common, &kind, thrum__caller());
    thrum__process_pool *pool = thrum__alloc_line(sizeof *pool);
    if (!pool)
        return NULL;
    if (thrum__pool_init(&pool->pool, &process_pool_ops, &kind, &common, "process") < 0) {
        thrum__free(pool);
        return NULL;
    }
    set(pool, options);
    pool->pool.holders = 1; /* the reaper */
    pool->all_workers = thrum__alloc_array(pool->max_workers, sizeof *pool->all_workers);
    if (!pool->all_workers ||
        !copy(&pool->child_options.descriptors, options->descriptors,
              options->descriptor_count * sizeof *options->descriptors) ||
        enter(pool) < 0) {
        thrum__pool_discard(&pool->pool);
        return NULL;
    }
    return &pool->pool.base;
}
