/* The report as text.
 *
 * First comes the verdict with the cycle, then the threads in the deadlock, then the others.
 * Threads with the same stacks that wait for the same thing are shown once, with their numbers: a
 * pool of a hundred idle workers takes a few lines.
 *
 * Names come from another process and may have any bytes. A control character must not reach the
 * terminal. So the text is made in memory, with marks for styles, and all other control characters
 * are replaced when it is written.
 */
#include "report.h"

#include "style.h"

#include <errno.h>
#include <stdlib.h>

struct out {
    FILE *file;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void doctor_report_frame(FILE *file, const struct frame *frames, int count, int index)
{
    const struct frame *frame = &frames[index];
    const struct place *place = frame->place;
    const char *function = doctor_report_function(frames, count, index);
    fprintf(file, "    #%-2d %s", index, function);
    if (function[0] == '?' && place->module)
        fprintf(file, " %s+0x%lx", base_name(place->module->path),
                (unsigned long)(place->address - place->module->bias));
    else if (!place->module)
        fprintf(file, " 0x%lx", (unsigned long)place->address);
    if (place->file)
        fprintf(file, "  %s:%d", place->file, place->line);
    else if (place->module && function[0] != '?')
        fprintf(file, "  %s%s%s", MARK_DIM, base_name(place->module->path), MARK_PLAIN);
    if (frame->trust == FRAME_GUESSED)
        fprintf(file, "  (guessed)");
    fputc('\n', file);
}

/* The frames of Python code come before those of its interpreter. */
static void put_script(const struct out *out, const struct thread *thread)
{
    for (int i = 0; i < thread->script_count; i++) {
        const struct script_frame *frame = &thread->script[i];
        fprintf(out->file, "    python %s  %s:%d\n", frame->function, frame->file, frame->line);
    }
}

static void put_stack(const struct out *out, const struct thread *thread)
{
    put_script(out, thread);
    for (int i = 0; i < thread->frame_count; i++)
        doctor_report_frame(out->file, thread->frames, thread->frame_count, i);
    if (thread->frame_count > 0 && thread->end == UNWIND_CUT)
        fprintf(out->file, "    ... and more\n");
    if (thread->frame_count > 0 && thread->end == UNWIND_LOST)
        fprintf(out->file, "    ... no unwind tables lead on from here\n");
}

/* The place at which the program called the function that waits. */
static void put_place(const struct out *out, const struct thread *thread)
{
    if (thread->wait.caller < 0)
        return;
    const struct place *place = thread->frames[thread->wait.caller].place;
    if (!place->function)
        return;
    fprintf(out->file, " in %s", place->function);
    if (place->file)
        fprintf(out->file, " (%s:%d)", base_name(place->file), place->line);
}

static void put_object(const struct out *out, const struct wait *wait)
{
    if (wait->kind != OBJECT_THREAD)
        fprintf(out->file, "%s %s", wait->type, wait->name);
}

static void put_circle(const struct out *out, const struct process *process,
                       const struct deadlock *deadlock)
{
    for (int i = 0; i < deadlock->count; i++) {
        const struct thread *thread = &process->threads[deadlock->threads[i]];
        fprintf(out->file, "  %s %s %s%d (%s)%s", i == 0 ? "+->" : "|  ",
                doctor_report_kind(thread), MARK_BOLD, thread->tid, thread->name, MARK_PLAIN);
        put_place(out, thread);
        fprintf(out->file, "\n  |      waits for ");
        put_object(out, &thread->wait);
        if (thread->wait.kind == OBJECT_THREAD)
            fprintf(out->file, "the end of\n");
        else
            fprintf(out->file, "%s\n", doctor_report_held(&thread->wait));
    }
    const struct thread *first = &process->threads[deadlock->threads[0]];
    fprintf(out->file, "  +-- %s %d (%s)%s\n", doctor_report_kind(first), first->tid, first->name,
            deadlock->count == 1 ? " itself" : "");
}

static void put_alone(const struct out *out, const struct process *process,
                      const struct deadlock *deadlock)
{
    const struct thread *thread = &process->threads[deadlock->threads[0]];
    fprintf(out->file, "  %s %s%d (%s)%s", doctor_report_kind(thread), MARK_BOLD, thread->tid,
            thread->name, MARK_PLAIN);
    put_place(out, thread);
    fprintf(out->file, "\n    waits for ");
    put_object(out, &thread->wait);
    if (thread->wait.hopeless)
        fprintf(out->file, "(%s)\n", thread->wait.detail);
    else
        fprintf(out->file,
                ", held by thread %d, which does not exist: it ended without releasing it, or this "
                "process was made by fork while a thread of its parent held it\n",
                thread->wait.owner_tid);
}

static void put_leaks(const struct out *out, const struct look *look)
{
    if (look->leaked > 0)
        fprintf(out->file, "%sLIKELY LEAKED%s: %d fiber%s for what nothing can reach any more\n",
                MARK_RED, MARK_PLAIN, look->leaked, look->leaked == 1 ? " waits" : "s wait");
    else if (look->leaked == 0)
        fprintf(out->file, "no leaked fiber found\n");
    else if (look->leaks[0])
        fprintf(out->file, "leaked fibers: cannot tell: %s\n", look->leaks);
}

static void put_verdict(const struct out *out, const struct look *look)
{
    const struct process *process = &look->process;
    if (look->verdict == VERDICT_SUSPECTED)
        fprintf(out->file, "%sSUSPECTED deadlock%s: %s\n", MARK_RED, MARK_PLAIN, look->reason);
    else if (look->verdict == VERDICT_NONE)
        fprintf(out->file, "%sno deadlock found%s%s%s\n", MARK_GREEN, MARK_PLAIN,
                look->reason[0] ? ": " : "", look->reason);
    for (int i = 0; i < look->deadlock_count; i++) {
        const struct deadlock *deadlock = &look->deadlocks[i];
        fprintf(out->file, "%sDEADLOCK%s: ", MARK_RED, MARK_PLAIN);
        if (deadlock->abandoned)
            fprintf(out->file, "a thread waits for a lock that nobody can release\n");
        else if (process->threads[deadlock->threads[0]].wait.hopeless)
            fprintf(out->file, "a thread waits for ever\n");
        else if (deadlock->count == 1)
            fprintf(out->file, "a thread waits for itself\n");
        else
            fprintf(out->file, "%d threads wait for each other\n", deadlock->count);
        if (deadlock->abandoned || process->threads[deadlock->threads[0]].wait.hopeless)
            put_alone(out, process, deadlock);
        else
            put_circle(out, process, deadlock);
    }
    if (look->timed_circles > 0)
        fprintf(out->file, "threads wait for each other, but a time limit will end that\n");
    put_leaks(out, look);
    if (look->unseen[0])
        fprintf(out->file, "not seen: %s\n", look->unseen);
}

static bool same(const struct thread *a, const struct thread *b)
{
    if (a->script_count != b->script_count ||
        (a->script_count &&
         memcmp(a->script, b->script, sizeof *a->script * (size_t)a->script_count) != 0))
        return false;
    if (a->where != b->where || a->fiber != b->fiber || a->frame_count != b->frame_count ||
        a->wait.kind != b->wait.kind || a->wait.object != b->wait.object || a->stuck != b->stuck ||
        a->leaked != b->leaked || a->call != b->call || strcmp(a->doing, b->doing) != 0 ||
        a->where == THREAD_ENDED)
        return false;
    for (int i = 0; i < a->frame_count; i++)
        if (a->frames[i].place != b->frames[i].place)
            return false;
    return true;
}

/* The fiber that the thread runs, or -1. */
static int fiber_on(const struct process *process, int index)
{
    for (int i = 0; i < process->count; i++)
        if (process->threads[i].fiber && process->threads[i].carrier == index)
            return i;
    return -1;
}

static bool is_stuck(const struct thread *thread)
{
    return thread->stuck;
}

static bool is_free(const struct thread *thread)
{
    return !thread->stuck;
}

static bool is_leaked(const struct thread *thread)
{
    return thread->leaked;
}

static void put_threads(const struct out *out, const struct process *process,
                        bool (*wanted)(const struct thread *thread))
{
    char text[1024];
    bool *shown = calloc((size_t)process->count + 1, sizeof *shown);
    for (int i = 0; i < process->count; i++) {
        const struct thread *thread = &process->threads[i];
        int more = 0;
        if (!wanted(thread) || (shown && shown[i]))
            continue;
        fprintf(out->file, "\n%s%s %d (%s)%s", MARK_BOLD, doctor_report_kind(thread), thread->tid,
                thread->name, MARK_PLAIN);
        for (int j = i + 1; shown && j < process->count; j++)
            if (same(thread, &process->threads[j])) {
                shown[j] = true;
                if (more++ < 8)
                    fprintf(out->file, ", %d", process->threads[j].tid);
            }
        if (more > 8)
            fprintf(out->file, " and %d more", more - 8);
        doctor_report_wait(process, thread, text, sizeof text);
        fprintf(out->file, "\n  %s%s\n", text, thread->leaked ? "; likely leaked" : "");
        int fiber = fiber_on(process, i);
        if (fiber >= 0)
            fprintf(out->file, "    on the stack of fiber %d (%s)\n", process->threads[fiber].tid,
                    process->threads[fiber].name);
        else
            put_stack(out, thread);
    }
    free(shown);
}

void doctor_report_styled(const char *text, FILE *file, bool colours)
{
    static const char *const codes[] = {"",        STYLE_BOLD,  STYLE_DIM,
                                        STYLE_RED, STYLE_GREEN, STYLE_END};
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < sizeof codes / sizeof *codes)
            fputs(colours ? codes[byte] : "", file);
        else
            putc(byte == '\n' || (byte >= ' ' && byte != 0x7f) ? byte : '?', file);
    }
}

