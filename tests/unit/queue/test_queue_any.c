#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_queue *queues[12];
static uint32_t idents[4];

/* Of one make and the other, in turn. */
static void new_queues(size_t count)
{
    for (size_t i = 0; i < count; i++)
        queues[i] = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = i % 2 ? 0 : 4});
}

static void free_queues(size_t count)
{
    for (size_t i = 0; i < count; i++)
        thrum_queue_free(queues[i]);
}

static void put(thrum_queue *queue, int item)
{
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
}

static void expect_any(size_t count, size_t index, int item)
{
    size_t found_index = 99;
    int found = -1;
    CHECK_INT(thrum_queue_get_any(queues, count, &found_index, &found, THRUM_NOW), ==, 0);
    CHECK_INT(found_index, ==, index);
    CHECK_INT(found, ==, item);
}

TEST(the_first_queue_that_has_an_item_gives_it)
{
    for (size_t count = 1; count <= 12; count++) {
        new_queues(count);
        put(queues[count - 1], 7);
        expect_any(count, count - 1, 7);
        put(queues[count / 2], 1);
        put(queues[0], 2);
        expect_any(count, 0, count == 1 ? 1 : 2);
        expect_any(count, count / 2, count == 1 ? 2 : 1);
        free_queues(count);
    }
}

TEST(the_order_of_the_array_is_that_of_preference)
{
    new_queues(2);
    thrum_queue *turned[2] = {queues[1], queues[0]};
    put(queues[0], 1);
    put(queues[1], 2);
    size_t index;
    int item;
    CHECK_INT(thrum_queue_get_any(turned, 2, &index, &item, THRUM_FOREVER), ==, 0);
    CHECK_INT(index, ==, 0);
    CHECK_INT(item, ==, 2);
    expect_any(2, 0, 1);
    free_queues(2);
}

