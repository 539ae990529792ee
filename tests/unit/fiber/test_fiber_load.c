/* Fibers in great numbers: sleepers, and a storm of tasks that submit, wait, steal and cancel. */
#include "base/pages.h"
#include "harness.h"
#include "support.h"
#include "support_memory.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <stdio.h>

static thrum_executor *pool;
static uint32_t ran;

static void expect(thrum_future *future, int code)
{
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  code);
    thrum_future_free(future);
}

#if defined(__SANITIZE_THREAD__)
enum { SLEEPERS = 500 }; /* the sanitizer has room for some thousand stacks */
#elif defined(__SANITIZE_ADDRESS__)
enum { SLEEPERS = 5000 };
#else
enum { SLEEPERS = 100000 };
#endif

enum { FEWER = SLEEPERS < 10000 ? SLEEPERS : 10000 }; /* on a kernel that maps each guard */

static thrum_event gun;
static uint32_t asleep;

static int sleep_until_woken(thrum_task *self)
{
    thrum__add_relaxed(&asleep, 1);
    int rc = thrum_event_wait(&gun, thrum_arg(self, thrum_deadline));
    thrum__add_relaxed(&ran, 1);
    return rc;
}

/* Makes the pool, and says how many may sleep in it: what the kernel does is known after the first. */
static uint32_t pool_of_sleepers(void)
{
    pool =
        thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2, .stack_size = 64 << 10});
    expect(thrum_submit(pool, sleep_until_woken, thrum_value(thrum_deadline, thrum_in(0).ns)),
           -ETIMEDOUT);
    asleep = ran = 0;
    return thrum__pages_guards_split() ? FEWER : SLEEPERS;
}

TEST_DEADLINE(a_hundred_thousand_sleep_and_wake, 120)
{
    const uint32_t sleepers = pool_of_sleepers();
    thrum_deadline late = thrum_in(3600);
    for (int i = 0; i < (int)sleepers; i++)
        thrum_future_free(
            thrum_submit(pool, sleep_until_woken, thrum_value(thrum_deadline, late.ns + i)));
    UNTIL(thrum__load_relaxed(&asleep) == sleepers);
    thrum_executor_stats stats;
    do {
        thrum_executor_stats_get(pool, &stats);
    } while (stats.idle < 2);
    CHECK_INT(stats.running, ==, sleepers);
    thrum_event_set(&gun);
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, sleepers);
}

static int oversleep(thrum_task *self)
{
    int rc = thrum_sleep(thrum_arg(self, thrum_deadline));
    thrum__add_relaxed(&ran, 1);
    return rc;
}

static int yield_until_all_ran(thrum_task *self)
{
    UNTIL(thrum__load_relaxed(&ran) == thrum_arg(self, uint32_t));
    return 0;
}

TEST_DEADLINE(a_crowd_wakes_though_others_are_always_ready, 60)
{
    enum { CROWD = 2000, RESTLESS = 20 };
    thrum_future *restless[RESTLESS];
    pool =
        thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1, .stack_size = 64 << 10});
    ran = 0;
    for (int i = 0; i < RESTLESS; i++)
        restless[i] = thrum_submit(pool, yield_until_all_ran, thrum_value(uint32_t, CROWD));
    thrum_deadline soon = thrum_in(0.01);
    for (int i = 0; i < CROWD; i++)
        thrum_future_free(thrum_submit(pool, oversleep, thrum_value(thrum_deadline, soon.ns)));
    for (int i = 0; i < RESTLESS; i++)
        expect(restless[i], 0);
    thrum_executor_shutdown(pool);
}

/* What a fiber leaves behind is less than a quarter of its page: the place in the table of contexts,
 * which is for ever, and the spares. An emulator has memory of its own for each page, and keeps it; it is
 * known by its guards. */
