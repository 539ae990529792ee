/* Two looks are compared thread by thread, by number. A clause such as "waits to lock mutex a, held
 * by thread 12" says what a thread does. A time that runs down is no change.
 */
#include "watch.h"

#include "report.h"

#include <time.h>

static const struct thread *find(const struct process *process, const struct thread *wanted)
{
    for (int i = 0; i < process->count; i++)
        if (process->threads[i].tid == wanted->tid && process->threads[i].fiber == wanted->fiber)
            return &process->threads[i];
    return NULL;
}

/* Names come from another process: control characters are replaced. */
static void put_plain(const char *text, FILE *out)
{
    for (; *text; text++)
        putc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}

static void put_change(const struct thread *thread, const char *what, FILE *out)
{
    char text[128];
    snprintf(text, sizeof text, "  %s %d (%s) ", doctor_report_kind(thread), thread->tid,
             thread->name);
    put_plain(text, out);
    put_plain(what, out);
    putc('\n', out);
}

/* The clause without the time that is left. */
static void clause(const struct process *process, const struct thread *thread, char *text,
                   size_t size)
{
    struct thread copy = *thread;
    copy.wait.left = -1;
    doctor_report_wait(process, &copy, text, size);
}

static bool ran(const struct thread *before, const struct thread *after)
{
    return after->fiber ? before->claim != after->claim
                        : strcmp(before->slices, after->slices) != 0;
}

void watch_print_changes(const struct look *before, const struct look *after, FILE *out)
{
    static const char *const verdicts[] = {"no deadlock found", "SUSPECTED deadlock", "DEADLOCK"};
    const struct process *old = &before->process, *new = &after->process;
    char text[1024], then[1024], moment[32] = "";
    int same = 0, moving = 0;
    struct tm parts;
    time_t seconds = time(NULL);
    if (localtime_r(&seconds, &parts))
        strftime(moment, sizeof moment, "%H:%M:%S", &parts);
    fprintf(out, "%s %s, %d threads\n", moment, verdicts[after->verdict], new->count);
    for (int i = 0; i < old->count; i++)
        if (!find(new, &old->threads[i]))
            put_change(&old->threads[i], "has ended", out);
    for (int i = 0; i < new->count; i++) {
        const struct thread *thread = &new->threads[i], *known = find(old, thread);
        clause(new, thread, text, sizeof text);
        if (known)
            clause(old, known, then, sizeof then);
        if (!known || strcmp(text, then) != 0)
            put_change(thread, text, out);
        else if (ran(known, thread))
            moving++;
        else
            same++;
    }
    fprintf(out, "  %d did not move, %d ran and do the same again\n", same, moving);
}
