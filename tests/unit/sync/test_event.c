#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>

static thrum_event event;
static uint32_t idents[4];

TEST(the_flag_is_set_and_cleared)
{
    thrum_event fixed = THRUM_EVENT_INIT;
    CHECK(!thrum_event_is_set(&fixed));
    CHECK_INT(thrum_event_wait(&fixed, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_event_wait(&fixed, thrum_in(0.005)), ==, -ETIMEDOUT);
    thrum_event_set(&fixed);
    thrum_event_set(&fixed);
    CHECK(thrum_event_is_set(&fixed));
    CHECK_INT(thrum_event_wait(&fixed, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_event_wait(&fixed, THRUM_FOREVER), ==, 0);
    thrum_event_clear(&fixed);
    CHECK(!thrum_event_is_set(&fixed));
    thrum_event_finish(&fixed);
    thrum_event_init(&fixed);
    CHECK(!thrum_event_is_set(&fixed));
}

static int wait_told(thrum_task *self)
{
    tell_ident(&idents[thrum_arg(self, int)]);
    return thrum_event_wait(&event, THRUM_FOREVER);
}

TEST(a_set_wakes_all)
{
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++) {
        threads[i] = thrum_thread_start(wait_told, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "event"));
    }
    thrum_event_set(&event);
    for (int i = 0; i < 4; i++)
        JOIN(threads[i], 0);
    thrum_event_finish(&event);
}

TEST(one_woken_by_a_set_returns_0_though_it_is_cleared_at_once)
{
    thrum_thread *thread = thrum_thread_start(wait_told, thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "event"));
    thrum_event_set(&event);
    thrum_event_clear(&event);
    JOIN(thread, 0);
}

TEST(a_cancelled_waiter_leaves_the_others)
{
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++) {
        threads[i] = thrum_thread_start(wait_told, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "event"));
    }
    thrum_thread_cancel(threads[1]);
    JOIN(threads[1], -ECANCELED);
    CHECK(waits_for(&idents[0], "event") && waits_for(&idents[2], "event"));
    thrum_event_set(&event);
    JOIN(threads[0], 0);
    JOIN(threads[2], 0);
}

static int set_it(thrum_task *self)
{
    thrum_event_set(thrum_arg(self, thrum_event *));
    return 0;
}

TEST_DEADLINE(the_waiter_may_free_it, 60)
{
    for (int i = 0; i < 2000; i++) {
        thrum_event *once = calloc(1, sizeof *once);
        CHECK(once != NULL);
        thrum_thread *thread = thrum_thread_start(set_it, thrum_value(thrum_event *, once));
        CHECK_INT(thrum_event_wait(once, THRUM_FOREVER), ==, 0);
        free(once);
        JOIN(thread, 0);
    }
}

struct ping_pong {
    thrum_event there, back;
};

static int answer(thrum_task *self)
{
    struct ping_pong *both = thrum_arg(self, struct ping_pong *);
    for (int i = 0; i < 2000; i++) {
        CHECK_INT(thrum_event_wait(&both->there, THRUM_FOREVER), ==, 0);
        thrum_event_clear(&both->there);
        thrum_event_set(&both->back);
    }
    return 0;
}

TEST_DEADLINE(no_set_is_lost_between_two, 60)
{
    struct ping_pong both = {THRUM_EVENT_INIT, THRUM_EVENT_INIT};
    thrum_thread *thread = thrum_thread_start(answer, thrum_value(struct ping_pong *, &both));
    for (int i = 0; i < 2000; i++) {
        thrum_event_set(&both.there);
        CHECK_INT(thrum_event_wait(&both.back, THRUM_FOREVER), ==, 0);
        thrum_event_clear(&both.back);
    }
    JOIN(thread, 0);
}

TEST_STOPS(finishing_one_that_is_waited_for_stops, "while it is waited for")
{
    thrum_thread_start(wait_told, thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "event"));
    thrum_event_finish(&event);
}
