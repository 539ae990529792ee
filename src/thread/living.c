/* The wait for threads at the end of the program, as in Python.
 *
 * The low bits of `count` are the number of living threads that are not daemons. The handler that
 * exit() runs sets ENDING and waits until the number is 0, or 1 if it runs on such a thread itself
 * (a task that calls exit), as that thread's context tells.
 *
 *     leave      count - 1; if ENDING was set, sets `left`
 *     handler    count | ENDING; clears `left`, reads the count, and waits for `left` if it is too
 *                large
 *
 * Both change one word, so either the handler reads the new count, or the leaving thread sees
 * ENDING and sets `left` after the handler has cleared it.
 *
 * A thread leaves without a lock. It has already told its end, and a fiber that joins it blocks its
 * worker until the OS thread is gone. A lock could belong to another fiber of that worker, handed
 * over to it while it waits to start a thread, and neither would ever run.
 *
 * The handler is registered with the first thread and so runs after those that the program
 * registered later. _exit, abort and a signal end the process without it, as everywhere. A child
 * made by fork has none of its parent's threads and must not wait for them: the process number
 * tells.
 */
#include "thread/living.h"
#include "base/unexplored.h"
#include "park/context.h"
#include "sync/fork_lock.h"
#include "thread/thread.h"
#include <thrum/event.h>
#include <thrum/lock.h>
#include <thrum/with.h>

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define ENDING 0x80000000u /* the handler waits */

static thrum_lock lock; /* over the registrations below */
static uint32_t count;
static thrum_event left;
static pid_t process; /* whose threads are counted; 0 before the handler is registered */
static void (*drain)(void);

enum { REPORTS = 4 };
static void (*reports[REPORTS])(bool leaks); /* one for each layer that has handles */

static void report_all(void)
{
    thrum__leaks_report();
    for (int i = 0; i < REPORTS && reports[i]; i++)
        reports[i](thrum__leaks_wanted());
}

static void wait_for_threads(void)
{
    if (process != getpid())
        return;
    if (drain)
        drain();
    uint32_t own = thrum__self()->thread && !thrum__self()->daemon;
    thrum_shield_begin(); /* a task that was cancelled may call exit, too */
    thrum__add_acq_rel(&count, ENDING);
    for (;;) {
        thrum_event_clear(&left);
        if ((thrum__load_acquire(&count) & ~ENDING) <= own)
            break;
        (void)!thrum_event_wait(&left, THRUM_FOREVER); /* the loop looks at the count itself */
    }
    thrum_shield_end();
    report_all();
}

/* Under the lock. In a child made by fork the handler is there, and the count starts anew. */
static void register_handler(void)
{
    pid_t now = getpid();
    if (process == now)
        return;
    if (process == 0)
        atexit(wait_for_threads); /* fails only if memory ran out: then exit does not wait */
    process = now;
    thrum__store_relaxed(&count, 0);
}

void thrum__living_at_exit(void (*function)(void))
{
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        register_handler();
        if (function)
            drain = function;
    }
}

void thrum__living_report_at_exit(void (*report)(bool leaks))
{
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        int i = 0;
        register_handler();
        while (i < REPORTS && reports[i] && reports[i] != report)
            i++;
        if (i < REPORTS)
            reports[i] = report;
    }
}

void thrum__living_enter(void)
{
    thrum__unexplored_begin();
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        register_handler();
        thrum__add_relaxed(&count, 1);
    }
    thrum__unexplored_end();
}

void thrum__living_leave(void)
{
    thrum__unexplored_begin();
    if (thrum__sub_acq_rel(&count, 1) & ENDING)
        thrum_event_set(&left);
    thrum__unexplored_end();
}
