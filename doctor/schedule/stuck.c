/* No thread can go on, and time has nothing for them.
 *
 * If one waits for something that is to come from outside, that is no deadlock: a server waits for a request, or for
 * the signal to end, and its workers are idle. What else the other threads wait for is not judged then, as it may follow
 * from that: but threads that wait for each other in a circle, by locks and joins, will wait whatever comes.
 */
#include "stuck.h"

#include "hooks.h"

enum turn_source thrum__stuck_source(const struct turn_thread *thread)
{
    return thread->shown->state == THREAD_IO ? thread->act.source(thread->act.ready_argument, false)
                                             : SOURCE_INSIDE;
}

bool thrum__stuck_moves(const struct turn_thread *threads, uint32_t count)
{
    if (thrum__signal_handled() && thrum__signal_timer())
        return true; /* a handler may do anything */
    for (uint32_t i = 0; i < count; i++) {
        enum turn_source source = thrum__stuck_source(&threads[i]);
        if (source != SOURCE_INSIDE &&
            (source != SOURCE_SIGNAL || thrum__signal_timer() || thrum__turn_region->free_children))
            return true;
    }
    return false;
}

bool thrum__stuck_outside(const struct turn_thread *threads, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (threads[i].shown->state == THREAD_IO &&
            threads[i].act.source(threads[i].act.ready_argument, true) >= SOURCE_SIGNAL)
            return true;
    return false;
}

/* The thread that another one waits for; NULL if that is not known. */
static const struct turn_thread *awaited_by(const struct turn_thread *threads, uint32_t count,
                                            const struct turn_thread *waiter)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct schedule_thread *shown = threads[i].shown;
        if (waiter->act.kind == STEP_JOIN && waiter->act.object == shown->record)
            return &threads[i];
        for (uint32_t h = 0; h < shown->held_count && h < SCHEDULE_HELD; h++)
            if (waiter->act.kind != STEP_COND_WAIT && shown->held[h].object == waiter->act.object)
                return &threads[i];
    }
    return NULL;
}

static bool any_circle(const struct turn_thread *threads, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct turn_thread *at = &threads[i];
        for (uint32_t n = 0; at && at->shown->state == THREAD_BLOCKED && n < count; n++)
            if ((at = awaited_by(threads, count, at)) == &threads[i])
                return true;
    }
    return false;
}

static bool any_ready(const struct turn_thread *threads, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (threads[i].shown->state == THREAD_IO &&
            threads[i].act.ready(threads[i].act.ready_argument))
            return true;
    return false;
}

void thrum__stuck(const struct turn_thread *threads, uint32_t count)
{
    if (thrum__stuck_outside(threads, count) && !any_circle(threads, count))
        thrum__turn_fail(VERDICT_WAITS, NULL, NULL, "it waits for input or a signal from outside");
    if (any_ready(threads, count)) /* a process that held the other end has just ended */
        return;
    thrum__turn_fail(VERDICT_STUCK, NULL, NULL, "no thread can go on");
}
