/* A process pool: an executor whose tasks run in processes of their own.
 *
 *     thrum_executor *pool = thrum_process_pool_new(&(thrum_process_pool_options){
 *         .max_workers = 4, .memory_limit = 1 << 30});
 *     thrum_future *f = thrum_submit(pool, parse, &document, sizeof document);
 *     int rc = thrum_future_result(f, &outline, sizeof outline, thrum_in(5));
 *     if (rc == THRUM_FAILED)
 *         fprintf(stderr, "%s\n", thrum_future_error(f)->message);    // which signal, and where
 *     thrum_future_free(f);
 *     // prints worker "process-1" (pid ...) was killed by signal 9 (Killed) while it ran ...
 *
 * A task that crashes fails; the pool and the other tasks go on. Task functions, futures, map,
 * deadlines and shutdown are those of every executor. The difference is that nothing is shared:
 *
 *  - Arguments and results are copies of their bytes. A pointer in them has no meaning in the other
 *    process, unless it points to a function or constant of a program that is not position
 *    independent.
 *  - Static variables are those of a program that has just started.
 *  - Only the standard descriptors are open, and those that the options name.
 *
 * A worker is the program, executed once more. It does not reach main: a constructor of the library
 * takes over first. So the program must be linked to libthrum. A program that loads libthrum later
 * (dlopen) can use THRUM_START_FORK. With the shared library the constructor runs before the
 * program's own constructors, so what they set up is not there in a worker. Neither are the
 * program's signal handlers. Ctrl-C in a terminal reaches the workers too. Workers end when their
 * parent process ends, in whatever way.
 *
 * An argument or result of more than about 400 bytes travels in a sparse file in memory. If the
 * size of the program's files is limited (RLIMIT_FSIZE, ulimit -f), that raises SIGXFSZ; if the
 * signal is ignored, the task fails with -EFBIG.
 *
 * Python: concurrent.futures.ProcessPoolExecutor. There, one worker that dies breaks the whole
 * pool.
 */
#ifndef THRUM_PROCESS_POOL_H
#define THRUM_PROCESS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum/executor.h>
#include <thrum/export.h>
#include <thrum/process.h>
#include <thrum/task.h>

THRUM_BEGIN

/* Process pool options. Zero selects the default. The members up to `initializer_arg_size` are as
 * in thrum_thread_pool_options, with these differences:
 *
 *  - The initializer runs once in each worker process. If the worker dies in it, the pool is
 *    broken, with the code -ECHILD.
 *  - Prefetched tasks count as pending in thrum_executor_stats, but not for `max_pending`. */
typedef struct thrum_process_pool_options {
    int max_workers;         /* the most worker processes; thrum_cpu_count() by default */
    const char *name_prefix; /* worker N is called "prefix-N", in ps, too; "process" by default */
    bool daemon;        /* the end of the program does not wait for its tasks, and kills them */
    size_t max_pending; /* how many tasks may wait for a worker; no bound by default */
    thrum_when_full when_full; /* THRUM_WHEN_FULL_RUN runs the task in the caller, unprotected */
    thrum_task_fn *initializer;
    const void *initializer_arg; /* set this and the next by thrum_value or thrum_text */
    size_t initializer_arg_size;
    size_t max_tasks_per_worker; /* tasks after which a worker is replaced; no bound by default */
    thrum_start_method start;
    uint64_t memory_limit;  /* bytes of address space of a worker (RLIMIT_AS) */
    uint64_t cpu_limit;     /* seconds of processor time; then SIGXCPU ends it (RLIMIT_CPU) */
    double grace;           /* seconds from a task's deadline until it is killed; 0.1 by default */
    bool kill_on_cancel;    /* a cancel of a running task kills its worker instead of asking */
    int retries;            /* how often a task whose worker died is tried again */
    const int *descriptors; /* which workers keep open, under the same numbers; at most 16 */
    size_t descriptor_count;
    THRUM__OPTIONS(thrum_process_pool_options)
} thrum_process_pool_options;

/* Makes a pool of worker processes. Workers start as tasks arrive and sleep while there are none.
 * Tasks start nearly in the order of submission. Each worker prefetches a few tasks, whose futures
 * are then running. A prefetched task that has not started is taken back for an idle worker, or by
 * a cancel, which then keeps it from running (thrum_future_cancelled).
 *
 * How a task fails in this pool:
 *
 *  - -ECHILD: its worker died. The message says how it died and in which function. No other task is
 *    affected; another worker takes the place.
 *  - -ECHILD: workers die again and again before they start a task. The pool is then broken: all
 *    its tasks fail, and the message says why.
 *  - -ENOENT: the worker does not have the function, such as one of a library that is not loaded
 *    there.
 *  - -ETIMEDOUT: it had a deadline (thrum_submit_with) and had not ended `grace` seconds after it.
 *    Its worker is killed by SIGKILL, even if it is stopped.
 *  - -EAGAIN, -ENOMEM, -EMFILE: no worker could be started and none is left. The next task tries
 *    again.
 *  - -EAGAIN, -EMFILE: when the program made the pool, the system refused the thread that watches
 *    processes, or its descriptors. All tasks of this pool fail; a new pool tries again.
 *  - -EPERM: the program has set-user-ID, set-group-ID or file capabilities; no worker starts.
 *  - -ESRCH: this is a child made by fork, and the pool is its parent's.
 *
 * thrum_executor_shutdown waits for the tasks, and then for the workers. A worker that does not end
 * within 20 times the grace is killed. With `cancel_running`, a task that goes on after the grace
 * is killed.
 *
 * `options` may be NULL. The caller owns the pool and gives it to thrum_executor_shutdown. Python:
 * ProcessPoolExecutor().
 *
 * Returns:
 *     a pool
 *     NULL  memory ran out
 */
THRUM_API thrum_executor *thrum_process_pool_new(const thrum_process_pool_options *options);

/* Writes the process numbers of at most `capacity` living workers to `ret_pids`. Does not block.
 *
 * Returns:
 *     how many workers live, which may be more than `capacity`
 *     0  none lives, or `executor` is no process pool, or it is the pool of a parent process
 */
THRUM_API size_t thrum_process_pool_pids(thrum_executor *executor, int32_t *ret_pids,
                                         size_t capacity);

THRUM_END

#endif
