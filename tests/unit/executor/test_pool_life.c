/* The life of a pool: shutdowns that meet tasks, submitters and the end of the program; misuse. */
#include "base/memory.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static thrum_executor *pool;

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static int fork_and_join(thrum_task *self)
{
    uint32_t *rounds = thrum_arg(self, uint32_t *);
    for (int rc = 0; rc == 0;) {
        thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
        rc = thrum_future_result(future, NULL, 0, THRUM_FOREVER);
        CHECK(rc == 0 || rc == -EPIPE);
        thrum_future_free(future);
        thrum__add_relaxed(rounds, 1);
    }
    return 0;
}

TEST_DEADLINE(tasks_fork_and_join_while_the_pool_is_shut_down, 60)
{
    enum { ROUNDS = 200 };
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t rounds = 0;
        pool = thrum_thread_pool_new(&(thrum_pool_options){.max_workers = 2});
        for (int k = 0; k < 2; k++)
            thrum_future_free(thrum_submit(pool, fork_and_join, thrum_value(uint32_t *, &rounds)));
        UNTIL(thrum__load_relaxed(&rounds) > 10);
        thrum_executor_shutdown(pool);
    }
}

/* ------------------------------------------------------------------------------ the end of the program */

static int write_one(thrum_task *self)
{
    int fd = thrum_arg(self, int);
    thrum_sleep(thrum_in(0.02)); /* the main thread is in exit by then */
    return write(fd, "x", 1) == 1 ? 0 : -EIO;
}

/* How many of five tasks an abandoned pool finishes when `main` returns at once. */
static int finished_after_exit(thrum_executor *(*make)(void))
{
    int ends[2], status;
    char bytes[8];
    CHECK_INT(pipe(ends), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        thrum_executor *abandoned = make();
        for (int i = 0; i < 5; i++)
            thrum_future_free(thrum_submit(abandoned, write_one, thrum_value(int, ends[1])));
        thrum_executor_shutdown_with(abandoned, &(thrum_shutdown_options){.no_wait = true});
        exit(0);
    }
    close(ends[1]);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    int count = (int)read(ends[0], bytes, sizeof bytes);
    close(ends[0]);
    return count;
}

static thrum_executor *make_threads(void)
{
    return thrum_thread_pool_new(&(thrum_pool_options){.max_workers = 1});
}

static thrum_executor *make_fibers(void)
{
    return thrum_fiber_pool_new(&(thrum_fiber_options){.workers = 1});
}

TEST(an_abandoned_thread_pool_is_finished_at_exit)
{
    CHECK_INT(finished_after_exit(make_threads), ==, 5);
}

TEST(an_abandoned_fiber_pool_is_finished_at_exit)
{
    CHECK_INT(finished_after_exit(make_fibers), ==, 5);
}

/* In a worker process. */
static int write_two(thrum_task *self)
{
    return write(thrum_arg(self, int), "xx", 2) == 2 ? 0 : -EIO;
}

TEST(an_abandoned_process_pool_is_finished_at_exit)
{
    int ends[2], status;
    char bytes[16];
    CHECK_INT(pipe(ends), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        thrum_executor *abandoned = thrum_process_pool_new(&(thrum_process_pool_options){
            .max_workers = 1, .descriptors = &ends[1], .descriptor_count = 1});
        for (int i = 0; i < 5; i++)
            thrum_future_free(thrum_submit(abandoned, write_two, thrum_value(int, ends[1])));
        thrum_executor_shutdown_with(abandoned, &(thrum_shutdown_options){.no_wait = true});
        exit(0);
    }
    close(ends[1]);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    int total = 0;
    for (ssize_t got; (got = read(ends[0], bytes, sizeof bytes)) > 0;)
        total += (int)got;
    CHECK_INT(total, ==, 10);
}

/* --------------------------------------------------------------------------------------- misuse */

TEST_STOPS(submitting_to_null_stops, "an executor that is NULL was used by thread \"MainThread\"")
{
    thrum_future_free(thrum_submit(NULL, nothing, THRUM_NOTHING));
}

/* Where memory is plain a sanitizer tells of a use of dead memory; this test would not come to it. */
static void stop_as_expected_where_memory_is_plain(const char *text)
{
    if (THRUM__MEMORY_PLAIN) {
        fprintf(stderr, "%s\n", text);
        abort();
    }
}

