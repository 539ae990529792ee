/* Batches of the bounded queue, and its immediate close: several cells at one moment.
 *
 * A batch waits until as many cells as it wants have come to their turn, and then moves the end
 * over all of them at once. If it gets as many as it wanted, that is all: no other thread can have
 * moved the end between. If it takes fewer, these must be all that there were at that moment, and
 * the end where more would come from may move meanwhile. So it asks for less only while that end is
 * HELD: the tail by a getter, the head by a putter. A batch that will wait for more room anyway
 * need not be exact, and is not.
 *
 * An immediate close holds both ends: the items go and the close comes in one moment, because no
 * thread can move an end between. A thread that finds the head moved on and the tail open is held
 * up there until the tail is closed.
 *
 * A thread that finds HELD waits for the lock. A holder waits only for slow putters and getters,
 * which need no lock for what they still have to do.
 */
#include "base/spin.h"
#include "queue/bounded_queue.h"
#include <thrum/with.h>

#include <errno.h>

/* What a batch was given. */
struct claim {
    uint64_t word; /* the end's, before: its position is that of the first cell */
    size_t count;
};

/* Waits until `count` cells from `word` on have come to the turn of their lap plus `full`. False if
 * the end has moved meanwhile. */
static bool await_cells(thrum__bounded *queue, const thrum__bounded_end *end, uint64_t word,
                        size_t count, unsigned full)
{
    uint32_t turns = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = thrum__bounded_advance(queue, word, i);
        while (thrum__load_acquire(&thrum__bounded_cell_at(queue, at)->turn) !=
               thrum__bounded_turn_of(queue, at) + full) {
            if (thrum__load_relaxed(&end->word) != word)
                return false;
            thrum__spin(&turns);
        }
    }
    return true;
}

/* Claims cells at an end: items to take at the head, room at the tail; `most` of them, or all there
 * are if they are fewer. On success the caller is in a section until it has ended their turns.
 * Returns 0; -EPIPE if there will be none; -EAGAIN if there are fewer than `least`, and then claims
 * none and tells how many they are. */
static int claim(thrum__bounded *queue, thrum__bounded_end *end, size_t least, size_t most,
                 struct claim *ret_claim)
{
    bool takes = end == &queue->head;
    thrum__bounded_end *other = takes ? &queue->tail : &queue->head;
    for (uint32_t turns = 0;; thrum__back_off(&turns)) {
        uint64_t word = thrum__load_acquire(&end->word);
        if (word & THRUM__HELD) {
            thrum__bounded_let_holder_finish(queue);
            continue;
        }
        thrum__fence_seq_cst();
        uint64_t far = thrum__load_acquire(&other->word);
        size_t items = takes ? thrum__bounded_between(queue, word, far)
                             : thrum__bounded_between(queue, far, word);
        if (items > queue->base.max_size)
            continue;
        if ((takes ? far : word) & THRUM__CLOSED && !(takes && items > 0))
            return -EPIPE;
        size_t count = takes ? items : queue->base.max_size - items;
        *ret_claim = (struct claim){word, count};
        if (count < least)
            return -EAGAIN;
        ret_claim->count = count < most ? count : most;
        if (await_cells(queue, end, word, ret_claim->count, takes) &&
            thrum__bounded_move(thrum__section_enter(), end, &word,
                                thrum__bounded_advance(queue, word, ret_claim->count))) {
            thrum__bounded_begin_wake(queue, word);
            return 0;
        }
    }
}

/* Claims as many as there are, at most `most`, with the other end held, so that they are all. */
static int claim_all(thrum__bounded *queue, thrum__bounded_end *end, size_t most,
                     struct claim *ret_claim)
{
    thrum__bounded_end *other = end == &queue->head ? &queue->tail : &queue->head;
    int rc;
    thrum_with (&queue->base.lock) {
        thrum__bounded_hold(other);
        rc = claim(queue, end, 1, most, ret_claim);
        thrum__bounded_let_go(other);
    }
    return rc;
}

