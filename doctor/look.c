/* A look, and what follows from it.
 *
 * Each thread waits for at most one thing, and what it waits for has at most one owner that is
 * known. So "waits for what is held by" leads from a thread to at most one other, and a circle is
 * found by following it. Threads are looked at one after the other, not at one moment. That is
 * mended at the end, when the owners are read once more. If each is the same, and no thread of the
 * circle has run since it was looked at (its count of time slices is the same) or is about to (it is
 * still asleep in its system call: a thread that was woken may wait long for a processor), then all
 * the waits were there at the same time, and are still. None of them ends by itself, as none has a
 * time limit; none is ended by another thread, as only the owner releases a lock. That is the proof
 * of a deadlock. A signal handler could jump out of a wait, and a thread outside of the circle could
 * cancel a thread that joins; the doctor does not look for code that would do so.
 *
 * An owner that does not exist proves it, too: a mutex that its owner did not release before it
 * ended, or that a thread of the parent held at a fork. Nobody else may unlock it, by POSIX. The
 * list of threads is read again first: the owner may just have been made.
 *
 * Conditions, semaphores, barriers and readers of a rwlock have no owner: any thread might end the
 * wait. Only if every thread waits in a futex without a time limit, on memory that no other process
 * shares, and no signal handler can run, and nothing has moved for a while, is there nothing left
 * that could. That is "suspected" and not "proven": a debugger, a process that writes into this
 * one, or a handler of a terminating signal could still end it. Programs in Go and Java, whose
 * runtimes sleep so by design, are not suspected.
 */
#include "look.h"

#include "core.h"
#include "lines.h"
#include "python.h"
#include "reach.h"
#include "runtime.h"
#include "stop.h"
#include "thrum_objects.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LOOKS = 3 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    size_t length = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + length, size - length, format, list);
    va_end(list);
}

/* The thread that holds what this one waits for, or -1. */
static int holder(const struct process *process, int index)
{
    const struct thread *thread = &process->threads[index];
    return thread->wait.kind != OBJECT_NONE && thread->wait.owner_state == OWNER_LIVES
               ? thread->wait.owner
               : -1;
}

static bool add_deadlock(struct look *look, const int *threads, int count, bool abandoned)
{
    struct deadlock *list =
        realloc(look->deadlocks, sizeof *list * (size_t)(look->deadlock_count + 1));
    if (!list)
        return false;
    look->deadlocks = list;
    int *copy = malloc(sizeof *copy * (size_t)count);
    if (!copy)
        return false;
    memcpy(copy, threads, sizeof *copy * (size_t)count);
    list[look->deadlock_count++] = (struct deadlock){copy, count, abandoned};
    return true;
}

enum circle { CIRCLE_NONE, CIRCLE_TIMED, CIRCLE_MOVED, CIRCLE_PROVEN };

static enum circle circle_kind(struct process *process, const int *threads, int count)
{
    for (int i = 0; i < count; i++)
        if (process->threads[threads[i]].wait.limited)
            return CIRCLE_TIMED;
    for (int i = 0; i < count; i++)
        if (!wait_same_owner(process, &process->threads[threads[i]]) ||
            !process_unmoved(process, threads[i]))
            return CIRCLE_MOVED;
    return CIRCLE_PROVEN;
}

/* Follows the waits from each thread. `mark` holds 0, or 1 + the thread that a walk began at;
 * `path` has room for all threads. Sets *ret_moved if a circle has moved on. False if memory ran
 * out. */
static bool find_circles(struct look *look, int *mark, int *path, bool *ret_moved)
{
    struct process *process = &look->process;
    for (int start = 0; start < process->count; start++) {
        int count = 0, at = start;
        while (at >= 0 && mark[at] == 0) {
            mark[at] = start + 1;
            path[count++] = at;
            at = holder(process, at);
        }
        if (at < 0 || mark[at] != start + 1)
            continue;
        int first = 0;
        while (path[first] != at)
            first++;
        enum circle kind = circle_kind(process, path + first, count - first);
        *ret_moved |= kind == CIRCLE_MOVED;
        look->timed_circles += kind == CIRCLE_TIMED;
        if (kind == CIRCLE_PROVEN && !add_deadlock(look, path + first, count - first, false))
            return false;
    }
    return true;
}

