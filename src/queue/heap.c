#include "queue/heap.h"
#include "base/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Memory for `capacity` items and their numbers, or false. */
static bool allocate(size_t item_size, size_t capacity, char **ret_items, uint64_t **ret_numbers)
{
    *ret_items = thrum__alloc_array(capacity, item_size);
    *ret_numbers = thrum__alloc_array(capacity, sizeof **ret_numbers);
    if (*ret_items && *ret_numbers)
        return true;
    thrum__free(*ret_items);
    thrum__free(*ret_numbers);
    return false;
}

int thrum__heap_init(thrum__heap *heap, size_t item_size, size_t capacity,
                     int (*compare)(const void *a, const void *b))
{
    *heap = (thrum__heap){.compare = compare, .item_size = item_size, .capacity = capacity};
    return allocate(item_size, capacity, &heap->items, &heap->numbers) ? 0 : -ENOMEM;
}

void thrum__heap_finish(thrum__heap *heap)
{
    thrum__free(heap->items);
    thrum__free(heap->numbers);
}

int thrum__heap_reserve(thrum__heap *heap, size_t more)
{
    if (more <= heap->capacity - heap->count)
        return 0;
    size_t capacity = heap->capacity;
    while (more > capacity - heap->count) {
        if (capacity > SIZE_MAX / 2)
            return -ENOMEM;
        capacity *= 2;
    }
    char *items;
    uint64_t *numbers;
    if (!allocate(heap->item_size, capacity, &items, &numbers))
        return -ENOMEM;
    memcpy(items, heap->items, heap->count * heap->item_size);
    memcpy(numbers, heap->numbers, heap->count * sizeof *numbers);
    thrum__heap_finish(heap);
    heap->items = items;
    heap->numbers = numbers;
    heap->capacity = capacity;
    return 0;
}

static char *item_at(const thrum__heap *heap, size_t index)
{
    return heap->items + index * heap->item_size;
}

/* Whether `item`, with its number, comes out before the one at `index`. */
static bool is_before(const thrum__heap *heap, const void *item, uint64_t number, size_t index)
{
    int order = heap->compare(item, item_at(heap, index));
    return order < 0 || (order == 0 && number < heap->numbers[index]);
}

static void fill(thrum__heap *heap, size_t hole, const void *item, uint64_t number)
{
    memcpy(item_at(heap, hole), item, heap->item_size);
    heap->numbers[hole] = number;
}

void thrum__heap_push(thrum__heap *heap, const void *item)
{
    uint64_t number = heap->next++;
    size_t hole = heap->count++;
    while (hole > 0) {
        size_t parent = (hole - 1) / 2;
        if (!is_before(heap, item, number, parent))
            break;
        fill(heap, hole, item_at(heap, parent), heap->numbers[parent]);
        hole = parent;
    }
    fill(heap, hole, item, number);
}

void thrum__heap_pop(thrum__heap *heap, void *ret_item)
{
    memcpy(ret_item, heap->items, heap->item_size);
    size_t count = --heap->count; /* the last item has to find another place */
    if (count == 0)
        return;
    const char *last = item_at(heap, count);
    uint64_t number = heap->numbers[count];
    size_t hole = 0, child;
    while ((child = 2 * hole + 1) < count) {
        if (child + 1 < count &&
            is_before(heap, item_at(heap, child + 1), heap->numbers[child + 1], child))
            child++;
        if (is_before(heap, last, number, child))
            break;
        fill(heap, hole, item_at(heap, child), heap->numbers[child]);
        hole = child;
    }
    fill(heap, hole, last, number);
}
