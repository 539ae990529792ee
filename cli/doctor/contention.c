/* The waits of a program: as text, by lock, and as folded stacks. */
#include "findings.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>

enum { LOCKS_SHOWN = 10, PLACES_SHOWN = 3 };

struct total {
    uint32_t lock, kind, first;
    uint64_t count, time, longest;
};

static int by_time(const void *a, const void *b)
{
    const struct total *first = a, *second = b;
    return first->time > second->time ? -1 : first->time < second->time;
}

static int sum_up(const struct region *region, struct total **ret_totals)
{
    uint32_t count = recording_count(region->wait_count, REGION_WAITS);
    struct total *totals = calloc(count + 1, sizeof *totals);
    int used = 0;
    if (!totals)
        return -ENOMEM;
    for (uint32_t i = 1; i < count; i++) {
        const struct wait_record *wait = &region->waits[i];
        int at = 0;
        while (at < used && (totals[at].lock != wait->lock || totals[at].kind != wait->kind))
            at++;
        if (at == used)
            totals[used++] = (struct total){.lock = wait->lock, .kind = wait->kind};
        totals[at].count += wait->count;
        totals[at].time += wait->total;
        if (wait->longest > totals[at].longest)
            totals[at].longest = wait->longest;
    }
    qsort(totals, (size_t)used, sizeof *totals, by_time);
    *ret_totals = totals;
    return used;
}

void contention_place(struct recording *recording, const struct wait_record *wait, char *text,
                      size_t size)
{
    struct recorded_stack stack;
    if (wait->site || !recording_stack(recording, wait->stack, &stack))
        findings_place(recording, wait->site, text, size);
    else
        findings_place_text(stack.frames[0].place, text, size);
}

static void put_places(struct recording *recording, const struct total *total, FILE *out)
{
    const struct region *region = recording->region;
    uint32_t count = recording_count(region->wait_count, REGION_WAITS);
    uint64_t below = UINT64_MAX;
    char place[512], holder[512];
    for (int shown = 0; shown < PLACES_SHOWN; shown++) {
        const struct wait_record *best = NULL;
        for (uint32_t i = 1; i < count; i++) {
            const struct wait_record *wait = &region->waits[i];
            if (wait->lock == total->lock && wait->kind == total->kind && wait->total < below &&
                (!best || wait->total > best->total))
                best = wait;
        }
        if (!best)
            return;
        below = best->total;
        contention_place(recording, best, place, sizeof place);
        findings_place(recording, best->holder, holder, sizeof holder);
        fprintf(out, "    %.3f s in %s", (double)best->total / 1e9, place);
        if (best->holder)
            fprintf(out, ", held since %s", holder);
        fputc('\n', out);
    }
}

void contention_name(struct recording *recording, uint32_t kind, uint32_t lock, char *text,
                     size_t size)
{
    switch (kind) {
    case LOCK_THREAD:
        snprintf(text, size, "the end of threads");
        return;
    case LOCK_THRUM_FUTURE:
        snprintf(text, size, "the end of tasks");
        return;
    case LOCK_THRUM_SLEEP:
        snprintf(text, size, "a moment");
        return;
    case LOCK_THRUM_OTHER:
        snprintf(text, size, "descriptors and others");
        return;
    default:
        recording_lock_name(recording, lock, text, size);
    }
}

int contention_text(struct recording *recording, FILE *out)
{
    struct total *totals;
    int used = sum_up(recording->region, &totals);
    char name[512];
    if (used < 0)
        return used;
    if (used > 0)
        fprintf(out, MARK_BOLD "waits" MARK_PLAIN " in process %d, the longest sum first\n",
                recording->pid);
    for (int i = 0; i < used && i < LOCKS_SHOWN; i++) {
        contention_name(recording, totals[i].kind, totals[i].lock, name, sizeof name);
        fprintf(out, "  %.3f s, %lu times, at most %.3f s: %s\n", (double)totals[i].time / 1e9,
                (unsigned long)totals[i].count, (double)totals[i].longest / 1e9, name);
        put_places(recording, &totals[i], out);
    }
    free(totals);
    return 0;
}

/* A name in a folded stack contains neither the separator nor a space. */
static void put_folded_name(FILE *out, const char *name)
{
    for (; *name; name++)
        fputc(*name == ';' || *name == ' ' || *name == '\n' ? '_' : *name, out);
}

int contention_folded(struct recording *recording, FILE *out)
{
    const struct region *region = recording->region;
    uint32_t count = recording_count(region->wait_count, REGION_WAITS);
    for (uint32_t i = 1; i < count; i++) {
        const struct wait_record *wait = &region->waits[i];
        struct recorded_stack stack;
        char name[512];
        if (!wait->count)
            continue;
        recording_stack(recording, wait->stack, &stack);
        for (int j = stack.count - 1; j >= 0; j--) {
            put_folded_name(out, doctor_report_function(stack.frames, stack.count, j));
            fputc(';', out);
        }
        contention_name(recording, wait->kind, wait->lock, name, sizeof name);
        put_folded_name(out, name);
        fprintf(out, " %lu\n", (unsigned long)(wait->total / 1000));
    }
    return ferror(out) ? -EIO : 0;
}
