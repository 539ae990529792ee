/* Executors: where submitted tasks run.
 *
 *     thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 4});
 *     thrum_future *f = thrum_submit(pool, square, thrum_value(struct square, 7));
 *     ...
 *     thrum_future_free(f);
 *     thrum_executor_shutdown(pool);           // waits for the tasks, then frees the pool
 *
 * There is one interface and several kinds of executor, so a program changes one line to choose
 * another. thrum_inline_new runs each task in the caller, for debugging and as the sequential
 * baseline. thrum_thread_pool_new runs tasks on threads. thrum_fiber_pool_new (fiber.h) runs them
 * as fibers, thrum_process_pool_new (process_pool.h) in other processes.
 *
 * Python: concurrent.futures.Executor.
 */
#ifndef THRUM_EXECUTOR_H
#define THRUM_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum/error.h>
#include <thrum/export.h>
#include <thrum/future.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_executor thrum_executor;

/* What thrum_submit does when a pool's backlog is full. A task of the pool must not wait for its
 * own pool: it always runs the new task itself, inside thrum_submit. */
typedef enum thrum_when_full {
    THRUM_WHEN_FULL_WAIT,   /* waits for room; waiting submitters are served in order */
    THRUM_WHEN_FULL_REFUSE, /* the future fails with -EAGAIN */
    THRUM_WHEN_FULL_RUN,    /* runs the task in the caller, which slows the caller down */
} thrum_when_full;

/* Thread pool options. Zero selects the default.
 *
 * The members up to `initializer_arg_size` have the same names and the same meaning in
 * thrum_fiber_pool_options and thrum_process_pool_options; a comment there says what differs. A
 * value that makes no sense stops the program: a negative `max_workers`, a `when_full` that is no
 * thrum_when_full, an argument without an initializer. The pool copies what the options point to.
 *
 * The initializer is a task function that each worker runs before its first task:
 *
 *     thrum_thread_pool_new(&(thrum_thread_pool_options){
 *         .initializer = open_database, .initializer_arg = thrum_text(path)});
 *
 * It runs in the thread of the worker, and sets thrum_local values for the worker's tasks. Its
 * argument is copied for each worker, and must not be a thrum_owned value. If it fails, the pool is
 * broken: pending tasks and later ones fail with its code and the message "the pool is broken: "
 * and its message. The failure hook is called once. Running tasks go on. */
typedef struct thrum_thread_pool_options {
    int max_workers;         /* the most workers; min(32, thrum_cpu_count() + 4) by default */
    const char *name_prefix; /* worker N is called "prefix-N"; "pool" by default */
    bool daemon;             /* the end of the program does not wait for its tasks */
    size_t max_pending;      /* how many tasks may wait for a worker; no bound by default */
    thrum_when_full when_full;
    thrum_task_fn *initializer;
    const void *initializer_arg; /* set this and the next by thrum_value or thrum_text */
    size_t initializer_arg_size;
    THRUM__OPTIONS(thrum_thread_pool_options)
} thrum_thread_pool_options;

/* Makes an executor that runs each task inside thrum_submit. The caller owns it and gives it to
 * thrum_executor_shutdown.
 *
 * Returns:
 *     an executor
 *     NULL  memory ran out
 */
THRUM_API thrum_executor *thrum_inline_new(void);

/* Makes a pool of threads. Workers take the tasks of one submitter in the order of submission, one
 * at a time. A worker starts when a task arrives and no worker is idle; idle workers sleep. If the
 * system refuses a thread, the worker runs as a fiber on a thread that all pools of the process
 * share. So tasks that wait for each other still end. `options` may be NULL. The caller owns the
 * pool and gives it to thrum_executor_shutdown. Python: ThreadPoolExecutor().
 *
 * A task may wait for another task of its pool. If the awaited task has not started and the wait
 * has no deadline, the waiting worker runs it inline. Otherwise a spare worker is started.
 *
 * Returns:
 *     a pool
 *     NULL  memory ran out
 */
THRUM_API thrum_executor *thrum_thread_pool_new(const thrum_thread_pool_options *options);

/* Which pending task starts first. */
typedef enum thrum_priority {
    THRUM_PRIORITY_LOW = -1,
    THRUM_PRIORITY_NORMAL = 0,
    THRUM_PRIORITY_HIGH = 1,
} thrum_priority;

