/* The lock between processes: exclusion, death, misuse, and that no wait is lost to a kill. */
#include "carrier.h"
#include "support_children.h"

#include <errno.h>

struct common {
    thrum_shared_lock lock;
    uint32_t stage, other;
    long a, b, deaths;
};

static uint32_t ident;

static void hold(void *argument)
{
    struct common *common = argument;
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, 0);
    thrum__store_release(&common->stage, 1);
    child_stay();
}

/* A child that holds the lock. */
static pid_t holder_start(struct common *common)
{
    pid_t child = child_start(hold, common);
    UNTIL(thrum__load_acquire(&common->stage) == 1);
    CHECK_INT(thrum_shared_lock_holder(&common->lock), ==, child);
    return child;
}

TEST(one_process_at_a_time_has_the_lock)
{
    struct common *common = common_new(sizeof *common);
    pid_t child = holder_start(common);
    CHECK_INT(thrum_shared_lock_try(&common->lock), ==, -EAGAIN);
    CHECK_INT(thrum_shared_lock_acquire_until(&common->lock, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_shared_lock_acquire_until(&common->lock, thrum_in(0.001)), ==, -ETIMEDOUT);
    CHECK(!thrum_shared_lock_owned(&common->lock));
    child_kill(child);
}

TEST(what_one_has_twice_is_a_deadlock)
{
    thrum_shared_lock lock;
    thrum_shared_lock_init(&lock);
    CHECK_INT(thrum_shared_lock_acquire(&lock), ==, 0);
    CHECK(thrum_shared_lock_owned(&lock));
    CHECK_INT(thrum_shared_lock_acquire_until(&lock, THRUM_FOREVER), ==, -EDEADLK);
    CHECK_INT(thrum_shared_lock_try(&lock), ==, -EAGAIN);
    thrum_shared_lock_release(&lock);
    CHECK(!thrum_shared_lock_owned(&lock));
    CHECK_INT(thrum_shared_lock_holder(&lock), ==, 0);
}

TEST_STOPS(releasing_a_shared_lock_that_is_free_stops_the_program, "held by nobody")
{
    static thrum_shared_lock lock;
    thrum_shared_lock_release(&lock);
}

TEST_STOPS(acquiring_a_shared_lock_twice_stops_the_program, "acquired a second time")
{
    static thrum_shared_lock lock;
    CHECK_INT(thrum_shared_lock_acquire(&lock), ==, 0);
    (void)!thrum_shared_lock_acquire(&lock);
}

TEST_STOPS(releasing_what_another_process_holds_stops_the_program, "it is held in process")
{
    struct common *common = common_new(sizeof *common);
    holder_start(common);
    thrum_shared_lock_release(&common->lock);
}

TEST_STOPS(only_the_holder_says_that_all_is_consistent, "called consistent")
{
    static thrum_shared_lock lock;
    thrum_shared_lock_consistent(&lock);
}

/* Adds under the lock, in two steps that must not be seen apart. */
static void add(struct common *common, int times)
{
    for (int i = 0; i < times; i++) {
        int rc = thrum_shared_lock_acquire(&common->lock);
        if (rc == -EOWNERDEAD) {
            common->deaths++;
            common->b = common->a;
            thrum_shared_lock_consistent(&common->lock);
        } else {
            CHECK_INT(rc, ==, 0);
        }
        CHECK_INT(common->a, ==, common->b);
        common->a++;
        common->b++;
        thrum_shared_lock_release(&common->lock);
    }
}

enum { ADDERS = 3, TIMES = 3000 };

static void add_in_child(void *argument)
{
    add(argument, TIMES);
}

static int add_here(thrum_task *self)
{
    add(thrum_arg(self, struct common *), TIMES);
    return 0;
}

TEST(no_addition_is_lost_between_processes)
{
    struct common *common = common_new(sizeof *common);
    pid_t children[ADDERS];
    thrum_thread *threads[ADDERS];
    for (int i = 0; i < ADDERS; i++)
        children[i] = child_start(add_in_child, common);
    for (int i = 0; i < ADDERS; i++)
        threads[i] = thrum_thread_start(add_here, thrum_value(struct common *, common));
    for (int i = 0; i < ADDERS; i++)
        JOIN(threads[i], 0);
    for (int i = 0; i < ADDERS; i++)
        child_join(children[i]);
    CHECK_INT(common->a, ==, 2 * ADDERS * TIMES);
}

/* --------------------------------------------------------------------------------------- deaths */

TEST(the_death_of_a_holder_is_told)
{
    struct common *common = common_new(sizeof *common);
    child_kill(holder_start(common));
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, -EOWNERDEAD);
    CHECK(thrum_shared_lock_owned(&common->lock));
    thrum_shared_lock_consistent(&common->lock);
    thrum_shared_lock_release(&common->lock);
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, 0);
    thrum_shared_lock_release(&common->lock);
}

TEST(a_try_sees_a_death_at_once)
{
    struct common *common = common_new(sizeof *common);
    child_kill(holder_start(common));
    CHECK_INT(thrum_shared_lock_try(&common->lock), ==, -EOWNERDEAD);
}

TEST(a_dead_process_that_nobody_waited_for_is_dead)
{
    struct common *common = common_new(sizeof *common);
    child_kill_only(holder_start(common));
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, -EOWNERDEAD);
}

TEST(what_is_not_made_consistent_is_lost_for_all)
{
    struct common *common = common_new(sizeof *common);
    child_kill(holder_start(common));
    CHECK_INT(thrum_shared_lock_acquire_until(&common->lock, THRUM_FOREVER), ==, -EOWNERDEAD);
    thrum_shared_lock_release(&common->lock);
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, -ENOTRECOVERABLE);
    CHECK_INT(thrum_shared_lock_try(&common->lock), ==, -ENOTRECOVERABLE);
    CHECK_INT(thrum_shared_lock_acquire_until(&common->lock, THRUM_NOW), ==, -ENOTRECOVERABLE);
    thrum_shared_lock_init(&common->lock);
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, 0);
}

