/* The life of a process pool: how it is made, and how it ends.
 *
 * The reaper has the pool from its beginning. A shutdown closes it; the reaper then drains it, lets the
 * workers leave, reaps them, and as its last touch tells whoever waits, or frees it if nobody does.
 *
 * A child made by a plain fork has the pool's memory, but the workers are its parent's: it touches
 * nothing, neither task slots nor futures, and leaves the memory as it is.
 */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "base/process.h"
#include "executor/process_pool.h"
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void free_pool(thrum__process_pool *pool)
{
    thrum__free(pool->name_prefix);
    thrum__free(pool->initializer_arg);
    thrum__free((void *)(uintptr_t)pool->child_options.descriptors);
    thrum__free(pool->hands);
    thrum__free(pool);
}

static void gone(thrum__reaper_client *client)
{
    thrum__process_pool *pool =
        (thrum__process_pool *)((char *)client - offsetof(thrum__process_pool, client));
    if (pool->abandoned)
        free_pool(pool);
    else
        thrum_event_set(&pool->gone);
}

static void close_pool(thrum__process_pool *pool, const thrum_shutdown_options *options)
{
    thrum__waiter *refused = NULL;
    uint32_t won = 0;
    thrum_with (&pool->lock) {
        pool->closing = true;
        pool->start_refused = false;
        pool->abandoned = options->no_wait;
        pool->drop_pending = options->cancel_pending;
        if (options->cancel_running) {
            pool->stop_running = true;
            pool->stop_by = thrum__clock_now() + pool->grace;
        }
        refused = thrum__waiters_claim_chain(&pool->submitters, UINT32_MAX, &won);
    }
    thrum__reaper_wake();
    thrum__unpark_chain(refused);
}

static void wait_until_gone(thrum__process_pool *pool)
{
    thrum_shield_begin(); /* a pool that is left half shut down would be lost */
    thrum_event_wait(&pool->gone, THRUM_FOREVER);
    thrum_shield_end();
}

void thrum__process_pool_shutdown(thrum_executor *executor, const thrum_shutdown_options *options,
                                  const void *place)
{
    (void)place; /* its tasks are elsewhere, and cannot wait for themselves */
    thrum__process_pool *pool = (thrum__process_pool *)executor;
    bool ours = thrum__pools_leave(&pool->listed);
    if (pool->process != thrum__process_generation)
        return;
    thrum_shutdown_options how = *options;
    bool refused = !pool->client.work; /* nobody else has it */
    how.no_wait = options->no_wait && ours && !refused;
    close_pool(pool, &how);
    if (options->no_wait && !refused)
        return;
    wait_until_gone(pool);
    if (ours)
        free_pool(pool);
}

static void drain(thrum__listed_pool *listed)
{
    static const thrum_shutdown_options finish;
    thrum__process_pool *pool =
        (thrum__process_pool *)((char *)listed - offsetof(thrum__process_pool, listed));
    close_pool(pool, &finish);
    wait_until_gone(pool);
}

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
    pool->base.ops = &thrum__process_pool_ops;
    pool->max_workers = (size_t)(options->max_workers ? options->max_workers : thrum__cpu_count());
    pool->max_pending = options->max_pending;
    pool->max_tasks = options->max_tasks_per_worker;
    pool->when_full = options->when_full;
    pool->process = thrum__process_generation;
    pool->initializer = options->initializer;
    pool->initializer_size = options->initializer_arg_size;
    pool->child_options.fork = options->start == THRUM_START_FORK;
    pool->child_options.memory_limit = options->memory_limit;
    pool->child_options.cpu_limit = options->cpu_limit;
    pool->child_options.descriptor_count = options->descriptor_count;
    pool->grace = grace_of(options);
    pool->kill_on_cancel = options->kill_on_cancel;
    pool->retries = options->retries > 0 ? (uint32_t)options->retries : 0;
    for (int rank = 0; rank < THRUM__RANKS; rank++)
        pool->pending[rank].last = &pool->pending[rank].first;
    pool->client = (thrum__reaper_client){
        .work = thrum__process_pool_work, .sleeps = thrum__process_pool_sleeps, .gone = gone};
    pool->listed.drain = drain;
}

/* Gives the pool to the reaper. In a program that may start no workers it becomes a pool that is broken and gone
 * from the beginning: each task fails with -EPERM. */
static int enter(thrum__process_pool *pool)
{
    int rc = thrum__reaper_enter(&pool->client);
    if (rc == 0)
        thrum__store_relaxed(&thrum__reaper_scope()->far, &thrum__process_pool_far);
    if (rc != -EPERM)
        return rc;
    pool->client.work = NULL;
    pool->broken = -EPERM;
    snprintf(pool->why_broken, sizeof pool->why_broken, "%s", thrum__reaper_refusal);
    thrum_event_set(&pool->gone);
    return 0;
}

thrum_executor *thrum_process_pool_new(const thrum_process_pool_options *options)
{
    static const thrum_process_pool_options defaults;
    if (!options)
        options = &defaults;
    if (options->max_workers < 0)
        thrum__panic(thrum__caller(), "a process pool cannot have %d workers",
                     options->max_workers);
    const char *prefix = options->name_prefix ? options->name_prefix : "process";
    thrum__process_pool *pool = thrum__alloc_line(sizeof *pool);
    if (!pool)
        return NULL;
    set(pool, options);
    pool->hands = thrum__alloc_array(pool->max_workers, sizeof *pool->hands);
    if (!pool->hands || !copy(&pool->name_prefix, prefix, strlen(prefix) + 1) ||
        !copy(&pool->initializer_arg, options->initializer_arg, options->initializer_arg_size) ||
        !copy(&pool->child_options.descriptors, options->descriptors,
              options->descriptor_count * sizeof *options->descriptors) ||
        enter(pool) < 0) {
        free_pool(pool);
        return NULL;
    }
    thrum__pools_enter(&pool->listed, pool);
    return &pool->base;
}
