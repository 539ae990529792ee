/* The memory of futures: what is not in use goes back, whoever gives it, and nothing grows. */
#include "harness.h"
#include "support.h"
#include "support_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { MANY = 200000 };

/* The sanitizers make each step longer. */
enum { TASKS = THRUM__MEMORY_PLAIN ? 1000000 : 10000000 };

static thrum_future *futures[MANY];

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static int give_back(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < MANY; i++)
        thrum_future_free(futures[i]);
    return 0;
}

static void take_many(void)
{
    for (int i = 0; i < MANY; i++) {
        futures[i] = thrum_future_new();
        CHECK(futures[i] != NULL);
        CHECK_INT(thrum_future_set_result(futures[i], THRUM_NOTHING), ==, 0);
    }
}

TEST_DEADLINE(millions_of_tasks_leave_memory_as_it_was, 300)
{
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 4, .max_pending = 1000});
    long early = 0;
    for (int i = 0; i < TASKS; i++) {
        thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
        CHECK(future != NULL);
        thrum_future_free(future);
        if (i == TASKS / 10)
            early = resident();
    }
    if (!THRUM__MEMORY_PLAIN) /* a sanitizer keeps what was freed for a while */
        CHECK_INT(resident(), <, early + 4 * 1024);
    thrum_executor_stats stats;
    thrum_executor_stats_get(pool, &stats);
    CHECK_INT(stats.failed, ==, 0);
    thrum_executor_shutdown(pool);
}

enum { FIBERS = 64, TURNS = THRUM__MEMORY_PLAIN ? 50 : 500, AT_ONCE = 150 };

/* More than two bundles, and others of the worker come between. */
static int keep_over_a_yield(thrum_task *self)
{
    (void)self;
    thrum_future *own[AT_ONCE];
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < AT_ONCE; i++) {
            own[i] = thrum_future_new();
            CHECK(own[i] != NULL);
            CHECK_INT(thrum_future_set_result(own[i], thrum_value(int, i)), ==, 0);
        }
        thrum_yield();
        for (int i = 0; i < AT_ONCE; i++) {
            int found = -1;
            CHECK_INT(thrum_future_result(own[i], &found, sizeof found, THRUM_NOW), ==, 0);
            CHECK_INT(found, ==, i);
            thrum_future_free(own[i]);
        }
    }
    return 0;
}

TEST_DEADLINE(fibers_share_what_their_thread_has_at_hand, 300)
{
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 3});
    thrum_future *all[FIBERS];
    long early = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < FIBERS; i++)
            all[i] = thrum_submit(pool, keep_over_a_yield, THRUM_NOTHING);
        for (int i = 0; i < FIBERS; i++) {
            CHECK_INT(thrum_future_result(all[i], NULL, 0, THRUM_FOREVER), ==, 0);
            thrum_future_free(all[i]);
        }
        if (round == 0)
            early = resident();
    }
    if (!THRUM__MEMORY_PLAIN)
        CHECK_INT(resident(), <, early + 4 * 1024);
    thrum_executor_shutdown(pool);
}

/* KiB that the system may take without asking; -1 if it does not say. */
static long offered(void)
{
    char line[256];
    long size = -1;
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "LazyFree: %ld", &size) != 1)
        ;
    if (file)
        fclose(file);
    return size;
}

TEST_DEADLINE(what_many_futures_took_is_offered_to_the_system, 60)
{
    long before = resident();
    take_many();
    CHECK_INT(resident(), >, before + 20 * 1024);
    long at_first = offered();
    give_back(NULL);
    if (THRUM__MEMORY_PLAIN || at_first < 0)
        return;
    CHECK_INT(resident() - offered(), <, before + 8 * 1024);
    while (offered() < at_first + 8 * 1024) { /* the system has taken it already */
        take_many();
        give_back(NULL);
    }
}

TEST_DEADLINE(offered_memory_is_used_again, 60)
{
    long most = 0;
    for (int i = 0; i < 3 && !THRUM__MEMORY_PLAIN; i++) {
        take_many();
        if (i == 0)
            most = resident();
        CHECK_INT(offered(), <, 8 * 1024);
        CHECK_INT(resident(), <, most + 8 * 1024);
        give_back(NULL);
    }
}

TEST_DEADLINE(futures_that_other_threads_give_back_are_used_again, 60)
{
    take_many();
    JOIN(thrum_thread_start(give_back, THRUM_NOTHING), 0);
    long early = resident();
    for (int i = 0; i < 5; i++) {
        take_many();
        JOIN(thrum_thread_start(give_back, THRUM_NOTHING), 0);
    }
    if (!THRUM__MEMORY_PLAIN)
        CHECK_INT(resident(), <, early + 8 * 1024);
}

static uint32_t enough;

static int take_and_give(thrum_task *self)
{
    (void)self;
    thrum_future *some[200];
    while (!thrum__load_relaxed(&enough))
        for (int round = 0; round < 2; round++)
            for (int i = 0; i < 200; i++)
                if (round == 0) {
                    some[i] = thrum_future_new();
                    CHECK(some[i] != NULL);
                } else {
                    thrum_future_set_result(some[i], THRUM_NOTHING);
                    thrum_future_free(some[i]);
                }
    return 0;
}

TEST_DEADLINE(a_child_of_fork_finds_it_whole, 60)
{
    if (THRUM__MEMORY_PLAIN)
        return; /* a sanitizer's own locks are not held across a fork */
    thrum_thread *thread = thrum_thread_start(take_and_give, THRUM_NOTHING);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0) {
            for (int j = 0; j < 1000; j++)
                futures[j] = thrum_future_new();
            for (int j = 0; j < 1000; j++)
                thrum_future_free(futures[j]);
            _exit(futures[999] ? 0 : 1);
        }
        int status = -1;
        CHECK_INT(waitpid(child, &status, 0), ==, child);
        CHECK_INT(status, ==, 0);
    }
    thrum__store_relaxed(&enough, 1);
    JOIN(thread, 0);
}
