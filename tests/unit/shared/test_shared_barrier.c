/* The barrier between processes: rounds, indices, broken barriers, and parties that are killed. */
#include "carrier.h"
#include "support_children.h"

#include <errno.h>

enum { PARTIES = 3, ROUNDS = 200 };

struct common {
    thrum_shared_barrier barrier;
    uint32_t written[PARTIES], zeros, stage;
    int rc;
};

static uint32_t ident;

static void pass_rounds(struct common *common, int party)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        thrum__store_relaxed(&common->written[party], round);
        int index = thrum_shared_barrier_wait(&common->barrier, THRUM_FOREVER);
        CHECK(index >= 0 && index < PARTIES);
        for (int other = 0; other < PARTIES; other++) {
            uint32_t seen = thrum__load_relaxed(&common->written[other]);
            CHECK(seen == round || seen == round + 1);
        }
        if (index == 0)
            thrum__add_relaxed(&common->zeros, 1);
    }
}

struct party {
    struct common *common;
    int number;
};

static void pass_in_child(void *argument)
{
    struct party *party = argument;
    pass_rounds(party->common, party->number);
}

static int pass_here(thrum_task *self)
{
    struct party party = thrum_arg(self, struct party);
    pass_rounds(party.common, party.number);
    return 0;
}

TEST(every_party_of_every_process_passes_every_round)
{
    struct common *common = common_new(sizeof *common);
    thrum_shared_barrier_init(&common->barrier, PARTIES);
    pid_t child = child_start(pass_in_child, &(struct party){common, 0});
    thrum_thread *threads[] = {thrum_thread_start(pass_here, thrum_value(struct party, common, 1)),
                               thrum_thread_start(pass_here, thrum_value(struct party, common, 2))};
    JOIN(threads[0], 0);
    JOIN(threads[1], 0);
    child_join(child);
    CHECK_INT(common->zeros, ==, ROUNDS);
    CHECK_INT(thrum_shared_barrier_waiting(&common->barrier), ==, 0);
    CHECK_INT(thrum_shared_barrier_parties(&common->barrier), ==, PARTIES);
}

static int wait_once(thrum_task *self)
{
    tell_ident(&ident);
    int rc = thrum_shared_barrier_wait(thrum_arg(self, thrum_shared_barrier *), THRUM_FOREVER);
    return rc == 1 ? 0 : rc; /* it was the first to come, of two */
}

static thrum_thread *waiter_start(thrum_shared_barrier *barrier)
{
    thrum_thread *waiter =
        thrum_thread_start(wait_once, thrum_value(thrum_shared_barrier *, barrier));
    UNTIL(waits_for(&ident, "shared barrier"));
    return waiter;
}

