#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_executor *pool;
static thrum_group *group;
static thrum_event go;
static uint32_t ran, stopped;

static void begin(int workers)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
    group = thrum_group_new();
}

static void end(void)
{
    thrum_group_free(group);
    thrum_executor_shutdown(pool);
}

static void submit(thrum_task_fn *function)
{
    thrum_future_free(thrum_group_submit(group, pool, function, THRUM_NOTHING));
}

static int count(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&ran, 1);
    return 0;
}

static int wait_for_go(thrum_task *self)
{
    thrum__add_relaxed(&ran, 1);
    int rc = thrum_event_wait(&go, THRUM_FOREVER);
    if (rc < 0)
        thrum__add_relaxed(&stopped, 1);
    (void)self;
    return rc;
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "the first");
}

TEST(a_join_waits_for_all)
{
    begin(3);
    for (int i = 0; i < 100; i++)
        submit(count);
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0);
    CHECK(thrum_group_error(group) == NULL);
    CHECK_INT(ran, ==, 100);
    CHECK_INT(thrum_group_join(group, THRUM_NOW), ==, 0);
    end();
    thrum_group_free(NULL);
}

static int seven(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 7));
}

TEST(its_futures_are_the_callers)
{
    begin(1);
    thrum_future *future = thrum_group_submit(group, pool, seven, THRUM_NOTHING);
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0);
    end();
    int result = 0;
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_NOW), ==, 0);
    CHECK_INT(result, ==, 7);
    thrum_future_free(future);
}

TEST(the_first_failure_stops_the_rest)
{
    begin(2);
    submit(wait_for_go);
    UNTIL(thrum__load_relaxed(&ran) == 1);
    submit(wait_for_go);
    UNTIL(thrum__load_relaxed(&ran) == 2);
    thrum_executor *other = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *pending = thrum_group_submit(group, pool, count, THRUM_NOTHING);
    thrum_future_free(thrum_group_submit(group, other, fail, THRUM_NOTHING));
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ERANGE);
    CHECK_STR(thrum_group_error(group)->message, "the first");
    CHECK_INT(stopped, ==, 2);
    CHECK_INT(ran, ==, 2);
    CHECK(thrum_future_cancelled(pending));
    thrum_future_free(pending);
    submit(count); /* as new */
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0);
    CHECK(thrum_group_error(group) == NULL);
    CHECK_INT(ran, ==, 3);
    thrum_executor_shutdown(other);
    end();
}

TEST(a_stopped_group_takes_no_task)
{
    begin(1);
    thrum_executor *inlined = thrum_inline_new();
    thrum_future_free(thrum_group_submit(group, inlined, fail, THRUM_NOTHING));
    thrum_future *late = thrum_group_submit(group, inlined, count, THRUM_NOTHING);
    CHECK(thrum_future_cancelled(late));
    CHECK_INT(ran, ==, 0);
    thrum_future_free(late);
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ERANGE);
    thrum_executor_shutdown(inlined);
    end();
}

TEST(a_deadline_stops_all_and_waits_for_them)
{
    begin(1);
    submit(wait_for_go);
    submit(count);
    UNTIL(thrum__load_relaxed(&ran) == 1);
    CHECK_INT(thrum_group_join(group, thrum_in(0.003)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_group_error(group)->code, ==, -ETIMEDOUT);
    CHECK_INT(stopped, ==, 1);
    CHECK_INT(ran, ==, 1);
    submit(wait_for_go);
    CHECK_INT(thrum_group_join(group, THRUM_NOW), ==, -ETIMEDOUT);
    end();
}

TEST(a_group_can_be_cancelled)
{
    begin(1);
    submit(wait_for_go);
    submit(count);
    UNTIL(thrum__load_relaxed(&ran) == 1);
    thrum_group_cancel(group);
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ECANCELED);
    CHECK_INT(stopped, ==, 1);
    CHECK_INT(ran, ==, 1);
    end();
}

