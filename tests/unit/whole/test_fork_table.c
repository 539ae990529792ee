/* The table of docs/fork.md, row by row: what a child made by fork may do with each public object of its parent. */
#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int status_of_child(void (*body)(void))
{
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        body();
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    return status;
}

static void in_child(void (*body)(void))
{
    CHECK_INT(status_of_child(body), ==, 0);
}

/* A child that has to wait for what a lost thread holds is stopped with a message. */
static void stops_in_child(void (*body)(void))
{
    int status = status_of_child(body);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static thrum_event go;
static uint32_t idents[4];

/* Another thread of the parent, which holds something or waits for something while the child lives. */
static thrum_thread *other(thrum_task_fn *function, const char *waits)
{
    idents[0] = 0;
    thrum_thread *thread = thrum_thread_start(function, THRUM_NOTHING);
    UNTIL(waits_for(&idents[0], waits));
    return thread;
}

static void finish(thrum_thread *thread)
{
    thrum_event_set(&go);
    JOIN(thread, 0);
}

static void stay(void)
{
    tell_ident(&idents[0]);
    CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
}

/* ----------------------------------------------------------------------------------- lock and rlock */

static thrum_lock lock;
static thrum_rlock rlock;

static int hold_locks(thrum_task *self)
{
    (void)self;
    thrum_lock_acquire(&lock);
    thrum_rlock_acquire(&rlock);
    stay();
    thrum_rlock_release(&rlock);
    thrum_lock_release(&lock);
    return 0;
}

static void try_held_locks(void)
{
    CHECK_INT(thrum_lock_try(&lock), ==, -EAGAIN);
    CHECK_INT(thrum_lock_acquire_until(&lock, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_rlock_try(&rlock), ==, -EAGAIN);
    CHECK(thrum_lock_locked(&lock) && !thrum_lock_owned(&lock));
}

static void acquire_held_lock(void)
{
    thrum_lock_acquire(&lock);
}

static void acquire_held_rlock(void)
{
    thrum_rlock_acquire(&rlock);
}

TEST(a_lock_of_another_thread_is_refused_to_a_try_and_stops_a_wait)
{
    thrum_thread *thread = other(hold_locks, "event");
    in_child(try_held_locks);
    stops_in_child(acquire_held_lock);
    stops_in_child(acquire_held_rlock);
    finish(thread);
}

static int wait_for_rlock(thrum_task *self)
{
    (void)self;
    tell_ident(&idents[0]);
    thrum_rlock_acquire(&rlock);
    thrum_rlock_release(&rlock);
    return 0;
}

static void use_own_rlock(void)
{
    CHECK_INT(thrum_rlock_depth(&rlock), ==, 2);
    thrum_rlock_release(&rlock);
    thrum_rlock_release(&rlock); /* nobody is there who could be woken */
    CHECK_INT(thrum_rlock_try(&rlock), ==, 0);
    thrum_rlock_release(&rlock);
    thrum_rlock_finish(&rlock);
}

TEST(a_lock_of_the_forking_thread_is_its_own_in_the_child)
{
    thrum_rlock_acquire(&rlock);
    thrum_rlock_acquire(&rlock);
    thrum_thread *thread = other(wait_for_rlock, "lock");
    in_child(use_own_rlock);
    thrum_rlock_release(&rlock);
    thrum_rlock_release(&rlock);
    finish(thread);
}

/* ------------------------------------------------------------------------------------------- rwlock */

static thrum_rwlock rwlock;

static int write_locked(thrum_task *self)
{
    (void)self;
    thrum_rwlock_acquire_write(&rwlock);
    stay();
    thrum_rwlock_release_write(&rwlock);
    return 0;
}

static int read_locked(thrum_task *self)
{
    (void)self;
    thrum_rwlock_acquire_read(&rwlock);
    stay();
    thrum_rwlock_release_read(&rwlock);
    return 0;
}

static void try_written(void)
{
    CHECK_INT(thrum_rwlock_try_read(&rwlock), ==, -EAGAIN);
    CHECK_INT(thrum_rwlock_try_write(&rwlock), ==, -EAGAIN);
}

static void read_written(void)
{
    thrum_rwlock_acquire_read(&rwlock);
}

static void write_written(void)
{
    thrum_rwlock_acquire_write(&rwlock);
}

static void use_read(void)
{
    thrum_rwlock_acquire_read(&rwlock);
    thrum_rwlock_release_read(&rwlock);
    CHECK_INT(thrum_rwlock_acquire_write_until(&rwlock, thrum_in(0.01)), ==, -ETIMEDOUT);
}

TEST(a_rwlock_that_another_thread_writes_stops_a_wait)
{
    thrum_thread *thread = other(write_locked, "event");
    in_child(try_written);
    stops_in_child(read_written);
    stops_in_child(write_written);
    finish(thread);
}

TEST(a_reading_of_another_thread_stays_and_keeps_writers_out)
{
    thrum_thread *thread = other(read_locked, "event");
    in_child(use_read);
    finish(thread);
}

/* ------------------------------------------------------------- semaphore, event, condition, barrier */

static thrum_semaphore semaphore;
static thrum_event event;
static thrum_condition condition;
static thrum_barrier barrier;

static int hold_permit(thrum_task *self)
{
    (void)self;
    thrum_semaphore_acquire(&semaphore);
    stay();
    thrum_semaphore_release(&semaphore, 1);
    return 0;
}

static void want_permit(void)
{
    CHECK_INT(thrum_semaphore_acquire_until(&semaphore, thrum_in(0.01)), ==, -ETIMEDOUT);
    thrum_semaphore_release(&semaphore, 1);
    CHECK_INT(thrum_semaphore_acquire_until(&semaphore, THRUM_FOREVER), ==, 0);
}

TEST(a_permit_of_another_thread_stays_taken)
{
    thrum_semaphore_init(&semaphore, 1);
    thrum_thread *thread = other(hold_permit, "event");
    in_child(want_permit);
    finish(thread);
}

static int wait_for_event(thrum_task *self)
{
    (void)self;
    tell_ident(&idents[0]);
    return thrum_event_wait(&event, THRUM_FOREVER);
}

static void use_event(void)
{
    CHECK_INT(thrum_event_wait(&event, thrum_in(0.01)), ==, -ETIMEDOUT);
    thrum_event_set(&event);
    CHECK_INT(thrum_event_wait(&event, THRUM_FOREVER), ==, 0);
    thrum_event_finish(&event);
}

TEST(an_event_that_another_thread_waits_for_is_whole)
{
    thrum_thread *thread = other(wait_for_event, "event");
    in_child(use_event);
    thrum_event_set(&event);
    finish(thread);
}

static bool notified;

static int wait_for_condition(thrum_task *self)
{
    (void)self;
    tell_ident(&idents[0]);
    thrum_with (&condition)
        while (!notified)
            CHECK_INT(thrum_condition_wait(&condition, THRUM_FOREVER), ==, 0);
    return 0;
}

static void use_condition(void)
{
    thrum_with (&condition) {
        thrum_condition_notify_all(&condition);
        CHECK_INT(thrum_condition_wait(&condition, thrum_in(0.01)), ==, -ETIMEDOUT);
    }
}

TEST(a_condition_that_another_thread_waits_for_is_whole)
{
    thrum_thread *thread = other(wait_for_condition, "condition");
    in_child(use_condition);
    thrum_with (&condition) {
        notified = true;
        thrum_condition_notify_all(&condition);
    }
    finish(thread);
}

static int wait_at_barrier(thrum_task *self)
{
    (void)self;
    tell_ident(&idents[0]);
    return thrum_barrier_wait(&barrier, THRUM_FOREVER) < 0;
}

static void come_to_barrier(void)
{
    CHECK_INT(thrum_barrier_wait(&barrier, THRUM_FOREVER), ==, -EPIPE);
    CHECK(thrum_barrier_broken(&barrier));
    thrum_barrier_reset(&barrier);
    CHECK_INT(thrum_barrier_wait(&barrier, thrum_in(0.01)), ==, -ETIMEDOUT);
}

TEST(a_barrier_at_which_a_lost_thread_waits_breaks)
{
    thrum_barrier_init(&barrier, 2, NULL, NULL);
    thrum_thread *thread = other(wait_at_barrier, "barrier");
    in_child(come_to_barrier);
    CHECK_INT(thrum_barrier_wait(&barrier, THRUM_FOREVER), >=, 0);
    finish(thread);
}

/* --------------------------------------------------------------------------------------------- once */

static thrum_once once, done_once;

static int run_for_long(void *unused)
{
    (void)unused;
    stay();
    return 0;
}

static int run_at_once(void *unused)
{
    (void)unused;
    return 0;
}

static int run_once(thrum_task *self)
{
    (void)self;
    return thrum_once_run(&once, run_for_long, NULL);
}

static void run_the_other_once(void)
{
    CHECK(!thrum_once_done(&once));
    CHECK_INT(thrum_once_run(&done_once, run_at_once, NULL), ==, 0);
}

static void run_the_same_once(void)
{
    (void)!thrum_once_run(&once, run_at_once, NULL); /* stops the program */
}

TEST(a_once_that_another_thread_runs_stops_a_wait)
{
    CHECK_INT(thrum_once_run(&done_once, run_at_once, NULL), ==, 0);
    thrum_thread *thread = other(run_once, "event");
    in_child(run_the_other_once);
    stops_in_child(run_the_same_once);
    finish(thread);
}

/* ------------------------------------------------------------------------------------------- queues */

static thrum_queue *queues[2];
static thrum_deque *deque;

static int wait_for_item(thrum_task *self)
{
    int item;
    (void)self;
    tell_ident(&idents[0]);
    CHECK_INT(thrum_queue_get(queues[0], &item, THRUM_FOREVER), ==, 0);
    return thrum_queue_get(queues[1], &item, THRUM_FOREVER);
}

static void use_queues(void)
{
    int item;
    for (int i = 0; i < 2; i++) {
        CHECK_INT(thrum_queue_put(queues[i], &(int){5}, THRUM_NOW), ==, 0);
        CHECK_INT(thrum_queue_get(queues[i], &item, THRUM_NOW), ==, 0);
        CHECK_INT(item, ==, i == 0 ? 5 : 4);
        if (i == 1)
            CHECK_INT(thrum_queue_get(queues[i], &item, THRUM_NOW), ==, 0);
        CHECK_INT(thrum_queue_get(queues[i], &item, thrum_in(0.01)), ==, -ETIMEDOUT);
        thrum_queue_free(queues[i]);
    }
}

/* One is empty and waited for, the other has an item. */
static void try_queues(const thrum_queue_options *options)
{
    for (int i = 0; i < 2; i++)
        queues[i] = thrum_queue_new(sizeof(int), options);
    CHECK_INT(thrum_queue_put(queues[1], &(int){4}, THRUM_NOW), ==, 0);
    thrum_thread *thread = other(wait_for_item, "condition");
    in_child(use_queues);
    CHECK_INT(thrum_queue_put(queues[0], &(int){6}, THRUM_NOW), ==, 0);
    finish(thread);
    for (int i = 0; i < 2; i++)
        thrum_queue_free(queues[i]);
}

TEST(a_queue_keeps_its_items_and_forgets_who_waits)
{
    try_queues(NULL);
    try_queues(&(thrum_queue_options){.max_size = 3});
}

static void use_deque(void)
{
    int item;
    CHECK_INT(thrum_deque_pop_left(deque, &item), ==, 0);
    CHECK_INT(item, ==, 7);
}

TEST(a_deque_keeps_its_items)
{
    deque = thrum_deque_new(sizeof(int), NULL);
    CHECK_INT(thrum_deque_append(deque, &(int){7}), ==, 0);
    in_child(use_deque);
    thrum_deque_free(deque);
}

/* --------------------------------------------------------------------- tasks, pools, futures, threads */

static thrum_executor *pool;
static thrum_future *running, *queued, *pending, *made, *ended;
static thrum_group *group, *other_group;

static int wait_for_go(thrum_task *self)
{
    (void)self;
    stay();
    return 0;
}

static int seven(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 7));
}

