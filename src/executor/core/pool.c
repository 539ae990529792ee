/* The life of a pool, whatever carries its tasks.
 *
 *     open ----> closing ----> gone ----> retired
 *
 * A shutdown claims the pool, which only one may do, closes it, and waits until it is gone; then
 * it frees it. A shutdown with `no_wait` abandons it: then the last carrier frees it. At the end
 * of the program every pool that is listed is drained: closed, unless it is already, and waited
 * for. An abandoned pool stays in the list until it is gone, so the end of the program finishes
 * what it was given, as Python's does: its carriers are daemons, and nothing else would wait for
 * them.
 *
 * A pool is gone when it is closing and nobody holds it. Those that hold it are counted in one word, under the
 * pool's lock: its carriers (each thread of a thread pool; one for all workers of a fiber pool; the reaper; the engine of
 * a driven executor), submitters that wait for room or run a task, and the shutdown until it has done its part. All but
 * the carriers of an open pool can hold it only while another does, or while it is open; so the count, once
 * zero in a pool that is closing, stays zero. Nobody touches the pool after letting go.
 *
 * Who frees a pool is decided under the lock of the list, at one moment:
 *
 *     gone, abandoned, not drained     the last holder takes it off the list and frees it
 *     gone, else                       the last holder sets the event `gone`, its last touch
 *     gone, claimed, not drained       the shutdown, which has waited, takes it off and frees it
 *     drained                          nobody: the program ends
 *
 * A carrier that is a thread still runs destructors when it has left. So a thread that waits until a
 * pool is gone also joins the thread that left last, which has joined the others (thread/own.c).
 * Nobody waits for an abandoned pool: the end of the program joins its last thread.
 *
 * The list is looked at anew after each pool is drained, so tasks that submit to other pools are
 * waited for too. A task that calls exit would wait for itself: its own pool is left as it is. So is a
 * daemon, which the program asked not to wait for.
 *
 * Everything else about a pool is under the pool's own lock, but for what its kind says. Nothing
 * is done to a future under it, and no waiter is unparked: such work is collected in chains and
 * done after the lock is released. The lock of the list is taken alone, never inside a pool's or
 * around one.
 *
 * Fork: a child has the pool but none of its carriers. It refuses to submit; a shutdown gives up
 * what is pending (`forsake`) and frees the memory if nothing else in the child may touch it; the
 * end of the program leaves the pool as it is. The lock of the list is held across a fork.
 *
 * A second shutdown, or a use after a shutdown, stops the program (executor.c).
 *
 * Tests: tests/unit/executor, tests/explore/explore_pool*.c for each kind of shutdown.
 */
#include "executor/core/pool.h"
#include "base/panic.h"
#include "base/process.h"
#include "sync/fork_lock.h"
#include "thread/living.h"
#include "thread/own.h"
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static thrum_lock list_lock; /* for the list, and what the header says in each pool */
static thrum__pool *first;

/* --------------------------------------------------------------------------------------- the list */

/* Under the lock of the list. */
static void unlist(thrum__pool *pool)
{
    if (pool->prev)
        pool->prev->next = pool->next;
    else
        first = pool->next;
    if (pool->next)
        pool->next->prev = pool->prev;
}

/* Takes the pool off the list. Returns true if the caller is to free it. */
static bool take_off(thrum__pool *pool)
{
    bool ours = false;
    thrum_with (&list_lock) {
        ours = !pool->drained;
        if (ours)
            unlist(pool);
    }
    return ours;
}

static void wait_until_gone(thrum__pool *pool)
{
    thrum_shield_begin(); /* a pool that is left half shut down would be lost */
    (void)!thrum_event_wait(&pool->gone, THRUM_FOREVER); /* the shield lets nothing end it */
    thrum_shield_end();
    thrum__thread_await(pool->departed);
}

/* Whether the caller is a task of the pool, or runs inside of one. */
static bool is_inside(const thrum__pool *pool)
{
    const thrum__context *self = thrum__self();
    if (self->executor == &pool->base)
        return true;
    for (const thrum__scope *scope = self->scope; scope; scope = scope->outer)
        if (scope->task && scope->task->executor == pool)
            return true;
    return false;
}

/* Whether the end of the program is to wait for the pool. */
static bool is_due(const thrum__pool *pool)
{
    return !pool->drained && !thrum__load_relaxed(&pool->daemon) && !thrum__pool_lost(pool) &&
           !is_inside(pool);
}

/* The next pool to wait for; a pool that carries others comes after all of them. Under the lock of the list. */
static thrum__pool *next_due(void)
{
    for (int carries = 0; carries < 2; carries++)
        for (thrum__pool *pool = first; pool; pool = pool->next)
            if (pool->carries == carries && is_due(pool))
                return pool;
    return NULL;
}

/* ------------------------------------------------------------------------------------- holders */

void thrum__pool_hold(thrum__pool *pool)
{
    pool->holders++;
}

