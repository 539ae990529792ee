/* The reserve (executor/thread/reserve.c): tasks that wait for each other end, whichever thread the system
 * refuses; only the first one may be missed, and then the submit says so. */
#include "executor/thread/reserve.h"
#include "explore.h"
#include <thrum/event.h>
#include <thrum/executor.h>
#include <thrum/future.h>

#include <errno.h>

static thrum_event there, back;

static int ask(thrum_task *self)
{
    (void)self;
    thrum_event_set(&there);
    return thrum_event_wait(&back, THRUM_FOREVER);
}

static int answer(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&there, THRUM_FOREVER);
    thrum_event_set(&back);
    return rc;
}

static void expect(thrum_future *future)
{
    EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(future);
}

static void end(thrum_executor *pool)
{
    thrum_executor_shutdown(pool);
    thrum__reserve_end();
}

EXPLORE(reserve_meet, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .no_thread = 1)
{
    thrum__reserve_wanted = true;
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    thrum_future *first = thrum_submit(pool, ask, THRUM_NOTHING);
    if (thrum_future_done(first) && thrum_future_error(first)) {
        EXPLORE_CHECK(thrum_future_error(first)->code == -EAGAIN);
        thrum_future_free(first);
        thrum_executor_shutdown(pool);
        return;
    }
    thrum_future *second = thrum_submit(pool, answer, THRUM_NOTHING);
    expect(first);
    expect(second);
    end(pool);
}

static thrum_executor *one;

static int answer_nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

/* Waits for another with a deadline, and so does not run it in place of its wait. */
static int wait_for_another(thrum_task *self)
{
    (void)self;
    thrum_future *future = thrum_submit(one, answer_nothing, THRUM_NOTHING);
    int rc = thrum_future_wait(future, thrum_in(3600));
    thrum_future_free(future);
    return rc;
}

EXPLORE(reserve_spare, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .no_thread = 1)
{
    thrum__reserve_wanted = true;
    one = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *future = thrum_submit(one, wait_for_another, THRUM_NOTHING);
    if (thrum_future_done(future) && thrum_future_error(future)) {
        thrum_future_free(future);
        thrum_executor_shutdown(one);
        return;
    }
    expect(future);
    end(one);
}
