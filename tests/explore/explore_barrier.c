/* The barrier: all or none, whatever deadlines, aborts and resets come between. */
#include "explore.h"
#include "park/context.h"
#include "park/scope.h"
#include <thrum/barrier.h>

#include <errno.h>

enum { MOST = 3 };

struct meeting {
    thrum_barrier barrier;
    int data[MOST]; /* each writes his own before, and reads all after */
    int outcome[MOST];
    uint32_t parties, number;
};

static void meet(void *argument)
{
    struct meeting *meeting = argument;
    uint32_t own = thrum__add_relaxed(&meeting->number, 1);
    EXPLORE_WRITE(meeting->data[own], 1);
    int index = thrum_barrier_wait(&meeting->barrier, THRUM_FOREVER);
    meeting->outcome[own] = index;
    if (index >= 0)
        for (uint32_t i = 0; i < meeting->parties; i++)
            EXPLORE_CHECK(EXPLORE_READ(meeting->data[i]) == 1);
}

static void run(uint32_t parties)
{
    struct meeting meeting = {.parties = parties};
    thrum_barrier_init(&meeting.barrier, parties, NULL, NULL);
    for (uint32_t i = 0; i < parties; i++)
        explore_spawn("party", meet, &meeting);
    explore_join_all();
    int sum = 0;
    for (uint32_t i = 0; i < parties; i++) {
        EXPLORE_CHECK(meeting.outcome[i] >= 0);
        sum += 1 << meeting.outcome[i];
    }
    EXPLORE_CHECK(sum == (1 << parties) - 1); /* each index once */
}

EXPLORE(barrier_two, .preemptions = 3, .long_preemptions = EXPLORE_ALL, .spurious = 1)
{
    run(2);
}

EXPLORE(barrier_three, .preemptions = 1, .long_preemptions = 3, .spurious = 1)
{
    run(3);
}

/* Two rounds: nobody of the second is let go by the first. */

static void meet_twice(void *argument)
{
    struct meeting *meeting = argument;
    uint32_t own = thrum__add_relaxed(&meeting->number, 1);
    for (int round = 1; round <= 2; round++) {
        EXPLORE_WRITE(meeting->data[own], round);
        EXPLORE_CHECK(thrum_barrier_wait(&meeting->barrier, THRUM_FOREVER) >= 0);
        EXPLORE_CHECK(EXPLORE_READ(meeting->data[1 - own]) == round);
        EXPLORE_CHECK(thrum_barrier_wait(&meeting->barrier, THRUM_FOREVER) >= 0);
    }
}

EXPLORE(barrier_rounds, .preemptions = 1, .long_preemptions = 2)
{
    struct meeting meeting = {.parties = 2};
    thrum_barrier_init(&meeting.barrier, 2, NULL, NULL);
    explore_spawn("one", meet_twice, &meeting);
    explore_spawn("two", meet_twice, &meeting);
    explore_join_all();
}

/* A deadline against the last arrival: both go on, or both are told. */

static void meet_in_time(void *argument)
{
    struct meeting *meeting = argument;
    uint32_t own = thrum__add_relaxed(&meeting->number, 1);
    meeting->outcome[own] = thrum_barrier_wait(&meeting->barrier, thrum_in(1));
    if (meeting->outcome[own] == -ETIMEDOUT)
        explore_seen("too late");
}

static bool succeeded(const struct meeting *meeting, int party)
{
    return meeting->outcome[party] >= 0;
}

EXPLORE(barrier_until, .preemptions = 2, .long_preemptions = 3, .timeouts = 1, .sees = "too late")
{
    struct meeting meeting = {.parties = 2};
    thrum_barrier_init(&meeting.barrier, 2, NULL, NULL);
    explore_spawn("one", meet_in_time, &meeting);
    explore_spawn("two", meet_in_time, &meeting);
    explore_join_all();
    EXPLORE_CHECK(succeeded(&meeting, 0) == succeeded(&meeting, 1));
    EXPLORE_CHECK(thrum_barrier_broken(&meeting.barrier) == !succeeded(&meeting, 0));
}

/* One party is missing for good: when the other that has a deadline gives up, all are told. */
EXPLORE(barrier_until_missing, .preemptions = 2, .long_preemptions = 3, .rescue = true)
{
    struct meeting meeting = {.parties = 3};
    thrum_barrier_init(&meeting.barrier, 3, NULL, NULL);
    explore_spawn("patient", meet, &meeting);
    explore_spawn("in time", meet_in_time, &meeting);
    explore_join_all();
    EXPLORE_CHECK(meeting.outcome[0] < 0 && meeting.outcome[1] < 0);
    EXPLORE_CHECK(thrum_barrier_broken(&meeting.barrier));
}

/* An abort against the last arrival. */

static void abort_it(void *argument)
{
    struct meeting *meeting = argument;
    thrum_barrier_abort(&meeting->barrier);
}

EXPLORE(barrier_abort, .preemptions = 2, .long_preemptions = 3)
{
    struct meeting meeting = {.parties = 2};
    thrum_barrier_init(&meeting.barrier, 2, NULL, NULL);
    explore_spawn("one", meet, &meeting);
    explore_spawn("two", meet, &meeting);
    explore_spawn("aborter", abort_it, &meeting);
    explore_join_all();
    EXPLORE_CHECK(succeeded(&meeting, 0) == succeeded(&meeting, 1));
    EXPLORE_CHECK(thrum_barrier_broken(&meeting.barrier));
}

/* A reset sends away those who wait, and the next round is whole. */