TEST(a_deadline_breaks_the_barrier_for_all_until_a_reset)
{
    thrum_shared_barrier barrier;
    thrum_shared_barrier_init(&barrier, 3);
    thrum_thread *waiter = waiter_start(&barrier);
    CHECK_INT(thrum_shared_barrier_waiting(&barrier), ==, 1);
    CHECK_INT(thrum_shared_barrier_wait(&barrier, THRUM_NOW), ==, -EAGAIN);
    CHECK(!thrum_shared_barrier_broken(&barrier));
    CHECK_INT(thrum_shared_barrier_wait(&barrier, thrum_in(0.001)), ==, -ETIMEDOUT);
    JOIN(waiter, -EPIPE);
    CHECK(thrum_shared_barrier_broken(&barrier));
    CHECK_INT(thrum_shared_barrier_wait(&barrier, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_shared_barrier_wait(&barrier, THRUM_NOW), ==, -EPIPE);
    thrum_shared_barrier_reset(&barrier);
    CHECK(!thrum_shared_barrier_broken(&barrier));
    waiter = waiter_start(&barrier);
    thrum_shared_barrier_reset(&barrier);
    JOIN(waiter, -EPIPE);
    waiter = waiter_start(&barrier);
    thrum_shared_barrier_abort(&barrier);
    JOIN(waiter, -EPIPE);
    CHECK(thrum_shared_barrier_broken(&barrier));
}

TEST(a_cancelled_wait_breaks_the_barrier)
{
    thrum_shared_barrier barrier;
    thrum_shared_barrier_init(&barrier, 2);
    thrum_thread *waiter = waiter_start(&barrier);
    CHECK_INT(thrum_thread_cancel(waiter), ==, 0);
    JOIN(waiter, -ECANCELED);
    CHECK(thrum_shared_barrier_broken(&barrier));
}

TEST(a_barrier_for_one_never_waits)
{
    thrum_shared_barrier barrier;
    thrum_shared_barrier_init(&barrier, 1);
    for (int i = 0; i < 100; i++)
        CHECK_INT(thrum_shared_barrier_wait(&barrier, THRUM_NOW), ==, 0);
}

/* Rounds whose number of bits runs over: the state is set as after so many. */
TEST(the_number_of_the_round_wraps)
{
    thrum_shared_barrier barrier;
    thrum_shared_barrier_init(&barrier, 2);
    barrier.state_ = 0xfffffffe;
    thrum_thread *waiter = waiter_start(&barrier);
    CHECK_INT(thrum_shared_barrier_wait(&barrier, THRUM_FOREVER), ==, 0);
    JOIN(waiter, 0);
    CHECK_INT((uint32_t)barrier.state_, ==, 0);
}

static void wait_in_child(void *argument)
{
    struct common *common = argument;
    common->rc = thrum_shared_barrier_wait(&common->barrier, THRUM_FOREVER);
    thrum__store_release(&common->stage, 1);
}

TEST(a_party_that_never_comes_costs_the_others_their_round)
{
    struct common *common = common_new(sizeof *common);
    thrum_shared_barrier_init(&common->barrier, 3);
    pid_t child = child_start(wait_in_child, common);
    UNTIL(thrum_shared_barrier_waiting(&common->barrier) == 1);
    CHECK_INT(thrum_shared_barrier_wait(&common->barrier, thrum_in(0.001)), ==, -ETIMEDOUT);
    child_join(child);
    CHECK_INT(common->rc, ==, -EPIPE);
}

TEST(a_party_that_was_killed_while_it_waited_has_come)
{
    struct common *common = common_new(sizeof *common);
    thrum_shared_barrier_init(&common->barrier, 2);
    pid_t child = child_start(wait_in_child, common);
    UNTIL(thrum_shared_barrier_waiting(&common->barrier) == 1);
    child_kill(child);
    CHECK_INT(thrum_shared_barrier_wait(&common->barrier, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_shared_barrier_wait(&common->barrier, thrum_in(0.001)), ==, -ETIMEDOUT);
    thrum_shared_barrier_reset(&common->barrier);
    CHECK_INT(thrum_shared_barrier_waiting(&common->barrier), ==, 0);
}

/* Children are killed at any moment of their rounds; those that are left never hang. */
static void pass_for_ever(void *argument)
{
    struct common *common = argument;
    for (;;)
        if (thrum_shared_barrier_wait(&common->barrier, thrum_in(0.002)) < 0)
            thrum_shared_barrier_reset(&common->barrier);
}

TEST(kills_at_any_moment_leave_a_barrier_that_works)
{
    enum { KILLS = 30 };
    struct common *common = common_new(sizeof *common);
    thrum_shared_barrier_init(&common->barrier, 2);
    for (int i = 0; i < KILLS; i++) {
        pid_t child = child_start(pass_for_ever, common);
        for (int round = 0; round < i; round++)
            if (thrum_shared_barrier_wait(&common->barrier, thrum_in(0.002)) < 0)
                thrum_shared_barrier_reset(&common->barrier);
        child_kill(child);
    }
    thrum_shared_barrier_reset(&common->barrier);
    pid_t child = child_start(wait_in_child, common);
    CHECK(thrum_shared_barrier_wait(&common->barrier, THRUM_FOREVER) >= 0);
    child_join(child);
    CHECK(common->rc >= 0);
}

TEST_STOPS(a_shared_barrier_for_nobody_stops_the_program, "made for 0 parties")
{
    static thrum_shared_barrier barrier;
    thrum_shared_barrier_init(&barrier, 0);
}

TEST_STOPS(a_shared_barrier_for_too_many_stops_the_program, "it takes 1 to 65535")
{
    static thrum_shared_barrier barrier;
    thrum_shared_barrier_init(&barrier, 65536);
}
