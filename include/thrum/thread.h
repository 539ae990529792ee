/* Threads: run a task function on an operating-system thread of its own.
 *
 *     thrum_thread *t = thrum_thread_start(download, thrum_value(struct file, "data.csv"));
 *     ...
 *     int rc = thrum_thread_join(t, thrum_in(3));
 *     if (thrum_thread_is_alive(t)) ...        // not done after three seconds
 *     thrum_thread_free(t);
 *
 * Starting never gives NULL. Where the system refuses a thread, or memory is out, the handle is of
 * a thread that has already failed: joining it gives -EAGAIN or -ENOMEM and thrum_thread_error the
 * reason, so that one path handles all failures.
 *
 * At the end of the program (exit, or return from main) thrum waits for every thread that is not a
 * daemon, as Python does; daemons end with the process, wherever they are.
 *
 * Differs from Python's threading.Thread in that creating and starting are one step, and that
 * join gives the result or the error. Ideas: Python's threading; Java's daemon flag.
 */
#ifndef THRUM_THREAD_H
#define THRUM_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum/error.h>
#include <thrum/export.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_thread thrum_thread;

/* How a thread is to be; zero means the default. */
typedef struct thrum_thread_options {
    const char *name;  /* copied; "Thread-N" by default; the system shows its first 15 bytes */
    bool daemon;       /* the end of the program does not wait for it */
    size_t stack_size; /* in bytes; the system's default by default */
} thrum_thread_options;

/* Starts a thread that runs `function` with a copy of the `size` bytes at `arg`. The caller owns
 * the handle and gives it to thrum_thread_free. Never NULL; see above for failure. Does not block.
 * Python: Thread(target=function, args=...).start(). */
THRUM_API thrum_thread *thrum_thread_start(thrum_task_fn *function, const void *arg, size_t size);

/* The same with options, which may be NULL and are not kept. */
THRUM_API thrum_thread *thrum_thread_start_with(const thrum_thread_options *options,
                                                thrum_task_fn *function, const void *arg,
                                                size_t size);

/* Waits until the thread has finished. Returns what its task gave: 0, or its error. Before that:
 * -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW; -ECANCELED if the running task was cancelled;
 * -EDEADLK for joining oneself. thrum_thread_is_alive tells the two apart. Any number of threads
 * may join one, any number of times. Blocks. Python: Thread.join(timeout). */
THRUM_API int thrum_thread_join(thrum_thread *thread, thrum_time deadline);

/* Joins, and copies the result of `size` bytes to `ret_result`, which a failure leaves untouched.
 * Returns as thrum_thread_join, or -EMSGSIZE if the task's result is not of `size` bytes. */
THRUM_API int thrum_thread_result(thrum_thread *thread, void *ret_result, size_t size,
                                  thrum_time deadline);

/* The error with which the finished thread failed, or NULL if it has not finished or has not
 * failed. Asking counts as having seen the failure. The pointer is valid as long as the handle. */
THRUM_API const thrum_error *thrum_thread_error(thrum_thread *thread);

/* Gives up the handle; NULL is accepted. A thread that is still running goes on, detached, and its
 * failure is then reported to the failure hook; so is one that has failed without anyone having
 * joined. Does not block for the thread's task. */
THRUM_API void thrum_thread_free(thrum_thread *thread);

/* Asks the thread's task to stop: its waits return -ECANCELED, thrum_cancelled turns true. Returns
 * 0, or -EALREADY if it has finished. Does not wait for it. */
THRUM_API int thrum_thread_cancel(thrum_thread *thread);

/* True from the start until the task has finished. Does not block. Python: Thread.is_alive(). */
THRUM_API bool thrum_thread_is_alive(const thrum_thread *thread);

/* The thread's name; valid as long as the handle. Python: Thread.name. */
THRUM_API const char *thrum_thread_name(const thrum_thread *thread);

/* True if the end of the program does not wait for it. Python: Thread.daemon. */
THRUM_API bool thrum_thread_daemon(const thrum_thread *thread);

/* The name of the calling thread: as given, "MainThread" for the first, "Thread-N" for one that
 * thrum did not start. Valid in this thread until it ends. Python: current_thread().name. */
THRUM_API const char *thrum_thread_current_name(void);

/* A number that identifies the calling thread among the living; never 0; used again after the
 * thread's end. Python: threading.get_ident(). */
THRUM_API uint32_t thrum_thread_current_ident(void);

THRUM_END

#endif
