/* Queues whose items have a destructor: each item is got by one getter, or destroyed, exactly
 * once. */
#include "base/fault.h"
#include "carrier.h"

#include <errno.h>
#include <string.h>

/* An item refers to a counter, which whoever owns the item puts down. */
struct item {
    uint32_t *counter;
    int level;
};

enum { MOST = 1000 };
static uint32_t counters[MOST];
static uint32_t made, got, destroyed;

static void put_down(uint32_t *counter)
{
    CHECK_INT(thrum__sub_acq_rel(counter, 1), ==, 1);
}

static void destroy(void *value)
{
    put_down(((struct item *)value)->counter);
    thrum__add_release(&destroyed, 1);
}

static struct item make(int level)
{
    uint32_t number = thrum__add_relaxed(&made, 1);
    CHECK(number < MOST);
    thrum__store_relaxed(&counters[number], 1);
    return (struct item){&counters[number], level};
}

static void own(const struct item *item)
{
    put_down(item->counter);
    thrum__add_relaxed(&got, 1);
}

/* Checks what became of all items so far, and begins anew. */
static void settle(uint32_t want_got, uint32_t want_destroyed)
{
    CHECK_INT(thrum__load_acquire(&got), ==, want_got);
    CHECK_INT(thrum__load_acquire(&destroyed), ==, want_destroyed);
    CHECK_INT(made, ==, want_got + want_destroyed);
    made = got = destroyed = 0;
}

static int by_level(const void *a, const void *b)
{
    return ((const struct item *)a)->level - ((const struct item *)b)->level;
}

/* Each make and order, with room for five. */
static const thrum_queue_options kinds[] = {
    {.max_size = 5, .destroy = destroy},
    {.destroy = destroy},
    {.order = THRUM_QUEUE_LIFO, .max_size = 5, .destroy = destroy},
    {.order = THRUM_QUEUE_PRIORITY, .max_size = 5, .compare = by_level, .destroy = destroy},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static thrum_queue *new_queue(int kind)
{
    thrum_queue *queue = thrum_queue_new(sizeof(struct item), &kinds[kind]);
    CHECK(queue != NULL);
    return queue;
}

static int put_one(thrum_queue *queue, int level, thrum_deadline deadline)
{
    struct item item = make(level);
    return thrum_queue_put(queue, &item, deadline);
}

static void get_one(thrum_queue *queue)
{
    struct item item;
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
    own(&item);
}

TEST(free_destroys_what_is_left)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_queue *queue = new_queue(kind);
        for (int round = 0; round < 3; round++) { /* round the ring */
            CHECK_INT(put_one(queue, 2, THRUM_NOW), ==, 0);
            CHECK_INT(put_one(queue, 1, THRUM_NOW), ==, 0);
            get_one(queue);
        }
        thrum_queue_free(queue);
        settle(3, 3);
        thrum_queue_free(new_queue(kind));
        settle(0, 0);
    }
}

TEST(an_immediate_close_destroys_what_it_drops)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_queue *queue = new_queue(kind);
        for (int i = 0; i < 5; i++)
            CHECK_INT(put_one(queue, i, THRUM_NOW), ==, 0);
        get_one(queue);
        get_one(queue);
        CHECK_INT(put_one(queue, 9, THRUM_NOW), ==, 0);
        CHECK_INT(thrum_queue_close_now(queue), ==, 4);
        settle(2, 4);
        CHECK_INT(thrum_queue_close_now(queue), ==, 0);
        thrum_queue_task_done(queue);
        thrum_queue_task_done(queue);
        CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, 0);
        CHECK_INT(put_one(queue, 0, THRUM_NOW), ==, -EPIPE);
        thrum_queue_free(queue);
        settle(0, 1);
    }
}

TEST(a_close_leaves_the_items_to_getters_and_the_rest_to_free)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_queue *queue = new_queue(kind);
        for (int i = 0; i < 3; i++)
            CHECK_INT(put_one(queue, i, THRUM_NOW), ==, 0);
        thrum_queue_close(queue);
        get_one(queue);
        CHECK_INT(destroyed, ==, 0);
        thrum_queue_free(queue);
        settle(1, 2);
    }
}

TEST(a_put_that_fails_destroys_its_item)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_queue *queue = new_queue(kind);
        bool bounded = kinds[kind].max_size;
        for (int i = 0; bounded && i < 5; i++)
            CHECK_INT(put_one(queue, i, THRUM_NOW), ==, 0);
        if (bounded) {
            CHECK_INT(put_one(queue, 0, THRUM_NOW), ==, -EAGAIN);
            CHECK_INT(put_one(queue, 0, thrum_in(0.001)), ==, -ETIMEDOUT);
            CHECK_INT(destroyed, ==, 2);
        }
        thrum_queue_close(queue);
        CHECK_INT(put_one(queue, 0, THRUM_FOREVER), ==, -EPIPE);
        thrum_queue_free(queue);
        settle(0, bounded ? 8 : 1);
    }
}

TEST(a_batch_that_fails_destroys_what_it_did_not_add)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_queue *queue = new_queue(kind);
        struct item items[8], batch[8];
        size_t count = 0;
        bool bounded = kinds[kind].max_size;
        for (int i = 0; i < 8; i++)
            items[i] = make(i);
        CHECK_INT(thrum_queue_put_many(queue, items, 8, &count, THRUM_NOW), ==,
                  bounded ? -EAGAIN : 0);
        CHECK_INT(count, ==, bounded ? 5 : 8);
        CHECK_INT(destroyed, ==, bounded ? 3 : 0);
        CHECK_INT(thrum_queue_get_many(queue, batch, 2, &count, THRUM_NOW), ==, 0);
        for (size_t i = 0; i < count; i++)
            own(&batch[i]);
        thrum_queue_close(queue);
        for (int i = 0; i < 4; i++)
            items[i] = make(i);
        CHECK_INT(thrum_queue_put_many(queue, items, 4, NULL, THRUM_FOREVER), ==, -EPIPE);
        thrum_queue_free(queue);
        settle(2, 10);
    }
}

