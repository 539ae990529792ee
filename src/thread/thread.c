/* Threads.
 *
 * A handle is shared by two: its owner and the running thread. `references` counts them; the last
 * one frees it. What each may touch when:
 *
 *     task        the running thread until `finished` is set, everybody after it
 *     running     the context of the running thread, under `lock`, so that a cancel reaches the
 *                 right task or none: the thread clears it before it gives its context back
 *     os, reaped  whoever sets `reaped` first joins or detaches the OS thread
 *
 * The end of a thread: run the task; clear `running`; leave the register of the living; give the
 * context back; set `finished`; drop the reference. Setting the event is a release that a join's
 * wait acquires. A join then waits for the OS thread as well, which is past its last instructions
 * here, so that its stack is gone when join has returned.
 *
 * A failure is reported to the hook if nobody has asked for it when the owner gives the handle up,
 * or, if that came first, when the thread ends: whoever of the two drops the last reference sees
 * `seen` unset. A handle for a thread that could not be started has `finished` set from the start
 * and an error; where there was no memory even for it, it is the constant `no_memory`, which is
 * neither counted nor freed.
 */
#include "base/os_thread.h"
#include "base/panic.h"
#include "base/probe.h"
#include "park/park.h"
#include "thread/living.h"
#include "thread/task.h"
#include <thrum/event.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct thrum_thread {
    thrum_task task;
    thrum_event finished;
    thrum_lock lock;
    thrum__context *running;
    thrum__os_thread os;
    uint32_t references;
    uint32_t reaped;
    uint32_t seen;
    bool daemon;
    char name[]; /* in full */
};

/* The handle for want of a handle. */
static thrum_thread no_memory = {
    .finished = {1, 0, 0},
    .reaped = 1,
    .seen = 1,
};

static uint32_t started; /* how many, for default names */

static void unreference(thrum_thread *thread)
{
    if (thrum__sub_acq_rel(&thread->references, 1) != 1)
        return;
    if (thread->task.error && !thrum__load_relaxed(&thread->seen))
        thrum__failure_report("thread", thread->name, thread->task.error);
    thrum__task_finish(&thread->task);
    thrum__free(thread);
}

static void run(void *memory)
{
    thrum_thread *thread = memory;
    thrum__context *self = thread->task.context;
    thrum__context_enter(self);
    thrum__os_thread_set_name(thread->name);
    thrum__probe(thread_begin, self->ident, thread->name);
    thrum__task_run(&thread->task);
    thrum_with (&thread->lock)
        thread->running = NULL;
    thrum__probe(thread_end, self->ident);
    if (!thread->daemon)
        thrum__living_leave();
    thrum__store_relaxed(&thread->task.context, NULL); /* a joiner may be given the context now */
    thrum__context_leave(self);
    thrum_event_set(&thread->finished);
    unreference(thread);
}

static int launch(thrum_thread *thread, size_t stack_size)
{
    thrum__context *context = thrum__context_new(thread->name);
    if (!context)
        return -ENOMEM;
    context->holds_exit = !thread->daemon;
    thread->task.context = context;
    thread->running = context;
    thread->references = 2;
    if (!thread->daemon)
        thrum__living_enter();
    int rc = thrum__os_thread_start(&thread->os, stack_size, run, thread);
    if (rc == 0)
        return 0;
    if (!thread->daemon)
        thrum__living_leave();
    thread->references = 1;
    thread->running = NULL;
    thrum__context_free(context);
    return rc;
}

static thrum_thread *refused(thrum_thread *thread, int code)
{
    thrum__task_fail(&thread->task, code,
                     code == -EAGAIN ? "the system refuses another thread: see ulimit -u and the "
                                       "cgroup's pids.max"
                                     : NULL);
    thread->references = 1;
    thread->reaped = 1;
    thrum_event_set(&thread->finished);
    return thread;
}

thrum_thread *thrum_thread_start_with(const thrum_thread_options *options, thrum_task_fn *function,
                                      const void *arg, size_t size)
{
    static const thrum_thread_options defaults;
    char numbered[32];
    if (!options)
        options = &defaults;
    const char *name = options->name;
    if (!name) {
        snprintf(numbered, sizeof numbered, "Thread-%u", thrum__add_relaxed(&started, 1) + 1);
        name = numbered;
    }
    size_t length = strlen(name) + 1;
    thrum_thread *thread = thrum__alloc(sizeof *thread + length);
    if (!thread)
        return &no_memory;
    memcpy(thread->name, name, length);
    thread->daemon = options->daemon;
    int rc = thrum__task_init(&thread->task, function, arg, size);
    if (rc == 0)
        rc = launch(thread, options->stack_size);
    return rc < 0 ? refused(thread, rc) : thread;
}

thrum_thread *thrum_thread_start(thrum_task_fn *function, const void *arg, size_t size)
{
    return thrum_thread_start_with(NULL, function, arg, size);
}

/* Waits for the end, and for the OS thread with it. */
static int wait_for_end(thrum_thread *thread, thrum_time deadline)
{
    if (thrum__load_relaxed(&thread->task.context) == thrum__self() &&
        !thrum_event_is_set(&thread->finished))
        return -EDEADLK;
    int rc = thrum_event_wait(&thread->finished, deadline);
    if (rc == 0 && !thrum__exchange_acquire(&thread->reaped, 1))
        thrum__os_thread_join(thread->os);
    return rc;
}

static const thrum_error *error_of(thrum_thread *thread)
{
    return thread == &no_memory ? thrum__error_constant(-ENOMEM) : thread->task.error;
}

int thrum_thread_join(thrum_thread *thread, thrum_time deadline)
{
    return thrum_thread_result(thread, NULL, 0, deadline);
}

int thrum_thread_result(thrum_thread *thread, void *ret_result, size_t size, thrum_time deadline)
{
    int rc = wait_for_end(thread, deadline);
    if (rc < 0)
        return rc;
    const thrum_error *error = error_of(thread);
    thrum__store_relaxed(&thread->seen, 1);
    return error ? error->code : thrum__task_result(&thread->task, ret_result, size);
}

const thrum_error *thrum_thread_error(thrum_thread *thread)
{
    if (!thrum_event_is_set(&thread->finished))
        return NULL;
    thrum__store_relaxed(&thread->seen, 1);
    return error_of(thread);
}

void thrum_thread_free(thrum_thread *thread)
{
    if (!thread || thread == &no_memory)
        return;
    if (!thrum__exchange_acquire(&thread->reaped, 1))
        thrum__os_thread_detach(thread->os);
    unreference(thread);
}

int thrum_thread_cancel(thrum_thread *thread)
{
    int rc = -EALREADY;
    thrum_with (&thread->lock) {
        if (thread->running) {
            thrum__cancel(thread->running);
            rc = 0;
        }
    }
    return rc;
}

bool thrum_thread_is_alive(const thrum_thread *thread)
{
    return !thrum_event_is_set(&thread->finished);
}

const char *thrum_thread_name(const thrum_thread *thread)
{
    return thread == &no_memory ? "(not started)" : thread->name;
}

bool thrum_thread_daemon(const thrum_thread *thread)
{
    return thread->daemon;
}

const char *thrum_thread_current_name(void)
{
    return thrum__self()->full_name;
}

uint32_t thrum_thread_current_ident(void)
{
    return thrum__self()->ident;
}
