/* Timers and shields: cancel against the start, and waits that cancellation must leave alone. */
#include "explore.h"
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
    EXPLORE_CHECK(thrum_thread_join(timer, THRUM_FOREVER) == (rc == 0 ? -ECANCELED : 0));
    EXPLORE_CHECK(EXPLORE_READ(ran) == (rc == 0 ? 0 : 1));
    thrum_thread_free(timer);
}

EXPLORE(timer_cancel_forever, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    thrum_thread *timer = thrum_timer_start(THRUM_FOREVER, mark, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_timer_cancel(timer) == 0);
    EXPLORE_CHECK(thrum_thread_join(timer, THRUM_FOREVER) == -ECANCELED);
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
