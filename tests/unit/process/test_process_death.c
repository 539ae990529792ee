/* What becomes of tasks when worker processes die, are killed, stopped, or cannot begin. */
#include "harness.h"
#include "support.h"
#include "support_gate.h"
#include "support_process.h"

#include "process/task_slots.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static int die(thrum_task *self)
{
    int how = thrum_arg(self, int);
    if (how < 0)
        _exit(-how);
    signal(how, SIG_DFL);
    raise(how);
    return 0;
}

static void check_death(thrum_executor *pool, int how, const char *says)
{
    thrum_future *future = thrum_submit(pool, die, thrum_value(int, how));
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ECHILD);
    const char *message = thrum_future_error(future)->message;
    if (!strstr(message, says) || !strstr(message, "worker \"process-") ||
        !strstr(message, " while it ran "))
        CHECK_STR(message, says);
    thrum_future_free(future);
}

TEST(a_task_whose_worker_dies_says_how)
{
    thrum_executor *pool = process_pool(.max_workers = 2);
    check_death(pool, SIGKILL, "was killed by signal 9 (Killed)");
    check_death(pool, SIGSEGV, "was killed by signal 11 (Segmentation fault)");
    check_death(pool, SIGTERM, "was killed by signal 15 (Terminated)");
    check_death(pool, -3, "exited with status 3");
    for (int i = 0; i < 10; i++)
        check_death(pool, SIGKILL, "killed"); /* one after another: no reason to give up */
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, 0);
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

TEST(no_other_task_is_touched)
{
    enum { COUNT = 200 };
    thrum_executor *pool = process_pool(.max_workers = 3);
    thrum_future *futures[COUNT];
    for (int i = 0; i < COUNT; i++)
        futures[i] = i % 20 == 7 ? thrum_submit(pool, die, thrum_value(int, SIGKILL))
                                 : thrum_submit(pool, nothing, THRUM_NOTHING);
    for (int i = 0; i < COUNT; i++) {
        CHECK_OUTCOME(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER),
                      thrum_future_error(futures[i]), i % 20 == 7 ? -ECHILD : 0);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

/* Dies until a file is there that it made itself. */
static int die_once(thrum_task *self)
{
    const char *path = thrum_task_arg(self, 64);
    int made = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (made >= 0)
        raise(SIGKILL);
    return 0;
}

TEST(a_task_may_be_tried_again)
{
    char path[64] = "/tmp/thrum-death-XXXXXX";
    int file = mkstemp(path);
    CHECK(file >= 0);
    thrum_executor *pool = process_pool(.max_workers = 1, .retries = 1);
    unlink(path);
    CHECK_INT(result_of(thrum_submit(pool, die_once, path, sizeof path), NULL, 0), ==, 0);
    unlink(path);
    check_death(pool, SIGKILL, "killed");
    thrum_executor_shutdown(pool);
    close(file);
}

static int32_t only_worker(thrum_executor *pool)
{
    int32_t pid = 0;
    CHECK_INT(thrum_process_pool_pids(pool, &pid, 1), ==, 1);
    return pid;
}

TEST(an_idle_worker_that_dies_is_replaced)
{
    thrum_executor *pool = process_pool(.max_workers = 1);
    for (int i = 0; i < 8; i++) {
        CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, 0);
        kill(only_worker(pool), SIGKILL);
        if (i % 2)
            UNTIL(thrum_process_pool_pids(pool, NULL, 0) == 0);
    }
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

TEST(a_pool_whose_workers_cannot_begin_is_broken)
{
    thrum_executor *pool = process_pool(.max_workers = 2, .memory_limit = 4096);
    thrum_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = thrum_submit(pool, nothing, THRUM_NOTHING);
    for (int i = 0; i < 3; i++) {
        CHECK_OUTCOME(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER),
                      thrum_future_error(futures[i]), -ECHILD);
        CHECK(strstr(thrum_future_error(futures[i])->message, "the pool is broken: "));
        thrum_future_free(futures[i]);
    }
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, -ECHILD);
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

static int prepared;

static int prepare(thrum_task *self)
{
    prepared = thrum_arg(self, int);
    return prepared < 0 ? thrum_fail(self, prepared, "cannot prepare") : 0;
}

static int what_is_prepared(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, prepared));
}

