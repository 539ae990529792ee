/* The report of leaks: threads that were started and neither joined nor let go of.
 *
 * All threads stand in one list from their start until their state is freed. At the end of the
 * program, after the wait for those that are not daemons, what is in it with `reaped` unset was
 * forgotten.
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

static bool is_wanted(void)
{
    const char *environment = thrum__process_environment("THRUM_LEAKS");
    return wanted || (environment && *environment && strcmp(environment, "0") != 0);
}

void thrum__leaks_report(void)
{
    thrum_with (&lock) {
        if (!is_wanted())
            break;
        for (const struct thrum__thread *thread = first; thread; thread = thread->next)
            if (!thrum__load_relaxed(&thread->reaped))
                fprintf(stderr,
                        "thrum: thread \"%s\" was started and neither joined nor freed; it %s\n",
                        thread->name,
                        thrum_event_is_set(&thread->finished) ? "has finished" : "is running");
    }
}
