/* The bounded queue in the order of arrival: how users of its ring (bounded_queue.h) sleep and
 * wake.
 *
 * A getter that finds the queue empty takes the lock and sets WAITED in the tail if the head is
 * there. So the queue was empty at that moment, and every later put sees the flag. Such a put ends
 * its cell's turn, takes the lock, notifies one waiter, and clears the flag if none is left. So
 * each item that is added while a waiter sleeps notifies one, earlier items have been taken, and no
 * wake-up is lost. Putters do the same at the head. A waiter that timed out may leave the flag
 * without a sleeper; that costs the next put one check.
 *
 * Before it sleeps, a caller yields once and checks again: a thread to other threads, a fiber to
 * those of its worker. If the other side was ready to run here, there are items by now, and more
 * than after a wake-up for the first item. With more threads than processors, or a small capacity,
 * that is worth a factor of two to eight. There is no spinning: on few processors it takes time
 * from the threads that must make progress.
 *
 * Freeing. The last touch of a put is the end of its turn, so the caller that has its item may free
 * the queue, but not if the put has a waiter to wake. Such a put counts itself in `wakers` before
 * it ends the turn, and out again under the lock. free waits until none is left, and for the lock.
 * A get that made room does the same.
 *
 * Rejected - The number of sleepers in a word beside the ends, read after the turn has ended: a
 * fence for each put and get, and a
 *   touch when the item is out.
 * - The lock taken before the turn ends, instead of `wakers`: its holder may be waiting for that
 * turn. - Several checks before the sleep: their gain varied, and on a busy processor each may cost
 * a time slice.
 */
#include "queue/bounded_queue.h"
#include "base/spin.h"
#include "sync/condition.h"
#include <thrum/fiber.h>
#include <thrum/with.h>

#include <errno.h>

/* Wakes as many as a caller that counted itself in `wakers` has served. Under the lock. */
static void wake(thrum__bounded *queue, thrum__bounded_end *end, size_t count)
{
    thrum_condition *condition =
        end == &queue->tail ? &queue->base.not_empty : &queue->base.not_full;
    thrum__queue_notify(condition, count);
    if (!thrum__condition_waited(condition))
        thrum__and_relaxed(&end->word, ~THRUM__WAITED);
    thrum__sub_release(&queue->wakers, 1);
}

void thrum__bounded_wake(thrum__bounded *queue, thrum__bounded_end *end, size_t count)
{
    thrum_with (&queue->base.lock)
        wake(queue, end, count);
}

void thrum__bounded_let_holder_finish(thrum__bounded *queue)
{
    thrum_lock_acquire(&queue->base.lock);
    thrum_lock_release(&queue->base.lock);
}

/* What a try found that neither failed nor succeeded: settle, and try again. */
enum {
    HELD = 1,   /* another thread has the end */
    NO_SECTION, /* none can be entered at once, or the item needs a copy of another size */
    CHANGED,    /* the end has moved meanwhile */
    SLOW        /* another thread is in the middle of its cell */
};

/* One try to take an item. Gives the word that the head was, for the caller to wake a putter. Returns 0, -EAGAIN,
 * -EPIPE if it is closed and empty, or what is to be settled.
 *
 * With a constant `size` and `at_once` a try makes no call, so a put or a get saves no registers. */
static inline __attribute__((always_inline)) int take(thrum__bounded *queue, void *ret_item,
                                                      size_t size, bool at_once, uint64_t *ret_head)
{
    uint64_t head = thrum__load_relaxed(&queue->head.word);
    thrum__bounded_cell *cell = thrum__bounded_cell_at(queue, head);
    uint64_t full = thrum__bounded_turn_of(queue, head) + 1;
    uint64_t turn = thrum__load_acquire(&cell->turn);
    if (__builtin_expect(head & THRUM__HELD, 0))
        return HELD;
    if (turn == full) {
        void *section = at_once ? thrum__section_enter_at_once() : thrum__section_enter();
        if (at_once && !section)
            return NO_SECTION;
        if (!thrum__bounded_move(section, &queue->head, &head,
                                 thrum__bounded_advance(queue, head, 1)))
            return CHANGED;
        thrum__bounded_begin_wake(queue, head);
        thrum__plain_read(cell->item);
        memcpy(ret_item, cell->item, size);
        thrum__store_release(&cell->turn, full + 1);
        thrum__section_leave(section);
        *ret_head = head;
        return 0;
    }
    if (turn > full)
        return CHANGED;
    thrum__fence_seq_cst();
    uint64_t tail = thrum__load_acquire(&queue->tail.word);
    if (thrum__bounded_same_position(head, tail))
        return tail & THRUM__CLOSED ? -EPIPE : -EAGAIN;
    return SLOW;
}

