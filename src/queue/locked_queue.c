/* The queue behind one lock: items in an order (store.h), for all but what bounded_queue.c does.
 *
 * Everything is under the lock. What a batch adds or takes under one hold of the lock it notifies
 * at once, with the number of items; a batch that finds no room for the rest waits as a single put
 * does, and others may come between its parts.
 *
 * A bounded queue has its final size from the start; an unbounded one doubles.
 */
#include "base/memory.h"
#include "queue/queue.h"
#include "queue/store.h"
#include <thrum/with.h>

#include <errno.h>
#include <stdint.h>

enum { FIRST_CAPACITY = 16 };

struct locked {
    thrum_queue base;
    thrum__store store;
    uint64_t puts;
    bool closed;
};

static struct locked *locked_of(thrum_queue *queue)
{
    return (struct locked *)queue;
}

static size_t count_of(thrum_queue *queue)
{
    return thrum__store_count(&locked_of(queue)->store);
}

static bool is_full(thrum_queue *queue)
{
    return queue->max_size && count_of(queue) == queue->max_size;
}

/* Waits for room for one item at least. Under the lock. */
static int wait_for_room(thrum_queue *queue, thrum_deadline deadline)
{
    while (!locked_of(queue)->closed && is_full(queue)) {
        int rc = thrum_condition_wait(&queue->not_full, deadline);
        if (rc < 0)
            return rc;
    }
    return locked_of(queue)->closed ? -EPIPE : 0;
}

/* Waits for one item at least. Under the lock. */
static int wait_for_item(thrum_queue *queue, thrum_deadline deadline)
{
    while (count_of(queue) == 0) {
        if (locked_of(queue)->closed)
            return -EPIPE;
        int rc = thrum_condition_wait(&queue->not_empty, deadline);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int locked_put(thrum_queue *queue, const void *item, thrum_deadline deadline)
{
    struct locked *locked = locked_of(queue);
    thrum_with (&queue->lock) {
        int rc = wait_for_room(queue, deadline);
        if (rc == 0)
            rc = thrum__store_reserve(&locked->store, 1);
        if (rc < 0)
            return rc;
        thrum__store_push(&locked->store, item);
        locked->puts++;
        thrum__queue_notify(&queue->not_empty, 1);
    }
    return 0;
}

/* Adds as many of the items as there is room for, once there is room. Under the lock. */
static int put_some(thrum_queue *queue, const char *items, size_t count, size_t *ret_put,
                    thrum_deadline deadline)
{
    struct locked *locked = locked_of(queue);
    int rc = wait_for_room(queue, deadline);
    if (rc < 0)
        return rc;
    size_t room = queue->max_size ? queue->max_size - count_of(queue) : SIZE_MAX;
    if (count > room)
        count = room;
    rc = thrum__store_reserve(&locked->store, count);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        thrum__store_push(&locked->store, items + i * queue->item_size);
    locked->puts += count;
    thrum__queue_notify(&queue->not_empty, count);
    *ret_put = count;
    return 0;
}

static int locked_put_many(thrum_queue *queue, const char *items, size_t count, size_t *ret_added,
                           thrum_deadline deadline)
{
    int rc = 0;
    thrum_with (&queue->lock) {
        while (*ret_added < count && rc == 0) {
            size_t some = 0;
            rc = put_some(queue, items + *ret_added * queue->item_size, count - *ret_added, &some,
                          deadline);
            *ret_added += some;
        }
    }
    return rc;
}

static int locked_take(thrum_queue *queue, void *ret_item)
{
    if (count_of(queue) == 0)
        return locked_of(queue)->closed ? -EPIPE : -EAGAIN;
    thrum__store_pop(&locked_of(queue)->store, ret_item);
    thrum__queue_notify(&queue->not_full, 1);
    return 0;
}

static int locked_get(thrum_queue *queue, void *ret_item, thrum_deadline deadline)
{
    thrum_with (&queue->lock) {
        int rc = wait_for_item(queue, deadline);
        if (rc < 0)
            return rc;
        locked_take(queue, ret_item);
    }
    return 0;
}

static int locked_get_many(thrum_queue *queue, char *ret_items, size_t most, size_t *ret_count,
                           thrum_deadline deadline)
{
    thrum_with (&queue->lock) {
        int rc = wait_for_item(queue, deadline);
        if (rc < 0)
            return rc;
        size_t count = 0;
        for (; count < most && count_of(queue) > 0; count++)
            thrum__store_pop(&locked_of(queue)->store, ret_items + count * queue->item_size);
        thrum__queue_notify(&queue->not_full, count);
        *ret_count = count;
    }
    return 0;
}

static size_t locked_size(thrum_queue *queue)
{
    size_t count = 0;
    thrum_with (&queue->lock)
        count = count_of(queue);
    return count;
}

static void locked_end_puts(thrum_queue *queue)
{
    locked_of(queue)->closed = true;
}

static size_t locked_close_now(thrum_queue *queue)
{
    locked_end_puts(queue);
    size_t dropped = count_of(queue);
    thrum__store_clear(&locked_of(queue)->store);
    return dropped;
}

/* Nobody puts any more, so the store stays as the close left it. */
static void *locked_dropped(thrum_queue *queue, size_t index)
{
    return thrum__store_at(&locked_of(queue)->store, index);
}

static uint64_t locked_puts(thrum_queue *queue)
{
    return locked_of(queue)->puts;
}

/* The lock keeps putters out, and each put looks for waiters. */
static void locked_hold(thrum_queue *queue)
{
    (void)queue;
}

static void locked_let_go(thrum_queue *queue)
{
    (void)queue;
}

static bool locked_await_item(thrum_queue *queue)
{
    return !locked_of(queue)->closed && count_of(queue) == 0;
}

static bool locked_await_room(thrum_queue *queue)
{
    return !locked_of(queue)->closed && is_full(queue);
}

/* A put under the lock costs a wake-up in any case. */
static bool locked_give_way(void)
{
    return false;
}

static void locked_free(thrum_queue *queue)
{
    thrum__queue_finish(queue);
    thrum__store_finish(&locked_of(queue)->store);
    thrum__free(queue);
}

static const thrum__queue_make make = {
    .put = locked_put,
    .put_many = locked_put_many,
    .get = locked_get,
    .get_many = locked_get_many,
    .size = locked_size,
    .end_puts = locked_end_puts,
    .close_now = locked_close_now,
    .dropped = locked_dropped,
    .puts = locked_puts,
    .hold = locked_hold,
    .let_go = locked_let_go,
    .await_item = locked_await_item,
    .await_room = locked_await_room,
    .give_way = locked_give_way,
    .take = locked_take,
    .free = locked_free,
};

thrum_queue *thrum__locked_queue_new(size_t item_size, const thrum_queue_options *options)
{
    struct locked *locked = thrum__alloc(sizeof *locked);
    if (!locked)
        return NULL;
    size_t capacity = options->max_size ? options->max_size : FIRST_CAPACITY;
    if (thrum__store_init(&locked->store, item_size, capacity, options) < 0) {
        thrum__free(locked);
        return NULL;
    }
    locked->base.make = &make;
    return &locked->base;
}
