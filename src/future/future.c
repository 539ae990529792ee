/* Futures.
 *
 *     PENDING ----> RUNNING ----> FINISHED
 *        \
 *         `-------> CANCELLED             (or FINISHED, where the executor could not take it)
 *
 * Every change of state is made under the future's lock, so a cancel and a start cannot both win.
 * The change to FINISHED or CANCELLED also sets the event `done`, a release that every wait
 * acquires, and then tells the watches, all under the lock: one who was told can ask for the
 * result at once, and one who has ended his watch under the lock is not being told any more. The
 * callbacks, which are the user's, are taken off under the lock and called after it (callback.c).
 *
 * `runner` is the context of the thread that runs the task. It is cleared under the lock before
 * that thread goes on to other work; so a cancel, which looks at it under the lock, asks the right
 * task to stop or none. The worker takes back a request that came too late when it takes the next
 * task (see the thread pool).
 *
 * A worker of a pool that waits for a future may run it itself, if it is pending in the same pool;
 * else it lets another worker step in (thread_pool.c).
 *
 * References: one for the owner, one for the executor until the task is done or dropped. Both may
 * free in any order; nobody touches a future without a reference, and the end of a task touches it
 * only while it has the executor's.
 *
 * A failure is told to the failure hook when the last reference goes and nobody has asked. One who
 * cancels has no interest in it.
 *
 * Source: Python's concurrent.futures.Future; reference counts in place of its garbage collector.
 */
#include "future/future.h"
#include "park/park.h"
#include <thrum/with.h>

#include <errno.h>

enum {
    PENDING = THRUM__FUTURE_PENDING,
    RUNNING = THRUM__FUTURE_RUNNING,
    FINISHED = THRUM__FUTURE_FINISHED,
    CANCELLED = THRUM__FUTURE_CANCELLED
};

/* The future for want of a future: failed, immortal, and shared by all who get it. */
static thrum_future no_memory = {
    .state = FINISHED,
    .seen = 1,
    .done = {1, 0, 0},
};

thrum_future *thrum__future_no_memory(void)
{
    return &no_memory;
}

thrum_future *thrum__future_new(thrum_task_fn *function, const void *arg, size_t size)
{
    thrum_future *future = thrum__alloc(sizeof *future);
    if (!future)
        return &no_memory;
    if (thrum__task_init(&future->task, function, arg, size) < 0) {
        thrum__free(future);
        return &no_memory;
    }
    future->references = 2;
    return future;
}

void thrum__future_reference(thrum_future *future)
{
    if (future != &no_memory)
        thrum__add_relaxed(&future->references, 1);
}

void thrum__future_unreference(thrum_future *future)
{
    if (future == &no_memory || thrum__sub_acq_rel(&future->references, 1) != 1)
        return;
    if (future->task.error && !thrum__load_relaxed(&future->seen))
        thrum__failure_report_task("future", &future->task);
    thrum__task_finish(&future->task);
    thrum__free(future);
}

static const thrum_error *error_of(const thrum_future *future)
{
    return future == &no_memory ? thrum__error_constant(-ENOMEM) : future->task.error;
}

const thrum_error *thrum__future_failure(const thrum_future *future)
{
    const thrum_error *error = error_of(future);
    return error && error->code != -ECANCELED ? error : NULL;
}

bool thrum__future_runs_here(thrum_future *future)
{
    thrum_with (&future->lock)
        return future->runner == thrum__self();
    return false;
}

thrum__future_callback *thrum__future_end(thrum_future *future, uint32_t state)
{
    thrum__store_relaxed(&future->state, state);
    future->runner = NULL;
    thrum_event_set(&future->done);
    thrum__future_watch *watch = future->watches;
    future->watches = NULL;
    while (watch) {
        thrum__future_watch *next = watch->next;
        watch->linked = false;
        watch->fire(watch);
        watch = next;
    }
    thrum__future_callback *callbacks = future->first_callback;
    future->first_callback = future->last_callback = NULL;
    if (callbacks)
        thrum__future_reference(future);
    return callbacks;
}

/* Takes the task for this context; false if it is cancelled. */
static bool start(thrum_future *future)
{
    bool pending = false;
    thrum_with (&future->lock) {
        pending = future->state == PENDING;
        if (pending) {
            thrum__store_relaxed(&future->state, RUNNING);
            future->runner = future->task.context = thrum__self();
        }
    }
    return pending;
}

