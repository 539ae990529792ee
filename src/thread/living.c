/* Waiting for threads at the end of the program, as Python does.
 *
 * `count` is the number of living threads that are not daemons. The handler that exit() runs waits
 * on `changed` until it is 0, or 1 if it runs on such a thread itself (a task that calls exit), as
 * that thread's context tells.
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
#include <thrum/condition.h>
#include <thrum/with.h>

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static thrum_condition changed;
static uint32_t count;
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
    thrum_with (&changed) {
        while (count > own)
            thrum_condition_wait(&changed, THRUM_FOREVER);
    }
    report_all();
}

/* Under the lock. In a child made by fork the handler is there, and the count starts anew. */
static void register_handler(void)
{
    pid_t now = getpid();
    if (process == now)
        return;
    if (process == 0)
        atexit(wait_for_threads); /* can fail only for want of memory: then exit does not wait */
    process = now;
    count = 0;
}

void thrum__living_at_exit(void (*function)(void))
{
    thrum__lock_across_fork(&changed.own_);
    thrum_with (&changed) {
        register_handler();
        if (function)
            drain = function;
    }
}

void thrum__living_report_at_exit(void (*report)(bool leaks))
{
    thrum__lock_across_fork(&changed.own_);
    thrum_with (&changed) {
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
    thrum__lock_across_fork(&changed.own_);
    thrum_with (&changed) {
        register_handler();
        count++;
    }
    thrum__unexplored_end();
}

void thrum__living_leave(void)
{
    thrum__unexplored_begin();
    thrum_with (&changed) {
        count--;
        thrum_condition_notify_all(&changed);
    }
    thrum__unexplored_end();
}
