/* The report at the end of the program: threads, processes and groups with an unobserved failure, and on request
 * those whose handle was not given up.
 *
 * All of them are in one list from their beginning until their state is freed. The end of the program waits for
 * those that are not daemons. What is then in the list was forgotten, or is a daemon. The report copies under
 * the lock and tells without it, as the failure hook is code of the user.
 *
 * Order of locks: this one, then that of an object. No object enters or leaves under its own.
 */
#include "thread/leaks.h"
#include "base/process.h"
#include "base/unexplored.h"
#include "sync/fork_lock.h"
#include "thread/living.h"
#include "thread/task.h"
#include <thrum/thread.h>
#include <thrum/with.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static thrum_lock lock;
static thrum__handle *first;
static bool wanted;

void thrum__leaks_enter(thrum__handle *handle, const thrum__handle_kind *kind)
{
    thrum__unexplored_begin();
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        handle->kind = kind;
        handle->prev = NULL;
        handle->next = first;
        if (first)
            first->prev = handle;
        first = handle;
    }
    thrum__unexplored_end();
}

void thrum__leaks_leave(thrum__handle *handle)
{
    thrum__unexplored_begin();
    thrum_with (&lock) {
        if (handle->prev)
            handle->prev->next = handle->next;
        else
            first = handle->next;
        if (handle->next)
            handle->next->prev = handle->prev;
    }
    thrum__unexplored_end();
}

void thrum_thread_report_leaks(bool on)
{
    thrum__lock_across_fork(&lock);
    thrum_with (&lock)
        wanted = on;
    thrum__living_at_exit(NULL);
}

bool thrum__leaks_wanted(void)
{
    const char *environment = thrum__process_environment("THRUM_LEAKS");
    return wanted || (environment && *environment && strcmp(environment, "0") != 0);
}

/* Takes one unobserved failure and gives its kind; NULL if there is none. */
static const char *take_unread(char *name, size_t size, thrum_error *ret_error)
{
    thrum_with (&lock)
        for (thrum__handle *handle = first; handle; handle = handle->next) {
            const thrum_error *error = handle->kind->take_unread(handle);
            if (!error)
                continue;
            handle->kind->name_of(handle, name, size);
            *ret_error = *error;
            return handle->kind->name;
        }
    return NULL;
}

void thrum__leaks_report(void)
{
    char name[256];
    const char *kind;
    thrum_error error;
    while ((kind = take_unread(name, sizeof name, &error)))
        thrum__failure_report(kind, name, &error);
    thrum_with (&lock) {
        if (!thrum__leaks_wanted())
            break;
        for (const thrum__handle *handle = first; handle; handle = handle->next) {
            const char *leak = handle->kind->leak(handle);
            if (!leak)
                continue;
            handle->kind->name_of(handle, name, sizeof name);
            fprintf(stderr, "thrum: %s \"%s\" %s\n", handle->kind->name, name, leak);
        }
    }
}
