/* Inboxes.
 *
 * A submitter to a pool with workers leaves the task in an inbox and returns. The pool has one
 * inbox for all callers that are not its workers. A worker that runs dry takes over its whole list,
 * under the pool's lock, so submitters and workers meet once for many tasks. Each worker has an
 * inbox of its own for what its tasks submit. They add at the end; a task that waits for the newest
 * or the oldest takes it out there and runs it; workers that run dry take the oldest. A task
 * between others that is waited for is run in place and stays in the list until it is the oldest,
 * because nothing tells whether it is in this inbox. The tasks of an own inbox are linked both
 * ways, by `previous`, which shares memory with the time of submission. The word:
 *
 *     GUARD    a thread changes the list (park/guard.h); while it is set, only its holder writes
 *              the word and the rest, and releases it by a plain store of the next word
 *     OPEN     tasks may be left here. While it is clear, they go through the pool's lock
 *     FILLED   the list is not empty, for readers without the guard
 *     CALL     the next submitter must see to it that a worker comes: it clears the mark and
 *              continues to the pool's lock
 *
 * No wake is lost: a worker that is about to sleep, or sees that others sleep, reads the lists of
 * all inboxes and sets CALL in each, in one section of its guard. It finds each task that came
 * before; a task that comes after finds CALL. CALL is set under the pool's lock, so the submitter
 * that takes that lock finds the worker asleep in the pool's queue, or already awake.
 *
 * Rejected: a list without a guard (Treiber's stack has to be reversed, under the pool's lock,
 * whatever its length; in Vyukov's queue a worker may meet a half filled place, and has to wait as
 * well). For the own inbox the deque of Chase and Lev, whose owner needs a fence where this has a
 * compare-and-swap of a cached word; its array must grow, and it needs a sleep protocol with the
 * same fence. The guard is one compare-and-swap and one store.
 *
 * Sources: work stealing is Cilk's (Blumofe, Leiserson); see thread_pool.c for the differences.
 */
#include "executor/thread/inbox.h"
#include "park/guard.h"

#include <stddef.h>

enum { GUARD = 1, OPEN = 2, FILLED = 4, CALL = 8 };

uint32_t thrum__inbox_guard(thrum__inbox *inbox)
{
    return thrum__guard_acquire(&inbox->word, GUARD) & ~(uint32_t)GUARD;
}

void thrum__inbox_unguard(thrum__inbox *inbox, uint32_t word)
{
    thrum__store_release(&inbox->word, word);
    thrum__guard_left();
}

void thrum__inbox_init(thrum__inbox *inbox)
{
    inbox->list.last = &inbox->list.first;
}

void thrum__inbox_open(thrum__inbox *inbox)
{
    thrum__inbox_unguard(inbox, thrum__inbox_guard(inbox) | OPEN);
}

void thrum__inbox_close(thrum__inbox *inbox)
{
    thrum__inbox_unguard(inbox, thrum__inbox_guard(inbox) & ~(uint32_t)OPEN);
}

/* The future whose `next` ends the list; NULL for an empty one. */
static thrum_future *newest(const thrum__inbox *inbox)
{
    if (inbox->list.last == &inbox->list.first)
        return NULL;
    return (thrum_future *)(void *)((char *)inbox->list.last - offsetof(thrum_future, next));
}

/* Leaves a chain; one of a single future if it is the worker's `own`. */
static enum thrum__inbox_outcome put(thrum__inbox *inbox, thrum_future *first, thrum_future *last,
                                     uint32_t count, bool own)
{
    if (!(thrum__load_relaxed(&inbox->word) & OPEN))
        return THRUM__INBOX_CLOSED;
    uint32_t word = thrum__inbox_guard(inbox);
    if (!(word & OPEN)) {
        thrum__inbox_unguard(inbox, word);
        return THRUM__INBOX_CLOSED;
    }
    thrum__plain_write(&inbox->list);
    if (own)
        first->previous = newest(inbox);
    *inbox->list.last = first;
    inbox->list.last = &last->next;
    inbox->count += count;
    thrum__store_relaxed(&inbox->put, inbox->put + count);
    thrum__inbox_unguard(inbox, (word & ~(uint32_t)CALL) | FILLED);
    return word & CALL ? THRUM__INBOX_CALLS : THRUM__INBOX_TAKEN;
}

