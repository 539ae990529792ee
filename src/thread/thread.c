/* Threads.
 *
 * The owner of the handle and the running thread share a thread's state. `references` counts them;
 * the last one frees it. What each may touch when:
 *
 *     task        the running thread until `finished` is set, all threads after it
 *     running     the context of the running thread, under `lock`, so that a cancel reaches the
 *                 right task or none. Only the thread changes it once it is started, and clears it
 *                 before it gives its context back
 *     os, reaped  the thread that sets `reaped` first joins or detaches the OS thread
 *
 * The end of a thread: run the task; destroy its thrum_local values; clear `running`; set
 * `finished`; drop the reference, which reports an unobserved failure; leave the register of the
 * living, so that the end of the program waits for all of this; give the context back. Setting the
 * event is a release that a join's wait acquires. A join then waits for the OS thread as well, so
 * its stack is gone when join has returned.
 *
 * A failure is reported to the hook if it is unobserved when the owner frees the handle, or, if
 * that came first, when the thread ends. The one that drops the last reference sees `seen` unset.
 * The handle of a thread that could not be started has `finished` set from the start and an error.
 * Without memory even for that, its state is the constant `no_memory`, which is neither counted nor
 * freed.
 *
 * After a fork the child knows its parent's threads by their `process`: they never run here, so a
 * join says so instead of waiting. A task that forks goes on in the child as its main thread, so the end of the
 * task is the end of the child, whatever threads the library has started there.
 */
#include "thread/thread.h"
#include "base/panic.h"
#include "base/process.h"
#include "base/spawn.h"
#include "park/local.h"
#include "park/park.h"
#include "park/scope.h"
#include "sync/event.h"
#include "thread/living.h"
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct thrum__thread state; /* what all of this file is about */

/* The state that is given out when memory ran out, and a handle that has it. */
static state no_memory = {
    .task = THRUM__TASK_NO_MEMORY,
    .handle = {&no_memory},
    .owner = &no_memory.handle,
    .finished = {1, 0, 0},
    .reaped = 1,
    .seen = 1,
};

static uint32_t started; /* how many, for default names */

/* -------------------------------------------------------------- for the end of the program: leaks.h */

static state *listed(const thrum__handle *handle)
{
    return (state *)(uintptr_t)((const char *)handle - offsetof(state, listed));
}

static void name_of(const thrum__handle *handle, char *text, size_t size)
{
    snprintf(text, size, "%s", listed(handle)->name);
}

static const thrum_error *take_unread(thrum__handle *handle)
{
    state *thread = listed(handle);
    const thrum_error *error =
        thrum_event_is_set(&thread->finished) ? thrum__task_error(&thread->task) : NULL;
    return error && !thrum__exchange_acquire(&thread->seen, 1) ? error : NULL;
}

static const char *leak(const thrum__handle *handle)
{
    state *thread = listed(handle);
    if (thrum__load_relaxed(&thread->reaped) || thrum__load_relaxed(&thread->own))
        return NULL;
    return thrum_event_is_set(&thread->finished)
               ? "was started and neither joined nor freed; it has finished"
               : "was started and neither joined nor freed; it is running";
}

static const thrum__handle_kind thread_kind = {"thread", name_of, take_unread, leak};

/* ------------------------------------------------------------------------------ beginning and end */

static void unreference(state *thread)
{
    if (thread == &no_memory || thrum__sub_acq_rel(&thread->references, 1) != 1)
        return;
    if (thrum__task_error(&thread->task) && !thrum__load_relaxed(&thread->seen))
        thrum__failure_report("thread", thread->name, thrum__task_error(&thread->task));
    thrum__leaks_leave(&thread->listed);
    thrum__task_finish(&thread->task);
    thrum__free(thread);
}

static void *run(void *memory)
{
    state *thread = memory;
    thrum__context *self = thread->running;
    uint32_t home = thrum__process_generation;
    thrum__context_enter(self);
    thrum__os_thread_set_name(thread->name);
    if (thrum__timer_wait(thread) == 0) {
        thrum__task_run(&thread->task);
    } else {
        thrum__task_fail(&thread->task, -ECANCELED, NULL);
        thrum__store_relaxed(&thread->seen, 1); /* the caller that cancelled it knows */
    }
    thrum__locals_destroy(self);
    thrum__store_relaxed(&thread->ident, 0);
    thrum_with (&thread->lock)
        thread->running = NULL;
    bool daemon = thread->daemon;
    thrum_event_set(&thread->finished);
    unreference(thread);
    if (!daemon)
        thrum__living_leave();
    if (thrum__process_generation != home)
        thrum__process_end(0, false); /* the task has forked: this is the child's main thread */
    thrum__context_leave(self);
    return NULL;
}

