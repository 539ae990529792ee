/* Single processes.
 *
 * A process is a child with task slots, of which one slot is used: it gets the task, and the child
 * is told to exit as soon as it is idle. The reaper starts it, while the caller waits for
 * `started`, and notices its end. Only then is the outcome taken from the slot, which outlives the
 * child.
 *
 * The owner of the handle and the reaper share it; `references` counts them. Before `ended` is set
 * only the reaper touches the task and `exit`; after it all threads may read them. `lock` guards
 * the child's descriptor against a signal that comes at its end.
 *
 * A process without memory even for its handle is the constant `no_memory`.
 */
#include "base/process.h"
#include "base/clock.h"
#include "base/panic.h"
#include "process/reaper.h"
#include "sync/event.h"
#include "thread/background.h"
#include "thread/deliver.h"
#include "thread/leaks.h"
#include "thread/living.h"
#include <thrum/event.h>
#include <thrum/process.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct thrum_process {
    thrum__reaper_client client;
    uint32_t references;
    uint32_t seen;    /* someone has asked for the failure */
    uint32_t process; /* the generation in which it was started */
    uint32_t freed;   /* the owner has given the handle up */
    bool daemon, begun;
    thrum__handle listed;
    thrum__child_options options;
    int descriptors[THRUM__WORKER_DESCRIPTORS];
    char name[THRUM__NAME_SIZE];
    thrum_task task;
    thrum_event started, ended;
    thrum_lock lock;
    thrum__child child; /* its task slots is NULL before and after its life; under the lock */
    uint32_t slot;
    int32_t pid;
    thrum__exit exit;
    thrum__job job; /* for the failure hook, when the reaper has the last reference */
};

static thrum_process no_memory = {.references = 1,
                                  .seen = 1,
                                  .name = "(not started)",
                                  .task = THRUM__TASK_NO_MEMORY,
                                  .ended = {1, 0, 0}};

static uint32_t numbered; /* how many, for default names */

/* Gives up a reference. True if it was the last. */
static bool give_up(thrum_process *process)
{
    return process != &no_memory && thrum__sub_acq_rel(&process->references, 1) == 1;
}

/* Whether its failure is unobserved. Called by the last owner of a reference. */
static bool is_unobserved(thrum_process *process)
{
    return thrum__task_error(&process->task) && !thrum__load_relaxed(&process->seen);
}

/* For the end of the program: thread/leaks.h. */

static thrum_process *listed(const thrum__handle *handle)
{
    return (thrum_process *)(uintptr_t)((const char *)handle - offsetof(thrum_process, listed));
}

static void name_of(const thrum__handle *handle, char *text, size_t size)
{
    snprintf(text, size, "%s", listed(handle)->name);
}

static const thrum_error *take_unread(thrum__handle *handle)
{
    thrum_process *process = listed(handle);
    const thrum_error *error =
        thrum_event_is_set(&process->ended) ? thrum__task_error(&process->task) : NULL;
    return error && !thrum__exchange_acquire(&process->seen, 1) ? error : NULL;
}

static const char *leak(const thrum__handle *handle)
{
    const thrum_process *process = listed(handle);
    bool given_up =
        thrum__load_relaxed(&process->freed) || process->process != thrum__process_generation;
    return given_up ? NULL : "was not freed";
}

static const thrum__handle_kind process_kind = {"process", name_of, take_unread, leak};

static void dispose(thrum_process *process)
{
    if (is_unobserved(process))
        thrum__failure_report("process", process->name, thrum__task_error(&process->task));
    thrum__leaks_leave(&process->listed);
    thrum__task_finish(&process->task);
    thrum__free(process);
}

static thrum_process *process_of(thrum__reaper_client *client)
{
    return (thrum_process *)client; /* its first member */
}

/* ------------------------------------------------------------------------------ what the reaper does */

/* Starts the child and gives it its task. */
static int begin(thrum_process *process)
{
    thrum__child child;
    int rc = thrum__child_start(&child, &process->options);
    if (rc < 0)
        return rc;
    int slot = thrum__child_put(&child, process->task.function,
                                thrum_task_arg(&process->task, process->task.arg_size),
                                process->task.arg_size, THRUM__NO_DEADLINE);
    if (slot < 0) {
        (void)thrum__pidfd_signal(child.pidfd, SIGKILL);
        thrum__pid_wait(child.pid);
        thrum__child_free(&child);
        return slot;
    }
    thrum__task_slots_leave(child.slots);
    process->slot = (uint32_t)slot;
    process->pid = child.pid;
    thrum_with (&process->lock)
        process->child = child;
    return 0;
}

