#include "thread/task.h"
#include "base/clock.h"
#include "base/panic.h"
#include "base/probe.h"
#include "park/scope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char thrum__task_taken[1], thrum__task_waits[1];

/* Where the argument's part of the room ends. */
static size_t arg_room(const thrum_task *task)
{
    return thrum__task_has_room(task->arg_size) ? task->arg_size : sizeof(void *);
}

static bool arg_is_far(const thrum_task *task)
{
    return !thrum__task_has_room(task->arg_size);
}

static void *far_arg(const thrum_task *task)
{
    void *memory;
    memcpy(&memory, task->room, sizeof memory);
    return memory;
}

int thrum__task_init_value(thrum_task *task, thrum_task_fn *function, thrum__value arg)
{
    task->function = function;
    task->arg_size = arg.destroy ? arg.size | THRUM__TASK_OWNED : arg.size;
    if (!arg_is_far(task)) {
        if (arg.size)
            memcpy(task->room, arg.bytes, arg.size);
        return 0;
    }
    void *memory = arg.destroy ? thrum__value_keep(arg) : thrum__alloc(arg.size);
    if (!memory) {
        task->arg_size = 0;
        return -ENOMEM;
    }
    if (!arg.destroy)
        memcpy(memory, arg.bytes, arg.size);
    else
        task->outcome = thrum__task_waits;
    memcpy(task->room, &memory, sizeof memory);
    return 0;
}

int thrum__task_init(thrum_task *task, thrum_task_fn *function, const void *arg, size_t size)
{
    return thrum__task_init_value(task, function, (thrum__value){.bytes = arg, .size = size});
}

void thrum__task_init_given(thrum_task *task, thrum_task_fn *function, void *memory, size_t size)
{
    task->function = function;
    task->arg_size = size;
    memcpy(task->room, &memory, sizeof memory);
}

void thrum__task_init_moved(thrum_task *task, thrum_task_fn *function, void *bytes, size_t size)
{
    thrum__task_init_given(task, function, bytes, size | THRUM__TASK_OWNED);
    const void *none = NULL;
    (void)thrum__cas_relaxed(&task->outcome, &none, (const void *)thrum__task_waits);
}

/* Gives back an error or a result that is on the heap, and releases an owned result. */
static void drop_outcome(thrum_task *task)
{
    const void *outcome = thrum__load_relaxed(&task->outcome);
    if (!outcome)
        return;
    const thrum_error *error = task->result_size == THRUM__TASK_FAILED ? outcome : NULL;
    bool owned = thrum__task_result_owned(task);
    bool constant = error ? error == thrum__error_constant(error->code)
                          : outcome == thrum__task_taken || outcome == thrum__task_waits;
    thrum__store_relaxed(&task->outcome, NULL);
    task->result_size = 0;
    if (constant || (!error && thrum__task_is_inside(task, outcome)))
        return;
    if (owned)
        thrum__value_release((void *)(uintptr_t)outcome);
    else
        thrum__free((void *)(uintptr_t)outcome);
}

void thrum__task_finish_far(thrum_task *task)
{
    if (thrum__task_arg_owned(task))
        thrum__value_release(far_arg(task));
    else if (arg_is_far(task))
        thrum__free(far_arg(task));
    drop_outcome(task);
}

bool thrum__task_undelivered(const thrum_task *task)
{
    return (thrum__task_arg_owned(task) && thrum__value_undelivered(far_arg(task))) ||
           (thrum__task_result_owned(task) && task->outcome != thrum__task_taken);
}

