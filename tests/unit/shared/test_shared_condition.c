/* The condition between processes. */
#include "carrier.h"
#include "support_children.h"

#include <errno.h>

struct common {
    thrum_shared_lock lock;
    thrum_shared_condition changed;
    uint32_t stage;
    int count, taken;
};

static uint32_t ident;

static void give(void *argument)
{
    struct common *common = argument;
    enum { TIMES = 1000 };
    for (int i = 0; i < TIMES; i++) {
        CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, 0);
        common->count++;
        thrum_shared_condition_notify(&common->changed, 1);
        thrum_shared_lock_release(&common->lock);
    }
}

static int take(thrum_task *self)
{
    struct common *common = thrum_arg(self, struct common *);
    int taken = 0;
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, 0);
    while (common->taken < 2000) {
        while (common->count == 0 && common->taken < 2000)
            CHECK_INT(thrum_shared_condition_wait(&common->changed, &common->lock, THRUM_FOREVER),
                      ==, 0);
        if (common->count == 0)
            break;
        common->count--;
        common->taken++;
        taken++;
    }
    thrum_shared_condition_notify_all(&common->changed);
    thrum_shared_lock_release(&common->lock);
    return thrum_return(self, thrum_value(int, taken));
}

TEST(what_two_processes_give_two_waiters_take)
{
    struct common *common = common_new(sizeof *common);
    thrum_thread *threads[2];
    int total = 0;
    for (int i = 0; i < 2; i++)
        threads[i] = thrum_thread_start(take, thrum_value(struct common *, common));
    pid_t one = child_start(give, common), two = child_start(give, common);
    for (int i = 0; i < 2; i++) {
        int taken;
        CHECK_INT(thrum_thread_result(threads[i], &taken, sizeof taken, THRUM_FOREVER), ==, 0);
        total += taken;
        thrum_thread_free(threads[i]);
    }
    child_join(one);
    child_join(two);
    CHECK_INT(total, ==, 2000);
}

TEST(a_wait_ends_by_its_deadline_with_the_lock)
{
    thrum_shared_lock lock;
    thrum_shared_condition condition;
    thrum_shared_lock_init(&lock);
    thrum_shared_condition_init(&condition);
    CHECK_INT(thrum_shared_lock_acquire(&lock), ==, 0);
    CHECK_INT(thrum_shared_condition_wait(&condition, &lock, thrum_in(0.001)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_shared_condition_wait(&condition, &lock, THRUM_NOW), ==, -EAGAIN);
    CHECK(thrum_shared_lock_owned(&lock));
    thrum_shared_condition_notify(&condition, 1);
    thrum_shared_lock_release(&lock);
}

TEST_STOPS(waiting_without_the_lock_stops_the_program, "which does not hold lock")
{
    static thrum_shared_lock lock;
    static thrum_shared_condition condition;
    (void)!thrum_shared_condition_wait(&condition, &lock, THRUM_FOREVER);
}

static int wait_once(thrum_task *self)
{
    struct common *common = thrum_arg(self, struct common *);
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, 0);
    tell_ident(&ident);
    int rc = thrum_shared_condition_wait(&common->changed, &common->lock, THRUM_FOREVER);
    CHECK(thrum_shared_lock_owned(&common->lock));
    if (rc == -EOWNERDEAD)
        thrum_shared_lock_consistent(&common->lock);
    thrum_shared_lock_release(&common->lock);
    return rc;
}

static thrum_thread *waiter_start(struct common *common)
{
    thrum_thread *waiter = thrum_thread_start(wait_once, thrum_value(struct common *, common));
    UNTIL(waits_for(&ident, "shared condition"));
    return waiter;
}

TEST(a_wait_for_a_shared_condition_can_be_cancelled)
{
    struct common *common = common_new(sizeof *common);
    thrum_thread *waiter = waiter_start(common);
    CHECK_INT(thrum_thread_cancel(waiter), ==, 0);
    JOIN(waiter, -ECANCELED);
}

static void notify_and_stay(void *argument)
{
    struct common *common = argument;
    CHECK_INT(thrum_shared_lock_acquire(&common->lock), ==, 0);
    thrum_shared_condition_notify_all(&common->changed);
    thrum__store_release(&common->stage, 1);
    child_stay();
}

TEST(who_is_notified_by_one_that_dies_with_the_lock_is_told)
{
    struct common *common = common_new(sizeof *common);
    thrum_thread *waiter = waiter_start(common);
    pid_t child = child_start(notify_and_stay, common);
    UNTIL(thrum__load_acquire(&common->stage));
    child_kill(child);
    JOIN(waiter, -EOWNERDEAD);
}
