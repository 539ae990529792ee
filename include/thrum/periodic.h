/* A periodic task: a task function that is called again and again on a thread of its own.
 *
 *     thrum_periodic *health = thrum_periodic_start(
 *         &(thrum_periodic_options){.period = 2.0}, check_health, THRUM_NOTHING);
 *     ...
 *     thrum_periodic_stop(health, THRUM_FOREVER);     // now no tick runs, and none will
 *     thrum_periodic_free(health);
 *
 * One call of the function is a tick; each gets the same argument. When it is due:
 *
 *     THRUM_PERIODIC_SKIP     at first, first + period, first + 2 * period, ... on the monotonic
 *                             clock, without drift. Moments that pass while a tick runs are missed;
 *                             they are counted and the beat is kept.
 *     THRUM_PERIODIC_QUEUE    the same moments, but those that pass while a tick runs are made up
 *                             for, back to back: as many ticks as periods, in the long run.
 *     THRUM_PERIODIC_DELAY    a period after the end of the last tick, as Python's loop with wait.
 *
 * A tick that fails ends the task, and its failure reaches who stops or joins it, else the failure
 * hook when it is freed. With `keep_going` the failure hook is told at once and the next tick comes.
 *
 * Like Python's usual PeriodicTask, and with its promise kept: stop does not return in the middle
 * of a tick, and does not wait for the rest of a period. Java: ScheduledExecutorService.
 */
#ifndef THRUM_PERIODIC_H
#define THRUM_PERIODIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum/error.h>
#include <thrum/export.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_periodic thrum_periodic;

/* When a tick is due; see above. */
typedef enum thrum_periodic_beat {
    THRUM_PERIODIC_SKIP,
    THRUM_PERIODIC_QUEUE,
    THRUM_PERIODIC_DELAY
} thrum_periodic_beat;

/* How it is to go on; zero means the default. */
typedef struct thrum_periodic_options {
    double period;            /* seconds, above 0; must be given */
    thrum_periodic_beat beat; /* THRUM_PERIODIC_SKIP by default */
    thrum_deadline first;     /* when the first tick is due; at once by default */
    uint64_t ticks;           /* ends by itself after so many; without end by default */
    bool keep_going;          /* a tick that fails is reported and the next one comes */
    bool lasting;             /* the end of the program waits for it; a daemon by default */
    const char *name;         /* of its thread, copied; "Thread-N" by default */
} thrum_periodic_options;

/* Starts ticks of `function` with a copy of the `size` bytes at `arg`. The caller owns the handle
 * and gives it to thrum_periodic_free. NULL if memory is out; where the system refuses a thread, a
 * handle whose join gives -EAGAIN or -ENOMEM. Options are not kept; a period that is not above 0
 * stops the program. Does not block. */
THRUM_API thrum_periodic *thrum_periodic_start(const thrum_periodic_options *options,
                                               thrum_task_fn *function, const void *arg,
                                               size_t size);

/* No tick begins from now on; waits until the one that may be running has ended. Returns as
 * thrum_periodic_join: 0 means that no tick runs and none will. After -ETIMEDOUT or -ECANCELED the
 * running tick is still the last. Called by a tick of its own it does not wait and returns -EDEADLK:
 * that tick is the last. Any number of times. Blocks for a running tick only. */
THRUM_API int thrum_periodic_stop(thrum_periodic *periodic, thrum_deadline deadline);

/* No tick begins from now on, and the running one is asked to stop: its waits return -ECANCELED,
 * thrum_cancelled turns true. That it then fails with -ECANCELED is no failure. Does not block. */
THRUM_API void thrum_periodic_cancel(thrum_periodic *periodic);

/* Waits until it has ended: stopped, cancelled, by a failure, or after its last tick. Returns 0, or
 * the code of the tick that failed and ended it, or with which the thread was refused. Before the
 * end: -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW; -ECANCELED if the running task was cancelled;
 * -EDEADLK in a tick of its own; -ESRCH in a child made by fork. thrum_periodic_running tells
 * them apart. Blocks. */
THRUM_API int thrum_periodic_join(thrum_periodic *periodic, thrum_deadline deadline);

/* Stops it, waits for a running tick, and frees it; NULL is accepted. A failure that ended it and
 * that nobody has been given goes to the failure hook. A tick must not free its own task: that
 * stops the program. Blocks for a running tick only. */
THRUM_API void thrum_periodic_free(thrum_periodic *periodic);

/* True until it has ended. Does not block. */
THRUM_API bool thrum_periodic_running(const thrum_periodic *periodic);

/* How many ticks have ended, failed ones included. Does not block. */
THRUM_API uint64_t thrum_periodic_ticks(const thrum_periodic *periodic);

/* How many moments THRUM_PERIODIC_SKIP has let pass because a tick ran. Does not block. */
THRUM_API uint64_t thrum_periodic_missed(const thrum_periodic *periodic);

/* How many ticks have failed. Does not block. */
THRUM_API uint64_t thrum_periodic_failures(const thrum_periodic *periodic);

/* Copies the error of the last tick that failed, of code 0 if none has, and returns its code. Counts
 * as having seen the failure. `ret_error` may be NULL. Does not block. */
THRUM_API int thrum_periodic_error(thrum_periodic *periodic, thrum_error *ret_error);

THRUM_END

#endif
