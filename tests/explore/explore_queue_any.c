/* Waiting in several queues at once: one notify ends the wait, and none that others need is lost. */
#include "two_queues.h"

#include <errno.h>

static int got[2]; /* what each getter took */

/* A client of two queues with a lock, of two without, and of one of each. */
#define ANY(client, ...)                                                                           \
    static void client_of_##client(void);                                                          \
    EXPLORE(queue_any_##client, __VA_ARGS__)                                                       \
    {                                                                                              \
        client_of_##client();                                                                      \
    }                                                                                              \
    EXPLORE(bounded_any_##client, __VA_ARGS__)                                                     \
    {                                                                                              \
        capacity[0] = capacity[1] = 2;                                                             \
        client_of_##client();                                                                      \
    }                                                                                              \
    EXPLORE(mixed_any_##client, __VA_ARGS__)                                                       \
    {                                                                                              \
        capacity[0] = 2;                                                                           \
        client_of_##client();                                                                      \
    }                                                                                              \
    static void client_of_##client(void)

static void get_any(void *argument)
{
    size_t index = 9;
    int value = 0;
    EXPLORE_CHECK(thrum_queue_get_any(queues, 2, &index, &value, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(value == (int)index + 1);
    got[(intptr_t)argument] += value;
}

/* The same queues, given the other way round. */
static void get_any_turned(void *argument)
{
    thrum_queue *turned[2] = {queues[1], queues[0]};
    size_t index = 9;
    int value = 0;
    EXPLORE_CHECK(thrum_queue_get_any(turned, 2, &index, &value, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(value == 2 - (int)index);
    got[(intptr_t)argument] += value;
}

static void get_first(void *argument)
{
    int value = 0;
    EXPLORE_CHECK(thrum_queue_get(queues[0], &value, THRUM_FOREVER) == 0);
    got[(intptr_t)argument] += value;
}

ANY(one, .preemptions = 2, .long_preemptions = 3)
{
    new_queues();
    explore_spawn("getter", get_any, (void *)0);
    explore_spawn("putter", put_to, (void *)1);
    free_queues();
    EXPLORE_CHECK(got[0] == 2);
}

/* Two puts at once: the one that comes second must leave its item for the next get. */
ANY(two_putters, .preemptions = 1, .long_preemptions = 2)
{
    new_queues();
    explore_spawn("putter", put_to, (void *)0);
    explore_spawn("putter", put_to, (void *)1);
    get_any((void *)0);
    get_any((void *)1);
    free_queues();
    EXPLORE_CHECK(got[0] + got[1] == 3);
}

ANY(two_getters, .preemptions = 1, .long_preemptions = 2)
{
    new_queues();
    explore_spawn("getter", get_any, (void *)0);
    explore_spawn("getter", get_any_turned, (void *)1);
    explore_spawn("putter", put_to_both, NULL);
    free_queues();
    EXPLORE_CHECK(got[0] + got[1] == 3);
}

/* What one who waits in both was told by the first it must take from there, though it prefers the
 * second and that has an item by now: else the item lies there, and the other getter sleeps. */
ANY(beside_get, .preemptions = 1, .long_preemptions = 2)
{
    new_queues();
    unsigned any = explore_spawn("any", get_any_turned, (void *)0);
    explore_spawn("first", get_first, (void *)1);
    explore_spawn("putter", put_to_both, NULL);
    explore_join(any);
    if (got[0] == 1)
        put_to((void *)0);
    free_queues();
    EXPLORE_CHECK(got[1] == 1);
}

static void get_any_until(void *argument)
{
    size_t index;
    int value = 0;
    (void)argument;
    int rc = thrum_queue_get_any(queues, 2, &index, &value, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == 0 || (rc == -ETIMEDOUT && explore_timeouts()));
    got[0] = rc == 0;
}

ANY(until, .preemptions = 2, .timeouts = 1, .long_preemptions = 3)
{
    new_queues();
    explore_spawn("getter", get_any_until, NULL);
    explore_spawn("putter", put_to, (void *)1);
    explore_join_all();
    EXPLORE_CHECK(thrum_queue_size(queues[1]) + (size_t)got[0] == 1);
    free_queues();
}

/* A deadline that passes must not take the notify that the other getter needs. */
ANY(until_other, .preemptions = 1, .timeouts = 1, .long_preemptions = 2)
{
    new_queues();
    explore_spawn("timed", get_any_until, NULL);
    explore_spawn("first", get_first, (void *)1);
    put_to((void *)0);
    put_to((void *)0);
    free_queues();
    EXPLORE_CHECK(got[1] == 1);
}

static void get_any_closed(void *argument)
{
    size_t index;
    int value = 0;
    (void)argument;
    int rc;
    while ((rc = thrum_queue_get_any(queues, 2, &index, &value, THRUM_FOREVER)) == 0)
        got[0] += value;
    EXPLORE_CHECK(rc == -EPIPE);
}

static void close_both(void *argument)
{
    (void)argument;
    thrum_queue_close(queues[0]);
    put_to((void *)1);
    thrum_queue_close(queues[1]);
}

ANY(close, .preemptions = 1, .long_preemptions = 2)
{
    new_queues();
    explore_spawn("getter", get_any_closed, NULL);
    explore_spawn("closer", close_both, NULL);
    free_queues();
    EXPLORE_CHECK(got[0] == 2);
}

/* The look at the queues is as if of one moment. Here one of them has an item at every moment. */
static void put_and_take_away(void *argument)
{
    int value = 0;
    (void)argument;
    put_to((void *)0);
    EXPLORE_CHECK(thrum_queue_get(queues[1], &value, THRUM_NOW) != -EPIPE);
}

ANY(moment, .preemptions = 2, .long_preemptions = 3, .stale = 1)
{
    new_queues();
    put_to((void *)1);
    explore_spawn("mover", put_and_take_away, NULL);
    size_t index;
    int value;
    EXPLORE_CHECK(thrum_queue_get_any(queues, 2, &index, &value, THRUM_NOW) == 0);
    free_queues();
}

/* And here the first has an item whenever the second has. */
ANY(preference, .preemptions = 2, .long_preemptions = 3, .stale = 1)
{
    new_queues();
    explore_spawn("putter", put_to_both, NULL);
    size_t index = 0;
    int value;
    int rc = thrum_queue_get_any(queues, 2, &index, &value, THRUM_NOW);
    EXPLORE_CHECK(rc == -EAGAIN || (rc == 0 && index == 0));
    free_queues();
}

/* A putter that waits for room is told by one who takes from several. */
static void put_three(void *argument)
{
    (void)argument;
    for (int i = 0; i < 3; i++)
        put_to((void *)0);
}

ANY(makes_room, .preemptions = 1, .long_preemptions = 2)
{
    new_queues();
    explore_spawn("putter", put_three, NULL);
    for (int i = 0; i < 3; i++)
        get_any((void *)0);
    free_queues();
    EXPLORE_CHECK(got[0] == 3);
}

/* A queue that is closed and empty does not speak for the others, in whatever place it stands. */
ANY(close_one, .preemptions = 1, .long_preemptions = 2)
{
    thrum_queue *turned[2];
    size_t index = 9;
    int value = 0;
    new_queues();
    thrum_queue_close(queues[1]);
    turned[0] = queues[1];
    turned[1] = queues[0];
    EXPLORE_CHECK(thrum_queue_get_any(queues, 2, &index, &value, THRUM_NOW) == -EAGAIN);
    EXPLORE_CHECK(thrum_queue_get_any(turned, 2, &index, &value, THRUM_NOW) == -EAGAIN);
    explore_spawn("getter", get_any, (void *)0);
    explore_spawn("putter", put_to, (void *)0);
    free_queues();
    EXPLORE_CHECK(got[0] == 1);
}
