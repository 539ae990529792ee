#include "carrier.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static thrum_event never;
static thrum_lock lock;

/* Of threads, or of fibers wherever these are what the tests run by. */
static thrum_executor *new_pool(int workers)
{
    thrum_executor *pool =
        carrier_is("threads")
            ? thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers})
            : thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = workers});
    CHECK(pool);
    return pool;
}

static thrum_future *submit_until(thrum_executor *executor, thrum_deadline deadline,
                                  thrum_task_fn *task)
{
    return thrum_submit_with(executor, &(thrum_submit_options){.deadline = deadline}, task,
                             THRUM_NOTHING);
}

/* The end of a task that began before its deadline, however busy the machine is. */
static thrum_future *run_late(thrum_executor *executor, thrum_task_fn *task, const void *arg,
                              size_t size)
{
    for (double delay = 0.01;; delay *= 2) {
        thrum_deadline deadline = thrum_in(delay);
        thrum_future *future = thrum_submit_with(
            executor, &(thrum_submit_options){.deadline = deadline}, task, arg, size);
        CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
        CHECK(thrum_now() >= deadline.ns);
        const thrum_error *error = thrum_future_error(future);
        if (!error || !strstr(error->message, "before it could begin"))
            return future;
        thrum_future_free(future);
    }
}

static int wait_for_never(thrum_task *self)
{
    int rc = thrum_event_wait(&never, THRUM_FOREVER);
    CHECK_INT(rc, ==, -ECANCELED);
    CHECK(thrum_cancelled(self));
    CHECK_INT(thrum_sleep(THRUM_FOREVER), ==, -ECANCELED);
    return rc;
}

TEST(a_wait_ends_at_the_tasks_deadline)
{
    thrum_executor *executors[] = {new_pool(1), thrum_inline_new()};
    for (int i = 0; i < 2; i++) {
        thrum_future *future = run_late(executors[i], wait_for_never, THRUM_NOTHING);
        CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future),
                      -ETIMEDOUT);
        CHECK(strstr(thrum_future_error(future)->message, "while it ran"));
        thrum_future_free(future);
        thrum_executor_shutdown(executors[i]);
    }
}

static int wait_briefly(thrum_task *self)
{
    CHECK_INT(thrum_event_wait(&never, thrum_in(0.001)), ==, -ETIMEDOUT);
    CHECK(!thrum_cancelled(self));
    return thrum_return(self, thrum_value(int, 7));
}

TEST(an_earlier_deadline_of_a_wait_is_its_own)
{
    thrum_executor *pool = new_pool(1);
    thrum_future *future = submit_until(pool, thrum_in(3600), wait_briefly);
    int result = 0;
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 7);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

static int compute(thrum_task *self)
{
    while (!thrum_cancelled(self))
        ;
    return -ECANCELED;
}

static int compute_and_succeed(thrum_task *self)
{
    while (!thrum_cancelled(self))
        ;
    return thrum_return(self, thrum_value(int, 8));
}

TEST(a_task_that_computes_asks_whether_it_is_late)
{
    thrum_executor *pool = new_pool(1);
    thrum_future *future = run_late(pool, compute, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ETIMEDOUT);
    thrum_future_free(future);
    future = run_late(pool, compute_and_succeed, THRUM_NOTHING);
    int result = 0;
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 8);
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

TEST(a_task_whose_turn_comes_too_late_does_not_run)
{
    thrum_executor *pool = new_pool(1);
    thrum_future *future = submit_until(pool, thrum_at(thrum_now()), count);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ETIMEDOUT);
    CHECK(strstr(thrum_future_error(future)->message, "before it could begin"));
    CHECK_INT(thrum__load_relaxed(&ran), ==, 0);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

static int lock_late(thrum_task *self)
{
    (void)self;
    int rc = thrum_lock_acquire_until(&lock, THRUM_FOREVER);
    CHECK_INT(rc, ==, -ECANCELED);
    thrum_shield_begin();
    CHECK_INT(thrum_sleep(thrum_in(0.001)), ==, 0);
    thrum_shield_end();
    return rc;
}

static int wait_and_see(thrum_task *self)
{
    CHECK(!thrum_cancelled(self));
    return thrum_sleep(thrum_in(0.001));
}

TEST(the_next_task_of_the_worker_is_not_late)
{
    thrum_executor *pool = new_pool(1);
    thrum_lock_acquire(&lock);
    thrum_future *late = run_late(pool, lock_late, THRUM_NOTHING);
    thrum_future *next = thrum_submit(pool, wait_and_see, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(late, NULL, 0, THRUM_FOREVER), thrum_future_error(late),
                  -ETIMEDOUT);
    CHECK_INT(thrum_future_result(next, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_lock_release(&lock);
    thrum_future_free(late);
    thrum_future_free(next);
    thrum_executor_shutdown(pool);
}

/* The waits of another task are its own, even where the one that waits for it runs it itself. */
static int outlast(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(0.004));
}

static int wait_for_another(thrum_task *self)
{
    thrum_executor *pool = thrum_arg(self, thrum_executor *);
    while (!thrum_cancelled(self)) {
        thrum_future *other = thrum_submit(pool, outlast, THRUM_NOTHING);
        CHECK_INT(thrum_future_result(other, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(other);
    }
    return -ECANCELED;
}

TEST(a_task_that_is_run_by_one_who_waits_for_it_has_no_part_in_his_deadline)
{
    THREADS_ONLY; /* no fiber runs the task of another inside of its own */
    thrum_executor *pool = new_pool(1);
    thrum_future *future = run_late(pool, wait_for_another, thrum_value(thrum_executor *, pool));
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ETIMEDOUT);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

static int cancelled_first(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&never, THRUM_FOREVER);
}

TEST(a_cancel_before_the_deadline_is_a_cancel)
{
    thrum_executor *pool = new_pool(1);
    thrum_future *future = submit_until(pool, thrum_in(3600), cancelled_first);
    UNTIL(thrum_future_running(future));
    CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ECANCELED);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

struct large {
    char bytes[1000];
};

static int mirror(thrum_task *self)
{
    const struct large *large = &thrum_arg(self, struct large);
    CHECK_INT((uintptr_t)large % 16, ==, 0);
    return thrum_return(self, large, sizeof *large);
}

static int refuse(thrum_task *self)
{
    return thrum_fail(self, -EDOM, "not %d", 13);
}

TEST(arguments_results_and_errors_pass_through)
{
    thrum_executor *pool = new_pool(1);
    struct large large = {"once upon a time"}, back = {""};
    thrum_future *future = thrum_submit_with(
        pool, &(thrum_submit_options){.deadline = thrum_in(3600)}, mirror, &large, sizeof large);
    CHECK_INT(thrum_future_result(future, &back, sizeof back, THRUM_FOREVER), ==, 0);
    CHECK_STR(back.bytes, large.bytes);
    thrum_future_free(future);
    future = submit_until(pool, thrum_in(3600), refuse);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -EDOM);
    CHECK_STR(thrum_future_error(future)->message, "not 13");
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}
