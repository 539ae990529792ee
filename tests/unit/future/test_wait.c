#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

enum { COUNT = 4 };
static thrum_executor *pool;
static thrum_event gates[COUNT];
static thrum_future *futures[COUNT];

struct gate {
    int index;
    int code;
};

static int pass_gate(thrum_task *self)
{
    const struct gate *gate = &thrum_arg(self, struct gate);
    int rc = thrum_event_wait(&gates[gate->index], THRUM_FOREVER);
    if (rc == 0 && gate->code < 0)
        return thrum_fail(self, gate->code, "gate %d", gate->index);
    return rc;
}

static void begin(int failing)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = COUNT});
    for (int i = 0; i < COUNT; i++)
        futures[i] =
            thrum_submit(pool, pass_gate, thrum_value(struct gate, i, i == failing ? -ERANGE : 0));
}

static void end(void)
{
    for (int i = 0; i < COUNT; i++) {
        thrum_event_set(&gates[i]);
        CHECK_INT(thrum_future_wait(futures[i], THRUM_FOREVER), ==, 0);
        (void)thrum_future_error(futures[i]); /* one has failed */
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
}

struct wait {
    thrum_wait_condition condition;
    uint32_t *ident;
};

static int wait_for(thrum_task *self)
{
    const struct wait *a = &thrum_arg(self, struct wait);
    tell_ident(a->ident);
    return thrum_wait(futures, COUNT, a->condition, THRUM_FOREVER);
}

static thrum_thread *waiter(thrum_wait_condition condition)
{
    static uint32_t idents[16];
    static int next;
    uint32_t *ident = &idents[next++];
    thrum_thread *thread = thrum_thread_start(wait_for, thrum_value(struct wait, condition, ident));
    UNTIL(waits_for(ident, "futures"));
    return thread;
}

TEST(all_completed_wakes_with_the_last)
{
    begin(-1);
    thrum_thread *thread = waiter(THRUM_WAIT_ALL_COMPLETED);
    for (int i = 0; i < COUNT; i++) {
        CHECK(thrum_thread_is_alive(thread));
        CHECK_INT(thrum_wait(futures, COUNT, THRUM_WAIT_ALL_COMPLETED, THRUM_NOW), ==, -EAGAIN);
        CHECK_INT(thrum_wait(futures, COUNT, THRUM_WAIT_ALL_COMPLETED, thrum_in(0.002)), ==,
                  -ETIMEDOUT);
        thrum_event_set(&gates[i]);
        CHECK_INT(thrum_future_wait(futures[i], THRUM_FOREVER), ==, 0);
    }
    JOIN(thread, 0);
    CHECK_INT(thrum_wait(futures, COUNT, THRUM_WAIT_ALL_COMPLETED, THRUM_NOW), ==, 0);
    end();
}

TEST(first_completed_wakes_with_any)
{
    begin(-1);
    thrum_thread *thread = waiter(THRUM_WAIT_FIRST_COMPLETED);
    CHECK_INT(thrum_wait(futures, COUNT, THRUM_WAIT_FIRST_COMPLETED, THRUM_NOW), ==, -EAGAIN);
    thrum_event_set(&gates[2]);
    JOIN(thread, 0);
    CHECK(thrum_future_done(futures[2]) && !thrum_future_done(futures[0]));
    CHECK_INT(thrum_wait(futures, COUNT, THRUM_WAIT_FIRST_COMPLETED, THRUM_NOW), ==, 0);
    end();
}

TEST(first_failed_lets_successes_pass)
{
    begin(1);
    thrum_thread *thread = waiter(THRUM_WAIT_FIRST_FAILED);
    thrum_event_set(&gates[0]);
    CHECK_INT(thrum_future_wait(futures[0], THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_wait(futures, COUNT, THRUM_WAIT_FIRST_FAILED, THRUM_NOW), ==, -EAGAIN);
    CHECK(thrum_thread_is_alive(thread));
    thrum_event_set(&gates[1]);
    JOIN(thread, 0);
    CHECK(!thrum_future_done(futures[2]));
    CHECK_INT(thrum_wait(futures, COUNT, THRUM_WAIT_FIRST_FAILED, THRUM_NOW), ==, 0);
    end();
}

TEST(first_failed_ends_with_all_where_none_fails_and_a_cancelled_one_has_not_failed)
{
    begin(-1);
    thrum_thread *thread = waiter(THRUM_WAIT_FIRST_FAILED);
    UNTIL(thrum_future_running(futures[3]));
    CHECK_INT(thrum_future_cancel(futures[3]), ==, -EINPROGRESS);
    CHECK_OUTCOME(thrum_future_result(futures[3], NULL, 0, THRUM_FOREVER),
                  thrum_future_error(futures[3]), -ECANCELED);
    CHECK_INT(thrum_wait(futures, COUNT, THRUM_WAIT_FIRST_FAILED, THRUM_NOW), ==, -EAGAIN);
    for (int i = 0; i < COUNT; i++)
        thrum_event_set(&gates[i]);
    JOIN(thread, 0);
    end();
}

TEST(none_are_done_at_once)
{
    CHECK_INT(thrum_wait(NULL, 0, THRUM_WAIT_ALL_COMPLETED, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_wait(NULL, 0, THRUM_WAIT_FIRST_COMPLETED, THRUM_FOREVER), ==, 0);
    thrum_future *future = thrum_future_new();
    CHECK_INT(thrum_wait(&future, SIZE_MAX, THRUM_WAIT_ALL_COMPLETED, THRUM_FOREVER), ==, -ENOMEM);
    thrum_future_set_result(future, THRUM_NOTHING);
    thrum_future_free(future);
}

TEST(a_future_may_be_waited_for_twice)
{
    thrum_future *future = thrum_future_new();
    thrum_future *both[2] = {future, future};
    CHECK_INT(thrum_wait(both, 2, THRUM_WAIT_ALL_COMPLETED, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_future_set_result(future, THRUM_NOTHING), ==, 0);
    CHECK_INT(thrum_wait(both, 2, THRUM_WAIT_ALL_COMPLETED, THRUM_NOW), ==, 0);
    thrum_future_free(future);
}

TEST(a_wait_can_be_cancelled)
{
    begin(-1);
    thrum_thread *thread = waiter(THRUM_WAIT_ALL_COMPLETED);
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
    end();
}

TEST(out_of_memory_is_told)
{
    thrum_future *future = thrum_future_new();
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(thrum_wait(&future, 1, THRUM_WAIT_ALL_COMPLETED, THRUM_FOREVER), ==, -ENOMEM);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    thrum_future_set_result(future, THRUM_NOTHING);
    thrum_future_free(future);
}

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

TEST_DEADLINE(thousands_are_waited_for_at_once, 60)
{
    enum { MANY = 5000 };
    static thrum_future *many[MANY];
    thrum_executor *executor =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 3});
    for (int i = 0; i < MANY; i++)
        many[i] = thrum_submit(executor, nothing, THRUM_NOTHING);
    CHECK_INT(thrum_wait(many, MANY, THRUM_WAIT_FIRST_COMPLETED, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_wait(many, MANY, THRUM_WAIT_ALL_COMPLETED, THRUM_FOREVER), ==, 0);
    for (int i = 0; i < MANY; i++) {
        CHECK(thrum_future_done(many[i]));
        thrum_future_free(many[i]);
    }
    thrum_executor_shutdown(executor);
}
