/* The semaphore between processes. */
#include "carrier.h"
#include "support_children.h"

#include <errno.h>

struct common {
    thrum_shared_semaphore semaphore, back;
    uint32_t inside, most, ready;
};

static uint32_t ident;

TEST(permits_are_counted)
{
    thrum_shared_semaphore semaphore;
    thrum_shared_semaphore_init(&semaphore, 2);
    CHECK_INT(thrum_shared_semaphore_value(&semaphore), ==, 2);
    thrum_shared_semaphore_acquire(&semaphore);
    CHECK_INT(thrum_shared_semaphore_try(&semaphore), ==, 0);
    CHECK_INT(thrum_shared_semaphore_try(&semaphore), ==, -EAGAIN);
    CHECK_INT(thrum_shared_semaphore_acquire_until(&semaphore, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_shared_semaphore_acquire_until(&semaphore, thrum_in(0.001)), ==, -ETIMEDOUT);
    thrum_shared_semaphore_release(&semaphore, 3);
    CHECK_INT(thrum_shared_semaphore_value(&semaphore), ==, 3);
}

TEST_STOPS(more_permits_than_there_can_be_stop_the_program, "made with 1073741824 permits")
{
    thrum_shared_semaphore semaphore;
    thrum_shared_semaphore_init(&semaphore, THRUM_SEMAPHORE_MAX + 1);
}

TEST_STOPS(a_release_above_the_bound_stops_the_program, "above its bound of 1")
{
    thrum_shared_semaphore semaphore;
    thrum_shared_semaphore_init_bounded(&semaphore, 1);
    thrum_shared_semaphore_release(&semaphore, 1);
}

TEST_STOPS(a_bound_of_none_stops_the_program, "bound of 0")
{
    thrum_shared_semaphore semaphore;
    thrum_shared_semaphore_init_bounded(&semaphore, 0);
}

enum { USERS = 3, TIMES = 1000, PERMITS = 2 };

static void use(struct common *common)
{
    for (int i = 0; i < TIMES; i++) {
        thrum_shared_semaphore_acquire(&common->semaphore);
        uint32_t inside = thrum__add_relaxed(&common->inside, 1) + 1;
        CHECK_INT(inside, <=, PERMITS);
        if (i % 16 == 0)
            thrum_yield();
        thrum__sub_relaxed(&common->inside, 1);
        thrum_shared_semaphore_release(&common->semaphore, 1);
    }
}

static void use_in_child(void *argument)
{
    use(argument);
}

static int use_here(thrum_task *self)
{
    use(thrum_arg(self, struct common *));
    return 0;
}

TEST(no_more_than_the_permits_are_inside)
{
    struct common *common = common_new(sizeof *common);
    thrum_shared_semaphore_init(&common->semaphore, PERMITS);
    pid_t children[USERS];
    thrum_thread *threads[USERS];
    for (int i = 0; i < USERS; i++)
        children[i] = child_start(use_in_child, common);
    for (int i = 0; i < USERS; i++)
        threads[i] = thrum_thread_start(use_here, thrum_value(struct common *, common));
    for (int i = 0; i < USERS; i++)
        JOIN(threads[i], 0);
    for (int i = 0; i < USERS; i++)
        child_join(children[i]);
    CHECK_INT(thrum_shared_semaphore_value(&common->semaphore), ==, PERMITS);
}

static int acquire(thrum_task *self)
{
    struct common *common = thrum_arg(self, struct common *);
    tell_ident(&ident);
    return thrum_shared_semaphore_acquire_until(&common->semaphore, THRUM_FOREVER);
}

static void release_one(void *argument)
{
    struct common *common = argument;
    thrum_shared_semaphore_release(&common->semaphore, 1);
}

TEST(another_process_releases_for_a_waiter)
{
    struct common *common = common_new(sizeof *common);
    thrum_thread *thread = thrum_thread_start(acquire, thrum_value(struct common *, common));
    UNTIL(waits_for(&ident, "shared semaphore"));
    child_join(child_start(release_one, common));
    JOIN(thread, 0);
}

TEST(a_wait_for_a_shared_semaphore_can_be_cancelled)
{
    struct common *common = common_new(sizeof *common);
    thrum_thread *thread = thrum_thread_start(acquire, thrum_value(struct common *, common));
    UNTIL(waits_for(&ident, "shared semaphore"));
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
    thrum_shared_semaphore_release(&common->semaphore, 1);
    CHECK_INT(thrum_shared_semaphore_try(&common->semaphore), ==, 0);
}

static void take_for_ever(void *argument)
{
    struct common *common = argument;
    thrum__store_release(&common->ready, 1);
    for (;;)
        if (thrum_shared_semaphore_acquire_until(&common->semaphore, thrum_in(0.0001)) == 0)
            thrum_shared_semaphore_release(&common->back, 1);
}

/* A child that is killed as it takes a permit may keep that one. All others come through, whatever wakes the
 * dead had consumed. */
TEST_DEADLINE(a_permit_is_lost_only_with_who_has_taken_it, 60)
{
    enum { ROUNDS = 300, GIVEN = 4 };
    struct common *common = common_new(sizeof *common);
    for (int i = 0; i < ROUNDS; i++) {
        thrum_shared_semaphore_init(&common->semaphore, 0);
        thrum_shared_semaphore_init(&common->back, 0);
        thrum__store_release(&common->ready, 0);
        thrum__store_release(&ident, 0);
        pid_t child = child_start(take_for_ever, common);
        UNTIL(thrum__load_acquire(&common->ready));
        thrum_thread *thread = thrum_thread_start(acquire, thrum_value(struct common *, common));
        UNTIL(waits_for(&ident, "shared semaphore"));
        thrum_shared_semaphore_release(&common->semaphore, GIVEN);
        child_kill(child);
        uint32_t left = thrum_shared_semaphore_value(&common->semaphore);
        if (left + thrum_shared_semaphore_value(&common->back) < GIVEN - 1)
            thrum_shared_semaphore_release(&common->semaphore, 1);
        else if (left == 0)
            thrum_shared_semaphore_release(&common->semaphore, 1);
        JOIN(thread, 0);
    }
}
