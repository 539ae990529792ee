/* A ring of items: what a queue in order of arrival, a stack and a deque keep theirs in.
 *
 * An array of `capacity` places, of which `count` from `first` on are taken; the place behind the
 * last is the first one again. Both ends grow and shrink without moving anything. It knows no
 * lock, no bound and no waiting: those are its owner's.
 */
#ifndef THRUM_QUEUE_RING_H
#define THRUM_QUEUE_RING_H

#include <stddef.h>

typedef struct thrum__ring {
    char *items;
    size_t item_size; /* bytes */
    size_t capacity;
    size_t first; /* where the leftmost item is; below capacity */
    size_t count;
} thrum__ring;

/* An empty ring with room for `capacity` items, at least 1. Returns 0 or -ENOMEM. */
int thrum__ring_init(thrum__ring *ring, size_t item_size, size_t capacity);

/* Gives the memory back. */
void thrum__ring_finish(thrum__ring *ring);

/* Sees to room for `more` items beside those that are there. Returns 0, or -ENOMEM and has changed
 * nothing. */
int thrum__ring_reserve(thrum__ring *ring, size_t more);

/* The item at `index` from the left; for index == count the place behind the last, if there is
 * room. */
void *thrum__ring_at(const thrum__ring *ring, size_t index);

/* Adds a copy at the right or left end. There must be room. */
void thrum__ring_push_back(thrum__ring *ring, const void *item);
void thrum__ring_push_front(thrum__ring *ring, const void *item);

/* Takes the item at the left or right end. There must be one. `ret_item` may be NULL. */
void thrum__ring_pop_front(thrum__ring *ring, void *ret_item);
void thrum__ring_pop_back(thrum__ring *ring, void *ret_item);

/* Copies all items, from left to right, into an array. */
void thrum__ring_copy(const thrum__ring *ring, void *ret_items);

#endif
