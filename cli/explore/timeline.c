/* A schedule as the page of `thrum trace view`: one step is a microsecond.
 *
 * Each thread has a lane of its steps, where a step that had to wait lasts up to the next step of the thread; lanes of
 * the locks that it holds; and a lane that marks the steps that matter. An arrow leads from the step of another thread that
 * let a thread go on to the end of its wait: the last one for the same object.
 */
#include "timeline.h"

#include "array.h"
#include "moment.h"
#include "story_names.h"
#include "trace/outputs.h"

#include <errno.h>
#include <stdlib.h>

enum { STEP_LENGTH = 1000, HOLDS_MOST = LANE_HELD_MOST };

struct timeline {
    const struct story *story;
    struct moment moment;
    struct trace trace;
    size_t info_room, arrow_room;
    uint32_t first, count; /* steps */
    bool failed;           /* memory ran out */
};

struct hold {
    uint64_t object;
    uint32_t from;
    bool open;
};

static const struct schedule_step *at(const struct timeline *timeline, uint32_t index)
{
    return &timeline->story->runner->region->ring[index % SCHEDULE_STEPS];
}

static uint64_t time_of(const struct timeline *timeline, uint32_t index)
{
    return (uint64_t)(index - timeline->first) * STEP_LENGTH;
}

/* "locks mutex a in f (file.c:12)", in memory of its own. */
static char *label_of(const struct timeline *timeline, const char *before, uint32_t index)
{
    char *text = NULL;
    size_t size;
    const struct schedule_step *step = at(timeline, index);
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out, "%s%u ", before, index + 1);
    story_put_operation(timeline->story, step->kind, step->object, out);
    story_put_place(timeline->story, step->place, false, out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static void add_span(struct timeline *timeline, struct trace_thread *thread, unsigned lane,
                     enum span_what what, const char *before, uint32_t step, uint32_t end)
{
    struct trace *trace = &timeline->trace;
    char *label = label_of(timeline, before, step);
    if (timeline->failed || !label ||
        !array_has_room(&trace->infos, trace->info_count, &timeline->info_room,
                        sizeof *trace->infos) ||
        !array_has_room(&thread->spans, thread->count, &thread->room, sizeof *thread->spans)) {
        timeline->failed = true;
        free(label);
        return;
    }
    trace->infos[trace->info_count] =
        (struct span_info){.what = (uint8_t)what, .descriptor = -1, .label = label};
    thread->spans[thread->count++] = (struct span){.begin = time_of(timeline, step),
                                                   .end = time_of(timeline, end),
                                                   .info = (uint32_t)trace->info_count++,
                                                   .lane = (uint8_t)lane,
                                                   .open_end = end == timeline->count};
    trace->span_count++;
}

/* The first step of the thread after that one; the number of steps if there is none. */
static uint32_t next_of(const struct timeline *timeline, uint32_t thread, uint32_t step)
{
    while (++step < timeline->count && at(timeline, step)->thread != thread)
        ;
    return step;
}

/* The last step of another thread for the object of a wait that ended at the step `end`. */
static void add_arrow(struct timeline *timeline, uint32_t wait, uint32_t end, size_t span)
{
    struct trace *trace = &timeline->trace;
    const struct schedule_step *waited = at(timeline, wait);
    uint32_t from = end;
    while (from > wait && (at(timeline, from)->object != waited->object ||
                           at(timeline, from)->thread == waited->thread))
        from--;
    if (from == wait || end == timeline->count || !waited->object)
        return;
    if (!array_has_room(&trace->arrows, trace->arrow_count, &timeline->arrow_room,
                        sizeof *trace->arrows)) {
        timeline->failed = true;
        return;
    }
    trace->arrows[trace->arrow_count++] = (struct arrow){.from = at(timeline, from)->thread,
                                                         .to = waited->thread,
                                                         .at = time_of(timeline, from),
                                                         .until = time_of(timeline, end),
                                                         .span = (uint32_t)span};
}

static void add_steps(struct timeline *timeline, uint32_t index)
{
    struct trace_thread *thread = &timeline->trace.threads[index];
    for (uint32_t i = timeline->first; i < timeline->count; i++) {
        if (at(timeline, i)->thread != index)
            continue;
        bool waits = at(timeline, i)->flags & STEP_BLOCKS;
        uint32_t end = waits ? next_of(timeline, index, i) : i + 1;
        add_span(timeline, thread, LANE_STATE, waits ? SPAN_WAIT : SPAN_CALL, "", i, end);
        if (waits && !timeline->failed)
            add_arrow(timeline, i, end, thread->count - 1);
        if (thread->events++ == 0)
            thread->first = time_of(timeline, i);
        thread->last = time_of(timeline, i + 1);
    }
}

static bool takes(const struct schedule_step *step)
{
    enum { HELD = STEP_THRUM + STEP_THRUM_KINDS * THRUM_ACQUIRED };
    bool locks = step->kind == STEP_LOCK || step->kind == STEP_RELOCK ||
                 step->kind == STEP_READ_LOCK || step->kind == STEP_WRITE_LOCK ||
                 step->kind == STEP_SPIN_LOCK || step->kind == HELD || step->kind == HELD + 1;
    return locks && !(step->flags & STEP_BLOCKS);
}

static bool gives(const struct schedule_step *step)
{
    enum { RELEASED = STEP_THRUM + STEP_THRUM_KINDS * THRUM_RELEASES };
    return step->kind == STEP_UNLOCK || step->kind == STEP_RW_UNLOCK ||
           step->kind == STEP_SPIN_UNLOCK || step->kind == RELEASED || step->kind == RELEASED + 1;
}

static void end_hold(struct timeline *timeline, uint32_t index, struct hold *holds, int which,
                     uint32_t end)
{
    holds[which].open = false;
    add_span(timeline, &timeline->trace.threads[index], LANE_HELD + (unsigned)which, SPAN_HOLD,
             "holds since ", holds[which].from, end);
}

/* A wait for a condition gives the lock back that was taken last: it is mostly that of the condition. */
static void give_back(struct timeline *timeline, uint32_t index, struct hold *holds,
                      uint32_t number)
{
    const struct schedule_step *step = at(timeline, number);
    int found = -1;
    for (int i = 0; i < HOLDS_MOST; i++)
        if (holds[i].open && (step->kind == STEP_COND_WAIT || holds[i].object == step->object) &&
            (found < 0 || holds[i].from > holds[found].from))
            found = i;
    if (found >= 0)
        end_hold(timeline, index, holds, found, number + 1);
}

static void add_holds(struct timeline *timeline, uint32_t index)
{
    struct hold holds[HOLDS_MOST] = {{0}};
    for (uint32_t i = timeline->first; i < timeline->count; i++) {
        const struct schedule_step *step = at(timeline, i);
        int place = 0;
        if (step->thread != index)
            continue;
        while (place < HOLDS_MOST && holds[place].open)
            place++;
        if (takes(step) && place < HOLDS_MOST)
            holds[place] = (struct hold){.object = step->object, .from = i, .open = true};
        else if (gives(step) || step->kind == STEP_COND_WAIT)
            give_back(timeline, index, holds, i);
    }
    for (int i = 0; i < HOLDS_MOST; i++)
        if (holds[i].open)
            end_hold(timeline, index, holds, i, timeline->count);
}

static int by_lane(const void *a, const void *b)
{
    const struct span *first = a, *second = b;
    if (first->lane != second->lane)
        return first->lane < second->lane ? -1 : 1;
    return first->begin < second->begin ? -1 : first->begin > second->begin;
}

static void add_thread(struct timeline *timeline, uint32_t index)
{
    struct trace_thread *thread = &timeline->trace.threads[index];
    char *name = NULL;
    size_t size;
    FILE *out = open_memstream(&name, &size);
    if (out)
        story_put_thread(timeline->story, index, out);
    if (!out || fclose(out) != 0)
        timeline->failed = true;
    *thread = (struct trace_thread){.index = index, .name = name, .label = name};
    add_steps(timeline, index);
    add_holds(timeline, index);
    for (uint32_t i = 0; i < timeline->moment.count; i++)
        if (at(timeline, timeline->moment.steps[i])->thread == index)
            add_span(timeline, thread, LANE_TASK, SPAN_TASK, "* ", timeline->moment.steps[i],
                     timeline->moment.steps[i] + 1);
    if (thread->count)
        qsort(thread->spans, thread->count, sizeof *thread->spans, by_lane);
}

static void free_all(struct timeline *timeline)
{
    struct trace *trace = &timeline->trace;
    for (size_t i = 0; i < trace->thread_count; i++) {
        free((char *)(uintptr_t)trace->threads[i].name);
        free(trace->threads[i].spans);
    }
    for (size_t i = 0; i < trace->info_count; i++)
        free((char *)(uintptr_t)trace->infos[i].label);
    free(trace->threads);
    free(trace->infos);
    free(trace->arrows);
}

static int write_page(const struct trace *trace, const char *path)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return -errno;
    int rc = trace_page(trace, out);
    if (fclose(out) != 0 && rc == 0)
        rc = errno ? -errno : -EIO;
    return rc;
}

