/* The worker's side of the task slots.
 *
 * A child process that was started by exec is the program once more. It must not run its main, so
 * the library has a constructor that looks for THRUM_WORKER in the environment, removes it (what a
 * task starts is no worker), and serves the task slots that the variable names. It never returns:
 * when there is nothing more to do the process exits, so that output is written and handlers run.
 * Constructors of the program that come later than this one have not run: with the static library
 * those of the program's own files have, with the shared library only those of the libraries that
 * the program needs.
 *
 * A program that runs with rights that its caller does not have (AT_SECURE) never becomes a worker:
 * the variable and the descriptor are the caller's. It ignores the variable and runs its main.
 *
 * What comes from the parent, in the variable, the descriptor and the task slots, is checked before
 * it is used, and read once, as it may change meanwhile: `setup` is the worker's copy of what is
 * fixed, and each task's numbers are copied before they are checked. A worker that is given
 * nonsense refuses the task, or stops with a message. The parent decides which function of a module
 * runs, so it is trusted with that; docs/security.md has the whole list.
 *
 * Tasks run on the main thread, one after another, on the full stack. A second thread, `control`,
 * sleeps on `control` for requests to stop the running task, and cancels its scope; `running` tells
 * it which task that is, under a lock, so a request reaches the right task or none.
 *
 * The kernel kills a worker when the parent's reaper thread ends, that is, with the parent, however
 * that ends; a worker that is stopped dies, too.
 *
 * A forked worker has the parent's memory as it was, and ends without the parent's handlers and
 * without writing what the parent had not yet written.
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
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_LOST = 127, CONTROL_STACK = 256 * 1024 };

typedef struct worker {
    thrum__shared_pages pages;
    thrum__task_slots *slots;
    thrum__worker_setup setup; /* the worker's copy */
    bool forked;
    uint32_t position;
    thrum__module_place places[THRUM__MODULES]; /* of modules that were found */
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

/* Settles a task that failed, or could not be run. Returns the code. */
static int refuse(thrum__task_slot *slot, int code, const char *message)
{
    slot->code = code;
    (void)thrum__task_slot_write(&self.pages, slot, true, message, strlen(message)); /* fits */
    return code;
}

/* Finds the module with that number. Returns 0, or the code with which the task was refused. */
static int find_module(thrum__task_slot *slot, uint32_t number)
{
    if (number >= THRUM__MODULES)
        return refuse(slot, -EINVAL, "the task names a module that cannot be");
    if (self.found[number])
        return 0;
    thrum__module module = self.slots->modules[number];
    int rc = thrum__module_find(&module, &self.places[number]);
    self.found[number] = rc == 0;
    if (rc == 0)
        return 0;
    if (rc == -EINVAL)
        return refuse(slot, rc, "the task names a module that cannot be");
    char message[300];
    snprintf(message, sizeof message,
             "the worker process does not have the module of the function, %.200s, as the "
             "parent has it",
             module.path[0] ? module.path : "the program");
    return refuse(slot, rc, message);
}

/* Gives the function of a task. Returns 0, or the code with which the task was refused. */
static int function_of(thrum__task_slot *slot, thrum_task_fn **ret_function)
{
    uint32_t number = thrum__load_relaxed(&slot->module);
    uint64_t offset = thrum__load_relaxed(&slot->offset);
    int rc = find_module(slot, number);
    if (rc < 0)
        return rc;
    const thrum__module_place *place = &self.places[number];
    uint64_t address = place->base + offset;
    if (address < place->code_begin || address >= place->code_end)
        return refuse(slot, -EINVAL, "the task names no function of its module");
    *ret_function = (thrum_task_fn *)(uintptr_t)address;
    return 0;
}

