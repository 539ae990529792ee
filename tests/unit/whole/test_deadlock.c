/* Deadlocks that name themselves, and waits that only look like deadlocks. A test that expects a report leaves the
 * program amid the deadlock: it ends by quick exit once the hook has the report. */
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint32_t reports;
static char text[4096], summary[256], kind[32];
static int code;

static void keep(const thrum_failure *failure, void *context)
{
    (void)context;
    if (strcmp(failure->kind, "deadlock") == 0 && !thrum__load_acquire(&reports)) {
        snprintf(text, sizeof text, "%s", failure->name);
        snprintf(summary, sizeof summary, "%s", failure->error->message);
        snprintf(kind, sizeof kind, "%s", failure->kind);
        code = failure->error->code;
    }
    thrum__add_release(&reports, 1);
}

static void expect(const char *const *parts)
{
    UNTIL(thrum__load_acquire(&reports));
    CHECK_STR(kind, "deadlock");
    CHECK_INT(code, ==, -EDEADLK);
    for (; *parts; parts++)
        if (!strstr(text, *parts))
            test_fail(__FILE__, __LINE__, *parts, "is not in the report:\n%s", text);
    CHECK(*summary);
    thrum_sleep(thrum_in(0.25)); /* no second report comes by the next looks of the others */
    CHECK_INT(thrum__load_acquire(&reports), ==, 1);
    _exit(0);
}

#define EXPECT(...) expect((const char *const[]){__VA_ARGS__, NULL})

/* ------------------------------------------------------------------------------------ positives */

static thrum_lock locks[3];
static thrum_rlock rlock;
static thrum_rwlock rwlock;
static thrum_barrier meet;

struct plan {
    thrum_lock *first, *second;
};

static int take_both(thrum_task *self)
{
    struct plan plan = thrum_arg(self, struct plan);
    thrum_lock_acquire(plan.first);
    CHECK_INT(thrum_barrier_wait(&meet, THRUM_FOREVER), >=, 0);
    thrum_lock_acquire(plan.second);
    return 0;
}

static void start_named(const char *name, thrum_task_fn *function, const void *arg, size_t size)
{
    thrum_thread_start_with(&(thrum_thread_options){.name = name, .daemon = true}, function, arg,
                            size);
}

TEST(two_threads_that_take_two_locks_crosswise)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_barrier_init(&meet, 2, NULL, NULL);
    start_named("alice", take_both, thrum_value(struct plan, &locks[0], &locks[1]));
    start_named("bob", take_both, thrum_value(struct plan, &locks[1], &locks[0]));
    char first[64], second[64];
    CHECK_INT(thrum_name_set(&locks[0], sizeof *locks, "left"), ==, 0);
    CHECK_INT(thrum_name_set(&locks[1], sizeof *locks, "right"), ==, 0);
    snprintf(first, sizeof first, "waits for lock %p \"right\", at ", (void *)&locks[1]);
    snprintf(second, sizeof second, "waits for lock %p \"left\", at ", (void *)&locks[0]);
    EXPECT("2 threads or fibers wait for each other", first, second, "thread \"alice\"",
           "held by thread \"bob\"", "held by thread \"alice\"", ", at ");
}

static thrum_condition conditions[2];

static int take_conditions(thrum_task *self)
{
    int first = thrum_arg(self, int);
    thrum_condition_acquire(&conditions[first]);
    CHECK_INT(thrum_barrier_wait(&meet, THRUM_FOREVER), >=, 0);
    thrum_condition_acquire(&conditions[1 - first]);
    return 0;
}

TEST(a_lock_inside_of_an_object_has_the_name_of_the_object)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_barrier_init(&meet, 2, NULL, NULL);
    CHECK_INT(thrum_name_set(&conditions[0], sizeof *conditions, "full"), ==, 0);
    CHECK_INT(thrum_name_set(&conditions[1], sizeof *conditions, "empty"), ==, 0);
    start_named("alice", take_conditions, thrum_value(int, 0));
    start_named("bob", take_conditions, thrum_value(int, 1));
    EXPECT("2 threads or fibers wait for each other", " \"full\", at ", " \"empty\", at ");
}

