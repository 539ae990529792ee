/* Fibers: tasks that wait by the thousand, on a few threads.
 *
 *     static int serve(thrum_task *self)
 *     {
 *         return thrum_sleep(thrum_in(0.2));   // other fibers run meanwhile
 *     }
 *
 *     thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
 *     for (int i = 0; i < 10000; i++)
 *         thrum_future_free(thrum_submit(pool, serve, THRUM_NOTHING));
 *     thrum_executor_shutdown(pool);           // all sleep at the same time: 0.2 seconds
 *     puts("done");                            // prints done
 *
 * A fiber is a task with a stack of its own. It runs on a worker, which is a thread. When the task
 * waits, the worker saves it and runs another; when the wait is over, the worker continues it. A
 * fiber costs a few kilobytes. Locks, queues, events, futures, sockets and sleeps work between
 * fibers, between threads, and between both, with the same deadlines and the same cancellation. So
 * the same task function runs as a thread or as a fiber: only the executor differs.
 *
 * A pool of one worker behaves like asyncio. Tasks run one at a time and start in the order of
 * submission. Another task runs only while a task waits. What a task does between two waits needs
 * no lock. A pool of several workers behaves like Go: tasks run on several processors at once. A
 * worker with nothing to do steals tasks that have not started. A started task stays on its worker.
 *
 * What a task must not do:
 *
 *  - A loop that only polls (thrum_lock_try, THRUM_NOW) must call thrum_yield. Otherwise no other
 *    fiber of the worker runs.
 *  - A call that blocks the thread (read(), getaddrinfo()) and a long computation delay all fibers
 *    of the worker. Move them to another thread with thrum_blocking. `hold_limit` finds such
 *    places.
 *  - longjmp and exceptions must stay within one task.
 *
 * A task has thrum_local values, a name and an ident of its own. Variables of the thread (__thread)
 * and the rounding mode of the processor are shared by the tasks of a worker. A task that changes
 * the rounding mode restores it before it waits.
 *
 * `stack_size` is address space; memory is used as it is touched. A task that overflows its stack
 * ends the process by SIGSEGV; a message on stderr names the task.
 *
 * Python: asyncio. Ideas: Go's goroutines and their scheduler; libdill; Boost.Fiber.
 */
#ifndef THRUM_FIBER_H
#define THRUM_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum/executor.h>
#include <thrum/export.h>
#include <thrum/task.h>

THRUM_BEGIN

/* Fiber pool options. Zero selects the default. The members up to `initializer_arg_size` are as in
 * thrum_thread_pool_options, with these differences:
 *
 *  - All workers start with the first task, and each runs the initializer, as a thread. A task has
 *    thrum_local values of its own, so it does not see those that the initializer has set.
 *  - `max_pending` bounds the tasks that have not started. It does not bound the tasks that have
 *    started and not ended, because a task that waits leaves its worker to the next one. A
 *    thrum_semaphore bounds those. */
typedef struct thrum_fiber_pool_options {
    int max_workers;         /* the most workers, which are threads; thrum_cpu_count() by default */
    const char *name_prefix; /* a fiber is called "prefix-N"; "fiber" by default */
    bool daemon;             /* the end of the program does not wait for its tasks */
    size_t max_pending;      /* the most tasks that wait to start; no bound by default */
    thrum_when_full when_full;
    thrum_task_fn *initializer;
    const void *initializer_arg; /* set this and the next by thrum_value or thrum_text */
    size_t initializer_arg_size;
    size_t stack_size; /* of one fiber, in bytes of address space; 256 KiB by default, at
                          least 16 KiB, rounded up to whole pages, one of them the guard */
    double hold_limit; /* seconds; a task that runs longer without waiting is reported to the
                          failure hook, with -EBUSY; no limit by default */
    THRUM__OPTIONS(thrum_fiber_pool_options)
} thrum_fiber_pool_options;

/* Makes a pool of fibers: an executor for thrum_submit, thrum_map and groups. Its workers start
 * with the first task. Pending tasks of higher priority start first. In a pool of one worker, tasks
 * of one priority start in the order of submission; in a larger pool, those of one submitter start
 * nearly in this order. A submit takes a lock in a pool with `max_pending` or an initializer, and
 * after the first task with a priority. A task may wait for any other task of its pool. If there is
 * no memory for another stack, tasks start when others have ended.
 *
 * `options` may be NULL. The caller owns the pool and gives it to thrum_executor_shutdown; a task
 * of the pool may do so only with `no_wait`. Does not block. Python: an asyncio event loop.
 *
 * Returns:
 *     a pool
 *     NULL  memory ran out
 */
THRUM_API thrum_executor *thrum_fiber_pool_new(const thrum_fiber_pool_options *options);

/* The pool of the calling fiber, for further tasks; NULL in a thread. Does not block. Python:
 * asyncio.get_running_loop(). */
THRUM_API thrum_executor *thrum_fiber_pool_current(void);

/* Lets every other fiber of the worker that is ready run until it waits. In a thread it yields the
 * processor. May be called in any task. Python: await asyncio.sleep(0). */
THRUM_API void thrum_yield(void);

/* Runs `function`, with a copy of the `size` bytes at `arg`, as a fiber in a new pool with default
 * options. Waits until all tasks of the pool are done and frees the pool. The failure hook gets the
 * error of `function`, and prints it by default. So a main function that is one fiber ends with the
 * status 1 if that fails:
 *
 *     return thrum_run(serve, THRUM_NOTHING);
 *
 * To get the error as a value, submit the function to a pool. Blocks, without a deadline. Python:
 * asyncio.run().
 *
 * Returns:
 *     0             the function succeeded
 *     THRUM_FAILED  the function failed, or could not be run: -ENOMEM, or -EAGAIN if the system
 *                   refuses the first thread
 */
THRUM_API int thrum_run(thrum_task_fn *function, const void *arg, size_t size);

/* The same with options, which may be NULL. */
THRUM_API int thrum_run_with(const thrum_fiber_pool_options *options, thrum_task_fn *function,
                             const void *arg, size_t size);

THRUM_END

#endif
