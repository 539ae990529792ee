/* A timer: a task that starts later, unless it is cancelled before.
 *
 *     thrum_thread *timer = thrum_timer_start(thrum_in(30), give_up, THRUM_NOTHING);
 *     ...
 *     if (thrum_timer_cancel(timer) == 0)
 *         puts("in time");     // prints in time
 *     thrum_thread_free(timer);
 *
 * A timer is a thread that sleeps first: it is joined, named and freed as a thread. For thousands
 * of waits at the same time use fibers. Python: threading.Timer.
 */
#ifndef THRUM_TIMER_H
#define THRUM_TIMER_H

#include <thrum/export.h>
#include <thrum/thread.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Starts a thread that runs `function` with a copy of the `size` bytes at `arg` once the moment
 * `at` has come. Never NULL: it fails as thrum_thread_start does. The caller owns the handle and
 * frees it with thrum_thread_free. Does not block. */
THRUM_API thrum_thread *thrum_timer_start(thrum_deadline at, thrum_task_fn *function,
                                          const void *arg, size_t size);

/* Cancels a timer whose task has not started. Does not block. Python: Timer.cancel().
 *
 * Returns:
 *     0          the task never runs; its outcome is that it was cancelled
 *     -EALREADY  the task has started, or was cancelled before
 */
THRUM_API int thrum_timer_cancel(thrum_thread *timer);

THRUM_END

#endif
