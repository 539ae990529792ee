/* Futures and the thread pool: each task runs once or is cancelled, its end reaches all who wait,
 * and everything is freed once. */
#include "explore.h"
#include "future/future.h"
#include "park/scope.h"
#include <thrum/event.h>
#include <thrum/executor.h>
#include <thrum/future.h>

#include <errno.h>

static int runs;
static int data;

static int work(thrum_task *self)
{
    runs++;
    EXPLORE_WRITE(data, thrum_arg(self, int));
    return thrum_return(self, thrum_value(int, data + 1));
}

/* A future by itself: one runs it, one waits, one cancels. */

static thrum_future *future;

static void run_it(void *argument)
{
    (void)argument;
    thrum__future_run(future);
    thrum__future_unreference(future);
}

static void wait_for_it(void *argument)
{
    int result = 0;
    int rc = OUTCOME_CODE(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER),
                          thrum_future_error(future));
    EXPLORE_CHECK(rc == -ECANCELED || (rc == 0 && result == 8));
    EXPLORE_CHECK(thrum_future_done(future));
    if (rc == 0)
        EXPLORE_CHECK(EXPLORE_READ(data) == 7);
    (void)argument;
}

static void cancel_it(void *argument)
{
    int rc = thrum_future_cancel(future);
    EXPLORE_CHECK(rc == 0 || rc == -EINPROGRESS || rc == -EALREADY);
    *(int *)argument = rc;
}

static void cancel_and_free(void *argument)
{
    (void)argument;
    (void)thrum_future_cancel(future);
    thrum_future_free(future);
}

static void new_future(void)
{
    future = thrum__future_new(work, thrum__value_of(thrum_value(int, 7), NULL));
    thrum__explore_name(&future->state, 4, "future.state");
    thrum__explore_name(&future->references, 4, "future.references");
}

EXPLORE(future_run_and_wait, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    new_future();
    explore_spawn("runner", run_it, NULL);
    wait_for_it(NULL);
    explore_join_all();
    thrum_future_free(future);
    EXPLORE_CHECK(runs == 1);
}

EXPLORE(future_free_early, .preemptions = EXPLORE_ALL, .stale = 1)
{
    new_future();
    explore_spawn("runner", run_it, NULL);
    thrum_future_free(future);
    explore_join_all();
}

EXPLORE(future_cancel_or_run, .preemptions = 2, .long_preemptions = 3, .sees = "cancelled")
{
    int rc = 1;
    new_future();
    explore_spawn("runner", run_it, NULL);
    explore_spawn("canceller", cancel_it, &rc);
    wait_for_it(NULL);
    explore_join_all();
    EXPLORE_CHECK(runs == (rc != 0));
    EXPLORE_CHECK(thrum_future_cancelled(future) == (rc == 0));
    if (rc == 0)
        explore_seen("cancelled");
    thrum_future_free(future);
}

static void wait_until(void *argument)
{
    int rc = thrum_future_wait(future, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == 0 || (rc == -ETIMEDOUT && explore_timeouts()));
    (void)argument;
}

EXPLORE(future_wait_until, .preemptions = 3, .timeouts = 1)
{
    new_future();
    explore_spawn("runner", run_it, NULL);
    explore_spawn("waiter", wait_until, NULL);
    explore_join_all();
    thrum_future_free(future);
}

/* The end of a task against a request to stop it: the request reaches this task or none, and not what
 * its context does afterwards. */
static void run_and_go_on(void *argument)
{
    thrum__future_run(future);
    EXPLORE_CHECK(!thrum__load_relaxed(&thrum__self()->scope->cancelled));
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 1000)) == 0);
    thrum__future_unreference(future);
    (void)argument;
}

EXPLORE(future_end_against_cancel, .preemptions = 3, .long_preemptions = EXPLORE_ALL, .stale = 1,
        .rescue = true, .sees = "late")
{
    new_future();
    explore_spawn("runner", run_and_go_on, NULL);
    int rc = thrum_future_cancel(future);
    EXPLORE_CHECK(rc == 0 || rc == -EINPROGRESS || rc == -EALREADY);
    if (rc == -EALREADY)
        explore_seen("late");
    explore_join_all();
    thrum_future_free(future);
}

/* A waiter that gives up at its deadline while the future ends, and frees it at once. */
static void free_after_wait(void *argument)
{
    int rc = thrum_future_wait(future, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == 0 || (rc == -ETIMEDOUT && explore_timeouts()));
    if (rc < 0)
        explore_seen("gave up");
    thrum_future_free(future);
    (void)argument;
}

