/* The two makes of queue, and what they have in common.
 *
 *     locked_queue.c     any order, with a bound or without: items under one lock
 *     bounded_queue.c    first in, first out, with a bound: a ring without a lock, which is taken
 *                        only around a sleep and for what is rare
 *
 * Both have a lock and three conditions, in which all waits are. A select (select.c) needs no more of a
 * queue than that and the functions below that are called under its lock.
 */
#ifndef THRUM_QUEUE_QUEUE_H
#define THRUM_QUEUE_QUEUE_H

#include <thrum/condition.h>
#include <thrum/queue.h>

/* What a make does: first as the public functions of these names. */
typedef struct thrum__queue_make {
    int (*put)(thrum_queue *queue, const void *item, thrum_deadline deadline);
    int (*put_many)(thrum_queue *queue, const char *items, size_t count, size_t *ret_added,
                    thrum_deadline deadline);
    int (*get)(thrum_queue *queue, void *ret_item, thrum_deadline deadline);
    int (*get_many)(thrum_queue *queue, char *ret_items, size_t most, size_t *ret_count,
                    thrum_deadline deadline);
    size_t (*size)(thrum_queue *queue);

    /* What follows is called under the lock. Ends the puts; the second drops all items at the same
     * moment, and gives their number. */
    void (*end_puts)(thrum_queue *queue);
    size_t (*close_now)(thrum_queue *queue);

    /* The item at `index` of those that close_now dropped: nobody else touches them. Without the lock. */
    void *(*dropped)(thrum_queue *queue, size_t index);

    /* The number of items that were ever put. */
    uint64_t (*puts)(thrum_queue *queue);

    /* Between these two nobody puts, so that an empty queue stays empty. The lock is held from the first
     * to the second. */
    void (*hold)(thrum_queue *queue);
    void (*let_go)(thrum_queue *queue);

    /* The caller is about to wait in not_empty, or in not_full: the next put, or get, must look there.
     * Returns false if there is an item, or room, or the queue is closed: it must not wait then. */
    bool (*await_item)(thrum_queue *queue);
    bool (*await_room)(thrum_queue *queue);

    /* Gives the processor away before a first wait, if that pays: true if it did. */
    bool (*give_way)(void);

    /* Takes the item whose turn it is and lets a putter go on. Returns 0, -EAGAIN, or -EPIPE if it
     * is closed and empty. */
    int (*take)(thrum_queue *queue, void *ret_item);

    /* Gives the queue's memory back; nobody is in it. */
    void (*free)(thrum_queue *queue);
} thrum__queue_make;

struct thrum_queue {
    thrum_lock lock;
    const thrum__queue_make *make;
    size_t item_size; /* bytes */
    size_t max_size;  /* 0 for no bound */

    /* Getters wait for an item or the close, putters for room or the close, joiners until as many
     * are `done` as were put. */
    thrum_condition not_empty, not_full, all_done;
    uint64_t done;

    thrum_destructor *destroy; /* of items that nobody gets, or NULL; fixed */
    uint32_t destroying;       /* how many calls are at the items that they have dropped */
    bool named;                /* has a name of its own; fixed */
};

/* An empty queue of each make, of which the part above is still to be filled but for `make`. NULL
 * if memory is out. */
thrum_queue *thrum__locked_queue_new(size_t item_size, const thrum_queue_options *options);
thrum_queue *thrum__bounded_queue_new(size_t item_size, size_t max_size);

/* Ends the use of the part above; stops the program if anyone waits. */
void thrum__queue_finish(thrum_queue *queue);

/* Lets as many go on as items were added or taken. Under the lock. */
void thrum__queue_notify(thrum_condition *condition, size_t count);

#endif
