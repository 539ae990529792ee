/* From events to spans.
 *
 * The events of a thread are in the order in which it wrote them. So each thread needs one pass: a span is opened by
 * one event and closed by another. Where events were lost, what was open ends, and the gap is a span of its own.
 */
#include "loader.h"

#include <stdlib.h>

/* Opens a span. Returns its index + 1; 0 if memory ran out. */
static size_t span_begin(struct loader *loader, struct trace_thread *thread, uint64_t time,
                         unsigned lane, struct span_info info)
{
    if (!loader_grow(loader, &thread->spans, thread->count, &thread->room, sizeof *thread->spans))
        return 0;
    thread->spans[thread->count++] = (struct span){.begin = time,
                                                   .end = UINT64_MAX,
                                                   .lane = (uint8_t)lane,
                                                   .info = loader_info(loader, info),
                                                   .open_end = true};
    loader->trace->span_count++;
    return thread->count;
}

static void span_end(struct trace_thread *thread, size_t *span, uint64_t time)
{
    if (*span == 0)
        return;
    struct span *closed = &thread->spans[*span - 1];
    closed->end = time > closed->begin ? time : closed->begin;
    closed->open_end = false;
    *span = 0;
}

static void note_wake(struct loader *loader, struct wake wake)
{
    if (loader_grow(loader, &loader->wakes, loader->wake_count, &loader->wake_room,
                    sizeof *loader->wakes))
        loader->wakes[loader->wake_count++] = wake;
}

static struct span_info info_of(const struct happened *event, enum span_what what)
{
    const struct trace_place *place = &event->loader->trace->places[event->place];
    uint32_t object =
        loader_object(event->loader, event->source->process, event->object, place->kind);
    if (!event->loader->trace->objects[object].first_place)
        event->loader->trace->objects[object].first_place = event->place;
    return (struct span_info){.what = (uint8_t)what,
                              .kind = (uint8_t)place->kind,
                              .mode = (uint8_t)place->mode,
                              .place = event->place,
                              .object = object,
                              .descriptor = -1};
}

static void hold_begin(const struct happened *event)
{
    struct open_spans *open = event->open;
    for (unsigned lane = 0; lane < HELD_NOW_MOST; lane++) {
        if (open->held[lane])
            continue;
        open->held[lane] = span_begin(event->loader, event->thread, event->time, LANE_HELD + lane,
                                      info_of(event, SPAN_HOLD));
        if (lane >= open->lanes)
            open->lanes = lane + 1;
        return;
    }
}

/* The lock that was taken last, if it was taken several times. One whose acquisition was lost has been held since before
 * that; it gets a lane that was not in use. */
static void hold_end(const struct happened *event)
{
    struct open_spans *open = event->open;
    const struct trace *trace = event->loader->trace;
    unsigned best = HELD_NOW_MOST;
    for (unsigned lane = 0; lane < open->lanes; lane++) {
        size_t span = open->held[lane];
        if (!span)
            continue;
        uint32_t object = trace->infos[event->thread->spans[span - 1].info].object;
        if (trace->objects[object].object == event->object &&
            (best == HELD_NOW_MOST || span > open->held[best]))
            best = lane;
    }
    if (best < HELD_NOW_MOST) {
        span_end(event->thread, &open->held[best], event->time);
        return;
    }
    if (event->thread->lost == 0 || open->lanes >= HELD_NOW_MOST)
        return;
    size_t span = span_begin(event->loader, event->thread, open->since, LANE_HELD + open->lanes++,
                             info_of(event, SPAN_HOLD));
    if (span) {
        event->thread->spans[span - 1].open_begin = true;
        span_end(event->thread, &span, event->time);
    }
}

static void call_begin(const struct happened *event)
{
    struct span_info info = {.what = SPAN_CALL,
                             .call = (uint8_t)(event->object >> 32),
                             .place = event->place,
                             .descriptor = (int32_t)(uint32_t)event->object};
    if (info.call >= RING_CALLS)
        info.call = RING_CALL_OTHER;
    span_end(event->thread, &event->open->call, event->time);
    event->open->call = span_begin(event->loader, event->thread, event->time, LANE_STATE, info);
}

