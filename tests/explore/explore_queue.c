/* The queue: each item once, in order; nobody is left asleep by a put, a get or the close. Clients of
 * a bounded queue are explored for both of its makes: bounded_X for the one without a lock. */
#include "explore.h"
#include <thrum/queue.h>

#include <errno.h>

static thrum_queue *queue;
static thrum_queue_order order;
static int got[2]; /* how many items each getter took */

/* The last in, first out has a lock also if it is bounded. */
#define BOUNDED(client, ...)                                                                       \
    static void client_of_##client(void);                                                          \
    EXPLORE(queue_##client, __VA_ARGS__)                                                           \
    {                                                                                              \
        order = THRUM_QUEUE_LIFO;                                                                  \
        client_of_##client();                                                                      \
    }                                                                                              \
    EXPLORE(bounded_##client, __VA_ARGS__)                                                         \
    {                                                                                              \
        client_of_##client();                                                                      \
    }                                                                                              \
    static void client_of_##client(void)

static void new_queue(size_t max_size)
{
    queue =
        thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = max_size, .order = order});
    EXPLORE_CHECK(queue);
    thrum__explore_name(queue, 16, "queue.lock");
}

static void free_queue(void)
{
    explore_join_all();
    thrum_queue_free(queue);
}

static void put_one(void *item)
{
    int value = (int)(intptr_t)item;
    EXPLORE_CHECK(thrum_queue_put(queue, &value, THRUM_FOREVER) == 0);
}

static void put_two(void *argument)
{
    (void)argument;
    put_one((void *)1);
    put_one((void *)2);
}