static void take_claimed(thrum__bounded *queue, struct claim claim, char *ret_items)
{
    for (size_t i = 0; i < claim.count; i++) {
        uint64_t at = thrum__bounded_advance(queue, claim.word, i);
        thrum__bounded_cell *cell = thrum__bounded_cell_at(queue, at);
        thrum__plain_read(cell->item);
        thrum__bounded_copy(ret_items + i * queue->base.item_size, cell->item,
                            queue->base.item_size);
        thrum__store_release(&cell->turn, thrum__bounded_turn_of(queue, at) + 2);
    }
    thrum__section_leave(thrum__section_self_in());
    thrum__bounded_end_wake(queue, &queue->head, claim.word, claim.count);
}

static void add_claimed(thrum__bounded *queue, struct claim claim, const char *items)
{
    for (size_t i = 0; i < claim.count; i++) {
        uint64_t at = thrum__bounded_advance(queue, claim.word, i);
        thrum__bounded_cell *cell = thrum__bounded_cell_at(queue, at);
        thrum__plain_write(cell->item);
        thrum__bounded_copy(cell->item, items + i * queue->base.item_size, queue->base.item_size);
        thrum__store_release(&cell->turn, thrum__bounded_turn_of(queue, at) + 1);
    }
    thrum__section_leave(thrum__section_self_in());
    thrum__bounded_end_wake(queue, &queue->tail, claim.word, claim.count);
}

int thrum__bounded_get_many(thrum_queue *base, char *ret_items, size_t most, size_t *ret_count,
                            thrum_deadline deadline)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    bool yielded = false;
    if (most > base->max_size)
        most = base->max_size;
    for (;;) {
        struct claim found;
        int rc = claim(queue, &queue->head, most, most, &found);
        if (rc == -EAGAIN && found.count > 0)
            rc = claim_all(queue, &queue->head, most, &found);
        if (rc == 0) {
            take_claimed(queue, found, ret_items);
            *ret_count = found.count;
            return 0;
        }
        if (rc == -EAGAIN)
            rc = thrum__bounded_wait_for_item(queue, deadline, &yielded);
        if (rc < 0)
            return rc;
    }
}

int thrum__bounded_put_many(thrum_queue *base, const char *items, size_t count, size_t *ret_added,
                            thrum_deadline deadline)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    bool yielded = false;
    while (*ret_added < count) {
        size_t rest = count - *ret_added;
        struct claim found;
        int rc =
            claim(queue, &queue->tail, thrum_deadline_is_now(deadline) ? rest : 1, rest, &found);
        if (rc == -EAGAIN && found.count > 0)
            rc = claim_all(queue, &queue->tail, rest, &found);
        if (rc == 0) {
            add_claimed(queue, found, items + *ret_added * base->item_size);
            *ret_added += found.count;
            if (thrum_deadline_is_now(deadline))
                return found.count < rest ? -EAGAIN : 0;
            continue;
        }
        if (rc == -EAGAIN)
            rc = thrum__bounded_wait_for_room(queue, deadline, &yielded);
        if (rc < 0)
            return rc;
    }
    return 0;
}

size_t thrum__bounded_close_now(thrum_queue *base)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    thrum__bounded_hold(&queue->head);
    thrum__bounded_hold(&queue->tail);
    uint64_t head = thrum__load_relaxed(&queue->head.word); /* both rest now */
    size_t count = thrum__bounded_between(queue, head, thrum__load_relaxed(&queue->tail.word));
    await_cells(queue, &queue->head, head, count, 1);
    if (count > 0)
        queue->dropped = head;
    thrum__store_release(&queue->head.word, thrum__bounded_advance(queue, head, count));
    thrum__bounded_close(queue);
    thrum__bounded_let_go(&queue->tail);
    thrum__bounded_let_go(&queue->head);
    return count;
}

/* A thread that is left in the queue finds the head past these cells and the tail closed. */
void *thrum__bounded_dropped(thrum_queue *base, size_t index)
{
    thrum__bounded *queue = thrum__bounded_of(base);
    thrum__bounded_cell *cell =
        thrum__bounded_cell_at(queue, thrum__bounded_advance(queue, queue->dropped, index));
    thrum__plain_read(cell->item);
    return cell->item;
}
