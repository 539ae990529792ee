/* A queue: items pass by value from those who put to those who get, first in, first out.
 *
 *     thrum_queue *q = thrum_queue_new(sizeof(int), &(thrum_queue_options){ .max_size = 10 });
 *     thrum_queue_put(q, &item, THRUM_FOREVER);        // waits while full
 *     thrum_queue_get(q, &item, thrum_in(0.5));        // waits while empty
 *
 * Ending it needs no marker items: thrum_queue_close refuses further puts and lets getters take
 * what is left, after which they get -EPIPE. Any number of threads may use one queue.
 *
 * Python: queue.Queue. Idea for close: Go's channels.
 */
#ifndef THRUM_QUEUE_H
#define THRUM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_queue thrum_queue;

/* How a queue is to be; zero means the default. */
typedef struct thrum_queue_options {
    size_t max_size; /* items held before put waits; 0 for no bound */
} thrum_queue_options;

/* Makes a queue for items of `item_size` bytes, at least 1. `options` may be NULL. A bounded queue
 * takes its memory now, so that its put never fails for want of memory. The caller owns it.
 * Returns NULL if memory is out. Does not block. */
THRUM_API thrum_queue *thrum_queue_new(size_t item_size, const thrum_queue_options *options);

/* Frees the queue and the items that are left; NULL is accepted. Stops the program if anyone still
 * waits in it. */
THRUM_API void thrum_queue_free(thrum_queue *queue);

/* Adds a copy of the item, waiting while the queue is full. Returns 0; -ETIMEDOUT; -EAGAIN if the
 * deadline is THRUM_NOW and the queue is full; -EPIPE if it is closed; -ECANCELED if the running
 * task was cancelled; -ENOMEM (unbounded queues only). On failure nothing was added. Blocks.
 * Python: Queue.put(item, timeout=...). */
THRUM_API int thrum_queue_put(thrum_queue *queue, const void *item, thrum_time deadline);

/* Takes the oldest item, waiting while there is none. Returns 0; -ETIMEDOUT; -EAGAIN if the
 * deadline is THRUM_NOW and the queue is empty; -EPIPE if it is closed and empty; -ECANCELED if
 * the running task was cancelled. On failure `ret_item` is untouched. Blocks.
 * Python: Queue.get(timeout=...). */
THRUM_API int thrum_queue_get(thrum_queue *queue, void *ret_item, thrum_time deadline);

/* Says that one item taken from the queue has been dealt with. More calls than items were put
 * stops the program. Does not block. Python: Queue.task_done(). */
THRUM_API void thrum_queue_task_done(thrum_queue *queue);

/* Waits until every item that was put has been dealt with. Returns 0; -ETIMEDOUT; -EAGAIN if the
 * deadline is THRUM_NOW; -ECANCELED if the running task was cancelled. Blocks.
 * Python: Queue.join(). */
THRUM_API int thrum_queue_join(thrum_queue *queue, thrum_time deadline);

/* Closes the queue: put fails with -EPIPE from now on, also for those who wait in it; get drains
 * what is left and then fails with -EPIPE. Closing again does nothing. Does not block.
 * Python 3.13: Queue.shutdown(). */
THRUM_API void thrum_queue_close(thrum_queue *queue);

/* The number of items at this moment; for displays. Python: Queue.qsize(). */
THRUM_API size_t thrum_queue_size(thrum_queue *queue);

/* True if there is no item at this moment. Python: Queue.empty(). */
THRUM_API bool thrum_queue_empty(thrum_queue *queue);

/* True if a put would wait at this moment. Python: Queue.full(). */
THRUM_API bool thrum_queue_full(thrum_queue *queue);

THRUM_END

#endif