bool thrum__future_run(thrum_future *future)
{
    if (!start(future))
        return false;
    thrum__task_run(&future->task);
    thrum__future_callback *callbacks = NULL;
    thrum_with (&future->lock)
        callbacks = thrum__future_end(future, FINISHED);
    thrum__future_call_back(future, callbacks);
    return true;
}

void thrum__future_settle_cancel(thrum_future *future)
{
    thrum__context *self = thrum__self();
    if (!future) {
        thrum__store_relaxed(&self->cancelled, 0);
        return;
    }
    thrum_with (&future->lock)
        thrum__store_relaxed(&self->cancelled, thrum__load_relaxed(&future->asked));
}

void thrum__future_fail(thrum_future *future, int code, const char *message)
{
    thrum__future_callback *callbacks = NULL;
    thrum_with (&future->lock) {
        if (future->state == PENDING) {
            thrum__task_fail(&future->task, code, message);
            callbacks = thrum__future_end(future, FINISHED);
        }
    }
    thrum__future_call_back(future, callbacks);
    thrum__future_unreference(future);
}

void thrum__future_ignore(thrum_future *future)
{
    thrum__store_relaxed(&future->seen, 1);
}

int thrum_future_cancel(thrum_future *future)
{
    int rc = -EALREADY;
    thrum__future_callback *callbacks = NULL;
    thrum_with (&future->lock) {
        if (future->state == PENDING) {
            future->task.error = thrum__error_constant(-ECANCELED);
            thrum__future_ignore(future);
            callbacks = thrum__future_end(future, CANCELLED);
            rc = 0;
        } else if (future->state == RUNNING) {
            thrum__future_ignore(future);
            thrum__store_relaxed(&future->asked, 1);
            if (future->runner)
                thrum__cancel(future->runner);
            rc = -EINPROGRESS;
        }
    }
    thrum__future_call_back(future, callbacks);
    return rc;
}

int thrum_future_wait(thrum_future *future, thrum_time deadline)
{
    if (thrum_future_done(future))
        return 0;
    if (deadline == THRUM_NOW)
        return -EAGAIN;
    thrum__context *self = thrum__self();
    if (self->worker && deadline == THRUM_FOREVER && self->worker->run(self, future))
        return 0;
    thrum__futures_wait_begin();
    int rc = thrum_event_wait(&future->done, deadline);
    thrum__futures_wait_end(self);
    return rc;
}

int thrum_future_result(thrum_future *future, void *ret_result, size_t size, thrum_time deadline)
{
    int rc = thrum_future_wait(future, deadline);
    if (rc < 0)
        return rc;
    const thrum_error *error = error_of(future);
    if (!error)
        return thrum__task_result(&future->task, ret_result, size);
    thrum__future_ignore(future);
    return error->code;
}

const thrum_error *thrum_future_error(thrum_future *future)
{
    if (!thrum_future_done(future))
        return NULL;
    thrum__future_ignore(future);
    return error_of(future);
}

size_t thrum_future_result_size(thrum_future *future)
{
    return thrum_future_done(future) ? future->task.result_size : 0;
}

bool thrum_future_done(thrum_future *future)
{
    return thrum_event_is_set(&future->done);
}

bool thrum_future_running(thrum_future *future)
{
    return thrum__load_relaxed(&future->state) == RUNNING;
}

bool thrum_future_cancelled(thrum_future *future)
{
    return thrum__load_relaxed(&future->state) == CANCELLED;
}

void thrum_future_free(thrum_future *future)
{
    if (future)
        thrum__future_unreference(future);
}

void thrum__future_watch_begin(thrum_future *future, thrum__future_watch *watch)
{
    thrum_with (&future->lock) {
        watch->linked = !thrum_future_done(future);
        if (watch->linked) {
            watch->prev = NULL;
            watch->next = future->watches;
            if (watch->next)
                watch->next->prev = watch;
            future->watches = watch;
        } else {
            watch->fire(watch);
        }
    }
}

void thrum__future_watch_end(thrum_future *future, thrum__future_watch *watch)
{
    thrum_with (&future->lock) {
        if (watch->linked) {
            if (watch->prev)
                watch->prev->next = watch->next;
            else
                future->watches = watch->next;
            if (watch->next)
                watch->next->prev = watch->prev;
            watch->linked = false;
        }
    }
}