/* One of two is lost, and the other is ended here. */
static void use_several(void)
{
    size_t index = 9;
    thrum_future *both[] = {running, made};
    thrum_as_completed *done = thrum_as_completed_new(both, 2);
    CHECK_INT(thrum_as_completed_next(done, &index, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_future_set_result(made, thrum_value(int, 8)), ==, 0);
    CHECK_INT(thrum_as_completed_next(done, &index, THRUM_FOREVER), ==, 0);
    CHECK_INT(index, ==, 1);
    CHECK_INT(thrum_as_completed_next(done, &index, THRUM_FOREVER), ==, -ESRCH);
    CHECK_INT(thrum_as_completed_next(done, &index, THRUM_NOW), ==, -ESRCH);
    thrum_case first[] = {thrum_case_as_completed(done, &index), thrum_case_future(pending)};
    CHECK_INT(thrum_select(first, 2, THRUM_FOREVER), ==, 0);
    CHECK_INT(first[0].code, ==, -ESRCH);
    thrum_as_completed_free(done);
    thrum_case cases[] = {thrum_case_future(pending), thrum_case_future(queued)};
    CHECK_INT(thrum_select(cases, 2, THRUM_FOREVER), ==, 1);
    CHECK_INT(cases[1].code, ==, -ESRCH);
    CHECK_INT(thrum_future_cancel(running), ==, -EINPROGRESS); /* touches nobody of the parent */
}

/* It has a task that runs in the parent, one that is pending there, and one that is done. */
static void use_group(void)
{
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, -ESRCH);
    CHECK_INT(thrum_group_error(group)->code, ==, -ESRCH);
    thrum_executor *here = thrum_inline_new();
    thrum_future_free(thrum_group_submit(group, here, seven, THRUM_NOTHING));
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0);
    thrum_group_free(group);
    thrum_group_free(other_group); /* without a join */
    thrum_executor_shutdown(here);
}

