/* A thread's wait as a clause. */
#include "report.h"

#include <stdarg.h>

static void add(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(char *text, size_t size, const char *format, ...)
{
    size_t length = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + length, size - length, format, list);
    va_end(list);
}

const char *doctor_report_kind(const struct thread *thread)
{
    return thread->fiber ? "fiber" : "thread";
}

static void add_thread(const struct process *process, int index, char *text, size_t size)
{
    const struct thread *thread = &process->threads[index];
    add(text, size, "%s %d (%s)", doctor_report_kind(thread), thread->tid, thread->name);
}

const char *doctor_report_held(const struct wait *wait)
{
    if (wait->kind == OBJECT_ONCE)
        return ", which is run by";
    return wait->kind == OBJECT_THRUM && strcmp(wait->type, "future") == 0
               ? ", whose task is run by"
               : ", held by";
}

static void add_object(const struct wait *wait, char *text, size_t size)
{
    switch (wait->kind) {
    case OBJECT_MUTEX:
    case OBJECT_STREAM:
        add(text, size, "waits to lock %s %s", wait->type, wait->name);
        break;
    case OBJECT_RWLOCK:
        add(text, size, "waits to %s-lock %s %s", wait->action, wait->type, wait->name);
        break;
    case OBJECT_BARRIER:
        add(text, size, "waits at %s %s", wait->type, wait->name);
        break;
    case OBJECT_THRUM:
        add(text, size,
            strcmp(wait->type, "lock") == 0 ? "waits to lock thrum %s %s" : "waits for thrum %s %s",
            wait->type, wait->name);
        break;
    case OBJECT_ONCE:
        add(text, size, "waits for the initializer of %s %s", wait->type, wait->name);
        break;
    default:
        add(text, size, "waits for %s %s", wait->type, wait->name);
    }
    if (wait->detail[0])
        add(text, size, " (%s)", wait->detail);
}

void doctor_report_wait(const struct process *process, const struct thread *thread, char *text,
                        size_t size)
{
    const struct wait *wait = &thread->wait;
    text[0] = 0;
    if (wait->kind == OBJECT_NONE) {
        add(text, size, "%s", thread->doing);
        return;
    }
    if (wait->kind == OBJECT_THREAD) {
        add(text, size, "waits for the end of ");
        if (wait->owner >= 0)
            add_thread(process, wait->owner, text, size);
        else
            add(text, size, "a thread");
    } else {
        add_object(wait, text, size);
        if (wait->owner_state == OWNER_LIVES) {
            add(text, size, "%s ", doctor_report_held(wait));
            if (&process->threads[wait->owner] == thread)
                add(text, size, "itself");
            else
                add_thread(process, wait->owner, text, size);
        } else if (wait->owner_state == OWNER_GONE)
            add(text, size, ", held by thread %d, which does not exist", wait->owner_tid);
        else if (wait->owner_state == OWNER_OUTSIDE)
            add(text, size, ", held by thread %d of another process", wait->owner_tid);
    }
    if (wait->limited && wait->left >= 0)
        add(text, size, ", for at most %.1f s more", wait->left);
    else if (wait->limited)
        add(text, size, ", with a time limit");
}

const char *doctor_report_function(const struct frame *frames, int count, int index)
{
    const struct place *place = frames[index].place;
    if (place->function)
        return place->function;
    /* A function of the same file was called directly, or by that function. */
    const struct place *outer = index + 1 < count ? frames[index + 1].place : NULL;
    bool inside = outer && outer->callee && place->module &&
                  outer->callee_start >= place->module->start &&
                  outer->callee_start < place->module->end;
    return inside ? outer->callee : "?";
}
