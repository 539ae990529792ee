#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

enum { PARTIES = 4, ROUNDS = 200 };
static thrum_barrier barrier;
static uint32_t idents[PARTIES], arrived[ROUNDS], indices[PARTIES], actions;

static void act(void *context)
{
    CHECK(context == &barrier);
    actions++;
}

static int go_round(thrum_task *self)
{
    (void)self;
    for (int round = 0; round < ROUNDS; round++) {
        thrum__add_relaxed(&arrived[round], 1);
        int index = thrum_barrier_wait(&barrier, THRUM_FOREVER);
        if (index < 0)
            return index;
        CHECK_INT(thrum__load_relaxed(&arrived[round]), ==, PARTIES);
        CHECK_INT(index, <, PARTIES);
        thrum__add_relaxed(&indices[index], 1);
    }
    return 0;
}

TEST_DEADLINE(all_come_before_any_goes_on, 60)
{
    thrum_barrier_init(&barrier, PARTIES, act, &barrier);
    CHECK_INT(thrum_barrier_parties(&barrier), ==, PARTIES);
    thrum_thread *threads[PARTIES];
    for (int i = 0; i < PARTIES; i++)
        threads[i] = thrum_thread_start(go_round, THRUM_NOTHING);
    for (int i = 0; i < PARTIES; i++)
        JOIN(threads[i], 0);
    for (int i = 0; i < PARTIES; i++)
        CHECK_INT(indices[i], ==, ROUNDS);
    CHECK_INT(actions, ==, ROUNDS);
    thrum_barrier_finish(&barrier);
}

static int wait_once(thrum_task *self)
{
    tell_ident(&idents[thrum_arg(self, int)]);
    int rc = thrum_barrier_wait(&barrier, THRUM_FOREVER);
    return rc < 0 ? rc : thrum_return(self, thrum_value(int, rc));
}

static void start_two(thrum_thread **threads)
{
    thrum_barrier_init(&barrier, 3, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        idents[i] = 0;
        threads[i] = thrum_thread_start(wait_once, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "barrier"));
    }
    CHECK_INT(thrum_barrier_waiting(&barrier), ==, 2);
    CHECK(!thrum_barrier_broken(&barrier));
}

TEST(the_index_counts_down)
{
    thrum_thread *threads[2];
    start_two(threads);
    CHECK_INT(thrum_barrier_wait(&barrier, THRUM_NOW), ==, 0);
    for (int i = 0; i < 2; i++) {
        int index;
        CHECK_INT(thrum_thread_result(threads[i], &index, sizeof index, THRUM_FOREVER), ==, 0);
        CHECK_INT(index, ==, 2 - i);
        thrum_thread_free(threads[i]);
    }
    CHECK_INT(thrum_barrier_wait(&barrier, THRUM_NOW), ==, -EAGAIN);
    CHECK(!thrum_barrier_broken(&barrier));
    thrum_barrier_finish(&barrier);
}

TEST(a_barrier_for_one_never_waits)
{
    static thrum_barrier alone = THRUM_BARRIER_INIT(1);
    for (int i = 0; i < 3; i++)
        CHECK_INT(thrum_barrier_wait(&alone, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_barrier_parties(&alone), ==, 1);
    thrum_barrier_finish(&alone);
}

TEST(an_abort_breaks_it_for_all)
{
    thrum_thread *threads[2];
    start_two(threads);
    thrum_barrier_abort(&barrier);
    JOIN(threads[0], -EPIPE);
    JOIN(threads[1], -EPIPE);
    CHECK(thrum_barrier_broken(&barrier));
    CHECK_INT(thrum_barrier_wait(&barrier, THRUM_FOREVER), ==, -EPIPE);
    thrum_barrier_reset(&barrier);
    CHECK(!thrum_barrier_broken(&barrier));
    thrum_barrier_finish(&barrier);
}

TEST(a_reset_sends_the_waiting_away_and_keeps_it_whole)
{
    thrum_thread *threads[2];
    start_two(threads);
    thrum_barrier_reset(&barrier);
    JOIN(threads[0], -EPIPE);
    JOIN(threads[1], -EPIPE);
    start_two(threads);
    CHECK_INT(thrum_barrier_wait(&barrier, THRUM_FOREVER), ==, 0);
    JOIN(threads[0], 0);
    JOIN(threads[1], 0);
}

TEST(a_deadline_breaks_it_for_all)
{
    thrum_thread *thread;
    thrum_barrier_init(&barrier, 3, NULL, NULL);
    thread = thrum_thread_start(wait_once, thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "barrier"));
    CHECK_INT(thrum_barrier_wait(&barrier, thrum_in(0.003)), ==, -ETIMEDOUT);
    JOIN(thread, -EPIPE);
    CHECK(thrum_barrier_broken(&barrier));
}

TEST(a_cancelled_party_breaks_it_for_all)
{
    thrum_thread *threads[2];
    start_two(threads);
    thrum_thread_cancel(threads[0]);
    JOIN(threads[0], -ECANCELED);
    JOIN(threads[1], -EPIPE);
    thrum_barrier_finish(&barrier);
}

TEST_STOPS(a_barrier_for_nobody_stops, "made for 0 threads")
{
    thrum_barrier_init(&barrier, 0, NULL, NULL);
}

TEST_STOPS(finishing_one_that_is_waited_at_stops, "while 2 wait at it")
{
    thrum_thread *threads[2];
    start_two(threads);
    thrum_barrier_finish(&barrier);
}