TEST(three_threads_in_a_ring)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_barrier_init(&meet, 3, NULL, NULL);
    for (int i = 0; i < 3; i++)
        start_named(i == 0   ? "one"
                    : i == 1 ? "two"
                             : "three",
                    take_both, thrum_value(struct plan, &locks[i], &locks[(i + 1) % 3]));
    EXPECT("3 threads or fibers wait for each other", "held by thread \"one\"",
           "held by thread \"two\"", "held by thread \"three\"");
}

TEST(two_fibers_on_one_worker)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_barrier_init(&meet, 2, NULL, NULL);
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    (void)thrum_submit(pool, take_both, thrum_value(struct plan, &locks[0], &locks[1]));
    (void)thrum_submit(pool, take_both, thrum_value(struct plan, &locks[1], &locks[0]));
    EXPECT("2 threads or fibers wait for each other", "fiber \"fiber-", "held by fiber \"fiber-");
}

TEST(a_fiber_and_a_thread)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_barrier_init(&meet, 2, NULL, NULL);
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2});
    (void)thrum_submit(pool, take_both, thrum_value(struct plan, &locks[0], &locks[1]));
    start_named("thread", take_both, thrum_value(struct plan, &locks[1], &locks[0]));
    EXPECT("2 threads or fibers wait for each other", "held by fiber \"fiber-",
           "held by thread \"thread\"");
}

static int take_rlock_and_write(thrum_task *self)
{
    (void)self;
    thrum_rlock_acquire(&rlock);
    CHECK_INT(thrum_barrier_wait(&meet, THRUM_FOREVER), >=, 0);
    thrum_rwlock_acquire_read(&rwlock);
    return 0;
}

static int write_and_take_rlock(thrum_task *self)
{
    (void)self;
    thrum_rwlock_acquire_write(&rwlock);
    CHECK_INT(thrum_barrier_wait(&meet, THRUM_FOREVER), >=, 0);
    thrum_rlock_acquire(&rlock);
    return 0;
}

TEST(a_reader_and_a_writer)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_barrier_init(&meet, 2, NULL, NULL);
    start_named("reader", take_rlock_and_write, THRUM_NOTHING);
    start_named("writer", write_and_take_rlock, THRUM_NOTHING);
    EXPECT("waits for rwlock read", "written by thread \"writer\"", "held by thread \"reader\"");
}

static thrum_thread *threads[2];
static thrum_event started;

static int join_other(thrum_task *self)
{
    int own = thrum_arg(self, int);
    int rc = thrum_event_wait(&started, THRUM_FOREVER);
    return rc < 0 ? rc : thrum_thread_join(threads[1 - own], THRUM_FOREVER);
}

TEST(two_threads_that_join_each_other)
{
    thrum_failure_hook_set(keep, NULL);
    for (int i = 0; i < 2; i++)
        threads[i] = thrum_thread_start_with(
            &(thrum_thread_options){.name = i ? "second" : "first", .daemon = true}, join_other,
            thrum_value(int, i));
    thrum_event_set(&started);
    EXPECT("2 threads or fibers wait for each other", "waits for event", "\"first\"", "\"second\"");
}

static thrum_future *futures[2];

static int wait_for_future(thrum_task *self)
{
    int which = thrum_arg(self, int);
    int rc = thrum_event_wait(&started, THRUM_FOREVER);
    return rc < 0 ? rc : thrum_future_wait(futures[which], THRUM_FOREVER);
}

static void futures_of(thrum_executor *pool, int count)
{
    thrum_failure_hook_set(keep, NULL);
    for (int i = 0; i < count; i++)
        futures[i] = thrum_submit(pool, wait_for_future, thrum_value(int, (i + 1) % count));
    for (int i = 0; i < count; i++)
        UNTIL(thrum_future_running(futures[i]));
    thrum_event_set(&started);
}

TEST(a_task_that_waits_for_its_own_future)
{
    futures_of(thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2}), 1);
    EXPECT("a thread or fiber waits for itself", "waits for future", "run by thread \"pool-0\"");
}

TEST(a_fiber_that_waits_for_its_own_future)
{
    futures_of(thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1}), 1);
    EXPECT("a thread or fiber waits for itself", "waits for future", "run by fiber \"fiber-");
}

TEST(two_tasks_that_wait_for_each_other)
{
    futures_of(thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2}), 2);
    EXPECT("2 threads or fibers wait for each other", "waits for future",
           "run by thread \"pool-0\"", "run by thread \"pool-1\"");
}

TEST(two_fibers_whose_tasks_wait_for_each_other)
{
    futures_of(thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2}), 2);
    EXPECT("2 threads or fibers wait for each other", "waits for future", "run by fiber \"fiber-");
}

