/* The periodic task.
 *
 * A thread that waits for the event `stopped` until the next moment: the event is both the pause
 * and the end of it. The wait is asked before each tick, even if that is overdue, so that a stop
 * comes between any two ticks and never later than after the running one. The next moment is
 * counted from the last moment, not from the end of the tick, so lateness does not add up.
 *
 * Each tick is a task of its own (thread/task.h) in the context of the thread, with a fresh copy of
 * the argument. So it fails as tasks do, with a message, and a cancelled thread is a cancelled
 * tick.
 *
 * Who owns what: the handle owns everything; the thread uses it until it has finished, and
 * thrum_periodic_free joins it before anything goes. The counts are written by the thread alone and
 * are for displays, hence relaxed; after a stop or join that returned the outcome they are exact.
 * `error` is under `lock`, as failures may follow upon each other while someone reads. The thread's
 * own outcome is the error that ended it, if one did.
 *
 * A failure is seen if a join gave its code or thrum_periodic_error was asked. With keep_going each
 * goes to the hook at once, and nothing is owed at the end.
 *
 * Fork: the child has the handle and no thread; joining says -ESRCH, and freeing works.
 *
 * Rejected: ticks on an executor (a long queue there delays the beat); one thread with a heap for
 * all periodic tasks (a slow tick delays those of strangers).
 *
 * Sources: Java's scheduleAtFixedRate and scheduleWithFixedDelay; Go's Ticker, which skips.
 */
#include "flow/periodic.h"
#include "base/clock.h"
#include "base/panic.h"
#include "thread/task.h"
#include <thrum/event.h>
#include <thrum/lock.h>
#include <thrum/thread.h>

#include <errno.h>
#include <string.h>

struct thrum_periodic {
    thrum_thread thread; /* first: its task's argument is the address */
    thrum_event stopped;
    thrum_task_fn *function;
    thrum_time period;
    thrum_deadline first;
    thrum_periodic_beat beat;
    bool keep_going;
    uint64_t limit;
    uint64_t ticks, missed, failures;
    uint32_t seen; /* someone was given the failure that ended it */
    thrum_lock lock;
    thrum_error error; /* the last, under the lock */
    size_t size;
    char arg[] __attribute__((aligned(16)));
};

thrum_time thrum__periodic_ns(double seconds)
{
    double ns = seconds * 1e9;
    return ns < 1 ? 1 : ns < 4e18 ? (thrum_time)ns : (thrum_time)4e18;
}

thrum_time thrum__periodic_next(thrum_periodic_beat beat, thrum_time period, thrum_time due,
                                thrum_time now, uint64_t *ret_missed)
{
    thrum_time passed = 0, next;
    if (beat == THRUM_PERIODIC_DELAY)
        due = now;
    else if (beat == THRUM_PERIODIC_SKIP && now > due)
        passed = (now - due - 1) / period; /* a tick that is due right now is not missed */
    *ret_missed = (uint64_t)passed;
    if (__builtin_add_overflow(due + passed * period, period, &next))
        return THRUM__NEVER;
    return next;
}

static void fail(struct thrum_periodic *periodic, const thrum_error *error)
{
    thrum__add_relaxed(&periodic->failures, 1);
    thrum_lock_acquire(&periodic->lock);
    periodic->error = *error;
    thrum_lock_release(&periodic->lock);
}

/* Runs one tick. Returns 0 if others may follow, else what ends the thread. */
static int tick(struct thrum_periodic *periodic, thrum_task *self)
{
    thrum_task task = {0};
    int rc = thrum__task_init(&task, periodic->function, periodic->arg, periodic->size);
    if (rc < 0)
        thrum__task_fail(&task, rc, NULL);
    else
        thrum__task_run(&task);
    rc = thrum__task_code(&task);
    if (rc == -ECANCELED && thrum_cancelled(self))
        rc = 0; /* as it was asked to; the wait for the next tick ends it */
    if (rc < 0)
        fail(periodic, thrum__task_error(&task));
    thrum__add_relaxed(&periodic->ticks, 1);
    if (rc < 0 && periodic->keep_going) {
        thrum__failure_report("periodic", thrum_thread_current_name(), thrum__task_error(&task));
        rc = 0;
    } else if (rc < 0) {
        (void)thrum_fail_with(self, thrum__task_error(&task));
    }
    thrum__task_finish(&task);
    return rc;
}

