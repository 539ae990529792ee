/* What executor.h says of executors, for each of them: a test is a sentence of the header, and runs once for each
 * kind. Where the header makes a difference between kinds, the test has it, too. Options of pools are in
 * test_pool_options.c; what may happen meanwhile is in test_compose.c. */
#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind { INLINE, THREADS, FIBERS, PROCESSES, KINDS };

static thrum_executor *executor;
static int said[2]; /* a pipe that tasks of all kinds may write to */

static void make(enum kind kind)
{
    fprintf(stderr, "kind %d\n", kind); /* shown if the test fails */
    CHECK_INT(pipe(said), ==, 0);
    executor =
        kind == INLINE    ? thrum_inline_new()
        : kind == THREADS ? thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1})
        : kind == FIBERS  ? thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1})
                          : thrum_process_pool_new(&(thrum_process_pool_options){
                                .max_workers = 1, .descriptors = &said[1], .descriptor_count = 1});
    CHECK(executor != NULL);
}

#define EACH_KIND(kind) for (enum kind kind = 0; kind < KINDS; kind++)

static int code_of(thrum_future *future)
{
    CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
    const thrum_error *error = thrum_future_error(future);
    int code = error ? error->code : 0;
    thrum_future_free(future);
    return code;
}

static int square(thrum_task *self)
{
    int64_t n = thrum_arg(self, int64_t);
    if (n < 0)
        return thrum_fail(self, -EDOM, "%lld has no place here", (long long)n);
    return thrum_return(self, thrum_value(int64_t, n * n));
}

TEST(a_task_gets_a_copy_of_its_argument_and_its_future_the_result)
{
    EACH_KIND(kind)
    {
        make(kind);
        int64_t n = 7, result = 0;
        thrum_future *future = thrum_submit(executor, square, &n, sizeof n);
        n = 0;
        CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
        thrum_executor_shutdown(executor); /* futures stay valid */
        CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_NOW), ==, 0);
        CHECK_INT(result, ==, 49);
        thrum_future_free(future);
    }
}

TEST(the_error_of_a_task_reaches_its_future_with_code_and_message)
{
    EACH_KIND(kind)
    {
        make(kind);
        thrum_future *future = thrum_submit(executor, square, thrum_value(int64_t, -3));
        CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
        CHECK_INT(thrum_future_error(future)->code, ==, -EDOM);
        CHECK_STR(thrum_future_error(future)->message, "-3 has no place here");
        thrum_future_free(future);
        thrum_executor_shutdown(executor);
    }
}

static int give_up(thrum_task *self)
{
    int rc = thrum_sleep(THRUM_FOREVER);
    return thrum_cancelled(self) ? rc : -EINVAL;
}

TEST(a_task_is_asked_to_stop_at_its_deadline_and_has_then_timed_out)
{
    EACH_KIND(kind)
    {
        make(kind);
        CHECK_INT(code_of(thrum_submit(executor, square, thrum_value(int64_t, 1))), ==, 0);
        thrum_submit_options options = {.deadline = thrum_in(0.02)};
        CHECK_INT(code_of(thrum_submit_with(executor, &options, give_up, THRUM_NOTHING)), ==,
                  -ETIMEDOUT);
        thrum_executor_shutdown(executor);
    }
}

static int write_one(thrum_task *self)
{
    return write(thrum_arg(self, int), "x", 1) == 1 ? 0 : -EIO;
}

TEST(a_task_whose_turn_comes_after_its_deadline_does_not_run)
{
    EACH_KIND(kind)
    {
        make(kind);
        thrum_submit_options options = {.deadline = thrum_at(thrum_now() - 1)};
        CHECK_INT(code_of(thrum_submit_with(executor, &options, write_one, thrum_value(int, -1))),
                  ==, -ETIMEDOUT);
        thrum_executor_shutdown(executor);
    }
}

TEST(a_priority_is_accepted)
{
    EACH_KIND(kind)
    {
        make(kind);
        for (int priority = THRUM_PRIORITY_LOW; priority <= THRUM_PRIORITY_HIGH; priority++) {
            thrum_submit_options options = {.priority = (thrum_priority)priority};
            CHECK_INT(
                code_of(thrum_submit_with(executor, &options, square, thrum_value(int64_t, 2))), ==,
                0);
        }
        thrum_executor_shutdown(executor);
    }
}