TEST(an_initializer_runs_first)
{
    int seven = 7, found = 0;
    thrum_executor *pool =
        process_pool(.max_workers = 1, .max_tasks_per_worker = 1, .initializer = prepare,
                     .initializer_arg = &seven, .initializer_arg_size = sizeof seven);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(
            result_of(thrum_submit(pool, what_is_prepared, THRUM_NOTHING), &found, sizeof found),
            ==, 0);
        CHECK_INT(found, ==, 7);
    }
    thrum_executor_shutdown(pool);
}

static void check_broken_by(thrum_task_fn *initializer, int arg, int code, const char *says)
{
    thrum_executor *pool =
        process_pool(.max_workers = 2, .initializer = initializer, .initializer_arg = &arg,
                     .initializer_arg_size = sizeof arg);
    thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  code);
    CHECK(strstr(thrum_future_error(future)->message, says));
    thrum_future_free(future);
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, code);
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

TEST(an_initializer_that_fails_breaks_the_pool)
{
    check_broken_by(prepare, -ERANGE, -ERANGE,
                    "the pool is broken: the initializer failed: cannot prepare");
    check_broken_by(die, SIGKILL, -ECHILD, "the pool is broken: in its initializer");
}

static int pid_of_worker(thrum_task *self)
{
    return thrum_return(self, thrum_value(int32_t, getpid()));
}

TEST(a_worker_serves_no_more_tasks_than_it_may)
{
    enum { COUNT = 10, EACH = 2 };
    int32_t pids[COUNT];
    thrum_executor *pool = process_pool(.max_workers = 1, .max_tasks_per_worker = EACH);
    thrum_future *futures[COUNT];
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(pool, pid_of_worker, THRUM_NOTHING);
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(result_of(futures[i], &pids[i], sizeof pids[i]), ==, 0);
    for (int i = 0; i + EACH < COUNT; i++) {
        CHECK((pids[i] == pids[i + 1]) == (i % EACH == 0));
        CHECK(pids[i] != pids[i + EACH]);
    }
    thrum_executor_shutdown(pool);
}

/* ----------------------------------------------------------------------------- cancel, deadlines */

static int sleep_on(thrum_task *self)
{
    int said = thrum_arg(self, int);
    if (said >= 0 && write(said, "x", 1) != 1)
        return -EIO;
    return thrum_sleep(THRUM_FOREVER);
}

TEST(a_task_ahead_of_its_time_is_cancelled_before_it_runs)
{
    thrum_executor *pool =
        process_pool(.max_workers = 1, .descriptors = gate_descriptors(), .descriptor_count = 2);
    thrum_future *held = submit_gate(pool), *ahead = submit_gate(pool);
    until_said();
    int rc = thrum_future_cancel(ahead);
    CHECK(rc == 0 || rc == -EINPROGRESS); /* pending, or in the slots */
    CHECK_OUTCOME(thrum_future_result(ahead, NULL, 0, THRUM_FOREVER), thrum_future_error(ahead),
                  -ECANCELED);
    CHECK(thrum_future_cancelled(ahead));
    let_go(1);
    CHECK_INT(result_of(held, NULL, 0), ==, 0);
    thrum_future_free(ahead);
    thrum_executor_shutdown(pool);
}

/* The worker is stopped, and cannot go by the slots of what was taken back. */
TEST(task_slots_full_of_what_was_taken_back_is_used_again)
{
    thrum_executor *pool = process_pool(.max_workers = 1);
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, 0);
    int32_t pid = only_worker(pool);
    kill(pid, SIGSTOP);
    for (int i = 0; i < THRUM__TASK_SLOTS; i++) {
        thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
        CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
        CHECK_INT(result_of(future, NULL, 0), ==, -ECANCELED);
    }
    thrum_future *later = thrum_submit(pool, nothing, THRUM_NOTHING);
    CHECK(!thrum_future_running(later));
    kill(pid, SIGCONT);
    CHECK_INT(result_of(later, NULL, 0), ==, 0);
    thrum_executor_shutdown(pool);
}

struct wait {
    thrum_future *future;
    uint32_t ident;
};

static int wait_for_it(thrum_task *self)
{
    struct wait *wait = thrum_arg(self, struct wait *);
    tell_ident(&wait->ident);
    return thrum_future_wait(wait->future, THRUM_FOREVER);
}

/* It is behind the first of two that go on when the worker of the second becomes idle, of which only the thread
 * knows that waited for that. */
