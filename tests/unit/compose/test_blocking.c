#include "carrier.h"

#include <stdio.h>

static int multiply(thrum_task *self)
{
    int number = thrum_arg(self, int);
    if (number < 0)
        return thrum_fail(self, -EINVAL, "bad number");
    return thrum_return(self, thrum_value(int, number * 7));
}

TEST(a_blocking_call_gives_its_result)
{
    int result = 0;
    thrum_error error = {.code = 77};
    CHECK_INT(thrum_blocking(multiply, thrum_value(int, 6), &result, sizeof result, &error,
                             THRUM_FOREVER),
              ==, 0);
    CHECK_INT(result, ==, 42);
    CHECK_INT(error.code, ==, 77);
    CHECK_INT(thrum_blocking(multiply, thrum_value(int, 6), NULL, 0, NULL, THRUM_FOREVER), ==, 0);
}

TEST(a_blocking_call_that_fails_gives_its_code)
{
    int result = 1;
    thrum_error error = {0};
    CHECK_OUTCOME(thrum_blocking(multiply, thrum_value(int, -6), &result, sizeof result, &error,
                                 THRUM_FOREVER),
                  &error, -EINVAL);
    CHECK_STR(error.message, "bad number");
    CHECK_INT(result, ==, 1);
    CHECK_INT(thrum_blocking(multiply, thrum_value(int, -6), NULL, 0, NULL, THRUM_FOREVER), ==,
              THRUM_FAILED);
    CHECK_INT(thrum_blocking(multiply, thrum_value(int, 6), &result, 1, &error, THRUM_FOREVER), ==,
              -EMSGSIZE);
    CHECK_INT(error.code, ==, -EMSGSIZE);
}

static int name_it(thrum_task *self)
{
    return thrum_return(self, thrum_value(uint32_t, thrum_thread_current_ident()));
}

TEST(a_blocking_call_leaves_a_fiber_and_stays_in_a_thread)
{
    uint32_t ident = 0;
    CHECK_INT(thrum_blocking(name_it, THRUM_NOTHING, &ident, sizeof ident, NULL, THRUM_FOREVER), ==,
              0);
    if (thrum_fiber_pool_current())
        CHECK_INT(ident, !=, thrum_thread_current_ident());
    else
        CHECK_INT(ident, ==, thrum_thread_current_ident());
}

/* ------------------------------------------------------------------------------- only in fibers */

static thrum_event gate;
static uint32_t entered, left, stopped;

/* Blocks its thread, as far as a test that can end does. */
static int block(thrum_task *self)
{
    thrum__add_release(&entered, 1);
    int rc = thrum_event_wait(&gate, THRUM_FOREVER);
    if (rc == -ECANCELED || thrum_cancelled(self))
        thrum__add_release(&stopped, 1);
    thrum__add_release(&left, 1);
    return 0;
}

static int call_block(thrum_task *self)
{
    (void)self;
    return thrum_blocking(block, THRUM_NOTHING, NULL, 0, NULL, THRUM_FOREVER);
}

static uint32_t caller;

static int call_and_tell(thrum_task *self)
{
    tell_ident(&caller);
    return call_block(self);
}

TEST(other_fibers_run_while_calls_block)
{
    enum { CALLS = 10 };
    thrum_thread *threads[CALLS];
    for (int i = 0; i < CALLS; i++)
        threads[i] = thrum_thread_start(call_block, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&entered) == CALLS);
    thrum_event_set(&gate);
    for (int i = 0; i < CALLS; i++)
        JOIN(threads[i], 0);
}

TEST(a_deadline_leaves_a_blocking_call_alone_and_asks_it_to_stop)
{
    if (!thrum_fiber_pool_current())
        return; /* a thread just calls */
    CHECK_INT(thrum_blocking(block, THRUM_NOTHING, NULL, 0, NULL, thrum_in(0.01)), ==, -ETIMEDOUT);
    if (thrum__load_acquire(&entered))
        UNTIL(thrum__load_acquire(&stopped) == 1);
}

TEST(a_fiber_that_is_cancelled_leaves_its_blocking_call)
{
    if (!thrum_fiber_pool_current())
        return;
    thrum_thread *thread = thrum_thread_start(call_block, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&entered) == 1);
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
    UNTIL(thrum__load_acquire(&left) == 1);
}

TEST(helpers_are_bounded)
{
    if (!thrum_fiber_pool_current())
        return;
    CHECK_INT(setenv("THRUM_BLOCKING_THREADS", "2", 1), ==, 0);
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = thrum_thread_start(call_block, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&entered) == 2);
    for (int i = 0; i < 1000; i++)
        thrum_yield();
    CHECK_INT(thrum__load_acquire(&entered), ==, 2);
    thrum_event_set(&gate);
    for (int i = 0; i < 4; i++)
        JOIN(threads[i], 0);
}

/* A call that no helper has begun is given up for good. */
TEST(a_call_that_waits_for_a_helper_can_be_left)
{
    if (!thrum_fiber_pool_current())
        return;
    CHECK_INT(setenv("THRUM_BLOCKING_THREADS", "1", 1), ==, 0);
    thrum_thread *first = thrum_thread_start(call_block, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&entered) == 1);
    CHECK_INT(thrum_blocking(block, THRUM_NOTHING, NULL, 0, NULL, thrum_in(0.01)), ==, -ETIMEDOUT);
    thrum_thread *second = thrum_thread_start(call_and_tell, THRUM_NOTHING);
    UNTIL(waits_for(&caller, "future"));
    CHECK_INT(thrum_thread_cancel(second), ==, 0);
    JOIN(second, -ECANCELED);
    thrum_event_set(&gate);
    JOIN(first, 0);
    CHECK_INT(thrum_blocking(multiply, thrum_value(int, 6), NULL, 0, NULL, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum__load_acquire(&entered), ==, 1);
}

TEST(without_memory_a_blocking_call_fails)
{
    int result;
    char large[1000] = "";
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, UINT32_MAX);
    thrum_error error = {0};
    int rc = thrum_blocking(multiply, large, sizeof large, &result, sizeof result, &error,
                            THRUM_FOREVER);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_OUTCOME(rc, &error, -ENOMEM);
}
