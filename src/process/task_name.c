/* Names of task functions, for processes that did not come from the same parent.
 *
 *     fetch@2            a function that the program has registered: its name and version
 *     9f3c...+12a40      any other function of the program: its build-id and offset, in hex
 *
 * Registered names are a list that only grows. An entry is published by a release, so a reader needs no lock, and a
 * constructor of a library that is loaded later may add to it. The list is short; a caller that looks a name up often keeps
 * the answer.
 *
 * A name that comes from outside is checked here: its length, its digits, and that the place lies in the code of the
 * program. It loads no library, other than a module's name between a process and its children (module.c), which carries a
 * path.
 */
#include "base/atomic.h"
#include "base/panic.h"
#include "process/module.h"
#include "sync/fork_lock.h"
#include <thrum/task_name.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 100 };

static thrum_lock lock; /* for writers */
static thrum_named_task *first;

static thrum_named_task *next_of(const thrum_named_task *task)
{
    return thrum__load_acquire(&task->next_);
}

static void write_name(const thrum_named_task *task, char *name)
{
    snprintf(name, THRUM_TASK_NAME_SIZE, "%s@%u", task->name_, task->version_);
}

void thrum_task_register(thrum_named_task *task)
{
    const void *place = thrum__caller();
    bool again = false;
    if (strlen(task->name_) > NAME_MOST)
        thrum__panic(place, "the name of the task %.100s... is longer than %d bytes", task->name_,
                     NAME_MOST);
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        for (const thrum_named_task *other = first; other; other = next_of(other))
            again |= other->version_ == task->version_ && strcmp(other->name_, task->name_) == 0;
        if (again)
            break;
        task->next_ = first;
        thrum__store_release(&first, task);
    }
    if (again)
        thrum__panic(place, "the task %s@%u was registered twice; give one of them another version",
                     task->name_, task->version_);
}

/* The build-id of the program in hex. Returns false if it has none. */
static bool program_id(const thrum__module *program, char *id)
{
    for (uint32_t i = 0; i < program->id_size; i++)
        snprintf(id + (size_t)2 * i, 3, "%02x", program->id[i]);
    return program->id_size > 0;
}

int thrum_task_name(thrum_task_fn *function, char *ret_name)
{
    uint32_t module = 0;
    uint64_t offset = 0;
    char id[2 * THRUM__MODULE_ID + 1];
    for (const thrum_named_task *task = thrum__load_acquire(&first); task; task = next_of(task))
        if (task->function_ == function) {
            write_name(task, ret_name);
            return 0;
        }
    int rc = thrum__module_of(function, &module, &offset);
    if (rc < 0 || module != 0 || !program_id(thrum__module_at(0), id))
        return -ENOENT;
    snprintf(ret_name, THRUM_TASK_NAME_SIZE, "%s+%llx", id, (unsigned long long)offset);
    return 0;
}

/* Makes the program known, and gives it. */
static const thrum__module *the_program(void)
{
    uint32_t module;
    uint64_t offset;
    (void)!thrum__module_of((thrum_task_fn *)(uintptr_t)1, &module, &offset);
    return thrum__module_at(0);
}

/* Finds a function by its place. `digits` follow the build-id. */
static int find_place(const char *digits, thrum_task_fn **ret_function)
{
    thrum__module_place place;
    thrum__module program = *the_program();
    char *end;
    if (strlen(digits) > 16 || strspn(digits, "0123456789abcdef") != strlen(digits) || !*digits)
        return -EINVAL;
    uint64_t offset = strtoull(digits, &end, 16);
    if (thrum__module_find(&program, &place) < 0)
        return -ENOENT;
    uint64_t address = place.base + offset;
    if (address < place.code_begin || address >= place.code_end)
        return -EINVAL;
    *ret_function = (thrum_task_fn *)(uintptr_t)address;
    return 0;
}

int thrum_task_find(const char *name, thrum_task_fn **ret_function)
{
    char own[THRUM_TASK_NAME_SIZE];
    size_t length = strnlen(name, THRUM_TASK_NAME_SIZE);
    if (length == 0 || length == THRUM_TASK_NAME_SIZE)
        return -EINVAL;
    const char *plus = strchr(name, '+');
    if (!plus && !strchr(name, '@'))
        return -EINVAL;
    if (plus) {
        if (!program_id(the_program(), own) || strlen(own) != (size_t)(plus - name) ||
            memcmp(own, name, strlen(own)) != 0)
            return -ENOENT;
        return find_place(plus + 1, ret_function);
    }
    for (const thrum_named_task *task = thrum__load_acquire(&first); task; task = next_of(task)) {
        write_name(task, own);
        if (strcmp(own, name) == 0) {
            *ret_function = task->function_;
            return 0;
        }
    }
    return -ENOENT;
}

int thrum_task_names_visit(int (*visit)(const char *name, void *context), void *context)
{
    char name[THRUM_TASK_NAME_SIZE];
    int rc = program_id(the_program(), name) ? visit(name, context) : 0;
    for (const thrum_named_task *task = thrum__load_acquire(&first); task && rc == 0;
         task = next_of(task)) {
        write_name(task, name);
        rc = visit(name, context);
    }
    return rc;
}
