/* Each primitive under load: as many threads as there are processors, four times and sixteen times
 * as many. The thread sanitizer runs these too. What is checked is what the primitive promises;
 * deadlines and cancellations are strewn in where it takes them. */
#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

enum { MOST = 256, WORK = 96000 };

static thrum_lock lock;
static thrum_rlock rlock;
static thrum_rwlock rwlock;
static thrum_semaphore semaphore;
static thrum_condition condition;
static thrum_barrier barrier;
static thrum_event events[2];
static thrum_queue *queue;
static thrum_executor *pool;
static thrum_once once;
static long counter, mirror;
static uint32_t tally;

/* How many threads there are in this run, and what each has to do. */
static int threads, each;

static bool in_time(int rc)
{
    return rc == 0 || rc == -ETIMEDOUT || rc == -EAGAIN;
}

static int on_processors(int factor)
{
    int count = thrum_cpu_count() * factor;
    return count < 2 ? 2 : count > MOST ? MOST : count;
}

/* Runs the task on so many threads, with the thread's number as its argument. */
static void run(int factor, thrum_task_fn *task)
{
    thrum_thread *started[MOST];
    threads = on_processors(factor);
    each = WORK / threads;
    for (int i = 0; i < threads; i++)
        started[i] = thrum_thread_start(task, thrum_value(int, i));
    for (int i = 0; i < threads; i++)
        JOIN(started[i], 0);
}

