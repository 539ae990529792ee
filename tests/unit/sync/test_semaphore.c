#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_semaphore semaphore;
static uint32_t idents[3];
static uint32_t served;

TEST(permits_are_counted)
{
    thrum_semaphore fixed = THRUM_SEMAPHORE_INIT(2);
    CHECK_INT(thrum_semaphore_value(&fixed), ==, 2);
    CHECK_INT(thrum_semaphore_try(&fixed), ==, 0);
    thrum_semaphore_acquire(&fixed);
    CHECK_INT(thrum_semaphore_try(&fixed), ==, -EAGAIN);
    CHECK_INT(thrum_semaphore_acquire_until(&fixed, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_semaphore_acquire_until(&fixed, thrum_in(0.005)), ==, -ETIMEDOUT);
    thrum_semaphore_release(&fixed, 3);
    CHECK_INT(thrum_semaphore_value(&fixed), ==, 3);
    CHECK_INT(thrum_semaphore_acquire_until(&fixed, thrum_in(1)), ==, 0);
    CHECK_INT(thrum_semaphore_value(&fixed), ==, 2);
    thrum_semaphore_finish(&fixed);
}

TEST(a_zeroed_semaphore_has_no_permit)
{
    CHECK_INT(thrum_semaphore_try(&semaphore), ==, -EAGAIN);
    thrum_semaphore_release(&semaphore, 1);
    CHECK_INT(thrum_semaphore_try(&semaphore), ==, 0);
}

static int acquire_in_turn(thrum_task *self)
{
    int index = thrum_arg(self, int);
    tell_ident(&idents[index]);
    int rc = thrum_semaphore_acquire_until(&semaphore, THRUM_FOREVER);
    if (rc < 0)
        return rc;
    uint32_t turn = thrum__add_acq_rel(&served, 1);
    return thrum_return(self, thrum_value(uint32_t, turn));
}

TEST(waiters_are_served_in_order)
{
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++) {
        threads[i] = thrum_thread_start(acquire_in_turn, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "semaphore"));
    }
    for (uint32_t i = 0; i < 3; i++) {
        thrum_semaphore_release(&semaphore, 1);
        uint32_t turn;
        CHECK_INT(thrum_thread_result(threads[i], &turn, sizeof turn, THRUM_FOREVER), ==, 0);
        CHECK_INT(turn, ==, i);
        thrum_thread_free(threads[i]);
    }
    CHECK_INT(thrum_semaphore_value(&semaphore), ==, 0);
}

TEST(one_release_serves_many_and_keeps_the_rest)
{
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++) {
        threads[i] = thrum_thread_start(acquire_in_turn, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "semaphore"));
    }
    thrum_semaphore_release(&semaphore, 5);
    for (int i = 0; i < 3; i++)
        JOIN(threads[i], 0);
    CHECK_INT(thrum_semaphore_value(&semaphore), ==, 2);
}

TEST(a_permit_is_not_spent_on_one_who_was_cancelled)
{
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++) {
        threads[i] = thrum_thread_start(acquire_in_turn, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "semaphore"));
    }
    thrum_thread_cancel(threads[0]);
    JOIN(threads[0], -ECANCELED);
    thrum_semaphore_release(&semaphore, 1);
    JOIN(threads[1], 0);
    CHECK_INT(thrum_semaphore_value(&semaphore), ==, 0);
}

static uint32_t inside, most;

static int enter_bounded(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 300; i++) {
        thrum_with (&semaphore) {
            uint32_t now = thrum__add_acq_rel(&inside, 1) + 1;
            uint32_t seen = thrum__load_relaxed(&most);
            while (now > seen && !thrum__cas_relaxed(&most, &seen, now))
                ;
            if (i % 16 == 0)
                thrum_yield();
            thrum__sub_acq_rel(&inside, 1);
        }
    }
    return 0;
}

TEST_DEADLINE(never_more_inside_than_permits, 60)
{
    thrum_semaphore_init_bounded(&semaphore, 3);
    thrum_thread *threads[8];
    for (int i = 0; i < 8; i++)
        threads[i] = thrum_thread_start(enter_bounded, THRUM_NOTHING);
    for (int i = 0; i < 8; i++)
        JOIN(threads[i], 0);
    CHECK_INT(most, <=, 3);
    CHECK_INT(thrum_semaphore_value(&semaphore), ==, 3);
    thrum_semaphore_finish(&semaphore);
}

TEST_STOPS(releasing_above_the_bound_stops, "released too often by thread \"MainThread\"")
{
    thrum_semaphore_init_bounded(&semaphore, 2);
    thrum_semaphore_release(&semaphore, 1);
}

TEST_STOPS(releasing_above_the_most_stops, "released too often")
{
    thrum_semaphore_init(&semaphore, THRUM_SEMAPHORE_MAX);
    thrum_semaphore_release(&semaphore, 1);
}

TEST_STOPS(too_many_permits_stop, "made with")
{
    thrum_semaphore_init(&semaphore, THRUM_SEMAPHORE_MAX + 1);
}

TEST_STOPS(a_bound_of_nothing_stops, "it takes 1 to")
{
    thrum_semaphore_init_bounded(&semaphore, 0);
}

TEST_STOPS(finishing_one_that_is_waited_for_stops, "finished by thread \"MainThread\"")
{
    thrum_thread_start(acquire_in_turn, thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "semaphore"));
    thrum_semaphore_finish(&semaphore);
}
