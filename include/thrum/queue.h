/* A queue: items pass by value from callers that put to callers that get.
 *
 *     thrum_queue *q = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 10});
 *     int item = 7;
 *     int rc = thrum_queue_put(q, &item, THRUM_FOREVER);      // waits while the queue is full
 *     if (rc == 0)
 *         rc = thrum_queue_get(q, &item, thrum_in(0.5));      // waits while the queue is empty
 *     printf("%d, %s\n", item, thrum_strerror(rc));           // prints 7, success
 *     thrum_queue_free(q);
 *
 * Items come out first in, first out; last in, first out; or by priority. Any number of threads,
 * fibers and tasks may use one queue. To end it, close it: puts are then refused, and getters take
 * what is left and then get -EPIPE. No marker item is needed.
 *
 * In order of priority the item that `compare` puts first comes out first. Among equals the oldest
 * comes out first:
 *
 *     static int urgency(const void *a, const void *b)
 *     {
 *         const struct job *x = (const struct job *)a, *y = (const struct job *)b;
 *         return (x->level > y->level) - (x->level < y->level);
 *     }
 *
 *     thrum_queue *q = thrum_queue_new(sizeof(struct job), &(thrum_queue_options){
 *                                          .order = THRUM_QUEUE_PRIORITY, .compare = urgency});
 *
 * A destructor releases items that own something when the queue ends early:
 *
 *     thrum_queue *peers = thrum_queue_new(sizeof(thrum_socket *), &(thrum_queue_options){
 *                                              .max_size = 100, .destroy = thrum_socket_destroy});
 *
 * With a destructor, an item belongs to the queue from the call of put, even if that call fails.
 * Then either one getter gets the item and owns it, or the destructor is called for it once: by a
 * put that fails, by thrum_queue_close_now, or by thrum_queue_free, in the calling thread, with no
 * lock held. (A case of thrum_select that is not performed, or that fails, leaves its item to the
 * caller.) The destructor gets the address of the item, which is aligned to at least 8 bytes. It is
 * shielded from cancellation and must not free the queue.
 *
 * A bounded queue in the order of arrival is the fastest: it takes no lock unless a caller has to
 * wait. The others pass each item under a lock.
 *
 * Python: queue.Queue, LifoQueue, PriorityQueue. Ideas: Go's channels, for close; the bounded queue
 * of Vyukov and the channels of crossbeam.
 */
#ifndef THRUM_QUEUE_H
#define THRUM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum/export.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_queue thrum_queue;

/* Which item comes out next: the oldest, the newest, or the first by `compare`. */
typedef enum thrum_queue_order {
    THRUM_QUEUE_FIFO,
    THRUM_QUEUE_LIFO,
    THRUM_QUEUE_PRIORITY,
} thrum_queue_order;

/* Queue options. Zero selects the default.
 *
 * `compare` gets two items. It returns a number below 0 if the first is to come out before the
 * second, 0 if they are equal, and a number above 0 otherwise, as for qsort. The putting or getting
 * thread calls it under the queue's lock, so it must not use the queue or wait. */
typedef struct thrum_queue_options {
    size_t max_size;                            /* items held before put waits; 0 for no bound */
    thrum_queue_order order;                    /* THRUM_QUEUE_FIFO by default */
    int (*compare)(const void *, const void *); /* for THRUM_QUEUE_PRIORITY, and only for it */
    thrum_destructor *destroy;                  /* for items that nobody gets; see above */
    const char *name;                           /* in messages (thrum/name.h); copied */
    THRUM__OPTIONS(thrum_queue_options)
} thrum_queue_options;

/* Makes a queue for items of `item_size` bytes, at least 1. `options` may be NULL. A bounded queue
 * allocates all memory now, so that put never fails because memory ran out. The caller owns the
 * queue and frees it with thrum_queue_free. Does not block. Python: Queue(maxsize), LifoQueue,
 * PriorityQueue.
 *
 * Returns:
 *     a queue
 *     NULL  memory ran out
 */
THRUM_API thrum_queue *thrum_queue_new(size_t item_size, const thrum_queue_options *options);

/* Frees the queue and calls the destructor, if there is one, for the items that are left. NULL is
 * accepted. Waiters stop the program. */
THRUM_API void thrum_queue_free(thrum_queue *queue);

/* Adds a copy of the item. Waits while the queue is full. If it fails, nothing was added, and a
 * queue with a destructor has called it for the item. Blocks. Python: Queue.put(item, timeout=...).
 *
 * Returns:
 *     0           the item was added
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and the queue is full
 *     -EPIPE      the queue is closed
 *     -ECANCELED  the running task was cancelled
 *     -ENOMEM     memory ran out; only in a queue without a bound
 */
