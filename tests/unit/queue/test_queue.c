#include "carrier.h"
#include "support_queue.h"

TEST(items_come_out_in_the_order_they_went_in)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    CHECK(thrum_queue_empty(queue) && !thrum_queue_full(queue));
    int in = 0, out = 0, item;
    for (int round = 0; round < 5; round++) { /* the ring grows while its start is not at 0 */
        for (int i = 0; i < 100; i++, in++)
            CHECK_INT(thrum_queue_put(queue, &in, THRUM_NOW), ==, 0);
        CHECK_INT(thrum_queue_size(queue), ==, in - out);
        for (int i = 0; i < 50; i++, out++) {
            CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
            CHECK_INT(item, ==, out);
        }
    }
    for (; out < in; out++) {
        CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
        CHECK_INT(item, ==, out);
    }
    thrum_queue_free(queue);
    thrum_queue_free(NULL);
}

BOTH_MAKES(a_bounded_queue_fills_and_empties)
{
    queue = new_bounded(sizeof(int), 3);
    int item = 1;
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_queue_get(queue, &item, thrum_in(0.003)), ==, -ETIMEDOUT);
    CHECK_INT(item, ==, 1);
    for (; item <= 3; item++)
        CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    CHECK(thrum_queue_full(queue));
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_queue_put(queue, &item, thrum_in(0.003)), ==, -ETIMEDOUT);
    for (int i = 1; i <= 3; i++) {
        CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
        CHECK_INT(item, ==, i);
    }
    CHECK(thrum_queue_empty(queue));
    thrum_queue_free(queue);
}

/* Capacities that are powers of two and that are not, from each place where the ring may begin. */
BOTH_MAKES(a_queue_of_any_capacity_goes_round)
{
    for (int capacity = 1; capacity <= 20; capacity++) {
        queue = new_bounded(sizeof(int), (size_t)capacity);
        int in = 0, out = 0, item;
        for (int round = 0; round < 3 * capacity + 2; round++) {
            while (thrum_queue_put(queue, &in, THRUM_NOW) == 0)
                in++;
            CHECK_INT(in - out, ==, capacity);
            CHECK_INT(thrum_queue_size(queue), ==, capacity);
            CHECK(thrum_queue_full(queue));
            for (int i = 0; i < 1 + round % capacity; i++, out++) {
                CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
                CHECK_INT(item, ==, out);
                CHECK_INT(thrum_queue_size(queue), ==, in - out - 1);
            }
        }
        for (; out < in; out++) {
            CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
            CHECK_INT(item, ==, out);
        }
        CHECK(thrum_queue_empty(queue));
        thrum_queue_free(queue);
    }
}

struct wide {
    char bytes[777];
};

TEST(items_of_any_size_pass_whole)
{
    queue = thrum_queue_new(sizeof(struct wide), NULL);
    struct wide in, out;
    for (int i = 0; i < 40; i++) {
        memset(&in, i, sizeof in);
        CHECK_INT(thrum_queue_put(queue, &in, THRUM_NOW), ==, 0);
    }
    for (int i = 0; i < 40; i++) {
        memset(&in, i, sizeof in);
        CHECK_INT(thrum_queue_get(queue, &out, THRUM_NOW), ==, 0);
        CHECK(memcmp(&in, &out, sizeof in) == 0);
    }
    thrum_queue_free(queue);
}

BOTH_MAKES(items_of_any_size_pass_whole_round_a_ring)
{
    for (size_t size = 1; size <= sizeof(struct wide); size += size < 40 ? 1 : 67) {
        queue = new_bounded(size, 3);
        struct wide in, out, untouched;
        memset(&untouched, 0xff, sizeof untouched);
        for (int i = 0; i < 30; i++) {
            memset(&in, i, sizeof in);
            CHECK_INT(thrum_queue_put(queue, &in, THRUM_NOW), ==, 0);
            if (i < 2)
                continue; /* two stay ahead */
            memset(&in, i - 2, sizeof in);
            out = untouched;
            CHECK_INT(thrum_queue_get(queue, &out, THRUM_NOW), ==, 0);
            CHECK(memcmp(&in, &out, size) == 0);
            CHECK(memcmp(out.bytes + size, untouched.bytes, sizeof out - size) == 0);
        }
        thrum_queue_free(queue);
    }
}

BOTH_MAKES(a_put_wakes_a_getter_and_a_get_a_putter)
{
    queue = new_bounded(sizeof(int), 1);
    thrum_thread *getter, *putter;
    START_ASLEEP(getter, get_one, 0);
    int item = 42;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    expect_int(getter, 42);
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    START_ASLEEP(putter, put_one, 1);
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
    JOIN(putter, 0);
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
    CHECK_INT(item, ==, 1);
    thrum_queue_free(queue);
}

TEST(a_cancelled_getter_takes_nothing)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++) {
        START_ASLEEP(threads[i], get_one, i);
    }
    thrum_thread_cancel(threads[0]);
    JOIN(threads[0], -ECANCELED);
    int item = 5;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    expect_int(threads[1], 5);
    thrum_queue_free(queue);
}

BOTH_MAKES(one_who_is_cancelled_leaves_its_turn_to_others)
{
    thrum_thread *threads[2];
    queue = new_bounded(sizeof(int), 1);
    for (int i = 0; i < 2; i++)
        START_ASLEEP(threads[i], get_one, i);
    thrum_thread_cancel(threads[0]);
    JOIN(threads[0], -ECANCELED);
    int item = 5;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    expect_int(threads[1], 5);

    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    for (int i = 0; i < 2; i++)
        START_ASLEEP(threads[i], put_one, i);
    thrum_thread_cancel(threads[0]);
    JOIN(threads[0], -ECANCELED);
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
    JOIN(threads[1], 0);
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
    CHECK_INT(item, ==, 1);
    CHECK(thrum_queue_empty(queue));
    thrum_queue_free(queue);
}