TEST(a_map_gives_results_in_input_order_and_the_first_error)
{
    EACH_KIND(kind)
    {
        make(kind);
        int64_t args[40], results[40];
        for (int i = 0; i < 40; i++)
            args[i] = i;
        size_t failed = 99;
        thrum_error error;
        thrum_map_options items = {.count = 40,
                                   .args = args,
                                   .arg_size = sizeof *args,
                                   .results = results,
                                   .result_size = sizeof *results,
                                   .ret_error = &error,
                                   .ret_failed = &failed};
        CHECK_INT(thrum_map(executor, square, &items), ==, 0);
        for (int i = 0; i < 40; i++)
            CHECK_INT(results[i], ==, i * i);
        CHECK_INT(failed, ==, 99);
        args[20] = -20;
        args[30] = -30;
        CHECK(thrum_map(executor, square, &items) != 0);
        CHECK_INT(failed, ==, 20);
        CHECK_INT(error.code, ==, -EDOM);
        CHECK_STR(error.message, "-20 has no place here");
        thrum_executor_shutdown(executor);
    }
}

TEST(a_chain_hands_the_result_on)
{
    EACH_KIND(kind)
    {
        make(kind);
        int64_t result = 0;
        thrum_future *first = thrum_submit(executor, square, thrum_value(int64_t, 3));
        thrum_future *second = thrum_future_then(first, executor, square);
        thrum_future_free(first);
        CHECK_INT(thrum_future_result(second, &result, sizeof result, THRUM_FOREVER), ==, 0);
        CHECK_INT(result, ==, 81);
        thrum_future_free(second);
        thrum_executor_shutdown(executor);
    }
}

/* ------------------------------------------------------------------------------------ statistics */

static int write_and_stay(thrum_task *self)
{
    int rc = write_one(self);
    return rc < 0 ? rc : thrum_sleep(THRUM_FOREVER);
}

/* Submits a task that stays, and waits until it has begun. */
static thrum_future *begin_to_stay(void)
{
    char byte;
    thrum_future *future = thrum_submit(executor, write_and_stay, thrum_value(int, said[1]));
    CHECK_INT(read(said[0], &byte, 1), ==, 1);
    return future;
}

static thrum_executor_stats stats(void)
{
    thrum_executor_stats now;
    memset(&now, 0xff, sizeof now); /* all of it is filled in */
    thrum_executor_stats_get(executor, &now);
    return now;
}

TEST(statistics_count_what_was_done_failed_and_was_cancelled)
{
    EACH_KIND(kind)
    {
        make(kind);
        for (int i = 0; i < 7; i++)
            CHECK_INT(code_of(thrum_submit(executor, square, thrum_value(int64_t, i))), ==, 0);
        for (int i = 0; i < 3; i++)
            CHECK_INT(code_of(thrum_submit(executor, square, thrum_value(int64_t, -1))), ==, -EDOM);
        if (kind == INLINE) { /* all are zero */
            static const thrum_executor_stats zero;
            thrum_executor_stats now = stats();
            CHECK_INT(memcmp(&now, &zero, sizeof now), ==, 0);
        } else {
            UNTIL(stats().done == 10);
            CHECK_INT(stats().failed, ==, 3);
            CHECK_INT(stats().cancelled, ==, 0);
            UNTIL(stats().idle == stats().workers);
            CHECK_INT(stats().workers, ==, 1);
            CHECK_INT(stats().running, ==, 0);
            CHECK_INT(stats().pending, ==, 0);
            thrum_future *stays = begin_to_stay();
            CHECK_INT(stats().running, ==, 1);
            CHECK_INT(stats().pending, ==, 0);
            CHECK_INT(thrum_future_cancel(stays), ==, -EINPROGRESS);
            CHECK_INT(code_of(stays), ==, -ECANCELED);
            UNTIL(stats().done == 11 && stats().running == 0);
            CHECK_INT(stats().failed, ==, 4);
            CHECK_INT(stats().cancelled, ==, 0); /* it had begun */
            CHECK(kind == THREADS || stats().longest_wait == 0);
        }
        thrum_executor_shutdown(executor);
    }
}

