/* The queue as programs see it: which make it is (queue.h), and what is the same for all makes.
 *
 * All waits are in three conditions of one lock:
 *
 *     not_empty   getters wait for an item, or for the close
 *     not_full    putters wait for room, or for the close
 *     all_done    joiners wait until as many items are done as were put
 *
 * Each item that is added notifies one getter, if any sleeps, and each that is taken one putter: an
 * item or a place is never left with a waiter asleep, as a notify that is claimed by nobody finds
 * nobody waiting. One who was notified looks again: another may have come first, and then that one
 * has the item or the place. A close notifies all.
 *
 * Counting what is done happens under the lock, as does the look at it: so a joiner that sees the
 * last item done comes after the last touch of the thread that did it.
 *
 * A select (select.c) stands in the not_empty of the queues that it gets from, as a getter, and in
 * the not_full of those that it puts to, as a putter.
 *
 * Items are copied bytes, so they may be of any type that a struct assignment copies.
 *
 * Freeing: by a caller that knows that no further call comes; the conditions check that nobody waits.
 * One whose item has come out already may still be on its way out of put, as with every object
 * here, and a thread that made room may be on its way out of get.
 *
 * A queue with a destructor owns each item from the call of put on, and either a getter takes it,
 * or the destructor is called for it once:
 *
 *     a put that fails      by the putter, after it has left the queue
 *     an immediate close    by its caller, in three steps: under the lock it closes the queue and
 *                           takes all items off, so that no getter sees them; without the lock it
 *                           destroys them, where they lie; under the lock it counts them as done
 *     free                  by its caller, for what is left
 *
 * No lock is held while the destructor runs. A getter that learns of the close may free the queue
 * while the closer is at the second step: `destroying` counts the closers there, and free waits for
 * them in `all_done`. A joiner is woken by the third step, so it sees every item taken or
 * destroyed.
 */
#include "queue/queue.h"
#include "base/panic.h"
#include "base/probe.h"
#include "thread/value.h"
#include <thrum/name.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdint.h>

static void require_sense(size_t item_size, const thrum_queue_options *options, const void *place)
{
    if (item_size == 0)
        thrum__panic(place, "a queue needs items of at least 1 byte");
    if (options->order > THRUM_QUEUE_PRIORITY)
        thrum__panic(place, "a queue has no order %u", (unsigned)options->order);
    if ((options->order == THRUM_QUEUE_PRIORITY) != (options->compare != NULL))
        thrum__panic(place, options->compare ? "only a queue in order of priority compares items"
                                             : "a queue in order of priority needs .compare");
}

thrum_queue *thrum_queue_new(size_t item_size, const thrum_queue_options *options)
{
    static const thrum_queue_options defaults;
    if (!options)
        options = &defaults;
    require_sense(item_size, options, thrum__caller());
    thrum_queue *queue = options->order == THRUM_QUEUE_FIFO && options->max_size
                             ? thrum__bounded_queue_new(item_size, options->max_size)
                             : thrum__locked_queue_new(item_size, options);
    if (!queue)
        return NULL;
    queue->item_size = item_size;
    queue->max_size = options->max_size;
    queue->destroy = options->destroy;
    thrum_condition_init(&queue->not_empty, &queue->lock);
    thrum_condition_init(&queue->not_full, &queue->lock);
    thrum_condition_init(&queue->all_done, &queue->lock);
    queue->named = options->name;
    if (queue->named && thrum_name_set(queue, sizeof *queue, options->name) < 0) {
        queue->named = false;
        thrum_queue_free(queue);
        return NULL;
    }
    return queue;
}

/* Destroys items, which nobody else has any more. */
static void destroy(const thrum_queue *queue, const char *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        thrum__value_drop((thrum__value){.bytes = items + i * queue->item_size,
                                         .size = queue->item_size,
                                         .destroy = queue->destroy});
}

/* The items that an immediate close has dropped. */
static void destroy_dropped(thrum_queue *queue, size_t count)
{
    for (size_t i = 0; i < count; i++)
        destroy(queue, queue->make->dropped(queue, i), 1);
}

static void wait_for_closers(thrum_queue *queue)
{
    thrum_shield_begin(); /* nothing ends the wait */
    thrum_with (&queue->lock)
        while (queue->destroying)
            (void)!thrum_condition_wait(&queue->all_done, THRUM_FOREVER);
    thrum_shield_end();
}

/* Nobody else is in the queue but closers at their second step; a waiter is found by the
 * make. */
static void destroy_what_is_left(thrum_queue *queue)
{
    size_t count = 0;
    wait_for_closers(queue);
    thrum_with (&queue->lock)
        count = queue->make->close_now(queue);
    destroy_dropped(queue, count);
}

void thrum_queue_free(thrum_queue *queue)
{
    if (!queue)
        return;
    if (queue->destroy)
        destroy_what_is_left(queue);
    if (queue->named)
        (void)thrum_name_set(queue, 0, NULL);
    thrum__probe(gone, THRUM__PROBE_QUEUE, queue, thrum__caller());
    queue->make->free(queue);
}