static void take_outcome(thrum_process *process, const thrum__exit *ended)
{
    thrum__task_slot *slot = &process->child.slots->slot[process->slot];
    process->exit = *ended;
    if (thrum__task_slot_is_done(slot)) {
        thrum__child_collect(&process->child, slot, &process->task);
        return;
    }
    char message[sizeof(thrum_error)];
    thrum__child_obituary(&process->child, ended, process->task.function, message, sizeof message);
    thrum__task_fail(&process->task, -ECHILD, message);
}

static bool work(thrum__reaper_client *client, thrum__reaper_round *round)
{
    thrum_process *process = process_of(client);
    thrum__exit ended;
    if (!process->begun) {
        process->begun = true;
        int rc = begin(process);
        if (rc < 0)
            thrum__task_fail(&process->task, rc, "the process cannot be started");
        else
            thrum_event_set(&process->started);
        return rc == 0;
    }
    if (!round->deaths || !thrum__pidfd_reap(process->child.pidfd, &ended))
        return true;
    take_outcome(process, &ended);
    thrum_with (&process->lock)
        thrum__child_free(&process->child);
    return false;
}

/* What it has done is looked at when it has ended. */
static bool sleeps(thrum__reaper_client *client, bool asleep)
{
    (void)client, (void)asleep;
    return false;
}

/* Frees it where the reaper had the last reference. The end of the program waits for this. */
static void end_last(thrum_process *process)
{
    bool daemon = process->daemon;
    dispose(process);
    if (!daemon)
        thrum__living_leave();
}

static void end_in_background(thrum__job *job)
{
    end_last((thrum_process *)(void *)((char *)job - offsetof(thrum_process, job)));
}

static void gone(thrum__reaper_client *client)
{
    thrum_process *process = process_of(client);
    bool daemon = process->daemon;
    thrum_event_set(&process->ended);
    thrum_event_set(&process->started); /* for a process that never existed */
    if (!give_up(process)) {
        if (!daemon)
            thrum__living_leave();
    } else if (is_unobserved(process)) {
        process->job.run = end_in_background;
        thrum__background_run(&process->job);
    } else {
        end_last(process);
    }
}

/* ---------------------------------------------------------------------------------------- the start */

static thrum_process *make(const thrum_process_options *options)
{
    thrum_process *process = thrum__alloc(sizeof *process);
    if (!process)
        return &no_memory;
    if (options->name)
        snprintf(process->name, sizeof process->name, "%s", options->name);
    else
        snprintf(process->name, sizeof process->name, "Process-%u",
                 thrum__add_relaxed(&numbered, 1) + 1);
    process->references = 2;
    process->process = thrum__process_generation;
    process->daemon = options->daemon;
    process->client = (thrum__reaper_client){.work = work, .sleeps = sleeps, .gone = gone};
    process->options = (thrum__child_options){.name = process->name,
                                              .single = true,
                                              .fork = options->start == THRUM_START_FORK,
                                              .memory_limit = options->memory_limit,
                                              .cpu_limit = options->cpu_limit,
                                              .descriptors = process->descriptors,
                                              .descriptor_count = options->descriptor_count};
    size_t count = options->descriptor_count;
    if (count && count <= THRUM__WORKER_DESCRIPTORS)
        memcpy(process->descriptors, options->descriptors, count * sizeof(int));
    return process;
}

/* One that the reaper has never had. */
static void refuse(thrum_process *process, int code)
{
    thrum__task_fail(&process->task, code,
                     code == -EPERM    ? thrum__reaper_refusal
                     : code == -EINVAL ? thrum__value_stays
                                       : "the process cannot be started");
    process->references = 1;
    thrum_event_set(&process->ended);
}

thrum_process *thrum_process_start_with(const thrum_process_options *options,
                                        thrum_task_fn *function, const void *arg, size_t size)
{
    static const thrum_process_options defaults;
    thrum__value value = thrum__value_of(arg, size, thrum__caller());
    thrum_process *process = make(options ? options : &defaults);
    if (process == &no_memory) {
        thrum__value_drop(value);
        return process;
    }
    bool daemon = process->daemon;
    thrum__leaks_enter(&process->listed, &process_kind);
    int rc = thrum__task_init_value(&process->task, function, value);
    if (rc == 0 && value.destroy)
        rc = -EINVAL;
    if (rc == 0) {
        if (!daemon)
            thrum__living_enter();
        rc = thrum__reaper_enter(&process->client);
        if (rc < 0 && !daemon)
            thrum__living_leave();
    }
    if (rc < 0) {
        refuse(process, rc);
        return process;
    }
    thrum_shield_begin(); /* it is on its way: nothing ends the wait */
    (void)!thrum_event_wait(&process->started, THRUM_FOREVER);
    thrum_shield_end();
    return process;
}

thrum_process *thrum_process_start(thrum_task_fn *function, const void *arg, size_t size)
{
    return thrum_process_start_with(NULL, function, arg, size);
}