/* Submit options. Zero selects the default. */
typedef struct thrum_submit_options {
    thrum_priority priority; /* tasks of one priority start in the order of submission */
    thrum_deadline deadline; /* by which the task is to end; 0 for none */
    THRUM__OPTIONS(thrum_submit_options)
} thrum_submit_options;

/* Submits a task: gives `function`, with a copy of the `size` bytes at `arg`, to the executor. The
 * caller owns the future and gives it to thrum_future_free. May be called from a task. Does not
 * block, except for room in a bounded backlog (THRUM_WHEN_FULL_WAIT), without a deadline, and
 * except on the inline executor, which runs the task. Python: Executor.submit().
 *
 * Never NULL: if the executor refuses the task, the future has failed. The code of its error is
 * then
 *
 *  - -EPIPE: after a shutdown
 *  - -ENOMEM: memory ran out
 *  - -EAGAIN: the backlog is full (THRUM_WHEN_FULL_REFUSE), or the system refuses the first thread
 *  - -ECANCELED: the running task was cancelled while it waited for room
 *  - -ESRCH: this is a child made by fork, which has none of the pool's threads */
THRUM_API thrum_future *thrum_submit(thrum_executor *executor, thrum_task_fn *function,
                                     const void *arg, size_t size);

/* The same in memory of the caller: no memory is allocated for the future, nor for an argument of
 * up to 32 bytes. The future lies in `*memory`, which must stay, and must not be moved or used
 * again, until thrum_future_free of it has returned. That call waits for the end of the task. An
 * unobserved failure is told by that call, or, if it never comes, at the end of the program. Every
 * executor can do this. Blocks where thrum_submit does, without a deadline.
 *
 *     thrum_future_memory memory;
 *     thrum_future *f = thrum_submit_into(pool, &memory, square, thrum_value(struct square, 7));
 *     ...
 *     thrum_future_free(f);
 */
THRUM_API thrum_future *thrum_submit_into(thrum_executor *executor, thrum_future_memory *memory,
                                          thrum_task_fn *function, const void *arg, size_t size);

/* Submits `count` tasks at once: `function` with each of `count` arguments of `size` bytes, which
 * lie one after another at `args`; with THRUM_NOTHING, without an argument. `ret_futures` gets
 * `count` futures, as thrum_submit returns them: none is NULL, and each is given to
 * thrum_future_free. The tasks begin in the order of the arguments, as if submitted one by one. On
 * a thread pool some hundreds of them cost one visit to the pool and wake one worker, which wakes
 * others while there is work. Arguments are plain bytes. Every executor can do this. Blocks where
 * thrum_submit does, without a deadline.
 *
 *     struct square numbers[3] = {{7}, {8}, {9}};
 *     thrum_future *futures[3];
 *     thrum_submit_many(pool, square, 3, numbers, sizeof numbers[0], futures);
 */
THRUM_API void thrum_submit_many(thrum_executor *executor, thrum_task_fn *function, size_t count,
                                 const void *args, size_t size, thrum_future **ret_futures);

/* The same with options, which may be NULL and are not kept. The inline executor ignores the
 * priority, because no task waits there.
 *
 * When the deadline passes, a running task is asked to stop, as by thrum_future_cancel: its waits
 * end with -ECANCELED, and thrum_cancelled is true. If the task then ends with -ECANCELED, its
 * future fails with -ETIMEDOUT. A task that goes on and succeeds has succeeded. A task that cannot
 * start before its deadline fails with -ETIMEDOUT and does not run. A task that a task submits does
 * not inherit the deadline. */
THRUM_API thrum_future *thrum_submit_with(thrum_executor *executor,
                                          const thrum_submit_options *options,
                                          thrum_task_fn *function, const void *arg, size_t size);

/* The items of thrum_map: Python's keyword arguments. */
typedef struct thrum_map_options {
    size_t count;       /* how many items */
    const void *args;   /* their arguments, one after another; NULL for none */
    size_t arg_size;    /* bytes of one argument */
    void *results;      /* where results go, in input order; NULL drops them */
    size_t result_size; /* bytes of one result; 0 for none */
    size_t window;      /* the most tasks in flight; 0 for a default that keeps the pool busy */
    size_t chunk; /* items to a task, for small ones; 0 for 1; above 1 no result may be owned */
    thrum_deadline deadline; /* for the whole; 0 for none */
    thrum_error *ret_error;  /* the reason, if the map does not return 0; may be NULL */
    size_t *ret_failed;      /* then the index of the item that ended it; may be NULL */
    THRUM__OPTIONS(thrum_map_options)
} thrum_map_options;