TEST_STOPS(submitting_after_the_shutdown_stops, "after its shutdown")
{
    stop_as_expected_where_memory_is_plain("after its shutdown");
    pool = make_threads();
    thrum_executor_shutdown(pool);
    thrum_future_free(thrum_submit(pool, nothing, THRUM_NOTHING));
}

TEST_STOPS(a_second_shutdown_stops, "after its shutdown")
{
    stop_as_expected_where_memory_is_plain("after its shutdown");
    pool = make_fibers();
    thrum_executor_shutdown(pool);
    thrum_executor_shutdown(pool);
}

static int wait_for_ever(thrum_task *self)
{
    static thrum_event never;
    (void)self;
    return thrum_event_wait(&never, THRUM_FOREVER);
}

TEST_STOPS(a_second_shutdown_of_an_abandoned_pool_stops, "shut down a second time")
{
    pool = make_threads();
    thrum_future_free(thrum_submit(pool, wait_for_ever, THRUM_NOTHING));
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    thrum_executor_shutdown(pool);
}

static int shut_down_from_inside(thrum_task *self)
{
    (void)self;
    thrum_executor_shutdown(pool);
    return 0;
}

static int run_inline(thrum_task *self)
{
    (void)self;
    thrum_executor *direct = thrum_inline_new();
    thrum_future_free(thrum_submit(direct, shut_down_from_inside, THRUM_NOTHING));
    return 0;
}

TEST_STOPS(a_shutdown_by_a_task_inside_of_a_task_stops, "which would wait for itself")
{
    pool = make_threads();
    thrum_future *future = thrum_submit(pool, run_inline, THRUM_NOTHING);
    thrum_future_wait(future, THRUM_FOREVER);
}

static thrum_event entered;

static int enter_and_wait(thrum_task *self)
{
    thrum_event_set(&entered);
    return wait_for_ever(self);
}

/* A task that runs in its submitter belongs to the pool as well. */
TEST_STOPS(a_shutdown_by_a_task_in_its_submitter_stops, "which would wait for itself")
{
    pool = thrum_thread_pool_new(&(thrum_pool_options){
        .max_workers = 1, .max_pending = 1, .when_full = THRUM_WHEN_FULL_RUN});
    thrum_future_free(thrum_submit(pool, enter_and_wait, THRUM_NOTHING));
    thrum_event_wait(&entered, THRUM_FOREVER);
    thrum_future_free(thrum_submit(pool, nothing, THRUM_NOTHING)); /* fills the backlog */
    thrum_future_free(thrum_submit(pool, shut_down_from_inside, THRUM_NOTHING));
}

/* ------------------------------------------------------------------------------------------ fork */

static int square(thrum_task *self)
{
    int n = thrum_arg(self, int);
    return thrum_return(self, thrum_value(int, n *n));
}

/* The child of a worker is no worker: it makes a pool of its own and waits for it. When the task returns in
 * the child, the child ends. */
static int fork_in_a_task(thrum_task *self)
{
    int status = 0, result = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        thrum_executor *own = thrum_thread_pool_new(&(thrum_pool_options){.max_workers = 1});
        thrum_future *future = thrum_submit(own, square, thrum_value(int, 6));
        CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
        CHECK_INT(result, ==, 36);
        thrum_future_free(future);
        thrum_executor_shutdown(own);
        return 0;
    }
    (void)self;
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}

static int submit_without_end(thrum_task *self)
{
    while (!thrum_cancelled(self))
        thrum_future_free(thrum_submit(pool, nothing, THRUM_NOTHING));
    return 0;
}

TEST_DEADLINE(a_task_may_fork_and_the_child_uses_a_pool_of_its_own, 60)
{
    enum { FORKS = 30 };
    if (THRUM__MEMORY_PLAIN) /* a sanitizer cannot start threads in such a child */
        return;
    pool = thrum_thread_pool_new(&(thrum_pool_options){.max_workers = 3});
    thrum_thread *busy = thrum_thread_start(submit_without_end, THRUM_NOTHING);
    for (int i = 0; i < FORKS; i++) {
        thrum_future *future = thrum_submit(pool, fork_in_a_task, THRUM_NOTHING);
        CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
    }
    CHECK_INT(thrum_thread_cancel(busy), ==, 0);
    JOIN(busy, 0);
    thrum_executor_shutdown(pool);
}