bool thrum__pool_let_go(thrum__pool *pool)
{
    return --pool->holders == 0 && pool->closing;
}

void thrum__pool_leave(thrum__pool *pool)
{
    bool last = false;
    thrum_with (&pool->lock)
        last = thrum__pool_let_go(pool);
    if (last)
        thrum__pool_gone(pool);
}

thrum__waiter *thrum__pool_begin_close(thrum__pool *pool)
{
    thrum__pool_hold(pool);
    pool->closing = true;
    return thrum__pool_invite(pool);
}

/* The caller is still to wait, or gives the pool up. */
static void close_pool(thrum__pool *pool, const thrum_shutdown_options *options)
{
    size_t cancelled = pool->kind->close(pool, options);
    bool last = false;
    thrum_with (&pool->lock) {
        pool->done += cancelled;
        pool->failed += cancelled;
        pool->cancelled += cancelled;
        last = thrum__pool_let_go(pool);
    }
    if (last)
        thrum__pool_gone(pool);
}

/* ------------------------------------------------------------------------- the end of the program */

size_t thrum__pool_drain_all(void)
{
    static const thrum_shutdown_options finish;
    for (size_t count = 0;; count++) {
        thrum__pool *pool = NULL;
        bool closes = false;
        thrum_with (&list_lock) {
            pool = next_due();
            if (pool) {
                closes = !pool->closed;
                pool->drained = pool->closed = true;
            }
        }
        if (!pool)
            return count;
        if (closes)
            close_pool(pool, &finish);
        wait_until_gone(pool);
    }
}

static void at_exit(void)
{
    (void)thrum__pool_drain_all();
    thrum__thread_reap(thrum__thread_abandon(NULL));
}

/* Tells of pools that were not shut down, if the program wants to hear of it. */
static void report(bool leaks)
{
    if (!leaks)
        return;
    thrum_with (&list_lock)
        for (const thrum__pool *pool = first; pool; pool = pool->next)
            if (!pool->claimed && !thrum__pool_lost(pool))
                fprintf(stderr, "thrum: %s \"%s\" was not shut down\n", pool->kind->name,
                        pool->name_prefix);
}

/* ------------------------------------------------------------------------------ beginning and end */

void thrum__pool_options_check(const thrum__pool_options *options, const thrum__pool_kind *kind,
                               const void *place)
{
    if (options->max_workers < 0)
        thrum__panic(place, "a %s cannot have %d workers", kind->name, options->max_workers);
    if ((unsigned)options->when_full > THRUM_WHEN_FULL_RUN)
        thrum__panic(place, "a %s was made with when_full = %d, which is no thrum_when_full",
                     kind->name, (int)options->when_full);
    if (!options->initializer && (options->initializer_arg || options->initializer_arg_size))
        thrum__panic(place, "a %s was given an argument for its initializer, but no initializer",
                     kind->name);
    thrum__value argument =
        thrum__value_of(options->initializer_arg, options->initializer_arg_size, place);
    if (argument.destroy)
        thrum__panic(place,
                     "the initializer of a %s was given an owned value, but each worker needs one; "
                     "give it plain bytes",
                     kind->name);
}

/* Copies what the options point to. Returns 0 or -ENOMEM, and then has taken nothing. */
static int copy_options(thrum__pool *pool, const thrum__pool_options *options, const char *prefix)
{
    prefix = options->name_prefix ? options->name_prefix : prefix;
    size_t length = strlen(prefix) + 1;
    thrum__value argument =
        thrum__value_of(options->initializer_arg, options->initializer_arg_size, NULL);
    pool->name_prefix = thrum__alloc(length);
    pool->initializer_arg = argument.size ? thrum__alloc(argument.size) : NULL;
    if (!pool->name_prefix || (argument.size && !pool->initializer_arg)) {
        thrum__free(pool->name_prefix);
        thrum__free(pool->initializer_arg);
        return -ENOMEM;
    }
    memcpy(pool->name_prefix, prefix, length);
    if (argument.size)
        memcpy(pool->initializer_arg, argument.bytes, argument.size);
    pool->initializer_arg_size = argument.size;
    pool->initializer = options->initializer;
    pool->daemon = options->daemon;
    pool->max_pending = options->max_pending;
    pool->when_full = options->when_full;
    return 0;
}

int thrum__pool_init(thrum__pool *pool, const thrum__executor_ops *ops,
                     const thrum__pool_kind *kind, const thrum__pool_options *options,
                     const char *prefix)
{
    if (copy_options(pool, options, prefix) < 0)
        return -ENOMEM;
    pool->base.ops = ops;
    pool->kind = kind;
    pool->process = thrum__process_generation;
    for (int rank = 0; rank < THRUM__RANKS; rank++)
        pool->pending[rank].last = &pool->pending[rank].first;
    thrum__living_at_exit(at_exit);
    thrum__living_report_at_exit(report);
    thrum__lock_across_fork(&list_lock);
    thrum_with (&list_lock) {
        pool->next = first;
        if (first)
            first->prev = pool;
        first = pool;
    }
    return 0;
}

