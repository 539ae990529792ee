/* What a thread pool offers beyond the executor's interface. */
#include "support_pool.h"

#include <errno.h>
#include <stdlib.h>

/* ------------------------------------------------------------------------ waiting for each other */

struct sum {
    int depth;
    bool in_time; /* wait with a deadline */
};

/* A tree of tasks, each of which waits for two of the same pool. */
static int sum_tree(thrum_task *self)
{
    struct sum own = thrum_arg(self, struct sum);
    long left = 1, right = 1;
    if (own.depth > 0) {
        struct sum child = {own.depth - 1, own.in_time};
        thrum_future *a = thrum_submit(pool, sum_tree, &child, sizeof child);
        thrum_future *b = thrum_submit(pool, sum_tree, &child, sizeof child);
        thrum_deadline until = own.in_time ? thrum_in(60) : THRUM_FOREVER;
        CHECK_INT(thrum_future_result(a, &left, sizeof left, until), ==, 0);
        CHECK_INT(thrum_future_result(b, &right, sizeof right, until), ==, 0);
        thrum_future_free(a);
        thrum_future_free(b);
    }
    long sum = left + right;
    return thrum_return(self, &sum, sizeof sum);
}

static void sum_on(int workers, int depth, bool in_time)
{
    long sum;
    make((thrum_thread_pool_options){.max_workers = workers});
    thrum_future *future = thrum_submit(pool, sum_tree, thrum_value(struct sum, depth, in_time));
    CHECK_INT(thrum_future_result(future, &sum, sizeof sum, THRUM_FOREVER), ==, 0);
    CHECK_INT(sum, ==, 2L << depth);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

TEST_DEADLINE(tasks_that_wait_for_tasks_never_block_the_pool, 60)
{
    sum_on(1, 10, false);
    sum_on(2, 10, false);
    sum_on(4, 12, false);
}

TEST_DEADLINE(nor_do_they_with_deadlines, 60)
{
    sum_on(1, 5, true);
    sum_on(2, 5, true);
}

static int map_inside(thrum_task *self)
{
    uint32_t turns[20];
    (void)self;
    return thrum_map(
        pool, count,
        &(thrum_map_options){.count = 20, .results = turns, .result_size = sizeof turns[0]});
}

static int complete_inside(thrum_task *self)
{
    (void)self;
    thrum_future *futures[8];
    for (int i = 0; i < 8; i++)
        futures[i] = thrum_submit(pool, count, THRUM_NOTHING);
    thrum_as_completed *done = thrum_as_completed_new(futures, 8);
    size_t index;
    int given = 0;
    while (thrum_as_completed_next(done, &index, THRUM_FOREVER) == 0)
        given++;
    thrum_as_completed_free(done);
    for (int i = 0; i < 8; i++)
        thrum_future_free(futures[i]);
    return given == 8 ? 0 : -EINVAL;
}

TEST(map_and_as_completed_work_inside_of_a_task)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    for (int i = 0; i < 20; i++) {
        thrum_future *future =
            thrum_submit(pool, i % 2 ? map_inside : complete_inside, THRUM_NOTHING);
        CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 10 * 20 + 10 * 8);
}

static thrum_future *awaited;
static thrum_event never;

static int wait_for_ever(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&never, THRUM_FOREVER);
}

