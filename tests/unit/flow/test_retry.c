#include "carrier.h"
#include "flow/retry.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

enum { MS = 1000000 };

/* Fails every attempt and gives how many there were. */
static uint32_t fail_all(thrum_retry *retry, int code)
{
    uint32_t attempts = 0;
    while (thrum_retry_next(retry)) {
        attempts++;
        CHECK_INT(thrum_retry_attempt(retry), ==, attempts);
        CHECK_INT(thrum_retry_code(retry), ==, -EINPROGRESS);
        CHECK_INT(thrum_retry_done(retry, code), ==, code);
    }
    CHECK(!thrum_retry_next(retry));
    return attempts;
}

TEST(what_succeeds_is_not_repeated)
{
    thrum_retry retry = THRUM_RETRY(.attempts = 3);
    CHECK_INT(fail_all(&retry, 0), ==, 1);
    CHECK_INT(thrum_retry_code(&retry), ==, 0);
    CHECK_INT(thrum_retry_error(&retry)->code, ==, 0);
}

TEST(what_fails_is_repeated_until_the_attempts_are_spent)
{
    thrum_retry retry = THRUM_RETRY(.attempts = 4, .base = 1e-6);
    CHECK_INT(fail_all(&retry, -ECONNREFUSED), ==, 4);
    CHECK_INT(thrum_retry_code(&retry), ==, -ECONNREFUSED);
    CHECK_STR(thrum_retry_error(&retry)->message, thrum_strerror(ECONNREFUSED));
    thrum_retry plain = THRUM_RETRY(.base = 1e-6);
    CHECK_INT(fail_all(&plain, -EIO), ==, 5);
}

TEST(the_last_error_is_kept_with_its_message)
{
    thrum_retry retry = THRUM_RETRY(.attempts = 5, .base = 1e-6);
    while (thrum_retry_next(&retry)) {
        uint32_t attempt = thrum_retry_attempt(&retry);
        if (attempt == 3)
            CHECK_INT(thrum_retry_done(&retry, 0), ==, 0);
        else
            CHECK_INT(thrum_retry_fail(&retry, -EIO, "attempt %u%.1s", attempt,
                                       thrum_retry_error(&retry)->message),
                      ==, -EIO);
    }
    CHECK_INT(thrum_retry_code(&retry), ==, 0);
    CHECK_INT(thrum_retry_error(&retry)->code, ==, -EIO);
    CHECK_STR(thrum_retry_error(&retry)->message, "attempt 2a");
    thrum_retry odd = THRUM_RETRY(.attempts = 1);
    CHECK(thrum_retry_next(&odd));
    CHECK_INT(thrum_retry_fail(&odd, 0, "no code"), ==, -EINVAL);
    CHECK_INT(thrum_retry_code(&odd), ==, -EINVAL);
}

static bool is_wanted(int code, void *context)
{
    return code == *(int *)context;
}

TEST(only_errors_that_may_pass_are_repeated)
{
    int code = -EAGAIN;
    thrum_retry yes =
        THRUM_RETRY(.attempts = 3, .base = 1e-6, .retryable = is_wanted, .context = &code);
    thrum_retry no = yes;
    CHECK_INT(fail_all(&yes, -EAGAIN), ==, 3);
    CHECK_INT(fail_all(&no, -EPERM), ==, 1);
    CHECK_INT(thrum_retry_code(&no), ==, -EPERM);
    thrum_retry cancelled = THRUM_RETRY(.base = 1e-6);
    CHECK_INT(fail_all(&cancelled, -ECANCELED), ==, 1);
}

TEST(an_attempt_can_give_up)
{
    thrum_retry retry = THRUM_RETRY(.base = 1e-6);
    while (thrum_retry_next(&retry)) {
        thrum_retry_fail(&retry, -ENOENT, "status 404");
        if (thrum_retry_attempt(&retry) == 2)
            thrum_retry_give_up(&retry);
    }
    CHECK_INT(thrum_retry_attempt(&retry), ==, 2);
    CHECK_INT(thrum_retry_code(&retry), ==, -ENOENT);
    thrum_retry before = THRUM_RETRY(.base = 1e-6);
    CHECK(thrum_retry_next(&before));
    thrum_retry_give_up(&before);
    thrum_retry_done(&before, -EIO);
    CHECK_INT(thrum_retry_code(&before), ==, -EIO); /* as it would be after a break */
    CHECK(!thrum_retry_next(&before));
}

/* A retry as it is after its first attempt has failed. */
static thrum_retry failed_once(thrum_retry_options options)
{
    thrum_retry retry = {.options = options};
    CHECK(thrum_retry_next(&retry));
    thrum_retry_done(&retry, -EIO);
    return retry;
}

TEST(the_pauses_double_up_to_the_cap)
{
    thrum_retry retry =
        failed_once((thrum_retry_options){.attempts = 9, .base = 0.1, .cap = 0.5, .exact = true});
    const thrum_time pauses[] = {100 * MS, 200 * MS, 400 * MS, 500 * MS, 500 * MS};
    for (unsigned i = 0; i < 5; i++) {
        thrum_deadline until;
        CHECK_INT(thrum__retry_plan(&retry, 1000, &until), ==, 0);
        CHECK_INT(until.ns, ==, 1000 + pauses[i]);
    }
    retry = failed_once((thrum_retry_options){.base = 3, .cap = 2, .factor = 1, .exact = true});
    thrum_deadline until;
    CHECK_INT(thrum__retry_plan(&retry, 1000, &until), ==, 0);
    CHECK_INT(until.ns, ==, 1000 + 2000 * (thrum_time)MS);
}