/* ----------------------------------------------------------------------------------------- its life */

static void keep_others_out(void *process)
{
    thrum_lock_acquire(&((thrum_process *)process)->lock);
}

static void let_others_in(void *process)
{
    thrum_lock_release(&((thrum_process *)process)->lock);
}

static int result(thrum_process *process, const thrum__request *request, thrum_deadline deadline)
{
    static const thrum__deliver_lock lock = {keep_others_out, let_others_in};
    if (thrum_process_is_alive(process)) {
        int rc = thrum_event_wait(&process->ended, deadline);
        if (rc < 0)
            return rc;
    } else if (!thrum_event_is_set(&process->ended)) {
        return -ESRCH;
    }
    thrum__store_relaxed(&process->seen, 1);
    return thrum__task_deliver(&process->task, request, &lock, process);
}

int thrum_process_join(thrum_process *process, thrum_deadline deadline)
{
    const thrum__request request = THRUM__REQUEST_NONE;
    return result(process, &request, deadline);
}

int thrum_process_result(thrum_process *process, void *ret_result, size_t size,
                         thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_EXACT, ret_result, size, NULL};
    return result(process, &request, deadline);
}

int thrum_process_copy(thrum_process *process, void *ret_result, size_t capacity,
                       size_t *needed_size, thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_COPY, ret_result, capacity, needed_size};
    return result(process, &request, deadline);
}

int thrum_process_take(thrum_process *process, void **ret_bytes, size_t *ret_size,
                       thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_TAKE, ret_bytes, 0, ret_size};
    return result(process, &request, deadline);
}

int thrum_process_take_text(thrum_process *process, char **ret_text, thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_TEXT, ret_text, 0, NULL};
    return result(process, &request, deadline);
}

size_t thrum_process_result_size(thrum_process *process)
{
    return thrum_event_is_set(&process->ended) ? thrum__task_result_size(&process->task) : 0;
}

/* In a select: the event of the end. */

static int case_attempt(thrum_case *of)
{
    const thrum_process *process = of->object_;
    if (thrum_event_is_set(&process->ended))
        return 0;
    return process->process == thrum__process_generation ? -EAGAIN : -ESRCH;
}

static bool case_enqueue(thrum__select_place *place)
{
    thrum_process *process = place->of->object_;
    return thrum__event_select_enqueue(&process->ended, place);
}

static void case_withdraw(thrum__select_place *place)
{
    thrum_process *process = place->of->object_;
    thrum__event_select_withdraw(&process->ended, place);
}

thrum_case thrum_case_process(thrum_process *process)
{
    static const thrum__case_ops ops = {
        .attempt = case_attempt, .enqueue = case_enqueue, .withdraw = case_withdraw};
    return (thrum_case){.ops_ = &ops, .object_ = process};
}

const thrum_error *thrum_process_error(thrum_process *process)
{
    if (!thrum_event_is_set(&process->ended))
        return NULL;
    thrum__store_relaxed(&process->seen, 1);
    return thrum__task_error(&process->task);
}

int thrum_process_exit_code(thrum_process *process, int *ret_code)
{
    if (!thrum_event_is_set(&process->ended))
        return -EAGAIN;
    if (!process->exit.known)
        return -ENODATA;
    *ret_code = process->exit.signaled ? -process->exit.number : process->exit.number;
    return 0;
}

int32_t thrum_process_pid(const thrum_process *process)
{
    return process->pid;
}

const char *thrum_process_name(const thrum_process *process)
{
    return process->name;
}

bool thrum_process_is_alive(thrum_process *process)
{
    return !thrum_event_is_set(&process->ended) && process->process == thrum__process_generation;
}

static int send_signal(thrum_process *process, int number)
{
    int rc = -EALREADY;
    if (!thrum_process_is_alive(process))
        return rc;
    thrum_with (&process->lock)
        if (process->child.slots)
            rc = thrum__pidfd_signal(process->child.pidfd, number);
    return rc < 0 ? -EALREADY : 0;
}

int thrum_process_cancel(thrum_process *process)
{
    int rc = -EALREADY;
    if (!thrum_process_is_alive(process))
        return rc;
    thrum_with (&process->lock) {
        thrum__task_slots *slots = process->child.slots;
        if (slots) {
            thrum__task_slots_ask(slots, &slots->slot[process->slot]);
            rc = 0;
        }
    }
    return rc;
}

int thrum_process_terminate(thrum_process *process)
{
    return send_signal(process, SIGTERM);
}

int thrum_process_kill(thrum_process *process)
{
    return send_signal(process, SIGKILL);
}

void thrum_process_free(thrum_process *process)
{
    if (process)
        thrum__store_relaxed(&process->freed, 1);
    if (process && give_up(process))
        dispose(process);
}