static int launch(state *thread, size_t stack_size)
{
    thrum__context *context = thrum__context_new(thread->name, NULL);
    if (!context)
        return -ENOMEM;
    context->daemon = thread->daemon;
    context->thread = thread;
    thread->running = context;
    thrum__store_relaxed(&thread->ident, context->ident);
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

static void refuse(state *thread, int code)
{
    thrum__task_fail(&thread->task, code,
                     code == -EAGAIN ? "the system refuses another thread: see ulimit -u and the "
                                       "cgroup's pids.max"
                                     : NULL);
    thread->references = 1;
    thread->reaped = 1;
    thrum_event_set(&thread->finished);
}

/* A thread's state, not yet started; &no_memory if there is no memory for it. */
static state *make(const thrum_thread_options *options)
{
    char numbered[32];
    const char *name = options->name;
    if (!name) {
        snprintf(numbered, sizeof numbered, "Thread-%u", thrum__add_relaxed(&started, 1) + 1);
        name = numbered;
    }
    size_t length = strlen(name) + 1;
    state *thread = thrum__alloc(sizeof *thread + length);
    if (!thread)
        return &no_memory;
    memcpy(thread->name, name, length);
    thread->handle.state_ = thread;
    thread->owner = &thread->handle;
    thread->daemon = options->daemon;
    thread->process = thrum__process_generation;
    thread->start_at = options->start_at;
    thread->timer = options->start_at.ns ? THRUM__TIMER_SET : THRUM__TIMER_NONE;
    return thread;
}

/* Starts it, or makes it one that was refused. Returns 0 or the reason. */
static int begin(state *thread, const thrum_thread_options *options, thrum_task_fn *function,
                 thrum__value arg)
{
    if (thread == &no_memory) {
        thrum__value_drop(arg);
        return -ENOMEM;
    }
    thrum__leaks_enter(&thread->listed, &thread_kind);
    int rc = thrum__task_init_value(&thread->task, function, arg);
    if (rc == 0)
        rc = launch(thread, options->stack_size);
    if (rc < 0)
        refuse(thread, rc);
    return rc;
}

static const thrum_thread_options defaults;

thrum_thread *thrum_thread_start_with(const thrum_thread_options *options, thrum_task_fn *function,
                                      const void *arg, size_t size)
{
    if (!options)
        options = &defaults;
    state *thread = make(options);
    begin(thread, options, function, thrum__value_of(arg, size, thrum__caller()));
    return &thread->handle;
}

thrum_thread *thrum_thread_start(thrum_task_fn *function, const void *arg, size_t size)
{
    return thrum_thread_start_with(NULL, function, arg, size);
}

int thrum_thread_start_in(thrum_thread *thread, const thrum_thread_options *options,
                          thrum_task_fn *function)
{
    if (thread->state_)
        thrum__panic(thrum__caller(), "thread \"%s\" started a second time",
                     thrum_thread_name(thread));
    if (!options)
        options = &defaults;
    state *made = make(options);
    if (made != &no_memory)
        made->owner = thread;
    thread->state_ = made;
    return begin(made, options, function, (thrum__value){.bytes = &thread, .size = sizeof thread});
}

/* The context of the thread whose end sets the event. */
static uint32_t ident_of(const void *finished)
{
    const char *thread = (const char *)finished - offsetof(state, finished);
    return thrum__load_relaxed(&((const state *)(const void *)thread)->ident);
}

static const thrum__wait_kind end_wait = {"event", "the end of", ident_of};

/* Waits for the end, and for the OS thread with it. */
static int wait_for_end(state *thread, thrum_deadline deadline, const void *place)
{
    if (!thrum_event_is_set(&thread->finished)) {
        if (thread->process != thrum__process_generation)
            return -ESRCH;
        if (thrum__self()->thread == thread)
            return -EDEADLK;
    }
    int rc = thrum__event_wait_owned(&thread->finished, deadline, &end_wait, place);
    if (rc == 0 && !thrum__exchange_acquire(&thread->reaped, 1) &&
        thread->process == thrum__process_generation)
        thrum__os_thread_join(thread->os);
    return rc;
}

static void keep_others_out(void *thread)
{
    thrum_lock_acquire(&((state *)thread)->lock);
}

static void let_others_in(void *thread)
{
    thrum_lock_release(&((state *)thread)->lock);
}

static int result(thrum_thread *handle, const thrum__request *request, thrum_deadline deadline,
                  const void *place)
{
    static const thrum__deliver_lock lock = {keep_others_out, let_others_in};
    state *thread = handle->state_;
    int rc = wait_for_end(thread, deadline, place);
    if (rc < 0)
        return rc;
    thrum__store_relaxed(&thread->seen, 1);
    return thrum__task_deliver(&thread->task, request, &lock, thread);
}

int thrum_thread_join(thrum_thread *thread, thrum_deadline deadline)
{
    const thrum__request request = THRUM__REQUEST_NONE;
    return result(thread, &request, deadline, thrum__caller());
}

int thrum_thread_result(thrum_thread *thread, void *ret_result, size_t size,
                        thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_EXACT, ret_result, size, NULL};
    return result(thread, &request, deadline, thrum__caller());
}

