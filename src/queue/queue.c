/* The queue: a ring of items behind one lock and three conditions.
 *
 *     not_empty   getters wait for an item, or for the close
 *     not_full    putters wait for room, or for the close
 *     all_done    joiners wait for `unfinished` to reach 0
 *
 * Everything is under the lock. Each put that adds an item notifies one getter, each get one
 * putter: an item or a place is never left with a waiter asleep, as a notify that is claimed by
 * nobody finds nobody waiting. A close notifies all.
 *
 * A bounded ring has its final size from the start; an unbounded one doubles. Items are copied
 * bytes, so they may be of any type that a struct assignment copies.
 *
 * Freeing: by one who knows that nobody is inside; the conditions check that nobody waits.
 */
#include "base/memory.h"
#include "base/panic.h"
#include <thrum/condition.h>
#include <thrum/queue.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

struct thrum_queue {
    thrum_lock lock;
    thrum_condition not_empty, not_full, all_done;
    char *items;
    size_t item_size;
    size_t capacity; /* of the ring */
    size_t max_size; /* 0 for no bound */
    size_t first;    /* where the oldest item is */
    size_t count;
    size_t unfinished; /* put, and not yet task_done */
    bool closed;
};

thrum_queue *thrum_queue_new(size_t item_size, const thrum_queue_options *options)
{
    if (item_size == 0)
        thrum__panic(thrum__caller(), "a queue needs items of at least 1 byte");
    thrum_queue *queue = thrum__alloc(sizeof *queue);
    if (!queue)
        return NULL;
    queue->item_size = item_size;
    queue->max_size = options ? options->max_size : 0;
    queue->capacity = queue->max_size ? queue->max_size : FIRST_CAPACITY;
    queue->items = thrum__alloc_array(queue->capacity, item_size);
    if (!queue->items) {
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
    thrum__free(queue->items);
    thrum__free(queue);
}

static char *slot(thrum_queue *queue, size_t index)
{
    size_t at = queue->first + index;
    return queue->items + (at < queue->capacity ? at : at - queue->capacity) * queue->item_size;
}

static bool is_full(const thrum_queue *queue)
{
    return queue->max_size && queue->count == queue->max_size;
}

/* Makes room for one more item in a ring without bound. Returns 0 or -ENOMEM. */
static int grow(thrum_queue *queue)
{
    if (queue->count < queue->capacity)
        return 0;
    if (queue->capacity > SIZE_MAX / 2)
        return -ENOMEM;
    char *items = thrum__alloc_array(queue->capacity * 2, queue->item_size);
    if (!items)
        return -ENOMEM;
    size_t head = (queue->capacity - queue->first) * queue->item_size;
    memcpy(items, slot(queue, 0), head);
    memcpy(items + head, queue->items, queue->first * queue->item_size);
    thrum__free(queue->items);
    queue->items = items;
    queue->first = 0;
    queue->capacity *= 2;
    return 0;
}

int thrum_queue_put(thrum_queue *queue, const void *item, thrum_time deadline)
{
    thrum_with (&queue->lock) {
        while (!queue->closed && is_full(queue)) {
            int rc = thrum_condition_wait(&queue->not_full, deadline);
            if (rc < 0)
                return rc;
        }
        if (queue->closed)
            return -EPIPE;
        int rc = grow(queue);
        if (rc < 0)
            return rc;
        memcpy(slot(queue, queue->count), item, queue->item_size);
        queue->count++;
        queue->unfinished++;
        thrum_condition_notify(&queue->not_empty, 1);
    }
    return 0;
}

int thrum_queue_get(thrum_queue *queue, void *ret_item, thrum_time deadline)
{
    thrum_with (&queue->lock) {
        while (queue->count == 0) {
            if (queue->closed)
                return -EPIPE;
            int rc = thrum_condition_wait(&queue->not_empty, deadline);
            if (rc < 0)
                return rc;
        }
        memcpy(ret_item, slot(queue, 0), queue->item_size);
        queue->first = queue->first + 1 == queue->capacity ? 0 : queue->first + 1;
        queue->count--;
        thrum_condition_notify(&queue->not_full, 1);
    }
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

void thrum_queue_close(thrum_queue *queue)
{
    thrum_with (&queue->lock) {
        queue->closed = true;
        thrum_condition_notify_all(&queue->not_empty);
        thrum_condition_notify_all(&queue->not_full);
    }
}

size_t thrum_queue_size(thrum_queue *queue)
{
    size_t count = 0;
    thrum_with (&queue->lock)
        count = queue->count;
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
