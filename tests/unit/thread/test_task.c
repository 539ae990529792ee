#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_executor *direct;

/* Runs a task here and gives its future. */
static thrum_future *run(thrum_task_fn *function, const void *arg, size_t size)
{
    if (!direct)
        direct = thrum_inline_new();
    return thrum_submit(direct, function, arg, size);
}

struct big {
    char bytes[5000];
};

static int echo_big(thrum_task *self)
{
    CHECK_INT(thrum_task_arg_size(self), ==, sizeof(struct big));
    CHECK_INT((uintptr_t)thrum_task_arg(self, sizeof(struct big)) % 16, ==, 0);
    const struct big *big = &thrum_arg(self, struct big);
    return thrum_return(self, big, sizeof *big);
}

TEST(large_values_pass_whole)
{
    struct big in, out;
    for (size_t i = 0; i < sizeof in.bytes; i++)
        in.bytes[i] = (char)i;
    thrum_future *future = run(echo_big, &in, sizeof in);
    CHECK_INT(thrum_future_result_size(future), ==, sizeof out);
    CHECK_INT(thrum_future_result(future, &out, sizeof out, THRUM_NOW), ==, 0);
    CHECK(memcmp(&in, &out, sizeof in) == 0);
    thrum_future_free(future);
}

static int return_twice(thrum_task *self)
{
    CHECK_INT(thrum_task_arg_size(self), ==, 0);
    CHECK_INT(thrum_return(self, thrum_value(struct big, {0})), ==, 0);
    return thrum_return(self, thrum_value(short, 9));
}

TEST(a_second_result_replaces_the_first)
{
    thrum_future *future = run(return_twice, THRUM_NOTHING);
    short result = 0;
    long wrong = 77;
    CHECK_INT(thrum_future_result(future, &wrong, sizeof wrong, THRUM_NOW), ==, -EMSGSIZE);
    CHECK_INT(wrong, ==, 77);
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_NOW), ==, 0);
    CHECK_INT(result, ==, 9);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_NOW), ==, 0);
    thrum_future_free(future);
}

static int fail_variously(thrum_task *self)
{
    switch (thrum_arg(self, int)) {
    case 0:
        return -ENOENT;
    case 1:
        return 3;
    case 2:
        thrum_fail(self, -EIO, "first");
        return thrum_fail(self, -ENOSPC, "disk %s", "full");
    case 3:
        thrum_fail(self, -EIO, "forgotten");
        return 0;
    case 4:
        thrum_fail(self, -EIO, "overruled");
        return -ENOENT;
    case 5:
        return thrum_fail(self, 5, "not negative");
    case 7:
        return THRUM_FAILED;
    case 8:
        CHECK_INT(thrum_fail_with(self, &(thrum_error){-ENOSPC, "disk %s full"}), ==, -ENOSPC);
        return -ENOSPC;
    case 9:
        return thrum_fail_with(self, NULL);
    default:
        CHECK_INT(thrum_return(self, thrum_value(int, 1)), ==, 0);
        return thrum_fail(self, -EIO, "%0500d", 0);
    }
}

static void expect_failure(int how, int code, const char *message)
{
    thrum_future *future = run(fail_variously, thrum_value(int, how));
    int result;
    CHECK_OUTCOME(thrum_future_result(future, &result, sizeof result, THRUM_NOW),
                  thrum_future_error(future), code);
    const thrum_error *error = thrum_future_error(future);
    CHECK_INT(error->code, ==, code);
    if (message)
        CHECK_STR(error->message, message);
    CHECK_INT(strlen(error->message), <, sizeof error->message);
    CHECK_INT(thrum_future_result_size(future), ==, 0);
    thrum_future_free(future);
}

TEST(failures_carry_code_and_message)
{
    expect_failure(0, -ENOENT, "No such file or directory");
    expect_failure(1, -EINVAL, "the task returned 3; it must return 0 or a negative errno");
    expect_failure(2, -ENOSPC, "disk full");
    expect_failure(3, -EIO, "forgotten");
    expect_failure(4, -ENOENT, "No such file or directory");
    expect_failure(5, -EINVAL, "not negative");
    expect_failure(6, -EIO, NULL);
    expect_failure(
        7, -EINVAL,
        "the task returned THRUM_FAILED; it must pass the failure on by thrum_fail_with");
    expect_failure(8, -ENOSPC, "disk %s full");
    expect_failure(9, -EINVAL, "thrum_fail_with was given no error");
}

static int take_long(thrum_task *self)
{
    return thrum_arg(self, long) ? 0 : -1;
}

TEST_STOPS(an_argument_of_another_size_stops, "takes an argument of 8 bytes, but was given 1")
{
    run(take_long, thrum_value(char, 1));
}