static void use_futures(void)
{
    int result;
    use_group();
    CHECK_INT(thrum_future_result(ended, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 7);
    CHECK_INT(thrum_future_result(running, NULL, 0, THRUM_FOREVER), ==, -ESRCH);
    CHECK_INT(thrum_future_wait(queued, THRUM_FOREVER), ==, -ESRCH);
    thrum_future *both[] = {running, queued, pending, ended};
    CHECK_INT(thrum_wait(both, 2, THRUM_WAIT_FIRST_COMPLETED, THRUM_FOREVER), ==, -ESRCH);
    CHECK_INT(thrum_wait(both, 3, THRUM_WAIT_FIRST_COMPLETED, thrum_in(0.01)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_wait(both, 4, THRUM_WAIT_FIRST_COMPLETED, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_wait(both, 4, THRUM_WAIT_ALL_COMPLETED, THRUM_FOREVER), ==, -ESRCH);
    CHECK_INT(thrum_wait(both, 4, THRUM_WAIT_FIRST_FAILED, THRUM_FOREVER), ==, -ESRCH);
    CHECK_INT(thrum_future_result(pending, NULL, 0, thrum_in(0.01)), ==, -ETIMEDOUT);
    thrum_future *late = thrum_submit(pool, seven, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(late, &result, sizeof result, THRUM_FOREVER),
                  thrum_future_error(late), -ESRCH);
    thrum_future_free(late);
    use_several();
    CHECK_INT(thrum_future_result(made, &result, sizeof result, THRUM_FOREVER), ==, 0);
    thrum_future_free(ended);
    thrum_future_free(running);
    thrum_future_free(queued);
    thrum_future_free(pending);
    thrum_future_free(made);
    thrum_executor_shutdown(pool);
}

static void try_pool(void)
{
    idents[0] = 0;
    ended = thrum_submit(pool, seven, THRUM_NOTHING);
    CHECK_INT(thrum_future_wait(ended, THRUM_FOREVER), ==, 0);
    group = thrum_group_new();
    other_group = thrum_group_new();
    thrum_future_free(thrum_group_submit(group, pool, seven, THRUM_NOTHING));
    running = thrum_group_submit(group, pool, wait_for_go, THRUM_NOTHING);
    UNTIL(waits_for(&idents[0], "event"));
    thrum_future_free(thrum_group_submit(group, pool, wait_for_go, THRUM_NOTHING));
    thrum_future_free(thrum_group_submit(other_group, pool, wait_for_go, THRUM_NOTHING));
    queued = thrum_submit(pool, wait_for_go, THRUM_NOTHING); /* pending, or another fiber */
    pending = thrum_future_new();
    made = thrum_future_new();
    in_child(use_futures);
    thrum_event_set(&go);
    CHECK_INT(thrum_future_result(running, NULL, 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_set_result(pending, thrum_value(int, 1)), ==, 0);
    CHECK_INT(thrum_future_set_result(made, thrum_value(int, 1)), ==, 0);
    thrum_future *all[] = {ended, running, queued, pending, made};
    for (int i = 0; i < 5; i++)
        thrum_future_free(all[i]);
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_group_join(other_group, THRUM_FOREVER), ==, 0);
    thrum_group_free(group);
    thrum_group_free(other_group);
    thrum_executor_shutdown(pool);
    thrum_event_clear(&go);
}

TEST(a_thread_pool_with_work_is_lost_and_says_so)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    try_pool();
}

TEST(a_fiber_pool_with_work_is_lost_and_says_so)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    try_pool();
}

static int run_until_killed(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(100));
}