static int work(thrum_task *self)
{
    (void)self;
    int item;
    while (thrum_queue_get(queue, &item, THRUM_FOREVER) == 0)
        thrum_queue_task_done(queue);
    return 0;
}

TEST(join_waits_until_all_is_done)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(thrum_queue_put(queue, &i, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_queue_join(queue, thrum_in(0.003)), ==, -ETIMEDOUT);
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = thrum_thread_start(work, THRUM_NOTHING);
    CHECK_INT(thrum_queue_join(queue, THRUM_FOREVER), ==, 0);
    CHECK(thrum_queue_empty(queue));
    thrum_queue_close(queue);
    for (int i = 0; i < 4; i++)
        JOIN(threads[i], 0);
    thrum_queue_free(queue);
}

BOTH_MAKES(join_counts_over_many_laps)
{
    queue = new_bounded(sizeof(int), 3);
    CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, 0);
    int item = 0;
    for (int i = 0; i < 20; i++) {
        CHECK_INT(thrum_queue_put(queue, &i, THRUM_NOW), ==, 0);
        CHECK_INT(thrum_queue_put(queue, &i, THRUM_NOW), ==, 0);
        for (int j = 0; j < 2; j++) {
            CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, -EAGAIN);
            CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
            thrum_queue_task_done(queue);
        }
        CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, 0);
    }
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    thrum_thread *joiner;
    START_ASLEEP(joiner, join_it, 0);
    thrum_queue_task_done(queue); /* an item may be done before it is taken */
    JOIN(joiner, 0);
    CHECK_INT(thrum_queue_close_now(queue), ==, 1);
    CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, 0);
    thrum_queue_free(queue);
}

enum { PRODUCERS = 3, CONSUMERS = 3, ITEMS = 4000 };
static uint32_t seen[PRODUCERS * ITEMS];

static int produce(thrum_task *self)
{
    int from = thrum_arg(self, int) * ITEMS;
    for (int i = from; i < from + ITEMS; i++) {
        int rc = thrum_queue_put(queue, &i, THRUM_FOREVER);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int consume(thrum_task *self)
{
    (void)self;
    int item, last[PRODUCERS] = {-1, -1, -1};
    for (;;) {
        int rc = thrum_queue_get(queue, &item, thrum_in(1e-4));
        if (rc == -EPIPE)
            return 0;
        if (rc == -ETIMEDOUT)
            continue;
        thrum__add_relaxed(&seen[item], 1);
        CHECK_INT(item % ITEMS, >, last[item / ITEMS]); /* each producer's order holds */
        last[item / ITEMS] = item % ITEMS;
    }
}

static void pass_items(size_t max_size)
{
    queue = new_bounded(sizeof(int), max_size);
    thrum_thread *producers[PRODUCERS], *consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        consumers[i] = thrum_thread_start(consume, THRUM_NOTHING);
    for (int i = 0; i < PRODUCERS; i++)
        producers[i] = thrum_thread_start(produce, thrum_value(int, i));
    for (int i = 0; i < PRODUCERS; i++)
        JOIN(producers[i], 0);
    thrum_queue_close(queue);
    for (int i = 0; i < CONSUMERS; i++)
        JOIN(consumers[i], 0);
    for (int i = 0; i < PRODUCERS * ITEMS; i++)
        CHECK_INT(seen[i], ==, 1);
    memset(seen, 0, sizeof seen);
    thrum_queue_free(queue);
}

BOTH_MAKES_DEADLINE(each_item_arrives_once, 120)
{
    static const size_t sizes[] = {1, 2, 7, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        pass_items(sizes[i]);
}

/* A putter may still be on its way out when its item is in other hands. */
BOTH_MAKES(whoever_has_the_last_item_may_free_the_queue)
{
    for (int i = 0; i < 300; i++) {
        queue = new_bounded(sizeof(int), 2);
        thrum_thread *putters[2];
        for (int j = 0; j < 2; j++)
            putters[j] = thrum_thread_start(put_one, thrum_value(int, j));
        int sum = 0, item;
        for (int j = 0; j < 2; j++, sum += item)
            CHECK_INT(thrum_queue_get(queue, &item, THRUM_FOREVER), ==, 0);
        CHECK_INT(sum, ==, 1);
        thrum_queue_free(queue);
        JOIN(putters[0], 0);
        JOIN(putters[1], 0);
    }
}

TEST_STOPS(task_done_too_often_stops, "task_done called more often than items were put")
{
    queue = thrum_queue_new(sizeof(int), NULL);
    thrum_queue_task_done(queue);
}

TEST_STOPS(task_done_too_often_for_a_bounded_queue_stops, "called more often than items were put")
{
    queue = new_bounded(sizeof(int), 2);
    int item = 0;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    thrum_queue_task_done(queue);
    thrum_queue_task_done(queue);
}

TEST_STOPS(a_queue_of_nothing_stops, "items of at least 1 byte")
{
    thrum_queue_new(0, NULL);
}

TEST_STOPS(freeing_one_that_is_waited_for_stops, "waits for it")
{
    queue = thrum_queue_new(sizeof(int), NULL);
    thrum_thread_start(get_one, thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "condition"));
    thrum_queue_free(queue);
}

TEST_STOPS(freeing_a_bounded_one_that_is_waited_for_stops, "waits for it")
{
    thrum_thread *getter;
    queue = new_bounded(sizeof(int), 2);
    START_ASLEEP(getter, get_one, 0);
    thrum_queue_free(queue);
    thrum_thread_free(getter);
}