THRUM_API THRUM_MUST_CHECK int thrum_queue_put(thrum_queue *queue, const void *item,
                                               thrum_deadline deadline);

/* Adds copies of the `count` items of an array, in their order. Waits while the queue is full. All
 * items for which there is room are added at once: in a queue without a bound no other item comes
 * between them. `*added` is how many were added, on every return; `added` may be NULL. The
 * destructor, if there is one, is called for the items that were not added. Blocks.
 *
 * Returns:
 *     0           all items were added
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and there was no room for all
 *     -EPIPE      the queue is closed
 *     -ECANCELED  the running task was cancelled
 *     -ENOMEM     memory ran out, and nothing was added; only in a queue without a bound
 */
THRUM_API THRUM_MUST_CHECK int thrum_queue_put_many(thrum_queue *queue, const void *items,
                                                    size_t count, size_t *added,
                                                    thrum_deadline deadline);

/* Takes the next item in the queue's order. Waits while the queue is empty. Blocks. Python:
 * Queue.get(timeout=...).
 *
 * Returns:
 *     0           the item is in `*ret_item`
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and the queue is empty
 *     -EPIPE      the queue is closed and empty
 *     -ECANCELED  the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_queue_get(thrum_queue *queue, void *ret_item,
                                               thrum_deadline deadline);

/* Takes the items that are there, at most `capacity`, into an array. Waits while the queue is
 * empty. The items come in the queue's order, and no other caller takes one between them. If
 * `capacity` is 0, it takes nothing and does not wait. Blocks.
 *
 * Returns:
 *     0  the items are in the array at `ret_items`; `*ret_count` is how many
 *     what thrum_queue_get returns
 */
THRUM_API THRUM_MUST_CHECK int thrum_queue_get_many(thrum_queue *queue, void *ret_items,
                                                    size_t capacity, size_t *ret_count,
                                                    thrum_deadline deadline);

/* Takes the next item of any of `count` queues. Waits while all are empty. If several have an item
 * at the same moment, the first of them in the array gives it. `ret_item` must have room for the
 * largest item. Queues that are closed and empty are ignored. The queues must not be freed before
 * the call has returned. Blocks. thrum_select waits for other objects at the same time, and prefers
 * none. Idea: Go's select.
 *
 * Returns:
 *     0           the item is in `*ret_item`; `*ret_index` is the index of its queue
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and all are empty
 *     -EPIPE      all are closed and empty, or `count` is 0
 *     -ECANCELED  the running task was cancelled
 *     -ENOMEM     memory ran out; only with more than 8 queues
 */
THRUM_API THRUM_MUST_CHECK int thrum_queue_get_any(thrum_queue *const *queues, size_t count,
                                                   size_t *ret_index, void *ret_item,
                                                   thrum_deadline deadline);

/* Reports that one item that was taken has been processed. More calls than items stop the program.
 * Does not block. Python: Queue.task_done(). */
THRUM_API void thrum_queue_task_done(thrum_queue *queue);

/* Waits until each item that was put has been reported by thrum_queue_task_done. Blocks. Python:
 * Queue.join().
 *
 * Returns:
 *     0           all were reported
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and some are missing
 *     -ECANCELED  the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_queue_join(thrum_queue *queue, thrum_deadline deadline);

/* Closes the queue. From now on put fails with -EPIPE, for waiters too. Get takes what is left and
 * then fails with -EPIPE. A second close does nothing. Does not block. Python 3.13:
 * Queue.shutdown(). */
THRUM_API void thrum_queue_close(thrum_queue *queue);

/* Closes the queue and drops the items in it. Getters get -EPIPE at once. A join no longer waits
 * for the dropped items, only for task_done of those that were taken. The destructor is called for
 * each dropped item before the call returns. A queue without a destructor does not release what
 * items point to: close it with thrum_queue_close and get them. May follow thrum_queue_close. Does
 * not block. Python 3.13: Queue.shutdown(immediate=True).
 *
 * Returns:
 *     how many items were dropped
 */
THRUM_API size_t thrum_queue_close_now(thrum_queue *queue);

/* The number of items at this moment; for displays. Python: Queue.qsize(). */
THRUM_API size_t thrum_queue_size(thrum_queue *queue);

/* True if there is no item at this moment. Python: Queue.empty(). */
THRUM_API bool thrum_queue_empty(thrum_queue *queue);

/* True if a put would wait at this moment. Python: Queue.full(). */
THRUM_API bool thrum_queue_full(thrum_queue *queue);

THRUM_END

#endif
