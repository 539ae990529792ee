/* Small programs with plain accesses to shared memory, for `thrum explore`: compiled with
 * -fsanitize=thread, linked with libthrum-schedule. `raced NAME` runs one, `raced` lists all. */
#include "cases.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int counter, data, plain_ready;
static atomic_int ready, total;
static int *shared;

static void run_two(void *(*one)(void *), void *(*two)(void *))
{
    pthread_t first, second;
    if (pthread_create(&first, NULL, one, NULL) != 0 ||
        pthread_create(&second, NULL, two, NULL) != 0)
        exit(3);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
}

static void *count_plainly(void *argument)
{
    counter++;
    return argument;
}

static void bad_counter(void)
{
    run_two(count_plainly, count_plainly);
}

/* To be found by its result, with --no-races. */
static void lost_counter(void)
{
    run_two(count_plainly, count_plainly);
    assert(counter == 2);
}

static void *count_with_lock(void *argument)
{
    pthread_mutex_lock(&lock);
    counter++;
    pthread_mutex_unlock(&lock);
    return argument;
}

static void good_lock(void)
{
    run_two(count_with_lock, count_with_lock);
    assert(counter == 2);
}

static void bad_one_without_lock(void)
{
    run_two(count_with_lock, count_plainly);
}

static void *count_atomically(void *argument)
{
    atomic_fetch_add(&total, 1);
    return argument;
}

static void good_atomic(void)
{
    run_two(count_atomically, count_atomically);
    assert(total == 2);
}

static void *load_and_store(void *argument)
{
    int old = atomic_load(&total);
    atomic_store(&total, old + 1);
    return argument;
}

/* No race, and still wrong. */
static void lost_atomic(void)
{
    run_two(load_and_store, load_and_store);
    assert(total == 2);
}

static void *publish(void *argument)
{
    data = 42;
    atomic_store_explicit(&ready, 1, memory_order_release);
    return argument;
}

static void *receive(void *argument)
{
    while (!atomic_load_explicit(&ready, memory_order_acquire))
        ;
    assert(data == 42);
    return argument;
}

static void good_publication(void)
{
    run_two(publish, receive);
}

static void *publish_relaxed(void *argument)
{
    data = 42;
    atomic_store_explicit(&ready, 1, memory_order_relaxed);
    return argument;
}

static void bad_relaxed(void)
{
    run_two(publish_relaxed, receive);
}

/* ---- the orders of atomics ---- */

static void run_three(void *(*one)(void *), void *(*two)(void *), void *(*three)(void *))
{
    pthread_t first, second, third;
    if (pthread_create(&first, NULL, one, NULL) != 0 ||
        pthread_create(&second, NULL, two, NULL) != 0 ||
        pthread_create(&third, NULL, three, NULL) != 0)
        exit(3);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    pthread_join(third, NULL);
}

static void *overwrite_relaxed(void *argument)
{
    if (atomic_load_explicit(&ready, memory_order_relaxed) == 1)
        atomic_store_explicit(&ready, 2, memory_order_relaxed);
    return argument;
}

static void *update_relaxed(void *argument)
{
    int one = 1;
    atomic_compare_exchange_strong_explicit(&ready, &one, 2, memory_order_relaxed,
                                            memory_order_relaxed);
    return argument;
}

static void *read_at_two(void *argument)
{
    if (atomic_load_explicit(&ready, memory_order_acquire) == 2)
        counter = data;
    return argument;
}

/* The value 2 was stored by a thread that knows nothing of the data. */
static void bad_relaxed_store_ends_the_release(void)
{
    run_three(publish, overwrite_relaxed, read_at_two);
}

/* An update goes on with the release of the value that it changes. */
static void good_relaxed_update_goes_on(void)
{
    run_three(publish, update_relaxed, read_at_two);
}

static void *publish_by_fence(void *argument)
{
    data = 42;
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&ready, 1, memory_order_relaxed);
    return argument;
}

static void *receive_by_fence(void *argument)
{
    while (!atomic_load_explicit(&ready, memory_order_relaxed))
        ;
    atomic_thread_fence(memory_order_acquire);
    assert(data == 42);
    return argument;
}

static void *receive_relaxed(void *argument)
{
    while (!atomic_load_explicit(&ready, memory_order_relaxed))
        ;
    assert(data == 42);
    return argument;
}

static void *publish_before_the_fence(void *argument)
{
    atomic_thread_fence(memory_order_seq_cst);
    data = 42;
    atomic_store_explicit(&ready, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    return argument;
}

static void good_fence_that_releases(void)
{
    run_two(publish_by_fence, receive);
}

static void good_fence_that_acquires(void)
{
    run_two(publish, receive_by_fence);
}

static void good_two_fences(void)
{
    run_two(publish_by_fence, receive_by_fence);
}

static void bad_fence_on_one_side(void)
{
    run_two(publish_by_fence, receive_relaxed);
}

static void bad_fence_behind_the_store(void)
{
    run_two(publish_before_the_fence, receive_by_fence);
}

static __attribute__((noinline)) void add_deep(int amount)
{
    counter += amount;
}

static __attribute__((noinline)) void *add_below(void *argument)
{
    pthread_mutex_lock(argument);
    add_deep(2);
    pthread_mutex_unlock(argument);
    return NULL;
}

/* Each has a lock, but not the same one. */
static void *add_left(void *argument)
{
    static pthread_mutex_t left = PTHREAD_MUTEX_INITIALIZER;
    add_below(&left);
    return argument;
}

static void *add_right(void *argument)
{
    static pthread_mutex_t right = PTHREAD_MUTEX_INITIALIZER;
    add_below(&right);
    return argument;
}

static void bad_two_locks(void)
{
    run_two(add_left, add_right);
}

static void *set_plain_flag(void *argument)
{
    plain_ready = 1;
    return argument;
}

static void *read_plain_flag(void *argument)
{
    if (plain_ready)
        counter = 1;
    return argument;
}

static void bad_flag(void)
{
    run_two(set_plain_flag, read_plain_flag);
}

static void *make_if_none(void *argument)
{
    if (!shared) { /* without the lock */
        pthread_mutex_lock(&lock);
        if (!shared)
            shared = calloc(1, sizeof *shared);
        pthread_mutex_unlock(&lock);
    }
    return argument;
}

static void bad_double_check(void)
{
    run_two(make_if_none, make_if_none);
}

static int fields[2];

static void *write_first(void *argument)
{
    fields[0] = 1;
    return argument;
}

static void *write_second(void *argument)
{
    fields[1] = 1;
    return argument;
}

static void good_neighbours(void)
{
    run_two(write_first, write_second);
    assert(fields[0] + fields[1] == 2);
}

static void good_join(void)
{
    run_two(count_atomically, write_first);
    assert(fields[0] == 1);
}

static const struct case_row cases[] = {
    CASE(bad_counter),
    CASE(bad_one_without_lock),
    CASE(bad_two_locks),
    CASE(bad_relaxed),
    CASE(bad_relaxed_store_ends_the_release),
    CASE(bad_fence_on_one_side),
    CASE(bad_fence_behind_the_store),
    CASE(bad_flag),
    CASE(bad_double_check),
    CASE(lost_counter),
    CASE(lost_atomic),
    CASE(good_lock),
    CASE(good_atomic),
    CASE(good_publication),
    CASE(good_relaxed_update_goes_on),
    CASE(good_fence_that_releases),
    CASE(good_fence_that_acquires),
    CASE(good_two_fences),
    CASE(good_join),
    CASE(good_neighbours),
};

int main(int argc, char **argv)
{
    return run_cases(cases, sizeof cases / sizeof cases[0], argc, argv);
}
