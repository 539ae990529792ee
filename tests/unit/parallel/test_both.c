/* thrum_both: two halves, whoever runs them. */
#include "base/memory.h"
#include "support_parallel.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIB = SANITIZED ? 12 : 17 };

struct fib {
    long n, result;
};

static int fib(void *arg)
{
    struct fib *f = arg;
    f->result = f->n;
    if (f->n < 2)
        return 0;
    struct fib x = {f->n - 1, 0}, y = {f->n - 2, 0};
    int rc = thrum_both(pool, fib, &x, fib, &y);
    f->result = x.result + y.result;
    return rc;
}

static long fib_alone(long n)
{
    return n < 2 ? n : fib_alone(n - 1) + fib_alone(n - 2);
}

static void compute_fib(void)
{
    struct fib f = {FIB, 0};
    CHECK_INT(fib(&f), ==, 0);
    CHECK_INT(f.result, ==, fib_alone(FIB));
}

TEST_DEADLINE(a_recursion_of_halves_gives_its_result_on_each_executor, 60)
{
    on_each_executor(compute_fib);
}

/* ------------------------------------------------------------------------------------ waiting */

struct meeting {
    thrum_event event;
    uint32_t met;
};

static int wait_for_event(void *arg)
{
    struct meeting *meeting = arg;
    int rc = thrum_event_wait(&meeting->event, THRUM_FOREVER);
    thrum__add_relaxed(&meeting->met, 1);
    return rc;
}

static int set_event(void *arg)
{
    struct meeting *meeting = arg;
    thrum_event_set(&meeting->event);
    return 0;
}

static void meet_sibling(void)
{
    struct meeting meeting = {0};
    CHECK_INT(thrum_both(pool, wait_for_event, &meeting, set_event, &meeting), ==, 0);
    CHECK_INT(meeting.met, ==, 1);
}

TEST_DEADLINE(a_half_that_waits_for_its_sibling_meets_it_on_each_pool, 60)
{
    on_each_pool(meet_sibling);
}

static int both_wait(void *arg)
{
    return thrum_both(pool, wait_for_event, arg, wait_for_event, arg);
}

static int both_wait_deeper(void *arg)
{
    return thrum_both(pool, both_wait, arg, both_wait, arg);
}

static void meet_outer_sibling(void)
{
    struct meeting meeting = {0};
    CHECK_INT(thrum_both(pool, both_wait_deeper, &meeting, set_event, &meeting), ==, 0);
    CHECK_INT(meeting.met, ==, 4);
}

TEST_DEADLINE(halves_that_wait_for_an_outer_half_meet_it_on_each_pool, 60)
{
    on_each_pool(meet_outer_sibling);
}

/* Each of the two is held by a half while it waits for the other's step. */
struct dialogue {
    thrum_event question, answer;
};

static int ask(void *arg)
{
    struct dialogue *dialogue = arg;
    thrum_event_set(&dialogue->question);
    return thrum_event_wait(&dialogue->answer, THRUM_FOREVER);
}

static int reply(void *arg)
{
    struct dialogue *dialogue = arg;
    int rc = thrum_event_wait(&dialogue->question, THRUM_FOREVER);
    thrum_event_set(&dialogue->answer);
    return rc;
}

static void talk(void)
{
    struct dialogue one = {0}, two = {0};
    CHECK_INT(thrum_both(pool, ask, &one, reply, &one), ==, 0);
    CHECK_INT(thrum_both(pool, reply, &two, ask, &two), ==, 0);
}

TEST_DEADLINE(halves_wait_for_each_other_in_turn_on_each_pool, 60)
{
    on_each_pool(talk);
}

static int wait_for_a_task(void *arg)
{
    struct meeting *meeting = arg;
    thrum_future *future = thrum_submit(pool, call_body, thrum_value(void (*)(void), meet_sibling));
    int rc = thrum_future_wait(future, THRUM_FOREVER);
    thrum_future_free(future);
    thrum_event_set(&meeting->event);
    return rc;
}

static void wait_for_a_task_in_a_half(void)
{
    struct meeting meeting = {0};
    CHECK_INT(thrum_both(pool, wait_for_event, &meeting, wait_for_a_task, &meeting), ==, 0);
}

TEST_DEADLINE(a_half_waits_for_a_task_of_the_same_pool, 60)
{
    on_each_pool(wait_for_a_task_in_a_half);
}

/* ------------------------------------------------------------------------------------- errors */

static uint32_t ran;