static int hold_and_wait(thrum_task *self)
{
    (void)self;
    thrum_lock_acquire(&locks[0]);
    thrum_event_set(&started);
    return thrum_future_wait(futures[0], THRUM_FOREVER);
}

static int take_lock(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&started, THRUM_FOREVER);
    thrum_lock_acquire(&locks[0]);
    return rc;
}

TEST(a_task_that_needs_the_lock_of_its_waiter)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_executor *pool = thrum_thread_pool_new(NULL);
    futures[0] = thrum_submit(pool, take_lock, THRUM_NOTHING);
    UNTIL(thrum_future_running(futures[0]));
    start_named("holder", hold_and_wait, THRUM_NOTHING);
    EXPECT("2 threads or fibers wait for each other", "held by thread \"holder\"",
           "waits for future", "run by thread \"pool-0\"");
}

static int take_and_end(thrum_task *self)
{
    thrum_lock_acquire(&locks[0]);
    (void)self;
    return 0;
}

static void end_with_it(void)
{
    thrum_thread *thread = thrum_thread_start_with(&(thrum_thread_options){.name = "careless"},
                                                   take_and_end, THRUM_NOTHING);
    CHECK_INT(thrum_thread_join(thread, THRUM_FOREVER), ==, 0);
    thrum_thread_free(thread);
}

static int wait_for_the_dead(thrum_task *self)
{
    (void)self;
    thrum_lock_acquire(&locks[0]);
    return 0;
}

TEST(an_owner_that_has_ended)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_executor *pool = thrum_fiber_pool_new(NULL);
    thrum_future *future = thrum_submit(pool, take_lock, THRUM_NOTHING);
    UNTIL(thrum_future_running(future)); /* so the fiber does not get the ident of the thread */
    end_with_it();
    thrum_event_set(&started);
    EXPECT("the owner of what is waited for has ended",
           "held by thread \"careless\", which has ended");
}

static int take_wait_and_end(thrum_task *self)
{
    (void)self;
    thrum_lock_acquire(&locks[0]);
    return thrum_event_wait(&started, THRUM_FOREVER);
}

/* The waiter has looked while the owner lived. */
TEST(an_owner_that_ends_later)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_thread *thread = thrum_thread_start(take_wait_and_end, THRUM_NOTHING);
    UNTIL(thrum_lock_locked(&locks[0]));
    start_named("waiter", wait_for_the_dead, THRUM_NOTHING);
    thrum_sleep(thrum_in(0.15));
    thrum_event_set(&started);
    CHECK_INT(thrum_thread_join(thread, THRUM_FOREVER), ==, 0);
    EXPECT("the owner of what is waited for has ended", "thread \"waiter\" waits for lock",
           "which has ended");
}

/* ------------------------------------------------------------------------------ without a hook */

static void cross(void)
{
    thrum_barrier_init(&meet, 2, NULL, NULL);
    start_named("alice", take_both, thrum_value(struct plan, &locks[0], &locks[1]));
    start_named("bob", take_both, thrum_value(struct plan, &locks[1], &locks[0]));
}

TEST_STOPS(abort_stops_the_program, "stopped for a deadlock, as THRUM_DEADLOCK=abort says")
{
    setenv("THRUM_DEADLOCK", "abort", 1);
    cross();
    pause();
}

TEST_STOPS(a_report_is_printed_where_there_is_no_hook, "held by thread \"alice\"")
{
    setenv("THRUM_DEADLOCK", "abort", 1);
    cross();
    pause();
}

TEST(off_reports_nothing)
{
    setenv("THRUM_DEADLOCK", "off", 1);
    thrum_failure_hook_set(keep, NULL);
    cross();
    thrum_sleep(thrum_in(0.5));
    CHECK_INT(reports, ==, 0);
    _exit(0);
}

/* ------------------------------------------------------------------------------------ negatives */

static int wait_for_lock(thrum_task *self)
{
    (void)self;
    thrum_lock_acquire(&locks[0]);
    thrum_lock_release(&locks[0]);
    return 0;
}

/* The holder computes, or sleeps, for longer than three looks. */
TEST(a_slow_holder_is_none)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_lock_acquire(&locks[0]);
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_future *future = thrum_submit(pool, wait_for_lock, THRUM_NOTHING);
    thrum_thread *thread = thrum_thread_start(wait_for_lock, THRUM_NOTHING);
    thrum_sleep(thrum_in(0.8));
    thrum_lock_release(&locks[0]);
    JOIN(thread, 0);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
    CHECK_INT(reports, ==, 0);
}