/* One try to add an item; wakes a getter. Returns 0, -EAGAIN, -EPIPE if it is closed, or what is to be settled. */
static inline __attribute__((always_inline)) int add(thrum__bounded *queue, const void *item,
                                                     size_t size, bool at_once)
{
    uint64_t tail = thrum__load_acquire(&queue->tail.word);
    thrum__bounded_cell *cell = thrum__bounded_cell_at(queue, tail);
    uint64_t free = thrum__bounded_turn_of(queue, tail);
    uint64_t turn = thrum__load_acquire(&cell->turn);
    if (__builtin_expect(tail & (THRUM__HELD | THRUM__CLOSED), 0))
        return tail & THRUM__CLOSED ? -EPIPE : HELD;
    if (turn == free) {
        void *section = at_once ? thrum__section_enter_at_once() : thrum__section_enter();
        if (at_once && !section)
            return NO_SECTION;
        if (!thrum__bounded_move(section, &queue->tail, &tail,
                                 thrum__bounded_advance(queue, tail, 1)))
            return CHANGED;
        thrum__bounded_begin_wake(queue, tail);
        thrum__plain_write(cell->item);
        memcpy(cell->item, item, size);
        thrum__store_release(&cell->turn, free + 1);
        thrum__section_leave(section);
        thrum__bounded_end_wake(queue, &queue->tail, tail, 1);
        return 0;
    }
    if (turn > free)
        return CHANGED;
    thrum__fence_seq_cst();
    uint64_t head = thrum__load_relaxed(&queue->head.word);
    if (thrum__bounded_same_position(head + queue->lap, tail))
        return -EAGAIN;
    return SLOW;
}

/* After a try that found something to settle. */
static void settle(thrum__bounded *queue, int found, uint32_t *turns)
{
    if (found == HELD)
        thrum__bounded_let_holder_finish(queue);
    else if (found == SLOW)
        thrum__spin(turns);
    else if (found == CHANGED)
        thrum__back_off(turns);
}

static bool bounded_give_way(void)
{
    if (thrum__self()->fiber)
        thrum_yield();
    else
        thrum__yield();
    return true;
}

/* Whether to look once more before the call's first sleep. */
static bool yields_first(bool *yielded)
{
    if (*yielded)
        return false;
    *yielded = true;
    return bounded_give_way();
}

static bool bounded_await_item(thrum_queue *base)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    uint64_t head = thrum__load_relaxed(&queue->head.word);
    uint64_t tail = thrum__load_relaxed(&queue->tail.word);
    do {
        if (!thrum__bounded_same_position(head, tail) || tail & THRUM__CLOSED)
            return false;
    } while (!thrum__cas_weak_relaxed(&queue->tail.word, &tail, tail | THRUM__WAITED));
    return true;
}

static bool bounded_await_room(thrum_queue *base)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    uint64_t tail = thrum__load_relaxed(&queue->tail.word);
    uint64_t head = thrum__load_relaxed(&queue->head.word);
    do {
        if (!thrum__bounded_same_position(head + queue->lap, tail) || tail & THRUM__CLOSED)
            return false;
    } while (!thrum__cas_weak_relaxed(&queue->head.word, &head, head | THRUM__WAITED));
    return true;
}

int thrum__bounded_wait_for_item(thrum__bounded *queue, thrum_deadline deadline, bool *yielded)
{
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    if (yields_first(yielded))
        return 0;
    thrum_with (&queue->base.lock)
        if (bounded_await_item(&queue->base))
            return thrum_condition_wait(&queue->base.not_empty, deadline);
    return 0;
}

int thrum__bounded_wait_for_room(thrum__bounded *queue, thrum_deadline deadline, bool *yielded)
{
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    if (yields_first(yielded))
        return 0;
    thrum_with (&queue->base.lock)
        if (bounded_await_room(&queue->base))
            return thrum_condition_wait(&queue->base.not_full, deadline);
    return 0;
}

static inline __attribute__((always_inline)) int get(thrum__bounded *queue, void *ret_item,
                                                     size_t size, bool at_once)
{
    uint64_t head;
    int rc = take(queue, ret_item, size, at_once, &head);
    if (rc == 0)
        thrum__bounded_end_wake(queue, &queue->head, head, 1);
    return rc;
}

/* Goes on after a try that came to `rc`. */
static __attribute__((noinline)) int go_on_getting(thrum__bounded *queue, void *ret_item, int rc,
                                                   thrum_deadline deadline)
{
    uint32_t turns = 0;
    bool yielded = false;
    while (rc > 0 || rc == -EAGAIN) {
        if (rc > 0)
            settle(queue, rc, &turns);
        else if ((rc = thrum__bounded_wait_for_item(queue, deadline, &yielded)) < 0)
            return rc;
        else
            turns = 0;
        rc = get(queue, ret_item, queue->base.item_size, false);
    }
    return rc;
}