static int fail_hard(void *arg)
{
    (void)arg;
    return -EIO;
}

static int fail_softly(void *arg)
{
    (void)arg;
    return -ENOENT;
}

static int succeed(void *arg)
{
    (void)arg;
    thrum__add_relaxed(&ran, 1);
    return 0;
}

static void fail_in_each_half(void)
{
    CHECK_INT(thrum_both(pool, fail_hard, NULL, succeed, NULL), ==, -EIO);
    CHECK_INT(thrum_both(pool, succeed, NULL, fail_softly, NULL), ==, -ENOENT);
    CHECK_INT(thrum_both(pool, fail_hard, NULL, fail_softly, NULL), ==, -EIO);
}

TEST(the_error_of_the_first_half_wins)
{
    on_each_executor(fail_in_each_half);
}

TEST(a_half_that_nobody_has_begun_is_left_out_after_a_failure)
{
    pool = thrum_inline_new();
    CHECK_INT(thrum_both(pool, fail_hard, NULL, succeed, NULL), ==, -EIO);
    CHECK_INT(ran, ==, 0);
    thrum_executor_shutdown(pool);
}

/* ------------------------------------------------------------------------------- cancellation */

static uint32_t waiter;
static thrum_event taken;

static int wait_until_cancelled(void *arg)
{
    static thrum_event never;
    (void)arg;
    thrum_event_set(&taken);
    tell_ident(&waiter);
    int rc = thrum_event_wait(&never, THRUM_FOREVER);
    CHECK(thrum_cancelled(NULL));
    return rc;
}

/* Sees to it that the other half is taken by another context. */
static int wait_until_taken(void *arg)
{
    (void)arg;
    thrum_shield_begin();
    CHECK_INT(thrum_event_wait(&taken, THRUM_FOREVER), ==, 0);
    thrum_shield_end();
    return 0;
}

static int fork_until_cancelled(thrum_task *self)
{
    (void)self;
    return thrum_both(pool, wait_until_taken, NULL, wait_until_cancelled, NULL);
}

static void cancel_what_waits_elsewhere(thrum_executor *executor)
{
    pool = executor;
    thrum_event_clear(&taken);
    thrum__store_release(&waiter, 0);
    thrum_future *future = thrum_submit(pool, fork_until_cancelled, THRUM_NOTHING);
    UNTIL(waits_for(&waiter, "event"));
    thrum_future_cancel(future);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ECANCELED);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

TEST(a_cancel_of_a_task_ends_the_wait_of_its_half_on_another_worker)
{
    for (int i = 0; i < WIDTHS; i++) {
        cancel_what_waits_elsewhere(
            thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = widths[i]}));
        cancel_what_waits_elsewhere(
            thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = widths[i]}));
    }
}

TEST(a_deadline_of_a_task_ends_the_wait_of_its_half_on_another_worker)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    const thrum_submit_options options = {.deadline = thrum_in(0.01)};
    thrum_future *future = thrum_submit_with(pool, &options, fork_until_cancelled, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ETIMEDOUT);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

static thrum_event end_shielded;

static int wait_shielded(void *arg)
{
    (void)arg;
    thrum_event_set(&taken);
    tell_ident(&waiter);
    int rc = thrum_event_wait(&end_shielded, THRUM_FOREVER);
    CHECK(thrum_cancelled(NULL)); /* a shield hides nothing */
    return rc;
}

static int fork_shielded(thrum_task *self)
{
    (void)self;
    thrum_shield_begin();
    int rc = thrum_both(pool, wait_until_taken, NULL, wait_shielded, NULL);
    thrum_shield_end();
    return rc;
}

TEST(a_shield_covers_a_half_on_another_worker)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    thrum_future *future = thrum_submit(pool, fork_shielded, THRUM_NOTHING);
    UNTIL(waits_for(&waiter, "event"));
    thrum_future_cancel(future);
    thrum_event_set(&end_shielded);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

/* -------------------------------------------------------------------------------- the executor */

static int talk_after_shutdown(thrum_task *self)
{
    thrum_event_set(thrum_arg(self, thrum_event *));
    UNTIL(thrum_cancelled(self)); /* the pool is closing then */
    thrum_shield_begin();
    talk();
    meet_outer_sibling();
    compute_fib();
    thrum_shield_end();
    return 0;
}

