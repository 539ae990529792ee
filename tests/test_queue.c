#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_queue *queue;
static uint32_t idents[4];

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

TEST(a_bounded_queue_fills_and_empties)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 3});
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

static int get_one(thrum_task *self)
{
    tell_ident(&idents[thrum_arg(self, int)]);
    int item = 0;
    int rc = thrum_queue_get(queue, &item, THRUM_FOREVER);
    return rc < 0 ? rc : thrum_return(self, thrum_value(int, item));
}

static int put_one(thrum_task *self)
{
    int item = thrum_arg(self, int);
    tell_ident(&idents[item]);
    return thrum_queue_put(queue, &item, THRUM_FOREVER);
}

static void expect_int(thrum_thread *thread, int expected)
{
    int result;
    CHECK_INT(thrum_thread_result(thread, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, expected);
    thrum_thread_free(thread);
}

TEST(a_put_wakes_a_getter_and_a_get_a_putter)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 1});
    thrum_thread *getter = thrum_thread_start(get_one, thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "condition"));
    int item = 42;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    expect_int(getter, 42);
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    thrum_thread *putter = thrum_thread_start(put_one, thrum_value(int, 1));
    UNTIL(waits_for(&idents[1], "condition"));
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
    JOIN(putter, 0);
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
    CHECK_INT(item, ==, 1);
    thrum_queue_free(queue);
}

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

TEST(close_wakes_all_who_wait)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 1});
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++) {
        threads[i] = thrum_thread_start(get_one, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "condition"));
    }
    thrum_queue_close(queue);
    for (int i = 0; i < 3; i++)
        JOIN(threads[i], -EPIPE);
    thrum_queue_free(queue);

    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 1});
    int item = 0;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    idents[1] = 0;
    thrum_thread *putter = thrum_thread_start(put_one, thrum_value(int, 1));
    UNTIL(waits_for(&idents[1], "condition"));
    thrum_queue_close(queue);
    JOIN(putter, -EPIPE);
    thrum_queue_free(queue);
}

TEST(a_cancelled_getter_takes_nothing)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++) {
        threads[i] = thrum_thread_start(get_one, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "condition"));
    }
    thrum_thread_cancel(threads[0]);
    JOIN(threads[0], -ECANCELED);
    int item = 5;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    expect_int(threads[1], 5);
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

TEST_DEADLINE(each_item_arrives_once, 60)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 7});
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
    thrum_queue_free(queue);
}

TEST(the_newest_comes_out_first)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.order = THRUM_LIFO});
    int item;
    for (int i = 0; i < 40; i++)
        CHECK_INT(thrum_queue_put(queue, &i, THRUM_NOW), ==, 0);
    for (int i = 39; i >= 20; i--) {
        CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
        CHECK_INT(item, ==, i);
    }
    item = 100;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
    CHECK_INT(item, ==, 100);
    for (int i = 19; i >= 0; i--) {
        CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
        CHECK_INT(item, ==, i);
    }
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, -EAGAIN);
    thrum_queue_free(queue);
}

struct job {
    int level;
    int number;
    char text[5]; /* a size that no power of two divides */
};

static int by_level(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    return (x->level > y->level) - (x->level < y->level);
}

/* Puts and takes in a mixed order; what is taken must be the least there is, the oldest of them. */
static void exercise_priority(size_t max_size)
{
    enum { JOBS = 3000 };
    static bool there[JOBS];
    static int level[JOBS];
    queue = thrum_queue_new(
        sizeof(struct job),
        &(thrum_queue_options){.order = THRUM_PRIORITY, .compare = by_level, .max_size = max_size});
    uint32_t random = 12345;
    int put = 0, taken = 0;
    while (taken < JOBS) {
        random = random * 1664525 + 1013904223;
        bool room = put < JOBS && !thrum_queue_full(queue);
        if (room && (random >> 16) % 5 < 3) {
            struct job job = {(int)(random >> 20) % 11 - 5, put, "job"};
            CHECK_INT(thrum_queue_put(queue, &job, THRUM_NOW), ==, 0);
            level[put] = job.level;
            there[put++] = true;
        } else if (put > taken) {
            int best = -1;
            for (int i = 0; i < put; i++)
                if (there[i] && (best < 0 || level[i] < level[best]))
                    best = i;
            struct job job;
            CHECK_INT(thrum_queue_get(queue, &job, THRUM_NOW), ==, 0);
            CHECK_INT(job.number, ==, best);
            CHECK_INT(job.level, ==, level[best]);
            CHECK_STR(job.text, "job");
            there[best] = false;
            taken++;
        }
    }
    CHECK(thrum_queue_empty(queue));
    thrum_queue_free(queue);
    memset(there, 0, sizeof there);
}

