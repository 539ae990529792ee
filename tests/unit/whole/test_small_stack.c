/* Every kind of public operation on the smallest stacks that the documentation allows: a fiber of 16 KiB, and
 * a thread of PTHREAD_STACK_MIN, which is not less here. An overflow meets the guard page and ends the test by SIGSEGV.
 *
 * Each body runs on several such stacks at once, some rounds each, so that it meets contention, and in a
 * process of its own, so that what is done once is done there. Sanitizers and builds without optimisation use
 * more stack than is promised. */
#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#ifdef __OPTIMIZE__
enum { PROMISED = !SANITIZED };
#else
enum { PROMISED = false };
#endif

enum { CARRIERS = 4, FIBER_STACK = 16384 };

struct work {
    void (*body)(void);
    int rounds;
};

static void *run_in_thread(void *argument)
{
    const struct work *work = argument;
    for (int i = 0; i < work->rounds; i++)
        work->body();
    return NULL;
}

static int run_in_fiber(thrum_task *self)
{
    struct work work = thrum_arg(self, struct work);
    run_in_thread(&work);
    return 0;
}

static void on_threads(struct work work)
{
    pthread_attr_t attributes;
    pthread_t threads[CARRIERS];
    if (!PROMISED)
        return;
    CHECK_INT(pthread_attr_init(&attributes), ==, 0);
    size_t least =
        (size_t)PTHREAD_STACK_MIN; /* 2 KiB with musl, which is no place to call anything */
    least = least > FIBER_STACK ? least : FIBER_STACK;
    CHECK_INT(pthread_attr_setstacksize(&attributes, least), ==, 0);
    for (int i = 0; i < CARRIERS; i++)
        CHECK_INT(pthread_create(&threads[i], &attributes, run_in_thread, &work), ==, 0);
    for (int i = 0; i < CARRIERS; i++)
        CHECK_INT(pthread_join(threads[i], NULL), ==, 0);
    pthread_attr_destroy(&attributes);
}

