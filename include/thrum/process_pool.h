/* The process pool: tasks run in processes of their own, so that one that crashes takes nobody along.
 *
 *     thrum_executor *pool = thrum_process_pool_new(&(thrum_process_pool_options){
 *         .max_workers = 4, .memory_limit = 1 << 30});
 *     thrum_future *f = thrum_submit(pool, parse, &document, sizeof document);
 *     if (thrum_future_result(f, &outline, sizeof outline, thrum_in(5)) == -ECHILD)
 *         fprintf(stderr, "%s\n", thrum_future_error(f)->message);    // which signal, in which function
 *
 * It is an executor as every other: the same task functions, futures, map, deadlines and shutdown. What
 * differs is that nothing is shared. An argument or a result is a copy of its bytes, so a pointer in it means
 * nothing on the other side, but for one to a function or constant of a program that is not position
 * independent; static variables are those of a program that has just begun; descriptors other than the
 * standard ones are not there, unless the options name them.
 *
 * A worker is the program itself, executed once more. It never comes to main: the library takes over
 * before, in a constructor, so the program must be linked to libthrum, not load it later (a fork start works
 * then, too). With the shared library this happens before the program's own constructors: what they set up
 * is not there in a worker. The program's handlers for signals are not there either; a terminal's Ctrl-C
 * reaches workers, too. Workers end with their parent, however it ends.
 *
 * An argument or result of more than some 400 bytes travels far out in a sparse file in memory. Where the program
 * is limited in the size of its files (RLIMIT_FSIZE, ulimit -f), that raises SIGXFSZ; if the signal is ignored, the
 * task fails with -EFBIG.
 *
 * Python: concurrent.futures.ProcessPoolExecutor. There, one worker that dies breaks the whole pool.
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

/* Process pool options. Zero selects the default. The pool keeps copies alone. */
typedef struct thrum_process_pool_options {
    int max_workers;           /* the most worker processes; thrum_cpu_count() by default */
    const char *name_prefix;   /* worker N is called "prefix-N", in ps, too; "process" by default */
    size_t max_pending;        /* how many tasks may wait for a worker; no bound by default */
    thrum_when_full when_full; /* THRUM_WHEN_FULL_RUN runs the task in the caller, unprotected */
    /* Run by each worker before its first task, with this argument. If it fails or the worker dies in it,
     * the pool is broken: what is pending and what is submitted later fails with that error. */
    thrum_task_fn *initializer;
    const void *initializer_arg;
    size_t initializer_arg_size;
    size_t max_tasks_per_worker; /* after so many a worker is replaced; no bound by default */
    thrum_start_method start;
    uint64_t memory_limit;  /* bytes of address space of a worker (RLIMIT_AS) */
    uint64_t cpu_limit;     /* seconds of processor time; then SIGXCPU ends it (RLIMIT_CPU) */
    double grace;           /* seconds from a deadline to the kill of a task that goes on; 0.1 */
    bool kill_on_cancel;    /* a cancel of a running task kills its worker instead of asking */
    int retries;            /* how often a task whose worker died is tried again */
    const int *descriptors; /* which workers keep open, under the same numbers; at most 16 */
    size_t descriptor_count;
} thrum_process_pool_options;

/* A pool of worker processes. They start as tasks arrive, and sleep when there are none. Tasks begin about
 * in the order of submission: a few are handed to each worker ahead of time, where futures call
 * them running, and are taken back, if they have not begun, for a worker that is idle and by a cancel, which
 * then has kept them from running (thrum_future_cancelled).
 *
 * A task whose worker dies fails with -ECHILD and a message that says how it died and in which function,
 * and no other task is touched; another worker takes the place. Where workers die again and again before they
 * have begun a task the pool is broken, and all its tasks fail with -ECHILD and say why. A function that
 * the worker does not have (one of a library that is not there any more) fails with -ENOENT.
 *
 * A task with a deadline (thrum_submit_with) that has not ended `grace` seconds after it loses its worker
 * by SIGKILL, even if that is stopped, and fails with -ETIMEDOUT. A task submitted where no worker can be
 * started and none is left fails with the system's error, -EAGAIN, -ENOMEM or -EMFILE; the next one tries
 * again. thrum_executor_shutdown waits for the tasks, then for the workers; one that does not leave in 20
 * times the grace is killed. With cancel_running, tasks that go on after the grace are killed.
 *
 * `options` may be NULL; a negative max_workers stops the program. The caller owns the pool and gives it to
 * thrum_executor_shutdown. Returns NULL if memory or descriptors are out. In a child made by a plain fork
 * the pool is lost: submit fails with -ESRCH. In a program with set-user-ID, set-group-ID or file capabilities no
 * worker starts, and each task fails with -EPERM. Python: ProcessPoolExecutor(). */
THRUM_API thrum_executor *thrum_process_pool_new(const thrum_process_pool_options *options);

/* Writes the process numbers of at most `most` workers that live. Returns how many live, or 0 if the
 * executor is not a process pool, or is one of the parent in a child made by fork. Does not block. */
THRUM_API size_t thrum_process_pool_pids(thrum_executor *executor, int32_t *ret_pids, size_t most);

THRUM_END

#endif
