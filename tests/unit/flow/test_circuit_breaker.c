#include "carrier.h"
#include "flow/circuit_breaker.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

/* Moments and durations of these tests are in seconds. */
static thrum_time at(double seconds)
{
    return (thrum_time)(seconds * 1e9);
}

/* Makes a call at `seconds` that ends with `code`; gives what begin said. */
static int call_at(thrum_circuit_breaker *breaker, double seconds, int code)
{
    uint64_t call;
    int rc = thrum__circuit_breaker_begin(breaker, at(seconds), &call);
    if (rc == 0)
        thrum__circuit_breaker_end(breaker, call, code, at(seconds));
    return rc;
}

TEST(failures_in_a_row_open_it)
{
    thrum_circuit_breaker breaker = THRUM_CIRCUIT_BREAKER(.failures = 3, .open = 10);
    for (int i = 0; i < 5; i++) { /* never three in a row */
        CHECK_INT(call_at(&breaker, 1, -EIO), ==, 0);
        CHECK_INT(call_at(&breaker, 1, -EIO), ==, 0);
        CHECK_INT(call_at(&breaker, 1, 0), ==, 0);
    }
    for (int i = 0; i < 3; i++)
        CHECK_INT(call_at(&breaker, 2, i == 1 ? THRUM_FAILED : -EIO), ==, 0);
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_OPEN);
    CHECK_INT(thrum_circuit_breaker_until(&breaker).ns, ==, at(12));
    CHECK_INT(call_at(&breaker, 2, 0), ==, -EHOSTDOWN);
    CHECK_INT(call_at(&breaker, 11.9, 0), ==, -EHOSTDOWN);
}

static void open_at(thrum_circuit_breaker *breaker, double seconds)
{
    thrum_circuit_breaker_init(breaker,
                               &(thrum_circuit_breaker_options){.failures = 1, .open = 10});
    CHECK_INT(call_at(breaker, seconds, -EIO), ==, 0);
    CHECK_INT(thrum_circuit_breaker_state(breaker), ==, THRUM_CIRCUIT_OPEN);
}

TEST(one_probe_at_a_time_decides)
{
    uint64_t probe, other;
    thrum_circuit_breaker breaker;
    open_at(&breaker, 1);
    CHECK_INT(thrum__circuit_breaker_begin(&breaker, at(11), &probe), ==, 0);
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_HALF_OPEN);
    CHECK_INT(thrum__circuit_breaker_begin(&breaker, at(11), &other), ==, -EHOSTDOWN);
    thrum__circuit_breaker_end(&breaker, probe, -EIO, at(12));
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_OPEN);
    CHECK_INT(thrum_circuit_breaker_until(&breaker).ns, ==, at(22));
    CHECK_INT(thrum__circuit_breaker_begin(&breaker, at(22), &probe), ==, 0);
    thrum__circuit_breaker_end(&breaker, probe, 0, at(23));
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_CLOSED);
    CHECK_INT(thrum_circuit_breaker_until(&breaker).ns, ==, 0);
    CHECK_INT(call_at(&breaker, 23, 0), ==, 0);
}

TEST(a_probe_that_is_cancelled_is_made_anew)
{
    thrum_circuit_breaker breaker;
    open_at(&breaker, 1);
    CHECK_INT(call_at(&breaker, 11, -ECANCELED), ==, 0);
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_OPEN);
    CHECK_INT(call_at(&breaker, 11, 0), ==, 0);
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_CLOSED);
    CHECK_INT(call_at(&breaker, 11, -ECANCELED), ==, 0); /* no failure */
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_CLOSED);
}

TEST(a_probe_that_is_lost_does_not_keep_it_half_open)
{
    uint64_t lost, probe;
    thrum_circuit_breaker breaker;
    open_at(&breaker, 1);
    CHECK_INT(thrum__circuit_breaker_begin(&breaker, at(11), &lost), ==, 0);
    CHECK_INT(thrum__circuit_breaker_begin(&breaker, at(20.9), &probe), ==, -EHOSTDOWN);
    CHECK_INT(thrum__circuit_breaker_begin(&breaker, at(21), &probe), ==, 0);
    thrum__circuit_breaker_end(&breaker, lost, 0, at(21)); /* too late to tell anything */
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_HALF_OPEN);
    thrum__circuit_breaker_end(&breaker, probe, 0, at(21));
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_CLOSED);
}

