/* What a child made by fork finds in words that other threads of its parent were just changing: guards, the
 * designated waker of a lock, the owner of a lock, cells of a ring. Each state is brought about on purpose; the
 * last tests fork at random moments. */
#include "base/section.h"
#include "base/spin.h"
#include "harness.h"
#include "park/guard.h"
#include "support.h"
#include "support_sanitizer.h"
#include "thread/task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `body` in a child, and expects that it succeeds. A child that hangs is ended with the test, by its deadline. */
static void in_child(void (*body)(void *argument), void *argument)
{
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        body(argument);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
}

static bool gate_is_closed(void)
{
    return thrum__load_acquire(&thrum__section_gate) & THRUM__GATE_CLOSED;
}

/* ------------------------------------------------------------------------------------------- guards */

static uint32_t guarded; /* a word with a guard */
static uint32_t half;    /* 1 while what the guard protects is half changed */
static uint32_t inside;

static int hold_guard_until_a_fork_waits(thrum_task *self)
{
    (void)self;
    thrum__guard_acquire(&guarded, 1);
    thrum__store_relaxed(&half, 1);
    thrum__store_release(&inside, 1);
    UNTIL(gate_is_closed());
    thrum_sleep(thrum_in(0.02)); /* a fork that does not wait has made its child by then */
    thrum__store_relaxed(&half, 0);
    thrum__guard_release(&guarded, 1);
    return 0;
}

static void take_guard(void *unused)
{
    (void)unused;
    CHECK_INT(half, ==, 0);
    thrum__guard_acquire(&guarded, 1);
    thrum__guard_release(&guarded, 1);
}

TEST(a_fork_waits_until_no_thread_holds_a_guard)
{
    thrum_thread *holder = thrum_thread_start(hold_guard_until_a_fork_waits, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&inside));
    in_child(take_guard, NULL);
    JOIN(holder, 0);
}

static int take_guards_within_a_guard(thrum_task *self)
{
    (void)self;
    uint32_t inner = 0;
    thrum__guard_acquire(&guarded, 1);
    thrum__store_release(&inside, 1);
    UNTIL(gate_is_closed());
    thrum__guard_acquire(&inner, 1); /* passes: the fork waits for this thread */
    thrum__guard_release(&inner, 1);
    thrum__guard_release(&guarded, 1);
    return 0;
}

TEST(a_nested_guard_does_not_wait_for_the_fork)
{
    thrum_thread *holder = thrum_thread_start(take_guards_within_a_guard, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&inside));
    in_child(take_guard, NULL);
    JOIN(holder, 0);
}

/* Handlers of a library that was loaded earlier run while the gate is closed. */

static uint32_t passed;

static int pass_when_closed(thrum_task *self)
{
    (void)self;
    UNTIL(gate_is_closed());
    thrum__store_release(&inside, 1);
    thrum__guard_acquire(&guarded, 1);
    thrum__guard_release(&guarded, 1);
    thrum__store_release(&passed, 1);
    return 0;
}

TEST(a_thread_that_comes_during_a_fork_waits_for_its_end)
{
    thrum__section_record *self = thrum__section_self_make();
    thrum_thread *other = thrum_thread_start(pass_when_closed, THRUM_NOTHING);
    thrum__section_close(self);
    UNTIL(thrum__load_acquire(&inside));
    thrum__guard_acquire(&guarded, 1); /* the forking thread itself passes */
    thrum__guard_release(&guarded, 1);
    CHECK(!thrum__load_acquire(&passed));
    thrum__section_open(self);
    JOIN(other, 0);
    CHECK(passed);
}

static int fork_many(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 50; i++)
        in_child(take_guard, NULL);
    return 0;
}

TEST(threads_that_fork_at_once_take_turns)
{
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = thrum_thread_start(fork_many, THRUM_NOTHING);
    for (int i = 0; i < 3; i++)
        JOIN(threads[i], 0);
}

/* Records are used again, in the parent and in the child. */

static int use_a_guard(thrum_task *self)
{
    (void)self;
    uint32_t word = 0;
    thrum__guard_acquire(&word, 1);
    thrum__guard_release(&word, 1);
    return 0;
}

static void start_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 40 && !SANITIZED; i++)
        JOIN(thrum_thread_start(use_a_guard, THRUM_NOTHING), 0);
}

TEST(threads_that_come_and_go_leave_no_mark)
{
    for (int i = 0; i < 200; i++)
        JOIN(thrum_thread_start(use_a_guard, THRUM_NOTHING), 0);
    in_child(start_many, NULL);
    in_child(start_many, NULL);
}

/* ----------------------------------------------------------------------------- the designated waker */

static thrum_lock lock;
static uint32_t waiter, busy;

static int wait_for_lock(thrum_task *self)
{
    (void)self;
    tell_ident(&waiter);
    thrum_with (&lock)
        thrum__store_release(&passed, 1);
    return 0;
}

/* Keeps the worker, so that a fiber of it that is woken cannot run. */
static int keep_worker(thrum_task *self)
{
    (void)self;
    thrum__store_release(&busy, 1);
    while (thrum__load_acquire(&busy))
        thrum__yield();
    return 0;
}

