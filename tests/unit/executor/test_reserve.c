/* The system refuses threads, and tasks still meet: a worker without a thread is a fiber of the reserve
 * (executor/thread/reserve.c). Each body runs where the system grants so many threads and refuses all after
 * them. The first one is the reserve's. */
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>

static void grant(uint32_t threads)
{
    thrum__fault_arm_all(THRUM__FAULT_THREAD_START, threads + 1, INT32_MAX);
}

#define GRANTED(name, body)                                                                        \
    TEST(name##_with_one_thread)                                                                   \
    {                                                                                              \
        grant(1);                                                                                  \
        body();                                                                                    \
    }                                                                                              \
    TEST(name##_with_two_threads)                                                                  \
    {                                                                                              \
        grant(2);                                                                                  \
        body();                                                                                    \
    }                                                                                              \
    TEST(name##_with_three_threads)                                                                \
    {                                                                                              \
        grant(3);                                                                                  \
        body();                                                                                    \
    }

static thrum_executor *pool;

static void make(int workers)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
    CHECK(pool != NULL);
}

static void check_result(thrum_future *future)
{
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  0);
    thrum_future_free(future);
}

/* ------------------------------------------------------------------------- tasks that wait for tasks */

enum { TASKS = 8 };
static thrum_event events[TASKS + 1];

/* Waits for the task that was submitted after it. */
static int wait_for_next(thrum_task *self)
{
    int i = thrum_arg(self, int);
    int rc = thrum_event_wait(&events[i + 1], THRUM_FOREVER);
    thrum_event_set(&events[i]);
    return rc;
}

static void meet(void)
{
    make(TASKS);
    thrum_future *futures[TASKS];
    thrum_event_set(&events[TASKS]);
    for (int i = 0; i < TASKS; i++)
        futures[i] = thrum_submit(pool, wait_for_next, thrum_value(int, i));
    for (int i = 0; i < TASKS; i++)
        check_result(futures[i]);
    thrum_executor_shutdown(pool);
}

GRANTED(tasks_that_wait_for_one_another_end, meet)

static int succeed(thrum_task *self)
{
    (void)self;
    return 0;
}

/* A worker runs none of these in place of its wait. */
static int wait_for_several(thrum_task *self)
{
    (void)self;
    thrum_future *futures[3];
    size_t index;
    for (int i = 0; i < 3; i++)
        futures[i] = thrum_submit(pool, succeed, THRUM_NOTHING);
    thrum_as_completed *done = thrum_as_completed_new(futures, 3);
    for (int i = 0; i < 3; i++)
        CHECK_INT(thrum_as_completed_next(done, &index, THRUM_FOREVER), ==, 0);
    thrum_as_completed_free(done);
    for (int i = 0; i < 3; i++)
        thrum_future_free(futures[i]);
    thrum_group *group = thrum_group_new();
    for (int i = 0; i < 3; i++)
        thrum_future_free(thrum_group_submit(group, pool, succeed, THRUM_NOTHING));
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0);
    thrum_group_free(group);
    return 0;
}

static void wait_in_task(void)
{
    make(1);
    check_result(thrum_submit(pool, wait_for_several, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
}

GRANTED(a_wait_for_several_tasks_of_a_pool_of_one_ends, wait_in_task)

/* Each of these waits for the next one, with a deadline, so that it cannot run it in place of its wait. */
static int descend(thrum_task *self)
{
    int depth = thrum_arg(self, int);
    if (depth == 0)
        return 0;
    thrum_future *deeper = thrum_submit(pool, descend, thrum_value(int, depth - 1));
    int rc = thrum_future_wait(deeper, thrum_in(3600));
    thrum_future_free(deeper);
    return rc;
}

TEST_DEADLINE(a_chain_of_waits_may_be_longer_than_a_pool_has_threads, 60)
{
    make(1);
    check_result(thrum_submit(pool, descend, thrum_value(int, 600)));
    thrum_executor_shutdown(pool);
}

/* ------------------------------------------------------------------------------------ what a worker is */

static thrum_local prepared;

static int prepare(thrum_task *self)
{
    (void)self;
    static char mark;
    return thrum_local_set(&prepared, &mark);
}

static int need_preparation(thrum_task *self)
{
    return thrum_local_get(&prepared) ? wait_for_next(self) : -EINVAL;
}

static void meet_prepared(void)
{
    pool = thrum_thread_pool_new(
        &(thrum_thread_pool_options){.max_workers = 3, .initializer = prepare});
    thrum_future *futures[3];
    thrum_event_set(&events[3]);
    for (int i = 0; i < 3; i++)
        futures[i] = thrum_submit(pool, need_preparation, thrum_value(int, i));
    for (int i = 0; i < 3; i++)
        check_result(futures[i]);
    thrum_executor_shutdown(pool);
}

GRANTED(each_worker_runs_the_initializer, meet_prepared)

static int say_and_sleep(thrum_task *self)
{
    thrum_event_set(&events[thrum_arg(self, int)]);
    int rc = thrum_sleep(THRUM_FOREVER);
    return rc == -ECANCELED && thrum_cancelled(self) ? rc : -EINVAL;
}

static void stop(void)
{
    make(3);
    thrum_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = thrum_submit(pool, say_and_sleep, thrum_value(int, i));
    for (int i = 0; i < 3; i++)
        CHECK_INT(thrum_event_wait(&events[i], THRUM_FOREVER), ==, 0);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.cancel_running = true});
    for (int i = 0; i < 3; i++) {
        CHECK_OUTCOME(thrum_future_result(futures[i], NULL, 0, THRUM_NOW),
                      thrum_future_error(futures[i]), -ECANCELED);
        thrum_future_free(futures[i]);
    }
}