/* Most items are a pointer or a number, whose copy is a load and a store. */
static int bounded_get(thrum_queue *base, void *ret_item, thrum_deadline deadline)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    int rc = base->item_size == sizeof(uint64_t) ? get(queue, ret_item, sizeof(uint64_t), true)
                                                 : NO_SECTION;
    return rc > 0 || rc == -EAGAIN ? go_on_getting(queue, ret_item, rc, deadline) : rc;
}

static __attribute__((noinline)) int go_on_putting(thrum__bounded *queue, const void *item, int rc,
                                                   thrum_deadline deadline)
{
    uint32_t turns = 0;
    bool yielded = false;
    while (rc > 0 || rc == -EAGAIN) {
        if (rc > 0)
            settle(queue, rc, &turns);
        else if ((rc = thrum__bounded_wait_for_room(queue, deadline, &yielded)) < 0)
            return rc;
        else
            turns = 0;
        rc = add(queue, item, queue->base.item_size, false);
    }
    return rc;
}

static int bounded_put(thrum_queue *base, const void *item, thrum_deadline deadline)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    int rc =
        base->item_size == sizeof(uint64_t) ? add(queue, item, sizeof(uint64_t), true) : NO_SECTION;
    return rc > 0 || rc == -EAGAIN ? go_on_putting(queue, item, rc, deadline) : rc;
}

static size_t bounded_size(thrum_queue *base)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    thrum__fence_seq_cst();
    for (;;) { /* the head is that of the moment while the tail rests */
        uint64_t tail = thrum__load_acquire(&queue->tail.word);
        uint64_t head = thrum__load_acquire(&queue->head.word);
        if (thrum__bounded_same_position(thrum__load_relaxed(&queue->tail.word), tail))
            return thrum__bounded_between(queue, head, tail);
    }
}

static void bounded_end_puts(thrum_queue *base)
{
    thrum__bounded_close(thrum__bounded_of(base));
}

static uint64_t bounded_puts(thrum_queue *base)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    uint64_t tail = thrum__load_acquire(&queue->tail.word) & THRUM__POSITION;
    return (tail >> queue->lap_bits) * base->max_size + (tail & (queue->lap - 1));
}

static void bounded_hold(thrum_queue *base)
{
    thrum__bounded_hold(&thrum__bounded_of(base)->tail);
}

static void bounded_let_go(thrum_queue *base)
{
    thrum__bounded_let_go(&thrum__bounded_of(base)->tail);
}

static int bounded_take(thrum_queue *base, void *ret_item)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    uint64_t head;
    uint32_t turns = 0;
    int rc;
    while ((rc = take(queue, ret_item, base->item_size, false, &head)) > 0)
        settle(queue, rc, &turns);
    if (rc == 0 && head & THRUM__WAITED)
        wake(queue, &queue->head, 1);
    return rc;
}

static void bounded_free(thrum_queue *base)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    while (thrum__bounded_has_wakers(queue))
        thrum_yield(); /* not a spin: the fiber that can make progress may be of the same worker */
    thrum__bounded_let_holder_finish(queue);
    thrum__queue_finish(base);
    thrum__free(queue->cells);
    thrum__free(queue);
}

static const thrum__queue_make make = {
    .put = bounded_put,
    .put_many = thrum__bounded_put_many,
    .get = bounded_get,
    .get_many = thrum__bounded_get_many,
    .size = bounded_size,
    .end_puts = bounded_end_puts,
    .close_now = thrum__bounded_close_now,
    .dropped = thrum__bounded_dropped,
    .puts = bounded_puts,
    .hold = bounded_hold,
    .let_go = bounded_let_go,
    .await_item = bounded_await_item,
    .await_room = bounded_await_room,
    .give_way = bounded_give_way,
    .take = bounded_take,
    .free = bounded_free,
};

thrum_queue *thrum__bounded_queue_new(size_t item_size, size_t max_size)
{
    /* A turn and an item, and so much more that the next turn is aligned. */
    size_t stride = item_size;
    if (__builtin_add_overflow(stride, 2 * sizeof(uint64_t) - 1, &stride))
        return NULL;
    stride -= stride % sizeof(uint64_t);
    thrum__bounded *queue = thrum__alloc_line(sizeof *queue);
    if (!queue)
        return NULL;
    queue->cells = thrum__alloc_array(max_size, stride);
    if (!queue->cells) {
        thrum__free(queue);
        return NULL;
    }
    queue->stride = stride;
    while (UINT64_C(1) << queue->lap_bits < max_size)
        queue->lap_bits++;
    queue->lap = UINT64_C(1) << queue->lap_bits;
    queue->base.make = &make;
    return &queue->base;
}