static int wait_for_awaited(thrum_task *self)
{
    int rc = OUTCOME_CODE(thrum_future_result(awaited, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(awaited));
    CHECK(rc == -ECANCELED);
    CHECK(!thrum_cancelled(self)); /* the cancel was meant for the other */
    return thrum_sleep(thrum_in(1e-4));
}

TEST(cancelling_what_a_waiting_worker_runs_does_not_cancel_the_worker)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    occupy(1);
    thrum_future *waiter = thrum_submit(pool, wait_for_awaited, THRUM_NOTHING);
    awaited = thrum_submit(pool, wait_for_ever, THRUM_NOTHING);
    thrum_event_set(&go);
    UNTIL(thrum_future_running(awaited));
    CHECK_INT(thrum_future_cancel(awaited), ==, -EINPROGRESS);
    CHECK_INT(thrum_future_result(waiter, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(waiter);
    thrum_future_free(awaited);
    thrum_executor_shutdown(pool);
}

/* ---------------------------------------------------------------------------------- the backlog */

TEST(a_full_backlog_refuses)
{
    make((thrum_thread_pool_options){
        .max_workers = 1, .max_pending = 2, .when_full = THRUM_WHEN_FULL_REFUSE});
    occupy(1);
    thrum_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = thrum_submit(pool, count, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(futures[2], NULL, 0, THRUM_NOW),
                  thrum_future_error(futures[2]), -EAGAIN);
    CHECK_STR(thrum_future_error(futures[2])->message, "the pool's backlog is full");
    CHECK_INT(stats().pending, ==, 2);
    thrum_event_set(&go);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(thrum_future_wait(futures[i], THRUM_FOREVER), ==, 0);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 2);
}

static int tell_thread(thrum_task *self)
{
    bool here = thrum_thread_current() == NULL; /* the main thread */
    return thrum_return(self, thrum_value(bool, here));
}

TEST(a_full_backlog_runs_in_the_caller)
{
    make((thrum_thread_pool_options){
        .max_workers = 1, .max_pending = 1, .when_full = THRUM_WHEN_FULL_RUN});
    occupy(1);
    bool here;
    thrum_future *pending = thrum_submit(pool, tell_thread, THRUM_NOTHING);
    thrum_future *run = thrum_submit(pool, tell_thread, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(run, &here, sizeof here, THRUM_NOW), ==, 0);
    CHECK(here);
    thrum_event_set(&go);
    CHECK_INT(thrum_future_result(pending, &here, sizeof here, THRUM_FOREVER), ==, 0);
    CHECK(!here);
    thrum_future_free(pending);
    thrum_future_free(run);
    thrum_executor_shutdown(pool);
}

static uint32_t idents[2];

static int submit_one(thrum_task *self)
{
    tell_ident(&idents[thrum_arg(self, int)]);
    thrum_future *future = thrum_submit(pool, count, THRUM_NOTHING);
    int rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(future));
    thrum_future_free(future);
    return rc;
}

TEST(a_full_backlog_waits_for_room)
{
    make((thrum_thread_pool_options){.max_workers = 1, .max_pending = 1});
    occupy(1);
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    thrum_thread *cancelled = thrum_thread_start(submit_one, thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "pool"));
    thrum_thread *waiting = thrum_thread_start(submit_one, thrum_value(int, 1));
    UNTIL(waits_for(&idents[1], "pool"));
    CHECK_INT(stats().pending, ==, 1);
    thrum_thread_cancel(cancelled);
    JOIN(cancelled, -ECANCELED);
    thrum_event_set(&go);
    JOIN(waiting, 0);
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 2);
}

static int flood(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 50; i++)
        thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    return 0;
}

TEST(a_worker_never_waits_for_room)
{
    make((thrum_thread_pool_options){.max_workers = 1, .max_pending = 1});
    for (int i = 0; i < 10; i++) {
        thrum_future *future = thrum_submit(pool, flood, THRUM_NOTHING);
        CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 500);
}

TEST_DEADLINE(a_bounded_backlog_keeps_memory_flat, 120)
{
    make((thrum_thread_pool_options){.max_workers = 4, .max_pending = 64});
    for (int i = 0; i < 100000; i++) {
        thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
        if (i % 1000 == 0)
            CHECK_INT(stats().pending, <=, 64);
    }
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 100000);
}

/* ------------------------------------------------------------------------------- other options */

TEST(the_higher_priority_goes_first)
{
    static const thrum_priority order[] = {THRUM_PRIORITY_LOW, THRUM_PRIORITY_NORMAL,
                                           THRUM_PRIORITY_HIGH};
    make((thrum_thread_pool_options){.max_workers = 1});
    occupy(1);
    thrum_future *futures[9];
    for (int i = 0; i < 9; i++)
        futures[i] = thrum_submit_with(pool, &(thrum_submit_options){.priority = order[i % 3]},
                                       count, THRUM_NOTHING);
    thrum_event_set(&go);
    for (int i = 0; i < 9; i++) {
        uint32_t turn;
        CHECK_INT(thrum_future_result(futures[i], &turn, sizeof turn, THRUM_FOREVER), ==, 0);
        CHECK_INT(turn, ==, (2 - i % 3) * 3 + i / 3);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
}

static thrum_local own = {0};

static int initialize(thrum_task *self)
{
    uint32_t *context = thrum_arg(self, uint32_t *);
    thrum__add_relaxed(context, 1);
    return thrum_local_set(&own, context);
}

static int use_initialized(thrum_task *self)
{
    (void)self;
    return thrum_local_get(&own) == &started ? 0 : -EINVAL;
}

TEST(each_worker_is_initialized_once)
{
    make((thrum_thread_pool_options){.max_workers = 2,
                                     .initializer = initialize,
                                     .initializer_arg = thrum_value(uint32_t *, &started)});
    for (int i = 0; i < 40; i++) {
        thrum_future *future = thrum_submit(pool, use_initialized, THRUM_NOTHING);
        CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
    }
    size_t workers = stats().workers; /* the last one may be on its way to its initializer */
    thrum_executor_shutdown(pool);
    CHECK_INT(started, ==, workers);
}

/* ------------------------------------------------------------------------------------- the end */

TEST(a_shutdown_may_cancel_what_is_pending)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    occupy(1);
    thrum_future *futures[5];
    for (int i = 0; i < 5; i++)
        futures[i] = thrum_submit(pool, count, THRUM_NOTHING);
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_pending = true, .no_wait = true});
    for (int i = 0; i < 5; i++) {
        CHECK_OUTCOME(thrum_future_result(futures[i], NULL, 0, THRUM_NOW),
                      thrum_future_error(futures[i]), -ECANCELED);
        CHECK(thrum_future_cancelled(futures[i]));
        thrum_future_free(futures[i]);
    }
    thrum_event_set(&go);
}

