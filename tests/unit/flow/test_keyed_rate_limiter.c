#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>

static int take(thrum_keyed_rate_limiter *limiter, const char *key, uint64_t tokens)
{
    return thrum_keyed_rate_limiter_acquire(limiter, key, strlen(key), tokens, THRUM_NOW);
}

static thrum_keyed_rate_limiter *slow_one(double burst, size_t max_keys)
{
    thrum_keyed_rate_limiter *limiter =
        thrum_keyed_rate_limiter_new(&(thrum_keyed_rate_limiter_options){
            .per_second = 0.001, .burst = burst, .max_keys = max_keys});
    CHECK(limiter != NULL);
    return limiter;
}

TEST(each_key_has_its_own_bucket)
{
    thrum_keyed_rate_limiter *limiter = slow_one(2, 0);
    const char *keys[] = {"", "a", "b", "example.org", "example.orh", "a key that is far longer"};
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        CHECK_INT(take(limiter, keys[i], 1), ==, 0);
        CHECK_INT(take(limiter, keys[i], 1), ==, 0);
        CHECK_INT(take(limiter, keys[i], 1), ==, -EAGAIN);
        CHECK_INT(take(limiter, keys[i], 0), ==, 0);
        CHECK_INT(
            thrum_keyed_rate_limiter_acquire(limiter, keys[i], strlen(keys[i]), 1, thrum_in(100)),
            ==, -ETIMEDOUT);
        CHECK_INT(thrum_keyed_rate_limiter_keys(limiter), ==, i + 1);
    }
    thrum_keyed_rate_limiter_free(limiter);
    thrum_keyed_rate_limiter_free(NULL);
}

TEST(a_flood_of_keys_is_refused_and_changes_nothing_for_others)
{
    thrum_keyed_rate_limiter *limiter = slow_one(2, 100);
    char key[16];
    CHECK_INT(take(limiter, "known", 1), ==, 0);
    for (int i = 1; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        CHECK_INT(take(limiter, key, 1), ==, i < 100 ? 0 : -ENOBUFS);
    }
    CHECK_INT(thrum_keyed_rate_limiter_keys(limiter), ==, 100);
    CHECK_INT(take(limiter, "known", 1), ==, 0);
    CHECK_INT(take(limiter, "known", 1), ==, -EAGAIN);
    thrum_keyed_rate_limiter_free(limiter);
}

TEST(keys_that_owe_nothing_give_way)
{
    thrum_keyed_rate_limiter *limiter = thrum_keyed_rate_limiter_new(
        &(thrum_keyed_rate_limiter_options){.per_second = 10000, .max_keys = 4});
    char key[16];
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "%d", i);
        UNTIL(take(limiter, key, 1) != -ENOBUFS);
        CHECK_INT(thrum_keyed_rate_limiter_keys(limiter), <=, 4);
    }
    thrum_keyed_rate_limiter_free(limiter);
}

TEST(without_a_rate_nothing_is_limited_or_remembered)
{
    thrum_keyed_rate_limiter *limiter = thrum_keyed_rate_limiter_new(NULL);
    for (int i = 0; i < 100; i++)
        CHECK_INT(take(limiter, "key", 1000), ==, 0);
    CHECK_INT(thrum_keyed_rate_limiter_keys(limiter), ==, 0);
    thrum_keyed_rate_limiter_free(limiter);
}

TEST_STOPS(a_negative_rate_stops_the_program, "-1 tokens per second")
{
    thrum_keyed_rate_limiter_new(&(thrum_keyed_rate_limiter_options){.per_second = -1});
}

static uint32_t ident;

static int wait_for_key(thrum_task *self)
{
    thrum_keyed_rate_limiter *limiter = thrum_arg(self, thrum_keyed_rate_limiter *);
    tell_ident(&ident);
    return thrum_keyed_rate_limiter_acquire(limiter, "key", 3, 1, THRUM_FOREVER);
}

TEST(one_who_is_cancelled_gives_its_slot_back)
{
    thrum_keyed_rate_limiter *limiter = slow_one(1, 0);
    CHECK_INT(take(limiter, "key", 1), ==, 0);
    thrum_deadline first = thrum_in(1000); /* at the latest, the next token is due then */
    thrum_thread *thread =
        thrum_thread_start(wait_for_key, thrum_value(thrum_keyed_rate_limiter *, limiter));
    UNTIL(waits_for(&ident, "sleep"));
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
    ident = 0;
    thread = thrum_thread_start(wait_for_key, thrum_value(thrum_keyed_rate_limiter *, limiter));
    UNTIL(waits_for(&ident, "sleep")); /* not a second interval away */
    CHECK_INT(thrum_keyed_rate_limiter_acquire(limiter, "key", 3, 1, first), ==, -ETIMEDOUT);
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
    thrum_keyed_rate_limiter_free(limiter);
}

TEST(without_memory_it_says_so)
{
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK(thrum_keyed_rate_limiter_new(NULL) == NULL);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    thrum_keyed_rate_limiter *limiter = slow_one(1, 0);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(take(limiter, "key", 1), ==, -ENOMEM);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_INT(take(limiter, "key", 1), ==, 0);
    thrum_keyed_rate_limiter_free(limiter);
}
