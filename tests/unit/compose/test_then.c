#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_executor *pool;
static uint32_t ran;

static int square(thrum_task *self)
{
    int n = thrum_arg(self, int);
    thrum__add_relaxed(&ran, 1);
    if (n < 0)
        return thrum_fail(self, -ERANGE, "bad input: %d", n);
    return thrum_return(self, thrum_value(int, n *n));
}

static void begin(void)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
}

TEST(the_result_becomes_the_argument)
{
    begin();
    thrum_future *first = thrum_submit(pool, square, thrum_value(int, 3));
    thrum_future *second = thrum_future_then(first, pool, square);
    thrum_future *third = thrum_future_then(second, pool, square);
    thrum_future_free(first);
    thrum_future_free(second);
    int result = 0;
    CHECK_INT(thrum_future_result(third, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 6561);
    thrum_future_free(third);
    thrum_executor_shutdown(pool);
}

TEST(one_that_is_done_is_followed_at_once)
{
    thrum_executor *executor = thrum_inline_new();
    thrum_future *first = thrum_submit(executor, square, thrum_value(int, 3));
    thrum_future *second = thrum_future_then(first, executor, square);
    CHECK(thrum_future_done(second));
    CHECK_INT(ran, ==, 2);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(executor);
}

TEST(a_failure_passes_through)
{
    begin();
    thrum_future *first = thrum_submit(pool, square, thrum_value(int, -3));
    thrum_future *second = thrum_future_then(first, pool, square);
    thrum_future *third = thrum_future_then(second, pool, square);
    CHECK_OUTCOME(thrum_future_result(third, NULL, 0, THRUM_FOREVER), thrum_future_error(third),
                  -ERANGE);
    CHECK_STR(thrum_future_error(third)->message, "bad input: -3");
    CHECK_INT(ran, ==, 1);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_future_free(third);
    thrum_executor_shutdown(pool);
}

TEST(a_cancellation_passes_through)
{
    begin();
    thrum_future *first = thrum_future_new();
    thrum_future *second = thrum_future_then(first, pool, square);
    CHECK_INT(thrum_future_cancel(first), ==, 0);
    CHECK(thrum_future_cancelled(second));
    CHECK_OUTCOME(thrum_future_result(second, NULL, 0, THRUM_NOW), thrum_future_error(second),
                  -ECANCELED);
    CHECK_INT(thrum_future_set_running(first), ==, -ECANCELED);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 0);
}

TEST(cancelling_the_second_leaves_the_first)
{
    begin();
    thrum_future *first = thrum_future_new();
    thrum_future *second = thrum_future_then(first, pool, square);
    CHECK_INT(thrum_future_cancel(second), ==, 0);
    CHECK(!thrum_future_done(first));
    CHECK_INT(thrum_future_set_result(first, thrum_value(int, 3)), ==, 0);
    CHECK_INT(thrum_future_result(first, NULL, 0, THRUM_NOW), ==, 0);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 0);
}

static struct wide {
    int numbers[100];
} wide;

static int sum(thrum_task *self)
{
    const struct wide *a = &thrum_arg(self, struct wide);
    int total = 0;
    for (int i = 0; i < 100; i++)
        total += a->numbers[i];
    return thrum_return(self, thrum_value(int, total));
}

