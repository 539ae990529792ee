/* A periodic task: a task function that is called at regular moments on a thread of its own.
 *
 *     thrum_periodic *health;
 *     int rc = thrum_periodic_start(&(thrum_periodic_options){.period = 2.0}, check_health,
 *                                   THRUM_NOTHING, &health);
 *     if (rc < 0)
 *         return rc;
 *     ...
 *     rc = thrum_periodic_stop(health, THRUM_FOREVER);     // from here on no tick runs
 *     if (rc == THRUM_FAILED)
 *         puts("a check has failed");                      // prints a check has failed
 *     thrum_periodic_free(health);
 *
 * One call of the function is a tick. Each tick gets the same argument. `beat` says when ticks are
 * due:
 *
 *  - THRUM_PERIODIC_SKIP: at `first`, first + period, first + 2 * period and so on, on the
 *    monotonic clock, without drift. Moments that pass while a tick runs are missed and counted.
 *  - THRUM_PERIODIC_QUEUE: at the same moments. Ticks whose moment passed while another ran are
 *    made up for, one right after another. In the long run there are as many ticks as periods.
 *  - THRUM_PERIODIC_DELAY: one period after the end of the last tick, as in Python's loop with
 *    wait.
 *
 * A tick that fails ends the task: stop and join then return THRUM_FAILED. If neither was called,
 * the failure hook gets the failure when the task is freed. With `keep_going` it gets the failure
 * at once, and the next tick follows.
 *
 * Stop waits for the end of a running tick, and does not wait for the rest of a period. Java:
 * ScheduledExecutorService.
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

/* Periodic task options. Zero selects the default. */
typedef struct thrum_periodic_options {
    double period;            /* seconds, above 0; must be given */
    thrum_periodic_beat beat; /* THRUM_PERIODIC_SKIP by default */
    thrum_deadline first;     /* when the first tick is due; at once by default */
    uint64_t ticks;           /* the number of ticks after which it ends; no end by default */
    bool keep_going;          /* a tick that fails is reported, and the next one follows */
    bool lasting;             /* the end of the program waits for it; it does not by default */
    const char *name;         /* of its thread, copied; "Thread-N" by default */
    THRUM__OPTIONS(thrum_periodic_options)
} thrum_periodic_options;

/* Starts ticks of `function` with a copy of the `size` bytes at `arg`. Options are not kept. A
 * period that is not above 0 stops the program. Does not block.
 *
 * Returns:
 *     0        the task, to be freed with thrum_periodic_free
 *     -EAGAIN  the system refuses a thread
 *     -ENOMEM  memory ran out
 */
THRUM_API THRUM_MUST_CHECK int thrum_periodic_start(const thrum_periodic_options *options,
                                                    thrum_task_fn *function, const void *arg,
                                                    size_t size, thrum_periodic **ret_periodic);

/* Lets no further tick start, and waits for a running tick. May be called any number of times.
 * Blocks only while a tick runs.
 *
 * Returns:
 *     0             no tick runs, and none will
 *     THRUM_FAILED  likewise; a tick failed and ended the task: see thrum_periodic_error
 *     -ETIMEDOUT    the deadline has passed; the running tick is the last
 *     -EAGAIN       the deadline is THRUM_NOW, and a tick runs; it is the last
 *     -ECANCELED    the running task was cancelled; the running tick is the last
 *     -EDEADLK      a tick of this task called; it is the last
 *     -ESRCH        this is a child made by fork
 */
THRUM_API THRUM_MUST_CHECK int thrum_periodic_stop(thrum_periodic *periodic,
                                                   thrum_deadline deadline);

/* Lets no further tick start, and cancels a running tick: its waits return -ECANCELED, and
 * thrum_cancelled is true. If the tick then ends with -ECANCELED, that is no failure. Does not
 * block. */
THRUM_API void thrum_periodic_cancel(thrum_periodic *periodic);

/* Waits until the task has ended: it was stopped or cancelled, a tick failed, or it was the last
 * tick. Blocks.
 *
 * Returns:
 *     0             the task has ended
 *     THRUM_FAILED  a tick failed and ended the task: see thrum_periodic_error
 *     -ETIMEDOUT    the deadline has passed
 *     -EAGAIN       the deadline is THRUM_NOW, and the task has not ended
 *     -ECANCELED    the running task was cancelled
 *     -EDEADLK      a tick of this task called
 *     -ESRCH        this is a child made by fork
 */
THRUM_API THRUM_MUST_CHECK int thrum_periodic_join(thrum_periodic *periodic,
                                                   thrum_deadline deadline);

/* Stops the task, waits for a running tick, and frees the task. NULL is accepted. The failure hook
 * gets a failure that no stop or join has returned. A tick that frees its own task stops the
 * program. Blocks only while a tick runs, without a deadline. */
THRUM_API void thrum_periodic_free(thrum_periodic *periodic);

/* True until the task has ended. Does not block. */
THRUM_API bool thrum_periodic_running(const thrum_periodic *periodic);

/* The number of ticks that have ended, failed ones included. Does not block. */
THRUM_API uint64_t thrum_periodic_ticks(const thrum_periodic *periodic);

/* The number of moments that THRUM_PERIODIC_SKIP has missed because a tick ran. Does not block. */
THRUM_API uint64_t thrum_periodic_missed(const thrum_periodic *periodic);

/* The number of ticks that have failed. Does not block. */
THRUM_API uint64_t thrum_periodic_failures(const thrum_periodic *periodic);

/* Copies the error of the last tick that failed to `*ret_error`, which may be NULL. The failure
 * then counts as observed. Does not block.
 *
 * Returns:
 *     0                            no tick has failed; the code of the error is 0, too
 *     the code of the failed tick  negative; always after THRUM_FAILED
 */
THRUM_API int thrum_periodic_error(thrum_periodic *periodic, thrum_error *ret_error);

THRUM_END

#endif
