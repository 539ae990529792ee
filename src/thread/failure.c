/* Failures: their texts, and the failure hook for unobserved ones.
 *
 * The hook and its context are exchanged under a guard. A caller of the hook copies both under the
 * lock and calls without it, so a hook may take long, fail tasks of its own, or set another hook.
 */
#include "base/place.h"
#include "base/probe.h"
#include "park/deadlock.h"
#include "park/guard.h"
#include "sync/fork_lock.h"
#include "sync/lock.h"
#include "thread/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static thrum_lock hook_lock;
static thrum_failure_hook *hook;
static void *hook_context;

/* Calls the hook, if there is one; false if there is none. */
static bool call_hook(const thrum_failure *failure)
{
    thrum_lock_acquire(&hook_lock);
    thrum_failure_hook *current = hook;
    void *context = hook_context;
    thrum_lock_release(&hook_lock);
    if (current)
        current(failure, context);
    return current != NULL;
}

static void tell_deadlock(const char *text, const char *summary)
{
    thrum_error error = {.code = -EDEADLK};
    strncpy(error.message, summary, sizeof error.message - 1);
    if (!call_hook(&(thrum_failure){.kind = "deadlock", .name = text, .error = &error}))
        thrum__deadlock_print(text);
}

void thrum_failure_hook_set(thrum_failure_hook *new_hook, void *context)
{
    thrum__lock_across_fork(&hook_lock);
    thrum_lock_acquire(&hook_lock);
    hook = new_hook;
    hook_context = context;
    thrum_lock_release(&hook_lock);
    thrum__deadlock_tell_to(tell_deadlock);
}

/* One write, so that lines of several threads do not mix. */
static void print_failure(const thrum_failure *failure)
{
    char line[sizeof failure->error->message + 384];
    int length = snprintf(
        line, sizeof line, "thrum: %s \"%.256s\" failed and nobody asked: %s (%s)\n", failure->kind,
        failure->name, failure->error->message, thrum_strerror(failure->error->code));
    size_t size = length < (int)sizeof line ? (size_t)length : sizeof line - 1;
    if (write(STDERR_FILENO, line, size) < 0) {
        /* nothing is left to say it with */
    }
}

void thrum__failure_report(const char *kind, const char *name, const thrum_error *error)
{
    thrum_failure failure = {.kind = kind, .name = name, .error = error};
    thrum__probe(unread, name, error->code);
    thrum__lock_across_fork(&hook_lock);
    if (!call_hook(&failure))
        print_failure(&failure);
}

void thrum__failure_report_task(const char *kind, const thrum_task *task)
{
    char name[256];
    thrum__place_text(name, sizeof name, (const void *)(uintptr_t)task->function);
    thrum__failure_report(kind, name, thrum__task_error(task));
}

/* Constant texts, so that no thread needs a buffer. */
static const char *system_text(int code)
{
#ifndef __GLIBC__
    return strerror(code);
#elif __GLIBC_PREREQ(2, 32)
    const char *text = strerrordesc_np(code);
    return text ? text : "unknown error";
#else
    enum { CODES = 134 }; /* of Linux; for others strerror writes into a buffer */
    return code < CODES ? strerror(code) : "unknown error";
#endif
}

const char *thrum_strerror(int code)
{
    if (code == THRUM_FAILED)
        return "the task has failed";
    switch (code < 0 ? -code : code) {
    case 0:
        return "success";
    case ETIMEDOUT:
        return "timed out";
    case ECANCELED:
        return "cancelled";
    case EPIPE:
        return "closed";
    case EAGAIN:
        return "would block, or the system has no more to give just now";
    case EDEADLK:
        return "would wait for itself";
    case ECHILD:
        return "the worker process died";
    case ENOMEM:
        return thrum__error_no_memory.message;
    case EMSGSIZE:
        return "the result has another size than asked for";
    case ENODATA:
        return "nothing is left";
    case EINPROGRESS:
        return "running";
    case EALREADY:
        return "done already";
    default:
        return system_text(code < 0 ? -code : code);
    }
}

const thrum_error thrum__error_no_memory = {.code = -ENOMEM, .message = "out of memory"};

/* One per errno, filled in on first use: there when memory is not. */
const thrum_error *thrum__error_constant(int code)
{
    enum { CODES = 256 };
    static thrum_error errors[CODES];
    static uint32_t guard;
    if (code == -ENOMEM)
        return &thrum__error_no_memory;
    int index = code < 0 && code > -CODES ? -code : EINVAL;
    thrum_error *error = &errors[index];
    thrum__guard_acquire(&guard, 1);
    if (!error->code) {
        snprintf(error->message, sizeof error->message, "%s", thrum_strerror(-index));
        error->code = -index;
    }
    thrum__guard_release(&guard, 1);
    return error;
}