static void shut_down_meanwhile(thrum_executor *executor)
{
    thrum_event entered = {0};
    pool = executor;
    thrum_future_free(
        thrum_submit(pool, talk_after_shutdown, thrum_value(thrum_event *, &entered)));
    CHECK_INT(thrum_event_wait(&entered, THRUM_FOREVER), ==, 0);
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_pending = true, .cancel_running = true});
}

TEST_DEADLINE(a_task_forks_while_its_pool_is_shut_down, 60)
{
    for (int i = 0; i < WIDTHS; i++) {
        shut_down_meanwhile(
            thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = widths[i]}));
        shut_down_meanwhile(
            thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = widths[i]}));
    }
}

static int sleep_for_ever(thrum_task *self)
{
    (void)self;
    return thrum_sleep(THRUM_FOREVER);
}

/* The backlog is full, and whoever submits would wait for room. */
TEST(a_full_backlog_does_not_keep_halves_from_meeting)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2, .max_pending = 1});
    thrum_future *first = thrum_submit(pool, sleep_for_ever, THRUM_NOTHING);
    UNTIL(thrum_future_running(first));
    thrum_future *last = thrum_submit(pool, call_body, thrum_value(void (*)(void), talk));
    CHECK_INT(thrum_future_result(last, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(last);
    last = thrum_submit(pool, call_body, thrum_value(void (*)(void), meet_outer_sibling));
    talk();
    CHECK_INT(thrum_future_result(last, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(last);
    thrum_future_cancel(first);
    thrum_future_free(first);
    thrum_executor_shutdown(pool);
}

TEST_STOPS(halves_on_an_executor_that_was_shut_down_stop_the_program, "after its shutdown")
{
    if (THRUM__MEMORY_PLAIN) { /* a sanitizer tells of a use of dead memory first */
        fprintf(stderr, "after its shutdown\n");
        abort();
    }
    pool = thrum_thread_pool_new(NULL);
    thrum_executor_shutdown(pool);
    (void)!thrum_both(pool, succeed, NULL, succeed, NULL); /* stops the program */
}

/* ---------------------------------------------------------------------------------------- fork(2) */

static int be_taken(void *arg)
{
    thrum_event_set(&taken);
    return wait_for_event(arg);
}

struct forking {
    struct meeting *meeting;
    pid_t child;
};

static int fork_when_taken(void *arg)
{
    struct forking *forking = arg;
    CHECK_INT(thrum_event_wait(&taken, THRUM_FOREVER), ==, 0);
    forking->child = fork();
    CHECK(forking->child >= 0);
    if (forking->child > 0)
        thrum_event_set(&forking->meeting->event);
    return 0;
}

TEST(in_a_child_of_fork_a_half_that_another_thread_has_is_lost)
{
    struct meeting meeting = {0};
    struct forking forking = {.meeting = &meeting};
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    int rc = thrum_both(pool, fork_when_taken, &forking, be_taken, &meeting);
    if (forking.child == 0) {
        bool alone = thrum_both(pool, succeed, NULL, succeed, NULL) == 0 && ran == 2;
        _exit(rc == -ESRCH && alone ? 0 : 1);
    }
    CHECK_INT(rc, ==, 0);
    int status = -1;
    CHECK_INT(waitpid(forking.child, &status, 0), ==, forking.child);
    CHECK_INT(status, ==, 0);
    thrum_executor_shutdown(pool);
}

/* ------------------------------------------------------------------------------------ failures */

TEST(without_the_thread_that_is_needed_once_nothing_runs)
{
    pool = thrum_thread_pool_new(NULL);
    thrum__fault_arm(THRUM__FAULT_THREAD_START, 1, 1);
    CHECK_INT(thrum_both(pool, succeed, NULL, succeed, NULL), ==, -EAGAIN);
    CHECK_INT(ran, ==, 0);
    CHECK_INT(thrum_both(pool, succeed, NULL, succeed, NULL), ==, 0);
    CHECK_INT(ran, ==, 2);
    thrum_executor_shutdown(pool);
}

TEST(without_workers_and_memory_the_caller_runs_all)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    CHECK_INT(thrum_both(pool, succeed, NULL, succeed, NULL), ==, 0);
    thrum__fault_arm_all(THRUM__FAULT_THREAD_START, 1, UINT32_MAX);
    compute_fib();
    thrum__fault_arm_all(THRUM__FAULT_ALLOC, 1, UINT32_MAX);
    compute_fib();
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    thrum__fault_disarm(THRUM__FAULT_THREAD_START);
    compute_fib();
    thrum_executor_shutdown(pool);
}