TEST(a_cancelled_task_is_no_failure)
{
    begin(1);
    thrum_future *future = thrum_group_submit(group, pool, wait_for_go, THRUM_NOTHING);
    thrum_future *pending = thrum_group_submit(group, pool, count, THRUM_NOTHING);
    submit(count);
    UNTIL(thrum__load_relaxed(&ran) == 1);
    CHECK_INT(thrum_future_cancel(pending), ==, 0);
    CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0);
    CHECK_INT(ran, ==, 2);
    thrum_future_free(future);
    thrum_future_free(pending);
    end();
}

static int nested(thrum_task *self)
{
    (void)self;
    thrum_group *inner = thrum_group_new();
    thrum_executor *executor =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    for (int i = 0; i < 2; i++)
        thrum_future_free(thrum_group_submit(inner, executor, wait_for_go, THRUM_NOTHING));
    int rc = thrum_group_join(inner, THRUM_FOREVER);
    CHECK_INT(rc, ==, -ECANCELED); /* of the join, not of a task */
    CHECK_INT(thrum_group_error(inner)->code, ==, -ECANCELED);
    thrum_group_free(inner);
    thrum_executor_shutdown(executor);
    return rc;
}

TEST(an_inner_group_stops_with_the_outer)
{
    begin(2);
    submit(nested);
    UNTIL(thrum__load_relaxed(&ran) == 2);
    submit(fail);
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ERANGE);
    CHECK_INT(stopped, ==, 2);
    end();
}

static int submit_two_more(thrum_task *self)
{
    int depth = thrum_arg(self, int);
    thrum__add_relaxed(&ran, 1);
    for (int i = 0; i < 2 && depth > 0; i++)
        thrum_future_free(
            thrum_group_submit(group, pool, submit_two_more, thrum_value(int, depth - 1)));
    return 0;
}

TEST(a_task_may_submit_to_its_group)
{
    begin(3);
    thrum_future_free(thrum_group_submit(group, pool, submit_two_more, thrum_value(int, 5)));
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0);
    CHECK_INT(ran, ==, 63);
    end();
}

static int told;

static void hook(const thrum_failure *failure, void *context)
{
    (void)context;
    CHECK_STR(failure->kind, "group");
    CHECK_INT(failure->error->code, ==, -ERANGE);
    told++;
}

TEST(a_group_that_is_not_joined_ends_its_tasks_and_tells_its_failure)
{
    begin(1);
    submit(wait_for_go);
    submit(count);
    UNTIL(thrum__load_relaxed(&ran) == 1);
    thrum_group_free(group);
    CHECK_INT(stopped, ==, 1);
    CHECK_INT(ran, ==, 1);
    group = thrum_group_new();
    thrum_failure_hook_set(hook, NULL);
    submit(fail);
    for (bool failed = false; !failed;) {
        thrum_future *future = thrum_group_submit(group, pool, count, THRUM_NOTHING);
        failed = thrum_future_cancelled(future);
        thrum_future_free(future);
    }
    thrum_group_free(group);
    CHECK_INT(told, ==, 1);
    thrum_executor_shutdown(pool);
    thrum_failure_hook_set(NULL, NULL);
}

TEST(an_executor_that_refuses_fails_the_group)
{
    begin(1);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    thrum_future *future = thrum_group_submit(group, pool, count, THRUM_NOTHING);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future),
                  -ENOMEM);
    thrum_future_free(future);
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ENOMEM);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 2, 1);
    future = thrum_group_submit(group, pool, count, THRUM_NOTHING);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future),
                  -ENOMEM);
    thrum_future_free(future);
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ENOMEM);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK(thrum_group_new() == NULL);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    end();
}

static int join_own(thrum_task *self)
{
    (void)self;
    return thrum_group_join(group, THRUM_FOREVER);
}

TEST_STOPS(joining_from_its_own_task_stops_the_program, "would wait for itself")
{
    begin(1);
    submit(join_own);
    (void)!thrum_group_join(group, THRUM_FOREVER); /* stops the program */
}

static int fail_sixth(thrum_task *self)
{
    return thrum_arg(self, int) == 6 ? -ERANGE : 0;
}

TEST_DEADLINE(a_failure_races_with_submits_without_loss, 60)
{
    begin(2);
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 20; i++)
            thrum_future_free(thrum_group_submit(group, pool, fail_sixth, thrum_value(int, i)));
        CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ERANGE);
    }
    end();
}