static void get_one(void *argument)
{
    int value = 0;
    EXPLORE_CHECK(thrum_queue_get(queue, &value, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(value == 1 || value == 2);
    got[(intptr_t)argument] = value;
}

static void get_two(void *argument)
{
    (void)argument;
    for (int expected = 1; expected <= 2; expected++) {
        int value = 0;
        EXPLORE_CHECK(thrum_queue_get(queue, &value, THRUM_FOREVER) == 0);
        EXPLORE_CHECK(value == expected);
    }
}

BOUNDED(order, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    new_queue(1);
    explore_spawn("putter", put_two, NULL);
    explore_spawn("getter", get_two, NULL);
    free_queue();
}

EXPLORE(queue_two_getters, .preemptions = 1, .long_preemptions = 2)
{
    new_queue(0);
    explore_spawn("putter", put_two, NULL);
    explore_spawn("getter", get_one, (void *)0);
    explore_spawn("getter", get_one, (void *)1);
    free_queue();
    EXPLORE_CHECK(got[0] + got[1] == 3);
}

BOUNDED(two_putters, .preemptions = 1, .long_preemptions = 2)
{
    new_queue(1);
    explore_spawn("putter", put_one, (void *)1);
    explore_spawn("putter", put_one, (void *)2);
    get_one((void *)0);
    get_one((void *)1);
    free_queue();
    EXPLORE_CHECK(got[0] + got[1] == 3);
}

/* One that waited for room and was told must look again: another may have come first. */
static void get_three(void *argument)
{
    int sum = 0;
    (void)argument;
    for (int i = 0; i < 3; i++) {
        int value = 0;
        EXPLORE_CHECK(thrum_queue_size(queue) <= 1);
        EXPLORE_CHECK(thrum_queue_get(queue, &value, THRUM_FOREVER) == 0);
        sum += value;
    }
    EXPLORE_CHECK(sum == 4);
}

BOUNDED(barging, .preemptions = 1, .long_preemptions = 2)
{
    new_queue(1);
    explore_spawn("putter", put_two, NULL);
    explore_spawn("putter", put_one, (void *)1);
    explore_spawn("getter", get_three, NULL);
    free_queue();
}

static void get_until_closed(void *argument)
{
    int value, rc;
    while ((rc = thrum_queue_get(queue, &value, THRUM_FOREVER)) == 0)
        got[(intptr_t)argument]++;
    EXPLORE_CHECK(rc == -EPIPE);
}

static void put_and_close(void *argument)
{
    (void)argument;
    put_one((void *)1);
    thrum_queue_close(queue);
}

BOUNDED(close, .preemptions = EXPLORE_NONE, .long_preemptions = 2, .spurious = 1)
{
    new_queue(1);
    explore_spawn("getter", get_until_closed, (void *)0);
    explore_spawn("getter", get_until_closed, (void *)1);
    explore_spawn("closer", put_and_close, NULL);
    free_queue();
    EXPLORE_CHECK(got[0] + got[1] == 1);
}

/* A putter that waits for room when the queue closes. */
static void put_to_closed(void *argument)
{
    int value = 1;
    (void)argument;
    int rc = thrum_queue_put(queue, &value, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0 || rc == -EPIPE);
    rc = thrum_queue_put(queue, &value, THRUM_FOREVER);
    EXPLORE_CHECK(rc == -EPIPE);
}

static void close_it(void *argument)
{
    (void)argument;
    thrum_queue_close(queue);
}

BOUNDED(close_full, .preemptions = 3, .long_preemptions = EXPLORE_ALL)
{
    new_queue(1);
    explore_spawn("putter", put_to_closed, NULL);
    explore_spawn("closer", close_it, NULL);
    free_queue();
}

static void get_until(void *argument)
{
    int value = 0;
    int rc = thrum_queue_get(queue, &value, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == 0 || (rc == -ETIMEDOUT && explore_timeouts()));
    got[(intptr_t)argument] = rc == 0;
}

EXPLORE(queue_get_until, .preemptions = 3, .timeouts = 1, .long_preemptions = 4)
{
    new_queue(0);
    explore_spawn("getter", get_until, (void *)0);
    explore_spawn("putter", put_one, (void *)1);
    explore_join_all();
    EXPLORE_CHECK(thrum_queue_size(queue) + (size_t)got[0] == 1);
    free_queue();
}

/* A getter whose deadline passes must not take the notify that the other needs. */
EXPLORE(queue_get_until_other, .preemptions = 1, .timeouts = 1, .long_preemptions = 2)
{
    new_queue(0);
    explore_spawn("timed", get_until, (void *)1);
    explore_spawn("getter", get_one, (void *)0);
    explore_spawn("putter", put_two, NULL);
    free_queue();
}

static void get_and_do(void *argument)
{
    (void)argument;
    get_one((void *)0);
    got[1] = 1;
    thrum_queue_task_done(queue);
}

EXPLORE(queue_join, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    new_queue(0);
    put_one((void *)1);
    explore_spawn("worker", get_and_do, NULL);
    EXPLORE_CHECK(thrum_queue_join(queue, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(got[1] == 1);
    free_queue();
}

EXPLORE(queue_no_memory, .no_memory = 1, .sees = "no memory")
{
    queue = thrum_queue_new(sizeof(int), NULL);
    if (!queue)
        explore_seen("no memory");
    thrum_queue_free(queue);
}

/* An immediate close against a worker, a putter that waits for room, and one who joins. */
static void work_until_closed(void *argument)
{
    int value;
    (void)argument;
    while (thrum_queue_get(queue, &value, THRUM_FOREVER) == 0) {
        got[0]++;
        thrum_queue_task_done(queue);
    }
}

static void close_it_now(void *argument)
{
    (void)argument;
    got[1] = (int)thrum_queue_close_now(queue);
}

BOUNDED(close_now, .preemptions = 1, .long_preemptions = 2)
{
    new_queue(1);
    put_one((void *)1);
    explore_spawn("worker", work_until_closed, NULL);
    explore_spawn("closer", close_it_now, NULL);
    EXPLORE_CHECK(thrum_queue_join(queue, THRUM_FOREVER) == 0);
    free_queue();
    EXPLORE_CHECK(got[0] + got[1] == 1);
}

BOUNDED(close_now_full, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(1);
    explore_spawn("putter", put_to_closed, NULL);
    explore_spawn("closer", close_it_now, NULL);
    EXPLORE_CHECK(thrum_queue_join(queue, THRUM_FOREVER) == 0);
    free_queue();
}

static void put_batch(void *argument)
{
    size_t added = 0;
    (void)argument;
    EXPLORE_CHECK(thrum_queue_put_many(queue, (int[]){1, 2}, 2, &added, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(added == 2);
}

static void get_and_do_both(void *argument)
{
    int values[2];
    (void)argument;
    for (int i = 0; i < 2; i++) {
        EXPLORE_CHECK(thrum_queue_get(queue, &values[i], THRUM_FOREVER) == 0);
        got[0]++;
        thrum_queue_task_done(queue);
    }
}

static void join_both(void)
{
    put_batch(NULL);
    explore_spawn("worker", get_and_do_both, NULL);
    EXPLORE_CHECK(thrum_queue_join(queue, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(got[0] == 2);
    free_queue();
}

/* A join waits for each item of a batch. */
EXPLORE(queue_put_many_join, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(0);
    join_both();
}

BOUNDED(put_many_bounded_join, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(2);
    join_both();
}

static void get_batch(void *argument)
{
    int values[2];
    size_t count = 0;
    (void)argument;
    EXPLORE_CHECK(thrum_queue_get_many(queue, values, 2, &count, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(count == 1 || count == 2);
    for (size_t i = 0; i < count; i++)
        got[i] += values[i];
}

EXPLORE(queue_put_many, .preemptions = 1, .long_preemptions = 2)
{
    new_queue(0);
    explore_spawn("getter", get_one, (void *)0);
    explore_spawn("getter", get_one, (void *)1);
    explore_spawn("putter", put_batch, NULL);
    free_queue();
    EXPLORE_CHECK(got[0] + got[1] == 3);
}

BOUNDED(put_many_bounded, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(1);
    explore_spawn("putter", put_batch, NULL);
    explore_spawn("getter", get_two, NULL);
    free_queue();
}

BOUNDED(get_many, .preemptions = 1, .long_preemptions = 2)
{
    new_queue(2);
    put_batch(NULL);
    explore_spawn("putter", put_one, (void *)1);
    explore_spawn("putter", put_one, (void *)1);
    get_batch(NULL);
    explore_join_all();
    EXPLORE_CHECK(thrum_queue_size(queue) == 2);
    free_queue();
}

/* What waits longest is not what comes out first. */
static int descending(const void *a, const void *b)
{
    return *(const int *)b - *(const int *)a;
}

static void get_greatest(void *argument)
{
    int first = 0, second = 0;
    (void)argument;
    EXPLORE_CHECK(thrum_queue_get(queue, &first, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_queue_get(queue, &second, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(first + second == 3);
    if (first == 2)
        explore_seen("the greater first");
}

EXPLORE(queue_priority, .preemptions = 1, .long_preemptions = 2, .sees = "the greater first")
{
    queue = thrum_queue_new(
        sizeof(int), &(thrum_queue_options){.order = THRUM_QUEUE_PRIORITY, .compare = descending});
    EXPLORE_CHECK(queue);
    explore_spawn("putter", put_two, NULL);
    explore_spawn("getter", get_greatest, NULL);
    free_queue();
}

EXPLORE(queue_priority_no_memory, .no_memory = 1, .sees = "no memory")
{
    queue = thrum_queue_new(
        sizeof(int), &(thrum_queue_options){.order = THRUM_QUEUE_PRIORITY, .compare = descending});
    if (!queue)
        explore_seen("no memory");
    thrum_queue_free(queue);
}
