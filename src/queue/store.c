#include "queue/store.h"

int thrum__store_init(thrum__store *store, size_t item_size, size_t capacity,
                      const thrum_queue_options *options)
{
    store->order = options->order;
    if (store->order == THRUM_QUEUE_PRIORITY)
        return thrum__heap_init(&store->heap, item_size, capacity, options->compare);
    return thrum__ring_init(&store->ring, item_size, capacity);
}

void thrum__store_finish(thrum__store *store)
{
    if (store->order == THRUM_QUEUE_PRIORITY)
        thrum__heap_finish(&store->heap);
    else
        thrum__ring_finish(&store->ring);
}

int thrum__store_reserve(thrum__store *store, size_t more)
{
    if (store->order == THRUM_QUEUE_PRIORITY)
        return thrum__heap_reserve(&store->heap, more);
    return thrum__ring_reserve(&store->ring, more);
}

void thrum__store_push(thrum__store *store, const void *item)
{
    if (store->order == THRUM_QUEUE_PRIORITY)
        thrum__heap_push(&store->heap, item);
    else
        thrum__ring_push_back(&store->ring, item);
}

void thrum__store_pop(thrum__store *store, void *ret_item)
{
    if (store->order == THRUM_QUEUE_PRIORITY)
        thrum__heap_pop(&store->heap, ret_item);
    else if (store->order == THRUM_QUEUE_LIFO)
        thrum__ring_pop_back(&store->ring, ret_item);
    else
        thrum__ring_pop_front(&store->ring, ret_item);
}

void thrum__store_clear(thrum__store *store)
{
    if (store->order == THRUM_QUEUE_PRIORITY)
        store->heap.count = 0;
    else
        store->ring.count = 0;
}

void *thrum__store_at(const thrum__store *store, size_t index)
{
    if (store->order == THRUM_QUEUE_PRIORITY)
        return store->heap.items + index * store->heap.item_size;
    return thrum__ring_at(&store->ring, index);
}
