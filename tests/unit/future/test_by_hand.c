/* Futures made by hand. */
#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static int square(thrum_task *self)
{
    thrum_future *future = thrum_arg(self, thrum_future *);
    int rc = thrum_future_set_running(future);
    return rc < 0 ? rc : thrum_future_set_result(future, thrum_value(int, 49));
}

TEST(a_result_reaches_who_waits)
{
    thrum_future *future = thrum_future_new();
    CHECK(!thrum_future_done(future) && !thrum_future_running(future));
    thrum_thread *maker = thrum_thread_start(square, thrum_value(thrum_future *, future));
    int result = 0;
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 49);
    CHECK_INT(thrum_future_cancel(future), ==, -EALREADY);
    JOIN(maker, 0);
    thrum_future_free(future);
}

TEST(an_error_reaches_who_waits)
{
    thrum_future *future = thrum_future_new();
    CHECK_INT(thrum_future_set_running(future), ==, 0);
    CHECK(thrum_future_running(future));
    CHECK_INT(thrum_future_set_error(future, -ERANGE, "part %d", 3), ==, 0);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ERANGE);
    CHECK_STR(thrum_future_error(future)->message, "part 3");
    thrum_future_free(future);
    future = thrum_future_new();
    CHECK_INT(thrum_future_set_error(future, 5, "positive"), ==, 0);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -EINVAL);
    thrum_future_free(future);
}

TEST(a_pending_one_can_be_cancelled)
{
    thrum_future *future = thrum_future_new();
    CHECK(!thrum_future_cancel_requested(future));
    CHECK_INT(thrum_future_cancel(future), ==, 0);
    CHECK(thrum_future_cancelled(future) && thrum_future_cancel_requested(future));
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ECANCELED);
    CHECK_INT(thrum_future_set_running(future), ==, -ECANCELED);
    thrum_future_free(future);
    future = thrum_future_new();
    CHECK_INT(thrum_future_cancel(future), ==, 0);
    CHECK_INT(thrum_future_set_result(future, thrum_value(int, 1)), ==, -ECANCELED);
    CHECK_INT(thrum_future_result_size(future), ==, 0);
    thrum_future_free(future);
    future = thrum_future_new();
    CHECK_INT(thrum_future_cancel(future), ==, 0);
    CHECK_INT(thrum_future_set_error(future, -ERANGE, "late"), ==, -ECANCELED);
    CHECK_INT(thrum_future_error(future)->code, ==, -ECANCELED);
    thrum_future_free(future);
}

TEST(a_running_one_is_asked)
{
    thrum_future *future = thrum_future_new();
    CHECK_INT(thrum_future_set_running(future), ==, 0);
    CHECK(!thrum_future_cancel_requested(future));
    CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
    CHECK(thrum_future_cancel_requested(future));
    CHECK_INT(thrum_sleep(thrum_in(0.001)), ==, 0); /* the maker's thread is not disturbed */
    CHECK_INT(thrum_future_set_result(future, THRUM_NOTHING), ==, 0);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_NOW), ==, 0);
    thrum_future_free(future);
}

TEST(the_owner_may_free_first)
{
    thrum_future *future = thrum_future_new();
    thrum_future_free(future);
    CHECK_INT(thrum_future_set_running(future), ==, 0);
    CHECK_INT(thrum_future_set_result(future, thrum_value(int, 1)), ==, 0);
}

static int told;

static void hook(const thrum_failure *failure, void *context)
{
    (void)context;
    CHECK_STR(failure->kind, "future");
    CHECK_STR(failure->error->message, "unseen");
    told++;
}

TEST(an_unseen_error_is_told)
{
    thrum_failure_hook_set(hook, NULL);
    thrum_future *future = thrum_future_new();
    CHECK_INT(thrum_future_set_error(future, -ERANGE, "unseen"), ==, 0);
    CHECK_INT(told, ==, 0);
    thrum_future_free(future);
    CHECK_INT(told, ==, 1);
    thrum_failure_hook_set(NULL, NULL);
}

TEST(without_memory_it_is_none_or_has_failed)
{
    static const char large[100];
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK(thrum_future_new() == NULL);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    thrum_future *future = thrum_future_new();
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(thrum_future_set_result(future, large, sizeof large), ==, -ENOMEM);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future),
                  -ENOMEM);
    thrum_future_free(future);
}

TEST_STOPS(a_second_result_stops_the_program,
           "given a result by thread \"MainThread\", but it is done")
{
    thrum_future *future = thrum_future_new();
    thrum_future_set_result(future, THRUM_NOTHING);
    thrum_future_set_result(future, THRUM_NOTHING);
}

TEST_STOPS(an_error_after_the_end_stops_the_program, "given an error by thread")
{
    thrum_future *future = thrum_future_new();
    thrum_future_cancel(future);
    CHECK_INT(thrum_future_set_running(future), ==, -ECANCELED);
    thrum_future_set_error(future, -ERANGE, "late");
}

TEST_STOPS(running_twice_stops_the_program, "it is running already")
{
    thrum_future *future = thrum_future_new();
    CHECK_INT(thrum_future_set_running(future), ==, 0);
    (void)!thrum_future_set_running(future); /* stops the program */
}

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

TEST_STOPS(an_executors_future_is_not_to_be_set, "but only its executor may do that")
{
    thrum_executor *executor = thrum_inline_new();
    thrum_future_set_result(thrum_submit(executor, nothing, THRUM_NOTHING), THRUM_NOTHING);
}
