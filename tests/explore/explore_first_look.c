/* The looker: each long wait of a thread is searched, by its own thread, and no wake-up is lost to a
 * request. Deadlines pass where a budget of timeouts or the rescue lets time pass. */
#include "explore.h"
#include "park/deadlock.h"
#include "park/first_look.h"
#include "park/park.h"

enum { TICK = 1000 };

static void begin(void)
{
    thrum__deadlock_after = TICK;
    thrum__looker_start();
}

/* A thread that waits `count` times for what its owner must do. */

struct sleeper {
    uint32_t owner; /* an ident; 0 is nobody */
    uint32_t count;
    thrum__waiter *waiter; /* of the present wait, until the waker takes it */
};

static uint32_t owner_of(const void *object)
{
    return thrum__load_acquire(&((const struct sleeper *)object)->owner);
}

static const thrum__wait_kind sleeper_wait = {"sleeper", "left to", owner_of};

static void sleep_all(void *argument)
{
    struct sleeper *sleeper = argument;
    for (uint32_t i = 0; i < sleeper->count; i++) {
        thrum__waiter waiter;
        EXPLORE_CHECK(thrum__wait_begin(&waiter, false) == 0);
        thrum__store_release(&sleeper->waiter, &waiter);
        EXPLORE_CHECK(thrum__wait_owned(&waiter, THRUM_FOREVER, &sleeper_wait, sleeper, NULL) == 0);
    }
}

static void sleep_for_itself(void *argument)
{
    thrum__store_release(&((struct sleeper *)argument)->owner, thrum__self()->ident);
    sleep_all(argument);
}

static void end_wait(struct sleeper *sleeper)
{
    thrum__waiter *waiter;
    while (!(waiter = thrum__load_acquire(&sleeper->waiter)))
        thrum__explore_pause();
    thrum__store_relaxed(&sleeper->waiter, NULL);
    thrum__context *context = waiter->context;
    EXPLORE_CHECK(thrum__claim_waiter(waiter));
    thrum__unpark(context);
}

static void wait_for_report(void)
{
    while (!thrum__load_acquire(&thrum__deadlock_reports))
        thrum__explore_pause();
}

static void find(void)
{
    struct sleeper sleeper = {.count = 1};
    begin();
    explore_spawn("sleeper", sleep_for_itself, &sleeper);
    wait_for_report();
    end_wait(&sleeper);
    explore_join_all();
    EXPLORE_CHECK(thrum__deadlock_reports == 1);
}

/* A wait for itself is found, whatever the looker does as it begins. */
EXPLORE(first_look_finds, .preemptions = 2, .long_preemptions = 3, .rescue = true, .idle = true)
{
    find();
}

EXPLORE(first_look_stale, .preemptions = 2, .stale = 1, .rescue = true, .idle = true)
{
    find();
}

/* The same, once the looker sleeps without a timeout. */
EXPLORE(first_look_wakes_the_looker, .preemptions = 2, .long_preemptions = 3, .rescue = true,
        .idle = true)
{
    struct sleeper sleeper = {.count = 1};
    begin();
    while (thrum__looker_state() != THRUM__LOOKER_IDLE)
        thrum__explore_pause();
    explore_spawn("sleeper", sleep_for_itself, &sleeper);
    wait_for_report();
    end_wait(&sleeper);
    explore_join_all();
    EXPLORE_CHECK(thrum__deadlock_reports == 1);
}

/* A circle of two. */

struct pair {
    struct sleeper sleeper;
    struct sleeper *other;
};

static void sleep_for_the_other(void *argument)
{
    struct pair *pair = argument;
    thrum__store_release(&pair->other->owner, thrum__self()->ident);
    sleep_all(&pair->sleeper);
}

EXPLORE(first_look_pair, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .rescue = true,
        .idle = true)
{
    struct pair one = {.sleeper.count = 1}, two = one;
    one.other = &two.sleeper;
    two.other = &one.sleeper;
    begin();
    explore_spawn("one", sleep_for_the_other, &one);
    explore_spawn("two", sleep_for_the_other, &two);
    wait_for_report();
    end_wait(&one.sleeper);
    end_wait(&two.sleeper);
    explore_join_all();
    EXPLORE_CHECK(thrum__deadlock_reports == 1);
}

/* Waits end while the looker asks. No wake-up is lost, and none comes twice. */
EXPLORE(first_look_wake, .preemptions = 1, .long_preemptions = 2, .timeouts = 2, .rescue = true,
        .idle = true)
{
    struct sleeper sleeper = {.count = 2};
    begin();
    explore_spawn("sleeper", sleep_all, &sleeper);
    end_wait(&sleeper);
    end_wait(&sleeper);
    explore_join_all();
    EXPLORE_CHECK(thrum__deadlock_reports == 0);
}
