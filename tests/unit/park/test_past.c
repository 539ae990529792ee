/* A deadline that has passed ends every wait at once, however far back it lies: also one below 0, which the
 * kernel does not take for a time. */
#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Runs the body for each of these moments. */
#define PAST(name)                                                                                 \
    static void at_##name(thrum_deadline past);                                                    \
    TEST(name)                                                                                     \
    {                                                                                              \
        const thrum_deadline moments[] = {{1}, {-1}, {-1000000001}, {INT64_MIN}};                  \
        for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)                              \
            at_##name(moments[i]);                                                                 \
    }                                                                                              \
    static void at_##name(thrum_deadline past)

#define LATE(call) CHECK_INT(call, ==, -ETIMEDOUT)

static struct held {
    thrum_lock lock;
    thrum_rlock rlock;
    thrum_rwlock rwlock;
    thrum_shared_lock shared_lock;
    thrum_event held, release;
} held;

static int hold(thrum_task *self)
{
    (void)self;
    thrum_lock_acquire(&held.lock);
    thrum_rlock_acquire(&held.rlock);
    thrum_rwlock_acquire_write(&held.rwlock);
    CHECK_INT(thrum_shared_lock_acquire(&held.shared_lock), ==, 0);
    thrum_event_set(&held.held);
    CHECK_INT(thrum_event_wait(&held.release, THRUM_FOREVER), ==, 0);
    thrum_shared_lock_release(&held.shared_lock);
    thrum_rwlock_release_write(&held.rwlock);
    thrum_rlock_release(&held.rlock);
    thrum_lock_release(&held.lock);
    return 0;
}

PAST(locks_that_another_holds)
{
    memset(&held, 0, sizeof held);
    thrum_thread *holder = thrum_thread_start(hold, THRUM_NOTHING);
    CHECK_INT(thrum_event_wait(&held.held, THRUM_FOREVER), ==, 0);
    LATE(thrum_lock_acquire_until(&held.lock, past));
    LATE(thrum_rlock_acquire_until(&held.rlock, past));
    LATE(thrum_rwlock_acquire_read_until(&held.rwlock, past));
    LATE(thrum_rwlock_acquire_write_until(&held.rwlock, past));
    LATE(thrum_shared_lock_acquire_until(&held.shared_lock, past));
    LATE(thrum_thread_join(holder, past));
    thrum_event_set(&held.release);
    JOIN(holder, 0);
}

PAST(other_primitives)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(0);
    thrum_event event = THRUM_EVENT_INIT;
    thrum_barrier barrier = THRUM_BARRIER_INIT(2);
    thrum_condition condition = THRUM_CONDITION_INIT;
    LATE(thrum_semaphore_acquire_until(&semaphore, past));
    LATE(thrum_event_wait(&event, past));
    LATE(thrum_barrier_wait(&barrier, past));
    thrum_with (&condition)
        LATE(thrum_condition_wait(&condition, past));
    CHECK_INT(thrum_sleep(past), ==, 0);
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void at_queue(const thrum_queue_options *options, thrum_deadline past)
{
    int item = 1, items[4] = {1, 2, 3, 4};
    size_t count, index;
    thrum_queue *queue = thrum_queue_new(sizeof item, options);
    LATE(thrum_queue_get(queue, &item, past));
    LATE(thrum_queue_get_many(queue, items, 4, &count, past));
    LATE(thrum_queue_get_any(&queue, 1, &index, &item, past));
    CHECK_INT(thrum_queue_put(queue, &item, past), ==, 0);
    LATE(thrum_queue_put(queue, &item, past));
    LATE(thrum_queue_put_many(queue, items, 4, &count, past));
    LATE(thrum_queue_join(queue, past));
    thrum_queue_free(queue);
}

PAST(queues)
{
    at_queue(&(thrum_queue_options){.max_size = 1}, past);
    at_queue(&(thrum_queue_options){.max_size = 1, .order = THRUM_QUEUE_LIFO}, past);
    at_queue(
        &(thrum_queue_options){.max_size = 1, .order = THRUM_QUEUE_PRIORITY, .compare = compare},
        past);
}

static int wait_for_release(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&held.release, THRUM_FOREVER);
}

static int sleep_long(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(1000));
}

