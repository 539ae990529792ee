/* A queue: items pass by value from those who put to those who get, first in, first out, or last
 * in, first out, or by priority.
 *
 *     thrum_queue *q = thrum_queue_new(sizeof(int), &(thrum_queue_options){ .max_size = 10 });
 *     thrum_queue_put(q, &item, THRUM_FOREVER);        // waits while full
 *     thrum_queue_get(q, &item, thrum_in(0.5));        // waits while empty
 *
 * Ending it needs no marker items: thrum_queue_close refuses further puts and lets getters take
 * what is left, after which they get -EPIPE. Any number of threads may use one queue.
 *
 * In order of priority, what the comparison puts first comes out first, and among equals what was
 * put first:
 *
 *     static int urgency(const void *a, const void *b)
 *     {
 *         const struct job *x = a, *y = b;
 *         return (x->level > y->level) - (x->level < y->level);
 *     }
 *
 *     thrum_queue *q = thrum_queue_new(sizeof(struct job), &(thrum_queue_options){
 *                                          .order = THRUM_QUEUE_PRIORITY, .compare = urgency});
 *
 * Items that own something bring a destructor, so nothing is lost when a queue ends early:
 *
 *     thrum_queue *peers = thrum_queue_new(sizeof(thrum_socket *), &(thrum_queue_options){
 *                                              .max_size = 100, .destroy = thrum_socket_destroy});
 *
 * With a destructor an item belongs to the queue from the call of put on, even if that fails: one
 * getter gets it and owns it then, or the destructor is called for it once. That happens in a put
 * that fails, in thrum_queue_close_now and in thrum_queue_free, by the thread that calls them, with
 * no lock held. (A case of thrum_select that is not performed, or fails, leaves its item to the
 * caller.) The destructor gets the address of the item, which is aligned to at least 8 bytes. It is
 * shielded from cancellation and must not free the queue.
 *
 * The fastest is a bounded queue in the order of arrival: it takes no lock unless somebody has to
 * wait. The others pass each item under one.
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

/* Which item comes out next: the oldest, the newest, or the one that .compare puts first. */
typedef enum thrum_queue_order {
    THRUM_QUEUE_FIFO,
    THRUM_QUEUE_LIFO,
    THRUM_QUEUE_PRIORITY,
} thrum_queue_order;

/* How a queue is to be; zero means the default.
 *
 * `compare` is given two items and returns less than, equal to or greater than 0 if the first is to
 * come out before, in the order of the puts, or after the second, as for qsort. It is called in
 * whichever thread puts or gets, under the queue's lock, so it must not use the queue or wait. */
typedef struct thrum_queue_options {
    size_t max_size;                            /* items held before put waits; 0 for no bound */
    thrum_queue_order order;                    /* THRUM_QUEUE_FIFO by default */
    int (*compare)(const void *, const void *); /* for THRUM_QUEUE_PRIORITY, and only for it */
    thrum_destructor *destroy;                  /* for items that nobody gets; see above */
} thrum_queue_options;

/* Makes a queue for items of `item_size` bytes, at least 1. `options` may be NULL. A bounded queue
 * takes its memory now, so that its put never fails for want of memory. The caller owns it. Returns
 * NULL if memory is out. Does not block. Python: Queue(maxsize), LifoQueue, PriorityQueue. */
THRUM_API thrum_queue *thrum_queue_new(size_t item_size, const thrum_queue_options *options);

/* Frees the queue and the items that are left, by their destructor if there is one; NULL is
 * accepted. Stops the program if anyone still waits in it. */
THRUM_API void thrum_queue_free(thrum_queue *queue);

/* Adds a copy of the item, waiting while the queue is full. Returns 0; -ETIMEDOUT; -EAGAIN if the
 * deadline is THRUM_NOW and the queue is full; -EPIPE if it is closed; -ECANCELED if the running
 * task was cancelled; -ENOMEM (unbounded queues only). On failure nothing was added, and a queue
 * with a destructor has called it for the item. Blocks. Python: Queue.put(item, timeout=...). */
THRUM_API int thrum_queue_put(thrum_queue *queue, const void *item, thrum_deadline deadline);

