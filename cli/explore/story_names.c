/* What a thread, an object, an operation and a place are called in a story. */
#include "story_names.h"

#include <inttypes.h>
#include <string.h>

static const char *const verbs[STEP_KINDS] = {
    [STEP_NONE] = "?",
    [STEP_BEGIN] = "begins",
    [STEP_END] = "ends",
    [STEP_CREATE] = "creates a thread",
    [STEP_CREATED] = "has created a thread",
    [STEP_JOIN] = "joins",
    [STEP_LOCK] = "locks",
    [STEP_RELOCK] = "locks again",
    [STEP_TRY_LOCK] = "tries to lock",
    [STEP_UNLOCK] = "unlocks",
    [STEP_READ_LOCK] = "locks to read",
    [STEP_WRITE_LOCK] = "locks to write",
    [STEP_TRY_READ_LOCK] = "tries to lock to read",
    [STEP_TRY_WRITE_LOCK] = "tries to lock to write",
    [STEP_RW_UNLOCK] = "unlocks",
    [STEP_SPIN_LOCK] = "locks",
    [STEP_SPIN_UNLOCK] = "unlocks",
    [STEP_COND_WAIT] = "waits for",
    [STEP_SIGNAL] = "signals",
    [STEP_BROADCAST] = "broadcasts",
    [STEP_SEM_WAIT] = "waits for",
    [STEP_SEM_TRY] = "tries to take",
    [STEP_SEM_POST] = "posts",
    [STEP_BARRIER] = "waits at",
    [STEP_ONCE] = "calls once",
    [STEP_DESTROY] = "destroys",
    [STEP_SLEEP] = "sleeps",
    [STEP_YIELD] = "yields",
    [STEP_IO] = "reads or writes",
    [STEP_IO_WAIT] = "waits for input or output",
    [STEP_FUTEX_WAIT] = "waits for",
    [STEP_FUTEX_WAKE] = "wakes",
    [STEP_SIGNAL_WAIT] = "waits for a signal",
    [STEP_SIGNAL_SEND] = "sends a signal",
    [STEP_EXIT] = "ends the program",
    [STEP_SPIN] = "computes",
    [STEP_READ] = "reads",
    [STEP_WRITE] = "writes",
    [STEP_ATOMIC] = "changes",
};

static const char *const nouns[STEP_KINDS] = {
    [STEP_LOCK] = "mutex",
    [STEP_RELOCK] = "mutex",
    [STEP_TRY_LOCK] = "mutex",
    [STEP_UNLOCK] = "mutex",
    [STEP_READ_LOCK] = "rwlock",
    [STEP_WRITE_LOCK] = "rwlock",
    [STEP_TRY_READ_LOCK] = "rwlock",
    [STEP_TRY_WRITE_LOCK] = "rwlock",
    [STEP_RW_UNLOCK] = "rwlock",
    [STEP_SPIN_LOCK] = "spin lock",
    [STEP_SPIN_UNLOCK] = "spin lock",
    [STEP_COND_WAIT] = "condition",
    [STEP_SIGNAL] = "condition",
    [STEP_BROADCAST] = "condition",
    [STEP_SEM_WAIT] = "semaphore",
    [STEP_SEM_TRY] = "semaphore",
    [STEP_SEM_POST] = "semaphore",
    [STEP_BARRIER] = "barrier",
    [STEP_ONCE] = "once",
    [STEP_FUTEX_WAIT] = "futex",
    [STEP_FUTEX_WAKE] = "futex",
    [STEP_READ] = "memory",
    [STEP_WRITE] = "memory",
    [STEP_ATOMIC] = "memory",
};

/* Of objects of libthrum (doctor/schedule/hook_thrum.c). */
static const char *const thrum_verbs[] = {
    [THRUM_WANTS] = "waits for",
    [THRUM_ACQUIRED] = "has acquired",
    [THRUM_RELEASES] = "releases",
    [THRUM_TELLS] = "signals",
};
static const char *const thrum_nouns[STEP_THRUM_KINDS] = {
    "lock", "rwlock", "semaphore", "condition", "barrier", "event", "queue", "group",
};