EXPLORE(future_end_against_deadline, .preemptions = 3, .long_preemptions = EXPLORE_ALL,
        .timeouts = 1, .weak = 1, .sees = "gave up")
{
    new_future();
    explore_spawn("runner", run_it, NULL);
    free_after_wait(NULL);
    explore_join_all();
}

/* Two wait, one gives up: the other is told. */
EXPLORE(future_two_waiters, .preemptions = 2, .long_preemptions = 3, .timeouts = 1)
{
    new_future();
    explore_spawn("runner", run_it, NULL);
    explore_spawn("waiter", wait_until, NULL);
    wait_for_it(NULL);
    explore_join_all();
    thrum_future_free(future);
}

/* The result is read, and the future freed, while its end is still on its way out. */
EXPLORE(future_free_after_result, .preemptions = 3, .long_preemptions = EXPLORE_ALL, .stale = 1)
{
    new_future();
    explore_spawn("runner", run_it, NULL);
    wait_for_it(NULL);
    thrum_future_free(future);
    explore_join_all();
}

/* Both references go at once. */
EXPLORE(future_last_reference, .preemptions = 2, .long_preemptions = EXPLORE_ALL, .stale = 2)
{
    new_future();
    thrum__future_reference(future);
    explore_spawn("runner", run_it, NULL);
    explore_spawn("other", cancel_and_free, NULL);
    thrum_future_free(future);
    explore_join_all();
}

/* Two futures that end at once, in the order of their ends. */

static void run_other(void *other)
{
    thrum__future_run(other);
    thrum__future_unreference(other);
}

/* One who learns of an end without a wait can ask for the result at once. */
EXPLORE(future_as_completed_polled, .preemptions = EXPLORE_ALL, .sees = "polled")
{
    new_future();
    thrum_as_completed *done = thrum_as_completed_new(&future, 1);
    unsigned runner = explore_spawn("runner", run_other, future);
    size_t index;
    if (thrum_as_completed_next(done, &index, THRUM_NOW) == 0) {
        explore_seen("polled");
        EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_NOW) == 0);
    }
    explore_join(runner);
    thrum_as_completed_free(done);
    thrum_future_free(future);
}

