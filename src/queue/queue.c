/* The queue: items in an order (store.h) behind one lock and three conditions.
 *
 *     not_empty   getters wait for an item, or for the close
 *     not_full    putters wait for room, or for the close
 *     all_done    joiners wait for `unfinished` to reach 0
 *
 * Everything is under the lock. Each item that is added notifies one getter, each that is taken one
 * putter: an item or a place is never left with a waiter asleep, as a notify that is claimed by
 * nobody finds nobody waiting. One who was notified looks again: another may have come first, and
 * then that one has the item or the place. A close notifies all.
 *
 * What a batch adds or takes under one hold of the lock it notifies at once, with the number of
 * items; a batch that finds no room for the rest waits as a single put does, and others may come
 * between its parts.
 *
 * Who waits in several queues at once (any.c) stands in the not_empty of each, as a getter.
 *
 * A bounded queue has its final size from the start; an unbounded one doubles. Items are copied
 * bytes, so they may be of any type that a struct assignment copies.
 *
 * Freeing: by one who knows that nobody is inside; the conditions check that nobody waits.
 */
#include "queue/queue.h"
#include "base/memory.h"
#include "base/panic.h"
#include <thrum/with.h>

#include <errno.h>
#include <stdint.h>

enum { FIRST_CAPACITY = 16 };

static void require_sense(size_t item_size, const thrum_queue_options *options, const void *place)
{
    if (item_size == 0)
        thrum__panic(place, "a queue needs items of at least 1 byte");
    if (options->order > THRUM_PRIORITY)
        thrum__panic(place, "a queue has no order %u", (unsigned)options->order);
    if ((options->order == THRUM_PRIORITY) != (options->compare != NULL))
        thrum__panic(place, options->compare ? "only a queue in order of priority compares items"
                                             : "a queue in order of priority needs .compare");
}

thrum_queue *thrum_queue_new(size_t item_size, const thrum_queue_options *options)
{
    static const thrum_queue_options defaults;
    if (!options)
        options = &defaults;
    require_sense(item_size, options, thrum__caller());
    thrum_queue *queue = thrum__alloc(sizeof *queue);
    if (!queue)
        return NULL;
    queue->max_size = options->max_size;
    size_t capacity = queue->max_size ? queue->max_size : FIRST_CAPACITY;
    if (thrum__store_init(&queue->store, item_size, capacity, options) < 0) {
        thrum__free(queue);
        return NULL;
    }
    thrum_condition_init(&queue->not_empty, &queue->lock);
    thrum_condition_init(&queue->not_full, &queue->lock);
    thrum_condition_init(&queue->all_done, &queue->lock);
    return queue;
}

void thrum_queue_free(thrum_queue *queue)
{
    if (!queue)
        return;
    thrum_condition_finish(&queue->not_empty);
    thrum_condition_finish(&queue->not_full);
    thrum_condition_finish(&queue->all_done);
    thrum_lock_finish(&queue->lock);
    thrum__store_finish(&queue->store);
    thrum__free(queue);
}

static bool is_full(const thrum_queue *queue)
{
    return queue->max_size && thrum__store_count(&queue->store) == queue->max_size;
}

