/* Findings as text: what, where, and a schedule that leads there. */
#include "findings.h"
#include "report.h"

#include <string.h>

enum { SCHEDULE_LINES = 200, NAME = 512 };

static const char *headline(const struct risk *risk)
{
    static const char *const lines[RISK_KINDS] = {
        [RISK_CYCLE] = "threads can wait for each other",
        [RISK_SELF] = "a thread locks what it holds",
        [RISK_ENDS_HOLDING] = "a thread ended and holds a lock for ever",
        [RISK_DESTROYED_HELD] = "a thread destroyed a lock that it held",
        [RISK_WAITS_HOLDING] = "a thread can wait for another, and hold what that needs",
        [RISK_HANDLER] =
            "a signal handler takes a lock, and waits for ever if it interrupts its holder",
        [RISK_CONDITION_HOLDING] = "a thread waits for a condition, and holds another lock",
        [RISK_LEAKED_THREAD] = "a thread ended, and was neither joined nor detached",
        [RISK_USED_DESTROYED] = "a thread uses what was destroyed",
        [RISK_UNREAD] = "a task failed, and nobody asked for its result",
    };
    return lines[risk->kind];
}

static const char *reason(const struct risk *risk)
{
    switch (risk->verdict) {
    case RISK_TIMED:
        return ", but a time limit ends it";
    case RISK_ORDERED:
        return ", but for the order in which they begin, end, or wait for each other";
    case RISK_GUARDED:
        return ", but for another lock that they all hold";
    case RISK_UNPROVEN:
        if (risk->kind == RISK_USED_DESTROYED)
            return ", unless its memory was made a new object without a call";
        return risk->kind == RISK_HANDLER ? ", unless the signal is blocked then"
                                          : ", unless that has said that it needs it no more";
    case RISK_SINGLE_THREAD:
        return ", if not one thread did it all";
    default:
        return "";
    }
}

static void put_frames(FILE *out, const struct recorded_stack *stack)
{
    for (int i = 0; i < stack->count; i++)
        doctor_report_frame(out, stack->frames, stack->count, i);
    if (stack->count == 0)
        fprintf(out, "    no stack was recorded\n");
    else if (stack->end == UNWIND_LOST)
        fprintf(out, "    ... no unwind tables lead on from here\n");
}

static void put_step(struct recording *recording, const struct risk_step *step, FILE *out)
{
    struct recorded_stack stack;
    char thread[64], held[NAME], wanted[NAME];
    recording_thread_name(recording, step->thread, thread, sizeof thread);
    recording_lock_name(recording, step->held, held, sizeof held);
    recording_lock_name(recording, step->wanted, wanted, sizeof wanted);
    fprintf(out, "\n  " MARK_BOLD "%s" MARK_PLAIN " held %s%s, taken at\n", thread, held,
            site_mode(step->held_site) & MODE_READ ? " for reading" : "");
    recording_stack(recording, step->stack, &stack);
    recording_held_stack(recording, &stack, step->held, step->held_site);
    put_frames(out, &stack);
    fprintf(out, "  and took %s%s%s at\n", wanted,
            site_mode(step->wanted_site) & MODE_READ ? " for reading" : "",
            site_mode(step->wanted_site) & MODE_REACQUIRE ? " again, after a wait for a condition,"
                                                          : "");
    recording_stack(recording, step->stack, &stack);
    put_frames(out, &stack);
}

static void put_cycle(struct recording *recording, const struct risk *risk, FILE *out)
{
    char thread[64], lock[NAME], place[NAME], next[64];
    for (int i = 0; i < risk->count; i++)
        put_step(recording, &risk->steps[i], out);
    if (risk->verdict != RISK_FEASIBLE && risk->verdict != RISK_TIMED)
        return;
    fprintf(out, "\n  a schedule that leads there:\n");
    for (int i = 0; i < risk->count; i++) {
        const struct risk_step *step = &risk->steps[i];
        recording_thread_name(recording, step->thread, thread, sizeof thread);
        recording_lock_name(recording, step->held, lock, sizeof lock);
        findings_place(recording, step->held_site, place, sizeof place);
        fprintf(out, "    %d. %s takes %s in %s\n", i + 1, thread, lock, place);
    }
    for (int i = 0; i < risk->count; i++) {
        const struct risk_step *step = &risk->steps[i];
        recording_thread_name(recording, step->thread, thread, sizeof thread);
        recording_thread_name(recording, risk->steps[(i + 1) % risk->count].thread, next,
                              sizeof next);
        recording_lock_name(recording, step->wanted, lock, sizeof lock);
        findings_place(recording, step->wanted_site, place, sizeof place);
        fprintf(out, "    %d. %s waits for %s in %s, which %s holds\n", risk->count + i + 1, thread,
                lock, place, next);
    }
}

