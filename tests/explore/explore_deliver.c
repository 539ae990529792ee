/* Results and owned values: a result is taken by one, a copy never meets memory that is gone, and
 * an owned value is delivered or released exactly once, whoever cancels, frees, takes and shuts
 * down meanwhile. */
#include "executor/core/executor.h"
#include "explore.h"
#include "future/future.h"
#include <thrum/executor.h>

#include <errno.h>
#include <string.h>

/* ----------------------------------------------------------------- results of any size, two who
 * ask */

enum { NEAR = 4, FAR = 64 };

static thrum_future *future;
static size_t size;
static uint32_t got, refused;

static int give(thrum_task *self)
{
    char bytes[FAR];
    memset(bytes, 'r', sizeof bytes);
    return thrum_return(self, bytes, size);
}

static void check(const char *bytes)
{
    for (size_t i = 0; i < size; i++)
        EXPLORE_CHECK(bytes[i] == 'r');
}

static void count(int rc)
{
    EXPLORE_CHECK(rc == 0 || rc == -ENODATA);
    thrum__add_relaxed(rc ? &refused : &got, 1);
}

static void take(void *argument)
{
    void *bytes = NULL;
    size_t taken = 0;
    int rc = thrum_future_take(future, &bytes, &taken, THRUM_FOREVER);
    count(rc);
    if (rc == 0) {
        EXPLORE_CHECK(taken == size);
        check(bytes);
        EXPLORE_WRITE(*(char *)bytes, 'w'); /* they are the taker's alone */
        thrum__free(bytes);
    }
    (void)argument;
}

static void copy(void *argument)
{
    char bytes[FAR] = {0};
    int rc = thrum_future_copy(future, bytes, sizeof bytes, NULL, THRUM_FOREVER);
    count(rc);
    if (rc == 0)
        check(bytes);
    (void)argument;
}

static void run(void *argument)
{
    (void)argument;
    thrum__future_run(future);
    thrum__future_unreference(future);
}

static void two_ask(size_t bytes, void (*one)(void *), void (*other)(void *))
{
    size = bytes;
    future = thrum__future_new(give, THRUM__NO_VALUE);
    run(NULL);
    explore_spawn("one", one, NULL);
    explore_spawn("two", other, NULL);
    explore_join_all();
    thrum_future_free(future);
}

EXPLORE(deliver_two_take_far, .preemptions = 3, .long_preemptions = EXPLORE_ALL)
{
    two_ask(FAR, take, take);
    EXPLORE_CHECK(got == 1 && refused == 1);
}

EXPLORE(deliver_two_take_near, .preemptions = 3, .long_preemptions = EXPLORE_ALL)
{
    two_ask(NEAR, take, take);
    EXPLORE_CHECK(got == 1 && refused == 1);
}

EXPLORE(deliver_copy_against_take_far, .preemptions = 3, .long_preemptions = EXPLORE_ALL)
{
    two_ask(FAR, copy, take);
    EXPLORE_CHECK(got + refused == 2 && got >= 1);
}

EXPLORE(deliver_copy_against_take_near, .preemptions = 3, .long_preemptions = EXPLORE_ALL)
{
    two_ask(NEAR, copy, take);
    EXPLORE_CHECK(got + refused == 2 && got >= 1);
}

/* The waiters are there before the end, and one finds no memory. */
EXPLORE(deliver_take_without_memory, .preemptions = 1, .no_memory = 1, .sees = "no memory")
{
    size = NEAR;
    future = thrum__future_new(give, THRUM__NO_VALUE);
    if (thrum_future_done(future))
        return;
    run(NULL);
    void *bytes = NULL;
    size_t taken = 0;
    int rc = thrum_future_take(future, &bytes, &taken, THRUM_NOW);
    if (rc == -ENOMEM) {
        explore_seen("no memory");
        rc = thrum_future_take(future, &bytes, &taken, THRUM_NOW);
    }
    EXPLORE_CHECK(rc == 0);
    check(bytes);
    thrum__free(bytes);
    thrum_future_free(future);
}

/* ------------------------------------------------------------------------------------ owned
 * values */

static uint32_t delivered, released;

static void release(void *value)
{
    EXPLORE_CHECK(*(int *)value == 7);
    thrum__add_relaxed(&released, 1);
}

#define OWNED thrum_owned(release, int, 7)

static int consume(thrum_task *self)
{
    EXPLORE_CHECK(thrum_arg(self, int) == 7);
    thrum__add_relaxed(&delivered, 1);
    return 0;
}

static const struct large {
    int value;
    char more[400];
} large = {.value = 7};

#define LARGE thrum_owned_at(release, &large, sizeof large)

static int consume_large(thrum_task *self)
{
    EXPLORE_CHECK(thrum_arg(self, struct large).value == 7);
    thrum__add_relaxed(&delivered, 1);
    return 0;
}

static int return_owned(thrum_task *self)
{
    return thrum_return(self, OWNED);
}