/* Runs `function` on every item and puts the results in input order, with at most `window` tasks in
 * flight. The first failed item in input order ends the map: no further item is submitted, pending
 * items are cancelled, and running items are asked to stop. The results before that item are in
 * place. If the call does not return 0, `*ret_error` has the reason, and `*ret_failed` the index. A
 * task that calls this may run an item itself. A cancel and the deadline of that task then end the
 * item's waits too, and the item fails with -ECANCELED. Blocks. Python: list(Executor.map()).
 *
 * Returns:
 *     0             all items have succeeded
 *     THRUM_FAILED  an item has failed, or the executor refused it
 *     -EMSGSIZE     the result of an item is not of `result_size` bytes
 *     -ETIMEDOUT    the deadline passed first
 *     -ECANCELED    the running task, which waits, was cancelled
 *     -ENOMEM       memory ran out before the first item
 */
THRUM_API THRUM_MUST_CHECK int thrum_map(thrum_executor *executor, thrum_task_fn *function,
                                         const thrum_map_options *items);

/* A mapping: thrum_map as an iterator. It gives a result once that result and all before it are
 * there. With each result the window moves on.
 *
 *     thrum_mapping *pages = thrum_mapping_new(pool, fetch, &items);
 *     struct page page;
 *     while (thrum_mapping_next(pages, &page, THRUM_FOREVER) == 0)
 *         show(&page);
 *     if (thrum_mapping_error(pages))
 *         fprintf(stderr, "%s\n", thrum_mapping_error(pages)->message);
 *     thrum_mapping_free(pages);
 */
typedef struct thrum_mapping thrum_mapping;

/* Starts to run `function` on the items. Their `args` must stay until the mapping is freed.
 * `results`, `ret_error`, `ret_failed` and the deadline are ignored. The caller owns the mapping
 * and frees it with thrum_mapping_free. Does not block. Python: Executor.map().
 *
 * Returns:
 *     a mapping
 *     NULL  memory ran out
 */
THRUM_API thrum_mapping *thrum_mapping_new(thrum_executor *executor, thrum_task_fn *function,
                                           const thrum_map_options *items);

/* Waits for the next result in input order and copies it to `ret_result`, of the mapping's
 * `result_size` bytes; NULL drops it. One thread at a time. Blocks.
 *
 * Returns:
 *     0             the result was copied
 *     THRUM_FAILED  the item has failed, or the executor refused it: see thrum_mapping_error
 *     -EMSGSIZE     the result of the item has another size; this ends the mapping as well
 *     -ENODATA      all results were given, or the mapping ended before
 *     -ETIMEDOUT    the deadline passed first
 *     -EAGAIN       the deadline is THRUM_NOW, and the item is not done
 *     -ECANCELED    the running task, which waits, was cancelled
 *
 * After the last three you may call it again.
 */
THRUM_API THRUM_MUST_CHECK int thrum_mapping_next(thrum_mapping *mapping, void *ret_result,
                                                  thrum_deadline deadline);

/* The number of results that were given: the index of the next item, or of the item that ended the
 * mapping. */
THRUM_API size_t thrum_mapping_index(const thrum_mapping *mapping);

/* The error of the item that ended the mapping, or NULL. Never NULL after a call that returned
 * THRUM_FAILED. Valid as long as the mapping. */
THRUM_API const thrum_error *thrum_mapping_error(const thrum_mapping *mapping);

/* Ends the mapping. Pending items are cancelled; running items are asked to stop and end on their
 * own. NULL is accepted. Does not block. */
THRUM_API void thrum_mapping_free(thrum_mapping *mapping);

