/* Tells a run: what each thread was doing at the end, and the steps that led there.
 *
 * The region belongs to a program that has failed, perhaps after it wrote anywhere. So each index and
 * count that is read from it is limited here. Places are looked up in the server, which has the same
 * addresses and still lives.
 */
#include "story.h"

#include "doctor/lines.h"
#include "doctor/report.h"
#include "json_text.h"
#include "moment.h"
#include "story_names.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_SHOWN = 60 };

void story_look(void *argument, pid_t pid)
{
    struct story *story = argument;
    struct look_options options = {.lines = true};
    if (story->looked)
        look_free(&story->look);
    story->looked = look_at(&story->look, pid, &options, story->unseen, sizeof story->unseen) == 0;
}

static uint32_t step_count(const struct story *story)
{
    return story->runner->region->steps;
}

static uint32_t first_step(const struct story *story)
{
    uint32_t count = step_count(story);
    return count > SCHEDULE_STEPS ? count - SCHEDULE_STEPS : 0;
}

static const struct schedule_step *step_at(const struct story *story, uint32_t index)
{
    return &story->runner->region->ring[index % SCHEDULE_STEPS];
}

static void want(struct story *story, uint64_t address, bool exact)
{
    if (address)
        places_find(&story->process.places, address, exact);
}

int story_open(struct story *story, const struct runner *runner)
{
    story->runner = runner;
    int rc =
        process_open(&story->process, (int)runner->server, story->unseen, sizeof story->unseen);
    if (rc < 0)
        return rc;
    story->opened = true;
    for (uint32_t i = first_step(story); i < step_count(story); i++)
        want(story, step_at(story, i)->place, false);
    for (uint32_t i = 0; i < story_thread_count(story); i++) {
        const struct schedule_thread *thread = &runner->region->threads[i];
        want(story, thread->place, false);
        want(story, thread->start, true);
        for (uint32_t h = 0; h < thread->held_count && h < SCHEDULE_HELD; h++)
            want(story, thread->held[h].place, false);
    }
    want(story, runner->region->place, true);
    want(story, runner->region->place, false);
    for (int i = 0; i < 2; i++) {
        const struct schedule_access *access = &runner->region->race[i];
        want(story, access->place, false);
        for (uint32_t f = 0; f < access->frame_count && f < SCHEDULE_FRAMES; f++)
            want(story, access->frames[f], false);
    }
    lines_find(&story->process);
    return 0;
}

void story_close(struct story *story)
{
    if (story->looked)
        look_free(&story->look);
    if (story->opened)
        process_close(&story->process);
    story->looked = story->opened = false;
}

/* ---- the end ---- */