TEST(the_first_by_comparison_comes_out_first_and_equals_in_the_order_of_puts)
{
    exercise_priority(0);
    exercise_priority(50);
}

TEST(a_getter_that_waits_for_a_priority_queue_is_woken)
{
    queue = thrum_queue_new(sizeof(struct job),
                            &(thrum_queue_options){.order = THRUM_PRIORITY, .compare = by_level});
    struct job job = {.level = 2}, found;
    CHECK_INT(thrum_queue_put(queue, &job, THRUM_NOW), ==, 0);
    job.level = 1;
    CHECK_INT(thrum_queue_put(queue, &job, THRUM_NOW), ==, 0);
    thrum_queue_close(queue);
    for (int level = 1; level <= 2; level++) {
        CHECK_INT(thrum_queue_get(queue, &found, THRUM_FOREVER), ==, 0);
        CHECK_INT(found.level, ==, level);
        thrum_queue_task_done(queue);
    }
    CHECK_INT(thrum_queue_get(queue, &found, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, 0);
    thrum_queue_free(queue);
}

TEST(closing_now_drops_what_is_left)
{
    queue = thrum_queue_new(sizeof(int), NULL);
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

static int join_it(thrum_task *self)
{
    tell_ident(&idents[thrum_arg(self, int)]);
    return thrum_queue_join(queue, THRUM_FOREVER);
}

TEST(closing_now_wakes_getters_putters_and_joiners)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 1});
    thrum_thread *getter = thrum_thread_start(get_one, thrum_value(int, 0));
    UNTIL(waits_for(&idents[0], "condition"));
    CHECK_INT(thrum_queue_close_now(queue), ==, 0);
    JOIN(getter, -EPIPE);
    thrum_queue_free(queue);

    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 1});
    int item = 7;
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
    thrum_thread *putter = thrum_thread_start(put_one, thrum_value(int, 1));
    thrum_thread *joiner = thrum_thread_start(join_it, thrum_value(int, 2));
    UNTIL(waits_for(&idents[1], "condition") && waits_for(&idents[2], "condition"));
    CHECK_INT(thrum_queue_close_now(queue), ==, 1);
    JOIN(putter, -EPIPE);
    JOIN(joiner, 0);
    thrum_queue_free(queue);
}

TEST(a_batch_goes_in_and_comes_out_in_order)
{
    queue = thrum_queue_new(sizeof(int), NULL);
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

TEST(a_batch_larger_than_the_queue_goes_in_as_room_comes)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 3});
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

TEST(a_batch_wakes_as_many_as_it_serves)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 3});
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++) {
        threads[i] = thrum_thread_start(get_one, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "condition"));
    }
    CHECK_INT(thrum_queue_put_many(queue, (int[]){5, 5, 5}, 3, NULL, THRUM_NOW), ==, 0);
    for (int i = 0; i < 3; i++)
        expect_int(threads[i], 5);

    CHECK_INT(thrum_queue_put_many(queue, (int[]){5, 5, 5}, 3, NULL, THRUM_NOW), ==, 0);
    for (int i = 0; i < 3; i++) {
        idents[i] = 0;
        threads[i] = thrum_thread_start(put_one, thrum_value(int, i));
        UNTIL(waits_for(&idents[i], "condition"));
    }
    int found[3];
    size_t count;
    CHECK_INT(thrum_queue_get_many(queue, found, 3, &count, THRUM_NOW), ==, 0);
    for (int i = 0; i < 3; i++)
        JOIN(threads[i], 0);
    thrum_queue_free(queue);
}

TEST_STOPS(task_done_too_often_stops, "task_done called more often than items were put")
{
    queue = thrum_queue_new(sizeof(int), NULL);
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

TEST_STOPS(order_by_priority_without_a_comparison_stops, "needs .compare")
{
    thrum_queue_new(1, &(thrum_queue_options){.order = THRUM_PRIORITY});
}

TEST_STOPS(a_comparison_without_order_by_priority_stops, "only a queue in order of priority")
{
    thrum_queue_new(1, &(thrum_queue_options){.compare = by_level});
}

TEST_STOPS(an_order_that_there_is_not_stops, "has no order 9")
{
    thrum_queue_new(1, &(thrum_queue_options){.order = (enum thrum_queue_order)9});
}
