/* Threads: a task function on an operating-system thread of its own.
 *
 *     thrum_thread *t = thrum_thread_start(download, thrum_value(struct file, "data.csv"));
 *     ...
 *     int rc = thrum_thread_join(t, thrum_in(3));
 *     if (rc == -ETIMEDOUT)
 *         puts("not finished after three seconds");
 *     else if (rc == THRUM_FAILED)
 *         puts(thrum_thread_error(t)->message);    // prints data.csv: not found
 *     thrum_thread_free(t);
 *
 * A start never returns NULL. If the system refuses a thread, or memory runs out, the thread has
 * failed: a join returns THRUM_FAILED, and the error has the code -EAGAIN or -ENOMEM. So the code
 * that handles a failed task also handles a failed start. To know at once whether the thread
 * started, ask thrum_thread_error after the start.
 *
 * pthread_cancel has no effect on a thread that thrum started: thrum_thread_cancel asks its task to
 * stop. A task ends by its return; a task that calls pthread_exit stops the program. The waits of
 * thrum are no cancellation points, but other calls may be. A thread that thrum did not start, and
 * that may be cancelled, must disable cancellation around calls of thrum (pthread_setcancelstate).
 *
 * At the end of the program (exit, or return from main) thrum waits for every thread that is not a
 * daemon, as Python does. Daemons end with the process, wherever they are.
 *
 * Where Python derives a class from Thread, a struct here has a thrum_thread as its first member,
 * and its function gets the struct's address:
 *
 *     struct file_processor {
 *         thrum_thread thread;
 *         const char *path;
 *         char result[64];
 *     };
 *     static int run(thrum_task *self)
 *     {
 *         struct file_processor *p = thrum_arg(self, struct file_processor *);
 *         snprintf(p->result, sizeof p->result, "%s is done", p->path);
 *         return 0;
 *     }
 *     struct file_processor p = {.path = "/data/report.csv"};
 *     thrum_thread_start_in(&p.thread, NULL, run);
 *     if (thrum_thread_join(&p.thread, THRUM_FOREVER) == 0)
 *         puts(p.result);                          // prints /data/report.csv is done
 *     thrum_thread_finish(&p.thread);
 *
 * Differs from Python's threading.Thread: creating and starting are one step, and a join gives the
 * result or the error. Ideas: Python's threading; Java's daemon flag.
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

/* A thread. Lives on the heap, from thrum_thread_start, or in the caller's zeroed memory, for
 * thrum_thread_start_in. Fields are private. */
typedef struct thrum_thread {
    struct thrum__thread *state_;
} thrum_thread;

/* Thread options. Zero selects the default. */
typedef struct thrum_thread_options {
    const char *name;  /* copied; "Thread-N" by default; the system shows its first 15 bytes */
    bool daemon;       /* the end of the program does not wait for it */
    size_t stack_size; /* in bytes; the system's default by default */
    thrum_deadline start_at; /* the task begins no earlier; at once by default. See timer.h */
    THRUM__OPTIONS(thrum_thread_options)
} thrum_thread_options;

/* Starts a thread that runs `function` with a copy of the `size` bytes at `arg`. The caller owns
 * the handle and gives it to thrum_thread_free. Never NULL: a thread that could not be started has
 * failed. Does not block. Python: Thread(target=function, args=...).start(). */
THRUM_API thrum_thread *thrum_thread_start(thrum_task_fn *function, const void *arg, size_t size);

/* The same with options, which may be NULL and are not kept. */
THRUM_API thrum_thread *thrum_thread_start_with(const thrum_thread_options *options,
                                                thrum_task_fn *function, const void *arg,
                                                size_t size);

/* Starts a thread whose handle is `thread`, in the caller's memory: the first member of a struct,
 * whose address is the task's argument. The memory must stay until thrum_thread_finish. A `thread`
 * that was started and not finished stops the program. Does not block. Python: class
 * Worker(Thread), Worker().start().
 *
 * Returns:
 *     0        the thread runs
 *     -EAGAIN  the system refuses a thread; a join then returns THRUM_FAILED
 *     -ENOMEM  memory ran out; likewise
 */
THRUM_API int thrum_thread_start_in(thrum_thread *thread, const thrum_thread_options *options,
                                    thrum_task_fn *function);

/* Ends the use of a handle in the caller's memory, which may then be freed or started again. The
 * thread uses that memory, so it must have been joined: a thread that runs stops the program. */
THRUM_API void thrum_thread_finish(thrum_thread *thread);

/* Waits until the thread has finished. Any number of threads may join a thread, any number of
 * times. Blocks. Python: Thread.join(timeout).
 *
 * Returns:
 *     0             its task has succeeded
 *     THRUM_FAILED  its task has failed or was cancelled, or the thread could not be started: see
 *                   thrum_thread_error
 *     -ETIMEDOUT    the deadline passed first
 *     -EAGAIN       the deadline is THRUM_NOW, and the thread has not finished
 *     -ECANCELED    the running task, which waits, was cancelled
 *     -EDEADLK      the thread joins itself
 *     -ESRCH        this is a child made by fork, and the thread is the parent's
 */
THRUM_API THRUM_MUST_CHECK int thrum_thread_join(thrum_thread *thread, thrum_deadline deadline);

/* Joins, and copies the result of `size` bytes to `ret_result`. Blocks.
 *
 * Returns what thrum_thread_join returns, or:
 *     -EMSGSIZE  the result is not of `size` bytes
 *     -ENODATA   the result was taken before
 */
THRUM_API THRUM_MUST_CHECK int thrum_thread_result(thrum_thread *thread, void *ret_result,
                                                   size_t size, thrum_deadline deadline);

