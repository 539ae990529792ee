#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static thrum_event go;
static uint32_t idents[8];
static uint32_t ran;
static uint32_t worker;

static int who(thrum_task *self)
{
    char name[32];
    tell_ident(&worker);
    snprintf(name, sizeof name, "%s", thrum_thread_current_name());
    return thrum_return(self, name, sizeof name);
}

static void expect_name(thrum_executor *executor, const char *expected)
{
    char name[32];
    thrum_future *future = thrum_submit(executor, who, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(future, name, sizeof name, THRUM_FOREVER), ==, 0);
    CHECK_STR(name, expected);
    thrum_future_free(future);
}

TEST(inline_runs_in_the_caller)
{
    thrum_executor *direct = thrum_inline_new();
    expect_name(direct, "MainThread");
    thrum_executor_shutdown(direct);
    thrum_executor_shutdown(NULL);
}

TEST(workers_start_as_work_arrives_and_are_used_again)
{
    thrum_executor *pool = thrum_thread_pool_new(
        &(thrum_thread_pool_options){.max_workers = 3, .name_prefix = "crew"});
    for (int i = 0; i < 5; i++) {
        expect_name(pool, "crew-0");
        /* done is told before the worker counts itself idle; wait until it sleeps */
        UNTIL(waits_for(&worker, "pool"));
    }
    thrum_executor_shutdown(pool);
    pool = thrum_thread_pool_new(NULL);
    expect_name(pool, "pool-0");
    thrum_executor_shutdown(pool);
}

static int wait_for_go(thrum_task *self)
{
    tell_ident(&idents[thrum_arg(self, int)]);
    return thrum_event_wait(&go, THRUM_FOREVER);
}

TEST(as_many_run_at_once_as_there_are_workers)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 3});
    thrum_future *futures[5];
    for (int i = 0; i < 5; i++)
        futures[i] = thrum_submit(pool, wait_for_go, thrum_value(int, i));
    for (int i = 0; i < 3; i++)
        UNTIL(waits_for(&idents[i], "event"));
    CHECK(!thrum_future_running(futures[3]) && !thrum_future_running(futures[4]));
    thrum_event_set(&go);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
}

static int note_order(thrum_task *self)
{
    uint32_t turn = thrum__add_relaxed(&ran, 1);
    return thrum_return(self, thrum_value(uint32_t, turn));
}

TEST(tasks_start_in_the_order_of_submission)
{
    enum { COUNT = 300 };
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *futures[COUNT];
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(pool, note_order, THRUM_NOTHING);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t turn;
        CHECK_INT(thrum_future_result(futures[i], &turn, sizeof turn, THRUM_FOREVER), ==, 0);
        CHECK_INT(turn, ==, i);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
}

static int submit_more(thrum_task *self)
{
    thrum_executor *pool = thrum_arg(self, thrum_executor *);
    thrum_future_free(thrum_submit(pool, note_order, THRUM_NOTHING));
    return 0;
}

TEST(a_task_may_submit)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    for (int i = 0; i < 50; i++) {
        thrum_future *future = thrum_submit(pool, submit_more, thrum_value(thrum_executor *, pool));
        CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 50);
}

static int submit_late(thrum_task *self)
{
    thrum_executor *pool = thrum_arg(self, thrum_executor *);
    CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
    for (;;) { /* until the shutdown has begun */
        thrum_future *future = thrum_submit(pool, note_order, THRUM_NOTHING);
        int rc = thrum_future_wait(future, THRUM_NOW);
        const thrum_error *error = thrum_future_error(future);
        if (rc == 0 && error) {
            CHECK_INT(error->code, ==, -EPIPE);
            CHECK_STR(error->message, "submitted to an executor that is being shut down");
            thrum_future_free(future);
            return 0;
        }
        thrum_future_free(future);
        thrum_yield();
    }
}

static int open_gate(thrum_task *self)
{
    (void)self;
    thrum_event_set(&go);
    return 0;
}

