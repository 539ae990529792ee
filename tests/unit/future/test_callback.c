#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>

static thrum_event go;
static int order[8];
static uint32_t calls;

static int note(thrum_future *future, void *context)
{
    CHECK(thrum_future_done(future));
    order[thrum__add_relaxed(&calls, 1)] = *(int *)context;
    return 0;
}

static int wait_for_go(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&go, THRUM_FOREVER);
}

TEST(callbacks_come_in_the_order_of_adding)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *future = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    int numbers[3] = {1, 2, 3};
    for (int i = 0; i < 3; i++)
        CHECK_INT(thrum_future_add_done_callback(future, note, &numbers[i]), ==, 0);
    CHECK_INT(calls, ==, 0);
    thrum_event_set(&go);
    thrum_executor_shutdown(pool); /* comes after the callbacks */
    CHECK_INT(calls, ==, 3);
    for (int i = 0; i < 3; i++)
        CHECK_INT(order[i], ==, i + 1);
    thrum_future_free(future);
}

static int note_thread(thrum_future *future, void *context)
{
    (void)future;
    *(uint32_t *)context = thrum_thread_current_ident();
    return 0;
}

TEST(one_that_is_done_calls_back_at_once_and_a_cancel_in_the_canceller)
{
    thrum_future *future = thrum_future_new();
    uint32_t first = 0, second = 0;
    CHECK_INT(thrum_future_add_done_callback(future, note_thread, &first), ==, 0);
    CHECK_INT(thrum_future_cancel(future), ==, 0);
    CHECK_INT(first, ==, thrum_thread_current_ident());
    CHECK_INT(thrum_future_add_done_callback(future, note_thread, &second), ==, 0);
    CHECK_INT(second, ==, thrum_thread_current_ident());
    CHECK_INT(thrum_future_set_running(future), ==, -ECANCELED);
    thrum_future_free(future);
}

static int ask_add_and_free(thrum_future *future, void *context)
{
    int result = 0;
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_NOW), ==, 0);
    CHECK_INT(result, ==, 5);
    CHECK_INT(thrum_future_cancel(future), ==, -EALREADY);
    CHECK_INT(thrum_future_add_done_callback(future, note, context), ==, 0);
    thrum_future_free(future);
    return 0;
}

TEST(a_callback_may_use_and_free_its_future)
{
    int number = 9;
    thrum_future *future = thrum_future_new();
    CHECK_INT(thrum_future_add_done_callback(future, ask_add_and_free, &number), ==, 0);
    CHECK_INT(thrum_future_set_result(future, thrum_value(int, 5)), ==, 0);
    CHECK_INT(calls, ==, 1);
    CHECK_INT(order[0], ==, 9);
    future = thrum_future_new();
    CHECK_INT(thrum_future_set_result(future, thrum_value(int, 5)), ==, 0);
    CHECK_INT(thrum_future_add_done_callback(future, ask_add_and_free, &number), ==, 0);
    CHECK_INT(calls, ==, 2);
}

static int fail_callback(thrum_future *future, void *context)
{
    (void)future;
    return *(int *)context;
}

static int told;

static void hook(const thrum_failure *failure, void *context)
{
    CHECK_STR(failure->kind, "callback");
    CHECK_INT(failure->error->code, ==, *(int *)context);
    CHECK(failure->name[0]);
    told++;
}

TEST(a_callback_that_fails_is_told_and_the_next_is_called)
{
    int code = -ERANGE, mistake = 7, number = 1;
    thrum_failure_hook_set(hook, &code);
    thrum_future *future = thrum_future_new();
    CHECK_INT(thrum_future_add_done_callback(future, fail_callback, &code), ==, 0);
    CHECK_INT(thrum_future_add_done_callback(future, note, &number), ==, 0);
    CHECK_INT(thrum_future_set_result(future, THRUM_NOTHING), ==, 0);
    CHECK_INT(told, ==, 1);
    CHECK_INT(calls, ==, 1);
    code = -EINVAL;
    CHECK_INT(thrum_future_add_done_callback(future, fail_callback, &mistake), ==, 0);
    CHECK_INT(told, ==, 2);
    thrum_failure_hook_set(NULL, NULL);
    thrum_future_free(future);
}

static int sleep_shortly(thrum_future *future, void *context)
{
    (void)future;
    *(int *)context = thrum_sleep(thrum_in(0.001));
    return 0;
}

TEST(a_callback_is_not_cancelled_with_its_task)
{
    int rc = 1;
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *future = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    CHECK_INT(thrum_future_add_done_callback(future, sleep_shortly, &rc), ==, 0);
    UNTIL(thrum_future_running(future));
    CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
    thrum_executor_shutdown(pool);
    CHECK_INT(rc, ==, 0);
    thrum_future_free(future);
}

TEST(without_memory_it_is_never_called)
{
    thrum_future *future = thrum_future_new();
    int number = 1;
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(thrum_future_add_done_callback(future, note, &number), ==, -ENOMEM);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_INT(thrum_future_set_result(future, THRUM_NOTHING), ==, 0);
    CHECK_INT(calls, ==, 0);
    thrum_future_free(future);
}

static int count(thrum_future *future, void *context)
{
    (void)future;
    thrum__add_relaxed((uint32_t *)context, 1);
    return 0;
}

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

TEST_DEADLINE(each_is_called_once_whoever_ends_the_future, 60)
{
    enum { ROUNDS = 3000 };
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    uint32_t counted = 0;
    for (int i = 0; i < ROUNDS; i++) {
        thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
        if (i % 3 == 0)
            thrum_yield();
        CHECK_INT(thrum_future_add_done_callback(future, count, &counted), ==, 0);
        if (i % 2 == 0)
            (void)thrum_future_cancel(future);
        CHECK_INT(thrum_future_add_done_callback(future, count, &counted), ==, 0);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(pool);
    CHECK_INT(counted, ==, 2 * ROUNDS);
}