TEST(a_pause_takes_any_part_of_what_it_may)
{
    CHECK_INT(thrum__retry_pause(1, false, 0), ==, 0);
    CHECK_INT(thrum__retry_pause(1, false, UINT64_C(1) << 63), ==, 500 * MS);
    CHECK_INT(thrum__retry_pause(1, false, UINT64_MAX), <=, 1000 * MS);
    CHECK_INT(thrum__retry_pause(1, false, UINT64_MAX), >=, 999 * MS);
    CHECK_INT(thrum__retry_pause(1e300, true, 0), ==, 9000000000000000000);
    uint64_t state = 0; /* the numbers that the generator's authors give */
    CHECK(thrum__retry_random(&state) == UINT64_C(0xe220a8397b1dcdaf));
    CHECK(thrum__retry_random(&state) == UINT64_C(0x6e789e6aa1b965f4));
    int quarters[4] = {0};
    for (int i = 0; i < 4000; i++)
        quarters[thrum__retry_pause(4e-9, false, thrum__retry_random(&state)) & 3]++;
    for (int i = 0; i < 4; i++)
        CHECK(quarters[i] > 800 && quarters[i] < 1200);
}

TEST(equal_seeds_give_equal_pauses)
{
    thrum_retry one = failed_once((thrum_retry_options){.seed = 7});
    thrum_retry two = failed_once((thrum_retry_options){.seed = 7});
    thrum_retry other = failed_once((thrum_retry_options){0});
    thrum_deadline until_one, until_two, until_other;
    CHECK_INT(thrum__retry_plan(&one, 1, &until_one), ==, 0);
    CHECK_INT(thrum__retry_plan(&two, 1, &until_two), ==, 0);
    CHECK_INT(thrum__retry_plan(&other, 1, &until_other), ==, 0);
    CHECK_INT(until_one.ns, ==, until_two.ns);
    CHECK_INT(until_other.ns, <=, 1 + 100 * MS);
}

TEST(a_server_can_ask_for_a_longer_pause)
{
    thrum_deadline until;
    thrum_retry retry = failed_once((thrum_retry_options){.base = 0.1, .cap = 0.2, .exact = true});
    thrum_retry_not_before(&retry, thrum_at(5000 * (thrum_time)MS));
    CHECK_INT(thrum__retry_plan(&retry, 1000, &until), ==, 0);
    CHECK_INT(until.ns, ==, 5000 * (thrum_time)MS);
    thrum_retry_not_before(&retry, thrum_at(1));
    CHECK_INT(thrum__retry_plan(&retry, 1000, &until), ==, 0);
    CHECK_INT(until.ns, ==, 1000 + 200 * MS);
    CHECK_INT(thrum__retry_plan(&retry, 1000, &until), ==, 0); /* counts once */
    CHECK_INT(until.ns, ==, 1000 + 200 * MS);
}

TEST(no_pause_leads_beyond_the_deadline)
{
    thrum_retry retry =
        THRUM_RETRY(.deadline = thrum_in(500), .base = 1000, .cap = 1000, .exact = true);
    CHECK_INT(fail_all(&retry, -EIO), ==, 1); /* and returns at once */
    CHECK_INT(thrum_retry_code(&retry), ==, -ETIMEDOUT);
    CHECK_INT(thrum_retry_error(&retry)->code, ==, -EIO);
    thrum_retry late = THRUM_RETRY(.deadline = thrum_at(1));
    CHECK_INT(fail_all(&late, -EIO), ==, 0);
    CHECK_INT(thrum_retry_code(&late), ==, -ETIMEDOUT);
    retry = failed_once((thrum_retry_options){.deadline = THRUM_FOREVER});
    thrum_retry_not_before(&retry, THRUM_FOREVER);
    CHECK(!thrum_retry_next(&retry));
    CHECK_INT(thrum_retry_code(&retry), ==, -ETIMEDOUT);
}

TEST(attempts_without_bound_go_on)
{
    thrum_retry retry = THRUM_RETRY(.attempts = THRUM_RETRY_UNLIMITED, .cap = 1e-9);
    while (thrum_retry_next(&retry))
        thrum_retry_done(&retry, thrum_retry_attempt(&retry) < 40 ? -EIO : 0);
    CHECK_INT(thrum_retry_attempt(&retry), ==, 40);
}

static uint32_t ident;

static int try_for_ever(thrum_task *self)
{
    (void)self;
    thrum_retry retry = THRUM_RETRY(.base = 1e6, .cap = 1e6, .exact = true);
    tell_ident(&ident);
    CHECK_INT(fail_all(&retry, -EIO), ==, 1);
    CHECK_INT(thrum_retry_error(&retry)->code, ==, -EIO);
    return thrum_retry_code(&retry);
}

TEST(cancelling_ends_the_pause_and_the_loop)
{
    thrum_thread *thread = thrum_thread_start(try_for_ever, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "sleep"));
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
}

TEST_STOPS(an_attempt_that_does_not_tell_its_outcome_stops_the_program, "the outcome of attempt 1")
{
    thrum_retry retry = THRUM_RETRY(.attempts = 2);
    while (thrum_retry_next(&retry))
        ;
}

TEST_STOPS(an_outcome_without_an_attempt_stops_the_program, "no attempt is in progress")
{
    thrum_retry retry = THRUM_RETRY(.attempts = 2);
    thrum_retry_done(&retry, 0);
}

TEST_STOPS(a_factor_that_shrinks_stops_the_program, "a factor of 0.5")
{
    thrum_retry retry = THRUM_RETRY(.factor = 0.5);
    thrum_retry_next(&retry);
}

TEST_STOPS(a_positive_code_stops_the_program, "the error of a failed task by")
{
    thrum_retry retry = THRUM_RETRY(.attempts = 2);
    CHECK(thrum_retry_next(&retry));
    thrum_retry_done(&retry, THRUM_FAILED);
}