TEST(without_memory_a_put_destroys_its_item)
{
    thrum_queue *queue = new_queue(1);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, UINT32_MAX);
    int rc = 0;
    while (rc == 0 && made < 1000)
        rc = put_one(queue, 0, THRUM_NOW);
    CHECK_INT(rc, ==, -ENOMEM);
    CHECK_INT(destroyed, ==, 1);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    uint32_t all = made;
    thrum_queue_free(queue);
    settle(0, all);
}

static int wait_for_room(thrum_task *self)
{
    struct item item = make(0);
    return thrum_queue_put(thrum_arg(self, thrum_queue *), &item, THRUM_FOREVER);
}

TEST(a_cancelled_put_destroys_its_item)
{
    for (int kind = 0; kind < KINDS; kind++) {
        if (!kinds[kind].max_size)
            continue;
        thrum_queue *queue = new_queue(kind);
        for (int i = 0; i < 5; i++)
            CHECK_INT(put_one(queue, i, THRUM_NOW), ==, 0);
        thrum_thread *putter = thrum_thread_start(wait_for_room, thrum_value(thrum_queue *, queue));
        UNTIL(thrum__load_acquire(&made) == 6);
        (void)thrum_thread_cancel(putter);
        JOIN(putter, -ECANCELED);
        CHECK_INT(destroyed, ==, 1);
        thrum_queue_free(queue);
        settle(0, 6);
    }
}

/* The destructor waits, and may use the queue. */
static thrum_queue *used;
static thrum_event in_destructor, go_on;

static void destroy_slowly(void *value)
{
    struct item more = make(0);
    thrum_event_set(&in_destructor);
    CHECK_INT(thrum_event_wait(&go_on, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_queue_size(used), ==, 0);
    put_down(more.counter);
    thrum__sub_relaxed(&made, 1);
    destroy(value);
}

static int close_queue(thrum_task *self)
{
    CHECK_INT(thrum_queue_close_now(thrum_arg(self, thrum_queue *)), ==, 1);
    return 0;
}

static int free_queue(thrum_task *self)
{
    struct item item;
    thrum_queue *queue = thrum_arg(self, thrum_queue *);
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_queue_join(queue, THRUM_NOW), ==, -EAGAIN); /* its item is not destroyed yet */
    thrum_event_set(&go_on);
    thrum_queue_free(queue);
    return 0;
}

TEST(free_waits_for_a_close_that_is_destroying)
{
    for (int unbounded = 0; unbounded < 2; unbounded++) {
        thrum_event_clear(&in_destructor);
        thrum_event_clear(&go_on);
        used = thrum_queue_new(
            sizeof(struct item),
            &(thrum_queue_options){.max_size = unbounded ? 0 : 5, .destroy = destroy_slowly});
        CHECK_INT(put_one(used, 0, THRUM_NOW), ==, 0);
        thrum_thread *closer = thrum_thread_start(close_queue, thrum_value(thrum_queue *, used));
        CHECK_INT(thrum_event_wait(&in_destructor, THRUM_FOREVER), ==, 0);
        thrum_thread *owner = thrum_thread_start(free_queue, thrum_value(thrum_queue *, used));
        JOIN(owner, 0);
        JOIN(closer, 0);
        settle(0, 1);
    }
}

/* Putters, getters and a close at any moment: everything is got or destroyed. */
static int put_until_closed(thrum_task *self)
{
    enum { PUTS = 100 };
    for (int i = 0; i < PUTS; i++)
        if (put_one(thrum_arg(self, thrum_queue *), 0, THRUM_FOREVER) < 0)
            break;
    return 0;
}

static int get_until_closed(thrum_task *self)
{
    struct item item;
    while (thrum_queue_get(thrum_arg(self, thrum_queue *), &item, THRUM_FOREVER) == 0)
        own(&item);
    return 0;
}

TEST(items_are_got_or_destroyed_while_a_close_meets_putters_and_getters)
{
    for (int round = 0; round < 40; round++) {
        int kind = round % KINDS;
        thrum_queue *queue = new_queue(kind);
        thrum_thread *putters[2], *getters[2];
        for (int i = 0; i < 2; i++) {
            putters[i] = thrum_thread_start(put_until_closed, thrum_value(thrum_queue *, queue));
            getters[i] = thrum_thread_start(get_until_closed, thrum_value(thrum_queue *, queue));
        }
        UNTIL(thrum__load_acquire(&got) > (uint32_t)round);
        (void)thrum_queue_close_now(queue);
        for (int i = 0; i < 2; i++) {
            JOIN(putters[i], 0);
            JOIN(getters[i], 0);
        }
        thrum_queue_free(queue);
        CHECK_INT(got + destroyed, ==, made);
        made = got = destroyed = 0;
    }
}

static uint32_t ident;

static int tell_and_get(thrum_task *self)
{
    tell_ident(&ident);
    return get_until_closed(self);
}

TEST_STOPS(freeing_a_queue_with_a_destructor_that_is_waited_for_stops_the_program, "finished")
{
    thrum_queue *queue = new_queue(1);
    thrum_thread_start(tell_and_get, thrum_value(thrum_queue *, queue));
    UNTIL(waits_for(&ident, "condition"));
    thrum_queue_free(queue);
}
