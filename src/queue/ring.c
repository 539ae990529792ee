#include "queue/ring.h"
#include "base/memory.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int thrum__ring_init(thrum__ring *ring, size_t item_size, size_t capacity)
{
    char *items = thrum__alloc_array(capacity, item_size);
    if (!items)
        return -ENOMEM;
    *ring = (thrum__ring){.items = items, .item_size = item_size, .capacity = capacity};
    return 0;
}

void thrum__ring_finish(thrum__ring *ring)
{
    thrum__free(ring->items);
}

int thrum__ring_reserve(thrum__ring *ring, size_t more)
{
    if (more <= ring->capacity - ring->count)
        return 0;
    size_t capacity = ring->capacity;
    while (more > capacity - ring->count) {
        if (capacity > SIZE_MAX / 2)
            return -ENOMEM;
        capacity *= 2;
    }
    char *items = thrum__alloc_array(capacity, ring->item_size);
    if (!items)
        return -ENOMEM;
    thrum__ring_copy(ring, items);
    thrum__free(ring->items);
    ring->items = items;
    ring->first = 0;
    ring->capacity = capacity;
    return 0;
}

void *thrum__ring_at(const thrum__ring *ring, size_t index)
{
    size_t to_the_end = ring->capacity - ring->first;
    size_t at = index < to_the_end ? ring->first + index : index - to_the_end;
    return ring->items + at * ring->item_size;
}

void thrum__ring_push_back(thrum__ring *ring, const void *item)
{
    memcpy(thrum__ring_at(ring, ring->count), item, ring->item_size);
    ring->count++;
}

void thrum__ring_push_front(thrum__ring *ring, const void *item)
{
    ring->first = (ring->first ? ring->first : ring->capacity) - 1;
    memcpy(thrum__ring_at(ring, 0), item, ring->item_size);
    ring->count++;
}

void thrum__ring_pop_front(thrum__ring *ring, void *ret_item)
{
    if (ret_item)
        memcpy(ret_item, thrum__ring_at(ring, 0), ring->item_size);
    ring->first = ring->first + 1 == ring->capacity ? 0 : ring->first + 1;
    ring->count--;
}

void thrum__ring_pop_back(thrum__ring *ring, void *ret_item)
{
    ring->count--;
    if (ret_item)
        memcpy(ret_item, thrum__ring_at(ring, ring->count), ring->item_size);
}

void thrum__ring_copy(const thrum__ring *ring, void *ret_items)
{
    size_t to_the_end = ring->capacity - ring->first;
    size_t head = ring->count < to_the_end ? ring->count : to_the_end;
    char *to = ret_items;
    memcpy(to, thrum__ring_at(ring, 0), head * ring->item_size);
    memcpy(to + head * ring->item_size, ring->items, (ring->count - head) * ring->item_size);
}
