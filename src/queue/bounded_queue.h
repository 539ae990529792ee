/* The ring of the bounded queue: cells that putters and getters use without a lock.
 *
 * Positions. The head is where the next item comes out, the tail where the next one goes in. Each
 * is a word: flags above, and a position below, which is the number of the lap round the ring and
 * the index of a cell side by side. So any capacity works without a division. A position only
 * grows; there are 2^61, enough for decades at 10^9 items a second. A put takes effect as it moves
 * the tail, a get as it moves the head, by compare-and-swap. The cell is then theirs alone until
 * they end its turn:
 *
 *     turn of a cell     means                              ended by
 *     2 * lap            free for the item of this lap      its putter, once the item is in
 *     2 * lap + 1        has the item of this lap           its getter, once the item is out
 *
 * The end of a turn is a release, and the read of the turn before the compare-and-swap the acquire
 * that it pairs with, in both directions: a getter sees the item, a putter overwrites only what has
 * been read. The compare-and-swaps are releases too, and a reader of both ends acquires: so a head
 * is never seen ahead of its tail.
 *
 * Empty and full. A cell whose turn has not come says little: its putter may have moved the tail
 * and be slow. So a getter says "empty" only if the tail is at the head, and a putter "full" only
 * if the head is a lap behind the tail; the end that is read first still has its value when the
 * second is read. Otherwise they wait for the slow thread, which is a few instructions away, or not
 * running, in which case they yield (base/spin.h). A fence stands before the second read: otherwise
 * two threads that each put into one queue and find the other empty would be possible.
 *
 * Flags. They are in the word that a put or a get must change. A thread that moves an end has seen
 * them, or fails and reads again. That saves the fence that a flag beside the word would need: a
 * put or get without waiters has one locked instruction. All flags are set and cleared under the
 * lock.
 *
 *     WAITED     a waiter sleeps until this end moves: getters at the tail, putters at the head
 *     HELD       only the holder of the lock may move this end
 *     CLOSED     of the tail: it does not move any more
 *
 * Lost races. A thread whose compare-and-swap fails backs off (base/spin.h), longer with each loss.
 * With a retry at once, threads on two processors take the line from each other for each item. With
 * the pause, one thread passes many items while it has the line.
 *
 * Fork: a cell is claimed and its turn ended in one section (base/section.h), so a child process
 * finds no cell that a lost thread has claimed. Lost wakers do not count in the child. A queue
 * whose lock another thread held (to sleep, to wake, to close) stops a child that waits for that
 * lock.
 *
 * Rejected - One word for both ends, or a compare-and-swap of 16 bytes: exact without holding an
 * end, but putters and getters would
 *   compete for one line.
 * - Positions modulo a power of two, with the capacity kept by a counter: a third contended word. -
 * Queues of linked rings (LCRQ) and Nikolaev's SCQ, whose fetch-and-add does better with many
 * processors: bounds are
 *   harder to keep exact; SCQ passes indices, and costs two rings.
 *
 * Sources: the bounded queue of Vyukov; laps for any capacity, and the mark in the tail, as in the
 * array flavour of crossbeam-channel; rejected: Morrison and Afek 2013, Nikolaev 2019.
 */
#ifndef THRUM_QUEUE_BOUNDED_QUEUE_H
#define THRUM_QUEUE_BOUNDED_QUEUE_H

#include "base/atomic.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/section.h"
#include "queue/queue.h"

#include <string.h>

/* The flags in an end's word, and the position. */
#define THRUM__WAITED   (UINT64_C(1) << 63)
#define THRUM__HELD     (UINT64_C(1) << 62)
#define THRUM__CLOSED   (UINT64_C(1) << 61)
#define THRUM__POSITION (THRUM__CLOSED - 1)

typedef struct thrum__bounded_cell {
    uint64_t turn;
    char item[];
} thrum__bounded_cell;

/* Where items come out, or where they go in. Each has a line of memory to itself. */
typedef struct thrum__bounded_end {
    uint64_t word;
} __attribute__((aligned(THRUM__CACHE_LINE))) thrum__bounded_end;

typedef struct thrum__bounded {
    thrum_queue base;
    uint32_t
        wakers; /* how many have moved an end that was WAITED for and woken nobody yet; in the upper
                      * half the number of the process that they are in */

    /* Fixed. */
    char *cells;
    size_t stride;     /* from a cell to the next, bytes */
    uint64_t lap;      /* from a position to the same cell's next: a power of two, */
    unsigned lap_bits; /* this one; not below the capacity */

    uint64_t dropped; /* the head's word before an immediate close; under the lock */

    thrum__bounded_end head, tail;
} thrum__bounded;

static inline thrum__bounded *thrum__bounded_of(thrum_queue *queue)
{
    return (thrum__bounded *)queue;
}

static inline thrum__bounded_cell *thrum__bounded_cell_at(const thrum__bounded *queue,
                                                          uint64_t word)
{
    size_t index = word & (queue->lap - 1);
    return (thrum__bounded_cell *)(queue->cells + index * queue->stride);
}

