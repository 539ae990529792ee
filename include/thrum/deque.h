/* A deque: items by value, added and taken at both ends by any number of threads.
 *
 *     thrum_deque *last = thrum_deque_new(sizeof(int), &(thrum_deque_options){.maxlen = 3});
 *     int item, rc = 0;
 *     for (item = 1; rc == 0 && item <= 5; item++)
 *         rc = thrum_deque_append(last, &item);       // the fourth drops the first
 *     while (thrum_deque_pop_left(last, &item) == 0)
 *         printf("%d\n", item);
 *     thrum_deque_free(last);
 *     // prints 3
 *     // prints 4
 *     // prints 5
 *
 * A snapshot holds the items of one moment. Use it to visit the items while other threads change
 * the deque:
 *
 *     void *items;
 *     size_t count;
 *     if (thrum_deque_snapshot(last, &items, &count) == 0) {
 *         for (size_t i = 0; i < count; i++)
 *             printf("%d\n", ((int *)items)[i]);
 *         thrum_deque_snapshot_free(items);
 *     }
 *     // prints 3
 *     // prints 4
 *     // prints 5
 *
 * Each call takes effect at one moment. No call waits for an item; use a queue for that. A call
 * waits only while another call copies items: one item, or all of them for rotate, snapshot and
 * growth.
 *
 * Python: collections.deque. There the global lock makes each call atomic, and an iteration fails
 * if the deque changes meanwhile.
 */
#ifndef THRUM_DEQUE_H
#define THRUM_DEQUE_H

#include <stddef.h>
#include <thrum/export.h>

THRUM_BEGIN

typedef struct thrum_deque thrum_deque;

/* Deque options. Zero selects the default. */
typedef struct thrum_deque_options {
    size_t maxlen; /* items held at most; 0 for no bound */
    THRUM__OPTIONS(thrum_deque_options)
} thrum_deque_options;

/* Makes a deque for items of `item_size` bytes, at least 1. `options` may be NULL. With a `maxlen`,
 * all memory is allocated now, and adding never fails. The caller owns the deque and frees it with
 * thrum_deque_free. Does not block. Python: deque(maxlen=...).
 *
 * Returns:
 *     a deque
 *     NULL  memory ran out
 */
THRUM_API thrum_deque *thrum_deque_new(size_t item_size, const thrum_deque_options *options);

/* Frees the deque and the items in it. NULL is accepted. */
THRUM_API void thrum_deque_free(thrum_deque *deque);

/* Adds a copy of the item at the right end. If the deque holds `maxlen` items, the leftmost is
 * dropped. Python: deque.append(x).
 *
 * Returns:
 *     0        the item was added
 *     -ENOMEM  memory ran out, and nothing was added; only without a `maxlen`
 */
THRUM_API THRUM_MUST_CHECK int thrum_deque_append(thrum_deque *deque, const void *item);

/* Adds a copy of the item at the left end. If the deque holds `maxlen` items, the rightmost is
 * dropped. Python: deque.appendleft(x).
 *
 * Returns:
 *     0        the item was added
 *     -ENOMEM  memory ran out, and nothing was added; only without a `maxlen`
 */
THRUM_API THRUM_MUST_CHECK int thrum_deque_append_left(thrum_deque *deque, const void *item);

/* Adds copies of the `count` items of an array at the right end, in their order. No other item
 * comes between them. With a `maxlen`, items at the left end are dropped to make room. Python:
 * deque.extend().
 *
 * Returns:
 *     0        the items were added
 *     -ENOMEM  memory ran out, and nothing was added; only without a `maxlen`
 */
THRUM_API THRUM_MUST_CHECK int thrum_deque_extend(thrum_deque *deque, const void *items,
                                                  size_t count);

/* Takes the rightmost item. Python: deque.pop(), which raises IndexError.
 *
 * Returns:
 *     0        the item is in `*ret_item`
 *     -EAGAIN  the deque is empty
 */
THRUM_API THRUM_MUST_CHECK int thrum_deque_pop(thrum_deque *deque, void *ret_item);

/* Takes the leftmost item. Python: deque.popleft(), which raises IndexError.
 *
 * Returns:
 *     0        the item is in `*ret_item`
 *     -EAGAIN  the deque is empty
 */
THRUM_API THRUM_MUST_CHECK int thrum_deque_pop_left(thrum_deque *deque, void *ret_item);

/* Copies the item at `index`, which stays in the deque. 0 is the leftmost item; -1 is the
 * rightmost. Python: deque[i].
 *
 * Returns:
 *     0        the item is in `*ret_item`
 *     -EAGAIN  there is no such item
 */
THRUM_API THRUM_MUST_CHECK int thrum_deque_at(thrum_deque *deque, ptrdiff_t index, void *ret_item);

/* Moves the rightmost item to the left end, `steps` times. A negative number moves the leftmost
 * item to the right end. Python: deque.rotate(n). */
THRUM_API void thrum_deque_rotate(thrum_deque *deque, ptrdiff_t steps);

/* Drops all items. Python: deque.clear(). */
THRUM_API void thrum_deque_clear(thrum_deque *deque);

/* The number of items at this moment. Python: len(deque). */
THRUM_API size_t thrum_deque_size(thrum_deque *deque);

/* The most items that the deque holds; 0 for no bound. Python: deque.maxlen. */
THRUM_API size_t thrum_deque_maxlen(const thrum_deque *deque);

/* Copies the items of one moment, from left to right, into a new array of `*ret_count` items at
 * `*ret_items`. The caller owns the array and frees it with thrum_deque_snapshot_free. Python:
 * list(deque), deque.copy().
 *
 * Returns:
 *     0        the array is there
 *     -ENOMEM  memory ran out
 */
THRUM_API THRUM_MUST_CHECK int thrum_deque_snapshot(thrum_deque *deque, void **ret_items,
                                                    size_t *ret_count);

/* Frees a snapshot; NULL is accepted. */
THRUM_API void thrum_deque_snapshot_free(void *items);

THRUM_END

#endif