TEST(a_task_ahead_of_its_time_goes_to_a_worker_that_becomes_idle)
{
    thrum_executor *pool =
        process_pool(.max_workers = 2, .descriptors = gate_descriptors(), .descriptor_count = 2);
    thrum_future *first = thrum_submit(pool, sleep_on, thrum_value(int, pipes.said[1]));
    until_said();
    struct wait second = {.future = submit_gate(pool)};
    until_said();
    thrum_future *ahead = thrum_submit(pool, nothing, THRUM_NOTHING);
    thrum_thread *thread = thrum_thread_start(wait_for_it, thrum_value(struct wait *, &second));
    UNTIL(waits_for(&second.ident, "future"));
    let_go(1);
    JOIN(thread, 0);
    CHECK_INT(result_of(ahead, NULL, 0), ==, 0);
    CHECK_INT(thrum_future_cancel(first), ==, -EINPROGRESS);
    CHECK_INT(result_of(first, NULL, 0), ==, -ECANCELED);
    CHECK_INT(result_of(second.future, NULL, 0), ==, 0);
    thrum_executor_shutdown(pool);
}

/* The requests come at all stages of the reaper's rounds. */
TEST(each_of_many_requests_to_stop_arrives)
{
    thrum_executor *pool = process_pool(.max_workers = 2);
    for (int i = 0; i < 300; i++) {
        thrum_future *future = thrum_submit(pool, sleep_on, thrum_value(int, -1));
        thrum_future *other = thrum_submit(pool, nothing, THRUM_NOTHING);
        if (i % 3 == 0)
            CHECK_INT(thrum_future_wait(other, THRUM_FOREVER), ==, 0);
        (void)thrum_future_cancel(future);
        CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                      thrum_future_error(future), -ECANCELED);
        CHECK_INT(result_of(other, NULL, 0), ==, 0);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(pool);
}

TEST(a_running_task_is_asked_to_stop)
{
    thrum_executor *pool =
        process_pool(.max_workers = 1, .descriptors = gate_descriptors(), .descriptor_count = 2);
    for (int i = 0; i < 5; i++) {
        thrum_future *future = thrum_submit(pool, sleep_on, thrum_value(int, pipes.said[1]));
        until_said();
        CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
        CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                      thrum_future_error(future), -ECANCELED);
        CHECK(!thrum_future_cancelled(future));
        thrum_future_free(future);
        CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, 0);
    }
    thrum_executor_shutdown(pool);
}

TEST(a_cancel_kills_where_it_is_to)
{
    thrum_executor *pool = process_pool(.max_workers = 1, .kill_on_cancel = true,
                                        .descriptors = gate_descriptors(), .descriptor_count = 2);
    thrum_future *future = thrum_submit(pool, loop_on, thrum_value(int, pipes.said[1]));
    thrum_future *other = thrum_submit(pool, nothing, THRUM_NOTHING);
    until_said();
    CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ECANCELED);
    CHECK(strstr(thrum_future_error(future)->message, "was cancelled"));
    thrum_future_free(future);
    CHECK_INT(result_of(other, NULL, 0), ==, 0);
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

static thrum_future *submit_until(thrum_executor *pool, thrum_task_fn *function, double seconds)
{
    return thrum_submit_with(pool, &(thrum_submit_options){.deadline = thrum_in(seconds)}, function,
                             thrum_value(int, -1));
}

static int timeout_of(thrum_future *future, const char *says)
{
    int rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(future));
    if (!strstr(thrum_future_error(future)->message, says))
        CHECK_STR(thrum_future_error(future)->message, says);
    thrum_future_free(future);
    return rc;
}

TEST(a_deadline_ends_a_wait_and_leaves_the_worker)
{
    thrum_executor *pool = process_pool(.max_workers = 1, .grace = 100);
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, 0);
    int32_t pid = only_worker(pool);
    CHECK_INT(timeout_of(submit_until(pool, sleep_on, 0.02), "deadline passed while it ran"), ==,
              -ETIMEDOUT);
    CHECK_INT(only_worker(pool), ==, pid);
    thrum_executor_shutdown(pool);
}

TEST(a_task_that_goes_on_after_its_deadline_is_killed)
{
    thrum_executor *pool = process_pool(.max_workers = 1, .grace = 0.02);
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, 0);
    thrum_future *late = submit_until(pool, loop_on, 0.3); /* the worker is there */
    thrum_future *other = thrum_submit(pool, nothing, THRUM_NOTHING);
    CHECK_INT(timeout_of(late, "went on after its deadline"), ==, -ETIMEDOUT);
    CHECK_INT(result_of(other, NULL, 0), ==, 0);
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