static void on_fibers(struct work work)
{
    thrum_future *futures[CARRIERS];
    if (!PROMISED)
        return;
    thrum_executor *pool = thrum_fiber_pool_new(
        &(thrum_fiber_pool_options){.max_workers = 2, .stack_size = FIBER_STACK});
    for (int i = 0; i < CARRIERS; i++)
        futures[i] = thrum_submit(pool, run_in_fiber, &work, sizeof work);
    for (int i = 0; i < CARRIERS; i++) {
        CHECK_INT(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
}

#define SMALL(name, rounds)                                                                        \
    static void body_of_##name(void);                                                              \
    TEST_DEADLINE(name##_on_threads, 60)                                                           \
    {                                                                                              \
        on_threads((struct work){body_of_##name, rounds});                                         \
    }                                                                                              \
    TEST_DEADLINE(name##_on_fibers, 60)                                                            \
    {                                                                                              \
        on_fibers((struct work){body_of_##name, rounds});                                          \
    }                                                                                              \
    static void body_of_##name(void)

static int nothing(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 1));
}

static int nap(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(0.001));
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -EIO, "a failure with %d and a long text: %0100d", 1, 2);
}

static int rejected(int rc)
{
    CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -EAGAIN);
    return rc;
}

/* ------------------------------------------------------------------------------------------ sync */

SMALL(locks, 50)
{
    static thrum_lock lock;
    static thrum_rlock rlock;
    thrum_lock_acquire(&lock);
    thrum_yield();
    thrum_lock_release(&lock);
    if (rejected(thrum_lock_acquire_until(&lock, thrum_in(1e-5))) == 0)
        thrum_lock_release(&lock);
    thrum_rlock_acquire(&rlock);
    CHECK_INT(thrum_rlock_try(&rlock), ==, 0);
    thrum_yield();
    thrum_rlock_release(&rlock);
    thrum_rlock_release(&rlock);
    if (rejected(thrum_rlock_acquire_until(&rlock, thrum_in(1e-5))) == 0)
        thrum_rlock_release(&rlock);
}

SMALL(rwlocks, 50)
{
    static thrum_rwlock locks[8];
    for (int i = 0; i < 8; i++)
        thrum_rwlock_acquire_read(&locks[i]);
    thrum_yield();
    for (int i = 0; i < 8; i++)
        thrum_rwlock_release_read(&locks[i]);
    thrum_rwlock_acquire_write(&locks[0]);
    thrum_yield();
    thrum_rwlock_release_write(&locks[0]);
    if (rejected(thrum_rwlock_acquire_write_until(&locks[0], thrum_in(1e-5))) == 0)
        thrum_rwlock_release_write(&locks[0]);
}

SMALL(semaphores_and_events, 50)
{
    static thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(2);
    static thrum_event event;
    thrum_semaphore_acquire(&semaphore);
    thrum_yield();
    thrum_semaphore_release(&semaphore, 1);
    if (rejected(thrum_semaphore_acquire_until(&semaphore, thrum_in(1e-5))) == 0)
        thrum_semaphore_release(&semaphore, 1);
    thrum_event_clear(&event);
    rejected(thrum_event_wait(&event, thrum_in(1e-5)));
    thrum_event_set(&event);
}

static bool is_even(void *number)
{
    return *(int *)number % 2 == 0;
}

SMALL(conditions_and_barriers, 20)
{
    static thrum_condition condition;
    static thrum_barrier barrier = THRUM_BARRIER_INIT(2);
    static int number;
    thrum_with (&condition) {
        number++;
        thrum_condition_notify(&condition, 1);
        rejected(thrum_condition_wait_for(&condition, is_even, &number, thrum_in(1e-4)));
        thrum_condition_notify_all(&condition);
    }
    int rc = thrum_barrier_wait(&barrier, thrum_in(1e-4));
    CHECK(rc >= 0 || rc == -ETIMEDOUT || rc == -EPIPE);
    if (rc < 0)
        thrum_barrier_reset(&barrier);
}

static int make(void *made)
{
    thrum__add_relaxed((uint32_t *)made, 1);
    return 0;
}

SMALL(once_locals_and_time, 20)
{
    static thrum_once once;
    static uint32_t made;
    static thrum_local local;
    CHECK_INT(thrum_once_run(&once, make, &made), ==, 0);
    CHECK_INT(made, ==, 1);
    CHECK_INT(thrum_local_set(&local, &made), ==, 0);
    CHECK(thrum_local_get(&local) == &made);
    CHECK_INT(thrum_sleep(thrum_in(1e-5)), ==, 0);
    thrum_shield_begin();
    thrum_shield_end();
    CHECK(thrum_cpu_count() > 0);
}

/* ---------------------------------------------------------------------------------------- threads */

SMALL(threads_and_timers, 5)
{
    thrum_thread_info infos[4];
    thrum_thread *thread = thrum_thread_start(nap, THRUM_NOTHING);
    CHECK_INT(thrum_thread_enumerate(infos, 4), >, 0);
    CHECK_INT(thrum_thread_join(thread, THRUM_FOREVER), ==, 0);
    thrum_thread_free(thread);
    thread = thrum_thread_start_with(&(thrum_thread_options){.start_at = thrum_in(1000)}, nothing,
                                     THRUM_NOTHING);
    thrum_thread_cancel(thread);
    CHECK_OUTCOME(thrum_thread_join(thread, THRUM_FOREVER), thrum_thread_error(thread), -ECANCELED);
    thrum_thread_free(thread);
    thread = thrum_thread_start(fail, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_thread_join(thread, THRUM_FOREVER), thrum_thread_error(thread), -EIO);
    thrum_thread_free(thread);
}

/* A failure that nobody asks for is printed by the one that gives the handle up. */
SMALL(unobserved_failures, 5)
{
    thrum_executor *executor = thrum_inline_new();
    thrum_future_free(thrum_submit(executor, fail, THRUM_NOTHING));
    thrum_executor_shutdown(executor);
}

/* ----------------------------------------------------------------------------------------- queues */

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void use_queue(const thrum_queue_options *options)
{
    int items[4] = {1, 2, 3, 4};
    size_t count;
    thrum_queue *queue = thrum_queue_new(sizeof(int), options);
    CHECK(queue != NULL);
    CHECK_INT(thrum_queue_put(queue, &items[0], THRUM_FOREVER), ==, 0);
    rejected(thrum_queue_put_many(queue, items, 4, &count, thrum_in(1e-5)));
    CHECK_INT(thrum_queue_get(queue, &items[0], THRUM_FOREVER), ==, 0);
    thrum_queue_task_done(queue);
    while (thrum_queue_get_many(queue, items, 4, &count, thrum_in(1e-5)) == 0)
        for (size_t i = 0; i < count; i++)
            thrum_queue_task_done(queue);
    CHECK_INT(thrum_queue_join(queue, THRUM_FOREVER), ==, 0);
    size_t index;
    thrum_queue *both[] = {queue, queue};
    CHECK_INT(thrum_queue_get_any(both, 1, &index, &items[0], thrum_in(1e-5)), ==, -ETIMEDOUT);
    thrum_queue_close(queue);
    thrum_queue_free(queue);
}

SMALL(queues, 5)
{
    use_queue(NULL);
    use_queue(&(thrum_queue_options){.max_size = 2});
    use_queue(&(thrum_queue_options){.order = THRUM_QUEUE_LIFO, .max_size = 2});
    use_queue(&(thrum_queue_options){.order = THRUM_QUEUE_PRIORITY, .compare = compare_ints});
}

SMALL(selects, 5)
{
    enum { CASES = 8 };
    thrum_queue *queues[CASES];
    int item = 0, ends[2];
    thrum_case cases[CASES];
    CHECK_INT(pipe(ends), ==, 0);
    for (int i = 0; i < CASES; i++) {
        queues[i] = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = i % 2});
        CHECK(queues[i] != NULL);
        cases[i] = thrum_case_get(queues[i], &item);
    }
    CHECK_INT(thrum_select(cases, CASES, thrum_in(1e-5)), ==, -ETIMEDOUT);
    cases[0] = thrum_case_readable(ends[0]);
    CHECK_INT(thrum_select(cases, CASES, thrum_in(1e-5)), ==, -ETIMEDOUT);
    for (int i = 0; i < CASES; i++)
        thrum_queue_free(queues[i]);
    close(ends[0]);
    close(ends[1]);
}

SMALL(deques, 5)
{
    int items[4] = {1, 2, 3, 4};
    void *copy;
    size_t count;
    thrum_deque *deque = thrum_deque_new(sizeof(int), NULL);
    CHECK_INT(thrum_deque_extend(deque, items, 4), ==, 0);
    thrum_deque_rotate(deque, 1);
    CHECK_INT(thrum_deque_snapshot(deque, &copy, &count), ==, 0);
    thrum_deque_snapshot_free(copy);
    CHECK_INT(thrum_deque_pop_left(deque, &items[0]), ==, 0);
    thrum_deque_free(deque);
}

/* -------------------------------------------------------------------------------------- executors */

static int count_call(thrum_future *future, void *calls)
{
    (void)future;
    thrum__add_relaxed((uint32_t *)calls, 1);
    return 0;
}

static void use_futures(thrum_executor *executor, thrum_executor *then)
{
    int items[8] = {0}, results[8];
    uint32_t calls = 0;
    size_t index;
    thrum_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = thrum_submit(executor, nothing, THRUM_NOTHING);
    CHECK_INT(thrum_future_add_done_callback(futures[0], count_call, &calls), ==, 0);
    CHECK_INT(thrum_wait(futures, 3, THRUM_WAIT_ALL_COMPLETED, THRUM_FOREVER), >=, 0);
    thrum_as_completed *done = thrum_as_completed_new(futures, 3);
    CHECK_INT(thrum_as_completed_next(done, &index, THRUM_FOREVER), ==, 0);
    thrum_as_completed_free(done);
    UNTIL(thrum__load_acquire(&calls) == 1);
    futures[0] = thrum_future_then(futures[0], then, nothing);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(thrum_future_result(futures[i], results, sizeof(int), THRUM_FOREVER), ==, 0);
        thrum_future_free(futures[i]);
    }
    CHECK_INT(thrum_map(executor, nothing,
                        &(thrum_map_options){.count = 8,
                                             .args = items,
                                             .arg_size = sizeof(int),
                                             .results = results,
                                             .result_size = sizeof(int),
                                             .deadline = THRUM_FOREVER}),
              ==, 0);
    thrum_group *group = thrum_group_new();
    thrum_future *member = thrum_group_submit(group, executor, fail, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -EIO);
    thrum_future_free(member);
    thrum_group_free(group);
}