/* As many notifies as items were added or taken. */
static void notify(thrum_condition *condition, size_t count)
{
    thrum_condition_notify(condition, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

/* Waits for room for one item at least. Under the lock. */
static int wait_for_room(thrum_queue *queue, thrum_time deadline)
{
    while (!queue->closed && is_full(queue)) {
        int rc = thrum_condition_wait(&queue->not_full, deadline);
        if (rc < 0)
            return rc;
    }
    return queue->closed ? -EPIPE : 0;
}

/* Waits for one item at least. Under the lock. */
static int wait_for_item(thrum_queue *queue, thrum_time deadline)
{
    while (thrum__store_count(&queue->store) == 0) {
        if (queue->closed)
            return -EPIPE;
        int rc = thrum_condition_wait(&queue->not_empty, deadline);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int thrum_queue_put(thrum_queue *queue, const void *item, thrum_time deadline)
{
    thrum_with (&queue->lock) {
        int rc = wait_for_room(queue, deadline);
        if (rc == 0)
            rc = thrum__store_reserve(&queue->store, 1);
        if (rc < 0)
            return rc;
        thrum__store_push(&queue->store, item);
        queue->unfinished++;
        notify(&queue->not_empty, 1);
    }
    return 0;
}

/* Adds as many of the items as there is room for, once there is room. Under the lock. */
static int put_some(thrum_queue *queue, const char *items, size_t count, size_t *ret_put,
                    thrum_time deadline)
{
    int rc = wait_for_room(queue, deadline);
    if (rc < 0)
        return rc;
    size_t room = queue->max_size ? queue->max_size - thrum__store_count(&queue->store) : SIZE_MAX;
    if (count > room)
        count = room;
    rc = thrum__store_reserve(&queue->store, count);
    if (rc < 0)
        return rc;
    size_t item_size = thrum__store_item_size(&queue->store);
    for (size_t i = 0; i < count; i++)
        thrum__store_push(&queue->store, items + i * item_size);
    queue->unfinished += count;
    notify(&queue->not_empty, count);
    *ret_put = count;
    return 0;
}

int thrum_queue_put_many(thrum_queue *queue, const void *items, size_t count, size_t *added,
                         thrum_time deadline)
{
    size_t put = 0;
    int rc = 0;
    thrum_with (&queue->lock) {
        const char *rest = items;
        while (put < count && rc == 0) {
            size_t some = 0;
            rc = put_some(queue, rest, count - put, &some, deadline);
            rest += some * thrum__store_item_size(&queue->store);
            put += some;
        }
    }
    if (added)
        *added = put;
    return rc;
}

void thrum__queue_take(thrum_queue *queue, void *ret_item)
{
    thrum__store_pop(&queue->store, ret_item);
    notify(&queue->not_full, 1);
}

int thrum_queue_get(thrum_queue *queue, void *ret_item, thrum_time deadline)
{
    thrum_with (&queue->lock) {
        int rc = wait_for_item(queue, deadline);
        if (rc < 0)
            return rc;
        thrum__queue_take(queue, ret_item);
    }
    return 0;
}

int thrum_queue_get_many(thrum_queue *queue, void *ret_items, size_t most, size_t *ret_count,
                         thrum_time deadline)
{
    size_t count = 0;
    thrum_with (&queue->lock) {
        int rc = most > 0 ? wait_for_item(queue, deadline) : 0;
        if (rc < 0)
            return rc;
        size_t item_size = thrum__store_item_size(&queue->store);
        for (char *to = ret_items; count < most && thrum__store_count(&queue->store) > 0; count++)
            thrum__store_pop(&queue->store, to + count * item_size);
        notify(&queue->not_full, count);
    }
    *ret_count = count;
    return 0;
}

void thrum_queue_task_done(thrum_queue *queue)
{
    thrum_with (&queue->lock) {
        if (queue->unfinished == 0)
            thrum__panic(thrum__caller(),
                         "queue %p: task_done called more often than items were put",
                         (void *)queue);
        if (--queue->unfinished == 0)
            thrum_condition_notify_all(&queue->all_done);
    }
}

int thrum_queue_join(thrum_queue *queue, thrum_time deadline)
{
    thrum_with (&queue->lock) {
        while (queue->unfinished > 0) {
            int rc = thrum_condition_wait(&queue->all_done, deadline);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/* Under the lock. */
static void close_and_tell(thrum_queue *queue)
{
    queue->closed = true;
    thrum_condition_notify_all(&queue->not_empty);
    thrum_condition_notify_all(&queue->not_full);
}

void thrum_queue_close(thrum_queue *queue)
{
    thrum_with (&queue->lock)
        close_and_tell(queue);
}

size_t thrum_queue_close_now(thrum_queue *queue)
{
    size_t dropped = 0;
    thrum_with (&queue->lock) {
        dropped = thrum__store_count(&queue->store);
        thrum__store_clear(&queue->store);
        close_and_tell(queue);
        /* Fewer are unfinished than are there if someone called task_done before get. */
        queue->unfinished -= dropped < queue->unfinished ? dropped : queue->unfinished;
        if (queue->unfinished == 0)
            thrum_condition_notify_all(&queue->all_done);
    }
    return dropped;
}

size_t thrum_queue_size(thrum_queue *queue)
{
    size_t count = 0;
    thrum_with (&queue->lock)
        count = thrum__store_count(&queue->store);
    return count;
}

bool thrum_queue_empty(thrum_queue *queue)
{
    return thrum_queue_size(queue) == 0;
}

bool thrum_queue_full(thrum_queue *queue)
{
    bool full = false;
    thrum_with (&queue->lock)
        full = is_full(queue);
    return full;
}
