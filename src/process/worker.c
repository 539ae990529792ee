/* The worker's side of task slots.
 *
 * A child that was started by exec is the program once more. It must not run its main, so the library has a
 * constructor that looks for THRUM_WORKER in the environment, takes it out (what a task starts itself is to
 * be no worker), and serves the task slots that it names. It never returns: when there is nothing more to do the
 * process ends by exit, so that output is written and handlers run. Constructors of the program that come
 * later than this one have not run: with the static library those of the program's own files have, with
 * the shared library only those of the libraries that it needs itself.
 *
 * Tasks run on the main thread, one after another, on the full stack. A second thread, `control`, sleeps on
 * the task slots for requests to stop what runs, and cancels the main thread's context; `running` tells it which
 * task that is, under a lock, so that a request reaches the right one or none. The main thread takes back a
 * request that came too late before it takes the next task.
 *
 * The kernel kills a worker when the parent's reaper thread ends, that is, with the parent, however that
 * ends; a worker that is stopped dies, too.
 *
 * A forked worker has the parent's memory as it was, and ends without the parent's handlers and without
 * writing what the parent had not yet written.
 */
#include "process/worker.h"
#include "base/clock.h"
#include "base/panic.h"
#include "base/poller.h"
#include "base/spawn.h"
#include "park/scope.h"
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_LOST = 127, CONTROL_STACK = 256 * 1024 };

typedef struct worker {
    thrum__shared_pages pages;
    thrum__task_slots *slots;
    bool forked;
    uint32_t position;
    uint64_t bases[THRUM__MODULES]; /* of modules, 0 for not yet known */
    bool found[THRUM__MODULES];
    thrum__context *context; /* of the main thread */
    thrum_lock lock;
    thrum__task_slot *running; /* under the lock */
    bool failed;               /* the last task */
} worker;

static worker self; /* a process is one worker */

/* --------------------------------------------------------------------------------------- control */

static void pass_request(void)
{
    thrum_with (&self.lock)
        if (self.running && thrum__load_relaxed(&self.running->asked))
            thrum__cancel(self.context); /* its base scope: nothing else runs in it */
}

__attribute__((noreturn)) static int control(thrum_task *task)
{
    (void)task;
    for (uint32_t seen = 0;;) {
        seen = thrum__task_slots_listen(self.slots, seen);
        pass_request();
    }
}

static int start_control(void)
{
    const thrum_thread_options options = {
        .name = "control", .daemon = true, .stack_size = CONTROL_STACK};
    thrum_thread *thread = thrum_thread_start_with(&options, control, THRUM_NOTHING);
    const thrum_error *error = thrum_thread_error(thread);
    int code = error ? error->code : 0;
    thrum_thread_free(thread);
    return code;
}

/* ----------------------------------------------------------------------------------------- tasks */

/* Settles a task that could not be run. */
static void refuse(thrum__task_slot *slot, int code, const char *message)
{
    slot->code = code;
    (void)thrum__task_slot_write(&self.pages, slot, true, message, strlen(message)); /* fits */
}

/* Gives the function of a task, or NULL, and then the task is refused. */
static thrum_task_fn *function_of(thrum__task_slot *slot)
{
    uint32_t number = slot->module;
    const thrum__module *module = &self.slots->modules[number];
    if (!self.found[number]) {
        if (thrum__module_find(module, &self.bases[number]) < 0) {
            char message[300];
            snprintf(message, sizeof message,
                     "the worker process does not have the module of the function, %.200s, as the "
                     "parent has it",
                     module->path[0] ? module->path : "the program");
            refuse(slot, -ENOENT, message);
            return NULL;
        }
        self.found[number] = true;
    }
    return (thrum_task_fn *)(uintptr_t)(self.bases[number] + slot->offset);
}

/* Makes the slot's argument that of a task. Returns 0 or a negative errno. */
static int take_argument(thrum_task *task, thrum_task_fn *function, thrum__task_slot *slot)
{
    size_t size = slot->size;
    if (size <= THRUM__TASK_SLOT_ROOM)
        return thrum__task_init(task, function, slot->room, size);
    void *memory = thrum__alloc(size);
    if (!memory) {
        thrum__task_slot_drop(&self.pages, slot, false, size);
        return -ENOMEM;
    }
    int rc = thrum__task_slot_read(&self.pages, slot, false, memory, size);
    if (rc < 0)
        thrum__free(memory);
    else
        thrum__task_init_given(task, function, memory, size);
    return rc;
}

static void leave_outcome(thrum__task_slot *slot, const thrum_task *task)
{
    const thrum_error *error = thrum__task_error(task);
    if (error) {
        refuse(slot, error->code, error->message);
        return;
    }
    slot->code = 0;
    int rc = thrum__task_slot_write(&self.pages, slot, true, task->outcome,
                                    thrum__task_result_size(task));
    if (rc < 0)
        refuse(slot, rc, "the result does not fit into the memory shared with the parent");
}

