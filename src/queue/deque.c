/* The deque: a ring (ring.h) behind one lock.
 *
 * A call takes effect while it holds the lock, so that all calls happen in one order, which agrees
 * with what each thread did first and next. With a maxlen the ring has its final size from the
 * start, and an append to a full one makes room at the far end before it adds; without, it doubles.
 *
 * Rotating moves the shorter way round and costs as many copies; it takes each item from one end
 * and puts it at the other, by way of the place that is free, or, in a ring that is full, by
 * turning where the ring begins: then the item that leaves one end stands at the other already.
 *
 * A snapshot is allocated under the lock: else its size would be a guess, and the guess would have
 * to be made again as long as others append.
 *
 * Rejected: a lock for each end. They meet in a short line, and the size needs both.
 */
#include "base/memory.h"
#include "base/panic.h"
#include "queue/ring.h"
#include <thrum/deque.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

struct thrum_deque {
    thrum_lock lock;
    thrum__ring ring;
    size_t maxlen; /* 0 for no bound */
};

thrum_deque *thrum_deque_new(size_t item_size, const thrum_deque_options *options)
{
    if (item_size == 0)
        thrum__panic(thrum__caller(), "a deque needs items of at least 1 byte");
    thrum_deque *deque = thrum__alloc(sizeof *deque);
    if (!deque)
        return NULL;
    deque->maxlen = options ? options->maxlen : 0;
    size_t capacity = deque->maxlen ? deque->maxlen : FIRST_CAPACITY;
    if (thrum__ring_init(&deque->ring, item_size, capacity) < 0) {
        thrum__free(deque);
        return NULL;
    }
    return deque;
}

void thrum_deque_free(thrum_deque *deque)
{
    if (!deque)
        return;
    thrum_lock_finish(&deque->lock);
    thrum__ring_finish(&deque->ring);
    thrum__free(deque);
}

static bool is_full(const thrum_deque *deque)
{
    return deque->maxlen && deque->ring.count == deque->maxlen;
}

/* Room for `more` items without a maxlen. Under the lock. */
static int reserve(thrum_deque *deque, size_t more)
{
    return deque->maxlen ? 0 : thrum__ring_reserve(&deque->ring, more);
}

int thrum_deque_append(thrum_deque *deque, const void *item)
{
    return thrum_deque_extend(deque, item, 1);
}

int thrum_deque_append_left(thrum_deque *deque, const void *item)
{
    thrum_with (&deque->lock) {
        int rc = reserve(deque, 1);
        if (rc < 0)
            return rc;
        if (is_full(deque))
            thrum__ring_pop_back(&deque->ring, NULL);
        thrum__ring_push_front(&deque->ring, item);
    }
    return 0;
}

int thrum_deque_extend(thrum_deque *deque, const void *items, size_t count)
{
    thrum_with (&deque->lock) {
        int rc = reserve(deque, count);
        if (rc < 0)
            return rc;
        const char *from = items;
        for (size_t i = 0; i < count; i++, from += deque->ring.item_size) {
            if (is_full(deque))
                thrum__ring_pop_front(&deque->ring, NULL);
            thrum__ring_push_back(&deque->ring, from);
        }
    }
    return 0;
}

int thrum_deque_pop(thrum_deque *deque, void *ret_item)
{
    thrum_with (&deque->lock) {
        if (deque->ring.count == 0)
            return -EAGAIN;
        thrum__ring_pop_back(&deque->ring, ret_item);
    }
    return 0;
}

int thrum_deque_pop_left(thrum_deque *deque, void *ret_item)
{
    thrum_with (&deque->lock) {
        if (deque->ring.count == 0)
            return -EAGAIN;
        thrum__ring_pop_front(&deque->ring, ret_item);
    }
    return 0;
}

int thrum_deque_at(thrum_deque *deque, ptrdiff_t index, void *ret_item)
{
    thrum_with (&deque->lock) {
        size_t count = deque->ring.count;
        size_t at = index < 0 ? count - (0 - (size_t)index) : (size_t)index;
        if (at >= count) /* so is what went below 0 */
            return -EAGAIN;
        memcpy(ret_item, thrum__ring_at(&deque->ring, at), deque->ring.item_size);
    }
    return 0;
}

/* One step to the right. The ring has an item. */
static void turn_right(thrum__ring *ring)
{
    const void *last = thrum__ring_at(ring, ring->count - 1);
    if (ring->count == ring->capacity) {
        ring->first = (ring->first ? ring->first : ring->capacity) - 1;
    } else {
        thrum__ring_push_front(ring, last);
        thrum__ring_pop_back(ring, NULL);
    }
}

/* One step to the left. The ring has an item. */
static void turn_left(thrum__ring *ring)
{
    const void *first = thrum__ring_at(ring, 0);
    if (ring->count == ring->capacity) {
        ring->first = ring->first + 1 == ring->capacity ? 0 : ring->first + 1;
    } else {
        thrum__ring_push_back(ring, first);
        thrum__ring_pop_front(ring, NULL);
    }
}

void thrum_deque_rotate(thrum_deque *deque, ptrdiff_t steps)
{
    size_t wanted = steps < 0 ? 0 - (size_t)steps : (size_t)steps;
    thrum_with (&deque->lock) {
        size_t count = deque->ring.count;
        if (count == 0)
            return;
        size_t right = wanted % count;
        if (steps < 0)
            right = (count - right) % count;
        if (right <= count / 2)
            for (; right > 0; right--)
                turn_right(&deque->ring);
        else
            for (; right < count; right++)
                turn_left(&deque->ring);
    }
}

void thrum_deque_clear(thrum_deque *deque)
{
    thrum_with (&deque->lock)
        deque->ring.count = 0;
}

size_t thrum_deque_size(thrum_deque *deque)
{
    size_t count = 0;
    thrum_with (&deque->lock)
        count = deque->ring.count;
    return count;
}

size_t thrum_deque_maxlen(const thrum_deque *deque)
{
    return deque->maxlen;
}

int thrum_deque_snapshot(thrum_deque *deque, void **ret_items, size_t *ret_count)
{
    thrum_with (&deque->lock) {
        size_t count = deque->ring.count;
        void *items = thrum__alloc_array(count ? count : 1, deque->ring.item_size);
        if (!items)
            return -ENOMEM;
        thrum__ring_copy(&deque->ring, items);
        *ret_items = items;
        *ret_count = count;
    }
    return 0;
}

void thrum_deque_snapshot_free(void *items)
{
    thrum__free(items);
}
