/* Fibers: the tasks that run in thousands, without a rewrite.
 *
 *     static int serve(thrum_task *self)
 *     {
 *         ...
 *         thrum_sleep(thrum_in(0.2));          // other fibers run meanwhile
 *         ...
 *     }
 *
 *     thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){ .max_workers = 1 });
 *     for (int i = 0; i < 10000; i++)
 *         thrum_future_free(thrum_submit(pool, serve, thrum_value(int, i)));
 *     thrum_executor_shutdown(pool);           // all have slept at once: a fifth of a second
 *
 * A fiber is a task with a stack of its own that a worker, an OS thread, leaves when the task waits
 * and comes back to when the wait is over. It costs some kilobytes where a thread costs a system
 * call and a place in the kernel's tables. The task cannot tell: locks, queues, events, futures,
 * sleeps and all that waits by thrum wait as in a thread, between fibers, between threads, and
 * between both, with the same deadlines and the same cancellation. So the choice between threads
 * and fibers, which is a rewrite with async and await in Python, is the choice of an executor.
 *
 * A pool of one worker behaves as asyncio: tasks run one at a time, begin in the order of
 * submission, and change only where they wait; what they do between two waits needs no lock. A pool of
 * several behaves as Go: tasks run at once on as many processors, and a worker that has nothing to
 * do takes over tasks that nobody has begun. One that has begun stays on its worker.
 *
 * A loop that only tries (thrum_lock_try, THRUM_NOW) lets nobody else run on its worker, perhaps not
 * the one that it waits for either: it calls thrum_yield. What does not wait by thrum (read(),
 * getaddrinfo(), a long computation) holds its worker, and all fibers there, up; `hold_limit` finds
 * such places, thrum_blocking is for them.
 *
 * A task has thrum_local values, a name and an ident of its own. Variables of the thread (__thread)
 * are shared by the tasks of a worker. The rounding mode of the processor is too: a task that changes
 * it sets it back before it waits. longjmp and exceptions stay within one task.
 *
 * Stacks: `stack_size` is address space; memory comes as it is touched. A task that overflows its
 * stack is named on stderr before the process dies by SIGSEGV.
 *
 * Python: asyncio. Ideas: Go's goroutines and their scheduler; libdill; Boost.Fiber.
 */
#ifndef THRUM_FIBER_H
#define THRUM_FIBER_H

#include <stddef.h>
#include <thrum/executor.h>
#include <thrum/export.h>
#include <thrum/task.h>

THRUM_BEGIN

/* Fiber pool options. Zero selects the default. */
typedef struct thrum_fiber_pool_options {
    int max_workers;         /* OS threads; thrum_cpu_count() by default */
    size_t stack_size;       /* of one fiber, in bytes of address space; 256 KiB by default, at
                                least 16 KiB, rounded up to whole pages, one of them the guard */
    const char *name_prefix; /* a fiber is called "prefix-N"; "fiber" by default; copied */
    double hold_limit;       /* in seconds: a task that holds a worker for longer without waiting
                                is told to the failure hook, with -EBUSY; not watched by default */
} thrum_fiber_pool_options;

/* A pool of fibers: an executor as every other, for thrum_submit, thrum_map, groups and all. Its
 * workers start with the first task. Tasks of a pool with one worker start in the order of
 * submission; in a larger pool those that one thread submits start nearly so. A task may wait for
 * any other task of its pool. There is no backlog to fill up, and priorities are not looked at.
 * Where there is no memory for a further stack, tasks begin when others have ended.
 * `options` may be NULL; a negative max_workers stops the program. The caller owns it and gives it to
 * thrum_executor_shutdown, which must not be called by a task of the pool, but with `no_wait`.
 * Returns NULL if memory is out. Does not block. Python: an asyncio event loop. */
THRUM_API thrum_executor *thrum_fiber_pool_new(const thrum_fiber_pool_options *options);

/* The pool that the calling fiber belongs to, to submit further tasks to; NULL if a thread calls.
 * Does not block. Python: asyncio.get_running_loop(). */
THRUM_API thrum_executor *thrum_fiber_pool_current(void);

/* Lets other fibers of the same worker run that could, each until it waits; in a thread it gives the
 * processor away. May be called in any task. Python: await asyncio.sleep(0). */
THRUM_API void thrum_yield(void);

/* Runs `function`, with a copy of the `size` bytes at `arg`, as a fiber in a pool made for it, with
 * default options; then waits until all tasks of the pool are done, and frees it. Returns 0, or the
 * code with which the function failed; -ENOMEM, or -EAGAIN where the system refuses the first
 * thread. Its message is lost: a main function prints its own. Blocks. Python: asyncio.run(). */
THRUM_API int thrum_run(thrum_task_fn *function, const void *arg, size_t size);

/* The same with options, which may be NULL. */
THRUM_API int thrum_run_with(const thrum_fiber_pool_options *options, thrum_task_fn *function,
                             const void *arg, size_t size);

THRUM_END

#endif