int thrum_thread_copy(thrum_thread *thread, void *ret_result, size_t capacity, size_t *needed_size,
                      thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_COPY, ret_result, capacity, needed_size};
    return result(thread, &request, deadline, thrum__caller());
}

int thrum_thread_take(thrum_thread *thread, void **ret_bytes, size_t *ret_size,
                      thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_TAKE, ret_bytes, 0, ret_size};
    return result(thread, &request, deadline, thrum__caller());
}

int thrum_thread_take_text(thrum_thread *thread, char **ret_text, thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_TEXT, ret_text, 0, NULL};
    return result(thread, &request, deadline, thrum__caller());
}

size_t thrum_thread_result_size(thrum_thread *thread)
{
    const state *asked = thread->state_;
    return thrum_event_is_set(&asked->finished) ? thrum__task_result_size(&asked->task) : 0;
}

const thrum_error *thrum_thread_error(thrum_thread *handle)
{
    state *thread = handle->state_;
    if (!thrum_event_is_set(&thread->finished))
        return NULL;
    thrum__store_relaxed(&thread->seen, 1);
    return thrum__task_error(&thread->task);
}

static void give_up(state *thread)
{
    if (!thrum__exchange_acquire(&thread->reaped, 1) &&
        thread->process == thrum__process_generation)
        thrum__os_thread_detach(thread->os);
    unreference(thread);
}

/* In a select: the event of the end. */

static int case_attempt(thrum_case *of)
{
    const state *thread = of->object_;
    if (thrum_event_is_set(&thread->finished))
        return 0;
    if (thread->process != thrum__process_generation)
        return -ESRCH;
    return thrum__self()->thread == thread ? -EDEADLK : -EAGAIN;
}

static bool case_enqueue(thrum__select_place *place)
{
    state *thread = place->of->object_;
    return thrum__event_select_enqueue(&thread->finished, place);
}

static void case_withdraw(thrum__select_place *place)
{
    state *thread = place->of->object_;
    thrum__event_select_withdraw(&thread->finished, place);
}

thrum_case thrum_case_thread(thrum_thread *thread)
{
    static const thrum__case_ops ops = {
        .attempt = case_attempt, .enqueue = case_enqueue, .withdraw = case_withdraw};
    return (thrum_case){.ops_ = &ops, .object_ = thread->state_};
}

void thrum_thread_free(thrum_thread *thread)
{
    if (thread)
        give_up(thread->state_);
}

void thrum_thread_finish(thrum_thread *thread)
{
    state *given_up = thread->state_;
    if (!given_up)
        return;
    if (!thrum_event_is_set(&given_up->finished) && given_up->process == thrum__process_generation)
        thrum__panic(thrum__caller(), "thread \"%s\" finished by thread \"%s\" while it runs",
                     given_up->name, thrum__self()->name);
    thread->state_ = NULL;
    give_up(given_up);
}

int thrum_thread_cancel(thrum_thread *handle)
{
    state *thread = handle->state_;
    int rc = -EALREADY;
    thrum_with (&thread->lock) {
        if (thread->running) {
            thrum__scope_cancel(&thread->running->rest->base);
            rc = 0;
        }
    }
    return rc;
}

bool thrum_thread_is_alive(const thrum_thread *thread)
{
    const state *asked = thread->state_;
    return !thrum_event_is_set(&asked->finished) && asked->process == thrum__process_generation;
}

const char *thrum_thread_name(const thrum_thread *thread)
{
    return thread->state_ == &no_memory ? "(not started)" : thread->state_->name;
}

bool thrum_thread_daemon(const thrum_thread *thread)
{
    return thread->state_->daemon;
}

uint32_t thrum_thread_ident(thrum_thread *handle)
{
    uint32_t ident = 0;
    thrum_with (&handle->state_->lock)
        if (handle->state_->running)
            ident = handle->state_->running->ident;
    return ident;
}

int32_t thrum_thread_native_id(thrum_thread *handle)
{
    int32_t number = 0;
    thrum_with (&handle->state_->lock)
        if (handle->state_->running)
            number = thrum__load_relaxed(&handle->state_->running->native_id);
    return number;
}