static void own_result(void *argument)
{
    int value = 0;
    int rc = OUTCOME_CODE(thrum_future_result(future, &value, sizeof value, THRUM_FOREVER),
                          thrum_future_error(future));
    EXPLORE_CHECK(rc == 0 || rc == -ENODATA || rc == -ECANCELED);
    if (rc == 0) {
        EXPLORE_CHECK(value == 7);
        thrum__add_relaxed(&delivered, 1);
    }
    (void)argument;
}

static void take_owned(void *argument)
{
    void *bytes = NULL;
    size_t taken = 0;
    int rc = thrum_future_take(future, &bytes, &taken, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0 || rc == -ENODATA);
    if (rc == 0) {
        EXPLORE_CHECK(taken == sizeof(int) && *(int *)bytes == 7);
        thrum__add_relaxed(&delivered, 1);
        thrum__free(bytes);
    }
    (void)argument;
}

static void cancel_and_free(void *argument)
{
    (void)argument;
    (void)thrum_future_cancel(future);
    thrum_future_free(future);
}

EXPLORE(owned_argument_against_cancel, .preemptions = 3, .long_preemptions = EXPLORE_ALL,
        .sees = "released")
{
    future = thrum__future_new(consume, thrum__value_of(OWNED, NULL));
    explore_spawn("runner", run, NULL);
    explore_spawn("owner", cancel_and_free, NULL);
    explore_join_all();
    EXPLORE_CHECK(delivered + released == 1);
    if (released)
        explore_seen("released");
}

EXPLORE(owned_result_against_free, .preemptions = 3, .long_preemptions = EXPLORE_ALL,
        .sees = "released")
{
    future = thrum__future_new(return_owned, THRUM__NO_VALUE);
    explore_spawn("runner", run, NULL);
    int value = 0;
    if (thrum_future_result(future, &value, sizeof value, THRUM_NOW) == 0)
        delivered++;
    thrum_future_free(future);
    explore_join_all();
    EXPLORE_CHECK(delivered + released == 1);
    if (released)
        explore_seen("released");
}

EXPLORE(owned_result_two_ask, .preemptions = 3, .long_preemptions = EXPLORE_ALL)
{
    future = thrum__future_new(return_owned, THRUM__NO_VALUE);
    run(NULL);
    explore_spawn("one", own_result, NULL);
    explore_spawn("two", take_owned, NULL);
    explore_join_all();
    EXPLORE_CHECK(delivered == 1);
    thrum_future_free(future);
    EXPLORE_CHECK(released == 0);
}

/* The second task of a chain, and one who asks for the result of the first. */
EXPLORE(owned_result_against_chain, .preemptions = 2, .long_preemptions = 3, .sees = "chained")
{
    thrum_executor *direct = thrum_inline_new();
    future = thrum__future_new(return_owned, THRUM__NO_VALUE);
    thrum_future *second = thrum_future_then(future, direct, consume);
    explore_spawn("runner", run, NULL);
    own_result(NULL);
    int rc = OUTCOME_CODE(thrum_future_result(second, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(second));
    EXPLORE_CHECK(rc == 0 || rc == -ENODATA);
    if (rc == 0)
        explore_seen("chained");
    explore_join_all();
    thrum_future_free(future);
    thrum_future_free(second);
    thrum_executor_shutdown(direct);
    EXPLORE_CHECK(delivered == 1 && released == 0);
}

/* A chained task that is cancelled while the first one ends. */
EXPLORE(owned_result_against_cancelled_chain, .preemptions = 2, .long_preemptions = 3,
        .sees = "released")
{
    thrum_executor *direct = thrum_inline_new();
    thrum_future *first = future = thrum__future_new(return_owned, THRUM__NO_VALUE);
    thrum_future *second = thrum_future_then(first, direct, consume);
    explore_spawn("runner", run, NULL);
    (void)thrum_future_cancel(second);
    thrum_future_free(second);
    explore_join_all();
    thrum_future_free(first);
    thrum_executor_shutdown(direct);
    EXPLORE_CHECK(delivered + released == 1);
    if (released)
        explore_seen("released");
}

/* A shutdown that cancels, while the worker takes tasks. */
EXPLORE(owned_argument_against_shutdown, .preemptions = 1, .long_preemptions = 2,
        .sees = "released")
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future_free(thrum_submit(pool, consume, OWNED));
    thrum_future_free(thrum_submit(pool, consume, OWNED));
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.cancel_pending = true});
    EXPLORE_CHECK(delivered + released == 2);
    if (released)
        explore_seen("released");
}

/* Memory that runs out anywhere on the way. */
EXPLORE(owned_argument_without_memory, .preemptions = EXPLORE_NONE, .no_memory = 1,
        .sees = "released")
{
    thrum_executor *direct = thrum_inline_new();
    if (!direct)
        return;
    const thrum_submit_options late = {.deadline = thrum_in(1000)};
    thrum_future *first = thrum_submit(direct, consume, OWNED);
    thrum_future *second = thrum_submit_with(direct, &late, consume_large, LARGE);
    (void)thrum_future_error(first); /* seen */
    (void)thrum_future_error(second);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(direct);
    EXPLORE_CHECK(delivered + released == 2);
    if (released)
        explore_seen("released");
}