int timeline_write(const struct story *story, const struct outcome *outcome, const char *program,
                   const char *path)
{
    const struct schedule_region *region = story->runner->region;
    struct trace_process_info process = {.program = program, .complete = true};
    struct trace_object none = {0};
    struct trace_place nowhere = {0};
    struct timeline timeline = {.story = story,
                                .moment = moment_find(region, outcome->kind),
                                .count = region->steps,
                                .trace = {.processes = &process,
                                          .objects = &none,
                                          .places = &nowhere,
                                          .process_count = 1,
                                          .object_count = 1,
                                          .place_count = 1,
                                          .all = true}};
    timeline.first = timeline.count > SCHEDULE_STEPS ? timeline.count - SCHEDULE_STEPS : 0;
    timeline.trace.length = time_of(&timeline, timeline.count);
    timeline.trace.events = region->steps;
    timeline.trace.thread_count = story_thread_count(story);
    timeline.trace.threads =
        calloc(timeline.trace.thread_count + 1, sizeof *timeline.trace.threads);
    timeline.failed = !timeline.trace.threads;
    if (timeline.failed)
        timeline.trace.thread_count = 0;
    for (uint32_t i = 0; i < timeline.trace.thread_count; i++)
        add_thread(&timeline, i);
    int rc = timeline.failed ? -ENOMEM : write_page(&timeline.trace, path);
    free_all(&timeline);
    return rc;
}
