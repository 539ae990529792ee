/* A child process with task slots, as its parent sees it.
 *
 * The user of a child guards it with its own lock; only the start, which takes a millisecond, runs
 * without it. A start that fails half way kills and reaps what it had begun, so there is a whole
 * child or none.
 */
#include "process/child.h"
#include "base/place.h"
#include "base/poller.h"
#include "base/spawn.h"
#include "process/reaper.h"
#include "process/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int make_slots(thrum__child *child, const thrum__child_options *options)
{
    if (options->descriptor_count > THRUM__WORKER_DESCRIPTORS)
        return -EINVAL;
    thrum__mapping *mapping = thrum__alloc(sizeof *mapping);
    if (!mapping)
        return -ENOMEM;
    int rc = thrum__shared_pages_new(&mapping->pages, options->name, sizeof(thrum__task_slots));
    if (rc < 0) {
        thrum__free(mapping);
        return rc;
    }
    mapping->users = 1;
    child->mapping = mapping;
    thrum__task_slots *slots = mapping->pages.memory;
    slots->setup.magic = THRUM__TASK_SLOTS_MAGIC;
    slots->setup.parent = thrum__process_number();
    slots->setup.reaper_descriptor = thrum__reaper_descriptor();
    slots->setup.single = options->single;
    slots->setup.memory_limit = options->memory_limit;
    slots->setup.cpu_limit = options->cpu_limit;
    slots->setup.descriptor_count = (uint32_t)options->descriptor_count;
    for (size_t i = 0; i < options->descriptor_count; i++)
        slots->setup.descriptors[i] = options->descriptors[i];
    snprintf(child->name, sizeof child->name, "%s", options->name);
    memcpy(slots->setup.name, child->name, sizeof slots->setup.name);
    child->slots = slots;
    return 0;
}

static int by_exec(thrum__child *child)
{
    char variable[64];
    int kept[THRUM__WORKER_DESCRIPTORS + 2] = {child->mapping->pages.descriptor,
                                               child->slots->setup.reaper_descriptor};
    size_t count = 2;
    for (uint32_t i = 0; i < child->slots->setup.descriptor_count; i++)
        kept[count++] = child->slots->setup.descriptors[i];
    snprintf(variable, sizeof variable, THRUM__WORKER_VARIABLE "=%d",
             child->mapping->pages.descriptor);
    return thrum__spawn_self(child->name, variable, kept, count, &child->pid);
}

static int by_fork(thrum__child *child)
{
    int32_t pid = thrum__spawn_fork();
    if (pid < 0)
        return pid;
    if (pid == 0) {
        thrum__process_forget_output();
        thrum__worker_serve(&child->mapping->pages, true);
    }
    child->pid = pid;
    return 0;
}

int thrum__child_start(thrum__child *child, const thrum__child_options *options)
{
    *child = (thrum__child){.pidfd = -1};
    int rc = make_slots(child, options);
    if (rc < 0)
        return rc;
    rc = options->fork ? by_fork(child) : by_exec(child);
    if (rc == 0) {
        child->pidfd = thrum__pidfd_open(child->pid);
        rc = child->pidfd < 0 ? child->pidfd : thrum__reaper_watch(child->pidfd);
        if (rc == 0)
            return 0;
        thrum__pid_kill(child->pid);
        thrum__pid_wait(child->pid);
    }
    thrum__child_free(child);
    return rc;
}

void thrum__mapping_release(thrum__mapping *mapping)
{
    if (--mapping->users)
        return;
    thrum__shared_pages_free(&mapping->pages);
    thrum__free(mapping);
}

void thrum__child_free(thrum__child *child)
{
    if (child->pidfd >= 0)
        thrum__os_close(child->pidfd);
    thrum__mapping_release(child->mapping);
    *child = (thrum__child){.pidfd = -1};
}

int thrum__child_put(thrum__child *child, thrum_task_fn *function, const void *arg, size_t size,
                     thrum_deadline deadline)
{
    uint32_t module = 0;
    uint64_t offset = 0;
    if (!thrum__task_slots_has_room(child->slots, child->put))
        return -EAGAIN;
    int rc = thrum__module_of(function, &module, &offset);
    if (rc < 0)
        return rc;
    if (!(child->modules >> module & 1)) {
        child->slots->modules[module] = *thrum__module_at(module);
        child->modules |= UINT64_C(1) << module;
    }
    thrum__task_slot *slot = thrum__task_slots_at(child->slots, child->put);
    slot->module = module;
    slot->offset = offset;
    slot->deadline = deadline;
    thrum__store_relaxed(&slot->asked, 0);
    rc = thrum__task_slot_write(&child->mapping->pages, slot, false, arg, size);
    if (rc < 0)
        return rc;
    thrum__task_slots_put(child->slots, child->put);
    return (int)(child->put++ % THRUM__TASK_SLOTS);
}

/* The size in a slot is what the child says: it may be anything, and may change. */
static void collect_result(thrum__child *child, thrum__task_slot *slot, thrum_task *task)
{
    size_t size = thrum__load_relaxed(&slot->size);
    if (size <= THRUM__TASK_SLOT_ROOM) {
        int rc = thrum_return(task, slot->room, size);
        if (rc < 0)
            thrum__task_fail(task, rc, "the result cannot be stored");
        return;
    }
    if (size > THRUM__TASK_SLOT_MOST) {
        thrum__task_fail(task, -EIO, "the result cannot be read");
        return;
    }
    void *memory = thrum__alloc(size);
    int rc =
        memory ? thrum__task_slot_read(&child->mapping->pages, slot, true, memory, size) : -ENOMEM;
    if (rc == 0) {
        thrum__task_give(task, memory, size);
        return;
    }
    thrum__free(memory);
    thrum__task_slot_drop(&child->mapping->pages, slot, true, size);
    thrum__task_fail(task, rc, rc == -ENOMEM ? NULL : "the result cannot be read");
}

void thrum__child_collect(thrum__child *child, thrum__task_slot *slot, thrum_task *task)
{
    int code = thrum__load_relaxed(&slot->code);
    if (code == 0) {
        collect_result(child, slot, task);
    } else {
        char message[sizeof(thrum_error)];
        snprintf(message, sizeof message, "%.*s", (int)sizeof message - 1, slot->room);
        size_t size = thrum__load_relaxed(&slot->size);
        message[size < sizeof message ? size : sizeof message - 1] = '\0';
        thrum__task_fail(task, code < 0 ? code : -EINVAL, message);
    }
    thrum__task_slot_give_up(slot);
}

void thrum__child_obituary(const thrum__child *child, const thrum__exit *ended,
                           thrum_task_fn *function, char *text, size_t size)
{
    char how[96], where[128] = "";
    thrum__exit_text(ended, how, sizeof how);
    if (function)
        thrum__place_text(where, sizeof where, (const void *)(uintptr_t)function);
    snprintf(text, size, "worker \"%s\" (pid %d) %s%s%s", child->name, child->pid, how,
             function ? " while it ran " : "", where);
}
