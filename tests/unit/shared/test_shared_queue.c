/* The queue between processes: order, ends, and the death of those who use it. */
#include "carrier.h"
#include "support_children.h"

#include <errno.h>

struct item {
    uint64_t number, check; /* its complement: an item in part would not have it */
};

enum { CAPACITY = 4 };

static uint32_t ident;

static thrum_shared_queue *queue_new(void)
{
    thrum_shared_queue *queue = common_new(thrum_shared_queue_size(sizeof(struct item), CAPACITY));
    CHECK_INT(thrum_shared_queue_init(queue, sizeof(struct item), CAPACITY), ==, 0);
    return queue;
}

static int put(thrum_shared_queue *queue, uint64_t number, thrum_deadline deadline)
{
    return thrum_shared_queue_put(queue, &(struct item){number, ~number}, deadline);
}

static int get(thrum_shared_queue *queue, uint64_t *ret_number, thrum_deadline deadline)
{
    struct item item;
    int rc = thrum_shared_queue_get(queue, &item, deadline);
    if (rc == 0) {
        CHECK(item.check == ~item.number);
        *ret_number = item.number;
    }
    return rc;
}

TEST(a_size_that_cannot_be_had_is_refused)
{
    thrum_shared_queue *queue = queue_new();
    CHECK_INT(thrum_shared_queue_size(0, 1), ==, 0);
    CHECK_INT(thrum_shared_queue_size(1, 0), ==, 0);
    CHECK_INT(thrum_shared_queue_size(SIZE_MAX / 2, 4), ==, 0);
    CHECK_INT(thrum_shared_queue_init(queue, 0, 1), ==, -EINVAL);
    CHECK_INT(thrum_shared_queue_init((void *)((char *)queue + 8), 1, 1), ==, -EINVAL);
}

TEST_STOPS(memory_that_is_no_queue_stops_the_program, "thrum_shared_queue_init did not make it")
{
    (void)!thrum_shared_queue_put(common_new(4096), "", THRUM_NOW);
}

TEST(first_in_first_out_and_no_more_than_there_is_room_for)
{
    thrum_shared_queue *queue = queue_new();
    uint64_t number = 0;
    CHECK_INT(get(queue, &number, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(get(queue, &number, thrum_in(0.001)), ==, -ETIMEDOUT);
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < CAPACITY; i++)
            CHECK_INT(put(queue, round * 10 + i, THRUM_FOREVER), ==, 0);
        CHECK_INT(put(queue, 99, THRUM_NOW), ==, -EAGAIN);
        CHECK_INT(put(queue, 99, thrum_in(0.001)), ==, -ETIMEDOUT);
        CHECK_INT(thrum_shared_queue_length(queue), ==, CAPACITY);
        for (uint64_t i = 0; i < CAPACITY; i++) {
            CHECK_INT(get(queue, &number, THRUM_NOW), ==, 0);
            CHECK_INT(number, ==, round * 10 + i);
        }
    }
    CHECK_INT(thrum_shared_queue_length(queue), ==, 0);
}

TEST(a_closed_queue_gives_what_it_has)
{
    thrum_shared_queue *queue = queue_new();
    uint64_t number = 0;
    CHECK_INT(put(queue, 7, THRUM_NOW), ==, 0);
    thrum_shared_queue_close(queue);
    thrum_shared_queue_close(queue);
    CHECK_INT(put(queue, 8, THRUM_NOW), ==, -EPIPE);
    CHECK_INT(get(queue, &number, THRUM_FOREVER), ==, 0);
    CHECK_INT(number, ==, 7);
    CHECK_INT(get(queue, &number, THRUM_FOREVER), ==, -EPIPE);
}

static int get_one(thrum_task *self)
{
    uint64_t number = 0;
    tell_ident(&ident);
    int rc = get(thrum_arg(self, thrum_shared_queue *), &number, THRUM_FOREVER);
    return rc ? rc : (int)number;
}

static int put_one(thrum_task *self)
{
    tell_ident(&ident);
    return put(thrum_arg(self, thrum_shared_queue *), 1, THRUM_FOREVER);
}