static void contend_in_child(void *unused)
{
    (void)unused;
    if (SANITIZED)
        return;
    for (int i = 0; i < 2; i++) {
        thrum_lock_acquire(&lock);
        thrum_thread *thread = thrum_thread_start(wait_for_lock, THRUM_NOTHING);
        UNTIL(waits_for(&waiter, "lock"));
        thrum_lock_release(&lock);
        JOIN(thread, 0);
        waiter = 0;
    }
    thrum_lock_finish(&lock);
}

static void finish_lock(void *unused)
{
    (void)unused;
    thrum_lock_finish(&lock);
}

TEST(a_waiter_that_was_woken_and_is_lost_keeps_nobody_waiting)
{
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_lock_acquire(&lock);
    thrum_future *first = thrum_submit(pool, wait_for_lock, THRUM_NOTHING);
    UNTIL(waits_for(&waiter, "lock"));
    thrum_future *second = thrum_submit(pool, keep_worker, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&busy));
    thrum__self()->tenure =
        thrum_in(1000).ns;     /* its turn is not over: the lock is not handed to the waiter */
    thrum_lock_release(&lock); /* the first is on the way now, and cannot run */
    waiter = 0;
    in_child(contend_in_child, NULL);
    in_child(finish_lock, NULL);
    thrum__store_release(&busy, 0);
    CHECK_INT(thrum_future_result(first, NULL, 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_result(second, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(pool);
}

/* -------------------------------------------------------------------------------- at random moments */

enum { FORKS = 300, USERS = 2 };

static struct {
    thrum_lock lock;
    thrum_rlock rlock;
    thrum_rwlock rwlock;
    thrum_semaphore semaphore;
    thrum_event event;
    thrum_condition condition;
    thrum_queue *queue;
    thrum_local local;
} shared;

static uint32_t stopping;

/* Uses everything in all ways, with waits that end, until it is told to stop. */
static int use_all(thrum_task *self)
{
    (void)self;
    for (uint64_t i = 0, item; !thrum__load_acquire(&stopping); i++) {
        thrum_with (&shared.lock)
            thrum_rlock_acquire(&shared.rlock);
        thrum_rlock_release(&shared.rlock);
        thrum_rwlock_acquire_read(&shared.rwlock);
        thrum_rwlock_release_read(&shared.rwlock);
        thrum_rwlock_acquire_write(&shared.rwlock);
        thrum_rwlock_release_write(&shared.rwlock);
        thrum_semaphore_acquire(&shared.semaphore);
        thrum_semaphore_release(&shared.semaphore, 1);
        (void)!thrum_event_wait(&shared.event, thrum_in(0.00005)); /* others set and clear it */
        thrum_event_set(&shared.event);
        thrum_event_clear(&shared.event);
        thrum_with (&shared.condition)
            thrum_condition_notify_all(&shared.condition);
        (void)!thrum_queue_put(shared.queue, &i, THRUM_NOW);    /* it may be full */
        (void)!thrum_queue_get(shared.queue, &item, THRUM_NOW); /* it may be empty */
    }
    return 0;
}

/* Takes and gives back, as fast as it can. */
static int take_and_give(thrum_task *self)
{
    (void)self;
    while (!thrum__load_acquire(&stopping)) {
        thrum_lock_acquire(&shared.lock);
        thrum_lock_release(&shared.lock);
        thrum_rwlock_acquire_write(&shared.rwlock);
        thrum_rwlock_release_write(&shared.rwlock);
    }
    return 0;
}

static void look_for_owners(void *unused)
{
    (void)unused;
    CHECK_INT(thrum_lock_locked(&shared.lock), ==, shared.lock.owner_ != 0);
    CHECK_INT(shared.rwlock.state_ & 1, ==, shared.rwlock.owner_ != 0);
}

TEST_DEADLINE(a_lock_that_is_held_has_an_owner_at_every_moment, 60)
{
    thrum_thread *thread = thrum_thread_start(take_and_give, THRUM_NOTHING);
    for (int i = 0; i < (SANITIZED ? FORKS / 10 : FORKS); i++)
        in_child(look_for_owners, NULL);
    thrum__store_release(&stopping, 1);
    JOIN(thread, 0);
}

/* A lock that another thread holds has an owner, which is named to a waiter; one that is free can be used. */
static void use_locks(void)
{
    if (thrum_lock_try(&shared.lock) == 0) {
        thrum_lock_release(&shared.lock);
        thrum_lock_acquire(&shared.lock);
        thrum_lock_release(&shared.lock);
    } else {
        CHECK_INT(shared.lock.owner_, !=, 0);
    }
    if (thrum_rlock_try(&shared.rlock) == 0)
        thrum_rlock_release(&shared.rlock);
    else
        CHECK_INT(shared.rlock.lock_.owner_, !=, 0);
    if (shared.rwlock.owner_ == 0) { /* else a lost thread writes, and a wait stops the child */
        int rc = thrum_rwlock_acquire_write_until(&shared.rwlock, thrum_in(0.001));
        if (rc == 0)
            thrum_rwlock_release_write(&shared.rwlock);
        else
            CHECK_INT(thrum_rwlock_readers(&shared.rwlock), >, 0);
    }
}

static void use_all_in_child(void *unused)
{
    (void)unused;
    uint64_t item = 1;
    use_locks();
    (void)!thrum_event_wait(&shared.event, thrum_in(0.001)); /* only that it ends matters */
    thrum_event_set(&shared.event);
    CHECK_INT(thrum_event_wait(&shared.event, THRUM_FOREVER), ==, 0);
    thrum_semaphore_release(&shared.semaphore, USERS);
    CHECK_INT(thrum_semaphore_acquire_until(&shared.semaphore, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_local_set(&shared.local, &shared), ==, 0);
    CHECK(thrum_local_get(&shared.local) == &shared);
    while (thrum_queue_get(shared.queue, &item, THRUM_NOW) == 0)
        ;
    CHECK_INT(thrum_queue_put(shared.queue, &item, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_queue_get(shared.queue, &item, THRUM_NOW), ==, 0);
    CHECK_STR(thrum_strerror(-EPIPE), "closed");
}

TEST_DEADLINE(forks_amid_the_use_of_all_objects_leave_usable_children, 60)
{
    thrum_thread *threads[USERS];
    shared.queue = thrum_queue_new(sizeof(uint64_t), &(thrum_queue_options){.max_size = 4});
    thrum_semaphore_init(&shared.semaphore, 1);
    CHECK_INT(thrum_local_set(&shared.local, &shared), ==,
              0); /* so that the child allocates nothing */
    for (int i = 0; i < USERS; i++)
        threads[i] = thrum_thread_start(use_all, THRUM_NOTHING);
    for (int i = 0; i < (SANITIZED ? FORKS / 10 : FORKS); i++)
        in_child(use_all_in_child, NULL);
    thrum__store_release(&stopping, 1);
    for (int i = 0; i < USERS; i++)
        JOIN(threads[i], 0);
    thrum_queue_free(shared.queue);
}

static thrum_executor *pool;

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static int submit_all_the_time(thrum_task *self)
{
    (void)self;
    while (!thrum__load_acquire(&stopping)) {
        thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
        CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
    }
    return 0;
}

static void submit_in_child(void *unused)
{
    (void)unused;
    if (ADDRESS_SANITIZED)
        return; /* the parent allocates at the moment of the fork */
    thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ESRCH);
    thrum_future_free(future);
    if (!SANITIZED)
        JOIN(thrum_thread_start(nothing, THRUM_NOTHING), 0);
}

static void fork_amid_submissions(void)
{
    thrum_thread *threads[USERS];
    for (int i = 0; i < USERS; i++)
        threads[i] = thrum_thread_start(submit_all_the_time, THRUM_NOTHING);
    for (int i = 0; i < (SANITIZED ? FORKS / 10 : 2 * FORKS); i++)
        in_child(submit_in_child, NULL);
    thrum__store_release(&stopping, 1);
    for (int i = 0; i < USERS; i++)
        JOIN(threads[i], 0);
    thrum_executor_shutdown(pool);
}

TEST_DEADLINE(forks_amid_submissions_to_a_thread_pool_do_not_hang, 60)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    fork_amid_submissions();
}

TEST_DEADLINE(forks_amid_submissions_to_a_fiber_pool_do_not_hang, 60)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2});
    fork_amid_submissions();
}