TEST(large_results_and_none_are_handed_over)
{
    begin();
    for (int i = 0; i < 100; i++)
        wide.numbers[i] = i;
    thrum_future *first = thrum_future_new();
    thrum_future *second = thrum_future_then(first, pool, sum);
    CHECK_INT(thrum_future_set_result(first, &wide, sizeof wide), ==, 0);
    thrum_future_free(first);
    int result = 0;
    CHECK_INT(thrum_future_result(second, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 4950);
    thrum_future_free(second);
    thrum_executor_shutdown(pool);
}

static int no_argument(thrum_task *self)
{
    return thrum_task_arg_size(self) == 0 ? 0 : -EINVAL;
}

TEST(no_result_is_no_argument)
{
    begin();
    thrum_future *first = thrum_submit(pool, no_argument, THRUM_NOTHING);
    thrum_future *second = thrum_future_then(first, pool, no_argument);
    CHECK_INT(thrum_future_result(second, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(pool);
}

TEST(without_memory_it_has_failed)
{
    thrum_executor *executor = thrum_inline_new();
    for (uint32_t n = 1; n <= 2; n++) {
        thrum_future *first = thrum_future_new();
        thrum__fault_arm(THRUM__FAULT_ALLOC, n, 1);
        thrum_future *second = thrum_future_then(first, executor, square);
        thrum__fault_disarm(THRUM__FAULT_ALLOC);
        CHECK_OUTCOME(thrum_future_result(second, NULL, 0, THRUM_NOW), thrum_future_error(second),
                      -ENOMEM);
        CHECK_INT(thrum_future_set_result(first, thrum_value(int, 1)), ==, 0);
        thrum_future_free(first);
        thrum_future_free(second);
    }
    thrum_future *first = thrum_future_new();
    thrum_future *second = thrum_future_then(first, executor, sum);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 2, 1); /* the first is for the result */
    CHECK_INT(thrum_future_set_result(first, &wide, sizeof wide), ==, 0);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_OUTCOME(thrum_future_result(second, NULL, 0, THRUM_NOW), thrum_future_error(second),
                  -ENOMEM);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(executor);
    CHECK_INT(ran, ==, 0);
}

/* A bounded pool that is full. */

static thrum_event leave;
static uint32_t ident;
static thrum_future *first, *second;

static int stay(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&leave, THRUM_FOREVER);
}

static thrum_executor *full_pool(thrum_when_full when_full, thrum_future *held[2])
{
    thrum_executor *full = thrum_thread_pool_new(
        &(thrum_thread_pool_options){.max_workers = 1, .max_pending = 1, .when_full = when_full});
    held[0] = thrum_submit(full, stay, THRUM_NOTHING);
    UNTIL(thrum_future_running(held[0]));
    held[1] = thrum_submit(full, stay, THRUM_NOTHING);
    return full;
}

static void leave_pool(thrum_executor *full, thrum_future *held[2])
{
    thrum_event_set(&leave);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(thrum_future_result(held[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(held[i]);
    }
    thrum_executor_shutdown(full);
}

static bool waits(const uint32_t *asked)
{
    uint32_t number = thrum__load_acquire(asked);
    return number && thrum__load_relaxed(&thrum__context_of(number)->wait_kind);
}

static int chain(thrum_task *self)
{
    tell_ident(&ident);
    second = thrum_future_then(first, thrum_arg(self, thrum_executor *), square);
    return 0;
}

TEST(it_waits_for_room_where_the_pool_does)
{
    thrum_future *held[2];
    int result = 0;
    thrum_executor *here = thrum_inline_new(), *full = full_pool(THRUM_WHEN_FULL_WAIT, held);
    first = thrum_submit(here, square, thrum_value(int, 3));
    thrum_thread *thread = thrum_thread_start(chain, &full, sizeof full);
    UNTIL(waits(&ident));
    CHECK(thrum_thread_is_alive(thread));
    thrum_event_set(&leave);
    JOIN(thread, 0);
    leave_pool(full, held);
    CHECK_INT(thrum_future_result(second, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 81);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(here);
}

TEST(it_fails_where_a_full_pool_refuses)
{
    thrum_future *held[2];
    thrum_executor *here = thrum_inline_new(), *full = full_pool(THRUM_WHEN_FULL_REFUSE, held);
    first = thrum_submit(here, square, thrum_value(int, 3));
    second = thrum_future_then(first, full, square);
    CHECK_OUTCOME(thrum_future_result(second, NULL, 0, THRUM_FOREVER), thrum_future_error(second),
                  -EAGAIN);
    thrum_future_free(first);
    thrum_future_free(second);
    leave_pool(full, held);
    thrum_executor_shutdown(here);
}