TEST(a_shutdown_may_stop_what_runs)
{
    make((thrum_thread_pool_options){.max_workers = 40});
    occupy(40);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.cancel_running = true});
}

TEST(an_abandoned_pool_finishes_and_frees_itself)
{
    make((thrum_thread_pool_options){.max_workers = 2});
    thrum_future *futures[50];
    for (int i = 0; i < 50; i++)
        futures[i] = thrum_submit(pool, count, THRUM_NOTHING);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    for (int i = 0; i < 50; i++) {
        CHECK_INT(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(futures[i]);
    }
    CHECK_INT(ran, ==, 50);
    thrum_executor_shutdown_with(NULL, NULL);
}

static int shut_own_pool(thrum_task *self)
{
    (void)self;
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    return 0;
}

TEST(a_task_may_shut_its_pool_down_without_waiting)
{
    make((thrum_thread_pool_options){.max_workers = 2});
    thrum_future *future = thrum_submit(pool, shut_own_pool, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
}

/* ------------------------------------------------------------------------- resizing, counting */

TEST(a_pool_grows_and_shrinks)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    for (int i = 0; i < 6; i++)
        thrum_future_free(thrum_submit(pool, wait_for_go, THRUM_NOTHING));
    UNTIL(thrum__load_relaxed(&started) == 1);
    CHECK_INT(thrum_thread_pool_resize(pool, 4), ==, 0);
    UNTIL(thrum__load_relaxed(&started) == 4);
    CHECK_INT(stats().workers, ==, 4);
    CHECK_INT(thrum_thread_pool_resize(pool, 2), ==, 0);
    thrum_event_set(&go);
    UNTIL(stats().done == 6);
    UNTIL(stats().workers <= 2);
    thrum_future *future = thrum_submit(pool, count, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
    thrum_executor *direct = thrum_inline_new();
    CHECK_INT(thrum_thread_pool_resize(direct, 2), ==, -EINVAL);
    thrum_executor_shutdown(direct);
}

TEST_STOPS(a_pool_of_nobody_stops, "cannot be resized to 0 workers")
{
    make((thrum_thread_pool_options){.max_workers = 1});
    (void)!thrum_thread_pool_resize(pool, 0); /* stops the program */
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -EIO, "on purpose");
}

TEST(everything_is_counted)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    occupy(1);
    thrum_future *futures[4];
    for (int i = 0; i < 4; i++)
        futures[i] = thrum_submit(pool, i == 1 ? fail : count, THRUM_NOTHING);
    CHECK_INT(thrum_future_cancel(futures[2]), ==, 0);
    thrum_executor_stats now = stats();
    CHECK(now.workers == 1 && now.running == 1 && now.idle == 0 && now.done == 0);
    thrum_event_set(&go);
    UNTIL(stats().idle == 1);
    now = stats();
    CHECK(now.pending == 0 && now.running == 0);
    CHECK(now.done == 5 && now.failed == 2 && now.cancelled == 1);
    CHECK(now.longest_wait >= 0);
    for (int i = 0; i < 4; i++) {
        thrum_future_error(futures[i]);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
    pool = thrum_inline_new();
    CHECK_INT(stats().done, ==, 0);
    thrum_executor_shutdown(pool);
}
