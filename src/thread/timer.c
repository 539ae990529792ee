/* Timers: a thread that waits before it runs its task.
 *
 * `timer` goes from SET to BEGUN by the thread or to CANCELLED by a canceller, by one
 * compare-and-swap, so that a cancel which returned 0 has kept the task from running. The event
 * `disturbed` only ends the sleep early. A cancellation of the thread itself, before the task has
 * begun, has the same effect.
 */
#include "thread/thread.h"
#include <thrum/timer.h>

#include <errno.h>

static bool decide(struct thrum__thread *thread, enum thrum__timer outcome)
{
    uint32_t found = THRUM__TIMER_SET;
    return thrum__cas_acq_rel(&thread->timer, &found, outcome);
}

int thrum__timer_wait(struct thrum__thread *thread)
{
    if (thrum__load_relaxed(&thread->timer) == THRUM__TIMER_NONE)
        return 0;
    bool due = thrum_event_wait(&thread->disturbed, thread->start_at) == -ETIMEDOUT;
    return decide(thread, due ? THRUM__TIMER_BEGUN : THRUM__TIMER_CANCELLED) && due ? 0
                                                                                    : -ECANCELED;
}

thrum_thread *thrum_timer_start(thrum_deadline at, thrum_task_fn *function, const void *arg,
                                size_t size)
{
    /* THRUM_NOW stands for "no timer" in the options; the clock's first moment has passed too. */
    thrum_thread_options options = {.start_at = thrum_at(at.ns)};
    return thrum_thread_start_with(&options, function, arg, size);
}

int thrum_timer_cancel(thrum_thread *timer)
{
    struct thrum__thread *thread = timer->state_;
    if (!decide(thread, THRUM__TIMER_CANCELLED))
        return -EALREADY;
    thrum_event_set(&thread->disturbed);
    return 0;
}
