/* The inbox of a worker: one word for its fibers that others have woken, and for its own sleep.
 *
 *     0                the worker is awake, nothing has come
 *     an ident         of the context that was pushed last; its `wake_next` leads to the one before
 *     SEARCH | ident   the same (or no ident), and the worker was given the role of the one who
 *                      searches for work (idle.h)
 *     ASLEEP           the worker sleeps on this word, or is about to
 *
 *     push    any thread          ident over whatever is there; over ASLEEP: it calls the kernel
 *     poke    the searching role  ASLEEP -> SEARCH, and calls the kernel
 *     rouse   any thread          ASLEEP -> 0, and calls the kernel
 *     take    the worker          everything -> 0
 *     sleep   the worker          0 -> ASLEEP, fails if something has come
 *
 * A push is a release that the worker's take acquires: what the waker did before, the fiber sees. A
 * push over another's keeps the chain of releases, as it is a compare-and-swap.
 *
 * A fiber has one unpark for each wait (park/park.h), so its context is in the inbox at most once,
 * and its `wake_next` is free for that.
 *
 * The successful swap is the last touch of the worker's memory, as the fiber may then run, end, and
 * its whole pool with it. What follows, if it was asleep, passes an address to the kernel and reads
 * nothing; someone else who sleeps there by then wakes for no reason, which every sleeper bears.
 *
 * The first pushed comes out first. A stack with one word for a head cannot suffer from ABA here:
 * nobody pops one, all are taken at once.
 *
 * Rejected: a state word in each fiber for "parked", "waking", "woken". Only its own worker resumes
 * a fiber, and that worker is busy with the fiber until its registers are saved; so a wake that
 * comes at any moment lies in the inbox until then, and there is nothing to decide.
 */
#ifndef THRUM_FIBER_INBOX_H
#define THRUM_FIBER_INBOX_H

#include "base/futex.h"
#include "park/context.h"

#define THRUM__INBOX_SEARCH UINT32_C(0x80000000)
#define THRUM__INBOX_ASLEEP UINT32_C(0x40000000)

enum { THRUM__INBOX_IDENTS = 0x3fffffff };

/* Puts a context in. True if the worker was asleep and is to be woken. */
static inline bool thrum__inbox_push(uint32_t *inbox, thrum__context *context)
{
    uint32_t found = thrum__load_relaxed(inbox), next;
    do {
        thrum__store_relaxed(&context->wake_next, found & THRUM__INBOX_IDENTS);
        next = (found & THRUM__INBOX_SEARCH) | context->ident;
    } while (!thrum__cas_acq_rel(inbox, &found, next));
    return found == THRUM__INBOX_ASLEEP;
}

/* Wakes a worker that is asleep and gives it the role; false if it is awake. */
static inline bool thrum__inbox_poke(uint32_t *inbox)
{
    uint32_t asleep = THRUM__INBOX_ASLEEP;
    return thrum__cas_acq_rel(inbox, &asleep, THRUM__INBOX_SEARCH);
}

/* Wakes a worker that is asleep, to look round; false if it is awake. */
static inline bool thrum__inbox_rouse(uint32_t *inbox)
{
    uint32_t asleep = THRUM__INBOX_ASLEEP;
    return thrum__cas_acq_rel(inbox, &asleep, 0);
}

/* Takes all: gives the contexts in the order in which they came, linked by `wake_next`, as the
 * first one's ident or 0; `*ret_search` says whether the role came with them. */
static inline uint32_t thrum__inbox_take(uint32_t *inbox, bool *ret_search)
{
    uint32_t all = thrum__exchange_acquire(inbox, 0);
    uint32_t last = all & THRUM__INBOX_IDENTS, first = 0;
    *ret_search = (all & THRUM__INBOX_SEARCH) != 0;
    while (last) { /* turns the chain round */
        thrum__context *context = thrum__context_of(last);
        uint32_t before = thrum__load_relaxed(&context->wake_next);
        thrum__store_relaxed(&context->wake_next, first);
        first = last;
        last = before;
    }
    return first;
}

/* Says that the worker sleeps; false if something has come. */
static inline bool thrum__inbox_sleep(uint32_t *inbox)
{
    uint32_t empty = 0;
    return thrum__cas_acquire(inbox, &empty, THRUM__INBOX_ASLEEP);
}

#endif