static void reset_it(void *argument)
{
    struct meeting *meeting = argument;
    thrum_barrier_reset(&meeting->barrier);
}

static void meet_again(void *argument)
{
    struct meeting *meeting = argument;
    int rc;
    while ((rc = thrum_barrier_wait(&meeting->barrier, THRUM_FOREVER)) == -EPIPE)
        explore_seen("sent away");
    EXPLORE_CHECK(rc >= 0);
}

EXPLORE(barrier_reset, .preemptions = 2, .rescue = true)
{
    struct meeting meeting = {.parties = 2};
    thrum_barrier_init(&meeting.barrier, 2, NULL, NULL);
    unsigned one = explore_spawn("one", meet_again, &meeting);
    explore_spawn("resetter", reset_it, &meeting);
    meet_again(&meeting);
    explore_join(one);
    explore_join_all();
    EXPLORE_CHECK(!thrum_barrier_broken(&meeting.barrier));
}

/* A party that is asked to stop before it waits breaks the barrier for those that wait already. */

static void meet_cancelled(void *argument)
{
    struct meeting *meeting = argument;
    thrum__cancel(thrum__self());
    int rc = thrum_barrier_wait(&meeting->barrier, THRUM_FOREVER);
    EXPLORE_CHECK(rc == -ECANCELED || rc == -EPIPE);
    if (rc == -ECANCELED)
        explore_seen("cancelled");
}

static void meet_and_fail(void *argument)
{
    struct meeting *meeting = argument;
    EXPLORE_CHECK(thrum_barrier_wait(&meeting->barrier, THRUM_FOREVER) == -EPIPE);
}

EXPLORE(barrier_cancelled_on_the_way, .preemptions = 2, .long_preemptions = 3, .sees = "cancelled")
{
    struct meeting meeting = {.parties = 3};
    thrum_barrier_init(&meeting.barrier, 3, NULL, NULL);
    explore_spawn("patient", meet_and_fail, &meeting);
    explore_spawn("cancelled", meet_cancelled, &meeting);
    explore_join_all();
    EXPLORE_CHECK(thrum_barrier_broken(&meeting.barrier));
    EXPLORE_CHECK(thrum_barrier_waiting(&meeting.barrier) == 0);
}

/* The action of a round ends before any party goes on. */

static void act(void *argument)
{
    struct meeting *meeting = argument;
    EXPLORE_WRITE(meeting->data[0], EXPLORE_READ(meeting->data[0]) + 1);
}

static void meet_after_action(void *argument)
{
    struct meeting *meeting = argument;
    EXPLORE_CHECK(thrum_barrier_wait(&meeting->barrier, THRUM_FOREVER) >= 0);
    EXPLORE_CHECK(EXPLORE_READ(meeting->data[0]) == 1);
}

EXPLORE(barrier_action, .preemptions = 2, .long_preemptions = 3)
{
    struct meeting meeting = {.parties = 2};
    thrum_barrier_init(&meeting.barrier, 2, act, &meeting);
    explore_spawn("one", meet_after_action, &meeting);
    explore_spawn("two", meet_after_action, &meeting);
    explore_join_all();
    EXPLORE_CHECK(meeting.data[0] == 1);
}

/* The same with a deadline: the action runs for a whole round only. */
EXPLORE(barrier_action_until, .preemptions = 2, .long_preemptions = 3, .timeouts = 1)
{
    struct meeting meeting = {.parties = 2};
    thrum_barrier_init(&meeting.barrier, 2, act, &meeting);
    explore_spawn("one", meet_in_time, &meeting);
    explore_spawn("two", meet_in_time, &meeting);
    explore_join_all();
    EXPLORE_CHECK(meeting.data[0] == (succeeded(&meeting, 0) && succeeded(&meeting, 1)));
}

/* Of three, one is late while the last arrives: all are told the same. */
EXPLORE(barrier_until_three, .preemptions = 1, .long_preemptions = 2, .timeouts = 1)
{
    struct meeting meeting = {.parties = 3};
    for (int i = 0; i < 3; i++)
        meeting.data[i] = 1;
    thrum_barrier_init(&meeting.barrier, 3, NULL, NULL);
    explore_spawn("patient", meet, &meeting);
    explore_spawn("patient", meet, &meeting);
    explore_spawn("in time", meet_in_time, &meeting);
    explore_join_all();
    for (int i = 1; i < 3; i++)
        EXPLORE_CHECK(succeeded(&meeting, i) == succeeded(&meeting, 0));
}

/* A party whose deadline passes while a reset sends it away leaves the next round alone. */
EXPLORE(barrier_late_after_reset, .preemptions = 2, .timeouts = 1, .sees = "too late")
{
    struct meeting meeting = {.parties = 2};
    thrum_barrier_init(&meeting.barrier, 2, NULL, NULL);
    explore_spawn("late", meet_in_time, &meeting);
    while (!thrum_barrier_waiting(&meeting.barrier) && !thrum_barrier_broken(&meeting.barrier))
        thrum__explore_pause();
    thrum_barrier_reset(&meeting.barrier);
    explore_spawn("next", meet_again, &meeting);
    EXPLORE_CHECK(thrum_barrier_wait(&meeting.barrier, THRUM_FOREVER) >= 0);
    explore_join_all();
    EXPLORE_CHECK(!thrum_barrier_broken(&meeting.barrier));
    EXPLORE_CHECK(meeting.outcome[0] == -EPIPE || meeting.outcome[0] == -ETIMEDOUT);
}