static void task_begin(const struct happened *event)
{
    struct open_spans *open = event->open;
    struct span_info info = {.what = SPAN_TASK, .place = event->place, .descriptor = -1};
    open->task = event->object;
    for (unsigned lane = 0; lane < TASKS_NOW_MOST; lane++)
        if (!open->tasks[lane]) {
            open->tasks[lane] =
                span_begin(event->loader, event->thread, event->time, LANE_TASK + lane, info);
            open->running[lane] = event->object;
            return;
        }
}

/* Ends the innermost task that has this number, and those inside of it. */
static void task_end(const struct happened *event)
{
    struct open_spans *open = event->open;
    unsigned lane = TASKS_NOW_MOST;
    while (lane > 0 && (!open->tasks[lane - 1] || open->running[lane - 1] != event->object))
        lane--;
    for (unsigned i = lane; lane > 0 && i <= TASKS_NOW_MOST; i++)
        span_end(event->thread, &open->tasks[i - 1], event->time);
    open->task = lane > 1 && open->tasks[lane - 2] ? open->running[lane - 2] : 0;
}

/* The fiber leaves its worker, mostly inside of a wait; that goes on beside what the worker does then. */
static void fiber_leave(const struct happened *event)
{
    struct open_spans *open = event->open;
    if (open->wait) {
        struct span *wait = &event->thread->spans[open->wait - 1];
        unsigned lane = 0;
        while (lane < FIBERS_NOW_MOST && open->fibers[lane])
            lane++;
        wait->lane = LANE_NONE;
        if (lane < FIBERS_NOW_MOST && event->object) {
            wait->lane = (uint8_t)(LANE_FIBER + lane);
            open->fibers[lane] = open->wait;
            open->waiting[lane] = event->object;
        }
        open->wait = 0;
    }
    task_end(event);
}

static void wait_end(const struct happened *event)
{
    struct open_spans *open = event->open;
    if (open->wait) {
        span_end(event->thread, &open->wait, event->time);
        return;
    }
    for (unsigned i = 0; i < FIBERS_NOW_MOST; i++)
        if (open->fibers[i] && open->waiting[i] == open->task)
            span_end(event->thread, &open->fibers[i], event->time);
}

/* Who may have ended a wait of another thread. */
static void wake_of(const struct happened *event)
{
    const struct trace *trace = event->loader->trace;
    struct wake wake = {.process = event->source->process,
                        .thread = (uint32_t)(event->thread - trace->threads),
                        .object = event->object,
                        .time = event->time,
                        .kind = (uint8_t)event->kind};
    switch (event->kind) {
    case RING_WAIT: /* the last that arrives at a barrier ends the waits of the others */
        if (trace->places[event->place].kind != LOCK_BARRIER)
            return;
        break;
    case RING_TASK_END: /* its future is a part of it */
    case RING_CREATE:
    case RING_BEGIN:
    case RING_END:
        wake.object |= WAKE_THREAD;
        break;
    case RING_RELEASE:
    case RING_POST:
    case RING_SIGNAL:
    case RING_BROADCAST:
    case RING_WAKE:
        break;
    default:
        return;
    }
    note_wake(event->loader, wake);
}

