/* Names of what is in a trace. */
#include "model.h"

#include "doctor/preload/region.h"
#include "doctor/recording.h"

#include <stdio.h>
#include <string.h>

static const char *const calls[RING_CALLS] = {
    "system call", "read",        "write",     "readv",           "writev",  "recv",
    "recvfrom",    "recvmsg",     "send",      "sendto",          "sendmsg", "accept",
    "accept4",     "connect",     "poll",      "ppoll",           "select",  "pselect",
    "epoll_wait",  "epoll_pwait", "nanosleep", "clock_nanosleep", "usleep",  "sleep",
    "fsync",       "fdatasync",   "waitpid"};

static void thread_end_name(const struct trace *trace, const struct trace_object *object,
                            bool which, char *text, size_t size)
{
    for (size_t i = 0; which && i < trace->thread_count; i++) {
        const struct trace_thread *thread = &trace->threads[i];
        if (thread->index == object->object && thread->process == object->process) {
            snprintf(text, size, "the end of thread %u %s", thread->tid, thread->name);
            return;
        }
    }
    snprintf(text, size, "the end of a thread");
}

void trace_object_name(const struct trace *trace, uint32_t index, bool address, char *text,
                       size_t size)
{
    const struct trace_object *object = &trace->objects[index];
    const char *kind = recording_kind_name(object->kind);
    if (object->kind == LOCK_THREAD)
        thread_end_name(trace, object, address, text, size);
    else {
        const char *place =
            object->kind >= LOCK_THRUM_FUTURE ? NULL : trace->places[object->first_place].place;
        char where[32] = "";
        if (address)
            snprintf(where, sizeof where, " (0x%lx)", (unsigned long)(object->object << 2));
        snprintf(text, size, "%s%s%.500s%s", kind,
                 object->name ? " "
                 : place      ? " used in "
                              : "",
                 object->name ? object->name
                 : place      ? place
                              : "",
                 where);
    }
}

void trace_thread_name(const struct trace *trace, uint32_t index, char *text, size_t size)
{
    const struct trace_thread *thread = &trace->threads[index];
    if (thread->label)
        snprintf(text, size, "%s", thread->label);
    else if (thread->tid)
        snprintf(text, size, "%u %s", thread->tid, thread->name);
    else
        snprintf(text, size, "thread %u", thread->index);
}

void trace_info_name(const struct trace *trace, const struct span_info *info, char *text,
                     size_t size)
{
    char object[600];
    if (info->label) {
        snprintf(text, size, "%s", info->label);
        return;
    }
    if (info->what == SPAN_CALL) {
        if (info->descriptor >= 0)
            snprintf(text, size, "%s(%d)", calls[info->call], info->descriptor);
        else
            snprintf(text, size, "%s", calls[info->call]);
        return;
    }
    if (info->what == SPAN_LOST) {
        snprintf(text, size, "events lost");
        return;
    }
    trace_object_name(trace, info->object, false, object, sizeof object);
    const char *mode = info->mode & MODE_READ ? " for reading" : "";
    const char *place = trace->places[info->place].place;
    if (info->what == SPAN_TASK)
        snprintf(text, size, "%.*s", place ? (int)strcspn(place, " ") : 4, place ? place : "task");
    else
        snprintf(text, size, "%s %s%s", info->what == SPAN_WAIT ? "waits for" : "holds", object,
                 mode);
    if (info->what == SPAN_WAIT && info->kind == LOCK_THRUM_SLEEP)
        snprintf(text, size, "sleeps");
}
