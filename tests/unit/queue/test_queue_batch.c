#include "carrier.h"
#include "support_queue.h"

static void put_and_get_a_hundred(void)
{
    int items[100], found[100];
    size_t count = 77;
    for (int i = 0; i < 100; i++)
        items[i] = i;
    CHECK_INT(thrum_queue_get_many(queue, found, 100, &count, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_queue_get_many(queue, found, 100, &count, thrum_in(0.002)), ==, -ETIMEDOUT);
    CHECK_INT(count, ==, 77);
    CHECK_INT(thrum_queue_put_many(queue, items, 100, &count, THRUM_NOW), ==, 0);
    CHECK_INT(count, ==, 100);
    CHECK_INT(thrum_queue_get_many(queue, found, 0, &count, THRUM_NOW), ==, 0);
    CHECK_INT(count, ==, 0);
    CHECK_INT(thrum_queue_get_many(queue, found, 60, &count, THRUM_NOW), ==, 0);
    CHECK_INT(count, ==, 60);
    CHECK_INT(thrum_queue_put_many(queue, items, 0, NULL, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_queue_get_many(queue, found + 60, 100, &count, THRUM_NOW), ==, 0);
    CHECK_INT(count, ==, 40);
    CHECK(memcmp(items, found, sizeof items) == 0);
    thrum_queue_close(queue);
    CHECK_INT(thrum_queue_put_many(queue, items, 2, &count, THRUM_NOW), ==, -EPIPE);
    CHECK_INT(count, ==, 0);
    CHECK_INT(thrum_queue_get_many(queue, found, 2, &count, THRUM_FOREVER), ==, -EPIPE);
    thrum_queue_free(queue);
}

TEST(a_batch_goes_in_and_comes_out_in_order)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    put_and_get_a_hundred();
}

BOTH_MAKES(a_batch_goes_through_a_bounded_queue_in_order)
{
    queue = new_bounded(sizeof(int), 100);
    put_and_get_a_hundred();
}

static int put_ten(thrum_task *self)
{
    int items[10];
    for (int i = 0; i < 10; i++)
        items[i] = i;
    size_t added = 0;
    tell_ident(&idents[0]);
    int rc = thrum_queue_put_many(queue, items, 10, &added, THRUM_FOREVER);
    return rc < 0 && rc != -EPIPE ? rc : thrum_return(self, thrum_value(int, (int)added));
}

BOTH_MAKES(a_batch_larger_than_the_queue_goes_in_as_room_comes)
{
    queue = new_bounded(sizeof(int), 3);
    size_t added, count;
    CHECK_INT(thrum_queue_put_many(queue, (int[]){1, 2, 3, 4}, 4, &added, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(added, ==, 3);
    int found[10];
    CHECK_INT(thrum_queue_get_many(queue, found, 10, &count, THRUM_NOW), ==, 0);
    CHECK_INT(count, ==, 3);

    thrum_thread *putter = thrum_thread_start(put_ten, THRUM_NOTHING);
    for (size_t have = 0; have < 10; have += count)
        CHECK_INT(thrum_queue_get_many(queue, found + have, 10 - have, &count, THRUM_FOREVER), ==,
                  0);
    for (int i = 0; i < 10; i++)
        CHECK_INT(found[i], ==, i);
    expect_int(putter, 10);

    idents[0] = 0;
    putter = thrum_thread_start(put_ten, THRUM_NOTHING);
    UNTIL(waits_for(&idents[0], "condition"));
    thrum_queue_close(queue);
    expect_int(putter, 3);
    thrum_queue_free(queue);
}

BOTH_MAKES(a_batch_wakes_as_many_as_it_serves)
{
    queue = new_bounded(sizeof(int), 3);
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++) {
        START_ASLEEP(threads[i], get_one, i);
    }
    CHECK_INT(thrum_queue_put_many(queue, (int[]){5, 5, 5}, 3, NULL, THRUM_NOW), ==, 0);
    for (int i = 0; i < 3; i++)
        expect_int(threads[i], 5);

    CHECK_INT(thrum_queue_put_many(queue, (int[]){5, 5, 5}, 3, NULL, THRUM_NOW), ==, 0);
    for (int i = 0; i < 3; i++) {
        START_ASLEEP(threads[i], put_one, i);
    }
    int found[3];
    size_t count;
    CHECK_INT(thrum_queue_get_many(queue, found, 3, &count, THRUM_NOW), ==, 0);
    for (int i = 0; i < 3; i++)
        JOIN(threads[i], 0);
    thrum_queue_free(queue);
}

enum { PRODUCERS = 3, CONSUMERS = 3, BATCHES = 600, MOST = 9, ITEMS = BATCHES * MOST };
static uint32_t seen[PRODUCERS * ITEMS];

/* Batches of one to nine items, in turn, until there are as many as ITEMS. */
static int produce(thrum_task *self)
{
    int from = thrum_arg(self, int) * ITEMS;
    for (int done = 0, count = 1; done < ITEMS; done += count, count = 1 + count % MOST) {
        int items[MOST];
        if (count > ITEMS - done)
            count = ITEMS - done;
        for (int j = 0; j < count; j++)
            items[j] = from + done + j;
        int rc = thrum_queue_put_many(queue, items, (size_t)count, NULL, THRUM_FOREVER);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int consume(thrum_task *self)
{
    size_t most = (size_t)thrum_arg(self, int), count;
    int last[PRODUCERS] = {-1, -1, -1};
    for (;;) {
        int items[MOST];
        int rc = thrum_queue_get_many(queue, items, most, &count, thrum_in(1e-4));
        if (rc == -EPIPE)
            return 0;
        for (size_t i = 0; rc == 0 && i < count; i++) {
            thrum__add_relaxed(&seen[items[i]], 1);
            CHECK_INT(items[i] % ITEMS, >, last[items[i] / ITEMS]);
            last[items[i] / ITEMS] = items[i] % ITEMS;
        }
    }
}

static void pass_batches(size_t max_size)
{
    queue = new_bounded(sizeof(int), max_size);
    thrum_thread *producers[PRODUCERS], *consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        consumers[i] = thrum_thread_start(consume, thrum_value(int, 1 + 4 * i));
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

BOTH_MAKES_DEADLINE(each_item_of_a_batch_arrives_once, 120)
{
    pass_batches(1);
    pass_batches(5);
    pass_batches(64);
}

/* --------------------------------------------------------- how many were added, whatever happens */

static int order_of(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static const thrum_queue_options makes[] = {
    {.max_size = 3},
    {.max_size = 3, .order = THRUM_QUEUE_LIFO},
    {.max_size = 3, .order = THRUM_QUEUE_PRIORITY, .compare = order_of},
};

enum { MAKES = sizeof makes / sizeof *makes };

static const int five[] = {1, 2, 3, 4, 5};

TEST(a_batch_that_fails_says_how_many_items_were_added)
{
    for (int i = 0; i < MAKES; i++) {
        size_t added = 99;
        queue = thrum_queue_new(sizeof(int), &makes[i]);
        CHECK_INT(thrum_queue_put_many(queue, five, 5, &added, THRUM_NOW), ==, -EAGAIN);
        CHECK_INT(added, ==, 3);
        CHECK_INT(thrum_queue_put_many(queue, five, 5, &added, THRUM_NOW), ==, -EAGAIN);
        CHECK_INT(added, ==, 0);
        CHECK_INT(thrum_queue_size(queue), ==, 3);
        int item;
        CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
        CHECK_INT(thrum_queue_put_many(queue, five, 5, &added, thrum_in(0.002)), ==, -ETIMEDOUT);
        CHECK_INT(added, ==, 1);
        CHECK_INT(thrum_queue_put_many(queue, five, 5, NULL, thrum_in(0.002)), ==, -ETIMEDOUT);
        thrum_queue_close(queue);
        added = 99;
        CHECK_INT(thrum_queue_put_many(queue, five, 5, &added, THRUM_FOREVER), ==, -EPIPE);
        CHECK_INT(added, ==, 0);
        thrum_queue_free(queue);
    }
}

static int put_five_until_cancelled(thrum_task *self)
{
    size_t added = 99;
    tell_ident(&idents[0]);
    int rc = thrum_queue_put_many(queue, five, 5, &added, THRUM_FOREVER);
    CHECK_INT(rc, ==, -ECANCELED);
    return thrum_return(self, thrum_value(int, (int)added));
}

TEST(a_batch_that_is_cancelled_says_how_many_items_were_added)
{
    for (int i = 0; i < MAKES; i++) {
        queue = thrum_queue_new(sizeof(int), &makes[i]);
        idents[0] = 0;
        thrum_thread *putter = thrum_thread_start(put_five_until_cancelled, THRUM_NOTHING);
        UNTIL(waits_for(&idents[0], "condition"));
        CHECK_INT(thrum_thread_cancel(putter), ==, 0);
        expect_int(putter, 3);
        CHECK_INT(thrum_queue_size(queue), ==, 3);
        thrum_queue_free(queue);
    }
}

TEST(a_batch_without_memory_adds_nothing_and_says_so)
{
    static const int many[1000];
    queue = thrum_queue_new(sizeof(int), NULL);
    CHECK_INT(thrum_queue_put(queue, many, THRUM_NOW), ==, 0);
    size_t added = 99;
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, UINT32_MAX);
    CHECK_INT(thrum_queue_put_many(queue, many, 1000, &added, THRUM_NOW), ==, -ENOMEM);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_INT(added, ==, 0);
    CHECK_INT(thrum_queue_size(queue), ==, 1);
    thrum_queue_free(queue);
}
