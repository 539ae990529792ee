#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

/* Lets the nth allocation from now on fail; 0: none. */
#define FAIL_ALLOCATION(nth) thrum__fault_arm(THRUM__FAULT_ALLOC, nth, (nth) > 0)

static thrum_deque *deque;

static void expect(const int *wanted, size_t count)
{
    void *items;
    size_t found;
    CHECK_INT(thrum_deque_snapshot(deque, &items, &found), ==, 0);
    CHECK_INT(found, ==, count);
    CHECK_INT(thrum_deque_size(deque), ==, count);
    for (size_t i = 0; i < count; i++)
        CHECK_INT(((int *)items)[i], ==, wanted[i]);
    thrum_deque_snapshot_free(items);
}

/* EXPECT(1, 2): these items, from left to right. */
#define EXPECT(...) expect((int[]){__VA_ARGS__}, sizeof(int[]){__VA_ARGS__} / sizeof(int))

static void append(int item)
{
    CHECK_INT(thrum_deque_append(deque, &item), ==, 0);
}

static void append_left(int item)
{
    CHECK_INT(thrum_deque_append_left(deque, &item), ==, 0);
}

TEST(items_go_in_and_come_out_at_both_ends)
{
    deque = thrum_deque_new(sizeof(int), NULL);
    CHECK_INT(thrum_deque_maxlen(deque), ==, 0);
    int item = 9;
    CHECK_INT(thrum_deque_pop(deque, &item), ==, -EAGAIN);
    CHECK_INT(thrum_deque_pop_left(deque, &item), ==, -EAGAIN);
    CHECK_INT(item, ==, 9);
    expect(NULL, 0);
    append(3);
    append_left(2);
    append(4);
    append_left(1);
    EXPECT(1, 2, 3, 4);
    CHECK_INT(thrum_deque_pop(deque, &item), ==, 0);
    CHECK_INT(item, ==, 4);
    CHECK_INT(thrum_deque_pop_left(deque, &item), ==, 0);
    CHECK_INT(item, ==, 1);
    EXPECT(2, 3);
    CHECK_INT(thrum_deque_extend(deque, (int[]){7, 8, 9}, 3), ==, 0);
    EXPECT(2, 3, 7, 8, 9);
    thrum_deque_clear(deque);
    CHECK_INT(thrum_deque_pop(deque, &item), ==, -EAGAIN);
    append_left(5);
    EXPECT(5);
    thrum_deque_free(deque);
    thrum_deque_free(NULL);
    thrum_deque_snapshot_free(NULL);
}

TEST(it_grows_at_both_ends)
{
    deque = thrum_deque_new(sizeof(int), NULL);
    for (int i = 0; i < 1000; i++) {
        append(i);
        append_left(-1 - i);
    }
    CHECK_INT(thrum_deque_size(deque), ==, 2000);
    int item;
    for (int i = -1000; i < 1000; i++) {
        CHECK_INT(thrum_deque_at(deque, i < 0 ? i + 1000 : i - 1000, &item), ==, 0);
        CHECK_INT(item, ==, i);
    }
    for (int i = -1000; i < 1000; i++) {
        CHECK_INT(thrum_deque_pop_left(deque, &item), ==, 0);
        CHECK_INT(item, ==, i);
    }
    thrum_deque_free(deque);
}

TEST(a_full_one_drops_at_the_far_end)
{
    deque = thrum_deque_new(sizeof(int), &(thrum_deque_options){.maxlen = 3});
    CHECK_INT(thrum_deque_maxlen(deque), ==, 3);
    for (int i = 1; i <= 5; i++)
        append(i);
    EXPECT(3, 4, 5);
    append_left(2);
    EXPECT(2, 3, 4);
    append_left(1);
    append_left(0);
    EXPECT(0, 1, 2);
    CHECK_INT(thrum_deque_extend(deque, (int[]){1, 2, 3, 4, 5}, 5), ==, 0);
    EXPECT(3, 4, 5);
    thrum_deque_free(deque);

    deque = thrum_deque_new(sizeof(int), &(thrum_deque_options){.maxlen = 1});
    append(1);
    append_left(2);
    EXPECT(2);
    append(3);
    EXPECT(3);
    thrum_deque_free(deque);
}

