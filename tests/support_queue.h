/* What the tests of queues share: tasks that get, put and join, and the makes to test.
 *
 * BOTH_MAKES defines a test twice, for a bounded queue without a lock and for one with: first in,
 * first out, and first by a comparison that finds all items equal, which is the same order. */
#ifndef TESTS_SUPPORT_QUEUE_H
#define TESTS_SUPPORT_QUEUE_H

#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_queue *queue;
static uint32_t idents[4];
static bool with_a_lock;

#define BOTH_MAKES(name) BOTH_MAKES_DEADLINE(name, TEST_DEADLINE_DEFAULT)

#define BOTH_MAKES_DEADLINE(name, seconds)                                                         \
    static void body_of_##name(void);                                                              \
    TEST_DEADLINE(name, seconds)                                                                   \
    {                                                                                              \
        body_of_##name();                                                                          \
    }                                                                                              \
    TEST_DEADLINE(name##_with_a_lock, seconds)                                                     \
    {                                                                                              \
        with_a_lock = true;                                                                        \
        body_of_##name();                                                                          \
    }                                                                                              \
    static void body_of_##name(void)

static inline int all_are_equal(const void *a, const void *b)
{
    (void)a;
    (void)b;
    return 0;
}

static inline thrum_queue *new_bounded(size_t item_size, size_t max_size)
{
    thrum_queue_options options = {.max_size = max_size};
    if (with_a_lock) {
        options.order = THRUM_QUEUE_PRIORITY;
        options.compare = all_are_equal;
    }
    thrum_queue *made = thrum_queue_new(item_size, &options);
    CHECK(made);
    return made;
}

/* Gets an item and returns it; the argument says where the thread tells its ident. */
static inline int get_one(thrum_task *self)
{
    tell_ident(&idents[thrum_arg(self, int)]);
    int item = 0;
    int rc = thrum_queue_get(queue, &item, THRUM_FOREVER);
    return rc < 0 ? rc : thrum_return(self, thrum_value(int, item));
}

/* Puts its argument. */
static inline int put_one(thrum_task *self)
{
    int item = thrum_arg(self, int);
    tell_ident(&idents[item]);
    return thrum_queue_put(queue, &item, THRUM_FOREVER);
}

static inline int join_it(thrum_task *self)
{
    tell_ident(&idents[thrum_arg(self, int)]);
    return thrum_queue_join(queue, THRUM_FOREVER);
}

static inline void expect_int(thrum_thread *thread, int expected)
{
    int result;
    CHECK_INT(thrum_thread_result(thread, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, expected);
    thrum_thread_free(thread);
}

/* Makes the call with a thread of its own that is asleep when the macro ends. */
#define START_ASLEEP(thread, task, number)                                                         \
    do {                                                                                           \
        thrum__store_relaxed(&idents[number], 0);                                                  \
        (thread) = thrum_thread_start(task, thrum_value(int, (number)));                           \
        UNTIL(waits_for(&idents[number], "condition"));                                            \
    } while (0)

#endif