SMALL(inline_executors, 5)
{
    thrum_executor *executor = thrum_inline_new();
    use_futures(executor, executor);
    thrum_executor_shutdown(executor);
}

SMALL(thread_pools, 3)
{
    thrum_executor *executor = thrum_thread_pool_new(&(thrum_thread_pool_options){
        .max_workers = 2, .max_pending = 2, .when_full = THRUM_WHEN_FULL_WAIT});
    thrum_executor *then = thrum_inline_new();
    use_futures(executor, then);
    CHECK_INT(thrum_thread_pool_resize(executor, 1), ==, 0);
    thrum_executor_shutdown(executor);
    thrum_executor_shutdown(then);
}

SMALL(fiber_pools, 3)
{
    thrum_executor *executor = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    use_futures(executor, executor);
    thrum_executor_shutdown(executor);
}

SMALL(futures_by_hand, 5)
{
    int one = 1;
    thrum_future *future = thrum_future_new();
    CHECK_INT(thrum_future_set_running(future), ==, 0);
    CHECK_INT(thrum_future_wait(future, thrum_in(1e-5)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_future_set_result(future, &one, sizeof one), ==, 0);
    future = thrum_future_new();
    CHECK_INT(thrum_future_cancel(future), ==, 0);
    thrum_future_set_error(future, -EIO, "%0100d", 1);
}

SMALL(calls_that_block, 3)
{
    int result;
    CHECK_INT(thrum_blocking(nothing, NULL, 0, &result, sizeof result, NULL, THRUM_FOREVER), ==, 0);
}

/* -------------------------------------------------------------------------------------- processes */

SMALL(processes, 1)
{
    int result;
    thrum_process *process = thrum_process_start(nothing, THRUM_NOTHING);
    CHECK_INT(thrum_process_result(process, &result, sizeof result, THRUM_FOREVER), ==, 0);
    thrum_process_free(process);
}

SMALL(process_pools, 1)
{
    thrum_executor *executor =
        thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = 1});
    thrum_executor *then = thrum_thread_pool_new(NULL);
    use_futures(executor, then);
    thrum_executor_shutdown(executor);
    thrum_executor_shutdown(then);
}

