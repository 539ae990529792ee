#include "carrier.h"
#include "flow/rate_limiter.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <math.h>

enum { SECOND = 1000000000 };

/* Ten tokens per second: one is 100 ms. */
enum { TOKEN = SECOND / 10 };

static thrum_time due_at(thrum_rate_limiter *limiter, uint64_t tokens, thrum_time now)
{
    struct thrum__slot slot;
    CHECK_INT(thrum__rate_limiter_reserve(limiter, tokens, now, THRUM_FOREVER, &slot), ==, 0);
    return slot.due;
}

TEST(single_tokens_are_an_interval_apart)
{
    thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(10, 1);
    thrum_time now = 7 * (thrum_time)SECOND;
    for (int i = 0; i < 5; i++)
        CHECK_INT(due_at(&limiter, 1, now), ==, now + i * TOKEN);
    CHECK_INT(due_at(&limiter, 1, now + 5 * TOKEN + 3), ==, now + 5 * TOKEN + 3);
    CHECK_INT(due_at(&limiter, 1, now + 5 * TOKEN + 4), ==, now + 6 * TOKEN + 3);
    now *= 100; /* a long rest saves nothing */
    CHECK_INT(due_at(&limiter, 1, now), ==, now);
    CHECK_INT(due_at(&limiter, 1, now), ==, now + TOKEN);
}

TEST(a_burst_goes_at_once_and_is_filled_again)
{
    thrum_rate_limiter limiter;
    thrum_rate_limiter_init(&limiter, 10, 3);
    thrum_time now = SECOND;
    for (int i = 0; i < 3; i++)
        CHECK_INT(due_at(&limiter, 1, now), ==, now);
    CHECK_INT(due_at(&limiter, 1, now), ==, now + TOKEN);
    now += 3 * TOKEN; /* of which one token is owed */
    CHECK_INT(due_at(&limiter, 2, now), ==, now);
    CHECK_INT(due_at(&limiter, 1, now), ==, now + TOKEN);
}

TEST(more_than_a_burst_waits_for_the_rest)
{
    thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(10, 2);
    CHECK_INT(due_at(&limiter, 5, SECOND), ==, SECOND + 3 * TOKEN);
    CHECK_INT(due_at(&limiter, 1, SECOND), ==, SECOND + 4 * TOKEN);
}

TEST(an_interval_that_is_no_whole_number_never_exceeds_the_rate)
{
    thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(3, 1);
    for (int i = 0; i < 1000; i++) {
        thrum_time due = due_at(&limiter, 1, SECOND) - SECOND;
        CHECK_INT(3 * due, >=, (thrum_time)i * SECOND);
        CHECK_INT(due, <=, (thrum_time)i * SECOND / 3 + i + 1);
    }
    limiter = (thrum_rate_limiter)THRUM_RATE_LIMITER_INIT(300e6, 64000);
    CHECK_INT(due_at(&limiter, 64000, SECOND), ==, SECOND);
    CHECK_INT(due_at(&limiter, 300000000, SECOND), ==, 2 * (thrum_time)SECOND);
}

TEST(what_is_due_after_the_deadline_is_not_taken)
{
    struct thrum__slot slot;
    thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(10, 1);
    thrum_time now = SECOND;
    CHECK_INT(due_at(&limiter, 1, now), ==, now);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(thrum__rate_limiter_reserve(&limiter, 1, now, thrum_at(now + TOKEN - 1), &slot),
                  ==, -ETIMEDOUT);
        CHECK_INT(thrum__rate_limiter_reserve(&limiter, 1, now, THRUM_NOW, &slot), ==, -EAGAIN);
    }
    CHECK_INT(thrum__rate_limiter_reserve(&limiter, 1, now, thrum_at(now + TOKEN), &slot), ==, 0);
    CHECK_INT(slot.due, ==, now + TOKEN);
    now += 2 * TOKEN; /* what is due now needs no deadline */
    CHECK_INT(thrum__rate_limiter_reserve(&limiter, 1, now, thrum_at(1), &slot), ==, 0);
}

TEST(the_last_slot_can_be_given_back)
{
    struct thrum__slot one, two;
    thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(10, 1);
    due_at(&limiter, 1, SECOND);
    CHECK_INT(thrum__rate_limiter_reserve(&limiter, 1, SECOND, THRUM_FOREVER, &one), ==, 0);
    CHECK_INT(thrum__rate_limiter_reserve(&limiter, 1, SECOND, THRUM_FOREVER, &two), ==, 0);
    CHECK(!thrum__rate_limiter_give_back(&limiter, &one)); /* two stands behind it */
    CHECK(thrum__rate_limiter_give_back(&limiter, &two));
    CHECK(thrum__rate_limiter_give_back(&limiter, &one));
    CHECK_INT(due_at(&limiter, 1, SECOND), ==, one.due);
}

