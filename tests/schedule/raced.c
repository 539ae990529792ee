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
    CASE(bad_counter),      CASE(bad_one_without_lock), CASE(bad_relaxed), CASE(bad_flag),
    CASE(bad_double_check), CASE(lost_counter),         CASE(lost_atomic), CASE(good_lock),
    CASE(good_atomic),      CASE(good_publication),     CASE(good_join),   CASE(good_neighbours),
};

int main(int argc, char **argv)
{
    return run_cases(cases, sizeof cases / sizeof cases[0], argc, argv);
}
