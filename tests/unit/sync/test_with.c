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

/* -------------------------------------------------------------------------------- with a deadline */

static thrum_rlock rlock;
static thrum_rwlock rwlock;

static bool condition_is_held(void)
{
    int rc = thrum_condition_try(&condition);
    if (rc == 0)
        thrum_condition_release(&condition);
    return rc == -EAGAIN;
}

static bool reader_gets_in(void)
{
    int rc = thrum_rwlock_try_read(&rwlock);
    if (rc == 0)
        thrum_rwlock_release_read(&rwlock);
    return rc == 0;
}

/* Whether a block ran, and whether the other did. */
#define RUNS(object, deadline, held)                                                               \
    do {                                                                                           \
        int ran = 0, other_ran = 0;                                                                \
        thrum_with_until (object, deadline) {                                                      \
            ran++;                                                                                 \
            CHECK(held);                                                                           \
        }                                                                                          \
        else                                                                                       \
        {                                                                                          \
            other_ran++;                                                                           \
        }                                                                                          \
        CHECK_INT(ran, ==, 1);                                                                     \
        CHECK_INT(other_ran, ==, 0);                                                               \
        CHECK(!(held));                                                                            \
    } while (0)

TEST(a_block_with_a_deadline_holds_and_releases_each_kind_of_object)
{
    RUNS(&lock, thrum_in(1), thrum_lock_owned(&lock));
    RUNS(&rlock, THRUM_NOW, thrum_rlock_depth(&rlock) == 1);
    RUNS(&semaphore, THRUM_FOREVER, thrum_semaphore_value(&semaphore) == 0);
    RUNS(&condition, THRUM_NOW, condition_is_held());
    RUNS(thrum_writing(&rwlock), THRUM_NOW, !reader_gets_in());
    RUNS(thrum_reading(&rwlock), THRUM_NOW, thrum_rwlock_readers(&rwlock) == 1);
}

static int cannot_acquire(thrum_task *self)
{
    int without = 0;
    thrum_with_until (&lock, THRUM_NOW)
        return -EINVAL;
    thrum_with_until (&lock, thrum_in(0.001)) {
        return -EINVAL;
    }
    else
    {
        without++;
    }
    thrum_with_until (&semaphore, thrum_in(0.001))
        return -EINVAL;
    else without++;
    CHECK(!thrum_cancelled(self));
    return without == 2 ? 0 : -EINVAL;
}

TEST(a_block_does_not_run_and_releases_nothing_if_the_deadline_passes)
{
    thrum_lock_acquire(&lock);
    thrum_semaphore_acquire(&semaphore);
    JOIN(thrum_thread_start(cannot_acquire, THRUM_NOTHING), 0);
    CHECK(thrum_lock_owned(&lock));
    CHECK_INT(thrum_semaphore_value(&semaphore), ==, 0);
    thrum_lock_release(&lock);
    thrum_semaphore_release(&semaphore, 1);
}

static uint32_t ident;

static int is_cancelled(thrum_task *self)
{
    (void)self;
    tell_ident(&ident);
    thrum_with_until (&lock, THRUM_FOREVER)
        return -EINVAL;
    return thrum_cancelled(self) ? 0 : -EDOM;
}

TEST(a_block_does_not_run_if_the_wait_is_cancelled)
{
    thrum_lock_acquire(&lock);
    thrum_thread *thread = thrum_thread_start(is_cancelled, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "lock"));
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, 0);
    thrum_lock_release(&lock);
}

static int leave_by_return_in_time(void)
{
    thrum_with_until (&lock, thrum_in(1)) {
        thrum_with_until (&other, thrum_in(1))
            return 7;
        return 8;
    }
    else
    {
        return 9;
    }
}

TEST(break_continue_and_return_release_with_a_deadline)
{
    int rounds = 0;
    CHECK_INT(leave_by_return_in_time(), ==, 7);
    CHECK(!thrum_lock_locked(&lock) && !thrum_lock_locked(&other));
    for (int i = 0; i < 3; i++) {
        thrum_with_until (&lock, thrum_in(1)) {
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