/* Joins, and copies the result, of at most `capacity` bytes, to `ret_result`. If there is a result,
 * `*needed_size`, unless it is NULL, is set to its size, also with -EMSGSIZE. Blocks.
 *
 * Returns what thrum_thread_join returns, or:
 *     -EMSGSIZE  the result is larger than `capacity`
 *     -ENODATA   the result was taken before
 */
THRUM_API THRUM_MUST_CHECK int thrum_thread_copy(thrum_thread *thread, void *ret_result,
                                                 size_t capacity, size_t *needed_size,
                                                 thrum_deadline deadline);

/* Joins, and takes the result, whatever its size: the caller owns the bytes and gives them to free.
 * Blocks.
 *
 * Returns what thrum_thread_join returns, or:
 *     -ENODATA  the result was taken before
 *     -ENOMEM   memory ran out; the result stays in the handle
 */
THRUM_API THRUM_MUST_CHECK int thrum_thread_take(thrum_thread *thread, void **ret_bytes,
                                                 size_t *ret_size, thrum_deadline deadline);

/* The same for a text. Blocks.
 *
 * Returns what thrum_thread_take returns, or -EMSGSIZE: the result does not end in a zero byte. */
THRUM_API THRUM_MUST_CHECK int thrum_thread_take_text(thrum_thread *thread, char **ret_text,
                                                      thrum_deadline deadline);

/* The size of the result in bytes, also after it was taken; 0 without a result. Does not block. */
THRUM_API size_t thrum_thread_result_size(thrum_thread *thread);

/* The error of a thread whose task has failed, or that could not be started; NULL if it has
 * succeeded or has not finished. After a call that returned THRUM_FAILED it is never NULL. The
 * failure counts as observed. The pointer is valid as long as the handle. Does not block. */
THRUM_API const thrum_error *thrum_thread_error(thrum_thread *thread);

/* Gives up a handle from the heap; NULL is accepted. A thread that runs goes on, detached. The
 * failure hook gets a failure that is unobserved, now or when the detached thread fails. Does not
 * wait for the thread's task. */
THRUM_API void thrum_thread_free(thrum_thread *thread);

/* Asks the thread's task to stop: its waits return -ECANCELED, and thrum_cancelled is true. Does
 * not wait for the task.
 *
 * Returns:
 *     0          the task was asked
 *     -EALREADY  the thread has finished
 */
THRUM_API int thrum_thread_cancel(thrum_thread *thread);

/* True from the start until the task has finished. Does not block. Python: Thread.is_alive(). */
THRUM_API bool thrum_thread_is_alive(const thrum_thread *thread);

/* The thread's name; valid as long as the handle. Python: Thread.name. */
THRUM_API const char *thrum_thread_name(const thrum_thread *thread);

/* True if the end of the program does not wait for it. Python: Thread.daemon. */
THRUM_API bool thrum_thread_daemon(const thrum_thread *thread);

/* The number that identifies the thread among the living; 0 once it has finished.
 * Python: Thread.ident. */
THRUM_API uint32_t thrum_thread_ident(thrum_thread *thread);

/* The system's number of the thread, as top and gdb show it; 0 before it runs and once it has
 * finished. Python: Thread.native_id. */
THRUM_API int32_t thrum_thread_native_id(thrum_thread *thread);

/* The handle of the calling thread; NULL if thrum did not start it, as the main thread. Valid until
 * the task returns, also if another thread owns the handle. Python: current_thread(). */
THRUM_API thrum_thread *thrum_thread_current(void);

/* The name of the calling thread: the given name, "MainThread" for the first thread, or "Thread-N"
 * for another thread that thrum did not start. Valid in this thread until it ends. Python:
 * current_thread().name. */
THRUM_API const char *thrum_thread_current_name(void);

/* The number that identifies the calling thread among the living; never 0. It may be used again
 * after the thread's end. Python: threading.get_ident(). */
THRUM_API uint32_t thrum_thread_current_ident(void);

/* The system's number of the calling thread. Python: threading.get_native_id(). */
THRUM_API int32_t thrum_thread_current_native_id(void);

/* A living thread, as thrum_thread_enumerate shows it. */
typedef struct thrum_thread_info {
    uint32_t ident;
    int32_t native_id; /* 0 while the thread starts */
    bool daemon;
    char name[64];      /* cut to fit */
    char waits_for[16]; /* "lock", "event", ... while it waits in thrum, else empty */
} thrum_thread_info;

/* Describes at most `capacity` living threads, in the order of their idents: threads that thrum has
 * started, workers of pools included, and other threads that have called thrum, the caller
 * included. Fibers are not listed. Does not block. Python: threading.enumerate().
 *
 * Returns:
 *     how many threads live, which may be more than `capacity`
 */
THRUM_API size_t thrum_thread_enumerate(thrum_thread_info *ret_infos, size_t capacity);

/* The number of living threads, as thrum_thread_enumerate counts them. Python:
 * threading.active_count(). */
THRUM_API size_t thrum_thread_active_count(void);

/* Turns a report at the end of the program on or off. It lists on stderr each thread whose handle
 * was not freed, each detached thread that still runs, each process and group that was not freed,
 * each pool that was not shut down, and the number of futures that were not freed. Off by default;
 * THRUM_LEAKS=1 in the environment turns it on too. Unobserved failures are printed in any case. */
THRUM_API void thrum_thread_report_leaks(bool on);

/* Begins a shield: until the matching end, cancellation does not interrupt waits (thrum_cancelled
 * is still true). For clean-up that must be complete. Calls nest. */
THRUM_API void thrum_shield_begin(void);

/* Ends the shield that was begun last. Without a shield it stops the program. */
THRUM_API void thrum_shield_end(void);

THRUM_END

#endif