static int wait_for_lock(thrum_task *self)
{
    struct common *common = thrum_arg(self, struct common *);
    tell_ident(&ident);
    int rc = thrum_shared_lock_acquire_until(&common->lock, THRUM_FOREVER);
    if (rc == -EOWNERDEAD)
        thrum_shared_lock_consistent(&common->lock);
    if (rc == 0 || rc == -EOWNERDEAD)
        thrum_shared_lock_release(&common->lock);
    return rc;
}

static thrum_thread *waiter_start(struct common *common)
{
    thrum_thread *waiter = thrum_thread_start(wait_for_lock, thrum_value(struct common *, common));
    UNTIL(waits_for(&ident, "shared lock"));
    return waiter;
}

TEST(a_waiter_notices_the_death_of_the_holder)
{
    struct common *common = common_new(sizeof *common);
    pid_t child = holder_start(common);
    thrum_thread *waiter = waiter_start(common);
    child_kill(child);
    JOIN(waiter, -EOWNERDEAD);
}

TEST(a_waiter_is_told_that_the_lock_is_lost)
{
    struct common *common = common_new(sizeof *common);
    child_kill(holder_start(common));
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, -EOWNERDEAD);
    thrum_thread *waiter = waiter_start(common);
    thrum_shared_lock_release(&common->lock);
    JOIN(waiter, -ENOTRECOVERABLE);
}

TEST(a_waiter_gets_what_is_released)
{
    struct common *common = common_new(sizeof *common);
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, 0);
    thrum_thread *waiter = waiter_start(common);
    thrum_shared_lock_release(&common->lock);
    JOIN(waiter, 0);
}

TEST(a_wait_for_a_shared_lock_can_be_cancelled)
{
    struct common *common = common_new(sizeof *common);
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, 0);
    thrum_thread *waiter = waiter_start(common);
    CHECK_INT(thrum_thread_cancel(waiter), ==, 0);
    JOIN(waiter, -ECANCELED);
    thrum_shared_lock_release(&common->lock);
}

/* A pid that was used again: the holder began at another time. */
TEST(a_pid_that_is_used_again_is_another_process)
{
    thrum_shared_lock lock = {.state_ = UINT64_C(1) << 25 | (uint32_t)getpid()};
    CHECK_INT(thrum_shared_lock_try(&lock), ==, -EOWNERDEAD);
}

TEST(a_holder_of_whom_nothing_can_be_found_out_lives)
{
    struct common *common = common_new(sizeof *common);
    pid_t child = holder_start(common);
    CHECK_INT(thrum_shared_lock_try(&common->lock), ==, -EAGAIN);
    child_kill_only(child);
    thrum__fault_arm(THRUM__FAULT_LIFE, 1, UINT32_MAX);
    CHECK_INT(thrum_shared_lock_try(&common->lock), ==, -EAGAIN);
    thrum__fault_disarm(THRUM__FAULT_LIFE);
    CHECK_INT(thrum_shared_lock_try(&common->lock), ==, -EOWNERDEAD);
}

TEST(a_process_that_cannot_be_told_from_others_has_locks_all_the_same)
{
    thrum_shared_lock lock = THRUM_SHARED_LOCK_INIT;
    thrum__fault_arm(THRUM__FAULT_LIFE, 1, UINT32_MAX);
    CHECK_INT(thrum_shared_lock_acquire(&lock), ==, 0);
    CHECK_INT(thrum_shared_lock_try(&lock), ==, -EAGAIN);
    thrum_shared_lock_release(&lock);
}

static void wait_in_child(void *argument)
{
    struct common *common = argument;
    thrum__store_release(&common->other, thrum_thread_current_ident());
    (void)!thrum_shared_lock_acquire(&common->lock);
    child_stay();
}

/* He may be killed before, in, or after his sleep, or with the lock that was released for him. */
TEST_DEADLINE(a_waiter_that_is_killed_takes_no_wake_with_it, 60)
{
    enum { ROUNDS = 300 };
    struct common *common = common_new(sizeof *common);
    for (int i = 0; i < ROUNDS; i++) {
        if (thrum_shared_lock_acquire(&common->lock) == -EOWNERDEAD)
            thrum_shared_lock_consistent(&common->lock);
        thrum__store_release(&common->other, 0);
        thrum__store_release(&ident, 0);
        pid_t child = child_start(wait_in_child, common);
        UNTIL(thrum__load_acquire(&common->other));
        thrum_thread *waiter = waiter_start(common);
        thrum_shared_lock_release(&common->lock);
        child_kill(child);
        int rc = OUTCOME_CODE(thrum_thread_join(waiter, THRUM_FOREVER), thrum_thread_error(waiter));
        CHECK(rc == 0 || rc == -EOWNERDEAD);
        thrum_thread_free(waiter);
    }
}

static void add_for_ever(void *argument)
{
    for (;;)
        add(argument, TIMES);
}

TEST_DEADLINE(a_thousand_deaths_at_work_leave_the_lock_usable, 120)
{
    enum { DEATHS = 1000 };
    struct common *common = common_new(sizeof *common);
    pid_t steady = child_start(add_for_ever, common);
    for (int i = 0; i < DEATHS; i++) {
        long before = common->a;
        pid_t child = child_start(add_for_ever, common);
        add(common, i % 7);
        UNTIL(thrum__load_relaxed(&common->a) >= before + i % 50);
        child_kill(child);
    }
    child_kill(steady);
    add(common, 1);
}
