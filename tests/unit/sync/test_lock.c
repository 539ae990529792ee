#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>

static thrum_lock lock;
static uint32_t ident;
static long counter;

TEST(a_zeroed_lock_is_free)
{
    static thrum_lock zero;
    thrum_lock fixed = THRUM_LOCK_INIT;
    CHECK(!thrum_lock_locked(&zero));
    CHECK_INT(thrum_lock_try(&zero), ==, 0);
    CHECK_INT(thrum_lock_try(&fixed), ==, 0);
    CHECK_INT(sizeof zero, ==, 16);
}

TEST(acquire_and_release_change_who_owns)
{
    thrum_lock_init(&lock);
    CHECK(!thrum_lock_owned(&lock));
    thrum_lock_acquire(&lock);
    CHECK(thrum_lock_locked(&lock) && thrum_lock_owned(&lock));
    CHECK_INT(thrum_lock_try(&lock), ==, -EAGAIN);
    thrum_lock_release(&lock);
    CHECK(!thrum_lock_locked(&lock) && !thrum_lock_owned(&lock));
    thrum_lock_finish(&lock);
}

static int probe_held(thrum_task *self)
{
    (void)self;
    CHECK(thrum_lock_locked(&lock) && !thrum_lock_owned(&lock));
    CHECK_INT(thrum_lock_try(&lock), ==, -EAGAIN);
    CHECK_INT(thrum_lock_acquire_until(&lock, THRUM_NOW), ==, -EAGAIN);
    thrum_deadline end = thrum_in(0.01);
    CHECK_INT(thrum_lock_acquire_until(&lock, end), ==, -ETIMEDOUT);
    CHECK(thrum_now() >= end.ns);
    return 0;
}

TEST(a_held_lock_is_refused_to_others)
{
    thrum_lock_acquire(&lock);
    JOIN(thrum_thread_start(probe_held, THRUM_NOTHING), 0);
    thrum_lock_release(&lock);
    thrum_lock_finish(&lock);
}

TEST(acquiring_it_twice_with_a_deadline_is_a_deadlock)
{
    thrum_lock_acquire(&lock);
    CHECK_INT(thrum_lock_acquire_until(&lock, thrum_in(10)), ==, -EDEADLK);
    CHECK_INT(thrum_lock_acquire_until(&lock, THRUM_NOW), ==, -EDEADLK);
}

static int acquire_told(thrum_task *self)
{
    (void)self;
    tell_ident(&ident);
    int rc = thrum_lock_acquire_until(&lock, THRUM_FOREVER);
    if (rc == 0)
        thrum_lock_release(&lock);
    return rc;
}

TEST(a_release_wakes_the_waiter)
{
    thrum_lock_acquire(&lock);
    thrum_thread *thread = thrum_thread_start(acquire_told, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "lock"));
    thrum_lock_release(&lock);
    JOIN(thread, 0);
    thrum_lock_finish(&lock);
}

TEST(a_cancelled_waiter_gives_up_and_leaves_the_lock_usable)
{
    thrum_lock_acquire(&lock);
    thrum_thread *thread = thrum_thread_start(acquire_told, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "lock"));
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
    thrum_lock_release(&lock);
    thrum_lock_finish(&lock);
}

static int acquire_plainly(thrum_task *self)
{
    tell_ident(&ident);
    thrum_lock_acquire(&lock);
    bool cancelled = thrum_cancelled(self);
    thrum_lock_release(&lock);
    return thrum_return(self, thrum_value(bool, cancelled));
}

TEST(cancellation_does_not_interrupt_a_plain_acquire)
{
    thrum_lock_acquire(&lock);
    thrum_thread *thread = thrum_thread_start(acquire_plainly, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "lock"));
    thrum_thread_cancel(thread);
    CHECK(waits_for(&ident, "lock"));
    thrum_lock_release(&lock);
    bool cancelled = false;
    CHECK_INT(thrum_thread_result(thread, &cancelled, sizeof cancelled, THRUM_FOREVER), ==, 0);
    CHECK(cancelled);
    thrum_thread_free(thread);
}

struct counting {
    int rounds;
    bool timed;
};

static int count(thrum_task *self)
{
    struct counting how = thrum_arg(self, struct counting);
    for (int i = 0; i < how.rounds;) {
        if (how.timed && thrum_lock_acquire_until(&lock, thrum_in(1e-5)) < 0)
            continue;
        if (!how.timed)
            thrum_lock_acquire(&lock);
        counter++;
        i++;
        thrum_lock_release(&lock);
    }
    return 0;
}

static void count_with(int threads, int rounds)
{
    thrum_thread *started[64];
    counter = 0;
    for (int i = 0; i < threads; i++)
        started[i] = thrum_thread_start(count, thrum_value(struct counting, rounds, i % 3 == 1));
    for (int i = 0; i < threads; i++)
        JOIN(started[i], 0);
    CHECK_INT(counter, ==, (long)threads * rounds);
    thrum_lock_finish(&lock);
}

TEST_DEADLINE(no_count_is_lost_between_two_threads, 60)
{
    count_with(2, 20000);
}

TEST_DEADLINE(no_count_is_lost_between_eight_threads, 60)
{
    count_with(8, 10000);
}

TEST_DEADLINE(no_count_is_lost_between_32_threads, 120)
{
    count_with(32, 2000);
}

/* Each takes the lock in a box, and the last frees the box at once after its release. */
struct box {
    thrum_lock lock;
    int users;
};

static int use_box(thrum_task *self)
{
    struct box *box = thrum_arg(self, struct box *);
    thrum_lock_acquire(&box->lock);
    bool last = --box->users == 0;
    thrum_lock_release(&box->lock);
    if (last)
        free(box);
    return 0;
}

TEST_DEADLINE(the_last_user_may_free_the_lock, 60)
{
    for (int round = 0; round < 500; round++) {
        struct box *box = calloc(1, sizeof *box);
        CHECK(box != NULL);
        box->users = 3;
        thrum_thread *threads[3];
        for (int i = 0; i < 3; i++)
            threads[i] = thrum_thread_start(use_box, thrum_value(struct box *, box));
        for (int i = 0; i < 3; i++)
            JOIN(threads[i], 0);
    }
}

TEST_STOPS(releasing_a_free_lock_stops, "released by thread \"MainThread\"; it is held by nobody")
{
    thrum_lock_release(&lock);
}

static int release_foreign(thrum_task *self)
{
    (void)self;
    thrum_lock_release(&lock);
    return 0;
}

TEST_STOPS(releasing_anothers_lock_stops,
           "released by thread \"thief\"; it is held by thread \"MainThread\"")
{
    thrum_lock_acquire(&lock);
    JOIN(thrum_thread_start_with(&(thrum_thread_options){.name = "thief"}, release_foreign,
                                 THRUM_NOTHING),
         0);
}

TEST_STOPS(acquiring_twice_stops, "acquired a second time by thread \"MainThread\"")
{
    thrum_lock_acquire(&lock);
    thrum_lock_acquire(&lock);
}

TEST_STOPS(finishing_a_held_lock_stops, "finished while in use by thread \"MainThread\"")
{
    thrum_lock_acquire(&lock);
    thrum_lock_finish(&lock);
}
