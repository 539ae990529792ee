#include "carrier.h"
#include "harness.h"
#include "support.h"

static thrum_lock lock, other;
static thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(1);
static thrum_condition condition;

TEST(a_block_holds_and_releases)
{
    thrum_with (&lock)
        CHECK(thrum_lock_owned(&lock));
    CHECK(!thrum_lock_locked(&lock));
    thrum_with (&semaphore)
        CHECK_INT(thrum_semaphore_value(&semaphore), ==, 0);
    CHECK_INT(thrum_semaphore_value(&semaphore), ==, 1);
    thrum_with (&condition)
        CHECK_INT(thrum_condition_try(&condition), ==, -11);
    CHECK_INT(thrum_condition_try(&condition), ==, 0);
    thrum_condition_release(&condition);
}

TEST(break_and_continue_release)
{
    int rounds = 0;
    for (int i = 0; i < 3; i++) {
        thrum_with (&lock) {
            if (i == 1)
                continue;
            rounds++;
            if (i == 0)
                break;
            rounds += 10;
        }
        CHECK(!thrum_lock_locked(&lock));
    }
    CHECK_INT(rounds, ==, 12);
}

static int leave_by_return(void)
{
    thrum_with (&lock)
        return 7;
    return 0;
}

TEST(return_releases)
{
    CHECK_INT(leave_by_return(), ==, 7);
    CHECK(!thrum_lock_locked(&lock));
}

TEST(goto_releases)
{
    thrum_with (&lock)
        goto out;
    CHECK(false);
out:
    CHECK(!thrum_lock_locked(&lock));
}

TEST(blocks_nest)
{
    thrum_with (&lock) {
        thrum_with (&other) {
            CHECK(thrum_lock_owned(&lock) && thrum_lock_owned(&other));
        }
        CHECK(thrum_lock_owned(&lock) && !thrum_lock_locked(&other));
    }
}

static int evaluated;
static thrum_lock *evaluate(void)
{
    evaluated++;
    return &lock;
}

TEST(the_object_is_evaluated_once)
{
    thrum_with (evaluate())
        CHECK(thrum_lock_owned(&lock));
    CHECK_INT(evaluated, ==, 1);
    CHECK(!thrum_lock_locked(&lock));
}
