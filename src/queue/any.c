/* Taking from whichever of several queues has an item.
 *
 * The locks of all queues are taken, in the order of their addresses, so that two who do this never
 * wait for each other in a circle, and then all puts are held off. Queues only get emptier from
 * there on, so that the look at them is as if of one moment, that of its last step: the lowest
 * index that has an item gives it, and "none has one" is true of all at once. Else the caller
 * stands in the not_empty of each, with one claim (sync/conditions.h), and lets go of all.
 *
 * The notify that ends the wait is one queue's, and the caller wakes with the lock of that one. It
 * takes the item from there and from nowhere else: the notify was for that item, and going for
 * another would leave this one with a getter asleep beside it. If the item is gone, somebody else
 * came first and has it, and all begins again. Then it takes itself out of the other queues, one
 * lock at a time; a notify that finds it there meanwhile goes to the next getter.
 *
 * Rejected: a list of watchers beside the getters, woken by an event of their own. A put would not
 * know whom to tell, would have to tell all, or whoever takes an item would have to pass on what it
 * was told of the other queues.
 *
 * The places are on the stack for a few queues and allocated for many. The locks are held for a
 * time that grows with their number; nobody is waited for under them but for other locks, and for a
 * putter who has his place and is still copying the item.
 */
#include "base/memory.h"
#include "base/panic.h"
#include "queue/queue.h"
#include "sync/conditions.h"

#include <errno.h>
#include <stdint.h>

enum { ON_STACK = 8 };

/* The queues, sorted by address, and where each stands in the caller's array. */
struct any {
    thrum__condition_place *places;
    size_t *index;
    thrum_queue *const *queues;
    size_t count;
};

static thrum_queue *queue_at(const struct any *any, size_t place)
{
    return any->queues[any->index[place]];
}

/* Sorts by insertion: they are few, or given in order. */
static void sort(struct any *any, const void *place)
{
    for (size_t i = 0; i < any->count; i++) {
        size_t hole = i;
        for (; hole > 0 && queue_at(any, hole - 1) > any->queues[i]; hole--)
            any->index[hole] = any->index[hole - 1];
        any->index[hole] = i;
        if (hole > 0 && queue_at(any, hole - 1) == any->queues[i])
            thrum__panic(place, "queue %p is given twice to a wait for any of several",
                         (void *)any->queues[i]);
    }
    for (size_t i = 0; i < any->count; i++)
        any->places[i].condition = &queue_at(any, i)->not_empty;
}

/* Takes all locks, and then, without another wait, the right to put. */
static void acquire_all(const struct any *any)
{
    for (size_t i = 0; i < any->count; i++)
        thrum_lock_acquire(&queue_at(any, i)->lock);
    for (size_t i = 0; i < any->count; i++)
        any->queues[i]->make->hold(any->queues[i]);
}

static void release_all(const struct any *any)
{
    for (size_t i = 0; i < any->count; i++) {
        any->queues[i]->make->let_go(any->queues[i], false);
        thrum_lock_release(&any->queues[i]->lock);
    }
}

/* Takes an item from the first queue that has one. Returns 0, -EAGAIN, or -EPIPE if all are closed
 * and empty. Under all locks. */
static int take_first(const struct any *any, size_t *ret_index, void *ret_item)
{
    int rc = -EPIPE;
    for (size_t i = 0; i < any->count; i++) {
        int found = any->queues[i]->make->take(any->queues[i], ret_item);
        if (found == 0) {
            *ret_index = i;
            return 0;
        }
        if (found == -EAGAIN)
            rc = -EAGAIN;
    }
    return rc;
}

/* Waits to be notified by one queue and takes its item. Returns 0, -EAGAIN if it was gone,
 * -ETIMEDOUT or -ECANCELED. Enters with all locks and leaves with none. */
static int wait_and_take(const struct any *any, size_t *ret_index, void *ret_item,
                         thrum_time deadline)
{
    size_t place;
    for (size_t i = 0; i < any->count; i++)
        any->queues[i]->make->let_go(any->queues[i], true);
    int rc =
        thrum__conditions_wait(any->places, any->count, deadline, "queues", any->queues[0], &place);
    if (rc == 0) {
        thrum_queue *queue = queue_at(any, place);
        if (queue->make->take(queue, ret_item) == 0)
            *ret_index = any->index[place];
        else
            rc = -EAGAIN;
        thrum_lock_release(&queue->lock);
    }
    thrum__conditions_leave(any->places, any->count);
    return rc;
}

static int get_any(const struct any *any, size_t *ret_index, void *ret_item, thrum_time deadline)
{
    for (;;) {
        acquire_all(any);
        int rc = take_first(any, ret_index, ret_item);
        if (rc != -EAGAIN || deadline == THRUM_NOW) {
            release_all(any);
            return rc;
        }
        rc = wait_and_take(any, ret_index, ret_item, deadline);
        if (rc != -EAGAIN)
            return rc;
    }
}

int thrum_queue_get_any(thrum_queue *const *queues, size_t count, size_t *ret_index, void *ret_item,
                        thrum_time deadline)
{
    thrum__condition_place places[ON_STACK];
    size_t index[ON_STACK];
    struct any any = {places, index, queues, count};
    thrum__memory_live(&places);
    if (count > ON_STACK) {
        any.places = thrum__alloc_array(count, sizeof *any.places);
        any.index = thrum__alloc_array(count, sizeof *any.index);
    }
    int rc = -ENOMEM;
    if (any.places && any.index) {
        sort(&any, thrum__caller());
        rc = get_any(&any, ret_index, ret_item, deadline);
    }
    if (count > ON_STACK) {
        thrum__free(any.places);
        thrum__free(any.index);
    }
    thrum__memory_dead(&places);
    return rc;
}
