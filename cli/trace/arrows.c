/* Who ended which wait.
 *
 * The events tell what each thread did, not which thread it made go on. That follows from the object and the time:
 *
 *     a lock       the last release by another thread, before the wait ended
 *     condition    the first signal in the time of the wait that has ended no other; or a broadcast
 *     semaphore    the last post before the end that has ended no other wait
 *     barrier      the last arrival before the end
 *     join         the end of the thread
 *     a new thread its creation
 *
 * With several waiters for one condition or semaphore the choice is a guess, as the C library chooses too; each signal is used
 * once. A wait that ended by its time limit has no arrow unless such an event fits.
 */
#include "model.h"

#include "array.h"
#include "doctor/preload/region.h"

#include <errno.h>
#include <stdlib.h>

enum { LOOK_MOST = 256 }; /* wakes that are tried for one wait */

static int by_object(const void *a, const void *b)
{
    const struct wake *first = a, *second = b;
    if (first->process != second->process)
        return first->process < second->process ? -1 : 1;
    if (first->object != second->object)
        return first->object < second->object ? -1 : 1;
    if (first->time != second->time)
        return first->time < second->time ? -1 : 1;
    return first->thread < second->thread ? -1 : first->thread > second->thread;
}

/* The first wake of the object at or after that time. */
static size_t find(const struct wake *wakes, size_t count, uint32_t process, uint64_t object,
                   uint64_t time)
{
    const struct wake key = {.process = process, .object = object, .time = time};
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_object(&wakes[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A fiber may be made ready by another one on its worker. */
static bool fits(const struct wake *wake, uint32_t thread, bool fiber, uint32_t kind)
{
    if ((wake->thread == thread && !fiber) || wake->used)
        return false;
    switch (kind) {
    case LOCK_CONDITION:
    case LOCK_THRUM_CONDITION:
        return wake->kind == RING_SIGNAL || wake->kind == RING_BROADCAST || wake->kind == RING_WAKE;
    case LOCK_SEMAPHORE:
    case LOCK_THRUM_SEMAPHORE:
    case LOCK_THRUM_QUEUE:
        return wake->kind == RING_POST || wake->kind == RING_WAKE;
    case LOCK_BARRIER:
        return wake->kind == RING_WAIT;
    case LOCK_THREAD:
        return wake->kind == RING_END;
    case LOCK_THRUM_FUTURE:
        return wake->kind == RING_TASK_END;
    default:
        return wake->kind == RING_RELEASE || wake->kind == RING_WAKE;
    }
}

/* The wake that ended a wait; NULL if none is known. */
static struct wake *find_wake(struct wake *wakes, size_t count, const struct trace_object *object,
                              uint32_t thread, const struct span *span)
{
    bool first = object->kind == LOCK_CONDITION || object->kind == LOCK_THRUM_CONDITION;
    bool join = object->kind == LOCK_THREAD;
    uint64_t name = object->object | (join ? WAKE_THREAD : 0);
    uint64_t from = join ? 0 : span->begin;
    size_t low = find(wakes, count, object->process, name, from);
    size_t high = find(wakes, count, object->process, name, span->end + 1);
    for (size_t i = 0; i < high - low && i < LOOK_MOST; i++) {
        struct wake *wake = &wakes[first ? low + i : high - 1 - i];
        if (fits(wake, thread, span->lane >= LANE_FIBER, object->kind))
            return wake;
    }
    return NULL;
}

/* A release ends one wait, but of readers; a broadcast and an arrival many. */
static void use(struct wake *wake)
{
    wake->used = wake->kind == RING_SIGNAL || wake->kind == RING_POST;
}

struct list {
    struct trace *trace;
    size_t room;
};

static bool add(struct list *list, struct arrow arrow)
{
    struct trace *trace = list->trace;
    if (!array_has_room(&trace->arrows, trace->arrow_count, &list->room, sizeof *trace->arrows))
        return false;
    trace->arrows[trace->arrow_count++] = arrow;
    return true;
}

static bool add_begin(struct list *list, struct wake *wakes, size_t count, uint32_t index)
{
    const struct trace_thread *thread = &list->trace->threads[index];
    if (thread->began == UINT64_MAX)
        return true;
    size_t at = find(wakes, count, thread->process, thread->index | WAKE_THREAD, 0);
    for (; at < count && wakes[at].process == thread->process &&
           wakes[at].object == (thread->index | WAKE_THREAD);
         at++)
        if (wakes[at].kind == RING_CREATE && wakes[at].time <= thread->began)
            return add(list, (struct arrow){.from = wakes[at].thread,
                                            .to = index,
                                            .at = wakes[at].time,
                                            .until = thread->began,
                                            .span = UINT32_MAX});
    return true;
}

int arrows_find(struct trace *trace, struct wake *wakes, size_t count)
{
    struct list list = {.trace = trace};
    if (count)
        qsort(wakes, count, sizeof *wakes, by_object);
    for (size_t i = 0; i < trace->thread_count; i++) {
        const struct trace_thread *thread = &trace->threads[i];
        if (!add_begin(&list, wakes, count, (uint32_t)i))
            return -ENOMEM;
        for (size_t j = 0; j < thread->count; j++) {
            const struct span *span = &thread->spans[j];
            const struct span_info *info = &trace->infos[span->info];
            if (info->what != SPAN_WAIT || span->open_end)
                continue;
            struct wake *wake =
                find_wake(wakes, count, &trace->objects[info->object], (uint32_t)i, span);
            if (!wake)
                continue;
            use(wake);
            if (!add(&list, (struct arrow){.from = wake->thread,
                                           .to = (uint32_t)i,
                                           .at = wake->time,
                                           .until = span->end,
                                           .span = (uint32_t)j}))
                return -ENOMEM;
        }
    }
    return 0;
}
