/* What happens when the machine refuses: each call is tried with its first allocation failing, then
 * its second, and so on until it succeeds; nothing may leak (the address sanitizer watches), and
 * everything must be usable afterwards. */
#include "harness.h"
#include "support.h"

#include <errno.h>

static int echo(thrum_task *self)
{
    return thrum_return(self, thrum_task_arg(self, thrum_task_arg_size(self)),
                        thrum_task_arg_size(self));
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "with a message");
}

/* Runs `attempt` with the n-th allocation failing, for n = 1, 2, ... until it gives 0 without a
 * failure; gives how many failures there were. */
static uint32_t until_it_works(int (*attempt)(void))
{
    for (uint32_t n = 1;; n++) {
        thrum__fault_arm_all(THRUM__FAULT_ALLOC, n, 1);
        int rc = attempt();
        bool failed = thrum__fault_calls(THRUM__FAULT_ALLOC) >= n;
        thrum__fault_disarm(THRUM__FAULT_ALLOC);
        if (!failed) {
            CHECK_INT(rc, ==, 0);
            return n - 1;
        }
        CHECK(rc == 0 || rc == -ENOMEM || rc == -ERANGE);
    }
}

static struct wide {
    char bytes[300];
} wide;

static int start_and_join(void)
{
    struct wide result;
    thrum_thread *thread = thrum_thread_start(echo, &wide, sizeof wide);
    int rc = OUTCOME_CODE(thrum_thread_result(thread, &result, sizeof result, THRUM_FOREVER),
                          thrum_thread_error(thread));
    if (rc < 0)
        CHECK_INT(thrum_thread_error(thread)->code, ==, -ENOMEM);
    CHECK(thrum_thread_name(thread) != NULL);
    CHECK(!thrum_thread_is_alive(thread));
    CHECK_INT(thrum_thread_cancel(thread), ==, -EALREADY);
    thrum_thread_free(thread);
    return rc;
}

TEST(a_thread_that_cannot_start_says_so)
{
    CHECK_INT(until_it_works(start_and_join), >=, 3);
}

static int submit_to(thrum_executor *executor)
{
    struct wide result;
    if (!executor)
        return -ENOMEM;
    thrum_future *future = thrum_submit(executor, echo, &wide, sizeof wide);
    int rc = OUTCOME_CODE(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER),
                          thrum_future_error(future));
    if (rc < 0)
        CHECK_STR(thrum_future_error(future)->message, "out of memory");
    thrum_future_cancel(future);
    thrum_future_free(future);
    thrum_executor_shutdown(executor);
    return rc;
}

static int submit_inline(void)
{
    return submit_to(thrum_inline_new());
}

static int submit_pooled(void)
{
    return submit_to(thrum_thread_pool_new(NULL));
}

TEST(a_task_that_cannot_be_submitted_says_so)
{
    CHECK_INT(until_it_works(submit_inline), >=, 4);
    CHECK_INT(until_it_works(submit_pooled), >=, 6);
}

static int fail_inline(void)
{
    thrum_executor *executor = thrum_inline_new();
    if (!executor)
        return -ENOMEM;
    thrum_future *future = thrum_submit(executor, fail, THRUM_NOTHING);
    int rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(future));
    const thrum_error *error = thrum_future_error(future);
    CHECK_INT(error->code, ==, rc);
    if (rc == -ERANGE) /* the code is never lost, though the message may be */
        CHECK(strcmp(error->message, "with a message") == 0 ||
              strcmp(error->message, thrum_strerror(-ERANGE)) == 0);
    bool complete = strcmp(error->message, "with a message") == 0;
    thrum_future_free(future);
    thrum_executor_shutdown(executor);
    return complete ? 0 : rc;
}

TEST(an_error_keeps_its_code_without_memory)
{
    int slabs = THRUM__MEMORY_PLAIN ? 0 : 1; /* for the first future */
    CHECK_INT(until_it_works(fail_inline), ==, 3 + slabs);
}

static int use_queue(void)
{
    thrum_queue *queue = thrum_queue_new(sizeof(int), NULL);
    if (!queue)
        return -ENOMEM;
    int rc = 0, put = 0, item;
    while (rc == 0 && put < 100) {
        rc = thrum_queue_put(queue, &put, THRUM_NOW);
        put += rc == 0;
    }
    CHECK_INT(thrum_queue_size(queue), ==, put);
    for (int i = 0; i < put; i++) {
        CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
        CHECK_INT(item, ==, i);
    }
    thrum_queue_free(queue);
    return rc;
}

TEST(a_queue_that_cannot_grow_keeps_its_items)
{
    CHECK_INT(until_it_works(use_queue), ==, 5);
    CHECK(thrum_queue_new(SIZE_MAX / 2, &(thrum_queue_options){.max_size = 8}) == NULL);
}

static int use_bounded_queue(void)
{
    thrum_queue *queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 8});
    thrum_queue_free(queue);
    return queue ? 0 : -ENOMEM;
}

TEST(a_bounded_queue_that_cannot_be_made_leaves_nothing)
{
    CHECK_INT(until_it_works(use_bounded_queue), ==, 2);
    CHECK(thrum_queue_new(1, &(thrum_queue_options){.max_size = SIZE_MAX}) == NULL);
    CHECK(thrum_queue_new(SIZE_MAX, &(thrum_queue_options){.max_size = 1}) == NULL);
}

static int use_as_completed(void)
{
    thrum_executor *executor = thrum_inline_new();
    if (!executor)
        return -ENOMEM;
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_submit(executor, echo, thrum_value(int, i));
    thrum_as_completed *done = thrum_as_completed_new(futures, 2);
    int rc = done ? 0 : -ENOMEM;
    size_t index;
    for (int i = 0; done && i < 2; i++) {
        CHECK_INT(thrum_as_completed_next(done, &index, THRUM_NOW), ==, 0);
        rc = rc ? rc
                : OUTCOME_CODE(thrum_future_result(futures[index], NULL, 0, THRUM_NOW),
                               thrum_future_error(futures[index]));
    }
    thrum_as_completed_free(done);
    for (int i = 0; i < 2; i++)
        thrum_future_free(futures[i]);
    thrum_executor_shutdown(executor);
    return rc;
}

TEST(as_completed_takes_failed_futures)
{
    CHECK_INT(until_it_works(use_as_completed), ==, 4);
}

static int use_map(void)
{
    thrum_executor *executor = thrum_inline_new();
    if (!executor)
        return -ENOMEM;
    int in[6] = {0, 1, 2, 3, 4, 5}, out[6];
    thrum_error error = {0};
    int rc = thrum_map(executor, echo,
                       &(thrum_map_options){
                           .count = 6,
                           .args = in,
                           .arg_size = sizeof in[0],
                           .results = out,
                           .result_size = sizeof out[0],
                           .ret_error = &error,
                       });
    rc = OUTCOME_CODE(rc, &error);
    CHECK_INT(error.code, ==, rc);
    thrum_executor_shutdown(executor);
    return rc;
}

TEST(map_says_so_too)
{
    CHECK_INT(until_it_works(use_map), ==, 8);
}
