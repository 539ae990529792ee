/* The report as JSON; docs/doctor.md lists the fields. An unknown value is null. */
#include "report.h"

#include "json_text.h"

#include <errno.h>
#include <jansson.h>

/* Sets a field. If memory ran out, `ok` is false; the end checks it once. */
static void put(json_t *object, const char *name, json_t *value, bool *ok)
{
    *ok &= json_object_set_new(object, name, value) == 0;
}

/* Names come from another process: invalid UTF-8 is replaced. */
static json_t *text_or_null(const char *text)
{
    char plain[512];
    if (!text || !*text)
        return json_null();
    if (is_utf8(text))
        return json_string(text);
    snprintf(plain, sizeof plain, "%.*s", (int)sizeof plain - 1, text);
    for (char *at = plain; *at; at++)
        if (*at & 0x80)
            *at = '?';
    return json_string(plain);
}

static json_t *address_json(uint64_t address)
{
    char text[32];
    snprintf(text, sizeof text, "0x%lx", (unsigned long)address);
    return json_string(text);
}

static const char *kind_name(enum object_kind kind)
{
    static const char *const names[] = {NULL,        "mutex",   "rwlock", "condition",
                                        "semaphore", "barrier", "join",   "once",
                                        "stream",    "futex",   "thrum"};
    return names[kind];
}

static json_t *wait_json(const struct process *process, const struct wait *wait, bool *ok)
{
    static const char *const owners[] = {"none", "lives", "gone", "outside"};
    if (wait->kind == OBJECT_NONE)
        return json_null();
    json_t *object = json_object();
    put(object, "kind", json_string(kind_name(wait->kind)), ok);
    put(object, "action", text_or_null(wait->action), ok);
    put(object, "function", text_or_null(wait->call), ok);
    put(object, "type", text_or_null(wait->type), ok);
    put(object, "address", address_json(wait->object), ok);
    put(object, "name", text_or_null(wait->name), ok);
    put(object, "detail", text_or_null(wait->detail), ok);
    put(object, "owner",
        wait->owner >= 0 ? json_integer(process->threads[wait->owner].tid) : json_null(), ok);
    put(object, "owner_state", json_string(owners[wait->owner_state]), ok);
    put(object, "owner_tid",
        wait->owner_state != OWNER_NONE ? json_integer(wait->owner_tid) : json_null(), ok);
    put(object, "limited", json_boolean(wait->limited), ok);
    put(object, "seconds_left",
        wait->limited && wait->left >= 0 ? json_real(wait->left) : json_null(), ok);
    put(object, "shared", json_boolean(wait->shared), ok);
    return object;
}

static json_t *stack_json(const struct thread *thread, bool *ok)
{
    static const char *const trusts[] = {"exact", "searched", "guessed"};
    json_t *stack = json_array();
    for (int i = 0; i < thread->frame_count; i++) {
        const struct frame *frame = &thread->frames[i];
        const struct place *place = frame->place;
        json_t *object = json_object();
        const char *function = doctor_report_function(thread->frames, thread->frame_count, i);
        put(object, "address", address_json(place->address), ok);
        put(object, "function", text_or_null(function[0] == '?' ? NULL : function), ok);
        put(object, "module", text_or_null(place->module ? place->module->path : NULL), ok);
        put(object, "file", text_or_null(place->file), ok);
        put(object, "line", place->file ? json_integer(place->line) : json_null(), ok);
        put(object, "trust", json_string(trusts[frame->trust]), ok);
        *ok &= json_array_append_new(stack, object) == 0;
    }
    return stack;
}

static json_t *script_json(const struct thread *thread, bool *ok)
{
    if (thread->script_count == 0)
        return json_null();
    json_t *list = json_array();
    for (int i = 0; i < thread->script_count; i++) {
        const struct script_frame *frame = &thread->script[i];
        json_t *object = json_object();
        put(object, "function", text_or_null(frame->function), ok);
        put(object, "file", text_or_null(frame->file), ok);
        put(object, "line", frame->line ? json_integer(frame->line) : json_null(), ok);
        *ok &= json_array_append_new(list, object) == 0;
    }
    return list;
}

