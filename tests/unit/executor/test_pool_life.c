/* The life of a pool: shutdowns that meet tasks, submitters and the end of the program; misuse. */
#include "base/memory.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
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
        rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(future));
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
        pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
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
    return thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
}

static thrum_executor *make_fibers(void)
{
    return thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
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

/* ------------------------------------------------------------------- the end of a worker's thread */

/* A thread that has left its pool still runs destructors of thread-specific data. */
static pthread_key_t key;
static uint32_t begun, ended;

static void destroy_slowly(void *unused)
{
    (void)unused;
    thrum__add_release(&begun, 1);
    usleep(50000); /* a shutdown that does not wait for the thread has returned by then */
    thrum__add_release(&ended, 1);
}

static int use_key(thrum_task *self)
{
    (void)self;
    CHECK_INT(pthread_setspecific(key, &key), ==, 0);
    return 0;
}

static void use_key_in(thrum_executor *executor, int tasks)
{
    for (int i = 0; i < tasks; i++) {
        thrum_future *future = thrum_submit(executor, use_key, THRUM_NOTHING);
        CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
    }
}

TEST(a_shutdown_returns_after_the_destructors_of_the_workers_threads)
{
    thrum_executor *(*const make[])(void) = {make_threads, make_fibers};
    CHECK_INT(pthread_key_create(&key, destroy_slowly), ==, 0);
    for (uint32_t i = 0; i < 2; i++) {
        thrum_executor *executor = make[i]();
        use_key_in(executor, 3);
        thrum_executor_shutdown(executor);
        CHECK_INT(thrum__load_acquire(&ended), ==, i + 1);
    }
}

static int use_key_beside(thrum_task *self)
{
    thrum_barrier *all = thrum_arg(self, thrum_barrier *);
    (void)use_key(self);
    return thrum_barrier_wait(all, THRUM_FOREVER) < 0 ? -EIO : 0;
}

TEST(a_shutdown_waits_for_workers_that_left_when_the_pool_shrank)
{
    enum { WORKERS = 4 };
    thrum_barrier all;
    thrum_future *futures[WORKERS];
    CHECK_INT(pthread_key_create(&key, destroy_slowly), ==, 0);
    thrum_barrier_init(&all, WORKERS, NULL, NULL);
    thrum_executor *executor =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = WORKERS});
    for (int i = 0; i < WORKERS; i++)
        futures[i] = thrum_submit(executor, use_key_beside, thrum_value(thrum_barrier *, &all));
    for (int i = 0; i < WORKERS; i++) {
        CHECK_INT(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(futures[i]);
    }
    CHECK_INT(thrum_thread_pool_resize(executor, 1), ==, 0);
    UNTIL(thrum__load_acquire(&begun) >= 1);
    thrum_executor_shutdown(executor);
    CHECK_INT(thrum__load_acquire(&ended), ==, WORKERS);
}

/* Writes a byte at its end. */
static int last_end;

static void destroy_and_tell(void *unused)
{
    destroy_slowly(unused);
    CHECK_INT(write(last_end, "x", 1), ==, 1);
}

/* Whether the end of the program waits for the thread of a pool that is gone, or is just ending. */
static bool exit_waits_for_the_thread(thrum_executor *(*make)(void), bool gone)
{
    int ends[2], status;
    char byte;
    CHECK_INT(pipe(ends), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        last_end = ends[1];
        CHECK_INT(pthread_key_create(&key, destroy_and_tell), ==, 0);
        thrum_executor *abandoned = make();
        use_key_in(abandoned, 1);
        thrum_executor_shutdown_with(abandoned, &(thrum_shutdown_options){.no_wait = true});
        UNTIL(!gone || thrum__load_acquire(&begun) == 1);
        exit(0);
    }
    close(ends[1]);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    bool told = read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    return told;
}

TEST(the_end_of_the_program_waits_for_the_threads_of_abandoned_pools)
{
    CHECK(exit_waits_for_the_thread(make_threads, false));
    CHECK(exit_waits_for_the_thread(make_threads, true));
    CHECK(exit_waits_for_the_thread(make_fibers, false));
    CHECK(exit_waits_for_the_thread(make_fibers, true));
}

/* A destructor may itself shut down the pool that its thread has left. */
static void shut_down_once(void *executor)
{
    if (thrum__add_relaxed(&begun, 1) > 0)
        return;
    thrum_executor_shutdown(executor);
    thrum__store_release(&ended, 1);
}

static thrum_local pool_to_shut_down = THRUM_LOCAL_INIT(shut_down_once);
static bool by_key;

static int set_and_meet(thrum_task *self)
{
    thrum_barrier *all = thrum_arg(self, thrum_barrier *);
    CHECK_INT(by_key ? pthread_setspecific(key, pool) : thrum_local_set(&pool_to_shut_down, pool),
              ==, 0);
    return thrum_barrier_wait(all, THRUM_FOREVER) < 0 ? -EIO : 0;
}

static void shrink_a_pool_that_a_destructor_shuts_down(void)
{
    thrum_barrier all;
    thrum_barrier_init(&all, 3, NULL, NULL);
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    for (int i = 0; i < 2; i++)
        thrum_future_free(thrum_submit(pool, set_and_meet, thrum_value(thrum_barrier *, &all)));
    CHECK(thrum_barrier_wait(&all, THRUM_FOREVER) >= 0);
    CHECK_INT(thrum_thread_pool_resize(pool, 1), ==, 0); /* one of the two leaves */
    UNTIL(thrum__load_acquire(&ended) == 1);
}

TEST(a_destructor_of_a_value_of_its_own_shuts_down_the_pool_that_its_thread_left)
{
    shrink_a_pool_that_a_destructor_shuts_down();
}

TEST(a_destructor_of_a_pthread_key_shuts_down_the_pool_that_its_thread_left)
{
    by_key = true;
    CHECK_INT(pthread_key_create(&key, shut_down_once), ==, 0);
    shrink_a_pool_that_a_destructor_shuts_down();
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
    (void)!thrum_future_wait(future, THRUM_FOREVER); /* stops the program */
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
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){
        .max_workers = 1, .max_pending = 1, .when_full = THRUM_WHEN_FULL_RUN});
    thrum_future_free(thrum_submit(pool, enter_and_wait, THRUM_NOTHING));
    CHECK_INT(thrum_event_wait(&entered, THRUM_FOREVER), ==, 0);
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
        thrum_executor *own = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
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
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 3});
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