TEST(an_index_counts_from_either_end)
{
    deque = thrum_deque_new(sizeof(int), NULL);
    int item = 9;
    CHECK_INT(thrum_deque_at(deque, 0, &item), ==, -EAGAIN);
    CHECK_INT(thrum_deque_at(deque, -1, &item), ==, -EAGAIN);
    CHECK_INT(thrum_deque_extend(deque, (int[]){10, 11, 12}, 3), ==, 0);
    CHECK_INT(thrum_deque_at(deque, 3, &item), ==, -EAGAIN);
    CHECK_INT(thrum_deque_at(deque, -4, &item), ==, -EAGAIN);
    CHECK_INT(thrum_deque_at(deque, PTRDIFF_MIN, &item), ==, -EAGAIN);
    CHECK_INT(item, ==, 9);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(thrum_deque_at(deque, i, &item), ==, 0);
        CHECK_INT(item, ==, 10 + i);
        CHECK_INT(thrum_deque_at(deque, i - 3, &item), ==, 0);
        CHECK_INT(item, ==, 10 + i);
    }
    thrum_deque_free(deque);
}

/* By all numbers of steps, in a ring with free places and in one that is full. */
static void exercise_rotate(size_t maxlen, int count)
{
    for (int steps = -2 * count - 1; steps <= 2 * count + 1; steps++) {
        deque = thrum_deque_new(sizeof(int), &(thrum_deque_options){.maxlen = maxlen});
        append(0);
        append(0); /* the ring does not begin at its first place */
        int item;
        CHECK_INT(thrum_deque_pop_left(deque, &item), ==, 0);
        CHECK_INT(thrum_deque_pop_left(deque, &item), ==, 0);
        for (int i = 0; i < count; i++)
            append(i);
        thrum_deque_rotate(deque, steps);
        for (int i = 0; i < count; i++) {
            int to = ((i + steps) % count + count) % count;
            CHECK_INT(thrum_deque_at(deque, to, &item), ==, 0);
            CHECK_INT(item, ==, i);
        }
        thrum_deque_free(deque);
    }
}

TEST(rotate_moves_items_round)
{
    exercise_rotate(0, 1);
    exercise_rotate(0, 5);
    exercise_rotate(0, 16);
    exercise_rotate(6, 6);
    exercise_rotate(7, 7);
    exercise_rotate(8, 7);
    deque = thrum_deque_new(sizeof(int), NULL);
    thrum_deque_rotate(deque, 3);
    append(1);
    append(2);
    thrum_deque_rotate(deque, PTRDIFF_MIN);
    EXPECT(1, 2);
    thrum_deque_rotate(deque, PTRDIFF_MAX);
    EXPECT(2, 1);
    thrum_deque_free(deque);
}

TEST(memory_that_is_out_is_said_so)
{
    for (uint32_t nth = 1; nth <= 2; nth++) {
        FAIL_ALLOCATION(nth);
        CHECK(!thrum_deque_new(sizeof(int), NULL));
        FAIL_ALLOCATION(0);
    }
    deque = thrum_deque_new(sizeof(int), NULL);
    for (int i = 0; i < 16; i++)
        append(i);
    int item = 16;
    void *items = NULL;
    size_t count = 3;
    FAIL_ALLOCATION(1);
    CHECK_INT(thrum_deque_append(deque, &item), ==, -ENOMEM);
    FAIL_ALLOCATION(1);
    CHECK_INT(thrum_deque_append_left(deque, &item), ==, -ENOMEM);
    FAIL_ALLOCATION(1);
    CHECK_INT(thrum_deque_snapshot(deque, &items, &count), ==, -ENOMEM);
    FAIL_ALLOCATION(0);
    CHECK(!items);
    CHECK_INT(count, ==, 3);
    EXPECT(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    thrum_deque_free(deque);
}

enum { THREADS = 4, ITEMS = 4000 };
static uint32_t seen[THREADS * ITEMS];

/* Appends its items at either end, and takes as many at either end. */
static int append_and_pop(thrum_task *self)
{
    int number = thrum_arg(self, int);
    for (int i = number * ITEMS; i < (number + 1) * ITEMS; i++) {
        if (i % 3)
            append(i);
        else
            append_left(i);
        if (i % 8 == 0)
            thrum_deque_rotate(deque, i % 5 - 2);
        int item, rc = i % 2 ? thrum_deque_pop(deque, &item) : thrum_deque_pop_left(deque, &item);
        CHECK_INT(rc, ==, 0); /* there are never fewer than who has appended and not yet taken */
        thrum__add_relaxed(&seen[item], 1);
    }
    return 0;
}

TEST_DEADLINE(each_item_is_taken_once, 60)
{
    deque = thrum_deque_new(sizeof(int), NULL);
    thrum_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = thrum_thread_start(append_and_pop, thrum_value(int, i));
    for (int i = 0; i < THREADS; i++)
        JOIN(threads[i], 0);
    for (int i = 0; i < THREADS * ITEMS; i++)
        CHECK_INT(seen[i], ==, 1);
    thrum_deque_free(deque);
}

TEST_STOPS(a_deque_of_nothing_stops, "items of at least 1 byte")
{
    thrum_deque_new(0, NULL);
}