static json_t *thread_json(const struct process *process, const struct thread *thread, bool *ok)
{
    static const char *const wheres[] = {"running", "in call", "outside", "ended", "fiber"};
    static const char *const ends[] = {"complete", "cut", "lost"};
    char text[1024], state[2] = {thread->state, 0};
    json_t *object = json_object();
    doctor_report_wait(process, thread, text, sizeof text);
    put(object, "tid", json_integer(thread->tid), ok);
    put(object, "inner_tid", json_integer(thread->inner_tid), ok);
    put(object, "fiber", json_boolean(thread->fiber), ok);
    put(object, "name", text_or_null(thread->name), ok);
    put(object, "state", text_or_null(state), ok);
    put(object, "where", json_string(wheres[thread->where]), ok);
    put(object, "exact", json_boolean(thread->exact), ok);
    put(object, "stuck", json_boolean(thread->stuck), ok);
    put(object, "leaked", json_boolean(thread->leaked), ok);
    put(object, "does", text_or_null(text), ok);
    put(object, "system_call",
        thread->where == THREAD_IN_CALL ? json_integer(thread->call) : json_null(), ok);
    put(object, "wait", wait_json(process, &thread->wait, ok), ok);
    put(object, "stack", stack_json(thread, ok), ok);
    put(object, "python", script_json(thread, ok), ok);
    put(object, "stack_end", thread->frame_count ? json_string(ends[thread->end]) : json_null(),
        ok);
    return object;
}

static json_t *deadlocks_json(const struct look *look, bool *ok)
{
    json_t *list = json_array();
    for (int i = 0; i < look->deadlock_count; i++) {
        const struct deadlock *deadlock = &look->deadlocks[i];
        json_t *object = json_object(), *threads = json_array();
        for (int j = 0; j < deadlock->count; j++)
            *ok &= json_array_append_new(
                       threads, json_integer(look->process.threads[deadlock->threads[j]].tid)) == 0;
        put(object, "threads", threads, ok);
        put(object, "abandoned", json_boolean(deadlock->abandoned), ok);
        *ok &= json_array_append_new(list, object) == 0;
    }
    return list;
}

int doctor_report_json(const struct look *look, FILE *out, bool one_line)
{
    static const char *const verdicts[] = {"none", "suspected", "deadlock"};
    const struct process *process = &look->process;
    bool ok = true;
    json_t *object = json_object(), *threads = json_array();
    put(object, "pid", json_integer(process->pid), &ok);
    put(object, "name", text_or_null(process->name), &ok);
    put(object, "runtime", text_or_null(process->runtime), &ok);
    put(object, "verdict", json_string(verdicts[look->verdict]), &ok);
    put(object, "reason", text_or_null(look->reason), &ok);
    put(object, "unseen", text_or_null(look->unseen), &ok);
    put(object, "seconds", json_real(look->seconds), &ok);
    put(object, "timed_circles", json_integer(look->timed_circles), &ok);
    put(object, "leaked", look->leaked >= 0 ? json_integer(look->leaked) : json_null(), &ok);
    put(object, "leaks", text_or_null(look->leaks), &ok);
    put(object, "deadlocks", deadlocks_json(look, &ok), &ok);
    for (int i = 0; i < process->count; i++)
        ok &= json_array_append_new(threads, thread_json(process, &process->threads[i], &ok)) == 0;
    put(object, "threads", threads, &ok);
    if (ok)
        ok = json_dumpf(object, out, one_line ? JSON_COMPACT : JSON_INDENT(2)) == 0;
    json_decref(object);
    fputc('\n', out);
    return ok ? 0 : -ENOMEM;
}
