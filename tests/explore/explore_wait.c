/* Waiting for many futures: the wait ends when its condition is true, not before, and what was
 * written before the ends that it waited for is seen after it. */
#include "explore.h"
#include "future/future.h"

#include <errno.h>
#include <thrum/thread.h>

static int data[2];
static thrum_future *futures[2];

static int succeed(thrum_task *self)
{
    EXPLORE_WRITE(data[thrum_arg(self, int)], 1);
    return 0;
}

static int fail(thrum_task *self)
{
    EXPLORE_WRITE(data[thrum_arg(self, int)], 1);
    return -ERANGE;
}

static void run(void *future)
{
    thrum__future_run(future);
    thrum__future_unreference(future);
}

static void begin(thrum_task_fn *first, thrum_task_fn *second)
{
    futures[0] = thrum__future_new(first, thrum__value_of(thrum_value(int, 0), NULL));
    futures[1] = thrum__future_new(second, thrum__value_of(thrum_value(int, 1), NULL));
    explore_spawn("first", run, futures[0]);
    explore_spawn("second", run, futures[1]);
}

static void end(void)
{
    explore_join_all();
    for (int i = 0; i < 2; i++) {
        thrum__future_ignore(futures[i]);
        thrum_future_free(futures[i]);
    }
}

EXPLORE(wait_all, .preemptions = 1, .long_preemptions = 2)
{
    begin(succeed, succeed);
    EXPLORE_CHECK(thrum_wait(futures, 2, THRUM_WAIT_ALL_COMPLETED, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_future_done(futures[0]) && thrum_future_done(futures[1]));
    EXPLORE_CHECK(EXPLORE_READ(data[0]) + EXPLORE_READ(data[1]) == 2);
    end();
}

EXPLORE(wait_first, .preemptions = 1, .long_preemptions = 2, .sees = "one")
{
    begin(succeed, succeed);
    EXPLORE_CHECK(thrum_wait(futures, 2, THRUM_WAIT_FIRST_COMPLETED, THRUM_FOREVER) == 0);
    bool first = thrum_future_done(futures[0]), second = thrum_future_done(futures[1]);
    EXPLORE_CHECK(first || second);
    if (first != second)
        explore_seen("one");
    EXPLORE_CHECK(EXPLORE_READ(data[first ? 0 : 1]) == 1);
    end();
}

EXPLORE(wait_failed, .preemptions = 1, .long_preemptions = 2, .sees = "early")
{
    begin(succeed, fail);
    EXPLORE_CHECK(thrum_wait(futures, 2, THRUM_WAIT_FIRST_FAILED, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_future_done(futures[1]) && EXPLORE_READ(data[1]) == 1);
    if (!thrum_future_done(futures[0]))
        explore_seen("early");
    end();
}

/* A wait finds its condition true while it begins, and another future makes it true once more: the wake-up of
 * that does not end the next wait. */
EXPLORE(wait_abandon, .preemptions = 2, .rescue = true)
{
    begin(fail, fail);
    EXPLORE_CHECK(thrum_wait(futures, 2, THRUM_WAIT_FIRST_FAILED, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 1000)) == 0);
    end();
}

EXPLORE(wait_until, .preemptions = 2, .timeouts = 1)
{
    futures[0] = thrum__future_new(succeed, thrum__value_of(thrum_value(int, 0), NULL));
    explore_spawn("first", run, futures[0]);
    int rc = thrum_wait(futures, 1, THRUM_WAIT_ALL_COMPLETED, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == 0 || (rc == -ETIMEDOUT && explore_timeouts()));
    explore_join_all();
    thrum_future_free(futures[0]);
}