static void set_running(thrum__task_slot *slot)
{
    thrum_with (&self.lock) {
        self.running = slot;
        bool asked = slot && thrum__load_relaxed(&slot->asked);
        thrum__store_relaxed(&self.context->rest->base.cancelled, asked);
    }
}

static void run(thrum__task_slot *slot)
{
    thrum_task task = {0};
    thrum_task_fn *function = function_of(slot);
    if (!function)
        return;
    int rc = take_argument(&task, function, slot);
    if (rc < 0) {
        refuse(slot, rc, "the argument could not be taken over by the worker process");
        return;
    }
    set_running(slot);
    thrum__task_run_until(&task, slot->deadline);
    set_running(NULL);
    leave_outcome(slot, &task);
    thrum__task_finish(&task);
}

/* ----------------------------------------------------------------------------------------- service */

/* Who has woken the worker for a task may just be about to wait for it. */
static bool is_brief(thrum_time woken)
{
    enum { BRIEF_NS = 50000 };
    return woken && thrum__clock_now() - woken < BRIEF_NS;
}

static void serve(void)
{
    thrum_time woken = 0; /* 0: there was another task before this one */
    uint32_t passed = 0;  /* slots gone by since the last task */
    for (;;) {
        uint32_t before = self.position;
        thrum__task_slot *slot = thrum__task_slots_take(self.slots, &self.position);
        passed = slot ? 0 : passed + self.position - before;
        if (passed >= THRUM__TASK_SLOTS) {
            passed = 0;
            if (thrum__task_slots_emptied(self.slots))
                thrum__wake_send(self.slots->reaper_descriptor);
        }
        if (slot) {
            run(slot);
            self.failed = slot->code != 0;
            if (thrum__task_slots_finish(self.slots, slot, is_brief(woken)))
                thrum__wake_send(self.slots->reaper_descriptor);
            woken = 0;
        } else if (!thrum__task_slots_rest(self.slots, self.position)) {
            return;
        } else {
            woken = thrum__clock_now();
        }
    }
}

static void take_name(const char *name)
{
    self.context = thrum__self();
    snprintf(self.context->name, sizeof self.context->name, "%s", name);
    self.context->full_name = self.context->name;
    self.context->executor = NULL;
    self.context->rest->base = (thrum__scope){.context = self.context};
    self.context->scope = &self.context->rest->base;
    thrum__process_set_name(name);
}

void thrum__worker_serve(const thrum__shared_pages *pages, bool forked)
{
    self = (worker){.pages = *pages, .slots = pages->memory, .forked = forked};
    thrum__task_slots *slots = self.slots;
    if (!thrum__process_follow(slots->parent))
        thrum__process_end(STATUS_LOST, true);
    take_name(slots->name);
    int rc = thrum__process_limit(slots->memory_limit, slots->cpu_limit);
    if (rc == 0)
        rc = start_control();
    if (rc < 0) {
        fprintf(stderr, "thrum: worker process \"%s\" cannot begin: %s\n", slots->name,
                thrum_strerror(rc));
        thrum__process_end(STATUS_LOST, forked);
    }
    thrum__store_relaxed(&slots->stage, THRUM__STAGE_SERVING);
    serve();
    thrum__store_relaxed(&slots->stage, THRUM__STAGE_LEAVING);
    thrum__process_end(slots->single && self.failed, forked);
}

#ifndef THRUM_EXPLORE

static void keep_own_descriptors(const thrum__shared_pages *pages)
{
    const thrum__task_slots *slots = pages->memory;
    int kept[THRUM__WORKER_DESCRIPTORS + 2] = {pages->descriptor, slots->reaper_descriptor};
    size_t count = 2;
    for (uint32_t i = 0; i < slots->descriptor_count && i < THRUM__WORKER_DESCRIPTORS; i++)
        kept[count++] = slots->descriptors[i];
    thrum__process_close_others(kept, count);
}

__attribute__((constructor)) static void enter(void)
{
    char text[32], *end;
    if (!thrum__process_take_variable(THRUM__WORKER_VARIABLE, text, sizeof text))
        return;
    thrum__shared_pages pages;
    long descriptor = strtol(text, &end, 10);
    if (*end || end == text ||
        thrum__shared_pages_map(&pages, (int)descriptor, sizeof(thrum__task_slots)) < 0 ||
        ((const thrum__task_slots *)pages.memory)->magic != THRUM__TASK_SLOTS_MAGIC)
        thrum__panic(NULL,
                     "the environment has " THRUM__WORKER_VARIABLE
                     "=%s, but no task slots of a parent process is there",
                     text);
    keep_own_descriptors(&pages);
    thrum__worker_serve(&pages, false);
}

#endif
