/* A queue between processes: items of one size, first in, first out, in memory that they share.
 *
 *     size_t size = thrum_shared_queue_size(sizeof(struct job), 64);
 *     thrum_shared_memory *memory;
 *     if (thrum_shared_memory_new("/jobs", size, &memory) == 0) {
 *         thrum_shared_queue *jobs = thrum_shared_memory_address(memory);
 *         int rc = thrum_shared_queue_init(jobs, sizeof(struct job), 64);
 *         ...                                          // others open "/jobs" and use it as it is
 *     }
 *
 * Threads and fibers of all processes use it alike; it holds no pointers, and neither should the items.
 * A process may be killed at any moment in any call: the queue goes on. An item that was in the
 * middle of being put is then not there; one in the middle of being taken is there still, or gone
 * with the process that took it. An item is never taken twice by those that live, and never in part.
 *
 * Whoever can write to the memory can break the queue: it is for processes that trust each other.
 *
 * Python: multiprocessing.Queue, which needs a thread and a pipe, and wedges when a process dies in it.
 */
#ifndef THRUM_SHARED_QUEUE_H
#define THRUM_SHARED_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* What stands at the beginning of the memory; the items follow. */
typedef struct thrum_shared_queue thrum_shared_queue;

/* The bytes of memory that a queue for `capacity` items of `item_size` bytes needs; 0 if one of them is 0,
 * or the size cannot be had. */
THRUM_API size_t thrum_shared_queue_size(size_t item_size, uint32_t capacity);

/* Makes an empty queue at `queue`, which has that many bytes, at a multiple of 16. To be done once, by
 * one process, before others use it. Returns 0, or -EINVAL for sizes that cannot be had. */
THRUM_API THRUM_MUST_CHECK int thrum_shared_queue_init(thrum_shared_queue *queue, size_t item_size,
                                                       uint32_t capacity);

/* Puts a copy of the item at the end, and waits while the queue is full. Returns 0; -ETIMEDOUT; -EAGAIN
 * if the deadline is THRUM_NOW and it is full, or held up by a process that stands still; -EPIPE if it
 * is closed; -ECANCELED if the running task was cancelled. Blocks. Python: Queue.put(item, timeout=...). */
THRUM_API THRUM_MUST_CHECK int thrum_shared_queue_put(thrum_shared_queue *queue, const void *item,
                                                      thrum_deadline deadline);

/* Takes the first item out into `ret_item`, and waits while there is none. Returns as
 * thrum_shared_queue_put; -EPIPE if the queue is closed and empty. Blocks.
 * Python: Queue.get(timeout=...). */
THRUM_API THRUM_MUST_CHECK int thrum_shared_queue_get(thrum_shared_queue *queue, void *ret_item,
                                                      thrum_deadline deadline);

/* Closes the queue for all processes: nothing can be put any more; what is there can be taken. Again does
 * nothing. Waits while another process is at the queue. */
THRUM_API void thrum_shared_queue_close(thrum_shared_queue *queue);

/* How many items there are at this moment; for displays. Does not block. Python: Queue.qsize(). */
THRUM_API uint32_t thrum_shared_queue_length(const thrum_shared_queue *queue);

THRUM_END

#endif
