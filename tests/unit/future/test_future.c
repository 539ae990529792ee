#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_executor *pool;
static thrum_event go;
static uint32_t ident;

static void make_pool(int workers)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
    CHECK(pool != NULL);
}

static int wait_for_go(thrum_task *self)
{
    tell_ident(&ident);
    int rc = thrum_event_wait(&go, THRUM_FOREVER);
    return rc < 0 ? rc : thrum_return(self, thrum_value(int, 7));
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ETIMEDOUT, "no answer");
}

TEST(the_states_are_shown)
{
    make_pool(1);
    thrum_future *first = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    thrum_future *second = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    UNTIL(thrum_future_running(first));
    CHECK(!thrum_future_done(first) && !thrum_future_cancelled(first));
    CHECK(!thrum_future_running(second) && !thrum_future_done(second));
    CHECK(thrum_future_error(first) == NULL);
    CHECK_INT(thrum_future_result_size(first), ==, 0);
    int result = 1;
    CHECK_INT(thrum_future_result(first, &result, sizeof result, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_future_result(first, &result, sizeof result, thrum_in(0.003)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_future_wait(first, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(result, ==, 1);
    thrum_event_set(&go);
    CHECK_INT(thrum_future_wait(second, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_result(first, &result, sizeof result, THRUM_NOW), ==, 0);
    CHECK_INT(result, ==, 7);
    CHECK(thrum_future_done(first) && !thrum_future_running(first));
    CHECK_INT(thrum_future_result_size(first), ==, sizeof(int));
    CHECK_INT(thrum_future_cancel(first), ==, -EALREADY);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_future_free(NULL);
    thrum_executor_shutdown(pool);
}

TEST(a_tasks_own_timeout_is_a_failure)
{
    make_pool(1);
    thrum_future *future = thrum_submit(pool, fail, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ETIMEDOUT);
    CHECK(thrum_future_done(future));
    CHECK_STR(thrum_future_error(future)->message, "no answer");
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

static uint32_t ran;

static int count(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&ran, 1);
    return 0;
}

static int wait_for_future(thrum_task *self)
{
    thrum_future *future = thrum_arg(self, thrum_future *);
    tell_ident(&ident);
    return OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                        thrum_future_error(future));
}

TEST(cancelling_the_pending_wakes_its_waiters_and_it_never_runs)
{
    make_pool(1);
    thrum_future *busy = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    UNTIL(thrum_future_running(busy));
    UNTIL(waits_for(&ident, "event"));
    thrum_future *future = thrum_submit(pool, count, THRUM_NOTHING);
    ident = 0;
    thrum_thread *waiter = thrum_thread_start(wait_for_future, thrum_value(thrum_future *, future));
    UNTIL(waits_for(&ident, "future"));
    CHECK_INT(thrum_future_cancel(future), ==, 0);
    JOIN(waiter, -ECANCELED);
    CHECK(thrum_future_cancelled(future) && thrum_future_done(future));
    CHECK_INT(thrum_future_error(future)->code, ==, -ECANCELED);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future),
                  -ECANCELED);
    CHECK_INT(thrum_future_cancel(future), ==, -EALREADY);
    thrum_event_set(&go);
    thrum_future_free(busy);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 0);
}

TEST(a_running_task_is_asked_to_stop_and_the_next_one_is_not)
{
    make_pool(1);
    thrum_future *first = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    UNTIL(thrum_future_running(first));
    CHECK_INT(thrum_future_cancel(first), ==, -EINPROGRESS);
    CHECK_OUTCOME(thrum_future_result(first, NULL, 0, THRUM_FOREVER), thrum_future_error(first),
                  -ECANCELED);
    CHECK(!thrum_future_cancelled(first));
    thrum_future *second = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    thrum_event_set(&go);
    CHECK_INT(thrum_future_result(second, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(pool);
}

static int spin_until_cancelled(thrum_task *self)
{
    UNTIL(thrum_cancelled(self));
    return -ECANCELED;
}

TEST(a_task_that_does_not_wait_can_ask)
{
    make_pool(1);
    thrum_future *future = thrum_submit(pool, spin_until_cancelled, THRUM_NOTHING);
    UNTIL(thrum_future_running(future));
    CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ECANCELED);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

TEST_DEADLINE(cancel_against_start_and_end_has_one_outcome, 60)
{
    make_pool(2);
    uint32_t cancelled = 0;
    for (int i = 0; i < 3000; i++) {
        thrum_future *future = thrum_submit(pool, count, THRUM_NOTHING);
        if (i % 3 == 0)
            thrum_yield();
        int rc = thrum_future_cancel(future);
        CHECK(rc == 0 || rc == -EINPROGRESS || rc == -EALREADY);
        cancelled += rc == 0;
        CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
        CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future),
                      rc == 0 ? -ECANCELED : 0);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(pool);
    CHECK_INT(ran + cancelled, ==, 3000);
}

TEST(a_future_outlives_its_executor_and_the_executor_its_futures)
{
    make_pool(2);
    thrum_event_set(&go);
    thrum_future *future = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    for (int i = 0; i < 100; i++)
        thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 100);
    int result;
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_NOW), ==, 0);
    CHECK_INT(result, ==, 7);
    thrum_future_free(future);
}
