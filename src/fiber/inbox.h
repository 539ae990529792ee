/* The inbox of a worker: one word for its fibers that other threads have woken, and for its own
 * sleep.
 *
 *     0                the worker is awake, the inbox is empty
 *     an ident         of the context that was pushed last; its `wake_next` leads to the one before
 *                      it
 *     SEARCH | ident   the same (or no ident), and the worker has been given the searcher's role
 *                      (idle.h)
 *     ASLEEP           the worker sleeps on this word, or is about to
 *     POLLING | wake   the same, but in its poller (reactor.c): only a write to the wake descriptor
 *                      with that number ends the sleep
 *
 *     push        any thread          ident over whatever is there; over a sleep: it calls the
 *                 kernel
 *     poke        the searcher        ASLEEP or POLLING -> SEARCH, and calls the kernel
 *     interrupt   any thread          ASLEEP or POLLING -> 0, and calls the kernel
 *     take        the worker          everything -> 0
 *     sleep       the worker          0 -> ASLEEP or POLLING, fails if the inbox is not empty
 *
 * The kind of the sleep and the descriptor are in the word itself. The swap that ends the sleep
 * tells its caller how to wake, and the caller reads nothing of the worker's memory after it.
 *
 * A push is a release that the worker's take acquires: the fiber sees what the waker did before. A
 * push over another push keeps the chain of releases, because it is a compare-and-swap.
 *
 * A fiber has one unpark for each wait (park/park.h), so its context is in the inbox at most once,
 * and its `wake_next` is free for that.
 *
 * The successful swap is the last touch of the worker's memory: the fiber may then run and end, and
 * its whole pool with it. If the worker slept, the caller then passes an address to the kernel and
 * reads nothing, or writes to a descriptor that is never closed (park/poll_park.c). Another thread
 * that sleeps there by then has a spurious wake-up.
 *
 * The context pushed first comes out first. A stack with one head word cannot suffer from ABA here:
 * all entries are taken at once.
 *
 * Rejected: a state word in each fiber for "parked", "waking", "woken". Only its own worker resumes
 * a fiber, and that worker is busy with the fiber until its registers are saved. A wake lies in the
 * inbox until then.
 */
#ifndef THRUM_FIBER_INBOX_H
#define THRUM_FIBER_INBOX_H

#include "base/futex.h"
#include "base/poller.h"
#include "park/context.h"

#define THRUM__INBOX_SEARCH  UINT32_C(0x80000000)
#define THRUM__INBOX_ASLEEP  UINT32_C(0x40000000)
#define THRUM__INBOX_POLLING UINT32_C(0x20000000)

enum { THRUM__INBOX_IDENTS = 0x1fffffff };

/* Whether that is the word of a worker that sleeps, in either way. */
static inline bool thrum__inbox_sleeps(uint32_t word)
{
    return word & (THRUM__INBOX_ASLEEP | THRUM__INBOX_POLLING);
}

/* Wakes a worker that slept, as `slept`, the answer of the functions below, says. */
static inline void thrum__inbox_wake(uint32_t *inbox, uint32_t slept)
{
    if (slept & THRUM__INBOX_POLLING)
        thrum__wake_send((int)(slept & THRUM__INBOX_IDENTS));
    else if (slept)
        thrum__futex_wake(inbox, 1);
}

/* Puts a context in. Says how the worker slept, and is to be woken; 0 if it was awake. */
static inline uint32_t thrum__inbox_push(uint32_t *inbox, thrum__context *context)
{
    uint32_t found = thrum__load_relaxed(inbox), next;
    do {
        uint32_t before = thrum__inbox_sleeps(found) ? 0 : found & THRUM__INBOX_IDENTS;
        thrum__store_relaxed(&context->wake_next, before);
        next = (found & THRUM__INBOX_SEARCH) | context->ident;
    } while (!thrum__cas_acq_rel(inbox, &found, next));
    return thrum__inbox_sleeps(found) ? found : 0;
}

/* Ends a sleep with `word`. Says which sleep it was; 0 if the worker is awake. */
static inline uint32_t thrum__inbox_rise(uint32_t *inbox, uint32_t word)
{
    uint32_t found = thrum__load_relaxed(inbox);
    while (thrum__inbox_sleeps(found))
        if (thrum__cas_acq_rel(inbox, &found, word))
            return found;
    return 0;
}

/* Wakes a worker that sleeps and gives it the role. */
static inline uint32_t thrum__inbox_poke(uint32_t *inbox)
{
    return thrum__inbox_rise(inbox, THRUM__INBOX_SEARCH);
}

/* Wakes a worker that sleeps, to look round. */
static inline uint32_t thrum__inbox_interrupt(uint32_t *inbox)
{
    return thrum__inbox_rise(inbox, 0);
}

/* Takes all: gives the contexts in the order in which they came, linked by `wake_next`, as the
 * first one's ident or 0; `*ret_search` says whether the role came with them. */
static inline uint32_t thrum__inbox_take(uint32_t *inbox, bool *ret_search)
{
    uint32_t all = thrum__exchange_acquire(inbox, 0);
    uint32_t last = thrum__inbox_sleeps(all) ? 0 : all & THRUM__INBOX_IDENTS, first = 0;
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

/* The same in its poller, which a write to `wake` ends. Also a release: a waker that reads the
 * descriptor's number here uses it after it was made. */
static inline bool thrum__inbox_poll(uint32_t *inbox, int wake)
{
    uint32_t empty = 0;
    return thrum__cas_acq_rel(inbox, &empty, THRUM__INBOX_POLLING | (uint32_t)wake);
}

#endif