void thrum__pool_keep(thrum__pool *pool, bool carries)
{
    thrum_with (&list_lock) {
        pool->claimed = true;
        pool->carries = carries;
    }
}

static void finish(thrum__pool *pool)
{
    if (pool->kind->finish)
        pool->kind->finish(pool);
    thrum__free(pool->initializer_arg);
    thrum__free(pool->name_prefix);
}

static void free_pool(thrum__pool *pool)
{
    finish(pool);
    thrum_thread_free(pool->departed);
    thrum__executor_retire(&pool->base);
}

void thrum__pool_discard(thrum__pool *pool)
{
    if (!take_off(pool)) {
        thrum_event_set(&pool->gone); /* the end of the program has found it */
        return;
    }
    finish(pool);
    thrum__free(pool);
}

void thrum__pool_gone(thrum__pool *pool)
{
    bool ours = false;
    thrum_thread *departed = NULL;
    thrum_with (&list_lock) {
        ours = pool->abandoned && !pool->drained;
        if (ours) {
            unlist(pool);
            departed = thrum__thread_abandon(pool->departed);
            pool->departed = NULL;
        }
    }
    if (!ours) {
        thrum_event_set(&pool->gone);
        return;
    }
    free_pool(pool);
    thrum__thread_reap(departed);
}

/* Takes the pool for a shutdown. Returns true if the shutdown is to close it. */
static bool claim(thrum__pool *pool, bool abandons, const void *place)
{
    bool again = false, closes = false;
    thrum_with (&list_lock) {
        again = pool->claimed;
        closes = !again && !pool->closed;
        pool->claimed = true;
        if (closes) {
            pool->closed = true;
            pool->abandoned = abandons;
        }
    }
    if (again)
        thrum__panic(place, "%s \"%s\" shut down a second time, by thread \"%s\"", pool->kind->name,
                     pool->name_prefix, thrum__self()->name);
    return closes;
}

void thrum__pool_shutdown(thrum_executor *executor, const thrum_shutdown_options *options,
                          const void *place)
{
    thrum__pool *pool = (thrum__pool *)executor; /* its first member */
    bool lost = thrum__pool_lost(pool);
    if (!lost && !options->no_wait && is_inside(pool))
        thrum__panic(place,
                     "%s \"%s\" shut down by its own worker \"%s\", which would wait for itself",
                     pool->kind->name, pool->name_prefix, thrum__self()->name);
    bool closes = claim(pool, options->no_wait && !lost, place);
    if (lost) {
        bool stays = !pool->kind->forsake(pool);
        if (take_off(pool) && !stays)
            free_pool(pool);
        return;
    }
    if (closes)
        close_pool(pool, options);
    if (options->no_wait)
        return;
    wait_until_gone(pool);
    if (take_off(pool))
        free_pool(pool);
}

/* --------------------------------------------------------------------------------- initializers */

int thrum__pool_initialize(const thrum__pool *pool, thrum_error *ret_error)
{
    thrum_task task = {0};
    if (!pool->initializer)
        return 0;
    int rc = thrum__task_init(&task, pool->initializer, pool->initializer_arg,
                              pool->initializer_arg_size);
    if (rc < 0) {
        *ret_error = *thrum__error_constant(rc);
        return rc;
    }
    thrum__task_run(&task);
    rc = thrum__task_code(&task);
    if (rc < 0)
        *ret_error = *thrum__task_error(&task);
    thrum__task_finish(&task);
    return rc;
}

bool thrum__pool_break(thrum__pool *pool, const char *what, const thrum_error *error)
{
    if (pool->broken)
        return false;
    snprintf(pool->why_broken, sizeof pool->why_broken, "the pool is broken: %s%.170s", what,
             error->message);
    thrum__store_release(&pool->broken, error->code);
    return true;
}

void thrum__pool_report_broken(const thrum__pool *pool)
{
    thrum_error error = {.code = pool->broken};
    memcpy(error.message, pool->why_broken, sizeof error.message);
    thrum__failure_report("executor", pool->name_prefix, &error);
}

/* ------------------------------------------------------------------------------ running and counting */

void thrum__pool_count(thrum__pool *pool, thrum__ending ending)
{
    pool->done += ending.ran || ending.cancelled;
    pool->failed += ending.failed || ending.cancelled;
    pool->cancelled += ending.cancelled;
}

size_t thrum__pool_cancel(thrum_future *chain)
{
    size_t cancelled = 0;
    while (chain) {
        thrum_future *next = chain->next;
        if (!thrum_future_running(chain))
            cancelled += thrum_future_cancel(chain) == 0;
        thrum__future_unreference(chain);
        chain = next;
    }
    return cancelled;
}