TEST(calls_of_an_earlier_time_change_nothing)
{
    uint64_t early[3];
    thrum_circuit_breaker breaker;
    thrum_circuit_breaker_init(&breaker,
                               &(thrum_circuit_breaker_options){.failures = 1, .open = 10});
    for (int i = 0; i < 3; i++)
        CHECK_INT(thrum__circuit_breaker_begin(&breaker, at(1), &early[i]), ==, 0);
    thrum__circuit_breaker_end(&breaker, early[0], -EIO, at(2));
    thrum__circuit_breaker_end(&breaker, early[1], -EIO, at(5));
    CHECK_INT(thrum_circuit_breaker_until(&breaker).ns, ==, at(12)); /* not prolonged */
    thrum__circuit_breaker_end(&breaker, early[2], 0, at(5));
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_OPEN);
}

TEST(a_share_of_failures_opens_it)
{
    thrum_circuit_breaker breaker =
        THRUM_CIRCUIT_BREAKER(.failures = UINT32_MAX, .share = 0.5, .window = 8, .calls = 6);
    for (int i = 0; i < 4; i++)
        CHECK_INT(call_at(&breaker, 100 + i, i % 2 ? -EIO : 0), ==, 0);
    CHECK_INT(call_at(&breaker, 104, 0), ==, 0);
    CHECK_INT(call_at(&breaker, 104, 0), ==, 0);    /* six calls, a third failed */
    CHECK_INT(call_at(&breaker, 104, -EIO), ==, 0); /* three of seven */
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_CLOSED);
    CHECK_INT(call_at(&breaker, 104, -EIO), ==, 0); /* four of eight */
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_OPEN);
}

TEST(the_window_forgets)
{
    thrum_circuit_breaker breaker =
        THRUM_CIRCUIT_BREAKER(.failures = UINT32_MAX, .share = 0.5, .window = 8, .calls = 4);
    for (int i = 0; i < 3; i++)
        CHECK_INT(call_at(&breaker, 100, -EIO), ==, 0);
    CHECK_INT(call_at(&breaker, 108, -EIO), ==, 0); /* the only one in the window */
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_CLOSED);
    CHECK_INT(call_at(&breaker, 109, -EIO), ==, 0);
    CHECK_INT(call_at(&breaker, 110, -EIO), ==, 0);
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_CLOSED);
    CHECK_INT(call_at(&breaker, 115, -EIO), ==, 0);
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_OPEN);
}

TEST(all_zero_is_a_closed_one_of_five_failures)
{
    uint64_t call;
    static thrum_circuit_breaker breaker;
    for (int i = 0; i < 5; i++) {
        CHECK_INT(thrum_circuit_breaker_begin(&breaker, &call), ==, 0);
        thrum_circuit_breaker_end(&breaker, call, -EIO);
    }
    CHECK_INT(thrum_circuit_breaker_begin(&breaker, &call), ==, -EHOSTDOWN);
    CHECK(thrum_circuit_breaker_until(&breaker).ns > thrum_now());
    thrum_circuit_breaker_init(&breaker, NULL);
    CHECK_INT(thrum_circuit_breaker_state(&breaker), ==, THRUM_CIRCUIT_CLOSED);
}

TEST_STOPS(a_share_above_one_stops_the_program, "a share of 2")
{
    thrum_circuit_breaker breaker;
    thrum_circuit_breaker_init(&breaker, &(thrum_circuit_breaker_options){.share = 2});
}

static thrum_circuit_breaker shared = THRUM_CIRCUIT_BREAKER(.failures = 1, .open = 1000);
static uint32_t probes;

static int probe(thrum_task *self)
{
    (void)self;
    uint64_t call;
    if (thrum__circuit_breaker_begin(&shared, at(1e6), &call) == 0)
        thrum__add_relaxed(&probes, 1);
    return 0;
}

TEST(of_many_threads_one_gets_the_probe)
{
    thrum_thread *threads[8];
    CHECK_INT(call_at(&shared, 1, -EIO), ==, 0);
    for (int i = 0; i < 8; i++)
        threads[i] = thrum_thread_start(probe, THRUM_NOTHING);
    for (int i = 0; i < 8; i++)
        JOIN(threads[i], 0);
    CHECK_INT(probes, ==, 1);
}
