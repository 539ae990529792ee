/* A child process with task slots, as its parent has it: see child.c. */
#ifndef THRUM_PROCESS_CHILD_H
#define THRUM_PROCESS_CHILD_H

#include "base/pidfd.h"
#include "process/task_slots.h"

/* How a child is to be. */
typedef struct thrum__child_options {
    const char *name;
    bool fork;
    bool single; /* it has one task, and its exit status tells whether that failed */
    uint64_t memory_limit, cpu_limit;
    const int *descriptors; /* to keep, besides the standard ones */
    size_t descriptor_count;
} thrum__child_options;

/* The task slots' memory, mapped as long as anybody uses it; under the lock of the child's owner. */
typedef struct thrum__mapping {
    thrum__shared_pages pages;
    uint32_t users;
} thrum__mapping;

void thrum__mapping_release(thrum__mapping *mapping);

typedef struct thrum__child {
    thrum__mapping *mapping;
    thrum__task_slots *slots; /* NULL: there is no child */
    int32_t pid;
    int pidfd;
    char name[THRUM__NAME_SIZE];
    uint32_t put;     /* slots filled so far */
    uint64_t modules; /* by number, those that stand in the slots */
} thrum__child;

/* Starts a child. On the reaper's thread, without any lock. Returns 0 or a negative errno. */
int thrum__child_start(thrum__child *child, const thrum__child_options *options);

/* Puts a task in the slots. Returns the slot's index, -EAGAIN if there is no room now, or another
 * negative errno if the task cannot be put there at all. */
int thrum__child_put(thrum__child *child, thrum_task_fn *function, const void *arg, size_t size,
                     thrum_deadline deadline);

/* Makes the outcome in a slot that is DONE that of `task`, and gives the slot up. */
void thrum__child_collect(thrum__child *child, thrum__task_slot *slot, thrum_task *task);

/* Gives back what is left of a child that has ended. */
void thrum__child_free(thrum__child *child);

/* Says how it ended, and while it ran what, if `function` is not NULL. */
void thrum__child_obituary(const thrum__child *child, const thrum__exit *ended,
                           thrum_task_fn *function, char *text, size_t size);

#endif
