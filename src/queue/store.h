/* What a queue keeps its items in: a ring, or for order by priority a heap.
 *
 * The functions are called under the queue's lock, and the compare function of a heap within them.
 */
#ifndef THRUM_QUEUE_STORE_H
#define THRUM_QUEUE_STORE_H

#include "queue/heap.h"
#include "queue/ring.h"
#include <thrum/queue.h>

typedef struct thrum__store {
    thrum_queue_order order;
    union {
        thrum__ring ring; /* THRUM_QUEUE_FIFO, THRUM_QUEUE_LIFO */
        thrum__heap heap; /* THRUM_QUEUE_PRIORITY */
    };
} thrum__store;

/* An empty store with room for `capacity` items, at least 1. Returns 0 or -ENOMEM. */
int thrum__store_init(thrum__store *store, size_t item_size, size_t capacity,
                      const thrum_queue_options *options);

/* Gives the memory back. */
void thrum__store_finish(thrum__store *store);

/* Sees to room for `more` items beside those that are there. Returns 0, or -ENOMEM and has changed
 * nothing. */
int thrum__store_reserve(thrum__store *store, size_t more);

/* Adds a copy. There must be room. */
void thrum__store_push(thrum__store *store, const void *item);

/* Takes the item whose turn it is. There must be one. */
void thrum__store_pop(thrum__store *store, void *ret_item);

/* Forgets all items. They stay where they are, in the order of thrum__store_at, until the next push. */
void thrum__store_clear(thrum__store *store);

/* The place of the item at `index`, below the count, or below what it was before a clear. */
void *thrum__store_at(const thrum__store *store, size_t index);

static inline size_t thrum__store_count(const thrum__store *store)
{
    return store->order == THRUM_QUEUE_PRIORITY ? store->heap.count : store->ring.count;
}

#endif