/* Locks of the library itself: the lock of the failure hook, though no hook was ever set. */

static int fail(thrum_task *self)
{
    return thrum_fail(self, -EIO, "on purpose");
}

static void report_a_failure(void)
{
    thrum_thread *thread = thrum_thread_start(fail, THRUM_NOTHING);
    UNTIL(!thrum_thread_is_alive(thread));
    thrum_thread_free(thread); /* nobody asked: it is reported */
}

static int report_all_the_time(thrum_task *self)
{
    (void)self;
    while (!thrum__load_acquire(&stopping)) {
        thrum_error error = {.code = -EIO};
        thrum__failure_report("test", "reporter", &error);
        CHECK_INT(thrum__error_constant(-EIO)->code, ==, -EIO);
    }
    return 0;
}

static void report_in_child(void *unused)
{
    (void)unused;
    CHECK_INT(thrum__error_constant(-EPERM)->code, ==, -EPERM);
    if (!SANITIZED)
        report_a_failure();
}

TEST_DEADLINE(forks_amid_reports_of_failures_leave_children_that_report, 60)
{
    CHECK(freopen("/dev/null", "w", stderr) != NULL);
    thrum_thread *threads[USERS];
    for (int i = 0; i < USERS; i++)
        threads[i] = thrum_thread_start(report_all_the_time, THRUM_NOTHING);
    for (int i = 0; i < (SANITIZED ? FORKS / 10 : FORKS / 2); i++)
        in_child(report_in_child, NULL);
    thrum__store_release(&stopping, 1);
    for (int i = 0; i < USERS; i++)
        JOIN(threads[i], 0);
}
