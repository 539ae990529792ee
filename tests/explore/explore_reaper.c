/* The sleep of the reaper: whatever a thread wants of it is seen in some round, and the reaper does not sleep through a
 * request. The eventfd is played by a word that keeps what was written to it. */
#include "base/futex.h"
#include "explore.h"
#include "process/reaper_sleep.h"

static thrum__reaper_sleep resting;
static uint32_t eventfd;
static uint32_t changes[2]; /* what the threads want to have seen */
static int numbers[] = {0, 1};

static void want(void *argument)
{
    thrum__store_relaxed(&changes[*(int *)argument], 1);
    if (thrum__reaper_want(&resting)) {
        explore_seen("woken");
        thrum__exchange_release(&eventfd, 1);
        thrum__futex_wake(&eventfd, 1);
    }
}

static void want_twice(void *argument)
{
    (void)argument;
    want(&numbers[0]);
    want(&numbers[1]);
}

/* Rounds until `count` changes were seen. */
static void reap(unsigned count)
{
    for (;;) {
        thrum__reaper_begin_round(&resting);
        unsigned seen = 0;
        for (int i = 0; i < 2; i++)
            seen += thrum__load_relaxed(&changes[i]);
        if (seen == count)
            return;
        if (thrum__reaper_may_sleep(&resting))
            while (!thrum__exchange_acquire(&eventfd, 0))
                thrum__futex_wait(&eventfd, 0, THRUM_FOREVER);
        thrum__reaper_awake(&resting);
    }
}

EXPLORE(reaper_one, .preemptions = EXPLORE_ALL, .stale = 1, .spurious = 1, .sees = "woken")
{
    explore_spawn("wants", want, &numbers[0]);
    reap(1);
    explore_join_all();
}

EXPLORE(reaper_two, .preemptions = 3, .stale = 1, .sees = "woken")
{
    explore_spawn("wants", want, &numbers[0]);
    explore_spawn("wants", want, &numbers[1]);
    reap(2);
    explore_join_all();
}

EXPLORE(reaper_one_twice, .preemptions = 3, .stale = 1)
{
    explore_spawn("wants", want_twice, NULL);
    reap(2);
    explore_join_all();
}
