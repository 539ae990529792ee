/* Blocks of shared memory.
 *
 * The named blocks that this process has made are in a list, so that their names are removed at the
 * end of the program even if no caller frees them. A child of fork finds in each block which
 * process made it, and leaves the names alone. A name is removed only while it still stands for the
 * block: another process may have removed it and made another block of that name.
 */
#include "base/memory.h"
#include "base/poller.h"
#include "base/process.h"
#include "base/shared_memory.h"
#include "park/context.h"
#include "sync/fork_lock.h"
#include <thrum/lock.h>
#include <thrum/shared_memory.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 252 };

struct thrum_shared_memory {
    void *address;
    size_t size;
    int descriptor;
    char name[NAME_SIZE]; /* "" if it has none, or it is not ours to remove */
    uint32_t process;     /* in which it was made, or opened */
    thrum_shared_memory *next, *before;
};

static thrum_lock lock;
static thrum_shared_memory *named;

static bool is_name(const char *name)
{
    return name[0] == '/' && name[1] && !strchr(name + 1, '/') &&
           strnlen(name, NAME_SIZE) < NAME_SIZE;
}

static void remove_name(const thrum_shared_memory *memory)
{
    if (memory->name[0] && memory->process == thrum__process_generation)
        (void)thrum__shared_memory_remove_if(memory->name, memory->descriptor);
}

static void remove_names(void)
{
    thrum_with (&lock)
        for (const thrum_shared_memory *memory = named; memory; memory = memory->next)
            remove_name(memory);
}

static void enlist(thrum_shared_memory *memory, const char *name)
{
    static bool at_exit;
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        if (!at_exit)
            at_exit = atexit(remove_names) == 0; /* else the names outlive the program */
        memcpy(memory->name, name, strlen(name) + 1);
        memory->next = named;
        if (named)
            named->before = memory;
        named = memory;
    }
}

/* Takes the descriptor over. */
static int begin(int descriptor, thrum_shared_memory **ret_memory)
{
    if (descriptor < 0)
        return descriptor;
    (void)thrum__self(); /* from now on forks are counted */
    thrum_shared_memory *memory = thrum__alloc(sizeof *memory);
    int rc =
        memory ? thrum__shared_memory_map(descriptor, &memory->address, &memory->size) : -ENOMEM;
    if (rc < 0) {
        thrum__free(memory);
        thrum__os_close(descriptor);
        return rc;
    }
    memory->descriptor = descriptor;
    memory->process = thrum__process_generation;
    *ret_memory = memory;
    return 0;
}

int thrum_shared_memory_new(const char *name, size_t size, thrum_shared_memory **ret_memory)
{
    if (name && !is_name(name))
        return -EINVAL;
    int descriptor = thrum__shared_memory_create(name, size);
    if (descriptor < 0)
        return descriptor;
    int rc = begin(descriptor, ret_memory);
    if (rc < 0 && name)
        (void)thrum__shared_memory_remove(name);
    if (rc == 0 && name)
        enlist(*ret_memory, name);
    return rc;
}

int thrum_shared_memory_open(const char *name, thrum_shared_memory **ret_memory)
{
    if (!is_name(name))
        return -EINVAL;
    int rc = begin(thrum__shared_memory_open(name), ret_memory);
    return rc == -ENODATA ? -ENOENT : rc;
}

int thrum_shared_memory_from_descriptor(int descriptor, thrum_shared_memory **ret_memory)
{
    int rc = begin(thrum__shared_memory_again(descriptor), ret_memory);
    return rc == -ENODATA || rc == -ENODEV || rc == -EACCES ? -EBADF : rc;
}

int thrum_shared_memory_descriptor(const thrum_shared_memory *memory)
{
    return memory->descriptor;
}

void *thrum_shared_memory_address(const thrum_shared_memory *memory)
{
    return memory->address;
}

size_t thrum_shared_memory_size(const thrum_shared_memory *memory)
{
    return memory->size;
}

void thrum_shared_memory_free(thrum_shared_memory *memory)
{
    if (!memory)
        return;
    if (memory->name[0]) {
        thrum_with (&lock) {
            remove_name(memory);
            *(memory->before ? &memory->before->next : &named) = memory->next;
            if (memory->next)
                memory->next->before = memory->before;
        }
    }
    thrum__shared_memory_unmap(memory->address, memory->size);
    thrum__os_close(memory->descriptor);
    thrum__free(memory);
}

int thrum_shared_memory_unlink(const char *name)
{
    return is_name(name) ? thrum__shared_memory_remove(name) : -EINVAL;
}