static thrum_thread *waiter_start(thrum_shared_queue *queue, thrum_task_fn *function)
{
    thrum_thread *waiter = thrum_thread_start(function, thrum_value(thrum_shared_queue *, queue));
    UNTIL(waits_for(&ident, "shared condition"));
    return waiter;
}

static void close_it(void *queue)
{
    thrum_shared_queue_close(queue);
}

TEST(a_close_by_another_process_ends_the_waits)
{
    thrum_shared_queue *queue = queue_new();
    thrum_thread *getter = waiter_start(queue, get_one);
    child_join(child_start(close_it, queue));
    JOIN(getter, -EPIPE);
}

TEST(a_wait_for_room_can_be_cancelled)
{
    thrum_shared_queue *queue = queue_new();
    for (uint64_t i = 0; i < CAPACITY; i++)
        CHECK_INT(put(queue, i, THRUM_NOW), ==, 0);
    thrum_thread *putter = waiter_start(queue, put_one);
    CHECK_INT(thrum_thread_cancel(putter), ==, 0);
    JOIN(putter, -ECANCELED);
}

enum { EACH = 2000 };

static void put_many(void *queue)
{
    for (uint64_t i = 1; i <= EACH; i++)
        CHECK_INT(put(queue, i, THRUM_FOREVER), ==, 0);
}

static int add_up(thrum_task *self)
{
    thrum_shared_queue *queue = thrum_arg(self, thrum_shared_queue *);
    uint64_t sum = 0, number;
    int rc;
    while ((rc = get(queue, &number, THRUM_FOREVER)) == 0)
        sum += number;
    CHECK_INT(rc, ==, -EPIPE);
    return thrum_return(self, thrum_value(uint64_t, sum));
}

TEST(each_item_of_several_processes_comes_once)
{
    thrum_shared_queue *queue = queue_new();
    thrum_thread *threads[2];
    uint64_t total = 0;
    for (int i = 0; i < 2; i++)
        threads[i] = thrum_thread_start(add_up, thrum_value(thrum_shared_queue *, queue));
    pid_t one = child_start(put_many, queue), two = child_start(put_many, queue);
    child_join(one);
    child_join(two);
    thrum_shared_queue_close(queue);
    for (int i = 0; i < 2; i++) {
        uint64_t sum;
        CHECK_INT(thrum_thread_result(threads[i], &sum, sizeof sum, THRUM_FOREVER), ==, 0);
        total += sum;
        thrum_thread_free(threads[i]);
    }
    CHECK_INT(total, ==, (uint64_t)EACH * (EACH + 1));
}

/* Each puts what it takes; so the number of items changes only by those who die in between. */
static void pass_around(void *queue)
{
    uint64_t number;
    for (;;) {
        CHECK_INT(get(queue, &number, THRUM_FOREVER), ==, 0);
        CHECK_INT(put(queue, number, THRUM_FOREVER), ==, 0);
    }
}

static int pass_until_closed(thrum_task *self)
{
    thrum_shared_queue *queue = thrum_arg(self, thrum_shared_queue *);
    uint64_t number;
    while (get(queue, &number, THRUM_FOREVER) == 0)
        if (put(queue, number, THRUM_FOREVER) < 0)
            break;
    return 0;
}

/* After each death somebody else must still get through, in both directions. */
TEST_DEADLINE(a_thousand_deaths_leave_the_queue_usable, 180)
{
    enum { DEATHS = 1000 };
    thrum_shared_queue *queue = queue_new();
    thrum_thread *thread =
        thrum_thread_start(pass_until_closed, thrum_value(thrum_shared_queue *, queue));
    pid_t steady = child_start(pass_around, queue);
    for (int i = 0; i < DEATHS; i++) {
        pid_t child = child_start(pass_around, queue);
        uint64_t number = (uint64_t)i;
        for (int turn = 0; turn < 1 + i % 20; turn++) {
            int rc = put(queue, number, thrum_in(0.5)); /* full: nobody takes while all have one */
            CHECK(rc == 0 || rc == -ETIMEDOUT);
            CHECK_INT(get(queue, &number, THRUM_FOREVER), ==, 0);
        }
        child_kill(child);
    }
    child_kill(steady);
    thrum_shared_queue_close(queue);
    JOIN(thread, 0);
}