static thrum_process *process;

static void use_processes(void)
{
    thrum_future *late = thrum_submit(pool, seven, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(late, NULL, 0, THRUM_FOREVER), thrum_future_error(late),
                  -ESRCH);
    thrum_future_free(late);
    CHECK_INT(thrum_future_result(running, NULL, 0, THRUM_FOREVER), ==, -ESRCH);
    thrum_executor_shutdown(pool);
    CHECK(!thrum_process_is_alive(process));
    CHECK_INT(thrum_process_join(process, THRUM_FOREVER), ==, -ESRCH);
    CHECK_INT(thrum_process_kill(process), ==, -EALREADY);
}

TEST(a_process_pool_with_work_and_a_process_belong_to_the_parent)
{
    pool = thrum_process_pool_new(
        &(thrum_process_pool_options){.max_workers = 1, .kill_on_cancel = true});
    running = thrum_submit(pool, run_until_killed, THRUM_NOTHING);
    UNTIL(thrum_future_running(running));
    process = thrum_process_start(run_until_killed, THRUM_NOTHING);
    in_child(use_processes);
    CHECK(thrum_process_is_alive(process));
    CHECK_INT(thrum_process_kill(process), ==, 0);
    CHECK_OUTCOME(thrum_process_join(process, THRUM_FOREVER), thrum_process_error(process),
                  -ECHILD);
    thrum_process_free(process);
    (void)thrum_future_cancel(running);
    thrum_future_free(running);
    thrum_executor_shutdown(pool);
}