void thrum__queue_finish(thrum_queue *queue)
{
    thrum_condition_finish(&queue->not_empty);
    thrum_condition_finish(&queue->not_full);
    thrum_condition_finish(&queue->all_done);
    thrum_lock_finish(&queue->lock);
}

void thrum__queue_notify(thrum_condition *condition, size_t count)
{
    thrum_condition_notify(condition, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

int thrum_queue_put(thrum_queue *queue, const void *item, thrum_deadline deadline)
{
    thrum__probe(told, THRUM__PROBE_QUEUE, queue, 1);
    if (!queue->destroy)
        return queue->make->put(queue, item, deadline);
    int rc = queue->make->put(queue, item, deadline);
    if (rc < 0)
        destroy(queue, item, 1);
    return rc;
}

int thrum_queue_put_many(thrum_queue *queue, const void *items, size_t count, size_t *added,
                         thrum_deadline deadline)
{
    size_t put = 0;
    thrum__probe(told, THRUM__PROBE_QUEUE, queue, count);
    int rc = count > 0 ? queue->make->put_many(queue, items, count, &put, deadline) : 0;
    if (added)
        *added = put;
    if (rc < 0 && queue->destroy)
        destroy(queue, (const char *)items + put * queue->item_size, count - put);
    return rc;
}

int thrum_queue_get(thrum_queue *queue, void *ret_item, thrum_deadline deadline)
{
    int rc = queue->make->get(queue, ret_item, deadline);
    if (rc == 0)
        thrum__probe(learned, THRUM__PROBE_QUEUE, queue, 1);
    return rc;
}

int thrum_queue_get_many(thrum_queue *queue, void *ret_items, size_t most, size_t *ret_count,
                         thrum_deadline deadline)
{
    if (most == 0) {
        *ret_count = 0;
        return 0;
    }
    int rc = queue->make->get_many(queue, ret_items, most, ret_count, deadline);
    if (rc == 0)
        thrum__probe(learned, THRUM__PROBE_QUEUE, queue, *ret_count);
    return rc;
}

/* How many items were put and are not done. Under the lock. */
static uint64_t unfinished(thrum_queue *queue)
{
    return queue->make->puts(queue) - queue->done;
}

void thrum_queue_task_done(thrum_queue *queue)
{
    thrum_with (&queue->lock) {
        if (unfinished(queue) == 0)
            thrum__panic(thrum__caller(),
                         "queue %p: task_done called more often than items were put",
                         (void *)queue);
        queue->done++;
        if (unfinished(queue) == 0)
            thrum_condition_notify_all(&queue->all_done);
    }
}

int thrum_queue_join(thrum_queue *queue, thrum_deadline deadline)
{
    thrum_with (&queue->lock) {
        while (unfinished(queue) > 0) {
            int rc = thrum_condition_wait(&queue->all_done, deadline);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/* Under the lock. */
static void tell_of_close(thrum_queue *queue)
{
    thrum_condition_notify_all(&queue->not_empty);
    thrum_condition_notify_all(&queue->not_full);
}

void thrum_queue_close(thrum_queue *queue)
{
    thrum_with (&queue->lock) {
        queue->make->end_puts(queue);
        tell_of_close(queue);
    }
}

/* Counts dropped items as done. Under the lock. */
static void settle(thrum_queue *queue, size_t dropped)
{
    /* Fewer are unfinished than are there if someone called task_done before get. */
    uint64_t open = unfinished(queue);
    queue->done += dropped < open ? dropped : open;
    if (unfinished(queue) == 0)
        thrum_condition_notify_all(&queue->all_done);
}

/* The second and third step of an immediate close. */
static void destroy_and_settle(thrum_queue *queue, size_t count)
{
    destroy_dropped(queue, count);
    thrum_with (&queue->lock) {
        settle(queue, count);
        if (--queue->destroying == 0)
            thrum_condition_notify_all(&queue->all_done);
    }
}

size_t thrum_queue_close_now(thrum_queue *queue)
{
    size_t dropped = 0;
    bool destroys = false;
    thrum_with (&queue->lock) {
        dropped = queue->make->close_now(queue);
        tell_of_close(queue);
        destroys = queue->destroy && dropped > 0;
        if (destroys)
            queue->destroying++;
        else
            settle(queue, dropped);
    }
    if (destroys)
        destroy_and_settle(queue, dropped);
    return dropped;
}

size_t thrum_queue_size(thrum_queue *queue)
{
    return queue->make->size(queue);
}

bool thrum_queue_empty(thrum_queue *queue)
{
    return thrum_queue_size(queue) == 0;
}

bool thrum_queue_full(thrum_queue *queue)
{
    return queue->max_size && thrum_queue_size(queue) == queue->max_size;
}