PAST(futures)
{
    memset(&held, 0, sizeof held);
    size_t index;
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    thrum_future *future = thrum_submit(pool, wait_for_release, THRUM_NOTHING);
    LATE(thrum_future_result(future, NULL, 0, past));
    LATE(thrum_future_wait(future, past));
    LATE(thrum_wait(&future, 1, THRUM_WAIT_ALL_COMPLETED, past));
    thrum_as_completed *done = thrum_as_completed_new(&future, 1);
    LATE(thrum_as_completed_next(done, &index, past));
    thrum_as_completed_free(done);
    thrum_group *group = thrum_group_new();
    thrum_future_free(thrum_group_submit(group, pool, wait_for_release, THRUM_NOTHING));
    LATE(thrum_group_join(group, past));
    thrum_event_set(&held.release);
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0);
    thrum_group_free(group);
    CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_result(future, NULL, 0, past), ==, 0); /* what is there needs no wait */
    thrum_future_free(future);
    LATE(thrum_map(pool, sleep_long, &(thrum_map_options){.count = 2, .deadline = past}));
    if (thrum_fiber_pool_current()) /* a thread runs the function itself */
        LATE(thrum_blocking(sleep_long, NULL, 0, NULL, 0, NULL, past));
    future = thrum_submit_with(pool, &(thrum_submit_options){.deadline = past}, sleep_long,
                               THRUM_NOTHING);
    /* the task's own deadline */
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ETIMEDOUT);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

PAST(sockets_and_pipes)
{
    char text[8];
    size_t size;
    thrum_socket *one, *other, *listener;
    thrum_pipe *near, *far;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    LATE(thrum_socket_read(one, text, sizeof text, past));
    LATE(thrum_wait_readable(thrum_socket_descriptor(one), past));
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    LATE(thrum_socket_accept(listener, &other, past));
    thrum_socket_free(listener);
    thrum_socket_free(one);
    thrum_socket_free(other); /* of the pair: an accept that fails leaves it alone */
    CHECK_INT(thrum_pipe_new(&near, &far), ==, 0);
    LATE(thrum_pipe_receive(near, text, sizeof text, &size, past));
    thrum_pipe_free(near);
    thrum_pipe_free(far);
}

PAST(what_processes_share)
{
    static char memory[4096] __attribute__((aligned(64)));
    thrum_shared_semaphore semaphore = {0};
    thrum_shared_event event = {0};
    thrum_shared_lock lock = THRUM_SHARED_LOCK_INIT;
    thrum_shared_condition condition = {0};
    int item = 0;
    LATE(thrum_shared_semaphore_acquire_until(&semaphore, past));
    LATE(thrum_shared_event_wait(&event, past));
    CHECK_INT(thrum_shared_lock_acquire(&lock), ==, 0);
    LATE(thrum_shared_condition_wait(&condition, &lock, past));
    thrum_shared_lock_release(&lock);
    thrum_shared_queue *queue = (thrum_shared_queue *)memory;
    CHECK_INT(thrum_shared_queue_init(queue, sizeof item, 1), ==, 0);
    LATE(thrum_shared_queue_get(queue, &item, past));
    CHECK_INT(thrum_shared_queue_put(queue, &item, THRUM_FOREVER), ==, 0);
    LATE(thrum_shared_queue_put(queue, &item, past));
}

static int tick(thrum_task *self)
{
    (void)self;
    return 0;
}

PAST(flow)
{
    thrum_rate_limiter limiter;
    thrum_rate_limiter_init(&limiter, 0.001, 1);
    CHECK_INT(thrum_rate_limiter_acquire(&limiter, 1, THRUM_FOREVER), ==, 0);
    LATE(thrum_rate_limiter_acquire(&limiter, 1, past));
    thrum_periodic *periodic =
        start_periodic(&(thrum_periodic_options){.period = 0.001}, tick, THRUM_NOTHING);
    LATE(thrum_periodic_join(periodic, past));
    CHECK_INT(thrum_periodic_stop(periodic, THRUM_FOREVER), ==, 0);
    thrum_periodic_free(periodic);
    thrum_retry retry = {.options = {.deadline = past}};
    while (thrum_retry_next(&retry))
        CHECK(false);
    LATE(thrum_retry_code(&retry));
}
