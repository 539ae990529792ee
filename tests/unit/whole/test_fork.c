/* What a child made by fork finds of its parent's threads and what they held. */
#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"
#include "sync/fork_lock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static thrum_lock lock, free_lock;
static thrum_event go;
static uint32_t ident;

/* Runs `body` in a child and gives how it ended. */
static int status_of_child(void (*body)(void *argument), void *argument)
{
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        body(argument);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    return status;
}

static int hold_lock(thrum_task *self)
{
    (void)self;
    thrum_with (&lock) {
        tell_ident(&ident);
        CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
    }
    return 0;
}

static thrum_thread *start_holder(void)
{
    thrum_thread *thread = thrum_thread_start_with(&(thrum_thread_options){.name = "holder"},
                                                   hold_lock, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "event"));
    return thread;
}

static void use_what_is_free(void *thread)
{
    thrum_with (&free_lock)
        CHECK(thrum_lock_owned(&free_lock));
    CHECK_INT(thrum_lock_try(&lock), ==, -EAGAIN);
    CHECK(!thrum_thread_is_alive(thread));
    CHECK_INT(thrum_thread_join(thread, THRUM_FOREVER), ==, -ESRCH);
    CHECK_INT(thrum_thread_active_count(), ==, 1);
}

TEST(the_child_goes_on_with_what_it_can_use)
{
    thrum_thread *thread = start_holder();
    CHECK_INT(status_of_child(use_what_is_free, thread), ==, 0);
    thrum_event_set(&go);
    JOIN(thread, 0);
}

static void wait_for_lost_lock(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock);
}

TEST_STOPS(waiting_for_a_lock_that_was_left_behind_stops,
           "after a fork that left its holder behind, by thread \"MainThread\"; it is held by "
           "thread \"holder\"")
{
    start_holder();
    int status = status_of_child(wait_for_lost_lock, NULL);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
        abort();
}

static void release_own(void *unused)
{
    (void)unused;
    thrum_lock_release(&lock);
    thrum_with (&lock)
        CHECK(thrum_lock_owned(&lock));
}

TEST(what_the_forking_thread_holds_it_holds_in_the_child)
{
    thrum_lock_acquire(&lock);
    CHECK_INT(status_of_child(release_own, NULL), ==, 0);
    thrum_lock_release(&lock);
}

/* Threads of the parent wait for what is given in the child: it must not be given to them. */

static thrum_semaphore permits;
static thrum_lock fought_for;
static uint32_t waiting[2];

static int wait_for_lock(thrum_task *self)
{
    (void)self;
    tell_ident(&waiting[0]);
    thrum_with (&fought_for)
        return 0;
    return 0;
}

static int wait_for_permit(thrum_task *self)
{
    (void)self;
    tell_ident(&waiting[1]);
    return thrum_semaphore_acquire_until(&permits, THRUM_FOREVER);
}

static void give_and_take(void *unused)
{
    (void)unused;
    thrum_sleep(thrum_in(0.002)); /* they have waited long enough to be handed the lock */
    thrum_lock_release(&fought_for);
    CHECK_INT(thrum_lock_try(&fought_for), ==, 0);
    thrum_semaphore_release(&permits, 1);
    CHECK_INT(thrum_semaphore_try(&permits), ==, 0);
}

TEST(nothing_is_given_to_those_that_were_left_behind)
{
    thrum_lock_acquire(&fought_for);
    thrum_thread *first = thrum_thread_start(wait_for_lock, THRUM_NOTHING);
    thrum_thread *second = thrum_thread_start(wait_for_permit, THRUM_NOTHING);
    UNTIL(waits_for(&waiting[0], "lock") && waits_for(&waiting[1], "semaphore"));
    CHECK_INT(status_of_child(give_and_take, NULL), ==, 0);
    thrum_lock_release(&fought_for);
    thrum_semaphore_release(&permits, 1);
    JOIN(first, 0);
    JOIN(second, 0);
}

/* The same for one that selects. */

static thrum_queue *jobs;

static int select_all(thrum_task *self)
{
    int job;
    thrum_case cases[] = {thrum_case_lock(&fought_for), thrum_case_semaphore(&permits),
                          thrum_case_get(jobs, &job)};
    tell_ident(&waiting[0]);
    int index = thrum_select(cases, 3, THRUM_FOREVER);
    return thrum_return(self, &index, sizeof index);
}