enum thrum__inbox_outcome thrum__inbox_put_chain(thrum__inbox *inbox, thrum_future *first,
                                                 thrum_future *last, uint32_t count)
{
    return put(inbox, first, last, count, false);
}

enum thrum__inbox_outcome thrum__inbox_put(thrum__inbox *inbox, thrum_future *future)
{
    return put(inbox, future, future, 1, false);
}

enum thrum__inbox_outcome thrum__inbox_put_own(thrum__inbox *inbox, thrum_future *future)
{
    return put(inbox, future, future, 1, true);
}

/* Takes one that has nothing before it or nothing behind it out of a list that is linked both ways.
 * Under the guard; gives the next word. */
static uint32_t take_end(thrum__inbox *inbox, thrum_future *future, uint32_t word)
{
    thrum__plain_write(&inbox->list);
    if (future->previous)
        future->previous->next = future->next;
    else
        inbox->list.first = future->next;
    if (future->next)
        future->next->previous = future->previous;
    else
        inbox->list.last = future->previous ? &future->previous->next : &inbox->list.first;
    future->submitted = 0; /* not timed */
    return --inbox->count ? word : word & ~(uint32_t)FILLED;
}

bool thrum__inbox_take_own(thrum__inbox *inbox, thrum_future *future)
{
    if (!(thrum__load_relaxed(&inbox->word) & FILLED))
        return false;
    uint32_t word = thrum__inbox_guard(inbox);
    if (!(word & FILLED)) { /* a shutdown has emptied it meanwhile */
        thrum__inbox_unguard(inbox, word);
        return false;
    }
    thrum__plain_read(&inbox->list);
    bool found = newest(inbox) == future || inbox->list.first == future;
    thrum__inbox_unguard(inbox, found ? take_end(inbox, future, word) : word);
    return found;
}

thrum_future *thrum__inbox_take_guarded(thrum__inbox *inbox, uint32_t *word)
{
    if (!(*word & FILLED)) /* a shutdown may have emptied it, and leaves the list as it was */
        return NULL;
    thrum__plain_read(&inbox->list);
    thrum_future *oldest = inbox->list.first;
    *word = take_end(inbox, oldest, *word);
    return oldest;
}

thrum_future *thrum__inbox_take_oldest(thrum__inbox *inbox)
{
    if (!(thrum__load_relaxed(&inbox->word) & FILLED))
        return NULL;
    uint32_t word = thrum__inbox_guard(inbox);
    thrum_future *oldest = thrum__inbox_take_guarded(inbox, &word);
    thrum__inbox_unguard(inbox, word);
    return oldest;
}

bool thrum__inbox_is_filled(const thrum__inbox *inbox)
{
    return thrum__load_relaxed(&inbox->word) & FILLED;
}

size_t thrum__inbox_empty_alone(thrum__inbox *inbox, thrum__pending *list)
{
    size_t count = inbox->count;
    thrum__plain_write(&inbox->list);
    if (count > 0) {
        *list->last = inbox->list.first;
        list->last = inbox->list.last;
        inbox->list.last = &inbox->list.first;
        inbox->count = 0;
    }
    return count;
}

size_t thrum__inbox_empty(thrum__inbox *inbox, thrum__pending *list)
{
    if (!(thrum__load_relaxed(&inbox->word) & FILLED))
        return 0;
    uint32_t word = thrum__inbox_guard(inbox);
    size_t count = thrum__inbox_empty_alone(inbox, list);
    thrum__inbox_unguard(inbox, word & ~(uint32_t)FILLED);
    return count;
}

bool thrum__inbox_call_next(thrum__inbox *inbox)
{
    uint32_t word = thrum__inbox_guard(inbox);
    thrum__inbox_unguard(inbox, word & FILLED ? word : word | CALL);
    return !(word & FILLED);
}

size_t thrum__inbox_count(thrum__inbox *inbox)
{
    uint32_t word = thrum__inbox_guard(inbox);
    size_t count = inbox->count;
    thrum__inbox_unguard(inbox, word);
    return count;
}