static thrum_thread *lost;

static void join_lost_thread(void)
{
    CHECK(!thrum_thread_is_alive(lost));
    CHECK_INT(thrum_thread_join(lost, THRUM_FOREVER), ==, -ESRCH);
    thrum_thread_free(lost);
    CHECK_INT(thrum_thread_active_count(), ==, 1);
}

TEST(a_thread_of_the_parent_is_lost_and_says_so)
{
    lost = other(wait_for_go, "event");
    in_child(join_lost_thread);
    finish(lost);
}

/* A fiber that forks goes on as the only thread of the child. */
static void go_on_as_a_thread(void)
{
    thrum_lock_acquire(&lock);
    CHECK_INT(thrum_sleep(thrum_in(0.001)), ==, 0);
    CHECK_INT(thrum_event_wait(&event, thrum_in(0.001)), ==, -ETIMEDOUT);
    thrum_lock_release(&lock);
    if (!SANITIZED)
        JOIN(thrum_thread_start(seven, THRUM_NOTHING), 0);
}

static int fork_in_fiber(thrum_task *self)
{
    (void)self;
    in_child(go_on_as_a_thread);
    return 0;
}

TEST(a_fiber_that_forks_goes_on_as_a_thread)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2});
    thrum_future *future = thrum_submit(pool, fork_in_fiber, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}
