/* A driver: an executor of your own, whose tasks another engine runs.
 *
 * thrum_driver_new makes an executor from a table of functions. It is an executor like the others:
 * submit, map, groups, then, deadlines, priorities, cancel, a bounded backlog, shutdown in all
 * variants and the end of the program work. The driver adds how a task gets to the engine and its
 * outcome back:
 *
 *     for (;;) {
 *         thrum_event_clear(&woken);                   // driver.wake sets it
 *         if (thrum_driver_phase_get(executor) == THRUM_DRIVER_OVER)
 *             break;
 *         thrum_driven *task = thrum_driver_take(executor);
 *         if (task)
 *             send_to_engine(task);                    // later: thrum_driven_set_result
 *         else
 *             (void)!thrum_event_wait(&woken, THRUM_FOREVER);
 *     }
 *     thrum_driver_leave(executor);
 *
 * The event is cleared before anything is looked at. If the phase were read first, a shutdown between
 * the two would be lost.
 *
 * Tasks wait in the backlog of the executor until the driver takes them, so the driver takes what the
 * engine has room for, and no more. A task that was taken runs in the eyes of its future. The
 * driver ends each task that it took by exactly one call of thrum_driven_set_result,
 * thrum_driven_set_error or thrum_driven_set_unrun. Callbacks of the futures run on a background
 * thread of the library, never on the thread of the driver.
 *
 * One thread of the driver, or several, may call these functions. They must be thrum_threads, or
 * other threads that do not run tasks.
 */
#ifndef THRUM_DRIVER_H
#define THRUM_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum/executor.h>
#include <thrum/export.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

/* A task that a driver has taken. */
typedef struct thrum_driven thrum_driven;

/* What an engine is. */
typedef struct thrum_driver {
    const char *name; /* what messages call such an executor, such as "cluster"; must stay */
    /* Something has changed: a task waits, a task is asked to stop, or the executor is shut down.
     * Called by any thread, with the executor's lock held or without it. It must be short, must not
     * call functions on the executor, and must not wait; thrum_event_set is right. It may be called
     * until thrum_driver_leave. */
    void (*wake)(void *context);
    /* Corrects statistics that have all tasks that were taken as `running`; may be NULL. Under the
     * same rules as `wake`. */
    void (*stats)(void *context, thrum_executor_stats *stats);
} thrum_driver;

/* Options of a driven executor. Zero selects the default. They are as in thrum_thread_pool_options. */
typedef struct thrum_driver_options {
    int max_workers;         /* how many tasks the engine runs at once, for the window of a map */
    const char *name_prefix; /* the name of the executor in messages; the driver's by default */
    bool daemon;             /* the end of the program does not wait for its tasks */
    size_t max_pending;      /* how many tasks may wait to be taken; no bound by default */
    thrum_when_full when_full;
    THRUM__OPTIONS(thrum_driver_options)
} thrum_driver_options;

/* Makes an executor from a driver, which is copied. `context` is for the driver's functions. An
 * owned value (thrum_owned) is refused with -EINVAL, as in a process pool. Each item of a map is a
 * task of its own, whatever its `chunk`. `options` may be NULL.
 *
 * Returns:
 *     an executor, which somebody gives to thrum_executor_shutdown
 *     NULL  memory ran out
 */
THRUM_API thrum_executor *thrum_driver_new(const thrum_driver *driver,
                                           const thrum_driver_options *options, void *context);

/* Takes the next task out of the backlog: the oldest of the highest priority. Its future runs from
 * now on. Returns NULL if no task waits. Does not block. */
THRUM_API thrum_driven *thrum_driver_take(thrum_executor *executor);

/* True if a task that was taken was asked to stop since the last call. Look then at
 * thrum_driven_cancel_requested of each. Does not block. */
THRUM_API bool thrum_driver_asked(thrum_executor *executor);

/* The life of a driven executor. */
typedef enum thrum_driver_phase {
    THRUM_DRIVER_OPEN,
    THRUM_DRIVER_CLOSING,  /* it was shut down, and has tasks still, or callbacks run */
    THRUM_DRIVER_CLEARING, /* the same, and what no worker has begun is to be cancelled */
    THRUM_DRIVER_OVER,     /* all tasks have ended: call thrum_driver_leave */
} thrum_driver_phase;

/* The phase that the executor is in. Does not block. */
THRUM_API thrum_driver_phase thrum_driver_phase_get(thrum_executor *executor);

/* Leaves an executor that is THRUM_DRIVER_OVER: the driver's last use of it, after which it is freed.
 * Does not block. */
THRUM_API void thrum_driver_leave(thrum_executor *executor);

/* What a task is. */
typedef struct thrum_driven_view {
    thrum_task_fn *function;
    const void *arg; /* valid until the task is ended */
    size_t arg_size;
    thrum_deadline deadline; /* by which it is to end; 0 for none */
    thrum_priority priority;
} thrum_driven_view;

/* Tells what a task is. Does not block. */
THRUM_API void thrum_driven_get(thrum_driven *task, thrum_driven_view *ret_view);

/* True if the task was asked to stop, by a cancel or by a shutdown with `cancel_running`. Does not
 * block. */
THRUM_API bool thrum_driven_cancel_requested(thrum_driven *task);

/* Ends a task with a copy of `size` bytes as its result. The task must not be used afterwards. If
 * memory runs out, the task fails with -ENOMEM. Does not block. */
THRUM_API void thrum_driven_set_result(thrum_driven *task, const void *bytes, size_t size);

/* Ends a task with an error: a negative errno and a message; NULL stands for the code's own text.
 * Otherwise as thrum_driven_set_result. */
THRUM_API void thrum_driven_set_error(thrum_driven *task, int code, const char *message);

/* Ends a task that was asked to stop and has never begun: its future is cancelled, as if the task had
 * not been taken. Otherwise as thrum_driven_set_result. */
THRUM_API void thrum_driven_set_unrun(thrum_driven *task);

THRUM_END

#endif
