/* Executors: where submitted tasks run.
 *
 *     thrum_executor *pool = thrum_thread_pool_new(&(thrum_pool_options){ .max_workers = 4 });
 *     thrum_future *f = thrum_submit(pool, square, thrum_value(struct square, 7));
 *     ...
 *     thrum_executor_shutdown(pool);           // waits for the tasks, then frees
 *
 * One interface, several kinds: choosing between them is not a rewrite. thrum_inline_new runs each
 * task at once in the caller (for debugging, and as the sequential yardstick);
 * thrum_thread_pool_new runs them on threads that start as work arrives.
 *
 * Python: concurrent.futures.Executor.
 */
#ifndef THRUM_EXECUTOR_H
#define THRUM_EXECUTOR_H

#include <stddef.h>
#include <thrum/error.h>
#include <thrum/export.h>
#include <thrum/future.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_executor thrum_executor;

/* How a pool is to be; zero means the default. */
typedef struct thrum_pool_options {
    int max_workers;         /* the most workers; min(32, thrum_cpu_count() + 4) by default */
    const char *name_prefix; /* worker N is called "prefix-N"; "pool" by default; copied */
} thrum_pool_options;

/* An executor that runs each task inside thrum_submit. The caller owns it and gives it to
 * thrum_executor_shutdown. Returns NULL if memory is out. */
THRUM_API thrum_executor *thrum_inline_new(void);

/* A pool of threads. Tasks submitted by one thread start in the order of submission. A worker
 * starts when a task arrives and none is idle; idle workers sleep. `options` may be NULL; a
 * negative max_workers stops the program. The caller owns it and gives it to
 * thrum_executor_shutdown. Returns NULL if memory is out. Python: ThreadPoolExecutor(). */
THRUM_API thrum_executor *thrum_thread_pool_new(const thrum_pool_options *options);

/* Gives `function` with a copy of the `size` bytes at `arg` to the executor. The caller owns the
 * future and gives it to thrum_future_free. Never NULL: where the task cannot be taken, the future
 * has already failed, with -EPIPE after shutdown, -ENOMEM, -EAGAIN where not one worker can be
 * started, or -ESRCH in a child made by fork, which has none of the pool's threads. May be called from a task. Does not block, but for the inline executor, where it runs
 * the task. Python: Executor.submit(). */
THRUM_API thrum_future *thrum_submit(thrum_executor *executor, thrum_task_fn *function,
                                     const void *arg, size_t size);

/* What thrum_map applies its function to: Python's keyword arguments. */
typedef struct thrum_map_options {
    size_t count;           /* how many items */
    const void *args;       /* their arguments, one after another; NULL for none */
    size_t arg_size;        /* bytes of one argument */
    void *ret_results;      /* where results go, in input order; NULL drops them */
    size_t result_size;     /* bytes of one result */
    size_t window;          /* the most tasks in flight; 0 for a default that keeps the pool busy */
    thrum_time deadline;    /* for the whole; 0 for none */
    thrum_error *ret_error; /* filled in on failure, if not NULL */
    size_t *ret_failed;     /* the index of the item that failed, if not NULL */
} thrum_map_options;

/* Runs `function` on every item and leaves the results in input order, holding at most `window`
 * tasks at a time. Returns 0 when all succeeded; else the error of the first failed item in input
 * order, after which no further item is submitted, those pending are cancelled and those running
 * are asked to stop; -ETIMEDOUT; -ECANCELED if the running task was cancelled; -EMSGSIZE if a
 * result is not of `result_size` bytes. Results before the failed item are in place. Blocks.
 * Python: Executor.map(). */
THRUM_API int thrum_map(thrum_executor *executor, thrum_task_fn *function,
                        const thrum_map_options *items);

/* Chains a task to a future: once `future` has succeeded, `function` is submitted to `executor` with
 * a copy of the result as its argument. If `future` fails, the new one fails with the same error,
 * and the task never runs; if it is cancelled, the new one is. A cancel of the new one while it is
 * pending keeps the task from running and leaves `future` alone.
 *
 * The caller owns the new future, and may free `future` at once. Never NULL: without memory it has
 * failed with -ENOMEM. The executor must not be freed before `future` is done; one that is being
 * shut down by then refuses, and the new future fails with -EPIPE. The submit is made by the thread
 * that ends `future`, as a callback is; on an inline executor the task runs there, shielded from
 * cancellation. Does not block, but where it runs the task at once. */
THRUM_API thrum_future *thrum_future_then(thrum_future *future, thrum_executor *executor,
                                          thrum_task_fn *function);

/* Refuses further tasks, waits until all that were submitted are done, and frees the executor;
 * NULL is accepted. Futures stay valid. Waits even if the running task was cancelled. Called from
 * a task of the executor itself it would wait for itself: that stops the program. Blocks.
 * Python: Executor.shutdown(). */
THRUM_API void thrum_executor_shutdown(thrum_executor *executor);

/* The number of processors that this process may use: what its affinity mask and its cgroup's CPU
 * quota leave, at least 1. Reads files the first time. Python 3.13: os.process_cpu_count(). */
THRUM_API int thrum_cpu_count(void);

THRUM_END

#endif
