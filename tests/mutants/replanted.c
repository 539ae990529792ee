/* Small programs on libthrum for tests/mutants/replanted: `replanted NAME` runs one, `replanted` lists all. Each meets a
 * defect that the library once had, in some schedules. Without it, none ends otherwise than by status 0.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thrum.h>
#include <unistd.h>

enum { CHILDREN = 6 };

static thrum_executor *pool;
static thrum_lock lock = THRUM_LOCK_INIT;
static thrum_rwlock rwlock;
static thrum_event begun, go_on;
static uint32_t ran;

static int child(thrum_task *self)
{
    (void)self;
    ran++;
    return 0;
}

static void shut_down_now(void)
{
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.cancel_pending = true});
}

static thrum_executor *new_pool(int workers)
{
    thrum_executor *made =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
    assert(made);
    return made;
}

/* ---- a shutdown beside a fork and a join ---- */

static int fork_and_join(thrum_task *self)
{
    (void)self;
    thrum_event_set(&begun);
    for (int i = 0; i < CHILDREN; i++) {
        thrum_future *future = thrum_submit(pool, child, NULL, 0);
        (void)!thrum_future_wait(future, THRUM_FOREVER);
        thrum_future_free(future);
    }
    return 0;
}

static void shutdown_beside_join(void)
{
    pool = new_pool(1);
    thrum_future *parent = thrum_submit(pool, fork_and_join, NULL, 0);
    (void)!thrum_event_wait(&begun, THRUM_FOREVER);
    shut_down_now();
    (void)!thrum_future_wait(parent, THRUM_FOREVER);
    thrum_future_free(parent);
    assert(ran <= CHILDREN);
}

static int fork_only(thrum_task *self)
{
    (void)self;
    thrum_event_set(&begun);
    for (int i = 0; i < CHILDREN; i++)
        thrum_future_free(thrum_submit(pool, child, NULL, 0));
    return 0;
}

static void shutdown_beside_fork(void)
{
    pool = new_pool(1);
    thrum_future *parent = thrum_submit(pool, fork_only, NULL, 0);
    (void)!thrum_event_wait(&begun, THRUM_FOREVER);
    thrum_executor_shutdown(pool);
    (void)!thrum_future_wait(parent, THRUM_FOREVER);
    thrum_future_free(parent);
    assert(ran <= CHILDREN);
}

/* ---- several submitters ---- */

static int submit_often(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < CHILDREN; i++) {
        thrum_future *future = thrum_submit(pool, child, NULL, 0);
        int rc = thrum_future_wait(future, THRUM_FOREVER);
        assert(rc == 0);
        thrum_future_free(future);
    }
    return 0;
}

static void three_submitters(void)
{
    thrum_thread *threads[3];
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2});
    assert(pool);
    for (int i = 0; i < 3; i++)
        threads[i] = thrum_thread_start(submit_often, NULL, 0);
    for (int i = 0; i < 3; i++) {
        int rc = thrum_thread_join(threads[i], THRUM_FOREVER);
        assert(rc == 0);
        thrum_thread_free(threads[i]);
    }
    thrum_executor_shutdown(pool);
}

/* ---- cancellation ---- */

static int not_cancelled(thrum_task *self)
{
    thrum_event_set(&begun);
    int rc = thrum_event_wait(&go_on, THRUM_FOREVER);
    assert(rc == 0 && !thrum_cancelled(self));
    return 0;
}

static int await_inner(thrum_task *self)
{
    (void)self;
    thrum_future *inner = thrum_submit(pool, not_cancelled, NULL, 0);
    (void)!thrum_future_wait(inner, THRUM_FOREVER);
    const thrum_error *error = thrum_future_error(inner);
    assert(!error);
    thrum_future_free(inner);
    return 0;
}

