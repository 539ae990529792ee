/* A shared queue: items of one size, first in, first out, between processes.
 *
 *     size_t size = thrum_shared_queue_size(sizeof(struct job), 64);
 *     thrum_shared_memory *memory;
 *     if (thrum_shared_memory_new("/jobs", size, &memory) == 0) {
 *         thrum_shared_queue *jobs = (thrum_shared_queue *)thrum_shared_memory_address(memory);
 *         int rc = thrum_shared_queue_init(jobs, sizeof(struct job), 64);
 *         ...                                          // others open "/jobs" and use it
 *         thrum_shared_memory_free(memory);
 *     }
 *
 * Threads and fibers of all processes use it in the same way. It has no pointers, and items should
 * have none.
 *
 * A process may be killed at any moment in any call, and the queue goes on. An item that was being
 * put is then not in the queue. An item that was being taken is still in the queue, or it is lost
 * with the process. Living processes never take an item twice, and never a part of one.
 *
 * A process that can write to the memory can break the queue: use it between processes that trust
 * each other.
 *
 * Python: multiprocessing.Queue, which needs a thread and a pipe, and hangs when a process dies in
 * it.
 */
#ifndef THRUM_SHARED_QUEUE_H
#define THRUM_SHARED_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* The beginning of the queue's memory; the items follow. */
typedef struct thrum_shared_queue thrum_shared_queue;

/* The bytes of memory that a queue for `capacity` items of `item_size` bytes needs; 0 if one of
 * them is 0 or too large. */
THRUM_API size_t thrum_shared_queue_size(size_t item_size, uint32_t capacity);

/* Makes an empty queue at `queue`, which has as many bytes as thrum_shared_queue_size says, at a
 * multiple of 16. One process calls it once, before others use the queue.
 *
 * Returns:
 *     0        the queue is ready
 *     -EINVAL  a size is 0 or too large
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_queue_init(thrum_shared_queue *queue, size_t item_size,
                                                       uint32_t capacity);

/* Adds a copy of the item at the end. Waits while the queue is full. Blocks. Python:
 * Queue.put(item, timeout=...).
 *
 * Returns:
 *     0           the item was added
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and the queue is full, or a stopped process is in it
 *     -EPIPE      the queue is closed
 *     -ECANCELED  the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_queue_put(thrum_shared_queue *queue, const void *item,
                                                      thrum_deadline deadline);

/* Takes the first item. Waits while the queue is empty. Blocks. Python: Queue.get(timeout=...).
 *
 * Returns:
 *     0           the item is in `*ret_item`
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and the queue is empty, or a stopped process is in it
 *     -EPIPE      the queue is closed and empty
 *     -ECANCELED  the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_queue_get(thrum_shared_queue *queue, void *ret_item,
                                                      thrum_deadline deadline);

/* Closes the queue for all processes: no item can be put any more; those that are there can be
 * taken. A second close does nothing. Waits while another process is in a call of the queue,
 * without a deadline. */
THRUM_API void thrum_shared_queue_close(thrum_shared_queue *queue);

/* The number of items at this moment; for displays. Does not block. Python: Queue.qsize(). */
THRUM_API uint32_t thrum_shared_queue_length(const thrum_shared_queue *queue);

THRUM_END

#endif
