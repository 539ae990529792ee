#include "thread/task.h"
#include "base/panic.h"
#include "base/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Copies `size` bytes into `small` if they fit, else into memory of their own; NULL without
 * memory. */
static void *keep(void *small, size_t small_size, const void *value, size_t size)
{
    void *memory = size <= small_size ? small : thrum__alloc(size);
    if (memory && size)
        memcpy(memory, value, size);
    return memory;
}

static void drop(void *small, void *memory)
{
    if (memory != small)
        thrum__free(memory);
}

int thrum__task_init(thrum_task *task, thrum_task_fn *function, const void *arg, size_t size)
{
    task->function = function;
    task->arg = keep(task->inline_arg, sizeof task->inline_arg, arg, size);
    task->arg_size = size;
    return task->arg ? 0 : -ENOMEM;
}

void thrum__task_finish(thrum_task *task)
{
    drop(task->inline_arg, task->arg);
    drop(task->inline_result, task->result);
    if (task->error && task->error != thrum__error_constant(task->error->code))
        thrum__free((void *)task->error);
}

static void drop_result(thrum_task *task)
{
    drop(task->inline_result, task->result);
    task->result = NULL;
    task->result_size = 0;
}

/* Takes the place of an earlier error, if there is one. */
void thrum__task_fail_with(thrum_task *task, int code, const char *format, va_list arguments)
{
    if (code >= 0)
        code = -EINVAL;
    drop_result(task);
    thrum_error *error = (thrum_error *)task->error;
    if (!error || error == thrum__error_constant(error->code))
        error = thrum__alloc(sizeof *error);
    if (!error) {
        task->error = thrum__error_constant(code);
        return;
    }
    error->code = code;
    if (vsnprintf(error->message, sizeof error->message, format, arguments) < 0)
        snprintf(error->message, sizeof error->message, "%s", thrum_strerror(code));
    task->error = error;
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

int thrum_return(thrum_task *self, const void *value, size_t size)
{
    drop_result(self);
    self->result = keep(self->inline_result, sizeof self->inline_result, value, size);
    if (!self->result) {
        self->error = self->error ? self->error : thrum__error_constant(-ENOMEM);
        return -ENOMEM;
    }
    self->result_size = size;
    return 0;
}

void thrum__task_run(thrum_task *task)
{
    thrum__probe(task_begin, task);
    int code = task->function(task);
    if (code > 0)
        code = thrum_fail(task, -EINVAL,
                          "the task returned %d; it must return 0 or a negative errno", code);
    if (code == 0 && task->error)
        code = task->error->code; /* thrum_fail was called and its code not returned */
    if (code < 0 && (!task->error || task->error->code != code))
        thrum__task_fail(task, code, NULL);
    if (code < 0)
        drop_result(task);
    thrum__probe(task_end, task, code);
}

int thrum__task_code(const thrum_task *task)
{
    return task->error ? task->error->code : 0;
}

int thrum__task_result(const thrum_task *task, void *ret_result, size_t size)
{
    if (!ret_result && size == 0)
        return 0;
    if (size != task->result_size)
        return -EMSGSIZE;
    memcpy(ret_result, task->result, size);
    return 0;
}

const void *thrum_task_arg(thrum_task *self, size_t size)
{
    if (size != self->arg_size)
        thrum__panic(thrum__caller(),
                     "task in thread \"%s\" takes an argument of %zu bytes, but was given %zu",
                     self->context->name, size, self->arg_size);
    return self->arg;
}

size_t thrum_task_arg_size(const thrum_task *self)
{
    return self->arg_size;
}

bool thrum_cancelled(const thrum_task *self)
{
    return thrum__load_relaxed(&self->context->cancelled);
}