/* The outer task is cancelled, while the worker runs the inner one in place of a wait. */
static void cancel_of_the_outer(void)
{
    pool = new_pool(1);
    thrum_future *outer = thrum_submit(pool, await_inner, NULL, 0);
    (void)!thrum_event_wait(&begun, THRUM_FOREVER);
    thrum_future_cancel(outer);
    thrum_event_set(&go_on);
    thrum_future *next = thrum_submit(pool, not_cancelled, NULL, 0);
    (void)!thrum_future_wait(outer, THRUM_FOREVER);
    (void)thrum_future_error(outer);
    int rc = thrum_future_wait(next, THRUM_FOREVER);
    assert(rc == 0 && !thrum_future_error(next));
    thrum_future_free(outer);
    thrum_future_free(next);
    thrum_executor_shutdown(pool);
}

static int not_stopped(thrum_task *self)
{
    assert(!thrum_cancelled(self));
    return 0;
}

static int submit_when_cancelled(thrum_task *self)
{
    (void)self;
    thrum_event_set(&begun);
    thrum_future *inner = thrum_submit(pool, not_stopped, NULL, 0);
    (void)!thrum_future_wait(inner, THRUM_FOREVER);
    thrum_future_free(inner);
    return 0;
}

/* The outer task is cancelled before the inner one begins. */
static void cancel_before_the_inner(void)
{
    pool = new_pool(1);
    thrum_future *outer = thrum_submit(pool, submit_when_cancelled, NULL, 0);
    (void)!thrum_event_wait(&begun, THRUM_FOREVER);
    thrum_future_cancel(outer);
    (void)!thrum_future_wait(outer, THRUM_FOREVER);
    (void)thrum_future_error(outer);
    thrum_future_free(outer);
    thrum_executor_shutdown(pool);
}

static thrum_future *shared_inner;

static int wait_for_the_cancel(thrum_task *self)
{
    (void)self;
    thrum_event_set(&begun);
    return thrum_event_wait(&go_on, THRUM_FOREVER);
}

static int await_the_cancelled(thrum_task *self)
{
    shared_inner = thrum_submit(pool, wait_for_the_cancel, NULL, 0);
    (void)!thrum_future_wait(shared_inner, THRUM_FOREVER);
    assert(!thrum_cancelled(self));
    return 0;
}

/* The inner task is cancelled, which runs in place of the outer one's wait. */
static void cancel_of_the_inner(void)
{
    pool = new_pool(1);
    thrum_future *outer = thrum_submit(pool, await_the_cancelled, NULL, 0);
    (void)!thrum_event_wait(&begun, THRUM_FOREVER);
    thrum_future_cancel(shared_inner);
    (void)!thrum_future_wait(outer, THRUM_FOREVER);
    thrum_future_free(outer);
    (void)thrum_future_error(shared_inner);
    thrum_future_free(shared_inner);
    thrum_executor_shutdown(pool);
}

static int run_inline(thrum_task *self)
{
    (void)self;
    thrum_event_set(&begun);
    thrum_future *future = thrum_submit(pool, child, NULL, 0);
    (void)!thrum_future_wait(future, THRUM_FOREVER);
    thrum_future_free(future);
    assert(ran == 1);
    (void)!thrum_event_wait(&(thrum_event){0}, THRUM_FOREVER); /* only the request ends it */
    return 0;
}

/* The thread is cancelled, whatever it runs inside. */
static void cancel_of_the_thread(void)
{
    pool = thrum_inline_new();
    assert(pool);
    thrum_thread *thread = thrum_thread_start(run_inline, NULL, 0);
    (void)!thrum_event_wait(&begun, THRUM_FOREVER);
    thrum_thread_cancel(thread);
    (void)!thrum_thread_join(thread, THRUM_FOREVER);
    thrum_thread_free(thread);
    thrum_executor_shutdown(pool);
}

/* ---- forks ---- */

static int take_lock(thrum_task *self)
{
    (void)self;
    thrum_event_set(&begun);
    for (int i = 0; i < CHILDREN; i++) {
        thrum_lock_acquire(&lock);
        thrum_lock_release(&lock);
    }
    return 0;
}