static void set_error(thrum_task *task, const thrum_error *error)
{
    thrum__store_relaxed(&task->outcome, (const void *)error);
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

int thrum_fail_with(thrum_task *self, const thrum_error *error)
{
    if (!error)
        return thrum_fail(self, -EINVAL, "thrum_fail_with was given no error");
    return thrum_fail(self, error->code, "%s", error->message);
}

void thrum__task_fail(thrum_task *task, int code, const char *message)
{
    thrum_fail(task, code, "%s", message ? message : thrum_strerror(code));
}

/* A failure that the function has noted already stays, and the result is of no use. */
int thrum_return(thrum_task *self, const void *value, size_t size)
{
    if (__builtin_expect(!self->outcome && size <= THRUM__TASK_ROOM - arg_room(self), 1)) {
        self->outcome = self->room + arg_room(self);
        self->result_size = size;
        thrum__task_copy(self->room + arg_room(self), value, size);
        return 0;
    }
    thrum__value given = thrum__value_of(value, size, thrum__caller());
    if (thrum__task_error(self)) {
        thrum__value_drop(given);
        return 0;
    }
    drop_outcome(self);
    size_t used = arg_room(self);
    bool fits = given.size <= THRUM__TASK_ROOM - used && !given.destroy;
    void *memory = fits            ? self->room + used
                   : given.destroy ? thrum__value_keep(given)
                                   : thrum__alloc(given.size);
    if (!memory) {
        thrum__task_fail_constant(self, -ENOMEM);
        return -ENOMEM;
    }
    if (!given.destroy)
        thrum__task_copy(memory, given.bytes, given.size);
    self->outcome = memory;
    self->result_size = given.destroy ? given.size | THRUM__TASK_OWNED : given.size;
    return 0;
}

int thrum_return_memory(thrum_task *self, void *memory, size_t size)
{
    if (thrum__task_error(self))
        thrum__free(memory);
    else
        thrum__task_give(self, memory, size);
    return 0;
}

int thrum__task_hand_on(thrum_task *task, thrum_task *from)
{
    if (!from->outcome || thrum__task_is_inside(from, from->outcome))
        return thrum_return(task, from->outcome, from->result_size);
    drop_outcome(task);
    task->outcome = from->outcome;
    task->result_size = from->result_size;
    from->outcome = NULL;
    from->result_size = 0;
    return 0;
}

void thrum__task_give(thrum_task *task, void *memory, size_t size)
{
    drop_outcome(task);
    task->outcome = memory;
    task->result_size = size;
}

static int refuse_positive(thrum_task *task, int code)
{
    return code == THRUM_FAILED
               ? thrum_fail(task, -EINVAL,
                            "the task returned THRUM_FAILED; it must pass the failure on by "
                            "thrum_fail_with")
               : thrum_fail(task, -EINVAL,
                            "the task returned %d; it must return 0 or a negative errno", code);
}

static __attribute__((noinline)) uint64_t tell_begin(const thrum_task *task)
{
    return thrum__probe_table->task_begin(task, (const void *)(uintptr_t)task->function);
}

void thrum__task_run(thrum_task *task)
{
    uint64_t outer = thrum__probed() ? tell_begin(task) : 0;
    if (__builtin_expect(task->outcome == thrum__task_waits, 0)) {
        thrum__value_delivered(far_arg(task));
        task->outcome = NULL;
    }
    int code = task->function(task);
    const thrum_error *error = thrum__task_error(task);
    if (code > 0)
        code = refuse_positive(task, code);
    else if (code == 0 && error)
        code = error->code; /* thrum_fail was called and its code not returned */
    else if (code < 0 && (!error || error->code != code))
        thrum__task_fail(task, code, NULL);
    thrum__probe(task_end, task, code, outer);
}

static void run_within(thrum_task *task, const thrum__scope *scope)
{
    if (thrum__clock_now() >= scope->ends_at.ns) {
        thrum__task_fail(task, -ETIMEDOUT, "the task's deadline passed before it could begin");
        return;
    }
    thrum__task_run(task);
    if (thrum__task_code(task) == -ECANCELED && thrum__clock_now() >= scope->ends_at.ns &&
        !thrum__load_relaxed(&scope->cancelled))
        thrum__task_fail(task, -ETIMEDOUT, "the task's deadline passed while it ran");
}

void thrum__task_run_until(thrum_task *task, thrum_deadline deadline)
{
    thrum__scope *scope = thrum__self()->scope;
    thrum_deadline outer = scope->ends_at;
    if (deadline.ns && (!outer.ns || deadline.ns < outer.ns))
        scope->ends_at = deadline;
    if (scope->ends_at.ns)
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

static const void *arg_of(const thrum_task *task)
{
    return arg_is_far(task) ? far_arg(task) : task->room;
}

const void *thrum_task_arg(thrum_task *self, size_t size)
{
    if (size != thrum__task_arg_size(self))
        thrum__panic(thrum__caller(),
                     "task in thread \"%s\" takes an argument of %zu bytes, but was given %zu",
                     thrum__self()->name, size, thrum__task_arg_size(self));
    return arg_of(self);
}

const char *thrum_arg_text(thrum_task *self)
{
    size_t size = thrum__task_arg_size(self);
    const char *text = arg_of(self);
    if (size == 0 || text[size - 1])
        thrum__panic(
            thrum__caller(),
            "task in thread \"%s\" takes a text, but was given %zu bytes that do not end in "
            "a zero byte",
            thrum__self()->name, size);
    return text;
}

size_t thrum_task_arg_size(const thrum_task *self)
{
    return thrum__task_arg_size(self);
}

bool thrum_cancelled(const thrum_task *self)
{
    (void)self; /* it is the task that runs here */
    return thrum__scope_cancelled(thrum__self()->scope);
}