/* What ends a program that has a bug. Not each C library knows the abbreviations. */
static void put_signal(int number, FILE *out)
{
    static const char *const names[] = {
        [SIGABRT] = "SIGABRT", [SIGALRM] = "SIGALRM", [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
        [SIGHUP] = "SIGHUP",   [SIGILL] = "SIGILL",   [SIGINT] = "SIGINT",   [SIGKILL] = "SIGKILL",
        [SIGPIPE] = "SIGPIPE", [SIGQUIT] = "SIGQUIT", [SIGSEGV] = "SIGSEGV", [SIGSYS] = "SIGSYS",
        [SIGTERM] = "SIGTERM", [SIGTRAP] = "SIGTRAP", [SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ"};
    if (number > 0 && number < (int)(sizeof names / sizeof *names) && names[number])
        fputs(names[number], out);
    else
        fprintf(out, "signal %d", number);
}

void story_headline(const struct story *story, const struct outcome *outcome, FILE *out)
{
    const struct schedule_region *region = story->runner->region;
    switch (outcome->kind) {
    case OUTCOME_DEADLOCK:
        if (!region->object) {
            fputs("no thread can go on", out);
            break;
        }
        story_put_thread(story, region->current, out);
        fputs(" waits in a loop for ", out);
        story_put_object(story, region->object, "memory", out);
        story_put_place(story, region->place, true, out);
        fputs(", which no other thread can change", out);
        break;
    case OUTCOME_CRASH:
        put_signal(outcome->status, out);
        if (outcome->status != SIGABRT)
            story_put_place(story, region->place, true, out);
        if (outcome->status == SIGSEGV || outcome->status == SIGBUS)
            fprintf(out, ", address 0x%" PRIx64, region->object);
        break;
    case OUTCOME_WAITS:
        fputs("for input or a signal from outside", out);
        break;
    case OUTCOME_COMPUTES:
        story_put_thread(story, region->current, out);
        fputs(" computes without a call", out);
        story_put_place(story, region->place, true, out);
        break;
    case OUTCOME_MISUSE:
        fprintf(out, "%.*s: ", (int)sizeof region->message, region->message);
        story_put_object(story, region->object, story_noun_of(region), out);
        story_put_place(story, region->place, false, out);
        break;
    case OUTCOME_RACE:
        story_put_object(story, region->object, "memory", out);
        break;
    case OUTCOME_EXIT:
        fprintf(out, "exit status %d", outcome->status);
        break;
    case OUTCOME_CHECK:
        fputs("the command of --check failed", out);
        break;
    default:
        fputs(outcome_name(outcome->kind), out);
    }
}

static const struct thread *looked_thread(const struct story *story, uint32_t tid)
{
    for (int i = 0; story->looked && i < story->look.process.count; i++)
        if (story->look.process.threads[i].tid == (int)tid)
            return &story->look.process.threads[i];
    return NULL;
}

/* The frames of the program: the innermost and the outermost ones, of the library and of the C
 * library, are left out. */
static bool is_of_program(const struct frame *frame)
{
    const struct module *module = frame->place->module;
    const char *name = module ? story_base_name(module->path) : "";
    return strncmp(name, "libthrum-schedule", 17) != 0 && strncmp(name, "libc.so", 7) != 0;
}

static void put_stack(const struct thread *thread, FILE *out)
{
    int first = 0, end = thread->frame_count;
    while (first < end && !is_of_program(&thread->frames[first]))
        first++;
    while (end > first && !is_of_program(&thread->frames[end - 1]))
        end--;
    for (int i = first; i < end; i++)
        if (thread->frames[i].place->function &&
            strcmp(thread->frames[i].place->function, "main") == 0)
            end = i + 1;
    for (int i = first; i < end; i++)
        doctor_report_frame(out, thread->frames + first, end - first, i - first);
}

/* The futex of a thread that waits for an object of libthrum is the thread's own. What it waits for was told by its last
 * step that wants an object which it has not acquired since. */
static const struct schedule_step *wanted_by(const struct story *story, uint32_t index)
{
    enum { WANTS = STEP_THRUM, ACQUIRED = STEP_THRUM + STEP_THRUM_KINDS * THRUM_ACQUIRED };
    if (story->runner->region->threads[index].kind != STEP_FUTEX_WAIT)
        return NULL;
    for (uint32_t i = step_count(story); i-- > first_step(story);) {
        const struct schedule_step *step = step_at(story, i);
        if (step->thread != index || step->kind < WANTS || step->kind >= ACQUIRED)
            continue;
        for (uint32_t later = i + 1; later < step_count(story); later++) {
            const struct schedule_step *next = step_at(story, later);
            if (next->thread == index && next->object == step->object &&
                next->kind == step->kind + STEP_THRUM_KINDS)
                return NULL;
        }
        return step;
    }
    return NULL;
}

static void put_end_of_thread(const struct story *story, uint32_t index, FILE *out)
{
    const struct schedule_thread *thread = &story->runner->region->threads[index];
    const struct thread *looked = looked_thread(story, thread->tid);
    fputs("  ", out);
    fputs(MARK_BOLD, out);
    story_put_thread(story, index, out);
    fputs(MARK_PLAIN, out);
    if (index == story->runner->region->current && thread->state == THREAD_READY)
        fputs(" runs; last step: ", out);
    else
        fputs(thread->state == THREAD_READY ? " could go on; next step: " : " waits: ", out);
    const struct schedule_step *wanted = wanted_by(story, index);
    story_put_operation(story, wanted ? wanted->kind : thread->kind,
                        wanted ? wanted->object : thread->object, out);
    story_put_place(story, wanted ? wanted->place : thread->place, false, out);
    fputc('\n', out);
    for (uint32_t h = 0; h < thread->held_count && h < SCHEDULE_HELD; h++) {
        fputs("    holds ", out);
        story_put_object(story, thread->held[h].object, "lock", out);
        fputs(", taken", out);
        story_put_place(story, thread->held[h].place, false, out);
        fputc('\n', out);
    }
    if (looked)
        put_stack(looked, out);
}

static void put_threads(const struct story *story, FILE *out)
{
    for (uint32_t i = 0; i < story_thread_count(story); i++)
        if (story->runner->region->threads[i].state != THREAD_GONE)
            put_end_of_thread(story, i, out);
}

/* One of the two accesses of a race: what, where, and by way of which calls. */
static void put_access(const struct story *story, const struct schedule_access *access, FILE *out)
{
    fputs("  ", out);
    fputs(MARK_BOLD, out);
    story_put_thread(story, access->thread, out);
    fprintf(out, "%s %s%s ", MARK_PLAIN, access->write ? "writes" : "reads",
            access->atomic ? ", as an atomic," : "");
    story_put_object(story, access->address, "memory", out);
    story_put_place(story, access->place, false, out);
    fprintf(out, ", step %u\n", access->step);
    for (uint32_t f = 0; f + 1 < access->frame_count && f < SCHEDULE_FRAMES; f++) {
        fputs("    called", out);
        story_put_place(story, access->frames[f], false, out);
        fputc('\n', out);
    }
    for (uint32_t h = 0; h < access->held_count && h < SCHEDULE_HELD; h++) {
        fputs("    holds ", out);
        story_put_object(story, access->held[h].object, "lock", out);
        fputc('\n', out);
    }
}

static void put_race(const struct story *story, FILE *out)
{
    const struct schedule_access *race = story->runner->region->race;
    fputs("\nthe two accesses:\n", out);
    for (int i = 0; i < 2; i++)
        put_access(story, &race[i], out);
    if (race[0].size <= 8)
        fprintf(out,
                "  the value was %" PRIu64 " before the first, and is %" PRIu64
                " before the second\n",
                race[0].before, race[0].after);
}

static const char *flag_words(uint8_t flags)
{
    return flags & STEP_TIMED_OUT ? "  (its time is up)"
           : flags & STEP_BLOCKS  ? "  (and has to wait)"
           : flags & STEP_IN_VAIN ? "  (nobody waits)"
                                  : "";
}

/* The thread waits for the same futex again, after a time limit of the library's own. Only its last such step is shown. */
static bool waits_again(const struct story *story, uint32_t i)
{
    const struct schedule_step *step = step_at(story, i);
    if (step->kind != STEP_FUTEX_WAIT)
        return false;
    for (uint32_t later = i + 1; later < step_count(story); later++) {
        const struct schedule_step *next = step_at(story, later);
        if (next->thread == step->thread)
            return next->kind == STEP_FUTEX_WAIT && next->object == step->object &&
                   next->place == step->place;
    }
    return false;
}

/* The first of the last STEPS_SHOWN steps that are shown. */
static uint32_t first_shown(const struct story *story)
{
    uint32_t shown = 0, first = step_count(story);
    while (first > first_step(story) && shown < STEPS_SHOWN)
        shown += !waits_again(story, --first);
    return first;
}

/* The accesses and sections by which shared state broke. */
static void put_moment(const struct story *story, const struct moment *moment, FILE *out)
{
    static const char *const titles[] = {
        [MOMENT_TORN] = "another thread came between two accesses",
        [MOMENT_TWICE] = "another thread came between two critical sections",
        [MOMENT_DESTROYED] = "the object was used after its end",
        [MOMENT_RACE] = "nothing orders two accesses",
    };
    if (moment->count == 0)
        return;
    fprintf(out, "\nthe moment (marked *): %s\n", titles[moment->kind]);
    for (uint32_t i = 0; i < moment->count; i++) {
        const struct schedule_step *step = step_at(story, moment->steps[i]);
        fprintf(out, "%6u  ", moment->steps[i] + 1);
        story_put_thread(story, step->thread, out);
        fputc(' ', out);
        story_put_operation(story, step->kind, step->object, out);
        story_put_place(story, step->place, false, out);
        fputc('\n', out);
    }
}

static void put_steps(const struct story *story, const struct moment *moment, bool full, FILE *out)
{
    uint32_t count = step_count(story), first = first_step(story);
    if (!full)
        first = first_shown(story);
    if (first > 0)
        fprintf(out, "  ... %u steps before; --full shows %s\n", first,
                full ? "no more than these" : "them");
    for (uint32_t i = first; i < count; i++) {
        const struct schedule_step *step = step_at(story, i);
        if (!full && waits_again(story, i))
            continue;
        fprintf(out, "%6u%s%s ", i + 1, moment_has(moment, i) ? "*" : " ",
                step->flags & STEP_PREEMPTS ? ">" : " ");
        if (step->flags & STEP_SWITCH || i == first) {
            fputs(MARK_BOLD, out);
            story_put_thread(story, step->thread, out);
            fputs(MARK_PLAIN, out);
        } else
            fprintf(out, "%*s", 2 + (step->thread > 9) + (step->thread > 99), "");
        fputc(' ', out);
        story_put_operation(story, step->kind, step->object, out);
        fputs(MARK_DIM, out);
        story_put_place(story, step->place, false, out);
        fputs(MARK_PLAIN, out);
        fprintf(out, "%s\n", flag_words(step->flags));
    }
}

void story_text(const struct story *story, const struct outcome *outcome, bool full, FILE *out)
{
    const struct schedule_region *region = story->runner->region;
    struct moment moment = moment_find(region, outcome->kind);
    if (outcome->kind == OUTCOME_RACE)
        put_race(story, out);
    else if (outcome->kind != OUTCOME_EXIT && outcome->kind != OUTCOME_CHECK) {
        fputs("\nthe threads at the end:\n", out);
        put_threads(story, out);
    }
    if (outcome->kind != OUTCOME_RACE) /* told above */
        put_moment(story, &moment, out);
    fprintf(out, "\nthe schedule: %u steps, %u preemptions (marked >)\n", region->steps,
            region->preemptions);
    put_steps(story, &moment, full, out);
}

/* ---- JSON ---- */

static void json_by(const struct story *story, FILE *out,
                    void (*put)(const struct story *, const void *, FILE *), const void *of)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (memory) {
        put(story, of, memory);
        if (fclose(memory) == 0)
            json_put_string(out, *text == ' ' ? text + 4 : text);
        free(text);
    } else
        fputs("null", out);
}

static void place_of(const struct story *story, const void *of, FILE *out)
{
    story_put_place(story, *(const uint64_t *)of, false, out);
}

static void thread_of(const struct story *story, const void *of, FILE *out)
{
    story_put_thread(story, *(const uint32_t *)of, out);
}

static void operation_of(const struct story *story, const void *of, FILE *out)
{
    const struct schedule_step *step = of;
    story_put_operation(story, step->kind, step->object, out);
}

void story_json(const struct story *story, const struct outcome *outcome, FILE *out)
{
    struct moment moment = moment_find(story->runner->region, outcome->kind);
    fputs("\"moment\":[", out);
    for (uint32_t i = 0; i < moment.count; i++)
        fprintf(out, "%s%u", i ? "," : "", moment.steps[i] + 1);
    fputs("],", out);
    fputs("\"threads\":[", out);
    for (uint32_t i = 0; i < story_thread_count(story); i++) {
        const struct schedule_thread *thread = &story->runner->region->threads[i];
        struct schedule_step next = {.kind = thread->kind, .object = thread->object};
        fprintf(out, "%s{\"name\":", i ? "," : "");
        json_by(story, out, thread_of, &i);
        fprintf(out, ",\"ended\":%s,\"at\":", thread->state == THREAD_GONE ? "true" : "false");
        json_by(story, out, operation_of, &next);
        fputs(",\"place\":", out);
        json_by(story, out, place_of, &thread->place);
        fputc('}', out);
    }
    fputs("],\"steps\":[", out);
    for (uint32_t i = first_step(story); i < step_count(story); i++) {
        const struct schedule_step *step = step_at(story, i);
        fprintf(out,
                "%s{\"number\":%u,\"thread\":%u,\"operation\":", i > first_step(story) ? "," : "",
                i + 1, step->thread);
        json_by(story, out, operation_of, step);
        fputs(",\"place\":", out);
        json_by(story, out, place_of, &step->place);
        fprintf(out, ",\"preempts\":%s,\"waits\":%s}",
                step->flags & STEP_PREEMPTS ? "true" : "false",
                step->flags & STEP_BLOCKS ? "true" : "false");
    }
    fputc(']', out);
}
