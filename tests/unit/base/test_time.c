#include "carrier.h"

#include <errno.h>
#include <math.h>
#include <time.h>

TEST(now_moves_forward)
{
    thrum_time a = thrum_now(), b = thrum_now();
    CHECK(a > 0 && b >= a && b < INT64_MAX);
}

TEST(in_takes_any_number)
{
    thrum_time now = thrum_now();
    CHECK(thrum_in(2).ns >= now + 2000000000);
    CHECK(thrum_in(2).ns < now + 60000000000);
    CHECK(thrum_in(0).ns >= now && thrum_in(-5).ns >= now && thrum_in((double)NAN).ns >= now);
    CHECK(thrum_in(-5).ns <= thrum_now());
    CHECK(thrum_deadline_is_forever(thrum_in(1e300)));
    CHECK(thrum_deadline_is_forever(thrum_in((double)INFINITY)));
    CHECK(thrum_deadline_is_forever(thrum_in(9.3e9)));
}

TEST(at_is_never_now)
{
    CHECK_INT(thrum_at(7).ns, ==, 7);
    CHECK_INT(thrum_at(0).ns, ==, 1);
    CHECK_INT(thrum_at(-7).ns, ==, 1);
    CHECK(thrum_deadline_is_forever(thrum_at(INT64_MAX)));
    CHECK(thrum_deadline_is_now(THRUM_NOW) && !thrum_deadline_is_now(thrum_at(0)));
    CHECK_INT(thrum_deadline_sooner(thrum_at(7), thrum_at(8)).ns, ==, 7);
    CHECK_INT(thrum_deadline_sooner(THRUM_FOREVER, THRUM_NOW).ns, ==, 0);
}

TEST(sleep_does_not_return_early)
{
    for (int i = 0; i < 5; i++) {
        thrum_deadline end = thrum_in(0.003);
        CHECK_INT(thrum_sleep(end), ==, 0);
        CHECK(thrum_now() >= end.ns);
    }
    CHECK_INT(thrum_sleep(THRUM_NOW), ==, 0);
    CHECK_INT(thrum_sleep(thrum_in(-1)), ==, 0);
}

static uint32_t ident;

static int sleep_long(thrum_task *self)
{
    (void)self;
    tell_ident(&ident);
    int rc = thrum_sleep(THRUM_FOREVER);
    CHECK_INT(thrum_sleep(thrum_in(60)), ==, -ECANCELED); /* and stays cancelled */
    return rc;
}

TEST(a_sleep_is_cancelled)
{
    thrum_thread *thread = thrum_thread_start(sleep_long, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "sleep"));
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
}

static int sleep_cancelled(thrum_task *self)
{
    UNTIL(thrum_cancelled(self));
    return thrum_sleep(THRUM_FOREVER);
}

TEST(a_cancellation_before_the_sleep_counts)
{
    thrum_thread *thread = thrum_thread_start(sleep_cancelled, THRUM_NOTHING);
    thrum_thread_cancel(thread);
    JOIN(thread, -ECANCELED);
}

TEST(a_wait_interrupted_by_signals_does_not_end_early)
{
    THREADS_ONLY; /* a fiber's sleep is not the futex's */
    thrum__fault_arm(THRUM__FAULT_FUTEX_WAIT, 1, 50);
    thrum_deadline end = thrum_in(0.02);
    CHECK_INT(thrum_sleep(end), ==, 0);
    CHECK(thrum_now() >= end.ns);
    CHECK_INT(thrum__fault_calls(THRUM__FAULT_FUTEX_WAIT), >, 50);
    static thrum_event event;
    thrum__fault_arm(THRUM__FAULT_FUTEX_WAIT, 1, 50);
    CHECK_INT(thrum_event_wait(&event, thrum_in(0.02)), ==, -ETIMEDOUT);
    CHECK_INT(thrum__fault_calls(THRUM__FAULT_FUTEX_WAIT), >, 50);
}
