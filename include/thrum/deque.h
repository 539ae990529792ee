/* A deque: items by value at both ends of a line, for any number of threads; nobody waits in it.
 *
 *     thrum_deque *last = thrum_deque_new(sizeof(int), &(thrum_deque_options){.maxlen = 5});
 *     thrum_deque_append(last, &item);        // the sixth drops the first
 *     while (thrum_deque_pop_left(last, &item) == 0)
 *         ...
 *
 * For going over the items while others change them there is a snapshot:
 *
 *     void *items;
 *     size_t count;
 *     if (thrum_deque_snapshot(last, &items, &count) == 0) {
 *         for (size_t i = 0; i < count; i++)
 *             printf("%d\n", ((int *)items)[i]);
 *         thrum_deque_snapshot_free(items);
 *     }
 *
 * Every call takes effect at one moment. None blocks for longer than others hold the deque's lock,
 * which is as long as it takes to copy an item, or all of them for rotate, snapshot and growing.
 * Who wants to wait for items uses a queue.
 *
 * Python: collections.deque. There each call is atomic thanks to the global lock, and an iteration
 * fails if the deque changes meanwhile.
 */
#ifndef THRUM_DEQUE_H
#define THRUM_DEQUE_H

#include <stddef.h>
#include <thrum/export.h>

THRUM_BEGIN

typedef struct thrum_deque thrum_deque;

/* How a deque is to be; zero means the default. */
typedef struct thrum_deque_options {
    size_t maxlen; /* items held at most; 0 for no bound */
} thrum_deque_options;

/* Makes a deque for items of `item_size` bytes, at least 1. `options` may be NULL. One with a
 * maxlen takes its memory now, so that its append never fails. The caller owns it. Returns NULL if
 * memory is out. Does not block. Python: deque(maxlen=...). */
THRUM_API thrum_deque *thrum_deque_new(size_t item_size, const thrum_deque_options *options);

/* Frees the deque and the items that are left; NULL is accepted. */
THRUM_API void thrum_deque_free(thrum_deque *deque);

/* Adds a copy of the item at the right end; if there are `maxlen` already, the leftmost is dropped.
 * Returns 0, or -ENOMEM (without maxlen only, nothing was added). Python: deque.append(x). */
THRUM_API int thrum_deque_append(thrum_deque *deque, const void *item);

/* Adds a copy of the item at the left end; if there are `maxlen` already, the rightmost is dropped.
 * Returns 0, or -ENOMEM (without maxlen only, nothing was added). Python: deque.appendleft(x). */
THRUM_API int thrum_deque_append_left(thrum_deque *deque, const void *item);

/* Adds copies of the `count` items of an array at the right end, in their order and with nothing of
 * others between; with a maxlen, as many are dropped at the left as are too many. Returns 0, or
 * -ENOMEM (without maxlen only, nothing was added). Python: deque.extend(). */
THRUM_API int thrum_deque_extend(thrum_deque *deque, const void *items, size_t count);

/* Takes the rightmost item. Returns 0, or -EAGAIN if there is none, with `ret_item` untouched.
 * Python: deque.pop(), which raises IndexError. */
THRUM_API int thrum_deque_pop(thrum_deque *deque, void *ret_item);

/* Takes the leftmost item. Returns 0, or -EAGAIN if there is none, with `ret_item` untouched.
 * Python: deque.popleft(), which raises IndexError. */
THRUM_API int thrum_deque_pop_left(thrum_deque *deque, void *ret_item);

/* Copies the item at `index` from the left, or for a negative one from the right, where -1 is the
 * rightmost; it stays in the deque. Returns 0, or -EAGAIN if there is none, with `ret_item`
 * untouched. Python: deque[i]. */
THRUM_API int thrum_deque_at(thrum_deque *deque, ptrdiff_t index, void *ret_item);

/* Moves items from the right end to the left, `steps` times; from the left to the right if it is
 * negative. Python: deque.rotate(n). */
THRUM_API void thrum_deque_rotate(thrum_deque *deque, ptrdiff_t steps);

/* Drops all items. Python: deque.clear(). */
THRUM_API void thrum_deque_clear(thrum_deque *deque);

/* The number of items at this moment. Python: len(deque). */
THRUM_API size_t thrum_deque_size(thrum_deque *deque);

/* The number of items that it holds at most; 0 for no bound. Python: deque.maxlen. */
THRUM_API size_t thrum_deque_maxlen(const thrum_deque *deque);

/* Copies all items of one moment, from left to right, into an array, `*ret_items`, of `*ret_count`;
 * the caller owns it and gives it to thrum_deque_snapshot_free. Returns 0, or -ENOMEM with both
 * untouched. Python: list(deque), deque.copy(). */
THRUM_API int thrum_deque_snapshot(thrum_deque *deque, void **ret_items, size_t *ret_count);

/* Frees a snapshot; NULL is accepted. */
THRUM_API void thrum_deque_snapshot_free(void *items);

THRUM_END

#endif
