/* thrum_scope: any number of parts that end together. */
#include "support_parallel.h"

enum { PARTS = 100 };

static int add(void *arg)
{
    thrum__add_relaxed((uint32_t *)arg, 1);
    return 0;
}

static void start_many(void)
{
    static thrum_part parts[PARTS];
    uint32_t counts[PARTS] = {0};
    thrum_scope scope;
    CHECK_INT(thrum_scope_begin(&scope, pool), ==, 0);
    for (int i = 0; i < PARTS; i++)
        thrum_scope_start(&scope, &parts[i], add, &counts[i]);
    CHECK_INT(thrum_scope_end(&scope), ==, 0);
    for (int i = 0; i < PARTS; i++)
        CHECK_INT(counts[i], ==, 1);
    CHECK_INT(thrum_scope_begin(&scope, pool), ==, 0);
    CHECK_INT(thrum_scope_end(&scope), ==, 0);
}

TEST_DEADLINE(each_part_runs_once_on_each_executor, 60)
{
    on_each_executor(start_many);
}

/* All parts and the caller are at the barrier at once, whatever the width of the pool. */
enum { PARTIES = 4 };

static int meet(void *arg)
{
    int rc = thrum_barrier_wait(arg, THRUM_FOREVER);
    return rc < 0 ? rc : 0;
}

static void meet_all(void)
{
    thrum_barrier barrier;
    thrum_part parts[PARTIES];
    thrum_scope scope;
    thrum_barrier_init(&barrier, PARTIES + 1, NULL, NULL);
    CHECK_INT(thrum_scope_begin(&scope, pool), ==, 0);
    for (int i = 0; i < PARTIES; i++)
        thrum_scope_start(&scope, &parts[i], meet, &barrier);
    CHECK_INT(meet(&barrier), ==, 0);
    CHECK_INT(thrum_scope_end(&scope), ==, 0);
}

TEST_DEADLINE(parts_that_wait_for_each_other_meet_on_each_pool, 60)
{
    on_each_pool(meet_all);
}

static int meet_nested(void *arg)
{
    (void)arg;
    meet_all();
    return 0;
}

static void meet_in_both(void)
{
    CHECK_INT(thrum_both(pool, meet_nested, NULL, meet_nested, NULL), ==, 0);
}

TEST_DEADLINE(scopes_and_halves_nest_on_each_pool, 60)
{
    on_each_pool(meet_in_both);
}

static int fail(void *arg)
{
    return *(const int *)arg;
}

TEST(the_error_of_the_part_that_was_started_first_wins_among_those_that_ran)
{
    int codes[] = {-EIO, 0, -ENOENT};
    thrum_part parts[3];
    thrum_scope scope;
    pool = thrum_inline_new();
    CHECK_INT(thrum_scope_begin(&scope, pool), ==, 0);
    for (int i = 0; i < 3; i++)
        thrum_scope_start(&scope, &parts[i], fail, &codes[i]);
    CHECK_INT(thrum_scope_end(&scope), ==,
              -ENOENT); /* the last ran first, and the others not at all */
    CHECK_INT(thrum_scope_begin(&scope, pool), ==, 0);
    thrum_scope_start(&scope, &parts[0], fail, &codes[0]);
    thrum_scope_start(&scope, &parts[1], fail, &codes[1]);
    CHECK_INT(thrum_scope_end(&scope), ==, -EIO);
    thrum_executor_shutdown(pool);
}

TEST_STOPS(a_scope_that_is_ended_before_an_inner_one_stops_the_program, "out of order")
{
    thrum_executor *other = thrum_inline_new();
    thrum_scope outer, inner;
    pool = thrum_inline_new();
    CHECK_INT(thrum_scope_begin(&outer, pool), ==, 0);
    CHECK_INT(thrum_scope_begin(&inner, other), ==, 0);
    (void)!thrum_scope_end(&outer); /* stops the program */
}

TEST_STOPS(parts_of_an_outer_scope_before_those_of_an_inner_one_stop_the_program, "out of order")
{
    uint32_t count = 0;
    thrum_part first, second;
    thrum_scope outer, inner;
    pool = thrum_inline_new();
    CHECK_INT(thrum_scope_begin(&outer, pool), ==, 0);
    CHECK_INT(thrum_scope_begin(&inner, pool), ==, 0);
    thrum_scope_start(&outer, &first, add, &count);
    thrum_scope_start(&inner, &second, add, &count);
    (void)!thrum_scope_end(&outer); /* stops the program */
}
