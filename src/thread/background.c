/* Background threads: where code of the user runs that a thread of the library must not run itself.
 *
 * The reaper (process/reaper.c) ends futures and processes. A done callback, a chained task or the
 * failure hook may start a process, shut a pool down or wait for a future of a process pool, and
 * each of these waits for the reaper. So the reaper only changes states and wakes waiters. What
 * calls the user is a job, and goes here.
 *
 * Jobs stand in one list in the order of their coming. A thread takes the oldest, runs it without
 * the lock and takes the next. Jobs of one list may run at the same time, and one that blocks holds
 * up no other: there are as many threads as it takes.
 *
 *     a job comes              it wakes an idle thread; if there is none, it has a thread started
 *     a thread takes a job     if jobs are left and no thread is idle, it first has another one
 *                              started
 *     a thread finds no job    it becomes idle, or ends if MOST_IDLE are idle already
 *
 * `starting` says that a thread was asked for and has not come to the list yet; until then no other
 * is started. So a burst of short jobs does not start a thread for each. Whenever a job is in the
 * list, some thread is on its way to it: one that is idle and was notified, or one that is
 * starting, or the start was refused and `refused` says so. An idle thread that was notified for a
 * job which another one took finds the list as it is, and takes the next job or sleeps on.
 *
 * The system may refuse a thread. Then the job stays in the list, `refused` is set, and the
 * function of thrum__background_on_refusal is called: it wakes the reaper, which tries again in
 * each of its rounds and soon makes another round. Only a retry clears `refused`, before it tries:
 * a start that succeeds does not, as the new thread may have been refused another one meanwhile. A
 * thread that has ended its job takes the waiting one before that. The job is never run by the caller instead: the caller could then wait
 * for itself, for ever.
 *
 * Ownership and memory order: a job is its giver's until thrum__background_run, the list's until it
 * is taken, and then that of the thread that runs it. The lock orders all of this: what the giver
 * wrote comes before the run. No thread touches a job after `run` has returned, nor between its
 * removal and `run`.
 *
 * The end of the program does not wait for these threads: they are daemons. A caller that gives a job
 * away has something counted that the end waits for: a process pool counts it among its visitors, a
 * process stays among the living.
 *
 * Fork: a child has none of the threads and drops the list; the jobs are the parent's. The lock is
 * held across a fork. Where a job forks, its thread ends in the child when `run` returns.
 *
 * Rejected: a thread pool, which is a floor higher, allocates for each task and is drained at the
 * end of the program in no order with the pools that still give it jobs. A bound for the number of
 * threads: so many callbacks that wait for one another would hang.
 *
 * Tests: tests/unit/executor/test_process_callback.c.
 */
#include "thread/background.h"
#include "base/atomic.h"
#include "base/process.h"
#include "sync/fork_lock.h"
#include <thrum/condition.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <stddef.h>

enum { MOST_IDLE = 2 };

static thrum_condition changed; /* its lock is for all that follows */
static uint32_t process;        /* the generation whose jobs and threads these are */
static thrum__job *first, *last;
static size_t idle;
static bool starting;
static uint32_t refused; /* read without the lock, too */
static void (*on_refusal)(void);

/* In a child of fork all of it begins anew. Under the lock. */
static void renew(void)
{
    if (process == thrum__process_generation)
        return;
    process = thrum__process_generation;
    first = last = NULL;
    idle = 0;
    starting = false;
    thrum__store_relaxed(&refused, 0);
}

/* Whether the caller is to start a thread, as it then must. Under the lock. */
static bool wants_thread(void)
{
    if (!first || idle || starting)
        return false;
    starting = true;
    return true;
}

/* ------------------------------------------------------------------------------------- the threads */

static int serve(thrum_task *task);

static bool start_thread(void)
{
    const thrum_thread_options options = {.name = "background", .daemon = true};
    thrum_thread *thread = thrum_thread_start_with(&options, serve, THRUM_NOTHING);
    bool started = !thrum_thread_error(thread);
    thrum_thread_free(thread);
    if (!started)
        thrum_with (&changed) {
            starting = false;
            thrum__store_relaxed(&refused, 1);
        }
    return started;
}

static void start_or_tell(void)
{
    if (start_thread())
        return;
    void (*tell)(void) = NULL;
    thrum_with (&changed)
        tell = on_refusal;
    if (tell)
        tell();
}

/* The next job, or NULL if the thread is to end. `*ret_starts` tells it to start another one. */
static thrum__job *take(bool *ret_starts)
{
    thrum__job *job = NULL;
    thrum_with (&changed) {
        bool stays = first || idle < MOST_IDLE;
        while (!first && stays) {
            idle++;
            (void)!thrum_condition_wait(&changed, THRUM_FOREVER); /* nobody cancels this thread */
            idle--;
        }
        job = first;
        if (job) {
            first = job->next;
            *ret_starts = wants_thread();
        }
    }
    return job;
}

static int serve(thrum_task *task)
{
    (void)task;
    uint32_t home = thrum__process_generation;
    thrum_shield_begin(); /* a callback may have cancelled its thread */
    thrum_with (&changed)
        starting = false;
    for (;;) {
        bool starts = false;
        thrum__job *job = take(&starts);
        if (starts)
            start_or_tell();
        if (!job)
            break;
        job->run(job);
        if (thrum__process_generation != home)
            break; /* the job has forked, and this is the child */
    }
    thrum_shield_end();
    return 0;
}

/* ---------------------------------------------------------------------------------------- the jobs */

void thrum__background_run(thrum__job *job)
{
    bool starts = false;
    job->next = NULL;
    thrum__lock_across_fork(&changed.own_);
    thrum_with (&changed) {
        renew();
        if (first)
            last->next = job;
        else
            first = job;
        last = job;
        if (idle)
            thrum_condition_notify(&changed, 1);
        starts = wants_thread();
    }
    if (starts)
        start_or_tell();
}

bool thrum__background_retry(void)
{
    if (!thrum__load_relaxed(&refused))
        return true;
    bool starts = false;
    thrum_with (&changed) {
        thrum__store_relaxed(&refused, 0);
        starts = wants_thread();
    }
    return !starts || start_thread();
}

void thrum__background_on_refusal(void (*function)(void))
{
    thrum__lock_across_fork(&changed.own_);
    thrum_with (&changed) {
        renew();
        on_refusal = function;
    }
}