/* Makes the slot's argument that of a task. Returns 0 or a negative errno. */
static int take_argument(thrum_task *task, thrum_task_fn *function, thrum__task_slot *slot)
{
    size_t size = thrum__load_relaxed(&slot->size);
    if (size <= THRUM__TASK_SLOT_ROOM)
        return thrum__task_init(task, function, slot->room, size);
    if (size > THRUM__TASK_SLOT_MOST)
        return -EINVAL;
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

static int leave_outcome(thrum__task_slot *slot, const thrum_task *task)
{
    const thrum_error *error = thrum__task_error(task);
    if (error)
        return refuse(slot, error->code, error->message);
    if (thrum__task_result_owned(task))
        return refuse(slot, -EINVAL, thrum__value_stays);
    slot->code = 0;
    int rc = thrum__task_slot_write(&self.pages, slot, true, task->outcome,
                                    thrum__task_result_size(task));
    if (rc < 0)
        return refuse(slot, rc, "the result does not fit into the memory shared with the parent");
    return 0;
}

static void set_running(thrum__task_slot *slot)
{
    thrum_with (&self.lock) {
        self.running = slot;
        bool asked = slot && thrum__load_relaxed(&slot->asked);
        thrum__store_relaxed(&self.context->rest->base.cancelled, asked);
    }
}

/* Returns the task's code, which stands in the slot, too. */
static int run(thrum__task_slot *slot)
{
    thrum_task task = {0};
    thrum_task_fn *function = NULL;
    int rc = function_of(slot, &function);
    if (rc < 0)
        return rc;
    rc = take_argument(&task, function, slot);
    if (rc < 0)
        return refuse(slot, rc, "the argument could not be taken over by the worker process");
    set_running(slot);
    thrum__task_run_until(&task, (thrum_deadline){thrum__load_relaxed(&slot->deadline.ns)});
    set_running(NULL);
    rc = leave_outcome(slot, &task);
    thrum__task_finish(&task);
    return rc;
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
                thrum__wake_send(self.setup.reaper_descriptor);
        }
        if (slot) {
            self.failed = run(slot) != 0;
            if (thrum__task_slots_finish(self.slots, slot, is_brief(woken)))
                thrum__wake_send(self.setup.reaper_descriptor);
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

/* Whether the copy is valid: a parent may have written it. */
static bool is_sound(const thrum__worker_setup *setup)
{
    bool sound = setup->magic == THRUM__TASK_SLOTS_MAGIC && setup->parent > 0 &&
                 setup->reaper_descriptor >= 0 &&
                 setup->descriptor_count <= THRUM__WORKER_DESCRIPTORS &&
                 strnlen(setup->name, sizeof setup->name) < sizeof setup->name;
    for (uint32_t i = 0; sound && i < setup->descriptor_count; i++)
        sound = setup->descriptors[i] >= 0;
    return sound;
}

static void keep_own_descriptors(void)
{
    int kept[THRUM__WORKER_DESCRIPTORS + 2] = {self.pages.descriptor, self.setup.reaper_descriptor};
    size_t count = 2;
    for (uint32_t i = 0; i < self.setup.descriptor_count; i++)
        kept[count++] = self.setup.descriptors[i];
    thrum__process_close_others(kept, count);
}

void thrum__worker_serve(const thrum__shared_pages *pages, bool forked)
{
    self = (worker){.pages = *pages, .slots = pages->memory, .forked = forked};
    const thrum__worker_setup *setup = &self.setup;
    self.setup = self.slots->setup;
    if (!is_sound(setup))
        thrum__panic(NULL, "a worker process has task slots that no parent process has made");
    if (!forked)
        keep_own_descriptors();
    if (!thrum__process_follow(setup->parent))
        thrum__process_end(STATUS_LOST, true);
    take_name(setup->name);
    int rc = thrum__process_limit(setup->memory_limit, setup->cpu_limit);
    if (rc == 0)
        rc = start_control();
    if (rc < 0) {
        fprintf(stderr, "thrum: worker process \"%s\" cannot begin: %s\n", setup->name,
                thrum_strerror(rc));
        thrum__process_end(STATUS_LOST, forked);
    }
    thrum__store_relaxed(&self.slots->stage, THRUM__STAGE_SERVING);
    serve();
    thrum__store_relaxed(&self.slots->stage, THRUM__STAGE_LEAVING);
    thrum__process_end(setup->single && self.failed, forked);
}

#ifndef THRUM_EXPLORE

__attribute__((constructor)) static void enter(void)
{
    char text[32], *end;
    if (!thrum__process_take_variable(THRUM__WORKER_VARIABLE, text, sizeof text))
        return;
    thrum__shared_pages pages;
    long descriptor = strtol(text, &end, 10);
    if (*end || end == text || descriptor < 0 || descriptor > INT_MAX ||
        thrum__shared_pages_map(&pages, (int)descriptor, sizeof(thrum__task_slots)) < 0)
        thrum__panic(NULL,
                     "the environment has " THRUM__WORKER_VARIABLE
                     "=%s, but no task slots of a parent process are there",
                     text);
    thrum__worker_serve(&pages, false);
}

#endif
