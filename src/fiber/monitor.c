/* The monitor of a pool: a thread that names tasks which hold a worker for long.
 *
 * While a task computes, or sits in a call that blocks the OS thread, no other fiber of its worker
 * runs. The worker counts its choices (`tick`) and says which code it is in (`place`, NULL while it
 * sleeps); a worker that is in one and has not chosen anything from one look of the monitor to the
 * next has been held at least as long as the limit. It is told of once.
 *
 * There is a monitor only if the options ask for it: a task that computes for long is often right.
 * It reads two words of each worker, relaxed: a look that is a little wrong costs a message.
 */
#include "base/clock.h"
#include "base/place.h"
#include "fiber/scheduler.h"
#include "thread/own.h"
#include "thread/task.h"
#include <thrum/thread.h>

#include <errno.h>
#include <stdio.h>

/* What was seen of a worker at the last look. */
struct seen {
    uint32_t tick;
    bool held, told;
};

static void tell(const thrum__fibers *fibers, uint32_t index, const void *place)
{
    char name[256];
    thrum_error error = {.code = -EBUSY};
    thrum__place_text(name, sizeof name, place);
    snprintf(error.message, sizeof error.message,
             "has held worker %u of fiber pool \"%.64s\" for over %lld ms without waiting", index,
             fibers->name_prefix, (long long)(fibers->hold_limit / 1000000));
    thrum__failure_report("fiber", name, &error);
}

static void look(thrum__fibers *fibers, uint32_t index, struct seen *seen)
{
    thrum__fiber_worker *worker = fibers->workers[index];
    uint32_t tick = thrum__load_relaxed(&worker->tick);
    const void *place = thrum__load_relaxed(&worker->place);
    if (!place || tick != seen->tick) {
        *seen = (struct seen){.tick = tick, .held = place != NULL};
    } else if (!seen->held) {
        seen->held = true;
    } else if (!seen->told) {
        seen->told = true;
        tell(fibers, index, place);
    }
}

static int monitor(thrum_task *self)
{
    thrum__fibers *fibers = thrum_arg(self, thrum__fibers *);
    uint32_t count = thrum__load_acquire(&fibers->started);
    struct seen *seen = thrum__alloc_array(count, sizeof *seen);
    thrum_deadline next = thrum__deadline_after(thrum__clock_now(), fibers->hold_limit);
    while (seen && thrum_event_wait(&fibers->stop, next) == -ETIMEDOUT) {
        for (uint32_t i = 0; i < count; i++)
            look(fibers, i, &seen[i]);
        next = thrum__deadline_after(thrum__clock_now(), fibers->hold_limit);
    }
    thrum__free(seen);
    thrum__fibers_leave(fibers);
    return 0;
}

int thrum__fibers_monitor_start(thrum__fibers *fibers)
{
    char name[128];
    snprintf(name, sizeof name, "%s-monitor", fibers->name_prefix);
    thrum__add_relaxed(&fibers->left, 1);
    int code = thrum__thread_start_own(name, monitor, thrum_value(thrum__fibers *, fibers));
    if (code < 0)
        thrum__sub_relaxed(&fibers->left, 1);
    return code;
}