GRANTED(a_shutdown_stops_each_worker, stop)

TEST(a_worker_that_is_a_fiber_leaves_once_there_are_threads)
{
    grant(2);
    make(2);
    thrum_future *first = thrum_submit(pool, wait_for_next, thrum_value(int, 0));
    thrum_future *second = thrum_submit(pool, wait_for_next, thrum_value(int, 1));
    thrum_executor_stats stats;
    UNTIL((thrum_executor_stats_get(pool, &stats), stats.running == 2));
    CHECK_INT(stats.workers, ==, 2);
    thrum_event_set(&events[2]);
    check_result(second);
    check_result(first);
    UNTIL((thrum_executor_stats_get(pool, &stats), stats.workers == 1));
    thrum_executor_shutdown(pool);
}

TEST(a_pool_that_nobody_shuts_down_ends_with_its_fibers)
{
    grant(1);
    make(2);
    thrum_event_set(&events[2]);
    thrum_future_free(thrum_submit(pool, wait_for_next, thrum_value(int, 0)));
    thrum_future_free(thrum_submit(pool, wait_for_next, thrum_value(int, 1)));
    exit(0); /* waits for both; the harness sees to it that this ends */
}

TEST(without_a_first_thread_a_submit_fails)
{
    grant(0);
    make(1);
    thrum_future *future = thrum_submit(pool, succeed, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future),
                  -EAGAIN);
    CHECK_STR(thrum_future_error(future)->message,
              "the system refuses the executor's first thread");
    thrum_future_free(future);
    grant(1);
    check_result(thrum_submit(pool, succeed, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
}

/* -------------------------------------------------------------------------------- parts of a fork */

static thrum_event there, back;

static int wait_for_sibling(void *arg)
{
    (void)arg;
    thrum_event_set(&there);
    return thrum_event_wait(&back, THRUM_FOREVER);
}

static int answer_sibling(void *arg)
{
    (void)arg;
    int rc = thrum_event_wait(&there, THRUM_FOREVER);
    thrum_event_set(&back);
    return rc;
}

static void ask_each_other(void)
{
    thrum_event_clear(&there);
    thrum_event_clear(&back);
    CHECK_INT(thrum_both(pool, wait_for_sibling, NULL, answer_sibling, NULL), ==, 0);
}

static int ask_in_task(thrum_task *self)
{
    (void)self;
    ask_each_other();
    return 0;
}

static void ask_on_pool(void)
{
    make(1);
    int rc = thrum_both(pool, wait_for_sibling, NULL, answer_sibling, NULL);
    if (rc < 0) { /* there is no thread for the calls of helpers */
        CHECK_INT(rc, ==, -EAGAIN);
        CHECK(!thrum_event_is_set(&there));
    } else {
        ask_each_other();
        check_result(thrum_submit(pool, ask_in_task, THRUM_NOTHING));
    }
    thrum_executor_shutdown(pool);
}

GRANTED(parts_that_wait_for_each_other_end, ask_on_pool)

static void ask_on_fibers(void)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2});
    int rc = thrum_both(pool, wait_for_sibling, NULL, answer_sibling, NULL);
    if (rc < 0) {
        CHECK_INT(rc, ==, -EAGAIN);
        CHECK(!thrum_event_is_set(&there));
    } else {
        ask_each_other();
        check_result(thrum_submit(pool, ask_in_task, THRUM_NOTHING));
    }
    thrum_executor_shutdown(pool);
}

GRANTED(parts_on_fibers_that_wait_for_each_other_end, ask_on_fibers)

TEST(without_a_first_thread_no_part_runs)
{
    for (int kind = 0; kind < 2; kind++) {
        pool = kind ? thrum_thread_pool_new(NULL) : thrum_fiber_pool_new(NULL);
        grant(0);
        CHECK_INT(thrum_both(pool, wait_for_sibling, NULL, answer_sibling, NULL), ==, -EAGAIN);
        CHECK(!thrum_event_is_set(&there));
        thrum_scope scope;
        CHECK_INT(thrum_scope_begin(&scope, pool), ==, -EAGAIN);
        thrum_executor_shutdown(pool);
    }
}
