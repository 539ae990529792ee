/* What the public functions on executors do before the table.
 *
 * A handle that is used after its shutdown leads to memory that was freed. So that such a use stops with a
 * message instead of a crash in some later, unrelated call, the memory of the last RETIRED executors is
 * kept, marked by a table without functions. Beyond that a use cannot be recognised. Where memory is plain
 * (base/memory.h), a checker sees to it, and nothing is kept.
 */
#include "executor/core/executor.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "base/probe.h"
#include "future/deadline.h"
#include "sync/fork_lock.h"
#include <thrum/lock.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>

enum { RETIRED = 64 };

static const thrum__executor_ops retired_ops;
static thrum_lock lock; /* for these: */
static thrum_executor *retired[RETIRED];
static size_t oldest;

void thrum__executor_retire(thrum_executor *executor)
{
    if (THRUM__MEMORY_PLAIN) {
        thrum__free(executor);
        return;
    }
    thrum__store_relaxed(&executor->ops, &retired_ops);
    thrum_executor *freed = NULL;
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        freed = retired[oldest];
        retired[oldest] = executor;
        oldest = (oldest + 1) % RETIRED;
    }
    thrum__free(freed);
}

void thrum__executor_misused(const thrum_executor *executor, const void *place)
{
    const char *thread = thrum__self()->name;
    if (!executor)
        thrum__panic(place, "an executor that is NULL was used by thread \"%s\"", thread);
    thrum__panic(place, "executor %p was used by thread \"%s\" after its shutdown",
                 (const void *)executor, thread);
}

static const char *reason_of(int code)
{
    switch (code) {
    case -EPIPE:
        return "submitted to an executor that is being shut down";
    case -ESRCH:
        return "the executor's threads do not exist in this child of a fork";
    default:
        return NULL;
    }
}

static void submit(thrum_executor *executor, thrum_future *future)
{
    const char *reason = NULL;
    int rc = executor->ops->submit(executor, future, &reason);
    if (rc < 0)
        thrum__future_fail(future, rc, reason ? reason : reason_of(rc));
}

int thrum__executor_start(thrum_executor *executor, thrum_task_fn *function, thrum__value arg,
                          uint32_t flags)
{
    thrum_future *future = thrum__future_new(function, arg);
    if (thrum_future_done(future))
        return -ENOMEM;
    const char *reason = NULL;
    thrum__store_relaxed(&future->state, future->state | flags);
    int rc = executor->ops->submit(executor, future, &reason);
    if (rc < 0) {
        thrum__future_ignore(future);
        thrum__future_fail(future, rc, reason);
    }
    thrum_future_free(future);
    return rc;
}

static inline void give(thrum_executor *executor, thrum_future *future)
{
    thrum__probe(submitted, &future->task);
    submit(executor, future);
}

void thrum__executor_submit(thrum_executor *executor, thrum_future *future)
{
    give(executor, future);
}

thrum_future *thrum_submit_with(thrum_executor *executor, const thrum_submit_options *options,
                                thrum_task_fn *function, const void *arg, size_t size)
{
    thrum__executor_check(executor, thrum__caller());
    thrum__value value = thrum__value_of(arg, size, thrum__caller());
    thrum_future *future = options && options->deadline.ns
                               ? thrum__future_new_until(options->deadline, function, value)
                               : thrum__future_new(function, value);
    if (thrum_future_done(future))
        return future;                                         /* no memory */
    if (options && options->priority != THRUM_PRIORITY_NORMAL) /* nobody else has it yet */
        thrum__store_relaxed(&future->state,
                             future->state |
                                 (options->priority < 0 ? THRUM__FUTURE_LOW : THRUM__FUTURE_HIGH));
    thrum__executor_submit(executor, future);
    return future;
}

thrum_future *thrum_submit(thrum_executor *executor, thrum_task_fn *function, const void *arg,
                           size_t size)
{
    thrum__executor_check(executor, thrum__caller());
    thrum_future *future =
        __builtin_expect(size < THRUM__OWNED_SIZE, 1)
            ? thrum__future_new_plain(function, arg, size)
            : thrum__future_new(function, thrum__value_marked(arg, size, thrum__caller()));
    if (future != thrum__future_no_memory())
        give(executor, future);
    return future;
}

thrum_future *thrum_submit_into(thrum_executor *executor, thrum_future_memory *memory,
                                thrum_task_fn *function, const void *arg, size_t size)
{
    thrum__executor_check(executor, thrum__caller());
    thrum_future *future =
        thrum__future_new_in(memory, function, thrum__value_of(arg, size, thrum__caller()));
    if (!thrum_future_done(future)) /* else there was no memory for the argument */
        thrum__executor_submit(executor, future);
    return future;
}

/* Submits a chain of `count` futures, linked by `next` up to `last`: at once if the executor can. */
static void submit_chain(thrum_executor *executor, thrum_future *first, thrum_future *last,
                         size_t count)
{
    if (!first)
        return;
    last->next = NULL;
    if (thrum__probed())
        for (thrum_future *next = first; next; next = next->next)
            thrum__probe(submitted, &next->task);
    if (executor->ops->submit_chain)
        first = executor->ops->submit_chain(executor, first, last, count);
    for (thrum_future *next; first; first = next) {
        next = first->next;
        submit(executor, first);
    }
}

/* In pieces: each is still in the cache when it is handed over, and workers begin while the next is made. */
void thrum_submit_many(thrum_executor *executor, thrum_task_fn *function, size_t count,
                       const void *args, size_t size, thrum_future **ret_futures)
{
    enum { PIECE = 256 };
    thrum__executor_check(executor, thrum__caller());
    thrum_future *first = NULL, *last = NULL;
    size_t linked = 0;
    for (size_t i = 0; i < count; i++) {
        const void *arg = args ? (const char *)args + i * size : NULL;
        thrum_future *future = ret_futures[i] = thrum__future_new_plain(function, arg, size);
        if (future == thrum__future_no_memory())
            continue;
        if (last)
            last->next = future;
        else
            first = future;
        last = future;
        if (++linked == PIECE) {
            submit_chain(executor, first, last, linked);
            first = last = NULL;
            linked = 0;
        }
    }
    submit_chain(executor, first, last, linked);
}

static void shut_down(thrum_executor *executor, const thrum_shutdown_options *options,
                      const void *place)
{
    static const thrum_shutdown_options defaults;
    if (!executor)
        return;
    thrum__executor_check(executor, place);
    executor->ops->shutdown(executor, options ? options : &defaults, place);
}

void thrum_executor_shutdown(thrum_executor *executor)
{
    shut_down(executor, NULL, thrum__caller());
}

void thrum_executor_shutdown_with(thrum_executor *executor, const thrum_shutdown_options *options)
{
    shut_down(executor, options, thrum__caller());
}

void thrum_executor_stats_get(thrum_executor *executor, thrum_executor_stats *ret_stats)
{
    thrum__executor_check(executor, thrum__caller());
    thrum_executor_stats stats = {0};
    executor->ops->stats(executor, &stats);
    *ret_stats = stats;
}

int thrum_cpu_count(void)
{
    return thrum__cpu_count();
}
