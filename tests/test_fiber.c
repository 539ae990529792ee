/* Fibers: what they promise beyond what every executor does. */
#include "base/memory.h"
#include "fiber/scheduler.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>

static thrum_executor *pool;

static void make_pool(int workers)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_options){.workers = workers});
    CHECK(pool != NULL);
}

static void expect(thrum_future *future, int code)
{
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, code);
    thrum_future_free(future);
}

static int twice(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 2 * thrum_arg(self, int)));
}

TEST(a_task_runs_and_gives_its_result)
{
    make_pool(2);
    for (int i = 0; i < 1000; i++) {
        int result = 0;
        thrum_future *future = thrum_submit(pool, twice, thrum_value(int, i));
        CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
        CHECK_INT(result, ==, 2 * i);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(pool);
}

static int nap(thrum_task *self)
{
    return thrum_sleep(thrum_in(thrum_arg(self, double)));
}

TEST(many_sleep_at_once)
{
    make_pool(1);
    thrum_future *futures[1000];
    for (int i = 0; i < 1000; i++)
        futures[i] = thrum_submit(pool, nap, thrum_value(double, 0.05));
    for (int i = 0; i < 1000; i++)
        expect(futures[i], 0);
    thrum_executor_shutdown(pool);
}

static int idents_differ(thrum_task *self)
{
    uint32_t *ident = thrum_arg(self, uint32_t *);
    *ident = thrum_thread_current_ident();
    return 0;
}

TEST(a_task_that_never_waits_costs_no_fiber)
{
    enum { TASKS = 100 };
    static uint32_t idents[TASKS];
    make_pool(1);
    thrum_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = thrum_submit(pool, idents_differ, thrum_value(uint32_t *, &idents[i]));
    for (int i = 0; i < TASKS; i++) {
        expect(futures[i], 0);
        CHECK_INT(idents[i], ==, idents[0]);
    }
    thrum_executor_shutdown(pool);
}
