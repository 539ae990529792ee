#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

TEST(every_code_has_a_text)
{
    CHECK_STR(thrum_strerror(0), "success");
    CHECK_STR(thrum_strerror(-ETIMEDOUT), "timed out");
    CHECK_STR(thrum_strerror(ETIMEDOUT), "timed out");
    CHECK_STR(thrum_strerror(-ECHILD), "the worker process died");
    CHECK_STR(thrum_strerror(-ENOENT), "No such file or directory");
    CHECK_STR(thrum_strerror(THRUM_FAILED), "the task has failed");
    CHECK_STR(thrum_strerror(-EPERM), "Operation not permitted");
    for (int code = -200; code <= 200; code++)
        CHECK(strlen(thrum_strerror(code)) > 0);
}

TEST(the_version_is_that_of_the_header)
{
    CHECK_STR(thrum_version(), THRUM_VERSION);
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -EINVAL, "bad input: %d", thrum_arg(self, int));
}

struct heard {
    thrum_lock lock;
    int count;
    char kind[16], name[64];
    thrum_error error;
};

static void hear(const thrum_failure *failure, void *context)
{
    struct heard *heard = context;
    thrum_with (&heard->lock) {
        heard->count++;
        strncpy(heard->kind, failure->kind, sizeof heard->kind - 1);
        strncpy(heard->name, failure->name, sizeof heard->name - 1);
        heard->error = *failure->error;
    }
}

static bool has_heard(struct heard *heard, int count)
{
    bool yes = false;
    thrum_with (&heard->lock)
        yes = heard->count == count;
    return yes;
}

TEST(a_failure_that_nobody_asked_for_is_told_with_the_handle)
{
    struct heard heard = {0};
    thrum_failure_hook_set(hear, &heard);
    thrum_thread *thread = thrum_thread_start_with(&(thrum_thread_options){.name = "lonely"}, fail,
                                                   thrum_value(int, 5));
    UNTIL(!thrum_thread_is_alive(thread));
    CHECK(has_heard(&heard, 0));
    thrum_thread_free(thread);
    UNTIL(has_heard(&heard, 1));
    CHECK_STR(heard.kind, "thread");
    CHECK_STR(heard.name, "lonely");
    CHECK_INT(heard.error.code, ==, -EINVAL);
    CHECK_STR(heard.error.message, "bad input: 5");
}

TEST(a_detached_failure_is_told_when_it_happens)
{
    struct heard heard = {0};
    thrum_failure_hook_set(hear, &heard);
    thrum_thread_free(thrum_thread_start(fail, thrum_value(int, 1)));
    UNTIL(has_heard(&heard, 1));
}

TEST(a_failure_that_was_seen_is_not_told)
{
    struct heard heard = {0};
    thrum_failure_hook_set(hear, &heard);
    JOIN(thrum_thread_start(fail, thrum_value(int, 1)), -EINVAL);
    thrum_executor *direct = thrum_inline_new();
    thrum_future *future = thrum_submit(direct, fail, thrum_value(int, 2));
    CHECK_STR(thrum_future_error(future)->message, "bad input: 2");
    thrum_future_free(future);
    CHECK(has_heard(&heard, 0));
    thrum_future_free(thrum_submit(direct, fail, thrum_value(int, 3)));
    CHECK(has_heard(&heard, 1));
    CHECK_STR(heard.kind, "future");
    CHECK(strstr(heard.name, "test_error") != NULL);
    thrum_executor_shutdown(direct);
    thrum_failure_hook_set(NULL, NULL);
}

TEST_STOPS(the_default_hook_prints_a_line, "thrum: future \"")
{
    thrum_executor *direct = thrum_inline_new();
    thrum_future_free(thrum_submit(direct, fail, thrum_value(int, 3)));
    abort();
}