TEST(submitting_during_shutdown_is_refused)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    thrum_future *late = thrum_submit(pool, submit_late, thrum_value(thrum_executor *, pool));
    thrum_future_free(thrum_submit(pool, open_gate, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    CHECK_INT(thrum_future_result(late, NULL, 0, THRUM_NOW), ==, 0);
    thrum_future_free(late);
}

static int shut_own_pool(thrum_task *self)
{
    thrum_executor_shutdown(thrum_arg(self, thrum_executor *));
    return 0;
}

TEST_STOPS(shutting_down_ones_own_pool_stops, "thread pool \"pool\" shut down by its own worker")
{
    thrum_executor *pool = thrum_thread_pool_new(NULL);
    thrum_future *future = thrum_submit(pool, shut_own_pool, thrum_value(thrum_executor *, pool));
    (void)!thrum_future_wait(future, THRUM_FOREVER); /* stops the program */
}

TEST_STOPS(a_negative_number_of_workers_stops, "cannot have -2 workers")
{
    thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = -2});
}

TEST(without_any_thread_a_task_fails_and_with_one_the_pool_runs)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 3});
    thrum__fault_arm(THRUM__FAULT_THREAD_START, 1, 1);
    thrum_future *future = thrum_submit(pool, who, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_NOW), thrum_future_error(future),
                  -EAGAIN);
    CHECK_STR(thrum_future_error(future)->message,
              "the system refuses the executor's first thread");
    thrum_future_free(future);
    thrum__fault_arm_all(THRUM__FAULT_THREAD_START, 2,
                         100); /* the second worker and all after it */
    thrum_future *futures[4];
    for (int i = 0; i < 4; i++)
        futures[i] = thrum_submit(pool, note_order, THRUM_NOTHING);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
}

TEST(the_cpu_count_is_sane)
{
    CHECK_INT(thrum_cpu_count(), >=, 1);
    CHECK_INT(thrum_cpu_count(), <=, sysconf(_SC_NPROCESSORS_CONF));
}

static int write_late(thrum_task *self)
{
    int fd = thrum_arg(self, int);
    thrum_sleep(thrum_in(0.02)); /* the main thread is in exit by then */
    return write(fd, "x", 1) == 1 ? 0 : -EIO;
}

TEST(the_end_of_the_program_finishes_what_was_submitted)
{
    int ends[2], status;
    char bytes[8];
    CHECK_INT(pipe(ends), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        thrum_executor *pool =
            thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
        for (int i = 0; i < 5; i++)
            thrum_future_free(thrum_submit(pool, write_late, thrum_value(int, ends[1])));
        exit(0);
    }
    close(ends[1]);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_INT(read(ends[0], bytes, sizeof bytes), ==, 5);
}

TEST_DEADLINE(pools_come_and_go, 60)
{
    for (int i = 0; i < 300; i++) {
        thrum_executor *pool =
            thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
        for (int k = 0; k < i % 4; k++)
            thrum_future_free(thrum_submit(pool, note_order, THRUM_NOTHING));
        thrum_executor_shutdown(pool);
    }
    CHECK_INT(ran, ==, 75 * 6);
}

static thrum_event asked;
static uint32_t finished;

static int finish_when_asked(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&asked, THRUM_FOREVER);
    thrum__store_release(&finished, 1);
    return rc;
}

static int shut_down_cancelled(thrum_task *self)
{
    uint32_t *ident = thrum_arg(self, uint32_t *);
    thrum_executor *inner = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future_free(thrum_submit(inner, finish_when_asked, THRUM_NOTHING));
    UNTIL(thrum_cancelled(self));
    tell_ident(ident);
    thrum_executor_shutdown(inner);
    return thrum__load_acquire(&finished) ? 0 : -ERANGE;
}

TEST(a_cancelled_task_waits_in_shutdown)
{
    uint32_t own = 0;
    thrum_thread *thread = thrum_thread_start(shut_down_cancelled, thrum_value(uint32_t *, &own));
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    UNTIL(thrum__load_acquire(&own));
    thrum_event_set(&asked);
    JOIN(thread, 0);
}
