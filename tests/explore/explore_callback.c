/* Done callbacks and futures made by hand: each callback is called once, after the end, whoever
 * ends the future and whenever it is added. */
#include "explore.h"
#include "future/future.h"

#include <errno.h>

static thrum_future *future;
static uint32_t calls;
static int data;

static int work(thrum_task *self)
{
    EXPLORE_WRITE(data, 7);
    return thrum_return(self, thrum_value(int, 8));
}

static int count(thrum_future *done, void *context)
{
    int result = 0;
    int rc = OUTCOME_CODE(thrum_future_result(done, &result, sizeof result, THRUM_NOW),
                          thrum_future_error(done));
    EXPLORE_CHECK(rc == -ECANCELED || (rc == 0 && result == 8 && EXPLORE_READ(data) == 7));
    thrum__add_relaxed(&calls, 1);
    (void)context;
    return 0;
}

static void run(void *argument)
{
    (void)argument;
    thrum__future_run(future);
    thrum__future_unreference(future);
}

static void cancel(void *argument)
{
    (void)argument;
    (void)thrum_future_cancel(future);
}

static void add(void *argument)
{
    (void)argument;
    EXPLORE_CHECK(thrum_future_add_done_callback(future, count, NULL) == 0);
}

EXPLORE(callback_against_end, .preemptions = 3, .long_preemptions = 4)
{
    future = thrum__future_new(work, THRUM__NO_VALUE);
    explore_spawn("runner", run, NULL);
    add(NULL);
    explore_join_all();
    EXPLORE_CHECK(calls == 1);
    thrum_future_free(future);
}

EXPLORE(callback_against_end_and_cancel, .preemptions = 2, .long_preemptions = 3)
{
    future = thrum__future_new(work, THRUM__NO_VALUE);
    explore_spawn("runner", run, NULL);
    explore_spawn("canceller", cancel, NULL);
    add(NULL);
    explore_join_all();
    EXPLORE_CHECK(calls == 1);
    thrum_future_free(future);
}

EXPLORE(callback_two_add, .preemptions = 2, .long_preemptions = 3)
{
    future = thrum__future_new(work, THRUM__NO_VALUE);
    explore_spawn("runner", run, NULL);
    explore_spawn("adder", add, NULL);
    add(NULL);
    explore_join_all();
    EXPLORE_CHECK(calls == 2);
    thrum_future_free(future);
}

static int free_it(thrum_future *done, void *context)
{
    (void)context;
    thrum_future_free(done);
    return 0;
}

/* The owner's reference goes in the callback, in the runner or in the adder. */
EXPLORE(callback_frees, .preemptions = 3, .long_preemptions = 4)
{
    future = thrum__future_new(work, THRUM__NO_VALUE);
    explore_spawn("runner", run, NULL);
    EXPLORE_CHECK(thrum_future_add_done_callback(future, free_it, NULL) == 0);
    explore_join_all();
}

/* The same in the canceller, whose maker is done with the future meanwhile. */
EXPLORE(callback_frees_cancelled, .preemptions = EXPLORE_NONE)
{
    thrum_future *cancelled = future = thrum_future_new();
    EXPLORE_CHECK(thrum_future_add_done_callback(future, free_it, NULL) == 0);
    cancel(NULL);
    EXPLORE_CHECK(thrum_future_set_running(cancelled) == -ECANCELED);
}

/* By hand: the end against a cancel, with and without a start between. */

static void make(void *argument)
{
    (void)argument;
    if (thrum_future_set_running(future) < 0)
        return;
    EXPLORE_WRITE(data, 7);
    EXPLORE_CHECK(thrum_future_set_result(future, thrum_value(int, 8)) == 0);
}

static void make_at_once(void *argument)
{
    (void)argument;
    EXPLORE_WRITE(data, 7);
    int rc = thrum_future_set_result(future, thrum_value(int, 8));
    EXPLORE_CHECK(rc == 0 || rc == -ECANCELED);
}

static void end_against_cancel(void (*maker)(void *argument))
{
    future = thrum_future_new();
    explore_spawn("maker", maker, NULL);
    add(NULL);
    int rc = thrum_future_cancel(future);
    int result = 0;
    int outcome = OUTCOME_CODE(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER),
                               thrum_future_error(future));
    if (rc == 0) {
        explore_seen("cancelled");
        EXPLORE_CHECK(outcome == -ECANCELED);
        explore_join_all();
        EXPLORE_CHECK(thrum_future_cancelled(future));
    } else {
        EXPLORE_CHECK(outcome == 0 && result == 8 && EXPLORE_READ(data) == 7);
    }
    thrum_future_free(future);
    explore_join_all();
    EXPLORE_CHECK(calls == 1);
}

EXPLORE(by_hand_run, .preemptions = 2, .long_preemptions = 3, .sees = "cancelled")
{
    end_against_cancel(make);
}

EXPLORE(by_hand_end, .preemptions = 2, .long_preemptions = 3, .sees = "cancelled")
{
    end_against_cancel(make_at_once);
}
