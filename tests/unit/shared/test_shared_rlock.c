/* The reentrant lock between processes: depth, exclusion, death, misuse. */
#include "carrier.h"
#include "support_children.h"

#include <errno.h>

struct common {
    thrum_shared_rlock lock;
    uint32_t stage;
    long sum;
};

static uint32_t ident;

TEST(a_holder_takes_it_as_often_as_it_likes)
{
    thrum_shared_rlock lock;
    thrum_shared_rlock_init(&lock);
    CHECK_INT(thrum_shared_rlock_depth(&lock), ==, 0);
    CHECK_INT(thrum_shared_rlock_acquire(&lock), ==, 0);
    CHECK_INT(thrum_shared_rlock_try(&lock), ==, 0);
    CHECK_INT(thrum_shared_rlock_acquire_until(&lock, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_shared_rlock_depth(&lock), ==, 3);
    CHECK_INT(thrum_shared_rlock_holder(&lock), ==, getpid());
    for (int depth = 3; depth > 0; depth--) {
        CHECK_INT(thrum_shared_rlock_depth(&lock), ==, depth);
        thrum_shared_rlock_release(&lock);
    }
    CHECK_INT(thrum_shared_rlock_depth(&lock), ==, 0);
    CHECK_INT(thrum_shared_rlock_holder(&lock), ==, 0);
}

static void hold_twice(void *argument)
{
    struct common *common = argument;
    CHECK_INT(thrum_shared_rlock_acquire(&common->lock), ==, 0);
    CHECK_INT(thrum_shared_rlock_acquire(&common->lock), ==, 0);
    thrum__store_release(&common->stage, 1);
    child_stay();
}

static pid_t holder_start(struct common *common)
{
    pid_t child = child_start(hold_twice, common);
    UNTIL(thrum__load_acquire(&common->stage) == 1);
    return child;
}

TEST(another_process_keeps_it_until_its_last_release)
{
    struct common *common = common_new(sizeof *common);
    pid_t child = holder_start(common);
    CHECK_INT(thrum_shared_rlock_try(&common->lock), ==, -EAGAIN);
    CHECK_INT(thrum_shared_rlock_acquire_until(&common->lock, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_shared_rlock_acquire_until(&common->lock, thrum_in(0.001)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_shared_rlock_depth(&common->lock), ==, 0);
    CHECK_INT(thrum_shared_rlock_holder(&common->lock), ==, child);
    child_kill(child);
}

TEST(a_dead_holder_leaves_no_depth)
{
    struct common *common = common_new(sizeof *common);
    child_kill(holder_start(common));
    CHECK_INT(thrum_shared_rlock_acquire(&common->lock), ==, -EOWNERDEAD);
    CHECK_INT(thrum_shared_rlock_depth(&common->lock), ==, 1);
    CHECK_INT(thrum_shared_rlock_acquire(&common->lock), ==, 0); /* told once */
    thrum_shared_rlock_consistent(&common->lock);
    thrum_shared_rlock_release(&common->lock);
    thrum_shared_rlock_release(&common->lock);
    CHECK_INT(thrum_shared_rlock_try(&common->lock), ==, 0);
    thrum_shared_rlock_release(&common->lock);
}

TEST(a_death_that_nobody_put_right_loses_the_lock)
{
    struct common *common = common_new(sizeof *common);
    child_kill(holder_start(common));
    CHECK_INT(thrum_shared_rlock_try(&common->lock), ==, -EOWNERDEAD);
    thrum_shared_rlock_release(&common->lock);
    CHECK_INT(thrum_shared_rlock_acquire(&common->lock), ==, -ENOTRECOVERABLE);
    CHECK_INT(thrum_shared_rlock_depth(&common->lock), ==, 0);
    thrum_shared_rlock_init(&common->lock);
    CHECK_INT(thrum_shared_rlock_acquire(&common->lock), ==, 0);
}

enum { ADDERS = 2, TIMES = 2000 };

static void add(struct common *common)
{
    for (int i = 0; i < TIMES; i++) {
        CHECK_INT(thrum_shared_rlock_acquire(&common->lock), ==, 0);
        CHECK_INT(thrum_shared_rlock_acquire(&common->lock), ==, 0);
        common->sum++;
        thrum_shared_rlock_release(&common->lock);
        common->sum++;
        thrum_shared_rlock_release(&common->lock);
    }
}

static void add_in_child(void *argument)
{
    add(argument);
}

static int add_here(thrum_task *self)
{
    add(thrum_arg(self, struct common *));
    return 0;
}

TEST(no_addition_is_lost_between_processes_that_take_it_twice)
{
    struct common *common = common_new(sizeof *common);
    pid_t child = child_start(add_in_child, common);
    thrum_thread *threads[ADDERS];
    for (int i = 0; i < ADDERS; i++)
        threads[i] = thrum_thread_start(add_here, thrum_value(struct common *, common));
    for (int i = 0; i < ADDERS; i++)
        JOIN(threads[i], 0);
    child_join(child);
    CHECK_INT(common->sum, ==, 2L * (ADDERS + 1) * TIMES);
}

static int wait_for_it(thrum_task *self)
{
    tell_ident(&ident);
    return thrum_shared_rlock_acquire_until(thrum_arg(self, thrum_shared_rlock *), THRUM_FOREVER);
}

TEST(a_wait_for_it_can_be_cancelled)
{
    thrum_shared_rlock lock = THRUM_SHARED_RLOCK_INIT;
    CHECK_INT(thrum_shared_rlock_acquire(&lock), ==, 0);
    thrum_thread *waiter =
        thrum_thread_start(wait_for_it, thrum_value(thrum_shared_rlock *, &lock));
    UNTIL(waits_for(&ident, "shared lock"));
    CHECK_INT(thrum_thread_cancel(waiter), ==, 0);
    JOIN(waiter, -ECANCELED);
    thrum_shared_rlock_release(&lock);
}

TEST_STOPS(releasing_a_shared_rlock_that_is_free_stops_the_program, "held by nobody")
{
    static thrum_shared_rlock lock;
    thrum_shared_rlock_release(&lock);
}

TEST_STOPS(releasing_a_shared_rlock_of_another_stops_the_program, "it is held in process")
{
    struct common *common = common_new(sizeof *common);
    holder_start(common);
    thrum_shared_rlock_release(&common->lock);
}

TEST_STOPS(only_the_holder_says_that_a_shared_rlock_is_consistent, "called consistent")
{
    static thrum_shared_rlock lock;
    thrum_shared_rlock_consistent(&lock);
}

TEST_STOPS(a_shared_rlock_taken_without_end_stops_the_program, "more often than it can count")
{
    static thrum_shared_rlock lock;
    for (;;)
        CHECK_INT(thrum_shared_rlock_acquire(&lock), ==, 0);
}