/* ------------------------------------------------------------------------------------------- net */

static void talk(thrum_socket *one, thrum_socket *other)
{
    char text[64];
    CHECK_INT(thrum_socket_read(other, text, sizeof text, thrum_in(1e-4)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_socket_write(one, "hello", 5, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_read(other, text, sizeof text, THRUM_FOREVER), ==, 5);
    CHECK_INT(thrum_socket_address(one, text, sizeof text), ==, 0);
    thrum_socket_free(one);
    thrum_socket_free(other);
}

SMALL(sockets, 5)
{
    thrum_socket *listener, *one, *other;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    talk(one, other);
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    CHECK_INT(thrum_socket_connect("127.0.0.1", port, &one, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_accept(listener, &other, THRUM_FOREVER), ==, 0);
    talk(one, other);
    CHECK_INT(thrum_socket_accept(listener, &other, thrum_in(1e-4)), ==, -ETIMEDOUT);
    thrum_socket_free(listener);
}

SMALL(pipes_and_signals, 5)
{
    char text[8];
    size_t size;
    thrum_pipe *one, *other;
    CHECK_INT(thrum_pipe_new(&one, &other), ==, 0);
    CHECK_INT(thrum_pipe_send(one, "hello", 5, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_pipe_receive(other, text, sizeof text, &size, THRUM_FOREVER), ==, 0);
    thrum_pipe_free(one);
    thrum_pipe_free(other);
    int number = SIGUSR1;
    thrum_signals *signals;
    int rc = thrum_signals_new(&number, 1, &signals);
    if (rc == -EBUSY) /* another carrier waits for it */
        return;
    CHECK_INT(rc, ==, 0);
    CHECK_INT(thrum_signals_wait(signals, thrum_in(1e-4)), ==, -ETIMEDOUT);
    thrum_signals_free(signals);
}

/* ---------------------------------------------------------------------------------------- shared */

SMALL(what_processes_share, 10)
{
    static thrum_shared_lock lock;
    static thrum_shared_condition condition;
    static thrum_shared_semaphore semaphore = {.state_ = 1};
    static thrum_shared_event event;
    CHECK_INT(thrum_shared_lock_acquire(&lock), ==, 0);
    rejected(thrum_shared_condition_wait(&condition, &lock, thrum_in(1e-4)));
    thrum_shared_condition_notify_all(&condition);
    thrum_yield();
    thrum_shared_lock_release(&lock);
    thrum_shared_semaphore_acquire(&semaphore);
    thrum_yield();
    thrum_shared_semaphore_release(&semaphore, 1);
    rejected(thrum_shared_event_wait(&event, thrum_in(1e-4)));
}

SMALL(shared_memory_and_queues, 5)
{
    int item = 1;
    char name[64];
    thrum_shared_memory *memory, *again;
    snprintf(name, sizeof name, "/thrum-test-%d-%u", (int)getpid(), thrum_thread_current_ident());
    CHECK_INT(thrum_shared_memory_new(name, thrum_shared_queue_size(sizeof(int), 2), &memory), ==,
              0);
    CHECK_INT(thrum_shared_memory_open(name, &again), ==, 0);
    thrum_shared_queue *queue = thrum_shared_memory_address(memory);
    CHECK_INT(thrum_shared_queue_init(queue, sizeof(int), 2), ==, 0);
    CHECK_INT(thrum_shared_queue_put(queue, &item, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_shared_queue_get(queue, &item, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_shared_queue_get(queue, &item, thrum_in(1e-4)), ==, -ETIMEDOUT);
    thrum_shared_memory_free(again);
    thrum_shared_memory_free(memory);
}

/* ------------------------------------------------------------------------------------------ flow */

SMALL(flow, 3)
{
    thrum_rate_limiter limiter;
    thrum_rate_limiter_init(&limiter, 1e6, 1);
    CHECK_INT(thrum_rate_limiter_acquire(&limiter, 1, THRUM_FOREVER), ==, 0);
    thrum_keyed_rate_limiter *keyed = thrum_keyed_rate_limiter_new(NULL);
    CHECK_INT(thrum_keyed_rate_limiter_acquire(keyed, "k", 1, 1, THRUM_FOREVER), ==, 0);
    thrum_keyed_rate_limiter_free(keyed);
    thrum_periodic *periodic =
        start_periodic(&(thrum_periodic_options){.period = 0.001}, nothing, THRUM_NOTHING);
    UNTIL(thrum_periodic_ticks(periodic) > 0);
    CHECK_INT(thrum_periodic_stop(periodic, THRUM_FOREVER), ==, 0);
    thrum_periodic_free(periodic);
    thrum_retry retry = {.options = {.attempts = 2, .base = 1e-5}};
    while (thrum_retry_next(&retry))
        thrum_retry_fail(&retry, -EIO, "%0100d", 1);
    CHECK_INT(thrum_retry_code(&retry), ==, -EIO);
    thrum_circuit_breaker breaker = {0};
    uint64_t call;
    CHECK_INT(thrum_circuit_breaker_begin(&breaker, &call), ==, 0);
    thrum_circuit_breaker_end(&breaker, call, 0);
}
