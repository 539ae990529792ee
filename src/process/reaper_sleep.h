/* How the reaper sleeps, and how a thread of the program makes it start a round.
 *
 * A round begins by taking `wanted`, and then looks at everything. A thread that wants a round
 * changes something, sets `wanted` and then reads `asleep`; only if that is set it has to write to
 * the reaper's eventfd, which costs a system call. The reaper sets `asleep` and then reads
 * `wanted`. Each side has a sequentially consistent fence between its two steps, so either the
 * reaper sees the request and does not sleep, or the thread sees it asleep and wakes it. A request
 * that comes while a round is under way may be part of it already; it then costs one more round.
 *
 * Both sides change `wanted` by an exchange. The reaper's is an acquire: a plain store would drop a
 * request without seeing what it is about. The threads' are releases that continue each other: a
 * plain store would hide the request of the thread before.
 *
 * The eventfd keeps what was written to it, so a wake between `asleep` and the sleep is not lost.
 * One that comes after the sleep has ended costs one more round.
 */
#ifndef THRUM_PROCESS_REAPER_SLEEP_H
#define THRUM_PROCESS_REAPER_SLEEP_H

#include "base/atomic.h"

typedef struct thrum__reaper_sleep {
    uint32_t wanted, asleep;
} thrum__reaper_sleep;

/* By any thread, after its change: asks for a round. True if the caller has to wake the reaper. */
static inline bool thrum__reaper_want(thrum__reaper_sleep *sleep)
{
    (void)thrum__exchange_acq_rel(&sleep->wanted, 1);
    thrum__fence_seq_cst(); /* pairs with the fence in thrum__reaper_may_sleep */
    return thrum__load_relaxed(&sleep->asleep);
}

/* By the reaper: begins a round. */
static inline void thrum__reaper_begin_round(thrum__reaper_sleep *sleep)
{
    (void)thrum__exchange_acquire(&sleep->wanted, 0);
}

/* By the reaper: says that it sleeps. False if it is not to sleep, because a round is wanted. */
static inline bool thrum__reaper_may_sleep(thrum__reaper_sleep *sleep)
{
    thrum__store_relaxed(&sleep->asleep, 1);
    thrum__fence_seq_cst();
    return !thrum__load_relaxed(&sleep->wanted);
}

/* By the reaper: it is awake. */
static inline void thrum__reaper_awake(thrum__reaper_sleep *sleep)
{
    thrum__store_relaxed(&sleep->asleep, 0);
}

#endif
