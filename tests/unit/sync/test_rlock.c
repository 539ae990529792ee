#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_rlock lock;
static thrum_condition condition;
static uint32_t ident;
static long counter;

TEST(the_holder_takes_it_again)
{
    thrum_rlock fixed = THRUM_RLOCK_INIT;
    CHECK_INT(sizeof fixed, ==, 16);
    thrum_rlock_init(&lock);
    CHECK_INT(thrum_rlock_depth(&lock), ==, 0);
    thrum_rlock_acquire(&lock);
    CHECK_INT(thrum_rlock_try(&lock), ==, 0);
    CHECK_INT(thrum_rlock_acquire_until(&lock, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_rlock_depth(&lock), ==, 3);
    for (int depth = 2; depth >= 0; depth--) {
        CHECK(thrum_rlock_locked(&lock));
        thrum_rlock_release(&lock);
        CHECK_INT(thrum_rlock_depth(&lock), ==, depth);
    }
    CHECK(!thrum_rlock_locked(&lock));
    thrum_rlock_finish(&lock);
}

static int try_it(thrum_task *self)
{
    (void)self;
    CHECK_INT(thrum_rlock_depth(&lock), ==, 0);
    CHECK_INT(thrum_rlock_try(&lock), ==, -EAGAIN);
    CHECK_INT(thrum_rlock_acquire_until(&lock, thrum_in(0.003)), ==, -ETIMEDOUT);
    return 0;
}

TEST(others_are_kept_out_until_the_last_release)
{
    thrum_rlock_acquire(&lock);
    thrum_rlock_acquire(&lock);
    thrum_rlock_release(&lock);
    JOIN(thrum_thread_start(try_it, THRUM_NOTHING), 0);
    thrum_rlock_release(&lock);
    thrum_rlock_finish(&lock);
}

static void get(int depth)
{
    thrum_with (&lock) {
        counter++;
        if (depth > 0)
            get(depth - 1);
    }
}

static int get_many(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 3000; i++)
        get(i % 4);
    return 0;
}

TEST_DEADLINE(no_count_is_lost, 60)
{
    thrum_thread *threads[5];
    for (int i = 0; i < 5; i++)
        threads[i] = thrum_thread_start(get_many, THRUM_NOTHING);
    for (int i = 0; i < 5; i++)
        JOIN(threads[i], 0);
    CHECK_INT(counter, ==, 5 * (3000 + 2250 + 1500 + 750));
    thrum_rlock_finish(&lock);
}

static int wait_deeply(thrum_task *self)
{
    (void)self;
    tell_ident(&ident);
    thrum_with (&condition) {
        thrum_with (&condition) {
            thrum_condition_acquire(&condition);
            int rc = thrum_condition_wait(&condition, THRUM_FOREVER);
            CHECK_INT(rc, ==, 0);
            CHECK_INT(thrum_rlock_depth(&lock), ==, 3);
            thrum_condition_release(&condition);
        }
    }
    CHECK_INT(thrum_rlock_depth(&lock), ==, 0);
    return 0;
}

TEST(a_condition_on_it_gives_all_of_it_up_to_wait)
{
    thrum_condition_init_reentrant(&condition, &lock);
    thrum_thread *thread = thrum_thread_start(wait_deeply, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "condition"));
    CHECK_INT(thrum_condition_try(&condition), ==, 0);
    CHECK_INT(thrum_condition_acquire_until(&condition, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_rlock_depth(&lock), ==, 2);
    CHECK_INT(thrum_condition_wait(&condition, thrum_in(0.002)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_rlock_depth(&lock), ==, 2);
    thrum_condition_notify(&condition, 1);
    thrum_condition_release(&condition);
    CHECK(waits_for(&ident, "condition"));
    thrum_condition_release(&condition);
    JOIN(thread, 0);
    thrum_condition_finish(&condition);
    thrum_rlock_finish(&lock);
}

TEST(a_condition_may_own_a_reentrant_lock)
{
    thrum_condition_init_reentrant(&condition, NULL);
    thrum_with (&condition)
        thrum_with (&condition)
            CHECK_INT(thrum_condition_wait(&condition, THRUM_NOW), ==, -EAGAIN);
    thrum_condition_finish(&condition);
}

TEST_STOPS(releasing_a_free_one_stops, "released by thread \"MainThread\"; it is held by nobody")
{
    thrum_rlock_release(&lock);
}

TEST_STOPS(finishing_a_held_one_stops, "finished while in use")
{
    thrum_rlock_acquire(&lock);
    thrum_rlock_finish(&lock);
}

TEST_STOPS(recursion_without_end_stops, "acquired more often than it can count")
{
    for (uint32_t i = 0; i <= THRUM_RLOCK_DEPTH_MAX; i++)
        thrum_rlock_acquire(&lock);
}