/* Waits that need no circle: for an owner that does not exist, or for ever. */
static bool find_abandoned(struct look *look, bool *ret_moved)
{
    struct process *process = &look->process;
    for (int i = 0; i < process->count; i++) {
        const struct wait *wait = &process->threads[i].wait;
        if (wait->owner_state != OWNER_GONE && !wait->hopeless)
            continue;
        if (wait->limited || wait->shared ||
            (wait->kind != OBJECT_MUTEX && wait->kind != OBJECT_RWLOCK &&
             wait->kind != OBJECT_THRUM))
            continue;
        if (!wait_same_owner(process, &process->threads[i]) || !process_unmoved(process, i) ||
            !process_same_threads(process))
            *ret_moved = true;
        else if (!add_deadlock(look, &i, 1, !wait->hopeless))
            return false;
    }
    return true;
}

/* Those in a deadlock, and those that wait for them. */
static void mark_stuck(struct look *look)
{
    struct process *process = &look->process;
    for (int i = 0; i < look->deadlock_count; i++)
        for (int j = 0; j < look->deadlocks[i].count; j++)
            process->threads[look->deadlocks[i].threads[j]].stuck = true;
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < process->count; i++) {
            int next = holder(process, i);
            if (!process->threads[i].stuck && next >= 0 && process->threads[next].stuck)
                process->threads[i].stuck = changed = true;
        }
    }
}

/* True if a signal handler may run that is not about the end of the program. */
static bool may_be_signalled(const struct process *process)
{
    static const int ends[] = {SIGHUP, SIGINT,  SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS,
                               SIGFPE, SIGSEGV, SIGTERM, SIGSYS, SIGXCPU, SIGXFSZ, SIGPIPE};
    uint64_t caught = process->caught;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        caught &= ~((uint64_t)1 << (ends[i] - 1));
    /* The C library's own: cancellation, and setuid in all threads (musl has one more). */
    caught &= ~((uint64_t)7 << 31);
    return caught != 0;
}

/* NULL if each thread waits so that none can be woken from outside; else why not. */
static const char *not_quiet(const struct process *process)
{
    bool any = false;
    for (int i = 0; i < process->count; i++) {
        const struct thread *thread = &process->threads[i];
        if (thread->where == THREAD_ENDED)
            continue;
        any = true;
        if (thread->state == 'T' || thread->state == 't')
            return "the process is stopped; kill -CONT makes it go on";
        if (thread->wait.kind == OBJECT_NONE)
            return "a thread runs, or waits for something outside the process";
        if (!thread->exact)
            return "a thread ran while it was looked at";
        if (thread->wait.limited)
            return "a thread waits with a time limit";
        if (thread->wait.shared)
            return "a thread waits for something that another process can end";
    }
    if (!any)
        return "no thread lives";
    if (may_be_signalled(process))
        return "a signal handler could end a wait";
    return NULL;
}

static bool moved(const struct process *process)
{
    for (int i = 0; i < process->count; i++)
        if (process->threads[i].where != THREAD_ENDED && !process_unmoved(process, i))
            return true;
    return !process_same_threads(process);
}

/* Suspects, if nothing moves for the interval. */
static void judge_quiet(struct look *look, double interval)
{
    struct process *process = &look->process;
    const char *why_not = not_quiet(process);
    int living = 0;
    if (!why_not && process->runtime && strcmp(process->runtime, "Python") != 0)
        why_not = "its runtime sleeps so by design";
    if (!why_not && process->tasks < 0)
        why_not = "a core file shows one moment only";
    if (!why_not && interval > 0) {
        poll(NULL, 0, interval * 1000 < INT_MAX ? (int)(interval * 1000) : INT_MAX);
        if (moved(process))
            why_not = "a thread has run";
    }
    if (why_not || interval <= 0) {
        snprintf(look->reason, sizeof look->reason, "%s", why_not ? why_not : "");
        return;
    }
    for (int i = 0; i < process->count; i++)
        living += process->threads[i].where != THREAD_ENDED;
    look->verdict = VERDICT_SUSPECTED;
    snprintf(look->reason, sizeof look->reason,
             living == 1
                 ? "the only thread waits without a time limit, has not run for %g s, and no other "
                   "process, thread or signal handler could end its wait"
                 : "all threads wait without a time limit, none has run for %g s, and no other "
                   "process or signal handler could end a wait",
             interval);
}