static int run(thrum_task *self)
{
    struct thrum_periodic *periodic = thrum_arg(self, struct thrum_periodic *);
    thrum_deadline due = periodic->first;
    while (thrum_event_wait(&periodic->stopped, due) == -ETIMEDOUT) {
        int rc = tick(periodic, self);
        if (rc < 0)
            return rc;
        if (periodic->limit && thrum__load_relaxed(&periodic->ticks) == periodic->limit)
            break;
        uint64_t missed;
        due = thrum_at(thrum__periodic_next(periodic->beat, periodic->period, due.ns,
                                            thrum__clock_now(), &missed));
        if (missed)
            thrum__add_relaxed(&periodic->missed, missed);
    }
    return 0;
}

int thrum_periodic_start(const thrum_periodic_options *options, thrum_task_fn *function,
                         const void *arg, size_t size, thrum_periodic **ret_periodic)
{
    if (!options || !(options->period > 0))
        thrum__panic(thrum__caller(),
                     "periodic task with a period of %g seconds; a period must be above 0",
                     options ? options->period : 0.0);
    thrum__value value = thrum__value_of(arg, size, thrum__caller());
    if (value.destroy)
        thrum__panic(thrum__caller(),
                     "a periodic task was given an argument by thrum_owned, but its function runs "
                     "many times; pass a pointer and release it after thrum_periodic_free");
    size = value.size;
    struct thrum_periodic *periodic =
        size <= SIZE_MAX / 2 ? thrum__alloc(sizeof *periodic + size) : NULL;
    if (!periodic)
        return -ENOMEM;
    periodic->function = function;
    periodic->period = thrum__periodic_ns(options->period);
    periodic->first = options->first.ns ? options->first : thrum_at(thrum__clock_now());
    periodic->beat = options->beat;
    periodic->keep_going = options->keep_going;
    periodic->limit = options->ticks;
    periodic->size = size;
    if (size)
        memcpy(periodic->arg, value.bytes, size);
    thrum_thread_options thread = {.name = options->name, .daemon = !options->lasting};
    int rc = thrum_thread_start_in(&periodic->thread, &thread, run);
    if (rc < 0) {
        (void)thrum_thread_error(&periodic->thread); /* the caller gets the code */
        thrum_thread_finish(&periodic->thread);
        thrum__free(periodic);
        return rc;
    }
    *ret_periodic = periodic;
    return 0;
}

int thrum_periodic_join(thrum_periodic *periodic, thrum_deadline deadline)
{
    int rc = thrum_thread_join(&periodic->thread, deadline);
    if (rc == THRUM_FAILED)
        thrum__store_relaxed(&periodic->seen, 1);
    return rc;
}

int thrum_periodic_stop(thrum_periodic *periodic, thrum_deadline deadline)
{
    thrum_event_set(&periodic->stopped);
    return thrum_periodic_join(periodic, deadline);
}

void thrum_periodic_cancel(thrum_periodic *periodic)
{
    thrum_event_set(&periodic->stopped);
    (void)thrum_thread_cancel(&periodic->thread); /* too late is as good */
}

void thrum_periodic_free(thrum_periodic *periodic)
{
    if (!periodic)
        return;
    if (thrum_thread_current() == &periodic->thread)
        thrum__panic(thrum__caller(), "periodic task %p freed by its own tick, in thread \"%s\"",
                     (void *)periodic, thrum__self()->name);
    thrum_event_set(&periodic->stopped);
    thrum_shield_begin();
    int rc = thrum_thread_join(&periodic->thread, THRUM_FOREVER);
    thrum_shield_end();
    if (rc == THRUM_FAILED && !thrum__load_relaxed(&periodic->seen))
        thrum__failure_report("periodic", thrum_thread_name(&periodic->thread), &periodic->error);
    thrum_thread_finish(&periodic->thread);
    thrum__free(periodic);
}

bool thrum_periodic_running(const thrum_periodic *periodic)
{
    return thrum_thread_is_alive(&periodic->thread);
}

uint64_t thrum_periodic_ticks(const thrum_periodic *periodic)
{
    return thrum__load_relaxed(&periodic->ticks);
}

uint64_t thrum_periodic_missed(const thrum_periodic *periodic)
{
    return thrum__load_relaxed(&periodic->missed);
}

uint64_t thrum_periodic_failures(const thrum_periodic *periodic)
{
    return thrum__load_relaxed(&periodic->failures);
}

int thrum_periodic_error(thrum_periodic *periodic, thrum_error *ret_error)
{
    thrum__store_relaxed(&periodic->seen, 1);
    thrum_lock_acquire(&periodic->lock);
    int code = periodic->error.code;
    if (ret_error)
        *ret_error = periodic->error;
    thrum_lock_release(&periodic->lock);
    return code;
}
