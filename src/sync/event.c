/* The event.
 *
 * The state word has the flag and what the queue of waiters needs:
 *
 *     SET       the flag
 *     WAITERS   the queue is not empty; agrees with it whenever GUARD is clear
 *     GUARD     a thread changes the queue (park/guard.h)
 *
 * A waiter queues only while SET is clear, in the compare-and-swap that takes GUARD. A set that
 * finds waiters takes GUARD, claims them all, and then stores SET alone, which clears GUARD and
 * WAITERS. That store is its last touch of the event: the unparks that follow go to the contexts of
 * the woken. So a waiter whose wait returned 0 may free the event.
 *
 * A set is a release, and a wait that returns 0 an acquire, through the flag or through the unpark.
 *
 * clear may run at any time and touches only SET. A clear during a set with waiters is overwritten
 * by it, as if it had come first.
 */
#include "sync/event.h"
#include "base/panic.h"
#include "base/probe.h"
#include "park/guard.h"
#include "park/park.h"
#include "park/queued.h"

#include <errno.h>

enum { SET = 1, GUARD = 2, WAITERS = 4 };

void thrum_event_init(thrum_event *event)
{
    *event = (thrum_event)THRUM_EVENT_INIT;
    thrum__probe(made, THRUM__PROBE_EVENT, event, 0, thrum__caller());
}

void thrum_event_finish(thrum_event *event)
{
    if (thrum__load_acquire(&event->state_) & (GUARD | WAITERS))
        thrum__panic(thrum__caller(), "event %p finished by thread \"%s\" while it is waited for",
                     (void *)event, thrum__self()->name);
    thrum__probe(gone, THRUM__PROBE_EVENT, event, thrum__caller());
}

bool thrum_event_is_set(const thrum_event *event)
{
    return thrum__load_acquire(&event->state_) & SET;
}

void thrum_event_clear(thrum_event *event)
{
    thrum__and_relaxed(&event->state_, ~(uint32_t)SET);
}

void thrum_event_set(thrum_event *event)
{
    uint32_t turns = 0;
    thrum__probe(told, THRUM__PROBE_EVENT, event, 1);
    for (;;) {
        uint32_t state = thrum__load_relaxed(&event->state_);
        if (state & GUARD) {
            thrum__spin(&turns);
        } else if (!(state & WAITERS)) {
            if (thrum__cas_weak_release(&event->state_, &state, state | SET))
                return;
        } else if (thrum__guard_try(&event->state_, &state, state | GUARD)) {
            break;
        }
    }
    uint32_t won = 0;
    thrum__waiter *chain = thrum__waiters_claim_chain(&event->waiters_, UINT32_MAX, &won);
    thrum__store_release(&event->state_, SET);
    thrum__guard_left();
    thrum__unpark_chain(chain);
}

/* Queues `waiter` unless the flag is set; true if it did. */
static bool enqueue(void *object, thrum__waiter *waiter)
{
    thrum_event *event = object;
    uint32_t turns = 0;
    for (;;) {
        uint32_t state = thrum__load_acquire(&event->state_);
        if (state & SET)
            return false;
        if (state & GUARD)
            thrum__spin(&turns);
        else if (thrum__guard_try(&event->state_, &state, state | GUARD | WAITERS))
            break;
    }
    thrum__waiters_push_back(&event->waiters_, waiter);
    thrum__guard_release(&event->state_, GUARD);
    return true;
}

static void withdraw(void *object, thrum__waiter *waiter)
{
    thrum_event *event = object;
    thrum__waiter_withdraw(waiter, &event->waiters_, &event->state_, GUARD, WAITERS);
}

static int wait(thrum_event *event, thrum_deadline deadline, const thrum__wait_kind *kind,
                const void *place)
{
    static const thrum__queue_ops queue = {enqueue, withdraw};
    if (thrum_event_is_set(event))
        return 0;
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    thrum__waiter waiter;
    thrum__probe(wanted, THRUM__PROBE_EVENT, event, 0, place, 0);
    return thrum__wait_queued(event, &queue, &waiter, kind, deadline, true, place);
}

int thrum__event_wait_owned(thrum_event *event, thrum_deadline deadline,
                            const thrum__wait_kind *kind, const void *place)
{
    int rc = wait(event, deadline, kind, place);
    if (rc == 0)
        thrum__probe(learned, THRUM__PROBE_EVENT, event, 1);
    return rc;
}

int thrum_event_wait(thrum_event *event, thrum_deadline deadline)
{
    static const thrum__wait_kind kind = {.name = "event"};
    return thrum__event_wait_owned(event, deadline, &kind, thrum__caller());
}

/* ------------------------------------------------------------------------------ in a select */

bool thrum__event_select_enqueue(thrum_event *event, thrum__select_place *place)
{
    return enqueue(event, &place->waiter);
}

void thrum__event_select_withdraw(thrum_event *event, thrum__select_place *place)
{
    withdraw(event, &place->waiter);
}

static int case_attempt(thrum_case *of)
{
    return thrum_event_is_set(of->object_) ? 0 : -EAGAIN;
}

static void case_learned(const thrum_case *of)
{
    thrum__probe(learned, THRUM__PROBE_EVENT, of->object_, 1);
}

static bool case_enqueue(thrum__select_place *place)
{
    return enqueue(place->of->object_, &place->waiter);
}

static void case_withdraw(thrum__select_place *place)
{
    withdraw(place->of->object_, &place->waiter);
}

thrum_case thrum_case_event(thrum_event *event)
{
    static const thrum__case_ops ops = {.attempt = case_attempt,
                                        .enqueue = case_enqueue,
                                        .withdraw = case_withdraw,
                                        .learned = case_learned};
    return (thrum_case){.ops_ = &ops, .object_ = event};
}
