/* The inbox.
 *
 * Whoever submits to a pool that has workers leaves the task here, and is gone; the workers take the
 * whole list over when they run dry, under the pool's lock. So those who submit and those who work
 * meet once for many tasks, if there are many. The word:
 *
 *     GUARD    someone is at the list (park/guard.h); while it is set, only its holder writes the
 *              word and the rest, and gives it back by a plain store of the next word
 *     OPEN     tasks may be left here. While it is clear, they go by the pool's lock
 *     FILLED   the list is not empty, for those who look without the guard
 *     CALL     the next one who leaves a task is to see to it that a worker comes: he clears the
 *              mark, and goes on to the pool's lock
 *
 * No wake is lost: a worker that is about to sleep, or sees that others sleep, looks at the list and
 * sets CALL in one section of the guard. A task that came before is found there; one that comes after
 * finds CALL. It is set under the pool's lock; so one who was called, and takes that lock, finds the
 * worker asleep in the pool's queue, or already on his way.
 *
 * Rejected: a list without a guard (Treiber's stack has to be turned round, under the pool's lock,
 * whatever its length; in Vyukov's queue a worker may come upon a place that is half filled, and has
 * to wait as well). The guard is one compare-and-swap and one store, which is what they cost, too.
 */
#include "executor/inbox.h"
#include "park/guard.h"

enum { GUARD = 1, OPEN = 2, FILLED = 4, CALL = 8 };

static uint32_t guard(thrum__inbox *inbox)
{
    return thrum__guard_acquire(&inbox->word, GUARD) & ~(uint32_t)GUARD;
}

static void unguard(thrum__inbox *inbox, uint32_t word)
{
    thrum__store_release(&inbox->word, word);
}

void thrum__inbox_init(thrum__inbox *inbox)
{
    inbox->list.last = &inbox->list.first;
}

void thrum__inbox_open(thrum__inbox *inbox)
{
    unguard(inbox, guard(inbox) | OPEN);
}

void thrum__inbox_close(thrum__inbox *inbox)
{
    unguard(inbox, guard(inbox) & ~(uint32_t)OPEN);
}

enum thrum__inbox_outcome thrum__inbox_put(thrum__inbox *inbox, thrum_future *future)
{
    if (!(thrum__load_relaxed(&inbox->word) & OPEN))
        return THRUM__INBOX_CLOSED;
    uint32_t word = guard(inbox);
    if (!(word & OPEN)) {
        unguard(inbox, word);
        return THRUM__INBOX_CLOSED;
    }
    thrum__plain_write(&inbox->list);
    *inbox->list.last = future;
    inbox->list.last = &future->next;
    inbox->count++;
    thrum__store_relaxed(&inbox->put, inbox->put + 1);
    unguard(inbox, (word & ~(uint32_t)CALL) | FILLED);
    return word & CALL ? THRUM__INBOX_CALLS : THRUM__INBOX_TAKEN;
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
    uint32_t word = guard(inbox);
    size_t count = thrum__inbox_empty_alone(inbox, list);
    unguard(inbox, word & ~(uint32_t)FILLED);
    return count;
}

bool thrum__inbox_call_next(thrum__inbox *inbox)
{
    uint32_t word = guard(inbox);
    unguard(inbox, word & FILLED ? word : word | CALL);
    return !(word & FILLED);
}

size_t thrum__inbox_count(thrum__inbox *inbox)
{
    uint32_t word = guard(inbox);
    size_t count = inbox->count;
    unguard(inbox, word);
    return count;
}