/* Chains a task to a future. Once `future` has succeeded, `function` is submitted to `executor`
 * with a copy of the result as its argument; an owned result (thrum_owned) is delivered to it. If
 * the result was taken before, the new future fails with -ENODATA. If `future` fails, the new
 * future fails with the same error, and the task never runs. If `future` is cancelled, so is the
 * new one. A cancel of the new future while it is pending keeps the task from running, and does not
 * affect `future`.
 *
 * The caller owns the new future, and may free `future` at once. Never NULL: if memory runs out, it
 * has failed with -ENOMEM. The executor must not be freed before `future` is done. If it is being
 * shut down by then, it refuses the task, and the new future fails with -EPIPE.
 *
 * The submit is made by the thread that calls the callbacks of `future`, or by the caller if
 * `future` is done. That thread may block: a bounded pool that is full does what its `when_full`
 * says, and an inline executor runs the task at once. Otherwise it does not block. */
THRUM_API thrum_future *thrum_future_then(thrum_future *future, thrum_executor *executor,
                                          thrum_task_fn *function);

/* Refuses further tasks, waits until all submitted tasks are done, and frees the executor. NULL is
 * accepted. Futures stay valid. A cancellation does not interrupt the wait. A thread that waits for
 * room in thrum_submit is refused with -EPIPE. Blocks, without a deadline;
 * thrum_executor_shutdown_with can ask the tasks to stop. Python: Executor.shutdown().
 *
 * A shutdown by a task of the executor would wait for itself, so it stops the program. A second
 * shutdown, and each use of the executor after a shutdown, stop the program too. The library
 * notices these mistakes until some dozens of later executors have been shut down. After that the
 * behaviour is undefined. */
THRUM_API void thrum_executor_shutdown(thrum_executor *executor);

/* Shutdown options. Zero selects the default. */
typedef struct thrum_shutdown_options {
    bool cancel_pending; /* cancel the tasks that have not started */
    bool cancel_running; /* ask running tasks to stop, and those that they run while they wait */
    bool no_wait; /* return at once. The executor frees itself when its last task is done; the end
                            of the program waits for that */
    THRUM__OPTIONS(thrum_shutdown_options)
} thrum_shutdown_options;

/* The same with options, which may be NULL. With `no_wait` it may be called from a task of the
 * executor. Python: Executor.shutdown(wait=False, cancel_futures=True). */
THRUM_API void thrum_executor_shutdown_with(thrum_executor *executor,
                                            const thrum_shutdown_options *options);

/* Statistics of an executor. */
typedef struct thrum_executor_stats {
    size_t workers; /* worker threads or processes, stand-ins for waiting workers included */
    size_t idle;    /* workers without a task */
    size_t pending; /* tasks that have not started; in a process pool also the prefetched ones */
    size_t running; /* tasks that have started and not ended; in a process pool the workers that
                       have a task */
    uint64_t done;  /* tasks that have ended, among them failed and cancelled ones, and those that a
                       submitter ran because the backlog was full */
    uint64_t failed;         /* of `done`, tasks with an error */
    uint64_t cancelled;      /* of `failed`, tasks that were cancelled before they started */
    thrum_time longest_wait; /* the longest time that a task was pending, in nanoseconds. A thread
                                pool measures one in sixteen tasks from outside the pool; other
                                executors measure none and give 0 */
} thrum_executor_stats;

/* Fills `*ret_stats`. Does not block.
 *
 *  - A thread or process pool gives a consistent snapshot.
 *  - Each worker of a fiber pool counts for itself, so the figures are of slightly different
 *    moments. But `idle` is never more than `workers`.
 *  - A task may count as running for a moment after its future is done.
 *  - A helper, which a pool runs for the parts of a fork (thrum/parallel.h), counts as a task.
 *  - For the inline executor, and in a child made by fork for a pool of its parent, all are 0. */
THRUM_API void thrum_executor_stats_get(thrum_executor *executor, thrum_executor_stats *ret_stats);

/* Changes the most workers of a thread pool while it runs. Less than 1 stops the program. Surplus
 * workers end after their present task. Does not block.
 *
 * Returns:
 *     0        the number is changed
 *     -ENOMEM  memory ran out
 *     -EINVAL  the executor is not a thread pool
 *     -ESRCH   this is a child made by fork, which has none of the pool's threads
 */
THRUM_API THRUM_MUST_CHECK int thrum_thread_pool_resize(thrum_executor *executor, int max_workers);

/* The number of processors that this process may use, at least 1. It respects the affinity mask and
 * the CPU quota of the cgroup. Reads files the first time. Python 3.13: os.process_cpu_count(). */
THRUM_API int thrum_cpu_count(void);

THRUM_END

#endif