uint32_t story_thread_count(const struct story *story)
{
    uint32_t count = story->runner->region->thread_count;
    return count < SCHEDULE_THREADS ? count : SCHEDULE_THREADS;
}

const char *story_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* " in f (file.c:12)", as far as it is known. */
void story_put_place(const struct story *story, uint64_t address, bool exact, FILE *out)
{
    struct places *places = (struct places *)(uintptr_t)&story->process.places;
    const struct place *place = address ? places_find(places, address, exact) : NULL;
    if (!place)
        return;
    if (place->function)
        fprintf(out, " in %s", place->function);
    if (place->file)
        fprintf(out, " (%s:%d)", story_base_name(place->file), place->line);
    else if (place->module)
        fprintf(out, " (%s+0x%" PRIx64 ")", story_base_name(place->module->path),
                place->address - place->module->bias);
}

/* "T1 worker" */
void story_put_thread(const struct story *story, uint32_t index, FILE *out)
{
    const struct schedule_thread *thread =
        &story->runner->region->threads[index < SCHEDULE_THREADS ? index : 0];
    struct places *places = (struct places *)(uintptr_t)&story->process.places;
    char name[sizeof thread->name + 1];
    memcpy(name, thread->name, sizeof thread->name);
    name[sizeof thread->name] = 0;
    const struct place *start = thread->start ? places_find(places, thread->start, true) : NULL;
    fprintf(out, "T%u", index);
    if (*name)
        fprintf(out, " %s", name);
    else if (start && start->function)
        fprintf(out, " %s", start->function);
}

/* Objects without a name get a number, in the order in which they were met. */
void story_put_object(const struct story *story, uint64_t object, const char *noun, FILE *out)
{
    struct symbol symbol;
    struct modules *modules = (struct modules *)(uintptr_t)&story->process.modules;
    const struct module *module = modules_find(modules, object);
    if (module && module_variable(module, object, &symbol)) {
        fprintf(out, "%s %s", noun, symbol.name);
        if (object > symbol.start)
            fprintf(out, "+%" PRIu64, object - symbol.start);
    } else
        fprintf(out, "%s 0x%" PRIx64, noun, object);
}

/* The record of the thread that a join waits for is in the library: its index tells the thread. */
static void put_joined(const struct story *story, const struct schedule_thread *waiter, FILE *out)
{
    for (uint32_t i = 0; i < story_thread_count(story); i++)
        if (story->runner->region->threads[i].record == waiter->object) {
            story_put_thread(story, i, out);
            return;
        }
    fputs("a thread", out);
}

void story_put_operation(const struct story *story, uint8_t kind, uint64_t object, FILE *out)
{
    const struct schedule_thread joined = {.object = object};
    struct places *places = (struct places *)(uintptr_t)&story->process.places;
    const struct place *function;
    kind = kind < STEP_KINDS ? kind : STEP_NONE;
    if (kind >= STEP_THRUM) {
        fprintf(out, "%s ", thrum_verbs[(kind - STEP_THRUM) / STEP_THRUM_KINDS]);
        story_put_object(story, object, thrum_nouns[(kind - STEP_THRUM) % STEP_THRUM_KINDS], out);
        return;
    }
    fputs(verbs[kind], out);
    if (kind == STEP_JOIN) {
        fputc(' ', out);
        put_joined(story, &joined, out);
    } else if (kind == STEP_CREATE || kind == STEP_CREATED) {
        function = places_find(places, object, true);
        if (function && function->function)
            fprintf(out, " for %s", function->function);
    } else if ((kind == STEP_IO || kind == STEP_IO_WAIT) && object)
        fprintf(out, " on descriptor %" PRIu64, object - 1);
    else if (object) {
        fputc(' ', out);
        story_put_object(story, object, nouns[kind] ? nouns[kind] : "object", out);
    }
}

/* The kind of object that the last step was about. */
const char *story_noun_of(const struct schedule_region *region)
{
    uint32_t current = region->current < SCHEDULE_THREADS ? region->current : 0;
    uint8_t kind = region->threads[current].kind;
    return kind < STEP_KINDS && nouns[kind] ? nouns[kind] : "object";
}
