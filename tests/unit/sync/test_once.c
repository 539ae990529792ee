#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_once once;
static int runs, value;

static int set_value(void *context)
{
    runs++;
    thrum_yield();
    value = *(int *)context;
    return 0;
}

static int fail_twice(void *context)
{
    const int codes[] = {-EIO, THRUM_FAILED, 0};
    (void)context;
    return codes[runs++];
}

static int run_it(thrum_task *self)
{
    int wanted = 41;
    (void)self;
    int rc = thrum_once_run(&once, set_value, &wanted);
    CHECK_INT(value, ==, 41);
    CHECK(thrum_once_done(&once));
    return rc;
}

TEST(it_is_done_once_and_all_see_it)
{
    thrum_thread *threads[8];
    CHECK(!thrum_once_done(&once));
    for (int i = 0; i < 8; i++)
        threads[i] = thrum_thread_start(run_it, THRUM_NOTHING);
    for (int i = 0; i < 8; i++)
        JOIN(threads[i], 0);
    CHECK_INT(runs, ==, 1);
}

TEST(one_that_fails_is_tried_again)
{
    thrum_once fixed = THRUM_ONCE_INIT;
    CHECK_INT(thrum_once_run(&fixed, fail_twice, NULL), ==, -EIO);
    CHECK(!thrum_once_done(&fixed));
    CHECK_INT(thrum_once_run(&fixed, fail_twice, NULL), ==, THRUM_FAILED);
    CHECK(!thrum_once_done(&fixed));
    CHECK_INT(thrum_once_run(&fixed, fail_twice, NULL), ==, 0);
    CHECK(thrum_once_done(&fixed));
    CHECK_INT(thrum_once_run(&fixed, fail_twice, NULL), ==, 0);
    CHECK_INT(runs, ==, 3);
}

static int recurse(void *context)
{
    return thrum_once_run(&once, recurse, context);
}

TEST_STOPS(one_that_needs_itself_stops, "acquired a second time")
{
    (void)!thrum_once_run(&once, recurse, NULL); /* stops the program */
}
