/* Queues whose items have a destructor: each item is got or destroyed once, a join sees it, and a
 * free waits for a close that is at it. */
#include "explore.h"
#include <thrum/queue.h>

#include <errno.h>

static thrum_queue *queue;
static uint32_t got, destroyed;
static uint32_t made, alive; /* item N has bit N while it lives */

static int new_item(void)
{
    int item = (int)thrum__add_relaxed(&made, 1);
    thrum__add_relaxed(&alive, 1u << item);
    return item;
}

static void end_item(const void *item)
{
    uint32_t bit = 1u << *(const int *)item;
    EXPLORE_CHECK(thrum__sub_relaxed(&alive, bit) & bit);
}

static void destroy(void *item)
{
    end_item(item);
    thrum__add_relaxed(&destroyed, 1);
}

static void make(size_t max_size)
{
    queue = thrum_queue_new(sizeof(int),
                            &(thrum_queue_options){.max_size = max_size, .destroy = destroy});
}

static void put(thrum_deadline deadline)
{
    int item = new_item();
    int rc = thrum_queue_put(queue, &item, deadline);
    EXPLORE_CHECK(rc == 0 || rc == -EPIPE || rc == -ENOMEM);
}

static void put_one(void *argument)
{
    (void)argument;
    put(THRUM_FOREVER);
}

static void put_batch(void *argument)
{
    int items[2] = {new_item(), new_item()};
    int rc = thrum_queue_put_many(queue, items, 2, NULL, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0 || rc == -EPIPE || rc == -ENOMEM);
    (void)argument;
}

static void get(void *argument)
{
    int item = 0;
    while (thrum_queue_get(queue, &item, THRUM_FOREVER) == 0) {
        end_item(&item);
        thrum__add_relaxed(&got, 1);
        thrum_queue_task_done(queue);
    }
    (void)argument;
}

static void close_now(void *argument)
{
    (void)argument;
    (void)thrum_queue_close_now(queue);
}

static void check_all_ended(void)
{
    EXPLORE_CHECK(alive == 0);
}

static void get_against_close(size_t max_size)
{
    make(max_size);
    put(THRUM_NOW);
    put(THRUM_NOW);
    explore_spawn("getter", get, NULL);
    explore_spawn("closer", close_now, NULL);
    explore_join_all();
    check_all_ended();
    if (got == 1 && destroyed == 1)
        explore_seen("one each");
    thrum_queue_free(queue);
    EXPLORE_CHECK(got + destroyed == 2);
}

EXPLORE(queue_owned_get_against_close, .preemptions = 2, .long_preemptions = 3, .sees = "one each")
{
    get_against_close(0);
}

EXPLORE(queue_owned_get_against_close_bounded, .preemptions = 2, .long_preemptions = 3,
        .sees = "one each")
{
    get_against_close(2);
}

static void put_against_close(size_t max_size, void (*putter)(void *))
{
    make(max_size);
    explore_spawn("putter", putter, NULL);
    explore_spawn("closer", close_now, NULL);
    explore_join_all();
    check_all_ended();
    thrum_queue_free(queue);
}

EXPLORE(queue_owned_put_against_close, .preemptions = 2, .long_preemptions = 3)
{
    put_against_close(0, put_one);
    EXPLORE_CHECK(destroyed == 1);
}

EXPLORE(queue_owned_put_against_close_bounded, .preemptions = 2, .long_preemptions = 3)
{
    put_against_close(1, put_one);
    EXPLORE_CHECK(destroyed == 1);
}

/* The second of the batch finds no room. */
EXPLORE(queue_owned_batch_against_close_bounded, .preemptions = 2, .long_preemptions = 3)
{
    put_against_close(1, put_batch);
    EXPLORE_CHECK(destroyed == 2);
}

static void join_then_check(void *argument)
{
    (void)argument;
    EXPLORE_CHECK(thrum_queue_join(queue, THRUM_FOREVER) == 0);
    check_all_ended();
}

static void join_against_close(size_t max_size)
{
    make(max_size);
    put(THRUM_NOW);
    explore_spawn("joiner", join_then_check, NULL);
    explore_spawn("closer", close_now, NULL);
    explore_join_all();
    EXPLORE_CHECK(destroyed == 1);
    thrum_queue_free(queue);
}

EXPLORE(queue_owned_join, .preemptions = 2, .long_preemptions = 3)
{
    join_against_close(0);
}

EXPLORE(queue_owned_join_bounded, .preemptions = 2, .long_preemptions = 3)
{
    join_against_close(1);
}

/* Who learns of the close, or that all is done, frees the queue. */
static void get_and_free(void *argument)
{
    get(argument);
    thrum_queue_free(queue);
    check_all_ended();
}

static void join_and_free(void *argument)
{
    join_then_check(argument);
    thrum_queue_free(queue);
}

static void free_against_close(void (*owner)(void *))
{
    put(THRUM_NOW);
    explore_spawn("owner", owner, NULL);
    explore_spawn("closer", close_now, NULL);
    explore_join_all();
    check_all_ended();
}

/* Items that were got and are not done leave the join waiting; the free is woken all the same. */
static void take_and_free(void *argument)
{
    int item = 0;
    while (thrum_queue_get(queue, &item, THRUM_FOREVER) == 0)
        end_item(&item);
    thrum_queue_free(queue);
    check_all_ended();
    (void)argument;
}

EXPLORE(queue_owned_take_and_free, .preemptions = 2, .long_preemptions = 3)
{
    make(0);
    put(THRUM_NOW);
    free_against_close(take_and_free);
}

EXPLORE(queue_owned_get_and_free, .preemptions = 2, .long_preemptions = 3)
{
    make(0);
    free_against_close(get_and_free);
}

EXPLORE(queue_owned_get_and_free_bounded, .preemptions = 2, .long_preemptions = 3)
{
    make(1);
    free_against_close(get_and_free);
}

EXPLORE(queue_owned_join_and_free, .preemptions = 2, .long_preemptions = 3)
{
    make(0);
    free_against_close(join_and_free);
}

EXPLORE(queue_owned_without_memory, .preemptions = EXPLORE_NONE, .no_memory = 1,
        .sees = "destroyed")
{
    make(0);
    if (!queue)
        return;
    for (int i = 0; i < 17; i++) /* more than it has room for at first */
        put(THRUM_NOW);
    if (destroyed)
        explore_seen("destroyed");
    thrum_queue_free(queue);
    check_all_ended();
}