TEST(a_task_that_is_cancelled_before_it_begins_counts_as_done_failed_and_cancelled)
{
    EACH_KIND(kind)
    {
        if (kind == INLINE)
            continue; /* no task is pending there */
        make(kind);
        thrum_future *stays = begin_to_stay();
        if (kind != FIBERS) { /* a fiber that waits leaves its worker to the next task */
            thrum_future *pending = thrum_submit(executor, square, thrum_value(int64_t, 1));
            CHECK_INT(stats().pending, ==, 1);
            (void)thrum_future_cancel(pending); /* one that was prefetched is taken back */
            CHECK_INT(code_of(pending), ==, -ECANCELED);
        }
        (void)thrum_future_cancel(stays);
        CHECK_INT(code_of(stays), ==, -ECANCELED);
        size_t cancelled = kind == FIBERS ? 0 : 1;
        UNTIL(stats().done == 1 + cancelled);
        CHECK_INT(stats().cancelled, ==, cancelled);
        CHECK_INT(stats().failed, ==, 1 + cancelled);
        thrum_executor_shutdown(executor);
    }
}

/* --------------------------------------------------------------------------------- one kind alone */

TEST(calls_for_one_kind_say_so_of_the_others)
{
    EACH_KIND(kind)
    {
        int32_t pid = -7;
        make(kind);
        CHECK_INT(code_of(thrum_submit(executor, square, thrum_value(int64_t, 1))), ==, 0);
        CHECK_INT(thrum_thread_pool_resize(executor, 2), ==, kind == THREADS ? 0 : -EINVAL);
        CHECK_INT(thrum_process_pool_pids(executor, &pid, 1), ==, kind == PROCESSES);
        CHECK_INT(pid > 0, ==, kind == PROCESSES);
        thrum_executor_shutdown(executor);
    }
}

static uint32_t destroyed;

static void destroy(void *value)
{
    (void)value;
    thrum__add_relaxed(&destroyed, 1);
}

static int take(thrum_task *self)
{
    return thrum_arg(self, int) == 5 ? 0 : -EINVAL;
}

TEST(an_owned_argument_is_delivered_or_refused_by_another_process)
{
    EACH_KIND(kind)
    {
        make(kind);
        destroyed = 0;
        int code = code_of(thrum_submit(executor, take, thrum_owned(destroy, int, 5)));
        CHECK_INT(code, ==, kind == PROCESSES ? -EINVAL : 0);
        CHECK_INT(thrum__load_relaxed(&destroyed), ==, kind == PROCESSES);
        thrum_executor_shutdown(executor);
    }
}

/* -------------------------------------------------------------------------------------- mistakes */

static void shut_down_twice(void)
{
    thrum_executor_shutdown(executor);
    thrum_executor_shutdown(executor);
}

static void submit_after_shutdown(void)
{
    thrum_executor_shutdown(executor);
    thrum_future_free(thrum_submit(executor, square, thrum_value(int64_t, 1)));
}

static void submit_to_nothing(void)
{
    thrum_future_free(thrum_submit(NULL, square, thrum_value(int64_t, 1)));
}

static void check_stops(enum kind kind, void (*mistake)(void), const char *says)
{
    int ends[2], status;
    char text[512] = "";
    CHECK_INT(pipe(ends), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_INT(dup2(ends[1], STDERR_FILENO), ==, STDERR_FILENO);
        make(kind);
        mistake();
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t used = 0, got; used < (ssize_t)sizeof text - 1; used += got)
        if ((got = read(ends[0], text + used, sizeof text - 1 - (size_t)used)) <= 0)
            break;
    close(ends[0]);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    fprintf(stderr, "%s", text);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(strstr(text, says));
}

TEST(a_use_after_shutdown_stops_the_program)
{
    EACH_KIND(kind)
    {
        if (!SANITIZED) { /* a sanitizer sees it by itself */
            check_stops(kind, shut_down_twice, "after its shutdown");
            check_stops(kind, submit_after_shutdown, "after its shutdown");
        }
        check_stops(kind, submit_to_nothing, "an executor that is NULL was used");
    }
    thrum_executor_shutdown(NULL);
}