static int judge(struct look *look, bool *ret_moved)
{
    int count = look->process.count;
    int *mark = calloc((size_t)count + 1, sizeof *mark);
    int *path = calloc((size_t)count + 1, sizeof *path);
    bool done = mark && path && find_circles(look, mark, path, ret_moved) &&
                find_abandoned(look, ret_moved);
    free(mark);
    free(path);
    if (!done)
        return -ENOMEM;
    mark_stuck(look);
    if (look->deadlock_count > 0)
        look->verdict = VERDICT_DEADLOCK;
    return 0;
}

/* What could not be seen, as a person is told. */
static void note_unseen(struct look *look, bool stopped)
{
    struct process *process = &look->process;
    int running = 0, lost = 0, foreign = 0, error;
    const struct module *nameless = modules_trouble(&process->modules, &error);
    for (int i = 0; i < process->count; i++) {
        if (process->threads[i].fiber)
            continue;
        running += process->threads[i].where == THREAD_RUNNING;
        lost += process->threads[i].frame_count > 0 && process->threads[i].end == UNWIND_LOST;
    }
    for (int i = 0; i < process->modules.count; i++)
        foreign += process->modules.list[i].code && process->modules.list[i].foreign;
    if (running)
        append(look->unseen, sizeof look->unseen, "the stacks of %d running thread%s%s; ", running,
               running == 1 ? "" : "s", stopped ? "" : " (--stop shows them)");
    if (lost)
        append(look->unseen, sizeof look->unseen,
               "the outer part of %d stack%s, where there are no unwind tables; ", lost,
               lost == 1 ? "" : "s");
    if (process->fibers_unseen)
        append(look->unseen, sizeof look->unseen, "%d more fibers; ", process->fibers_unseen);
    if (foreign)
        append(look->unseen, sizeof look->unseen,
               "anything in %d file%s for another kind of processor; ", foreign,
               foreign == 1 ? "" : "s");
    if (error)
        append(look->unseen, sizeof look->unseen, "some names%s%s (%s); ", nameless ? " in " : "",
               nameless ? nameless->path : "", strerror(error));
    size_t length = strlen(look->unseen);
    if (length >= 2)
        look->unseen[length - 2] = 0;
}

static int look_at_threads(struct look *look, const struct look_options *options, char *message,
                           size_t size)
{
    struct process *process = &look->process;
    uint8_t *buffer = malloc(STACK_COPY);
    int rc = buffer ? 0 : -ENOMEM;
    for (int i = 0; rc == 0 && i < process->count; i++) {
        rc = process->core ? core_look(process, i, buffer) : process_look(process, i, buffer);
        if (rc == 0 && options->stop && process->threads[i].where == THREAD_RUNNING)
            rc = stop_and_look(process, i, buffer);
        if (rc == 0)
            wait_decode(process, &process->threads[i]);
    }
    if (rc == 0)
        rc = thrum_look(process, buffer);
    if (rc == 0)
        rc = python_look(process);
    free(buffer);
    if (rc < 0)
        return process_refusal(process->pid, rc, message, size);
    wait_owners(process);
    return 0;
}

static int look_once(struct look *look, int pid, const struct look_options *options,
                     bool *ret_moved, char *message, size_t size)
{
    *look = (struct look){.leaked = -1};
    int rc = process_open(&look->process, pid, message, size);
    if (rc < 0)
        return rc;
    look->process.runtime = runtime_recognise(&look->process);
    rc = look_at_threads(look, options, message, size);
    if (rc == 0 && (rc = judge(look, ret_moved)) < 0)
        process_refusal(pid, rc, message, size);
    return rc;
}

