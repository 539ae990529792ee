#include "carrier.h"
#include "support_queue.h"

TEST(close_lets_getters_drain_and_then_refuses)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    for (int i = 0; i < 2; i++)
        CHECK_INT(thrum_queue_put(queue, &i, THRUM_NOW), ==, 0);
    thrum_queue_close(queue);
    thrum_queue_close(queue);
    int item = 9;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_FOREVER), ==, -EPIPE);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(thrum_queue_get(queue, &item, THRUM_FOREVER), ==, 0);
        CHECK_INT(item, ==, i);
    }
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_FOREVER), ==, -EPIPE);
    thrum_queue_free(queue);
}

BOTH_MAKES(close_of_a_bounded_queue_lets_getters_drain_and_then_refuses)
{
    queue = new_bounded(sizeof(int), 2);
    for (int i = 0; i < 2; i++)
        CHECK_INT(thrum_queue_put(queue, &i, THRUM_NOW), ==, 0);
    thrum_queue_close(queue);
    thrum_queue_close(queue);
    int item = 9;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_FOREVER), ==, -EPIPE);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(thrum_queue_get(queue, &item, THRUM_FOREVER), ==, 0);
        CHECK_INT(item, ==, i);
    }
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_FOREVER), ==, -EPIPE);
    thrum_queue_free(queue);
}

BOTH_MAKES(close_wakes_all_who_wait)
{
    queue = new_bounded(sizeof(int), 1);
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++) {
        START_ASLEEP(threads[i], get_one, i);
    }
    thrum_queue_close(queue);
    for (int i = 0; i < 3; i++)
        JOIN(threads[i], -EPIPE);
    thrum_queue_free(queue);

    queue = new_bounded(sizeof(int), 1);
    int item = 0;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    thrum_thread *putter;
    START_ASLEEP(putter, put_one, 1);
    thrum_queue_close(queue);
    JOIN(putter, -EPIPE);
    thrum_queue_free(queue);
}

static void close_now_with_four_left(void)
{
    int item;
    for (int i = 0; i < 5; i++)
        CHECK_INT(thrum_queue_put(queue, &i, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_queue_close_now(queue), ==, 4);
    CHECK(thrum_queue_empty(queue));
    CHECK_INT(thrum_queue_close_now(queue), ==, 0);
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, -EAGAIN); /* for the one that was taken */
    thrum_queue_task_done(queue);
    CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, 0);
    thrum_queue_free(queue);
}

TEST(closing_now_drops_what_is_left)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    close_now_with_four_left();
}

BOTH_MAKES(closing_a_bounded_queue_now_drops_what_is_left)
{
    queue = new_bounded(sizeof(int), 6);
    close_now_with_four_left();
}

BOTH_MAKES(closing_now_wakes_getters_putters_and_joiners)
{
    queue = new_bounded(sizeof(int), 1);
    thrum_thread *getter, *putter, *joiner;
    START_ASLEEP(getter, get_one, 0);
    CHECK_INT(thrum_queue_close_now(queue), ==, 0);
    JOIN(getter, -EPIPE);
    thrum_queue_free(queue);

    queue = new_bounded(sizeof(int), 1);
    int item = 7;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    START_ASLEEP(putter, put_one, 1);
    START_ASLEEP(joiner, join_it, 2);
    CHECK_INT(thrum_queue_close_now(queue), ==, 1);
    JOIN(putter, -EPIPE);
    JOIN(joiner, 0);
    thrum_queue_free(queue);
}