/* Writes what was made in memory, and frees it. Returns 0 or -ENOMEM. */
static int finish(struct out *out, char **text, FILE *file, bool colours)
{
    bool failed = ferror(out->file) != 0;
    failed |= fclose(out->file) != 0;
    if (!failed)
        doctor_report_styled(*text, file, colours);
    free(*text);
    return failed ? -ENOMEM : 0;
}

int doctor_report_leaks(const struct look *look, FILE *file, bool colours)
{
    char *text = NULL;
    size_t size = 0;
    struct out out = {open_memstream(&text, &size)};
    if (!out.file)
        return -ENOMEM;
    fprintf(out.file, "process %d (%s)\n", look->process.pid, look->process.name);
    put_leaks(&out, look);
    put_threads(&out, &look->process, is_leaked);
    fputc('\n', out.file);
    return finish(&out, &text, file, colours);
}

int doctor_report_text(const struct look *look, FILE *file, bool colours)
{
    char *text = NULL;
    size_t size = 0;
    const struct process *process = &look->process;
    struct out out = {open_memstream(&text, &size)};
    if (!out.file)
        return -ENOMEM;
    fprintf(out.file, "process %d (%s)%s%s, %d thread%s, looked at in %.1f ms\n\n", process->pid,
            process->name, process->runtime ? ", " : "", process->runtime ? process->runtime : "",
            process->count, process->count == 1 ? "" : "s", look->seconds * 1e3);
    put_verdict(&out, look);
    put_threads(&out, process, is_stuck);
    put_threads(&out, process, is_free);
    return finish(&out, &text, file, colours);
}