/* The lock goes from hand to hand; each waits for longer than a look. */
static int pass_on(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 3; i++) {
        thrum_lock_acquire(&locks[0]);
        thrum_sleep(thrum_in(0.06));
        thrum_lock_release(&locks[0]);
    }
    return 0;
}

TEST(a_lock_that_is_passed_on_is_none)
{
    enum { CROWD = 4 };
    thrum_thread *crowd[CROWD];
    thrum_failure_hook_set(keep, NULL);
    for (int i = 0; i < CROWD; i++)
        crowd[i] = thrum_thread_start(pass_on, THRUM_NOTHING);
    for (int i = 0; i < CROWD; i++)
        JOIN(crowd[i], 0);
    CHECK_INT(reports, ==, 0);
}

/* One of the two gives up. */
static int take_both_or_give_up(thrum_task *self)
{
    (void)self;
    thrum_lock_acquire(&locks[1]);
    CHECK_INT(thrum_barrier_wait(&meet, THRUM_FOREVER), >=, 0);
    int rc = thrum_lock_acquire_until(&locks[0], thrum_in(0.5));
    thrum_lock_release(&locks[1]);
    return rc;
}

TEST(a_timed_wait_that_ends_is_none)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_barrier_init(&meet, 2, NULL, NULL);
    thrum_thread *patient =
        thrum_thread_start(take_both, thrum_value(struct plan, &locks[0], &locks[1]));
    JOIN(thrum_thread_start(take_both_or_give_up, THRUM_NOTHING), -ETIMEDOUT);
    JOIN(patient, 0);
    CHECK_INT(reports, ==, 0);
    _exit(0); /* with locks whose owner has ended */
}

static thrum_condition condition;
static bool ready;

static int wait_for_condition(thrum_task *self)
{
    (void)self;
    thrum_with (&condition)
        while (!ready)
            CHECK_INT(thrum_condition_wait(&condition, THRUM_FOREVER), ==, 0);
    return 0;
}

/* Notified, the waiters stand in the queue of a lock that is held for long. */
TEST(a_condition_that_takes_its_lock_again_is_none)
{
    thrum_thread *waiters[3];
    thrum_failure_hook_set(keep, NULL);
    for (int i = 0; i < 3; i++)
        waiters[i] = thrum_thread_start(wait_for_condition, THRUM_NOTHING);
    thrum_sleep(thrum_in(0.15));
    thrum_with (&condition) {
        ready = true;
        thrum_condition_notify_all(&condition);
        thrum_sleep(thrum_in(0.4));
    }
    for (int i = 0; i < 3; i++)
        JOIN(waiters[i], 0);
    CHECK_INT(reports, ==, 0);
}

/* Threads that take locks in one order, for long: the edges change while others look. */
static int take_in_order(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 40; i++) {
        thrum_lock_acquire(&locks[0]);
        thrum_lock_acquire(&locks[1]);
        thrum_sleep(thrum_in(0.002));
        thrum_lock_release(&locks[0]);
        thrum_sleep(thrum_in(0.002));
        thrum_lock_release(&locks[1]);
    }
    return 0;
}

TEST(locks_in_one_order_are_none)
{
    enum { CROWD = 8 };
    thrum_thread *crowd[CROWD];
    thrum_failure_hook_set(keep, NULL);
    for (int i = 0; i < CROWD; i++)
        crowd[i] = thrum_thread_start(take_in_order, THRUM_NOTHING);
    for (int i = 0; i < CROWD; i++)
        JOIN(crowd[i], 0);
    CHECK_INT(reports, ==, 0);
}

static int sleep_a_while(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(0.5));
}

/* A long task, and a thread that is joined for long. */
TEST(slow_tasks_are_none)
{
    thrum_failure_hook_set(keep, NULL);
    thrum_executor *pool = thrum_thread_pool_new(NULL);
    thrum_future *future = thrum_submit(pool, sleep_a_while, THRUM_NOTHING);
    CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    JOIN(thrum_thread_start(sleep_a_while, THRUM_NOTHING), 0);
    thrum_executor_shutdown(pool);
    CHECK_INT(reports, ==, 0);
}
