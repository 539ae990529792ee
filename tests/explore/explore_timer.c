/* Timers and shields: cancel against the start, and waits that cancellation must leave alone. */
#include "explore.h"
#include "fiber/timers.h"
#include "park/context.h"
#include "park/park.h"
#include "park/scope.h"
#include <thrum/event.h>
#include <thrum/timer.h>

#include <errno.h>

static int ran;

static int mark(thrum_task *self)
{
    (void)self;
    EXPLORE_WRITE(ran, EXPLORE_READ(ran) + 1);
    return 0;
}

EXPLORE(timer_cancel, .preemptions = 2, .timeouts = 1, .rescue = true, .sees = "cancelled")
{
    thrum_thread *timer = thrum_timer_start(thrum_in(1), mark, THRUM_NOTHING);
    int rc = thrum_timer_cancel(timer);
    EXPLORE_CHECK(rc == 0 || rc == -EALREADY);
    if (rc == 0)
        explore_seen("cancelled");
    EXPLORE_CHECK(OUTCOME_CODE(thrum_thread_join(timer, THRUM_FOREVER),
                               thrum_thread_error(timer)) == (rc == 0 ? -ECANCELED : 0));
    EXPLORE_CHECK(EXPLORE_READ(ran) == (rc == 0 ? 0 : 1));
    thrum_thread_free(timer);
}

EXPLORE(timer_cancel_forever, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    thrum_thread *timer = thrum_timer_start(THRUM_FOREVER, mark, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_timer_cancel(timer) == 0);
    EXPLORE_CHECK(OUTCOME_CODE(thrum_thread_join(timer, THRUM_FOREVER),
                               thrum_thread_error(timer)) == -ECANCELED);
    EXPLORE_CHECK(EXPLORE_READ(ran) == 0);
    thrum_thread_free(timer);
}

EXPLORE(timer_begins, .preemptions = 2, .timeouts = 1, .rescue = true, .sees = "begun")
{
    thrum_thread *timer = thrum_timer_start(thrum_in(1), mark, THRUM_NOTHING);
    int rc = thrum_thread_cancel(timer);
    if (thrum_thread_join(timer, THRUM_FOREVER) == 0) {
        explore_seen("begun");
        EXPLORE_CHECK(EXPLORE_READ(ran) == 1);
    } else {
        EXPLORE_CHECK(rc == 0 && EXPLORE_READ(ran) == 0);
    }
    thrum_thread_free(timer);
}

struct shielded {
    thrum_event event;
    thrum__context *victim;
    int data;
};

static void wait_shielded(void *argument)
{
    struct shielded *shielded = argument;
    thrum__store_release(&shielded->victim, thrum__self());
    thrum_shield_begin();
    EXPLORE_CHECK(thrum_event_wait(&shielded->event, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(EXPLORE_READ(shielded->data) == 1);
    thrum_shield_end();
    if (thrum__load_relaxed(&thrum__self()->scope->cancelled))
        EXPLORE_CHECK(thrum_sleep(THRUM_FOREVER) == -ECANCELED);
}

static void cancel_it(void *argument)
{
    struct shielded *shielded = argument;
    thrum__context *victim = thrum__load_acquire(&shielded->victim);
    if (victim)
        thrum__cancel(victim);
}

EXPLORE(shield_holds, .preemptions = 3, .spurious = 1)
{
    struct shielded shielded = {.event = THRUM_EVENT_INIT};
    unsigned waiter = explore_spawn("waiter", wait_shielded, &shielded);
    explore_spawn("canceller", cancel_it, &shielded);
    EXPLORE_WRITE(shielded.data, 1);
    thrum_event_set(&shielded.event);
    explore_join(waiter);
    explore_join_all();
}

/* The deadlines of a worker's fibers come out in order, whichever was taken out before. Here the last
 * entry of the heap is earlier than the parent of the place that becomes free. */
EXPLORE(timers_remove, .preemptions = EXPLORE_NONE)
{
    enum { COUNT = 10 };
    static const int deadlines[COUNT] = {1, 50, 2, 70, 71, 60, 61, 62, 63, 5};
    void *expired[COUNT];
    int64_t slots[COUNT];
    thrum__timers timers = {0};
    for (int i = 0; i < COUNT; i++) {
        slots[i] = thrum__timers_slot_new(&timers, (void *)&deadlines[i]);
        EXPLORE_CHECK(slots[i] >= 0);
        thrum__timers_insert(&timers, (uint32_t)slots[i], thrum_at(deadlines[i]));
    }
    thrum__timers_remove(&timers, (uint32_t)slots[5]);
    EXPLORE_CHECK(thrum__timers_expire(&timers, 100, expired, COUNT) == COUNT - 1);
    for (int i = 1; i < COUNT - 1; i++)
        EXPLORE_CHECK(*(const int *)expired[i - 1] < *(const int *)expired[i]);
    thrum__timers_finish(&timers);
}
