/* Findings as JSON: one object on a line for each program. docs/doctor.md lists the fields. */
#include "findings.h"

#include "json_text.h"
#include "report.h"

static void put_name(FILE *out, const char *name, const char *value)
{
    fprintf(out, "\"%s\": ", name);
    if (value)
        json_put_string(out, value);
    else
        fputs("null", out);
}

static void put_stack(FILE *out, const char *name, const struct recorded_stack *stack)
{
    fprintf(out, "\"%s\": [", name);
    for (int i = 0; i < stack->count; i++) {
        const struct place *place = stack->frames[i].place;
        fprintf(out, "%s{\"address\": \"0x%lx\", ", i ? ", " : "", (unsigned long)place->address);
        put_name(out, "function", place->function);
        fputs(", ", out);
        put_name(out, "module", place->module ? place->module->path : NULL);
        fputs(", ", out);
        put_name(out, "file", place->file);
        fprintf(out, ", \"line\": %d}", place->file ? place->line : 0);
    }
    fputc(']', out);
}

static void put_lock(struct recording *recording, FILE *out, const char *name, uint32_t lock)
{
    char text[512];
    recording_lock_name(recording, lock, text, sizeof text);
    put_name(out, name, lock ? text : NULL);
}

static void put_thread(struct recording *recording, FILE *out, const char *name, uint32_t thread)
{
    char text[64];
    recording_thread_name(recording, thread, text, sizeof text);
    put_name(out, name, thread ? text : NULL);
}

static void put_step(struct recording *recording, const struct risk *risk,
                     const struct risk_step *step, FILE *out)
{
    struct recorded_stack stack;
    fputc('{', out);
    put_thread(recording, out, "thread", step->thread);
    fputs(", ", out);
    put_lock(recording, out, "held", step->held);
    fputs(", ", out);
    put_lock(recording, out, "wanted", risk->kind == RISK_CYCLE ? step->wanted : 0);
    fputs(", ", out);
    recording_stack(recording, step->stack, &stack);
    put_stack(out, "stack", &stack);
    fputs(", ", out);
    recording_held_stack(recording, &stack, step->held, step->held_site);
    put_stack(out, "held_stack", &stack);
    fputc('}', out);
}

static void put_waits(struct recording *recording, FILE *out)
{
    const struct region *region = recording->region;
    uint32_t count = recording_count(region->wait_count, REGION_WAITS);
    bool any = false;
    fputs("\"waits\": [", out);
    for (uint32_t i = 1; i < count; i++) {
        const struct wait_record *wait = &region->waits[i];
        char place[512];
        if (!wait->count)
            continue;
        fputs(any ? ", {" : "{", out);
        any = true;
        contention_name(recording, wait->kind, wait->lock, place, sizeof place);
        put_name(out, "object", place);
        contention_place(recording, wait, place, sizeof place);
        fputs(", ", out);
        put_name(out, "where", place);
        findings_place(recording, wait->holder, place, sizeof place);
        fputs(", ", out);
        put_name(out, "behind", wait->holder ? place : NULL);
        fprintf(out, ", \"count\": %lu, \"seconds\": %.9f, \"longest\": %.9f}",
                (unsigned long)wait->count, (double)wait->total / 1e9, (double)wait->longest / 1e9);
    }
    fputc(']', out);
}

static void put_growth(const struct growth *growth, FILE *out)
{
    bool any = false;
    fputs("\"growth\": [", out);
    for (int kind = 0; kind < GROWTH_KINDS; kind++) {
        uint32_t from, to;
        if (!growth_found(growth, (enum growth_kind)kind, &from, &to))
            continue;
        fprintf(out, "%s{\"what\": \"%s\", \"from\": %u, \"to\": %u, \"seconds\": %.3f}",
                any ? ", " : "", growth_name((enum growth_kind)kind), from, to,
                growth->last - growth->first);
        any = true;
    }
    fputs("], ", out);
}

int findings_json(struct recording *recording, const struct risks *risks,
                  const struct findings_options *options, FILE *out)
{
    const struct region *region = recording->region;
    char program[REGION_PATH];
    bool any = false;
    uint64_t dropped = 0;
    memcpy(program, region->program, sizeof program);
    program[sizeof program - 1] = 0;
    fprintf(out, "{\"pid\": %d, ", recording->pid);
    put_name(out, "program", program);
    fprintf(out, ", \"threads\": %u, \"findings\": [",
            recording_count(region->thread_count, REGION_THREADS) - 1);
    for (int i = 0; i < risks->count; i++) {
        const struct risk *risk = &risks->list[i];
        int like = findings_like(risks, i);
        if (!findings_shown(risk, options) || like == 0)
            continue;
        fprintf(out, "%s{\"kind\": \"%s\", \"verdict\": \"%s\", \"like\": %d, ", any ? ", " : "",
                findings_kind(risk->kind), findings_verdict(risk->verdict), like);
        any = true;
        put_lock(recording, out, "object", risk->object);
        fputs(", ", out);
        put_thread(recording, out, "other", risk->other);
        fputs(", \"steps\": [", out);
        for (int j = 0; j < risk->count; j++) {
            fputs(j ? ", " : "", out);
            put_step(recording, risk, &risk->steps[j], out);
        }
        fputs("]}", out);
    }
    for (int i = 0; i < DROPPED_KINDS; i++)
        dropped += region->dropped[i];
    fprintf(out, "], \"cut\": %s, \"dropped\": %lu, ", risks->cut ? "true" : "false",
            (unsigned long)dropped);
    put_growth(options->growth, out);
    put_waits(recording, out);
    if (options->advice)
        advice_json(options->advice, recording, options->rate, out);
    fputs("}\n", out);
    return 0;
}
