#include "carrier.h"
#include "support_queue.h"

TEST(the_newest_comes_out_first)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.order = THRUM_QUEUE_LIFO});
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
    queue =
        thrum_queue_new(sizeof(struct job), &(thrum_queue_options){.order = THRUM_QUEUE_PRIORITY,
                                                                   .compare = by_level,
                                                                   .max_size = max_size});
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
    queue =
        thrum_queue_new(sizeof(struct job),
                        &(thrum_queue_options){.order = THRUM_QUEUE_PRIORITY, .compare = by_level});
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

TEST_STOPS(order_by_priority_without_a_comparison_stops, "needs .compare")
{
    thrum_queue_new(1, &(thrum_queue_options){.order = THRUM_QUEUE_PRIORITY});
}

TEST_STOPS(a_comparison_without_order_by_priority_stops, "only a queue in order of priority")
{
    thrum_queue_new(1, &(thrum_queue_options){.compare = by_level});
}

TEST_STOPS(an_order_that_there_is_not_stops, "has no order 9")
{
    thrum_queue_new(1, &(thrum_queue_options){.order = (thrum_queue_order)9});
}
