/* Groups and chains: a join returns when all tasks are done and the group may go, the first failure
 * reaches it, and each chained task runs once or never. */
#include "executor/core/executor.h"
#include "explore.h"
#include <thrum/group.h>

#include <errno.h>

static int data;
static uint32_t runs;

/* An executor that leaves its tasks to the client. */

static thrum_future *given[3];
static uint32_t gifts;

static int take(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    (void)executor, (void)ret_reason;
    given[thrum__add_relaxed(&gifts, 1)] = future;
    return 0;
}

static const thrum__executor_ops hand_ops = {.submit = take};
static thrum_executor hand = {&hand_ops};

static void run(void *future)
{
    thrum__future_run(future);
    thrum__future_unreference(future);
}

static void run_given(unsigned first)
{
    explore_spawn("runner", run, given[first]);
}

static int succeed(thrum_task *self)
{
    thrum__add_relaxed(&runs, 1);
    (void)self;
    return 0;
}

static int fail(thrum_task *self)
{
    EXPLORE_WRITE(data, 1);
    return thrum_fail(self, -ERANGE, "first");
}

static void submit(thrum_group *group, thrum_task_fn *function)
{
    thrum_future_free(thrum_group_submit(group, &hand, function, THRUM_NOTHING));
}

EXPLORE(group_join, .preemptions = 1, .long_preemptions = 3)
{
    thrum_group *group = thrum_group_new();
    submit(group, succeed);
    submit(group, succeed);
    run_given(0);
    run_given(1);
    EXPLORE_CHECK(thrum_group_join(group, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum__load_relaxed(&runs) == 2);
    thrum_group_free(group);
    explore_join_all();
}

/* A group that is joined by its own task would wait for itself. */
static thrum_group *own_group;

static int join_own_group(thrum_task *self)
{
    (void)self;
    (void)!thrum_group_join(own_group, THRUM_FOREVER);
    return 0;
}

EXPLORE(group_joined_by_its_task, .preemptions = EXPLORE_NONE, .panic = "would wait for itself")
{
    own_group = thrum_group_new();
    submit(own_group, join_own_group);
    run(given[0]);
}

EXPLORE(group_failure, .preemptions = 1, .long_preemptions = 3, .sees = "cancelled")
{
    thrum_group *group = thrum_group_new();
    submit(group, fail);
    submit(group, succeed);
    run_given(0);
    run_given(1);
    EXPLORE_CHECK(OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group)) ==
                  -ERANGE);
    EXPLORE_CHECK(EXPLORE_READ(data) == 1);
    EXPLORE_CHECK(thrum_group_error(group)->code == -ERANGE);
    uint32_t after = thrum__load_relaxed(&runs);
    if (after == 0)
        explore_seen("cancelled");
    thrum_group_free(group);
    explore_join_all();
    EXPLORE_CHECK(thrum__load_relaxed(&runs) == after);
}

/* A task is submitted while the first one fails. */
EXPLORE(group_submit_against_failure, .preemptions = 1, .long_preemptions = 3, .sees = "refused")
{
    thrum_group *group = thrum_group_new();
    submit(group, fail);
    run_given(0);
    thrum_future *late = thrum_group_submit(group, &hand, succeed, THRUM_NOTHING);
    if (thrum__load_relaxed(&gifts) == 2)
        run_given(1);
    else
        explore_seen("refused");
    EXPLORE_CHECK(OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group)) ==
                  -ERANGE);
    EXPLORE_CHECK(thrum_future_done(late));
    EXPLORE_CHECK(thrum__load_relaxed(&runs) == !thrum_future_cancelled(late));
    thrum_future_free(late);
    thrum_group_free(group);
    explore_join_all();
}

/* The same, but the late one is never run: so it must have been cancelled. */
EXPLORE(group_submit_unrun, .preemptions = 2, .long_preemptions = 3)
{
    thrum_group *group = thrum_group_new();
    submit(group, fail);
    run_given(0);
    submit(group, succeed);
    EXPLORE_CHECK(OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group)) ==
                  -ERANGE);
    thrum_group_free(group);
    explore_join_all();
    if (thrum__load_relaxed(&gifts) == 2)
        run(given[1]);
    EXPLORE_CHECK(thrum__load_relaxed(&runs) == 0);
}