/* The child takes a lock that a thread of the parent may have had. Then the library stops the child. It must not spin. */
static void fork_beside_locks(void)
{
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = thrum_thread_start(take_lock, NULL, 0);
    (void)!thrum_event_wait(&begun, THRUM_FOREVER);
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CPU, &(struct rlimit){1, 2});
        thrum_lock_acquire(&lock);
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        (void)!thrum_thread_join(threads[i], THRUM_FOREVER);
        thrum_thread_free(threads[i]);
    }
    int status;
    assert(pid > 0 && waitpid(pid, &status, 0) == pid);
    assert(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
}

static thrum_queue *cells;

static int put_often(thrum_task *self)
{
    const uint64_t items[2] = {1, 2};
    (void)self;
    thrum_event_set(&begun);
    for (int i = 0; i < CHILDREN / 2; i++) {
        size_t put;
        (void)!thrum_queue_put_many(cells, items, 2, &put, THRUM_NOW);
    }
    return 0;
}

/* The child takes what is in the queue. A cell that a thread of the parent has claimed and not filled would keep it for ever. */
static void fork_beside_puts(void)
{
    thrum_thread *threads[2];
    cells = thrum_queue_new(sizeof(uint64_t), &(thrum_queue_options){.max_size = 16});
    assert(cells);
    for (int i = 0; i < 2; i++)
        threads[i] = thrum_thread_start(put_often, NULL, 0);
    (void)!thrum_event_wait(&begun, THRUM_FOREVER);
    pid_t pid = fork();
    if (pid == 0) {
        uint64_t item;
        setrlimit(RLIMIT_CPU, &(struct rlimit){1, 2});
        while (thrum_queue_get(cells, &item, THRUM_NOW) == 0)
            ;
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        (void)!thrum_thread_join(threads[i], THRUM_FOREVER);
        thrum_thread_free(threads[i]);
    }
    int status;
    assert(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    thrum_queue_free(cells);
}

/* ---- the end of the program ---- */

static void see_both(void)
{
    if (ran != 2)
        abort();
}

static void end_of_main(void)
{
    atexit(see_both);
    pool = new_pool(1);
    thrum_future_free(thrum_submit(pool, child, NULL, 0));
    thrum_future_free(thrum_submit(pool, child, NULL, 0));
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
}

/* ---- locks, statistics ---- */

static int write_once(thrum_task *self)
{
    (void)self;
    thrum_rwlock_acquire_write(&rwlock);
    thrum_rwlock_release_write(&rwlock);
    return 0;
}

static void read_again_beside_a_writer(void)
{
    thrum_thread *thread = thrum_thread_start(write_once, NULL, 0);
    for (int i = 0; i < 5; i++)
        thrum_rwlock_acquire_read(&rwlock);
    for (int i = 0; i < 5; i++)
        thrum_rwlock_release_read(&rwlock);
    (void)!thrum_thread_join(thread, THRUM_FOREVER);
    thrum_thread_free(thread);
}

static void statistics_beside_tasks(void)
{
    thrum_executor_stats stats;
    pool = new_pool(2);
    thrum_future *future = thrum_submit(pool, child, NULL, 0);
    for (int i = 0; i < 2; i++) {
        thrum_executor_stats_get(pool, &stats);
        assert(stats.idle <= stats.workers && stats.pending + stats.running + stats.done == 1);
    }
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"shutdown_beside_join", shutdown_beside_join},
    {"shutdown_beside_fork", shutdown_beside_fork},
    {"three_submitters", three_submitters},
    {"cancel_of_the_outer", cancel_of_the_outer},
    {"cancel_before_the_inner", cancel_before_the_inner},
    {"cancel_of_the_inner", cancel_of_the_inner},
    {"cancel_of_the_thread", cancel_of_the_thread},
    {"fork_beside_locks", fork_beside_locks},
    {"fork_beside_puts", fork_beside_puts},
    {"end_of_main", end_of_main},
    {"read_again_beside_a_writer", read_again_beside_a_writer},
    {"statistics_beside_tasks", statistics_beside_tasks},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (argc < 2)
            puts(cases[i].name);
        else if (strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            return 0;
        }
    return argc < 2 ? 0 : 2;
}