#define STRESS(name)                                                                               \
    static void stress_##name(int factor);                                                         \
    TEST_DEADLINE(name##_1x, 120)                                                                  \
    {                                                                                              \
        stress_##name(1);                                                                          \
    }                                                                                              \
    TEST_DEADLINE(name##_4x, 120)                                                                  \
    {                                                                                              \
        stress_##name(4);                                                                          \
    }                                                                                              \
    TEST_DEADLINE(name##_16x, 120)                                                                 \
    {                                                                                              \
        stress_##name(16);                                                                         \
    }                                                                                              \
    static void stress_##name(int factor)

static int use_lock(thrum_task *self)
{
    int number = thrum_arg(self, int);
    for (int i = 0; i < each;) {
        int rc = 0;
        if ((i + number) % 7 == 0)
            rc = thrum_lock_acquire_until(&lock, thrum_in(1e-6 * (i % 50)));
        else if ((i + number) % 7 == 1)
            rc = thrum_lock_try(&lock);
        else
            thrum_lock_acquire(&lock);
        if (rc < 0) {
            thrum_yield(); /* a fiber that has the lock may wait for this worker */
            continue;
        }
        counter++;
        i++;
        thrum_lock_release(&lock);
    }
    return 0;
}

STRESS(lock)
{
    run(factor, use_lock);
    CHECK_INT(counter, ==, (long)threads * each);
    thrum_lock_finish(&lock);
}

static int use_rlock(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < each; i++) {
        thrum_with (&rlock) {
            long before = counter;
            thrum_with (&rlock)
                counter++;
            CHECK_INT(counter, ==, before + 1);
        }
    }
    return 0;
}

STRESS(rlock)
{
    run(factor, use_rlock);
    CHECK_INT(counter, ==, (long)threads * each);
    thrum_rlock_finish(&rlock);
}

static int use_rwlock(thrum_task *self)
{
    int number = thrum_arg(self, int);
    for (int i = 0; i < each; i++) {
        if ((i + number) % 10 == 0) {
            thrum_with (thrum_writing(&rwlock)) {
                counter++;
                mirror++;
            }
        } else if (i % 3 || thrum_rwlock_acquire_read_until(&rwlock, thrum_in(1e-6)) < 0) {
            thrum_with (thrum_reading(&rwlock))
                CHECK_INT(counter, ==, mirror);
        } else {
            CHECK_INT(counter, ==, mirror);
            thrum_rwlock_release_read(&rwlock);
        }
    }
    return 0;
}

STRESS(rwlock)
{
    run(factor, use_rwlock);
    CHECK_INT(counter, ==, mirror);
    thrum_rwlock_finish(&rwlock);
}

static int use_semaphore(thrum_task *self)
{
    int number = thrum_arg(self, int);
    for (int i = 0; i < each; i++) {
        if ((i + number) % 5 || thrum_semaphore_acquire_until(&semaphore, thrum_in(1e-6)) < 0)
            thrum_semaphore_acquire(&semaphore);
        CHECK_INT(thrum__add_relaxed(&tally, 1), <, 3);
        thrum__sub_relaxed(&tally, 1);
        thrum_semaphore_release(&semaphore, 1);
    }
    return 0;
}

STRESS(semaphore)
{
    thrum_semaphore_init_bounded(&semaphore, 3);
    run(factor, use_semaphore);
    CHECK_INT(thrum_semaphore_value(&semaphore), ==, 3);
    thrum_semaphore_finish(&semaphore);
}

/* Even threads give tokens, odd ones take as many. */
static int use_condition(thrum_task *self)
{
    bool gives = thrum_arg(self, int) % 2 == 0;
    for (int i = 0; i < each; i++) {
        thrum_with (&condition) {
            if (gives) {
                counter++;
                if (i % 4)
                    thrum_condition_notify(&condition, 1);
                else
                    thrum_condition_notify_all(&condition);
                continue;
            }
            while (counter == 0)
                CHECK(in_time(
                    thrum_condition_wait(&condition, i % 3 ? THRUM_FOREVER : thrum_in(1e-5))));
            counter--;
        }
    }
    return 0;
}

STRESS(condition)
{
    run(factor, use_condition);
    CHECK_INT(counter, ==, threads % 2 ? each : 0);
    thrum_condition_finish(&condition);
}

/* Pairs of threads wake each other in turn: 0 waits for the first event, 1 for the second. The
 * others only ask. */
static int use_event(thrum_task *self)
{
    int number = thrum_arg(self, int);
    for (int i = 0; i < WORK / 16; i++) {
        if (number > 1) {
            CHECK(
                in_time(thrum_event_wait(&events[number % 2], i % 2 ? THRUM_NOW : thrum_in(1e-6))));
            continue;
        }
        if (number == 0)
            thrum_event_set(&events[1]);
        CHECK_INT(thrum_event_wait(&events[number], THRUM_FOREVER), ==, 0);
        thrum_event_clear(&events[number]);
        if (number == 1)
            thrum_event_set(&events[0]);
    }
    return 0;
}

STRESS(event)
{
    run(factor, use_event);
    thrum_event_finish(&events[0]);
    thrum_event_finish(&events[1]);
}

static int use_barrier(thrum_task *self)
{
    (void)self;
    for (int round = 0; round < each / 8; round++) {
        thrum__add_relaxed(&tally, 1);
        CHECK_INT(thrum_barrier_wait(&barrier, THRUM_FOREVER), >=, 0);
        CHECK_INT(thrum__load_relaxed(&tally), >=, (uint32_t)threads * (uint32_t)(round + 1));
        CHECK_INT(thrum_barrier_wait(&barrier, THRUM_FOREVER), >=, 0);
    }
    return 0;
}

STRESS(barrier)
{
    thrum_barrier_init(&barrier, (uint32_t)on_processors(factor), NULL, NULL);
    run(factor, use_barrier);
    thrum_barrier_finish(&barrier);
}

static int count_once(void *context)
{
    ++*(long *)context;
    return 0;
}

static int use_once(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < each; i++) {
        CHECK_INT(thrum_once_run(&once, count_once, &counter), ==, 0);
        CHECK_INT(counter, ==, 1);
    }
    return 0;
}

STRESS(once)
{
    run(factor, use_once);
}

/* Even threads put, odd ones get. */
static int use_queue(thrum_task *self)
{
    int number = thrum_arg(self, int), item = 1;
    for (int i = 0; i < each; i++) {
        if (number % 2 == 0) {
            CHECK_INT(thrum_queue_put(queue, &item, THRUM_FOREVER), ==, 0);
            continue;
        }
        while (thrum_queue_get(queue, &item, i % 4 ? THRUM_FOREVER : thrum_in(1e-5)) < 0)
            ;
        thrum__add_relaxed(&tally, (uint32_t)item);
        thrum_queue_task_done(queue);
    }
    return 0;
}

STRESS(queue)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 5});
    run(factor - factor % 2 + 2, use_queue); /* an even number of threads */
    CHECK_INT(thrum_queue_join(queue, THRUM_FOREVER), ==, 0);
    CHECK_INT(tally, ==, threads / 2 * each);
    thrum_queue_free(queue);
}

static int bump(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&tally, 1);
    return 0;
}

/* Each thread submits to one pool and cancels some of it. */
static int use_pool(thrum_task *self)
{
    int number = thrum_arg(self, int);
    for (int i = 0; i < each / 4; i++) {
        thrum_future *future = thrum_submit(pool, bump, THRUM_NOTHING);
        if ((i + number) % 3 == 0 && thrum_future_cancel(future) == 0)
            thrum__add_relaxed(&tally, 1);
        if (i % 2)
            CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
    }
    return 0;
}

STRESS(pool)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 4});
    run(factor, use_pool);
    thrum_executor_shutdown(pool);
    CHECK_INT(tally, ==, threads * (each / 4));
}