TEST(nothing_anywhere_is_said_so)
{
    new_queues(3);
    size_t index = 5;
    int item = 6;
    CHECK_INT(thrum_queue_get_any(queues, 3, &index, &item, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_queue_get_any(queues, 3, &index, &item, thrum_in(0.003)), ==, -ETIMEDOUT);
    thrum_queue_close(queues[0]);
    thrum_queue_close(queues[1]);
    CHECK_INT(thrum_queue_get_any(queues, 3, &index, &item, THRUM_NOW), ==, -EAGAIN);
    put(queues[2], 3);
    thrum_queue_close(queues[2]);
    expect_any(3, 2, 3);
    CHECK_INT(thrum_queue_get_any(queues, 3, &index, &item, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_queue_get_any(queues, 0, &index, &item, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(index, ==, 5);
    CHECK_INT(item, ==, 6);
    free_queues(3);
}

struct found {
    size_t index;
    int item;
};

static int get_one(thrum_task *self)
{
    tell_ident(&idents[thrum_arg(self, int)]);
    struct found found = {0};
    int rc = thrum_queue_get_any(queues, 3, &found.index, &found.item, THRUM_FOREVER);
    return rc < 0 ? rc : thrum_return(self, &found, sizeof found);
}

static struct found result_of(thrum_thread *thread)
{
    struct found found;
    CHECK_INT(thrum_thread_result(thread, &found, sizeof found, THRUM_FOREVER), ==, 0);
    thrum_thread_free(thread);
    return found;
}

TEST(a_put_into_any_wakes_the_getter)
{
    new_queues(3);
    for (size_t i = 0; i < 3; i++) {
        idents[0] = 0;
        thrum_thread *getter = thrum_thread_start(get_one, thrum_value(int, 0));
        UNTIL(waits_for(&idents[0], "queues"));
        put(queues[i], (int)i + 10);
        struct found found = result_of(getter);
        CHECK_INT(found.index, ==, i);
        CHECK_INT(found.item, ==, (int)i + 10);
    }
    free_queues(3);
}

TEST(one_getter_takes_one_item)
{
    new_queues(3);
    thrum_thread *getters[2];
    for (int i = 0; i < 2; i++) {
        getters[i] = thrum_thread_start(get_one, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "queues"));
    }
    put(queues[0], 1);
    put(queues[2], 2);
    CHECK_INT(result_of(getters[0]).item + result_of(getters[1]).item, ==, 3);
    for (int i = 0; i < 3; i++)
        CHECK(thrum_queue_empty(queues[i]));
    free_queues(3);
}

TEST(a_getter_is_cancelled_and_takes_nothing)
{
    new_queues(3);
    thrum_thread *getters[2];
    for (int i = 0; i < 2; i++) {
        getters[i] = thrum_thread_start(get_one, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "queues"));
    }
    thrum_thread_cancel(getters[0]);
    JOIN(getters[0], -ECANCELED);
    put(queues[1], 8);
    CHECK_INT(result_of(getters[1]).item, ==, 8);
    free_queues(3);
}

TEST(the_last_close_wakes_the_getter)
{
    new_queues(3);
    thrum_thread *getter = thrum_thread_start(get_one, thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "queues"));
    thrum_queue_close(queues[1]);
    thrum_queue_close(queues[0]);
    UNTIL(waits_for(&idents[0], "queues"));
    thrum_queue_close_now(queues[2]);
    JOIN(getter, -EPIPE);
    free_queues(3);
}

enum { PRODUCERS = 3, CONSUMERS = 3, ITEMS = 3000 };
static uint32_t seen[PRODUCERS * ITEMS];

static int produce(thrum_task *self)
{
    int number = thrum_arg(self, int);
    for (int i = number * ITEMS; i < (number + 1) * ITEMS; i++) {
        int rc = thrum_queue_put(queues[i % 3], &i, THRUM_FOREVER);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The even ones begin with the last queue; one waits in a single queue. */
static int consume(thrum_task *self)
{
    int number = thrum_arg(self, int);
    thrum_queue *turned[3] = {queues[2], queues[1], queues[0]};
    for (;;) {
        size_t index;
        int item, rc;
        if (number == 0)
            rc = thrum_queue_get(queues[1], &item, thrum_in(1e-4));
        else
            rc = thrum_queue_get_any(number % 2 ? queues : turned, 3, &index, &item,
                                     number == 1 ? THRUM_FOREVER : thrum_in(1e-4));
        if (rc == -EPIPE)
            return 0;
        if (rc == 0)
            thrum__add_relaxed(&seen[item], 1);
    }
}

TEST_DEADLINE(each_item_of_several_queues_arrives_once, 60)
{
    static const thrum_queue_order orders[3] = {THRUM_QUEUE_FIFO, THRUM_QUEUE_LIFO,
                                                THRUM_QUEUE_FIFO};
    for (int i = 0; i < 3; i++)
        queues[i] =
            thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 4, .order = orders[i]});
    thrum_thread *producers[PRODUCERS], *consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        consumers[i] = thrum_thread_start(consume, thrum_value(int, i));
    for (int i = 0; i < PRODUCERS; i++)
        producers[i] = thrum_thread_start(produce, thrum_value(int, i));
    for (int i = 0; i < PRODUCERS; i++)
        JOIN(producers[i], 0);
    for (int i = 0; i < 3; i++)
        thrum_queue_close(queues[i]);
    for (int i = 0; i < CONSUMERS; i++)
        JOIN(consumers[i], 0);
    for (int i = 0; i < PRODUCERS * ITEMS; i++)
        CHECK_INT(seen[i], ==, 1);
    free_queues(3);
}

TEST(a_queue_may_be_given_twice)
{
    new_queues(2);
    thrum_queue *twice[] = {queues[0], queues[1], queues[0]};
    size_t index;
    int item;
    CHECK_INT(thrum_queue_get_any(twice, 3, &index, &item, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_queue_get_any(twice, 3, &index, &item, thrum_in(0.001)), ==, -ETIMEDOUT);
    put(queues[0], 3);
    CHECK_INT(thrum_queue_get_any(twice, 3, &index, &item, THRUM_NOW), ==, 0);
    CHECK_INT(index, ==, 0);
    free_queues(2);
}

TEST_STOPS(freeing_one_of_several_that_are_waited_for_stops, "waits for it")
{
    new_queues(3);
    thrum_thread_start(get_one, thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "queues"));
    thrum_queue_free(queues[1]);
}
