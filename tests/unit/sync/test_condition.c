#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_condition condition;
static uint32_t idents[4];
static int tokens, taken;

static int take_token(thrum_task *self)
{
    tell_ident(&idents[thrum_arg(self, int)]);
    thrum_with (&condition) {
        while (tokens == 0) {
            int rc = thrum_condition_wait(&condition, THRUM_FOREVER);
            CHECK(thrum_lock_owned(&condition.own_));
            if (rc < 0)
                return rc;
        }
        tokens--;
        taken++;
    }
    return 0;
}

static void start_waiters(thrum_thread **threads, int count)
{
    for (int i = 0; i < count; i++) {
        threads[i] = thrum_thread_start(take_token, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "condition"));
    }
}

static void give(int count, uint32_t notified)
{
    thrum_with (&condition) {
        tokens += count;
        if (notified == UINT32_MAX)
            thrum_condition_notify_all(&condition);
        else
            thrum_condition_notify(&condition, notified);
    }
}

TEST(notify_wakes_the_one_that_waited_longest)
{
    thrum_thread *threads[2];
    start_waiters(threads, 2);
    give(1, 1);
    JOIN(threads[0], 0);
    CHECK(waits_for(&idents[1], "condition"));
    give(1, 1);
    JOIN(threads[1], 0);
    thrum_condition_finish(&condition);
}

TEST(notify_all_wakes_all)
{
    thrum_thread *threads[4];
    start_waiters(threads, 4);
    give(4, UINT32_MAX);
    for (int i = 0; i < 4; i++)
        JOIN(threads[i], 0);
    CHECK_INT(taken, ==, 4);
    thrum_condition_finish(&condition);
}

TEST(the_notified_do_not_run_before_the_lock_is_released)
{
    thrum_thread *threads[2];
    start_waiters(threads, 2);
    thrum_condition_acquire(&condition);
    tokens = 2;
    thrum_condition_notify(&condition, 2);
    CHECK(waits_for(&idents[0], "condition") && waits_for(&idents[1], "condition"));
    CHECK_INT(taken, ==, 0);
    thrum_condition_release(&condition);
    JOIN(threads[0], 0);
    JOIN(threads[1], 0);
}

TEST(a_notify_is_not_spent_on_one_who_was_cancelled)
{
    thrum_thread *threads[2];
    start_waiters(threads, 2);
    thrum_condition_acquire(&condition);
    thrum_thread_cancel(threads[0]);
    tokens = 1;
    thrum_condition_notify(&condition, 1); /* the first is still in the queue, without the lock */
    thrum_condition_release(&condition);
    JOIN(threads[0], -ECANCELED);
    JOIN(threads[1], 0);
    thrum_condition_finish(&condition);
}

TEST(a_wait_times_out_and_holds_the_lock_again)
{
    thrum_condition_acquire(&condition);
    CHECK_INT(thrum_condition_wait(&condition, THRUM_NOW), ==, -EAGAIN);
    thrum_deadline end = thrum_in(0.01);
    CHECK_INT(thrum_condition_wait(&condition, end), ==, -ETIMEDOUT);
    CHECK(thrum_now() >= end.ns);
    CHECK_INT(thrum_condition_try(&condition), ==, -EAGAIN);
    thrum_condition_release(&condition);
    CHECK_INT(thrum_condition_try(&condition), ==, 0);
    thrum_condition_release(&condition);
    CHECK_INT(thrum_condition_acquire_until(&condition, thrum_in(1)), ==, 0);
    thrum_condition_release(&condition);
    thrum_condition_finish(&condition);
}

static bool enough(void *limit)
{
    return tokens >= *(int *)limit;
}

static int wait_for_three(thrum_task *self)
{
    (void)self;
    tell_ident(&idents[0]);
    int limit = 3;
    thrum_with (&condition)
        return thrum_condition_wait_for(&condition, enough, &limit, THRUM_FOREVER);
    return -EINVAL;
}

TEST(wait_for_waits_until_the_predicate_holds)
{
    thrum_thread *thread = thrum_thread_start(wait_for_three, THRUM_NOTHING);
    UNTIL(waits_for(&idents[0], "condition"));
    for (int i = 0; i < 3; i++)
        give(1, 1);
    JOIN(thread, 0);
    int limit = 4;
    thrum_with (&condition) {
        CHECK_INT(thrum_condition_wait_for(&condition, enough, &limit, thrum_in(0.005)), ==,
                  -ETIMEDOUT);
        limit = 3;
        CHECK_INT(thrum_condition_wait_for(&condition, enough, &limit, THRUM_NOW), ==, 0);
    }
}

static thrum_lock shared;
static thrum_condition not_empty = THRUM_CONDITION_INIT_ON(&shared);
static thrum_condition not_full;
static int buffer[5], buffered;

static int produce(thrum_task *self)
{
    int count = thrum_arg(self, int);
    for (int i = 0; i < count; i++) {
        thrum_with (&shared) {
            while (buffered == 5)
                CHECK_INT(thrum_condition_wait(&not_full, THRUM_FOREVER), ==, 0);
            buffer[buffered++] = 1;
            thrum_condition_notify(&not_empty, 1);
        }
    }
    return 0;
}

static int consume(thrum_task *self)
{
    int count = thrum_arg(self, int);
    for (int i = 0; i < count; i++) {
        thrum_with (&shared) {
            while (buffered == 0)
                (void)!thrum_condition_wait(&not_empty, i % 2 ? THRUM_FOREVER
                                                              : thrum_in(1e-4)); /* either way */
            taken += buffer[--buffered];
            thrum_condition_notify_all(&not_full);
        }
    }
    return 0;
}

TEST_DEADLINE(producers_and_consumers_agree, 60)
{
    thrum_condition_init(&not_full, &shared);
    thrum_thread *threads[6];
    for (int i = 0; i < 3; i++) {
        threads[i] = thrum_thread_start(produce, thrum_value(int, 3000));
        threads[3 + i] = thrum_thread_start(consume, thrum_value(int, 3000));
    }
    for (int i = 0; i < 6; i++)
        JOIN(threads[i], 0);
    CHECK_INT(taken, ==, 9000);
    CHECK_INT(buffered, ==, 0);
    thrum_condition_finish(&not_full);
    thrum_condition_finish(&not_empty);
    thrum_lock_finish(&shared);
}

TEST_STOPS(waiting_without_the_lock_stops, "waited for by thread \"MainThread\", which does not")
{
    (void)!thrum_condition_wait(&condition, THRUM_FOREVER); /* stops the program */
}

TEST_STOPS(notifying_without_the_lock_stops, "notified by thread \"MainThread\", which does not")
{
    thrum_condition_notify_all(&condition);
}

TEST_STOPS(finishing_one_that_is_waited_for_stops, "while thread \"waiter\" waits for it")
{
    thrum_thread_start_with(&(thrum_thread_options){.name = "waiter"}, take_token,
                            thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "condition"));
    thrum_condition_finish(&condition);
}