EXPLORE(group_cancel, .preemptions = 2, .long_preemptions = 3, .sees = "cancelled")
{
    thrum_group *group = thrum_group_new();
    submit(group, succeed);
    submit(group, succeed);
    run_given(0);
    thrum_group_cancel(group);
    EXPLORE_CHECK(OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group)) ==
                  -ECANCELED);
    uint32_t after = thrum__load_relaxed(&runs);
    if (after == 0)
        explore_seen("cancelled");
    thrum_group_free(group);
    explore_join_all();
    EXPLORE_CHECK(thrum__load_relaxed(&runs) == after);
    run(given[1]);
    EXPLORE_CHECK(thrum__load_relaxed(&runs) == after);
}

/* The first reason stays, whatever comes after it. */
EXPLORE(group_reason, .preemptions = EXPLORE_NONE)
{
    thrum_group *group = thrum_group_new();
    submit(group, fail);
    submit(group, succeed);
    run(given[0]);
    thrum_group_cancel(group);
    EXPLORE_CHECK(OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group)) ==
                  -ERANGE);
    thrum_group_free(group);
    run(given[1]);
}

EXPLORE(group_deadline, .preemptions = 1, .long_preemptions = 2, .timeouts = 1, .sees = "late")
{
    thrum_group *group = thrum_group_new();
    submit(group, succeed);
    run_given(0);
    int rc = thrum_group_join(group, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == 0 || (rc == -ETIMEDOUT && explore_timeouts()));
    if (rc < 0)
        explore_seen("late");
    EXPLORE_CHECK(rc < 0 || thrum__load_relaxed(&runs) == 1);
    thrum_group_free(group);
    explore_join_all();
}

EXPLORE(group_free_early, .preemptions = 2, .long_preemptions = 3)
{
    thrum_group *group = thrum_group_new();
    submit(group, succeed);
    run_given(0);
    thrum_group_free(group);
    uint32_t after = thrum__load_relaxed(&runs);
    explore_join_all();
    EXPLORE_CHECK(thrum__load_relaxed(&runs) == after);
}

/* Chains. */

static int answer(thrum_task *self)
{
    EXPLORE_WRITE(data, 1);
    return thrum_return(self, thrum_value(int, 7));
}

static int next_number(thrum_task *self)
{
    EXPLORE_CHECK(EXPLORE_READ(data) == 1);
    thrum__add_relaxed(&runs, 1);
    return thrum_return(self, thrum_value(int, thrum_arg(self, int) + 1));
}

EXPLORE(then_against_end, .preemptions = 2, .long_preemptions = 3)
{
    thrum_executor *inlined = thrum_inline_new();
    thrum_future *first = thrum__future_new(answer, THRUM__NO_VALUE);
    explore_spawn("runner", run, first);
    thrum_future *second = thrum_future_then(first, inlined, next_number);
    thrum_future_free(first);
    int result = 0;
    EXPLORE_CHECK(thrum_future_result(second, &result, sizeof result, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(result == 8 && thrum__load_relaxed(&runs) == 1);
    thrum_future_free(second);
    explore_join_all();
    thrum_executor_shutdown(inlined);
}

EXPLORE(then_cancelled, .preemptions = 2, .long_preemptions = 3, .sees = "never")
{
    thrum_executor *inlined = thrum_inline_new();
    thrum_future *first = thrum__future_new(answer, THRUM__NO_VALUE);
    thrum_future *second = thrum_future_then(first, inlined, next_number);
    explore_spawn("runner", run, first);
    int rc = thrum_future_cancel(second);
    explore_join_all();
    EXPLORE_CHECK(thrum_future_done(first) && thrum_future_done(second));
    EXPLORE_CHECK(thrum__load_relaxed(&runs) == (rc != 0));
    if (rc == 0)
        explore_seen("never");
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(inlined);
}
