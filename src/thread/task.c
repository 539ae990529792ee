#include "thread/task.h"
#include "base/clock.h"
#include "base/panic.h"
#include "base/probe.h"
#include "park/scope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where the argument's part of the room ends. */
static size_t arg_room(const thrum_task *task)
{
    bool fits = task->arg_size <= THRUM__TASK_ROOM - THRUM__TASK_RESULT_SURE;
    return fits ? task->arg_size : sizeof(void *);
}

static bool arg_is_far(const thrum_task *task)
{
    return task->arg_size > THRUM__TASK_ROOM - THRUM__TASK_RESULT_SURE;
}

static void *far_arg(const thrum_task *task)
{
    void *memory;
    memcpy(&memory, task->room, sizeof memory);
    return memory;
}

int thrum__task_init(thrum_task *task, thrum_task_fn *function, const void *arg, size_t size)
{
    task->function = function;
    task->arg_size = size;
    if (!arg_is_far(task)) {
        if (size)
            memcpy(task->room, arg, size);
        return 0;
    }
    void *memory = thrum__alloc(size);
    if (!memory) {
        task->arg_size = 0;
        return -ENOMEM;
    }
    memcpy(memory, arg, size);
    memcpy(task->room, &memory, sizeof memory);
    return 0;
}

void thrum__task_init_given(thrum_task *task, thrum_task_fn *function, void *memory, size_t size)
{
    task->function = function;
    task->arg_size = size;
    memcpy(task->room, &memory, sizeof memory);
}

/* Gives back an error or a result that is on the heap. */
static void drop_outcome(thrum_task *task)
{
    const thrum_error *error = thrum__task_error(task);
    const char *outcome = task->outcome;
    bool constant = error && error == thrum__error_constant(error->code);
    bool inside = !error && outcome >= task->room && outcome < task->room + THRUM__TASK_ROOM;
    if (!constant && !inside)
        thrum__free((void *)task->outcome);
    task->outcome = NULL;
    task->result_size = 0;
}

void thrum__task_finish(thrum_task *task)
{
    if (arg_is_far(task))
        thrum__free(far_arg(task));
    if (task->outcome)
        drop_outcome(task);
}

static void set_error(thrum_task *task, const thrum_error *error)
{
    task->outcome = error;
    task->result_size = THRUM__TASK_FAILED;
}

void thrum__task_fail_constant(thrum_task *task, int code)
{
    drop_outcome(task);
    set_error(task, thrum__error_constant(code));
}

/* Takes the place of an earlier outcome, if there is one; the old message may be an argument. */
void thrum__task_fail_with(thrum_task *task, int code, const char *format, va_list arguments)
{
    if (code >= 0)
        code = -EINVAL;
    thrum_error *error = thrum__alloc(sizeof *error);
    if (!error) {
        thrum__task_fail_constant(task, code);
        return;
    }
    error->code = code;
    if (vsnprintf(error->message, sizeof error->message, format, arguments) < 0)
        snprintf(error->message, sizeof error->message, "%s", thrum_strerror(code));
    drop_outcome(task);
    set_error(task, error);
}

int thrum_fail(thrum_task *self, int code, const char *format, ...)
{
    if (code >= 0)
        code = -EINVAL;
    va_list arguments;
    va_start(arguments, format);
    thrum__task_fail_with(self, code, format, arguments);
    va_end(arguments);
    return code;
}

void thrum__task_fail(thrum_task *task, int code, const char *message)
{
    thrum_fail(task, code, "%s", message ? message : thrum_strerror(code));
}

/* A failure that the function has noted already stays, and the result is of no use. */
int thrum_return(thrum_task *self, const void *value, size_t size)
{
    if (thrum__task_error(self))
        return 0;
    drop_outcome(self);
    size_t used = arg_room(self);
    void *memory = size <= THRUM__TASK_ROOM - used ? self->room + used : thrum__alloc(size);
    if (!memory) {
        thrum__task_fail_constant(self, -ENOMEM);
        return -ENOMEM;
    }
    if (size)
        memcpy(memory, value, size);
    self->outcome = memory;
    self->result_size = size;
    return 0;
}

void thrum__task_give(thrum_task *task, void *memory, size_t size)
{
    drop_outcome(task);
    task->outcome = memory;
    task->result_size = size;
}

void thrum__task_run(thrum_task *task)
{
    thrum__probe(task_begin, task);
    int code = task->function(task);
    const thrum_error *error = task->outcome ? thrum__task_error(task) : NULL;
    if (code > 0)
        code = thrum_fail(task, -EINVAL,
                          "the task returned %d; it must return 0 or a negative errno", code);
    else if (code == 0 && error)
        code = error->code; /* thrum_fail was called and its code not returned */
    else if (code < 0 && (!error || error->code != code))
        thrum__task_fail(task, code, NULL);
    thrum__probe(task_end, task, code);
}

static void run_within(thrum_task *task, const thrum__scope *scope)
{
    if (thrum__clock_now() >= scope->ends_at) {
        thrum__task_fail(task, -ETIMEDOUT, "the task's deadline passed before it could begin");
        return;
    }
    thrum__task_run(task);
    if (thrum__task_code(task) == -ECANCELED && thrum__clock_now() >= scope->ends_at &&
        !thrum__load_relaxed(&scope->cancelled))
        thrum__task_fail(task, -ETIMEDOUT, "the task's deadline passed while it ran");
}

void thrum__task_run_until(thrum_task *task, thrum_time deadline)
{
    thrum__scope *scope = thrum__self()->scope;
    thrum_time outer = scope->ends_at;
    if (deadline && (!outer || deadline < outer))
        scope->ends_at = deadline;
    if (scope->ends_at)
        run_within(task, scope);
    else
        thrum__task_run(task);
    scope->ends_at = outer;
}

int thrum__task_code(const thrum_task *task)
{
    const thrum_error *error = thrum__task_error(task);
    return error ? error->code : 0;
}

int thrum__task_result(const thrum_task *task, void *ret_result, size_t size)
{
    if (!ret_result && size == 0)
        return 0;
    if (size != thrum__task_result_size(task))
        return -EMSGSIZE;
    if (size)
        memcpy(ret_result, task->outcome, size);
    return 0;
}

const void *thrum_task_arg(thrum_task *self, size_t size)
{
    if (size != self->arg_size)
        thrum__panic(thrum__caller(),
                     "task in thread \"%s\" takes an argument of %zu bytes, but was given %zu",
                     thrum__self()->name, size, self->arg_size);
    return arg_is_far(self) ? far_arg(self) : self->room;
}

size_t thrum_task_arg_size(const thrum_task *self)
{
    return self->arg_size;
}

bool thrum_cancelled(const thrum_task *self)
{
    (void)self; /* it is the one that runs here */
    return thrum__scope_cancelled(thrum__self()->scope);
}
