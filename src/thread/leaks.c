/* The report at the end of the program: threads with an unobserved failure, and on request those
 * that were neither joined nor detached.
 *
 * All threads are in one list from their start until their state is freed. The end of the program
 * waits for those that are not daemons. What is then in the list with `reaped` unset was forgotten.
 */
#include "base/process.h"
#include "base/unexplored.h"
#include "sync/fork_lock.h"
#include "thread/living.h"
#include "thread/thread.h"
#include <thrum/with.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static thrum_lock lock;
static struct thrum__thread *first;
static bool wanted;

void thrum__leaks_enter(struct thrum__thread *thread)
{
    thrum__unexplored_begin();
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        thread->next = first;
        if (first)
            first->prev = thread;
        first = thread;
    }
    thrum__unexplored_end();
}

void thrum__leaks_leave(struct thrum__thread *thread)
{
    thrum__unexplored_begin();
    thrum_with (&lock) {
        if (thread->prev)
            thread->prev->next = thread->next;
        else
            first = thread->next;
        if (thread->next)
            thread->next->prev = thread->prev;
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

/* Takes one unobserved failure; false if there is none. A copy, because the hook is called without the lock. */
static bool take_unread(char *name, size_t size, thrum_error *ret_error)
{
    bool found = false;
    thrum_with (&lock)
        for (struct thrum__thread *thread = first; thread && !found; thread = thread->next) {
            bool ended = thrum_event_is_set(&thread->finished);
            const thrum_error *error = ended ? thrum__task_error(&thread->task) : NULL;
            if (!error || thrum__exchange_acquire(&thread->seen, 1))
                continue;
            snprintf(name, size, "%s", thread->name);
            *ret_error = *error;
            found = true;
        }
    return found;
}

void thrum__leaks_report(void)
{
    char name[256];
    thrum_error error;
    while (take_unread(name, sizeof name, &error))
        thrum__failure_report("thread", name, &error);
    thrum_with (&lock) {
        if (!thrum__leaks_wanted())
            break;
        for (const struct thrum__thread *thread = first; thread; thread = thread->next)
            if (!thrum__load_relaxed(&thread->reaped) && !thrum__load_relaxed(&thread->own))
                fprintf(stderr,
                        "thrum: thread \"%s\" was started and neither joined nor freed; it %s\n",
                        thread->name,
                        thrum_event_is_set(&thread->finished) ? "has finished" : "is running");
    }
}