/* The turn of the position's cell while it is free for the item of this lap. */
static inline uint64_t thrum__bounded_turn_of(const thrum__bounded *queue, uint64_t word)
{
    return (word & THRUM__POSITION) >> queue->lap_bits << 1;
}

/* The word with its position `count` further, at most a lap. */
static inline uint64_t thrum__bounded_advance(const thrum__bounded *queue, uint64_t word,
                                              size_t count)
{
    size_t capacity = queue->base.max_size;
    size_t index = (word & (queue->lap - 1)) + count;
    return word + count + (index < capacity ? 0 : queue->lap - capacity);
}

/* How many items are between the two; more than there is room for if one is too old beside the
 * other. */
static inline size_t thrum__bounded_between(const thrum__bounded *queue, uint64_t head,
                                            uint64_t tail)
{
    uint64_t from = head & THRUM__POSITION, to = tail & THRUM__POSITION;
    bool same_lap = (from ^ to) < queue->lap;
    return to - from - (same_lap ? 0 : queue->lap - queue->base.max_size);
}

static inline bool thrum__bounded_same_position(uint64_t a, uint64_t b)
{
    return ((a ^ b) & THRUM__POSITION) == 0;
}

/* Moves an end from the word `*word` to `next`, and so claims cells, in a section that the caller has entered. On
 * success the caller leaves it once it has ended the turns of the cells; the section is returned. NULL on failure:
 * then the section is left. */
static inline void *thrum__bounded_move(void *section, thrum__bounded_end *end, uint64_t *word,
                                        uint64_t next)
{
    if (thrum__cas_weak_release(&end->word, word, next))
        return section;
    thrum__section_leave(section);
    return NULL;
}

/* Of the items that a pointer or a number is, the copy is a load and a store. */
static inline void thrum__bounded_copy(void *to, const void *from, size_t size)
{
    if (size == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else
        memcpy(to, from, size);
}

/* A thread that moved an end that was WAITED for tells so before it ends the turns of its cells, */
static inline void thrum__bounded_begin_wake(thrum__bounded *queue, uint64_t word)
{
    if (__builtin_expect(!(word & THRUM__WAITED), 1))
        return;
    uint32_t wakers = thrum__load_relaxed(&queue->wakers), next;
    do {
        bool lost = wakers >> 16 != (thrum__process_generation & 0xffff);
        next = (lost ? thrum__process_generation << 16 : wakers) + 1;
    } while (!thrum__cas_weak_relaxed(&queue->wakers, &wakers, next));
}

static inline bool thrum__bounded_has_wakers(thrum__bounded *queue)
{
    uint32_t wakers = thrum__load_acquire(&queue->wakers);
    return wakers & 0xffff && wakers >> 16 == (thrum__process_generation & 0xffff);
}

/* and then wakes as many as it has served, if the end was WAITED for. */
void thrum__bounded_wake(thrum__bounded *queue, thrum__bounded_end *end, size_t count);

static inline void thrum__bounded_end_wake(thrum__bounded *queue, thrum__bounded_end *end,
                                           uint64_t word, size_t count)
{
    if (__builtin_expect(word & THRUM__WAITED, 0))
        thrum__bounded_wake(queue, end, count);
}

/* Keeps all others from moving an end, and lets them again. Under the lock. */
static inline void thrum__bounded_hold(thrum__bounded_end *end)
{
    thrum__add_acq_rel(&end->word, THRUM__HELD);
}

static inline void thrum__bounded_let_go(thrum__bounded_end *end)
{
    thrum__and_release(&end->word, ~THRUM__HELD);
}

/* Ends the puts. Under the lock. */
static inline void thrum__bounded_close(thrum__bounded *queue)
{
    if (!(thrum__load_relaxed(&queue->tail.word) & THRUM__CLOSED))
        thrum__add_release(&queue->tail.word, THRUM__CLOSED);
}

/* Waits until an end is not HELD. Without the lock. */
void thrum__bounded_let_holder_finish(thrum__bounded *queue);

/* Waits while it is empty, or full, and gives up at the deadline; before its first sleep, for which
 * `yielded` is false, it only gives the processor away. Returns 0 if the caller is to look again;
 * -EAGAIN, -ETIMEDOUT or -ECANCELED. */
int thrum__bounded_wait_for_item(thrum__bounded *queue, thrum_deadline deadline, bool *yielded);
int thrum__bounded_wait_for_room(thrum__bounded *queue, thrum_deadline deadline, bool *yielded);

/* Of the make: bounded_batch.c. */
int thrum__bounded_get_many(thrum_queue *base, char *ret_items, size_t most, size_t *ret_count,
                            thrum_deadline deadline);
int thrum__bounded_put_many(thrum_queue *base, const char *items, size_t count, size_t *ret_added,
                            thrum_deadline deadline);
size_t thrum__bounded_close_now(thrum_queue *base);
void *thrum__bounded_dropped(thrum_queue *base, size_t index);

#endif
