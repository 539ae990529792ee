/* A heap of items: the first one to come out is always on top.
 *
 * A binary heap in an array: the children of the item at i are at 2i + 1 and 2i + 2, and none comes
 * before its parent. "Before" is what the user's comparison says; among equals, who came first, by
 * a number that each item gets when it is put and that stands in an array of its own, so that the
 * items lie as in a C array of their type and are aligned as such. 2^64 numbers do not run out.
 *
 * Putting and taking are O(log n) comparisons. An item is never held twice or in a temporary place:
 * a hole wanders through the heap, and the item goes into it at the end.
 *
 * It knows no lock, no bound and no waiting: those are its owner's.
 */
#ifndef THRUM_QUEUE_HEAP_H
#define THRUM_QUEUE_HEAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct thrum__heap {
    char *items;
    uint64_t *numbers; /* of arrival, one for each item */
    int (*compare)(const void *a, const void *b);
    size_t item_size; /* bytes */
    size_t capacity;
    size_t count;
    uint64_t next; /* number */
} thrum__heap;

/* An empty heap with room for `capacity` items, at least 1. Returns 0 or -ENOMEM. */
int thrum__heap_init(thrum__heap *heap, size_t item_size, size_t capacity,
                     int (*compare)(const void *a, const void *b));

/* Gives the memory back. */
void thrum__heap_finish(thrum__heap *heap);

/* Sees to room for `more` items beside those that are there. Returns 0, or -ENOMEM and has changed
 * nothing. */
int thrum__heap_reserve(thrum__heap *heap, size_t more);

/* Adds a copy. There must be room. */
void thrum__heap_push(thrum__heap *heap, const void *item);

/* Takes the item that comes before all others. There must be one. */
void thrum__heap_pop(thrum__heap *heap, void *ret_item);

#endif