static void give_and_select(void *unused)
{
    int job = 3;
    thrum_case cases[] = {thrum_case_get(jobs, &job), thrum_case_semaphore(&permits)};
    give_and_take(unused);
    CHECK_INT(thrum_queue_put(jobs, &job, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_select(cases, 2, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_select(cases, 2, thrum_in(0.001)), ==, -ETIMEDOUT);
    thrum_semaphore_release(&permits, 1);
    CHECK_INT(thrum_select(cases, 2, THRUM_FOREVER), ==, 1);
}

TEST(nothing_is_given_to_a_select_that_was_left_behind)
{
    for (int bounded = 0; bounded < 2; bounded++) {
        int index = -1;
        jobs = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = bounded ? 4 : 0});
        waiting[0] = 0;
        thrum_lock_acquire(&fought_for);
        thrum_thread *thread = thrum_thread_start(select_all, THRUM_NOTHING);
        UNTIL(waits_for(&waiting[0], "select"));
        CHECK_INT(status_of_child(give_and_select, NULL), ==, 0);
        thrum_semaphore_release(&permits, 1);
        CHECK_INT(thrum_thread_result(thread, &index, sizeof index, THRUM_FOREVER), ==, 0);
        CHECK_INT(index, ==, 1);
        thrum_thread_free(thread);
        thrum_lock_release(&fought_for);
        thrum_queue_free(jobs);
    }
}

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static void use_pool(void *memory)
{
    thrum_executor *pool = memory;
    thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ESRCH);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
    if (SANITIZED)
        return;
    pool = thrum_thread_pool_new(NULL);
    future = thrum_submit(pool, nothing, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

TEST(a_pool_is_dead_in_the_child_and_a_new_one_is_not)
{
    thrum_executor *pool = thrum_thread_pool_new(NULL);
    thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    CHECK_INT(status_of_child(use_pool, pool), ==, 0);
    thrum_executor_shutdown(pool);
}

/* The end of the child waits for the child's own pools, and not for its parent's. */
static void leave_pools_behind(void *unused)
{
    (void)unused;
    if (SANITIZED)
        exit(0);
    thrum_future_free(thrum_submit(thrum_thread_pool_new(NULL), nothing, THRUM_NOTHING));
    thrum_future_free(thrum_submit(thrum_fiber_pool_new(NULL), nothing, THRUM_NOTHING));
    exit(0);
}

TEST(the_end_of_a_child_does_not_wait_for_pools_of_its_parent)
{
    thrum_executor *pools[] = {thrum_thread_pool_new(NULL), thrum_fiber_pool_new(NULL)};
    for (int i = 0; i < 2; i++) {
        thrum_future *future = thrum_submit(pools[i], nothing, THRUM_NOTHING);
        CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
    }
    CHECK_INT(status_of_child(leave_pools_behind, NULL), ==, 0);
    for (int i = 0; i < 2; i++)
        thrum_executor_shutdown(pools[i]);
}

static bool enough;

static int allocate_until_enough(thrum_task *self)
{
    (void)self;
    void *taken
        [200]; /* more than a thread's cache holds, so that the locks of the allocator are taken */
    while (!thrum__load_acquire(&enough)) {
        for (int i = 0; i < 200; i++)
            taken[i] = malloc(2000);
        for (int i = 0; i < 200; i++)
            free(taken[i]);
    }
    return 0;
}

static void leave(void *unused)
{
    (void)unused;
    exit(0);
}

/* In a build for the address sanitizer this is a test of the harness, which switches the search for leaks off. */
TEST(a_child_ends_whatever_other_threads_of_its_parent_allocate)
{
    thrum_thread *thread = thrum_thread_start(allocate_until_enough, THRUM_NOTHING);
    for (int round = 0; round < 40; round++)
        CHECK_INT(status_of_child(leave, NULL), ==, 0);
    thrum__store_release(&enough, true);
    JOIN(thread, 0);
}

/* A fork that waits for a lock does not keep the fiber from running that has it. */

static thrum_lock held, new_lock;
static bool entering;

static int hold_until_go(thrum_task *self)
{
    (void)self;
    thrum__lock_across_fork(&held);
    thrum_with (&held)
        CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
    return 0;
}

static int enter_another(thrum_task *self)
{
    (void)self;
    thrum__store_release(&entering, true);
    thrum__lock_across_fork(&new_lock);
    return 0;
}

static int fork_once(thrum_task *self)
{
    (void)self;
    thrum__store_release(&ident, thrum_thread_current_ident());
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    CHECK_INT(waitpid(child, NULL, 0), ==, child);
    return 0;
}

TEST(a_fork_that_waits_for_a_fiber_does_not_stop_its_worker)
{
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_future *holder = thrum_submit(pool, hold_until_go, THRUM_NOTHING);
    UNTIL(thrum_lock_locked(&held));
    thrum_thread *forking = thrum_thread_start(fork_once, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "lock"));
    thrum_future *other = thrum_submit(pool, enter_another, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&entering));
    thrum_event_set(&go);
    CHECK_INT(thrum_future_result(holder, NULL, 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_result(other, NULL, 0, THRUM_FOREVER), ==, 0);
    JOIN(forking, 0);
    thrum_future_free(holder);
    thrum_future_free(other);
    thrum_executor_shutdown(pool);
}

/* Nor does one that has some of the locks keep them from one whom it waits for. */

static thrum_lock outer, inner;

static int take_the_inner_too(thrum_task *self)
{
    (void)self;
    thrum_with (&outer) {
        CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
        thrum_with (&inner)
            thrum_yield();
    }
    return 0;
}

TEST(a_fork_waits_for_locks_in_no_order)
{
    thrum__lock_across_fork(&inner);
    thrum__lock_across_fork(&outer);
    thrum_thread *holder = thrum_thread_start(take_the_inner_too, THRUM_NOTHING);
    UNTIL(thrum_lock_locked(&outer));
    thrum_thread *forking = thrum_thread_start(fork_once, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "lock"));
    thrum_event_set(&go);
    JOIN(holder, 0);
    JOIN(forking, 0);
}

static int count(thrum_task *self)
{
    (void)self;
    for (int i = 0; !thrum_event_is_set(&go); i++)
        thrum_with (&lock)
            if (i % 64 == 0)
                JOIN(thrum_thread_start(nothing, THRUM_NOTHING), 0);
    return 0;
}

static void start_thread(void *unused)
{
    (void)unused;
    if (!SANITIZED)
        JOIN(thrum_thread_start(nothing, THRUM_NOTHING), 0);
    thrum_with (&free_lock)
        CHECK(thrum_lock_owned(&free_lock));
}

TEST_DEADLINE(forks_amid_work_leave_usable_children, 60)
{
    thrum_thread *thread = thrum_thread_start(count, THRUM_NOTHING);
    for (int i = 0; i < 100; i++)
        CHECK_INT(status_of_child(start_thread, NULL), ==, 0);
    thrum_event_set(&go);
    JOIN(thread, 0);
}
