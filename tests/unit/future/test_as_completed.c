#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

enum { COUNT = 8 };
static thrum_event gates[COUNT];

static int pass_gate(thrum_task *self)
{
    int index = thrum_arg(self, int);
    int rc = thrum_event_wait(&gates[index], THRUM_FOREVER);
    return rc < 0 ? rc : thrum_return(self, thrum_value(int, index));
}

TEST(futures_come_in_the_order_of_their_ends)
{
    static const size_t order[COUNT] = {3, 1, 7, 0, 2, 6, 5, 4};
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = COUNT});
    thrum_future *futures[COUNT];
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(pool, pass_gate, thrum_value(int, i));
    thrum_as_completed *done = thrum_as_completed_new(futures, COUNT);
    size_t index = 99;
    CHECK_INT(thrum_as_completed_next(done, &index, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_as_completed_next(done, &index, thrum_in(0.003)), ==, -ETIMEDOUT);
    CHECK_INT(index, ==, 99);
    for (int i = 0; i < COUNT; i++) {
        thrum_event_set(&gates[order[i]]);
        CHECK_INT(thrum_as_completed_next(done, &index, THRUM_FOREVER), ==, 0);
        CHECK_INT(index, ==, order[i]);
        int result;
        CHECK_INT(thrum_future_result(futures[index], &result, sizeof result, THRUM_NOW), ==, 0);
        CHECK_INT(result, ==, (int)index);
    }
    CHECK_INT(thrum_as_completed_next(done, &index, THRUM_FOREVER), ==, -ENODATA);
    thrum_as_completed_free(done);
    thrum_as_completed_free(NULL);
    for (int i = 0; i < COUNT; i++)
        thrum_future_free(futures[i]);
    thrum_executor_shutdown(pool);
}

TEST(the_done_the_doubled_and_the_cancelled_come_too)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *blocked = thrum_submit(pool, pass_gate, thrum_value(int, 0));
    thrum_future *pending = thrum_submit(pool, pass_gate, thrum_value(int, 1));
    UNTIL(thrum_future_running(blocked));
    thrum_future *watched[3] = {pending, blocked, pending};
    thrum_as_completed *done = thrum_as_completed_new(watched, 3);
    CHECK_INT(thrum_future_cancel(pending), ==, 0);
    size_t first, second, third;
    CHECK_INT(thrum_as_completed_next(done, &first, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_as_completed_next(done, &second, THRUM_FOREVER), ==, 0);
    CHECK(first != second && first != 1 && second != 1);
    thrum_event_set(&gates[0]);
    CHECK_INT(thrum_as_completed_next(done, &third, THRUM_FOREVER), ==, 0);
    CHECK_INT(third, ==, 1);
    thrum_as_completed_free(done);
    done = thrum_as_completed_new(watched, 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(thrum_as_completed_next(done, &first, THRUM_NOW), ==, 0);
        CHECK_INT(first, ==, i);
    }
    thrum_as_completed_free(done);
    thrum_future_free(blocked);
    thrum_future_free(pending);
    thrum_executor_shutdown(pool);
}

TEST(one_may_stop_watching_early)
{
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = COUNT});
    thrum_future *futures[COUNT];
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(pool, pass_gate, thrum_value(int, i));
    thrum_as_completed *early = thrum_as_completed_new(futures, COUNT);
    thrum_as_completed *other = thrum_as_completed_new(futures, COUNT);
    thrum_as_completed *middle = thrum_as_completed_new(futures, COUNT);
    thrum_event_set(&gates[2]);
    size_t index;
    CHECK_INT(thrum_as_completed_next(early, &index, THRUM_FOREVER), ==, 0);
    thrum_as_completed_free(other);
    thrum_as_completed_free(early);
    for (int i = 0; i < COUNT; i++)
        thrum_event_set(&gates[i]);
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(thrum_as_completed_next(middle, &index, THRUM_FOREVER), ==, 0);
    thrum_as_completed_free(middle);
    for (int i = 0; i < COUNT; i++)
        thrum_future_free(futures[i]);
    thrum_executor_shutdown(pool);
}

TEST(no_futures_end_at_once)
{
    thrum_as_completed *done = thrum_as_completed_new(NULL, 0);
    size_t index;
    CHECK_INT(thrum_as_completed_next(done, &index, THRUM_FOREVER), ==, -ENODATA);
    thrum_as_completed_free(done);
    CHECK(thrum_as_completed_new(NULL, SIZE_MAX) == NULL);
}

static int answer(thrum_task *self)
{
    return thrum_return(self, &thrum_arg(self, int), sizeof(int));
}

TEST_DEADLINE(thousands_come_once_each, 60)
{
    enum { MANY = 5000 };
    static thrum_future *futures[MANY];
    static bool given[MANY];
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 3});
    for (int i = 0; i < MANY; i++)
        futures[i] = thrum_submit(pool, answer, thrum_value(int, i));
    thrum_as_completed *done = thrum_as_completed_new(futures, MANY);
    size_t index;
    int count = 0;
    for (; thrum_as_completed_next(done, &index, THRUM_FOREVER) == 0; count++) {
        CHECK(!given[index]);
        given[index] = true;
    }
    CHECK_INT(count, ==, MANY);
    thrum_as_completed_free(done);
    for (int i = 0; i < MANY; i++)
        thrum_future_free(futures[i]);
    thrum_executor_shutdown(pool);
}