/* ---------------------------------------------------------------------------------- leaked fibers */

/* Searches a process that stands still, as another struct: registers are taken anew. */
static int search_stopped(struct process *process, int pid)
{
    char message[256];
    int rc = process_open(process, pid, message, sizeof message);
    for (int i = 0; rc == 0 && i < process->count; i++)
        if (process->threads[i].where != THREAD_ENDED && !stop_registers(&process->threads[i]))
            rc = -ESRCH;
    if (rc == 0)
        rc = thrum_look(process, NULL);
    return rc < 0 ? rc : reach_find(process);
}

/* A fiber that waits as it did when it was looked at. */
static void mark_leaked(struct look *look, const struct process *stopped)
{
    for (int i = 0; i < look->process.count; i++) {
        struct thread *fiber = &look->process.threads[i];
        for (int j = 0; fiber->fiber && j < stopped->count; j++) {
            const struct thread *other = &stopped->threads[j];
            if (other->leaked && other->tid == fiber->tid && other->claim == fiber->claim)
                fiber->leaked = true;
        }
        look->leaked += fiber->leaked;
    }
}

static void find_leaks(struct look *look)
{
    int pid = look->process.pid, rc;
    struct stopped stopped;
    struct process process = {.tasks = -1};
    look->leaked = -1;
    if (look->process.core)
        rc = reach_find(&look->process);
    else if ((rc = stop_all(&stopped, pid)) == 0) {
        rc = search_stopped(&process, pid);
        stop_end(&stopped);
    }
    if (rc >= 0) {
        look->leaked = 0;
        mark_leaked(look, &process);
    } else
        snprintf(look->leaks, sizeof look->leaks, "%s",
                 rc == -E2BIG        ? "it has too much memory"
                 : rc == -EOPNOTSUPP ? "its memory is not that of glibc's malloc and of this thrum"
                 : rc == -EBUSY      ? "a thread does not stop"
                                     : strerror(-rc));
    process_close(&process);
}

int look_at(struct look *look, int pid, const struct look_options *options, char *message,
            size_t size)
{
    double begin = now();
    for (int i = 0; i < LOOKS; i++) {
        bool moved_on = false;
        int rc = look_once(look, pid, options, &moved_on, message, size);
        if (rc < 0) {
            look_free(look);
            return rc;
        }
        if (!moved_on || i + 1 == LOOKS)
            break;
        look_free(look);
    }
    if (options->lines)
        lines_find(&look->process);
    look->seconds = now() - begin;
    if (look->verdict == VERDICT_NONE)
        judge_quiet(look, options->interval);
    if (options->leaks)
        find_leaks(look);
    note_unseen(look, options->stop);
    return 0;
}

int look_at_core(struct look *look, const char *path, const struct look_options *options,
                 char *message, size_t size)
{
    double begin = now();
    bool moved_on = false;
    *look = (struct look){.leaked = -1};
    int rc = core_open(&look->process, path, message, size);
    if (rc < 0)
        return rc;
    look->process.runtime = runtime_recognise(&look->process);
    rc = look_at_threads(look, &(struct look_options){0}, message, size);
    if (rc == 0 && (rc = judge(look, &moved_on)) < 0)
        snprintf(message, size, "cannot examine %s: %s", path, strerror(-rc));
    if (rc < 0) {
        look_free(look);
        return rc;
    }
    if (options->lines)
        lines_find(&look->process);
    look->seconds = now() - begin;
    if (look->verdict == VERDICT_NONE)
        judge_quiet(look, 0);
    if (options->leaks)
        find_leaks(look);
    note_unseen(look, true);
    return 0;
}

void look_free(struct look *look)
{
    for (int i = 0; i < look->deadlock_count; i++)
        free(look->deadlocks[i].threads);
    free(look->deadlocks);
    process_close(&look->process);
    *look = (struct look){0};
    look->process.tasks = -1;
}
