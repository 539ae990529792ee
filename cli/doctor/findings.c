/* The report on one program. Names need lines, and lines are looked up for all places at once. So
 * the report is made twice; the first time collects the places that it needs. */
#include "findings.h"

#include "doctor/lines.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>

const char *findings_kind(enum risk_kind kind)
{
    static const char *const names[RISK_KINDS] = {
        "cycle",   "self-deadlock",     "ends-holding",  "destroyed-held", "waits-holding",
        "handler", "condition-holding", "leaked-thread", "used-destroyed", "unread-failure"};
    return names[kind];
}

const char *findings_verdict(enum risk_verdict verdict)
{
    static const char *const names[] = {"feasible",      "timed",    "ordered", "guarded",
                                        "single-thread", "unproven", "note"};
    return names[verdict];
}

bool findings_shown(const struct risk *risk, const struct findings_options *options)
{
    if (risk->suppressed)
        return false;
    if (risk_is_leak(risk->kind))
        return true;
    return options->strict || risk->verdict == RISK_FEASIBLE;
}

static bool alike(const struct risk *a, const struct risk *b)
{
    if (a->kind != b->kind || a->verdict != b->verdict || a->count != b->count)
        return false;
    /* The same cycle may begin at another of its locks. */
    for (int shift = 0; shift < a->count; shift++) {
        int same = 0;
        while (same < a->count &&
               a->steps[same].held_site == b->steps[(same + shift) % a->count].held_site &&
               a->steps[same].wanted_site == b->steps[(same + shift) % a->count].wanted_site)
            same++;
        if (same == a->count)
            return true;
    }
    return false;
}

int findings_like(const struct risks *risks, int index)
{
    int count = 1;
    if (risks->list[index].suppressed)
        return 1;
    for (int i = 0; i < index; i++)
        if (!risks->list[i].suppressed && alike(&risks->list[i], &risks->list[index]))
            return 0;
    for (int i = index + 1; i < risks->count; i++)
        count += !risks->list[i].suppressed && alike(&risks->list[i], &risks->list[index]);
    return count;
}

void findings_place(struct recording *recording, uint64_t site, char *text, size_t size)
{
    findings_place_text(site & SITE_MASK ? recording_place(recording, site) : NULL, text, size);
}

void findings_place_text(const struct place *place, char *text, size_t size)
{
    if (!place) {
        snprintf(text, size, "an unknown place");
        return;
    }
    const char *slash = place->file ? strrchr(place->file, '/') : NULL;
    const char *module = place->module ? strrchr(place->module->path, '/') : NULL;
    if (place->function && place->file)
        snprintf(text, size, "%s (%s:%d)", place->function, slash ? slash + 1 : place->file,
                 place->line);
    else if (place->function)
        snprintf(text, size, "%s", place->function);
    else if (module)
        snprintf(text, size, "%s+0x%lx", module + 1,
                 (unsigned long)(place->address - place->module->bias));
    else
        snprintf(text, size, "0x%lx", (unsigned long)place->address);
}

/* True if a line of the file matches a lock or a function of the finding. */
static bool suppressed(struct recording *recording, const struct risk *risk,
                       const struct suppressions *suppressions)
{
    const char *kind = findings_kind(risk->kind);
    char name[512];
    for (int i = 0; i < risk->count; i++) {
        const struct risk_step *step = &risk->steps[i];
        struct recorded_stack stack;
        recording_lock_name(recording, step->held, name, sizeof name);
        if (suppressions_fit(suppressions, kind, name))
            return true;
        const struct place *place = recording_place(recording, step->held_site);
        if (place && place->function && suppressions_fit(suppressions, kind, place->function))
            return true;
        recording_stack(recording, step->stack, &stack);
        for (int j = 0; j < stack.count; j++)
            if (stack.frames[j].place->function &&
                suppressions_fit(suppressions, kind, stack.frames[j].place->function))
                return true;
    }
    return false;
}

static int put(struct recording *recording, const struct risks *risks,
               const struct findings_options *options, FILE *out)
{
    if (options->json)
        return findings_json(recording, risks, options, out);
    int rc = findings_text(recording, risks, options, out);
    if (rc == 0 && options->contention)
        rc = contention_text(recording, out);
    if (rc == 0 && options->advice)
        advice_text(options->advice, recording, options->rate, out);
    return rc;
}

static int report(struct recording *recording, struct risks *risks,
                  const struct findings_options *options, FILE *out)
{
    char *text = NULL;
    size_t size = 0;
    int rc = 0;
    for (int pass = options->lines ? 0 : 1; rc == 0 && pass < 2; pass++) {
        FILE *memory = open_memstream(&text, &size);
        if (!memory)
            return -ENOMEM;
        rc = put(recording, risks, options, memory);
        if ((ferror(memory) | fclose(memory)) != 0)
            rc = -ENOMEM;
        if (rc == 0 && pass == 0)
            lines_find(&recording->process);
        else if (rc == 0)
            doctor_report_styled(text, out, options->colours);
        free(text);
        text = NULL;
    }
    if (rc == 0 && options->folded)
        rc = contention_folded(recording, options->folded);
    return rc < 0 ? rc : fflush(out) == 0 ? 0 : -EIO;
}

/* Java's virtual machine has rules of its own for its locks; its thread ends with one, by design. */
static bool is_java(const struct recording *recording)
{
    for (int i = 0; i < recording->part_count; i++) {
        const char *file = strrchr(recording->parts[i].path, '/');
        if (file && strcmp(file, "/libjvm.so") == 0)
            return true;
    }
    return false;
}

int findings_report(struct recording *recording, const struct findings_options *options, FILE *out,
                    struct findings_seen *seen)
{
    struct risks risks;
    int rc = recording_settle(recording);
    if (rc == 0)
        rc = risks_find(recording, &risks);
    if (rc < 0)
        return rc;
    bool leave_alone = !options->strict && is_java(recording);
    for (int i = 0; i < risks.count; i++) {
        struct risk *risk = &risks.list[i];
        risk->suppressed = leave_alone || (options->suppressions->count > 0 &&
                                           suppressed(recording, risk, options->suppressions));
        if (risk->suppressed || findings_like(&risks, i) == 0)
            continue;
        seen->potential += risk->verdict == RISK_FEASIBLE;
        seen->leaks += risk_is_leak(risk->kind);
    }
    for (int kind = 0; kind < GROWTH_KINDS; kind++) {
        uint32_t from, to;
        seen->leaks += growth_found(options->growth, (enum growth_kind)kind, &from, &to);
    }
    const struct region *region = recording->region;
    uint32_t locks = recording_count(region->lock_count, REGION_LOCKS);
    seen->threads += (int)recording_count(region->thread_count, REGION_THREADS) - 1;
    for (uint32_t i = 1; i < locks; i++)
        seen->locks += (region->locks[i].flags & LOCK_NESTED) != 0;
    rc = report(recording, &risks, options, out);
    risks_free(&risks);
    return rc;
}
