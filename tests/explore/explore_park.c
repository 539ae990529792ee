/* Parking: a wait has exactly one outcome, and no wake is lost, kept or paid twice.
 *
 * One place to wait at: a guarded queue, as every primitive has one. */
#include "explore.h"
#include "park/guard.h"
#include "park/park.h"
#include "park/scope.h"

#include <errno.h>

struct place {
    uint32_t guard;
    uint32_t waiting; /* set once someone has queued; for those who must not come before */
    void *queue;
    thrum__context *context; /* of the waiter; published by `waiting` */
    thrum_deadline deadline;
    bool cancellable;
    int outcomes[2]; /* of the waits, one after the other */
    int woken;       /* by the one waker, if it has won */
    uint32_t wakes;  /* by several */
    int data;        /* written before a wake, read after it */
};

/* Waits once, in four steps. */
static int wait_at(struct place *place)
{
    thrum__waiter waiter;
    thrum__memory_live(&waiter);
    int rc = thrum__wait_begin(&waiter, place->cancellable);
    if (rc == 0) {
        thrum__guard_acquire(&place->guard, 1);
        thrum__waiters_push_back(&place->queue, &waiter);
        thrum__guard_release(&place->guard, 1);
        rc = thrum__wait(&waiter, place->deadline, "place", place);
        if (rc < 0) {
            thrum__guard_acquire(&place->guard, 1);
            if (thrum__waiter_queued(&waiter))
                thrum__waiters_remove(&place->queue, &waiter);
            thrum__guard_release(&place->guard, 1);
        }
    }
    thrum__memory_dead(&waiter);
    return rc;
}

static void wait_once(void *argument)
{
    struct place *place = argument;
    place->context = thrum__self();
    thrum__store_release(&place->waiting, 1);
    place->outcomes[0] = wait_at(place);
    if (place->outcomes[0] == 0)
        EXPLORE_CHECK(EXPLORE_READ(place->data) == 1);
}

static void wait_twice(void *argument)
{
    struct place *place = argument;
    place->context = thrum__self();
    thrum__store_release(&place->waiting, 1);
    place->outcomes[0] = wait_at(place);
    place->outcomes[1] = wait_at(place);
}

/* Wakes one; true if there was one to be won. */
static bool wake_at(struct place *place)
{
    thrum__guard_acquire(&place->guard, 1);
    thrum__waiter *waiter = thrum__waiters_claim_first(&place->queue);
    thrum__guard_release(&place->guard, 1);
    if (waiter)
        thrum__unpark(waiter->context);
    return waiter;
}

static void wake_once(void *argument)
{
    struct place *place = argument;
    EXPLORE_WRITE(place->data, 1);
    place->woken += wake_at(place);
}

static void wake_until_won(void *argument)
{
    struct place *place = argument;
    EXPLORE_WRITE(place->data, 1);
    while (!wake_at(place))
        thrum__pause();
    place->woken++;
}

static void wake_silently(void *argument)
{
    while (!wake_at(argument))
        thrum__pause();
}

static void wake_two(void *argument)
{
    wake_silently(argument);
    wake_silently(argument);
}

/* Cancels as the carrier of a task would: only while the task is known to run. */
static void cancel(void *argument)
{
    struct place *place = argument;
    while (!thrum__load_acquire(&place->waiting))
        thrum__pause();
    thrum__cancel(place->context);
}

static struct place place; /* in static memory, so that a thread that is left behind can use it */

static void name_place(void)
{
    thrum__explore_name(&place.guard, sizeof place.guard, "guard");
    thrum__explore_name(&place.queue, sizeof place.queue, "queue");
    thrum__explore_name(&place.data, sizeof place.data, "data");
    place.deadline = THRUM_FOREVER;
}

static void finish(void)
{
    explore_join_all();
    EXPLORE_CHECK(!place.queue);
    EXPLORE_CHECK(!place.guard);
}

EXPLORE(park_wake, .preemptions = EXPLORE_ALL, .spurious = 1, .weak = 1)
{
    name_place();
    explore_spawn("waiter", wait_once, &place);
    explore_spawn("waker", wake_until_won, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == 0 && place.woken == 1);
}

EXPLORE(park_wake_stale, .preemptions = 3, .stale = 2)
{
    name_place();
    explore_spawn("waiter", wait_once, &place);
    explore_spawn("waker", wake_until_won, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == 0 && place.woken == 1);
}

/* A token that is left behind would end the second wait too early. */
EXPLORE(park_twice, .preemptions = 3, .spurious = 1, .long_preemptions = EXPLORE_ALL)
{
    name_place();
    explore_spawn("waiter", wait_twice, &place);
    explore_spawn("waker", wake_two, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == 0 && place.outcomes[1] == 0);
}

EXPLORE(park_deadline, .preemptions = EXPLORE_ALL, .timeouts = 1, .rescue = true,
        .sees = "deadline with a waker")
{
    name_place();
    place.deadline = thrum_at(thrum_now() + 1000);
    explore_spawn("waiter", wait_once, &place);
    explore_spawn("waker", wake_once, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == (place.woken ? 0 : -ETIMEDOUT));
    if (place.woken && explore_timeouts())
        explore_seen("deadline with a waker");
}

EXPLORE(park_deadline_stale, .preemptions = 2, .timeouts = 1, .stale = 1, .rescue = true)
{
    name_place();
    place.deadline = thrum_at(thrum_now() + 1000);
    explore_spawn("waiter", wait_once, &place);
    explore_spawn("waker", wake_once, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == (place.woken ? 0 : -ETIMEDOUT));
}

