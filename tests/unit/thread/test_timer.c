#include "harness.h"
#include "support.h"

#include <errno.h>

static uint32_t ran;

static int run(thrum_task *self)
{
    thrum__add_relaxed(&ran, 1);
    return thrum_return(self, thrum_value(thrum_time, thrum_now()));
}

TEST(it_runs_at_its_time_and_not_before)
{
    thrum_deadline at = thrum_in(0.01);
    thrum_time when;
    thrum_thread *timer = thrum_timer_start(at, run, THRUM_NOTHING);
    CHECK_INT(thrum_thread_result(timer, &when, sizeof when, THRUM_FOREVER), ==, 0);
    CHECK(when >= at.ns);
    CHECK_INT(thrum_timer_cancel(timer), ==, -EALREADY);
    thrum_thread_free(timer);
    timer = thrum_timer_start(THRUM_NOW, run, THRUM_NOTHING);
    JOIN(timer, 0);
    CHECK_INT(ran, ==, 2);
}

TEST(a_cancelled_one_never_runs)
{
    thrum_thread *timer = thrum_timer_start(THRUM_FOREVER, run, THRUM_NOTHING);
    CHECK_INT(thrum_timer_cancel(timer), ==, 0);
    CHECK_INT(thrum_timer_cancel(timer), ==, -EALREADY);
    JOIN(timer, -ECANCELED);
    timer = thrum_timer_start(thrum_in(1000), run, THRUM_NOTHING);
    CHECK_INT(thrum_thread_cancel(timer), ==, 0);
    JOIN(timer, -ECANCELED);
    CHECK_INT(ran, ==, 0);
}

TEST_DEADLINE(cancel_against_start_has_one_outcome, 60)
{
    uint32_t cancelled = 0;
    for (int i = 0; i < 300; i++) {
        thrum_thread *timer = thrum_timer_start(thrum_in(1e-6 * (i % 80)), run, THRUM_NOTHING);
        int rc = thrum_timer_cancel(timer);
        cancelled += rc == 0;
        JOIN(timer, rc == 0 ? -ECANCELED : 0);
    }
    CHECK_INT(ran + cancelled, ==, 300);
}
