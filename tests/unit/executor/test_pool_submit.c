/* What the tasks of a thread pool submit to it: whose turn it is, in which order, and how it is counted. */
#include "support_pool.h"

#include <errno.h>
#include <string.h>

static uint32_t enough;

static int go_on(thrum_task *self)
{
    (void)self;
    if (!thrum__load_relaxed(&enough))
        thrum_future_free(thrum_submit(pool, go_on, THRUM_NOTHING));
    return 0;
}

static int end_it(thrum_task *self)
{
    (void)self;
    thrum__store_relaxed(&enough, 1);
    return 0;
}

TEST(a_task_that_goes_on_and_on_leaves_others_their_turn)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future_free(thrum_submit(pool, go_on, THRUM_NOTHING));
    thrum_future *last = thrum_submit(pool, end_it, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(last, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(last);
    thrum_executor_shutdown(pool);
}

static int go_on_alone(thrum_task *self)
{
    (void)self;
    while (!thrum__load_relaxed(&enough))
        thrum_yield();
    return 0;
}

/* What the one has submitted, who is busy since, is begun by the other, who always has more to do. */
static int submit_and_be_busy(thrum_task *self)
{
    thrum_future_free(thrum_submit(pool, end_it, THRUM_NOTHING));
    return go_on_alone(self);
}

TEST(nor_does_it_keep_the_tasks_of_busy_workers_waiting)
{
    make((thrum_thread_pool_options){.max_workers = 2});
    thrum_future_free(thrum_submit(pool, go_on, THRUM_NOTHING));
    thrum_future *busy = thrum_submit(pool, submit_and_be_busy, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(busy, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(busy);
    thrum_executor_shutdown(pool);
}

static int submit_in_order(thrum_task *self)
{
    (void)self;
    thrum_future *futures[100];
    for (int i = 0; i < 100; i++)
        futures[i] = thrum_submit(pool, count, THRUM_NOTHING);
    memcpy(thrum_arg(self, thrum_future **), futures, sizeof futures);
    return 0;
}

TEST(what_a_task_submits_begins_in_order)
{
    thrum_future *futures[100];
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *outer =
        thrum_submit(pool, submit_in_order, thrum_value(thrum_future **, futures));
    CHECK_INT(thrum_future_result(outer, NULL, 0, THRUM_FOREVER), ==, 0);
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t turn = 1000;
        CHECK_INT(thrum_future_result(futures[i], &turn, sizeof turn, THRUM_FOREVER), ==, 0);
        CHECK_INT(turn, ==, i);
        thrum_future_free(futures[i]);
    }
    thrum_future_free(outer);
    thrum_executor_shutdown(pool);
}

static int fail_inside(thrum_task *self)
{
    (void)self;
    return -ERANGE;
}

static int submit_four(thrum_task *self)
{
    (void)self;
    thrum_future *joined = thrum_submit(pool, count, THRUM_NOTHING);
    thrum_future *failed = thrum_submit(pool, fail_inside, THRUM_NOTHING);
    thrum_future *cancelled = thrum_submit(pool, count, THRUM_NOTHING);
    CHECK_INT(stats().pending, ==, 3);
    CHECK_INT(thrum_future_cancel(cancelled), ==, 0);
    CHECK_OUTCOME(thrum_future_result(cancelled, NULL, 0, THRUM_FOREVER),
                  thrum_future_error(cancelled), -ECANCELED);
    CHECK_OUTCOME(thrum_future_result(failed, NULL, 0, THRUM_FOREVER), thrum_future_error(failed),
                  -ERANGE);
    CHECK_INT(thrum_future_result(joined, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(joined);
    thrum_future_free(failed);
    thrum_future_free(cancelled);
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    return 0;
}

TEST(what_a_task_submits_is_counted)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *outer = thrum_submit(pool, submit_four, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(outer, NULL, 0, THRUM_FOREVER), ==, 0);
    UNTIL(stats().done == 5);
    CHECK_INT(stats().pending, ==, 0);
    CHECK_INT(stats().failed, ==, 2);
    CHECK_INT(stats().cancelled, ==, 1);
    thrum_future_free(outer);
    thrum_executor_shutdown(pool);
}