/* Adds copies of the `count` items of an array, in their order, waiting while the queue is full.
 * What there is room for goes in at once, so that in a queue without bound nothing of others comes
 * between; else the rest waits for room, and others may come between. `added` may be NULL, else
 * `*added` is how many were added, on every return. Returns 0 if all were; -ETIMEDOUT; -EAGAIN if
 * the deadline is THRUM_NOW and there was no room for all; -EPIPE if it is closed; -ECANCELED if
 * the running task was cancelled; -ENOMEM (unbounded queues only, nothing was added). The
 * destructor, if there is one, was called for those that were not added. Blocks. */
THRUM_API int thrum_queue_put_many(thrum_queue *queue, const void *items, size_t count,
                                   size_t *added, thrum_deadline deadline);

/* Takes the next item, in the queue's order, waiting while there is none. Returns 0; -ETIMEDOUT;
 * -EAGAIN if the deadline is THRUM_NOW and the queue is empty; -EPIPE if it is closed and empty;
 * -ECANCELED if the running task was cancelled. On failure `ret_item` is untouched. Blocks. Python:
 * Queue.get(timeout=...). */
THRUM_API int thrum_queue_get(thrum_queue *queue, void *ret_item, thrum_deadline deadline);

/* Takes at least one item and at most `most`, those that are there, into an array, waiting while
 * there is none; `*ret_count` is how many. They come in the queue's order, and at once: nobody else
 * takes one between. Nothing is waited for, and none taken, if `most` is 0. Returns 0, or else as
 * thrum_queue_get, with `ret_items` and `ret_count` untouched. Blocks. */
THRUM_API int thrum_queue_get_many(thrum_queue *queue, void *ret_items, size_t most,
                                   size_t *ret_count, thrum_deadline deadline);

/* Takes the next item of whichever of `count` queues has one, waiting while none has; `*ret_index`
 * is which. If several have one, it is the queue that stands first, so that the order of the array
 * is one of preference. The look at the queues is as of one moment. `ret_item` must have room for
 * the largest item of them. A queue that is closed and empty does not count. thrum_select waits for
 * other things at the same time, and has no preference. Returns 0; -ETIMEDOUT; -EAGAIN if the
 * deadline is THRUM_NOW and all are empty; -EPIPE if all are closed and empty, or there is none;
 * -ECANCELED if the running task was cancelled; -ENOMEM (more than 8 queues only). On failure both
 * results are untouched. Blocks. The queues must not be freed before it has returned. Idea: Go's
 * select. */
THRUM_API int thrum_queue_get_any(thrum_queue *const *queues, size_t count, size_t *ret_index,
                                  void *ret_item, thrum_deadline deadline);

/* Says that one item taken from the queue has been dealt with. More calls than items were put
 * stops the program. Does not block. Python: Queue.task_done(). */
THRUM_API void thrum_queue_task_done(thrum_queue *queue);

/* Waits until every item that was put has been dealt with. Returns 0; -ETIMEDOUT; -EAGAIN if the
 * deadline is THRUM_NOW; -ECANCELED if the running task was cancelled. Blocks.
 * Python: Queue.join(). */
THRUM_API int thrum_queue_join(thrum_queue *queue, thrum_deadline deadline);

/* Closes the queue: put fails with -EPIPE from now on, also for those who wait in it; get drains
 * what is left and then fails with -EPIPE. Closing again does nothing. Does not block.
 * Python 3.13: Queue.shutdown(). */
THRUM_API void thrum_queue_close(thrum_queue *queue);

/* Closes the queue as thrum_queue_close does, and drops what is left in it: getters get -EPIPE at
 * once, and a join no longer waits for the items that nobody has taken, only for task_done of those
 * that were. Returns how many were dropped. The destructor is called for each of them before it
 * returns; a queue without one leaves what they point to, so close it with thrum_queue_close and
 * get them if you need them. May follow a thrum_queue_close. Does not block.
 * Python 3.13: Queue.shutdown(immediate=True). */
THRUM_API size_t thrum_queue_close_now(thrum_queue *queue);

/* The number of items at this moment; for displays. Python: Queue.qsize(). */
THRUM_API size_t thrum_queue_size(thrum_queue *queue);

/* True if there is no item at this moment. Python: Queue.empty(). */
THRUM_API bool thrum_queue_empty(thrum_queue *queue);

/* True if a put would wait at this moment. Python: Queue.full(). */
THRUM_API bool thrum_queue_full(thrum_queue *queue);

THRUM_END

#endif