/* The first wait may end by its deadline, whose waker must not end the second. */
EXPLORE(park_deadline_twice, .preemptions = 3, .timeouts = 2, .rescue = true)
{
    name_place();
    place.deadline = thrum_at(thrum_now() + 1000);
    explore_spawn("waiter", wait_twice, &place);
    explore_spawn("waker", wake_once, &place);
    finish();
    int notified = (place.outcomes[0] == 0) + (place.outcomes[1] == 0);
    EXPLORE_CHECK(notified == place.woken);
}

/* A task whose deadline passes is woken from a wait of its own as by a cancel, and from a shielded one
 * not at all. */
static void wait_in_task(void *argument)
{
    thrum__self()->scope->ends_at = thrum_at(thrum_now() + 1000);
    wait_once(argument);
}

EXPLORE(park_task_deadline, .preemptions = EXPLORE_ALL, .timeouts = 1, .rescue = true,
        .sees = "too late for the waker")
{
    name_place();
    place.cancellable = true;
    place.deadline = thrum_at(thrum_now() + 2000);
    explore_spawn("waiter", wait_in_task, &place);
    explore_spawn("waker", wake_once, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == (place.woken ? 0 : -ECANCELED));
    if (!place.woken)
        explore_seen("too late for the waker");
}

EXPLORE(park_task_deadline_shielded, .preemptions = EXPLORE_ALL, .timeouts = 1, .rescue = true)
{
    name_place();
    place.deadline = thrum_at(thrum_now() + 2000);
    explore_spawn("waiter", wait_in_task, &place);
    explore_spawn("waker", wake_once, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == (place.woken ? 0 : -ETIMEDOUT));
}

EXPLORE(park_cancel, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    name_place();
    place.cancellable = true;
    explore_spawn("waiter", wait_once, &place);
    explore_spawn("canceller", cancel, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == -ECANCELED);
}

EXPLORE(park_cancel_stale, .preemptions = 3, .stale = 2)
{
    name_place();
    place.cancellable = true;
    explore_spawn("waiter", wait_once, &place);
    explore_spawn("canceller", cancel, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == -ECANCELED);
}

EXPLORE(park_cancel_wake, .preemptions = 3, .spurious = 1)
{
    name_place();
    place.cancellable = true;
    explore_spawn("waiter", wait_once, &place);
    explore_spawn("canceller", cancel, &place);
    explore_spawn("waker", wake_once, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == (place.woken ? 0 : -ECANCELED));
}

/* A wait that is given up before it began to sleep, and then another: what the canceller owes must
 * not be left for that one. */
static void wait_again(void *argument)
{
    struct place *at = argument;
    at->context = thrum__self();
    thrum__store_release(&at->waiting, 1);
    at->outcomes[0] = wait_at(at);
    at->cancellable = false;
    if (at->outcomes[0] == -ECANCELED)
        at->outcomes[1] = wait_at(at);
}

EXPLORE(park_cancel_then_wake, .preemptions = 3)
{
    name_place();
    place.cancellable = true;
    explore_spawn("waiter", wait_again, &place);
    explore_spawn("canceller", cancel, &place);
    explore_spawn("waker", wake_silently, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[1] == 0);
}

EXPLORE(park_cancel_deadline, .preemptions = 3, .timeouts = 1)
{
    name_place();
    place.cancellable = true;
    place.deadline = thrum_at(thrum_now() + 1000);
    explore_spawn("waiter", wait_once, &place);
    explore_spawn("canceller", cancel, &place);
    finish();
    if (place.outcomes[0] != -ECANCELED)
        EXPLORE_CHECK(place.outcomes[0] == -ETIMEDOUT && explore_timeouts() == 1);
}

/* A wait that cannot be cancelled lasts until its wake. */
EXPLORE(park_shielded, .preemptions = 3)
{
    name_place();
    explore_spawn("waiter", wait_once, &place);
    explore_spawn("canceller", cancel, &place);
    explore_spawn("waker", wake_until_won, &place);
    finish();
    EXPLORE_CHECK(place.outcomes[0] == 0 && place.woken == 1);
}

static void try_to_wake(void *argument)
{
    if (wake_at(argument))
        thrum__add_relaxed(&place.wakes, 1);
}

EXPLORE(park_two_wakers, .preemptions = 2, .long_preemptions = 3, .spurious = 1, .rescue = true)
{
    name_place();
    place.deadline = thrum_at(thrum_now() + 1000);
    explore_spawn("waiter", wait_twice, &place);
    explore_spawn("waker", try_to_wake, &place);
    explore_spawn("waker", try_to_wake, &place);
    finish();
    uint32_t notified = (uint32_t)(place.outcomes[0] == 0) + (place.outcomes[1] == 0);
    EXPLORE_CHECK(notified == place.wakes);
}

static void sleep_a_while(void *argument)
{
    thrum_deadline until = thrum_at(thrum_now() + 1000);
    int *rc = argument;
    *rc = thrum_sleep(until);
    EXPLORE_CHECK(*rc == -ECANCELED || thrum_now() >= until.ns);
}

EXPLORE(park_sleep, .preemptions = EXPLORE_ALL, .spurious = 1, .rescue = true)
{
    int rc[2] = {1, 1};
    explore_spawn("one", sleep_a_while, &rc[0]);
    explore_spawn("two", sleep_a_while, &rc[1]);
    explore_join_all();
    EXPLORE_CHECK(rc[0] == 0 && rc[1] == 0);
}