EXPLORE(future_as_completed, .preemptions = 1, .long_preemptions = 2)
{
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++) {
        new_future();
        futures[i] = future;
    }
    thrum_as_completed *done = thrum_as_completed_new(futures, 2);
    explore_spawn("runner", run_other, futures[0]);
    explore_join_all();
    explore_spawn("runner", run_other, futures[1]);
    size_t first = 9, second = 9;
    EXPLORE_CHECK(thrum_as_completed_next(done, &first, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_as_completed_next(done, &second, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(first == 0 && second == 1);
    EXPLORE_CHECK(thrum_as_completed_next(done, &first, THRUM_FOREVER) == -ENODATA);
    thrum_as_completed_free(done);
    explore_join_all();
    thrum_future_free(futures[0]);
    thrum_future_free(futures[1]);
}

/* A wait for the next whose deadline passes leaves nothing behind that a later end finds. */
EXPLORE(future_as_completed_until, .preemptions = 2, .long_preemptions = 3, .timeouts = 1,
        .sees = "too late")
{
    new_future();
    thrum_as_completed *done = thrum_as_completed_new(&future, 1);
    explore_spawn("runner", run_other, future);
    size_t index = 9;
    int rc = thrum_as_completed_next(done, &index, thrum_in(1));
    EXPLORE_CHECK(rc == 0 || rc == -ETIMEDOUT);
    if (rc < 0) {
        explore_seen("too late");
        explore_join_all();
        EXPLORE_CHECK(thrum_as_completed_next(done, &index, THRUM_NOW) == 0);
    }
    EXPLORE_CHECK(index == 0);
    thrum_as_completed_free(done);
    explore_join_all();
    thrum_future_free(future);
}

/* Stops watching while the future ends. */
EXPLORE(future_unwatch, .preemptions = 3)
{
    new_future();
    thrum_as_completed *done = thrum_as_completed_new(&future, 1);
    explore_spawn("runner", run_it, NULL);
    thrum_as_completed_free(done);
    explore_join_all();
    thrum_future_free(future);
}

/* The pool. */

static int count_one(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed((uint32_t *)&runs, 1);
    return 0;
}

EXPLORE(pool_one, .preemptions = 2, .long_preemptions = 3)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *f = thrum_submit(pool, work, thrum_value(int, 7));
    int result = 0;
    EXPLORE_CHECK(thrum_future_result(f, &result, sizeof result, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(result == 8 && EXPLORE_READ(data) == 7);
    thrum_future_free(f);
    thrum_executor_shutdown(pool);
}

EXPLORE(pool_two_workers, .preemptions = 1, .long_preemptions = 2)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    for (int i = 0; i < 3; i++)
        thrum_future_free(thrum_submit(pool, count_one, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(runs == 3);
}

/* A worker that has gone to sleep is woken by the next submit. */
EXPLORE(pool_idle, .preemptions = 2, .long_preemptions = 3)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    for (int i = 0; i < 2; i++) {
        thrum_future *f = thrum_submit(pool, count_one, THRUM_NOTHING);
        EXPLORE_CHECK(thrum_future_wait(f, THRUM_FOREVER) == 0);
        thrum_future_free(f);
    }
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(runs == 2);
}

/* Two tasks of which one waits for the other, on two workers: both must run at once, whatever the
 * workers did before. */

static thrum_event met;

static int wait_to_meet(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&met, THRUM_FOREVER);
}

static int come_to_meet(thrum_task *self)
{
    (void)self;
    thrum_event_set(&met);
    return 0;
}

static void meet_after(int tasks)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    thrum_future *f[3];
    for (int i = 0; i < tasks; i++)
        f[i] = thrum_submit(pool, count_one, THRUM_NOTHING);
    for (int i = 0; i < tasks; i++) {
        EXPLORE_CHECK(thrum_future_wait(f[i], THRUM_FOREVER) == 0);
        thrum_future_free(f[i]);
    }
    thrum_future_free(thrum_submit(pool, wait_to_meet, THRUM_NOTHING));
    thrum_future_free(thrum_submit(pool, come_to_meet, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
}

EXPLORE(pool_tasks_meet, .preemptions = 1, .long_preemptions = 2)
{
    meet_after(1);
}

EXPLORE(pool_tasks_meet_later, .preemptions = 1, .long_preemptions = 2, .partial = true)
{
    meet_after(3);
}

static int wait_to_be_cancelled(thrum_task *self)
{
    static thrum_event never;
    (void)self;
    return thrum_event_wait(&never, THRUM_FOREVER);
}

/* A running task is asked to stop; the next task of the same worker is not. */
EXPLORE(pool_cancel, .preemptions = 2, .long_preemptions = 3)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *stopped = thrum_submit(pool, wait_to_be_cancelled, THRUM_NOTHING);
    thrum_future *other = thrum_submit(pool, count_one, THRUM_NOTHING);
    int rc = thrum_future_cancel(stopped);
    EXPLORE_CHECK(rc == 0 || rc == -EINPROGRESS);
    EXPLORE_CHECK(OUTCOME_CODE(thrum_future_result(stopped, NULL, 0, THRUM_FOREVER),
                               thrum_future_error(stopped)) == -ECANCELED);
    EXPLORE_CHECK(thrum_future_result(other, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(stopped);
    thrum_future_free(other);
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(runs == 1);
}

static int wait_shortly(thrum_task *self)
{
    return thrum_event_wait(thrum_arg(self, thrum_event *), THRUM_FOREVER);
}

static void cancel_first(void *first)
{
    (void)thrum_future_cancel(first);
}

EXPLORE(pool_cancel_late, .preemptions = 1, .long_preemptions = 2)
{
    static thrum_event event;
    thrum_event_set(&event);
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *first = thrum_submit(pool, count_one, THRUM_NOTHING);
    thrum_future *second = thrum_submit(pool, wait_shortly, thrum_value(thrum_event *, &event));
    explore_spawn("canceller", cancel_first, first);
    EXPLORE_CHECK(thrum_future_result(second, NULL, 0, THRUM_FOREVER) == 0);
    explore_join_all();
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(pool);
}

EXPLORE(pool_refused, .preemptions = 1, .no_thread = 1, .no_memory = 1, .sees = "refused")
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    if (!pool)
        return;
    thrum_future *f = thrum_submit(pool, count_one, THRUM_NOTHING);
    int rc = OUTCOME_CODE(thrum_future_result(f, NULL, 0, THRUM_FOREVER), thrum_future_error(f));
    EXPLORE_CHECK(rc == 0 || rc == -EAGAIN || rc == -ENOMEM);
    if (rc == -EAGAIN)
        explore_seen("refused");
    thrum_future_free(f);
    thrum_executor_shutdown(pool);
}

EXPLORE(pool_map, .preemptions = 1, .long_preemptions = 2)
{
    int arguments[2] = {1, 2}, results[2] = {0, 0};
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    EXPLORE_CHECK(thrum_map(pool, work,
                            &(thrum_map_options){.count = 2,
                                                 .args = arguments,
                                                 .arg_size = sizeof(int),
                                                 .results = results,
                                                 .result_size = sizeof(int)}) == 0);
    EXPLORE_CHECK(results[0] == 2 && results[1] == 3);
    thrum_executor_shutdown(pool);
}