TEST(a_stopped_worker_does_not_outlast_deadlines)
{
    thrum_executor *pool = process_pool(.max_workers = 1, .grace = 0.02,
                                        .descriptors = gate_descriptors(), .descriptor_count = 2);
    thrum_future *held = thrum_submit_with(pool, &(thrum_submit_options){.deadline = thrum_in(0.2)},
                                           sleep_on, thrum_value(int, pipes.said[1]));
    thrum_future *ahead = submit_until(pool, nothing, 0.1);
    until_said();
    kill(only_worker(pool), SIGSTOP);
    CHECK_INT(timeout_of(ahead, "before it could begin"), ==, -ETIMEDOUT);
    CHECK_INT(timeout_of(held, "went on after its deadline"), ==, -ETIMEDOUT);
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, 0);
    kill(only_worker(pool), SIGSTOP); /* when it is to leave */
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

TEST(a_shutdown_may_stop_what_runs)
{
    thrum_executor *pool = process_pool(.max_workers = 2, .grace = 0.02,
                                        .descriptors = gate_descriptors(), .descriptor_count = 2);
    thrum_future *sleeps = thrum_submit(pool, sleep_on, thrum_value(int, pipes.said[1]));
    thrum_future *loops = thrum_submit(pool, loop_on, thrum_value(int, pipes.said[1]));
    until_said();
    until_said();
    thrum_future *ahead = thrum_submit(pool, nothing, THRUM_NOTHING);
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_pending = true, .cancel_running = true});
    CHECK_OUTCOME(thrum_future_result(sleeps, NULL, 0, THRUM_NOW), thrum_future_error(sleeps),
                  -ECANCELED);
    CHECK_OUTCOME(thrum_future_result(loops, NULL, 0, THRUM_NOW), thrum_future_error(loops),
                  -ECANCELED);
    CHECK_OUTCOME(thrum_future_result(ahead, NULL, 0, THRUM_NOW), thrum_future_error(ahead),
                  -ECANCELED);
    CHECK(thrum_future_cancelled(ahead));
    thrum_future_free(sleeps);
    thrum_future_free(loops);
    thrum_future_free(ahead);
    CHECK_INT(live_children(), ==, 0);
}

/* ---------------------------------------------------------------------------------- surroundings */

TEST(sigchld_may_be_ignored)
{
    signal(SIGCHLD, SIG_IGN);
    thrum_executor *pool = process_pool(.max_workers = 1);
    check_death(pool, SIGKILL, "its status is lost");
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, 0);
    thrum_executor_shutdown(pool);
    UNTIL(live_children() == 0); /* the system reaps them, and its moment is its own */
}

TEST(a_forked_worker_has_what_its_parent_had)
{
    if (SANITIZED)
        return;
    int found = 0;
    prepared = 5;
    thrum_executor *pool = process_pool(.max_workers = 2, .start = THRUM_START_FORK);
    CHECK_INT(result_of(thrum_submit(pool, what_is_prepared, THRUM_NOTHING), &found, sizeof found),
              ==, 0);
    CHECK_INT(found, ==, 5);
    check_death(pool, SIGKILL, "was killed by signal 9");
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

TEST(a_full_pool_refuses_or_waits)
{
    thrum_executor *pool =
        process_pool(.max_workers = 1, .max_pending = 1, .when_full = THRUM_WHEN_FULL_REFUSE,
                     .descriptors = gate_descriptors(), .descriptor_count = 2);
    thrum_future *futures[100];
    int count = 0, refused = 0;
    futures[count++] = submit_gate(pool);
    until_said();
    while (!refused) {
        futures[count] = submit_gate(pool);
        refused = thrum_future_done(futures[count]);
        count++;
        CHECK_INT(count, <, 100);
    }
    count--;
    CHECK_OUTCOME(thrum_future_result(futures[count], NULL, 0, THRUM_NOW),
                  thrum_future_error(futures[count]), -EAGAIN);
    thrum_future_free(futures[count]);
    let_go(count);
    for (int i = 0; i < count; i++)
        CHECK_INT(result_of(futures[i], NULL, 0), ==, 0);
    thrum_executor_shutdown(pool);
    pool = process_pool(.max_workers = 2, .max_pending = 1);
    for (int i = 0; i < 500; i++)
        thrum_future_free(thrum_submit(pool, nothing, THRUM_NOTHING));
    thrum_executor_stats stats;
    thrum_executor_stats_get(pool, &stats);
    CHECK_INT(stats.failed, ==, 0);
    thrum_executor_shutdown(pool);
}
