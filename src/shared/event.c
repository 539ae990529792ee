/* The event between processes.
 *
 * One word:
 *
 *     SET       the flag
 *     WAITERS   a waiter sleeps, or is about to; only while SET is clear
 *     above     counts the sets, so that a waiter learns of a set that was cleared before it ran
 *
 * A wait adds WAITERS to the word that it has seen and sleeps while the word is exactly that. A set
 * changes the word in one step, clears WAITERS, and wakes all if it was set. Set and wait pair by
 * release and acquire. A second set changes nothing but still orders: what was written before it is
 * seen, too.
 */
#include "base/futex.h"
#include "shared/wait.h"
#include <thrum/shared_event.h>

#include <errno.h>
#include <limits.h>

enum { SET = 1, WAITERS = 2, ONE = 4 };

void thrum_shared_event_init(thrum_shared_event *event)
{
    *event = (thrum_shared_event){0, 0};
}

void thrum_shared_event_set(thrum_shared_event *event)
{
    uint32_t state = thrum__load_relaxed(&event->state_), next;
    do
        next = state & SET ? state : ((state + ONE) & ~(uint32_t)WAITERS) | SET;
    while (!thrum__cas_release(&event->state_, &state, next));
    if (state & WAITERS)
        thrum__futex_wake_shared(&event->state_, INT_MAX);
}

void thrum_shared_event_clear(thrum_shared_event *event)
{
    thrum__and_relaxed(&event->state_, ~(uint32_t)SET);
}

bool thrum_shared_event_is_set(const thrum_shared_event *event)
{
    return thrum__load_acquire(&event->state_) & SET;
}

int thrum_shared_event_wait(thrum_shared_event *event, thrum_deadline deadline)
{
    uint32_t state = thrum__load_acquire(&event->state_);
    uint32_t count = state / ONE;
    while (!(state & SET) && state / ONE == count) {
        if (thrum_deadline_is_now(deadline))
            return -EAGAIN;
        uint32_t marked = state | WAITERS;
        if (state == marked || thrum__cas_relaxed(&event->state_, &state, marked)) {
            int rc = thrum__shared_wait(&event->state_, marked, thrum__shared_slice, deadline, true,
                                        "shared event", event);
            if (rc < 0)
                return rc;
        }
        state = thrum__load_acquire(&event->state_);
    }
    return 0;
}