TEST_DEADLINE(the_memory_of_many_fibers_goes_back_while_their_pool_lives, 120)
{
    const uint32_t sleepers = pool_of_sleepers();
    long before = resident();
    for (int round = 0; round < 2; round++) {
        thrum__store_relaxed(&asleep, 0);
        thrum__store_relaxed(&ran, 0);
        thrum_event_clear(&gun);
        for (int i = 0; i < (int)sleepers; i++)
            thrum_future_free(
                thrum_submit(pool, sleep_until_woken, thrum_value(thrum_deadline, INT64_MAX)));
        UNTIL(thrum__load_relaxed(&asleep) == sleepers);
        CHECK_INT(resident(), >, before + sleepers * 4L);
        thrum_event_set(&gun);
        UNTIL(thrum__load_relaxed(&ran) == sleepers);
        if (!THRUM__MEMORY_PLAIN &&
            !thrum__pages_guards_split()) /* a sanitizer keeps what was freed */
            UNTIL(resident() < before + sleepers);
    }
    thrum_executor_shutdown(pool);
}

struct storm {
    thrum_queue *queue;
    thrum_semaphore *permits;
    uint32_t depth;
};

static uint32_t received, given_up;

static int storm(thrum_task *self)
{
    struct storm own_storm = thrum_arg(self, struct storm);
    thrum_future *children[2] = {NULL, NULL};
    if (own_storm.depth > 0) {
        struct storm deeper = own_storm;
        deeper.depth--;
        for (int i = 0; i < 2; i++)
            children[i] = thrum_submit(thrum_fiber_pool_current(), storm, &deeper, sizeof deeper);
        if (own_storm.depth % 3 == 0)
            thrum_future_cancel(children[1]);
    }
    uint32_t item = own_storm.depth;
    int rc = thrum_semaphore_acquire_until(own_storm.permits, thrum_in(0.0005));
    if (rc == 0) {
        rc = thrum_queue_put(own_storm.queue, &item, thrum_in(5));
        thrum_yield();
        if (rc == 0)
            rc = thrum_queue_get(own_storm.queue, &item, THRUM_FOREVER);
        thrum_semaphore_release(own_storm.permits, 1);
    }
    thrum__add_relaxed(rc == 0 ? &received : &given_up, 1);
    for (int i = 0; i < 2; i++)
        if (children[i]) {
            thrum_shield_begin();
            CHECK_INT(thrum_future_wait(children[i], THRUM_FOREVER), ==, 0);
            thrum_shield_end();
            thrum_future_free(children[i]);
        }
    return 0;
}

TEST_DEADLINE(a_storm_of_tasks_steals_and_cancels, 120)
{
    enum { DEPTH = 9 };
    thrum_semaphore permits = THRUM_SEMAPHORE_INIT(4);
    struct storm first = {thrum_queue_new(sizeof(uint32_t), NULL), &permits, DEPTH};
    pool = thrum_fiber_pool_new(
        &(thrum_fiber_pool_options){.max_workers = 4, .stack_size = 128 << 10});
    for (int round = 0; round < 3; round++)
        expect(thrum_submit(pool, storm, &first, sizeof first), 0);
    thrum_executor_shutdown(pool);
    CHECK_INT(received, >, 0);
    CHECK_INT(thrum_queue_size(first.queue), <=, received + given_up);
    thrum_queue_free(first.queue);
}

/* ------------------------------------------------------------------------ joins that block a worker */

enum { JOINERS = 16, JOIN_ROUNDS = SANITIZED ? 10 : 60, AT_ONCE = 4 };

static int do_nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static int start_and_join(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < JOIN_ROUNDS; i++) {
        thrum_thread *threads[AT_ONCE];
        for (int j = 0; j < AT_ONCE; j++)
            threads[j] = thrum_thread_start(do_nothing, THRUM_NOTHING);
        for (int j = 0; j < AT_ONCE; j++)
            JOIN(threads[j], 0);
    }
    return 0;
}

/* A thread that ends needs nothing that a fiber of the joining worker may hold. */
TEST_DEADLINE(fibers_join_threads_while_others_start_threads, 30)
{
    thrum_executor *fibers = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2});
    thrum_future *futures[JOINERS];
    thrum_thread *threads[AT_ONCE];
    for (int i = 0; i < JOINERS; i++)
        futures[i] = thrum_submit(fibers, start_and_join, THRUM_NOTHING);
    for (int i = 0; i < AT_ONCE; i++)
        threads[i] = thrum_thread_start(start_and_join, THRUM_NOTHING);
    for (int i = 0; i < JOINERS; i++) {
        CHECK_INT(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(futures[i]);
    }
    for (int i = 0; i < AT_ONCE; i++)
        JOIN(threads[i], 0);
    thrum_executor_shutdown(fibers);
}