/* The steps of one thread. */
static void put_single(struct recording *recording, const struct risk *risk, FILE *out)
{
    const struct risk_step *step = &risk->steps[0];
    struct recorded_stack stack;
    char thread[64], other[64], lock[NAME], object[NAME], place[NAME];
    recording_thread_name(recording, step->thread, thread, sizeof thread);
    recording_thread_name(recording, risk->other, other, sizeof other);
    recording_lock_name(recording, step->held, lock, sizeof lock);
    recording_lock_name(recording, risk->object, object, sizeof object);
    findings_place(recording, step->held_site, place, sizeof place);
    fprintf(out, "  " MARK_BOLD "%s" MARK_PLAIN " ", thread);
    switch (risk->kind) {
    case RISK_SELF:
        fprintf(out, "took %s, which it held, in %s\n", lock, place);
        break;
    case RISK_ENDS_HOLDING:
        fprintf(out, "ended with %s, taken in %s\n", lock, place);
        break;
    case RISK_DESTROYED_HELD:
        fprintf(out, "destroyed %s in %s\n", lock, place);
        break;
    case RISK_WAITS_HOLDING:
        if (risk->object)
            fprintf(out,
                    "held %s and waited for %s in %s, which %s posted; that took the lock before\n",
                    lock, object, place, other);
        else
            fprintf(out, "held %s and waited for the end of %s; that took the lock, too\n", lock,
                    risk->other ? other : "a task");
        break;
    case RISK_HANDLER:
        fprintf(out, "took %s in a signal handler, in %s\n", lock, place);
        break;
    case RISK_CONDITION_HOLDING:
        fprintf(out, "waited for %s in %s, and held %s\n", object, place, lock);
        break;
    case RISK_USED_DESTROYED:
        fprintf(out, "used %s, which was destroyed, in %s\n", lock, place);
        break;
    case RISK_UNREAD:
        recording_given_name(recording, risk->object, lock, sizeof lock);
        fprintf(out, "dropped the failure of %s: %s\n", lock, strerror((int)risk->other));
        return;
    default:
        fprintf(out, "was created in %s\n", place);
        return;
    }
    if (recording_stack(recording, step->stack, &stack))
        put_frames(out, &stack);
}

static void put_dropped(const struct region *region, FILE *out)
{
    static const char *const names[DROPPED_KINDS] = {
        "threads", "locks", "contexts", "acquisitions", "events", "stacks", "held locks", "others"};
    for (int i = 0; i < DROPPED_KINDS; i++)
        if (region->dropped[i])
            fprintf(out, "not recorded, as there was no room: %u %s\n", region->dropped[i],
                    names[i]);
}

static void put_growth(const struct recording *recording, const struct growth *growth, FILE *out)
{
    for (int kind = 0; kind < GROWTH_KINDS; kind++) {
        uint32_t from, to;
        if (growth_found(growth, (enum growth_kind)kind, &from, &to))
            fprintf(out,
                    MARK_BOLD "NOTE" MARK_PLAIN ": the number of %s grows steadily\n"
                              "  in process %d: from %u to %u in %.0f s\n\n",
                    growth_name((enum growth_kind)kind), recording->pid, from, to,
                    growth->last - growth->first);
    }
}

int findings_text(struct recording *recording, const struct risks *risks,
                  const struct findings_options *options, FILE *out)
{
    char program[REGION_PATH];
    memcpy(program, recording->region->program, sizeof program);
    program[sizeof program - 1] = 0;
    for (int i = 0; i < risks->count; i++) {
        const struct risk *risk = &risks->list[i];
        int like = findings_like(risks, i);
        if (!findings_shown(risk, options) || like == 0)
            continue;
        bool real = risk->verdict == RISK_FEASIBLE;
        fprintf(out, "%s%s" MARK_PLAIN ": %s%s\n", real ? MARK_RED : MARK_BOLD,
                !real                      ? "NOTE"
                : risk->kind == RISK_CYCLE ? "POTENTIAL DEADLOCK"
                                           : "DEFECT",
                headline(risk), reason(risk));
        fprintf(out, "  in process %d (%s)", recording->pid, program);
        if (like > 1)
            fprintf(out, "; %d more like it, with other locks or threads", like - 1);
        fputc('\n', out);
        if (risk->kind == RISK_CYCLE)
            put_cycle(recording, risk, out);
        else
            put_single(recording, risk, out);
        fputc('\n', out);
    }
    put_growth(recording, options->growth, out);
    if (risks->cut)
        fprintf(out, "process %d has so many cycles of locks that not all were looked at\n",
                recording->pid);
    put_dropped(recording->region, out);
    return 0;
}