void spans_apply(const struct happened *event)
{
    struct open_spans *open = event->open;
    wake_of(event);
    switch (event->kind) {
    case RING_WAIT:
        span_end(event->thread, &open->wait, event->time);
        open->wait = span_begin(event->loader, event->thread, event->time, LANE_STATE,
                                info_of(event, SPAN_WAIT));
        break;
    case RING_WAIT_END:
        wait_end(event);
        break;
    case RING_ACQUIRE:
        hold_begin(event);
        break;
    case RING_RELEASE:
        hold_end(event);
        break;
    case RING_CALL:
        call_begin(event);
        break;
    case RING_CALL_END:
        span_end(event->thread, &open->call, event->time);
        break;
    case RING_TASK:
        task_begin(event);
        break;
    case RING_TASK_END:
        task_end(event);
        break;
    case RING_LEAVE:
        fiber_leave(event);
        break;
    case RING_BEGIN:
        event->thread->began = event->time;
        break;
    case RING_END:
        event->thread->ended = event->time;
        break;
    default:
        break;
    }
}

/* Events of this thread were lost: what was open may have ended since. */
void spans_gap(const struct happened *event)
{
    struct open_spans *open = event->open;
    struct trace_thread *thread = event->thread;
    size_t *lists[] = {open->held, open->tasks, open->fibers, &open->wait, &open->call};
    const size_t counts[] = {HELD_NOW_MOST, TASKS_NOW_MOST, FIBERS_NOW_MOST, 1, 1};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t j = 0; j < counts[i]; j++)
            if (lists[i][j]) {
                struct span *span = &thread->spans[lists[i][j] - 1];
                span_end(thread, &lists[i][j], thread->last);
                span->open_end = true;
            }
    size_t gap = span_begin(event->loader, thread, thread->last, LANE_STATE,
                            (struct span_info){.what = SPAN_LOST, .descriptor = -1});
    span_end(thread, &gap, event->time);
    open->lanes = 0;
    open->task = 0;
    open->since = event->time;
}

static int by_lane(const void *a, const void *b)
{
    const struct span *first = a, *second = b;
    if (first->lane != second->lane)
        return first->lane < second->lane ? -1 : 1;
    if (first->begin != second->begin)
        return first->begin < second->begin ? -1 : 1;
    return first->end < second->end ? -1 : first->end > second->end;
}

/* A handler may wait while what it interrupted waits; the outer span ends there, as a lane has one at a time. */
static void sort_spans(struct loader *loader, struct trace_thread *thread)
{
    if (thread->count)
        qsort(thread->spans, thread->count, sizeof *thread->spans, by_lane);
    while (thread->count && thread->spans[thread->count - 1].lane == LANE_NONE) {
        thread->count--;
        loader->trace->span_count--;
    }
    for (size_t i = 1; i < thread->count; i++) {
        struct span *before = &thread->spans[i - 1];
        const struct span *span = &thread->spans[i];
        if (before->lane == span->lane && before->end > span->begin)
            before->end = span->begin;
    }
}

/* Spans that are open end with the thread. Times count from the first event. */
void spans_settle(struct loader *loader)
{
    struct trace *trace = loader->trace;
    for (size_t i = 0; i < trace->thread_count; i++) {
        struct trace_thread *thread = &trace->threads[i];
        for (size_t j = 0; j < thread->count; j++) {
            struct span *span = &thread->spans[j];
            struct trace_object *object = &trace->objects[trace->infos[span->info].object];
            if (span->end == UINT64_MAX)
                span->end = thread->last;
            uint64_t took = span->end - span->begin;
            bool waits = trace->infos[span->info].what == SPAN_WAIT;
            bool holds = trace->infos[span->info].what == SPAN_HOLD;
            object->waits += waits;
            object->wait_time += waits ? took : 0;
            object->holds += holds;
            object->hold_time += holds ? took : 0;
            if (waits && took > object->longest)
                object->longest = took;
            span->begin -= loader->base;
            span->end -= loader->base;
        }
        sort_spans(loader, thread);
        if (thread->began != UINT64_MAX)
            thread->began -= loader->base;
        if (thread->ended != UINT64_MAX)
            thread->ended -= loader->base;
        thread->first -= loader->base;
        thread->last -= loader->base;
        if (thread->last > trace->length)
            trace->length = thread->last;
    }
    for (size_t i = 0; i < loader->wake_count; i++)
        loader->wakes[i].time -= loader->base;
}