TEST(what_never_comes_is_refused)
{
    thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(1e-6, 1);
    CHECK_INT(thrum_rate_limiter_acquire(&limiter, UINT64_MAX, THRUM_FOREVER), ==, -EOVERFLOW);
    CHECK_INT(thrum_rate_limiter_due(&limiter, UINT64_MAX).ns, ==, INT64_MAX);
    CHECK_INT(thrum_rate_limiter_try(&limiter, 1), ==, 0);
    limiter.next_ = INT64_MAX - 1;
    CHECK_INT(thrum_rate_limiter_acquire(&limiter, 1, THRUM_FOREVER), ==, -EOVERFLOW);
}

TEST(without_a_limit_all_go)
{
    thrum_rate_limiter none = {0}, infinite;
    thrum_rate_limiter_init(&infinite, INFINITY, 1);
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(thrum_rate_limiter_try(&none, UINT64_MAX), ==, 0);
        CHECK_INT(thrum_rate_limiter_try(&infinite, 1000), ==, 0);
    }
}

TEST(trying_takes_what_is_there)
{
    thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(0.001, 2);
    CHECK(thrum_rate_limiter_due(&limiter, 2).ns <= thrum_now());
    CHECK_INT(thrum_rate_limiter_try(&limiter, 1), ==, 0);
    CHECK_INT(thrum_rate_limiter_try(&limiter, 2), ==, -EAGAIN);
    CHECK_INT(thrum_rate_limiter_try(&limiter, 1), ==, 0);
    CHECK_INT(thrum_rate_limiter_try(&limiter, 1), ==, -EAGAIN);
    CHECK_INT(thrum_rate_limiter_try(&limiter, 0), ==, 0);
    CHECK(thrum_rate_limiter_due(&limiter, 1).ns > thrum_in(900).ns);
    CHECK(thrum_rate_limiter_due(&limiter, 0).ns <= thrum_now());
    CHECK_INT(thrum_rate_limiter_acquire(&limiter, 1, thrum_in(100)), ==, -ETIMEDOUT); /* at once */
}

TEST_STOPS(a_rate_of_nothing_stops_the_program, "0 tokens per second")
{
    thrum_rate_limiter limiter;
    thrum_rate_limiter_init(&limiter, 0, 1);
}

TEST_STOPS(a_burst_below_one_stops_the_program, "a burst of 0.5")
{
    thrum_rate_limiter limiter;
    thrum_rate_limiter_init(&limiter, 1, 0.5);
}

/* The n-th of all calls cannot return before n intervals have gone by since the first. */
static thrum_rate_limiter shared = THRUM_RATE_LIMITER_INIT(2000, 1);
static uint32_t returned;
static thrum_time begun;

static int call_often(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 25; i++) {
        CHECK_INT(thrum_rate_limiter_acquire(&shared, 1, THRUM_FOREVER), ==, 0);
        thrum_time before = begun + (thrum_time)thrum__add_relaxed(&returned, 1) * 500000;
        CHECK_INT(thrum_now(), >=, before);
    }
    return 0;
}

TEST(the_spacing_holds_from_many_threads)
{
    thrum_thread *threads[4];
    begun = thrum_now();
    for (int i = 0; i < 4; i++)
        threads[i] = thrum_thread_start(call_often, THRUM_NOTHING);
    for (int i = 0; i < 4; i++)
        JOIN(threads[i], 0);
    CHECK_INT(returned, ==, 100);
}

static thrum_rate_limiter slow = THRUM_RATE_LIMITER_INIT(0.001, 1);
static uint32_t ident;

static int wait_for_slow(thrum_task *self)
{
    (void)self;
    tell_ident(&ident);
    return thrum_rate_limiter_acquire(&slow, 1, THRUM_FOREVER);
}

TEST(one_who_is_cancelled_returns_at_once_and_gives_its_slot_back)
{
    CHECK_INT(thrum_rate_limiter_try(&slow, 1), ==, 0);
    thrum_time next = slow.next_;
    thrum_thread *thread = thrum_thread_start(wait_for_slow, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "sleep"));
    CHECK_INT(thrum__load_relaxed(&slow.next_), >, next);
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
    CHECK_INT(slow.next_, ==, next);
}
