/* The queue between processes: a ring of items under a robust lock, with two conditions.
 *
 * The death of a process in a call must not leave the queue in a state that stops the others. So
 * there is no state that needs repair: `head` and `tail` count the items that were ever taken and
 * put. Each call changes one of them with one store, the moment at which the call takes effect:
 *
 *     put   copies the item behind the last;  announces;  tail + 1;  wakes
 *     get   copies the first item out;        announces;  head + 1;  wakes
 *
 * A process that dies before the store has changed nothing that others see; after it, everything.
 * The next owner of the lock learns of the death and only marks the lock consistent. The
 * announcement comes before the store (condition.c). A death right before the store, or between
 * store and wake, then ends the sleep of the waiters concerned at the end of their slice, and they
 * look. In the other order all could sleep at a queue with items whose lock has a dead owner that
 * no waiter checks.
 *
 * The store is a release for callers that only read the length. The lock orders everything else.
 *
 * A call with the deadline THRUM_NOW still needs the lock, which is held for the copy of one item.
 * It waits for BRIEF_NS.
 *
 * Rejected: a slot for each item with a sequence number and no lock (Vyukov's queue). A process
 * that dies between the claim of a slot and its end blocks all behind it. A repair would need the
 * claimant of each slot and a check of its life.
 */
#include "base/clock.h"
#include "base/panic.h"
#include "shared/condition.h"
#include "shared/wait.h"

#include <thrum/shared_queue.h>

#include <errno.h>
#include <string.h>

enum { ALIGNMENT = 16, BRIEF_NS = 10000000 };
static const uint32_t made = 0x71756575; /* in memory that is a queue */

struct thrum_shared_queue {
    uint32_t made, capacity;
    uint64_t item_size;
    thrum_shared_lock lock;
    thrum_shared_condition filled, emptied;
    uint64_t head, tail; /* items taken and put, ever */
    uint32_t closed, reserved;
    char items[] __attribute__((aligned(ALIGNMENT)));
};

size_t thrum_shared_queue_size(size_t item_size, uint32_t capacity)
{
    size_t items, size;
    if (!item_size || !capacity || __builtin_mul_overflow(item_size, (size_t)capacity, &items) ||
        __builtin_add_overflow(items, sizeof(thrum_shared_queue), &size) || size > PTRDIFF_MAX)
        return 0;
    return size;
}

int thrum_shared_queue_init(thrum_shared_queue *queue, size_t item_size, uint32_t capacity)
{
    if (!thrum_shared_queue_size(item_size, capacity) || (uintptr_t)queue % ALIGNMENT)
        return -EINVAL;
    *queue = (thrum_shared_queue){.capacity = capacity, .item_size = item_size};
    thrum__store_release(&queue->made, made);
    return 0;
}

static void *item_at(thrum_shared_queue *queue, uint64_t number)
{
    return queue->items + number % queue->capacity * queue->item_size;
}

/* What was left behind by the dead is in order. */
static int recover(thrum_shared_queue *queue, int rc)
{
    if (rc != -EOWNERDEAD)
        return rc;
    thrum_shared_lock_consistent(&queue->lock);
    return 0;
}

static int enter(thrum_shared_queue *queue, thrum_deadline deadline, const void *place)
{
    if (thrum__load_acquire(&queue->made) != made)
        thrum__panic(place, "shared queue %p used, but thrum_shared_queue_init did not make it",
                     (const void *)queue);
    if (!thrum_deadline_is_now(deadline))
        return recover(queue, thrum_shared_lock_acquire_until(&queue->lock, deadline));
    thrum_deadline brief = thrum__deadline_after(thrum__clock_now(), BRIEF_NS);
    int rc = thrum_shared_lock_acquire_until(&queue->lock, brief);
    return rc == -ETIMEDOUT ? -EAGAIN : recover(queue, rc);
}

/* Makes an item that was put, or taken, count. */
static void commit(uint64_t *count, thrum_shared_condition *changed)
{
    bool awaited = thrum__shared_condition_announce(changed);
    thrum__store_release(count, *count + 1);
    if (awaited)
        thrum__shared_condition_wake(changed, 1);
}

static int put(thrum_shared_queue *queue, const void *item, thrum_deadline deadline)
{
    for (;;) {
        thrum__plain_read(&queue->items[0]);
        if (queue->closed)
            return -EPIPE;
        if (queue->tail - queue->head < queue->capacity)
            break;
        int rc =
            recover(queue, thrum_shared_condition_wait(&queue->emptied, &queue->lock, deadline));
        if (rc < 0)
            return rc;
    }
    thrum__plain_write(&queue->items[0]); /* for the explorer all that the lock protects */
    memcpy(item_at(queue, queue->tail), item, queue->item_size);
    commit(&queue->tail, &queue->filled);
    return 0;
}

static int get(thrum_shared_queue *queue, void *ret_item, thrum_deadline deadline)
{
    for (;;) {
        thrum__plain_read(&queue->items[0]);
        if (queue->tail != queue->head)
            break;
        if (queue->closed)
            return -EPIPE;
        int rc =
            recover(queue, thrum_shared_condition_wait(&queue->filled, &queue->lock, deadline));
        if (rc < 0)
            return rc;
    }
    memcpy(ret_item, item_at(queue, queue->head), queue->item_size);
    commit(&queue->head, &queue->emptied);
    return 0;
}

int thrum_shared_queue_put(thrum_shared_queue *queue, const void *item, thrum_deadline deadline)
{
    int rc = enter(queue, deadline, thrum__caller());
    if (rc < 0)
        return rc;
    rc = put(queue, item, deadline);
    thrum_shared_lock_release(&queue->lock);
    return rc;
}

int thrum_shared_queue_get(thrum_shared_queue *queue, void *ret_item, thrum_deadline deadline)
{
    int rc = enter(queue, deadline, thrum__caller());
    if (rc < 0)
        return rc;
    rc = get(queue, ret_item, deadline);
    thrum_shared_lock_release(&queue->lock);
    return rc;
}

void thrum_shared_queue_close(thrum_shared_queue *queue)
{
    if (thrum__load_acquire(&queue->made) != made)
        thrum__panic(thrum__caller(),
                     "shared queue %p used, but thrum_shared_queue_init did not make it",
                     (const void *)queue);
    (void)recover(queue, thrum_shared_lock_acquire(&queue->lock)); /* it is never beyond repair */
    bool filled = thrum__shared_condition_announce(&queue->filled);
    bool emptied = thrum__shared_condition_announce(&queue->emptied);
    queue->closed = 1;
    if (filled)
        thrum__shared_condition_wake(&queue->filled, UINT32_MAX);
    if (emptied)
        thrum__shared_condition_wake(&queue->emptied, UINT32_MAX);
    thrum_shared_lock_release(&queue->lock);
}

uint32_t thrum_shared_queue_length(const thrum_shared_queue *queue)
{
    uint64_t head = thrum__load_acquire(&queue->head), tail = thrum__load_acquire(&queue->tail);
    return tail > head ? (uint32_t)(tail - head) : 0;
}
