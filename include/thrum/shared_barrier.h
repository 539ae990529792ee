/* A barrier between processes: a number of them wait until all have come.
 *
 *     thrum_shared_barrier_init(&common->barrier, 4);     // once, before the processes use it
 *     ...                                                 // each of the four, round by round:
 *     int index = thrum_shared_barrier_wait(&common->barrier, thrum_in(10));
 *     if (index == 0)
 *         print_round();                                  // one of them does it
 *
 * It lives in memory that processes share (MAP_SHARED), at any address in each, and holds no
 * pointers. Threads and fibers of all of them wait alike; each counts as one party. What a party
 * wrote before its wait, all see after theirs. It is reusable: the next round begins when the last
 * one is complete, even while some have not yet returned from it.
 *
 * A wait that ends by its deadline or by cancellation breaks the barrier, because that party is
 * missing: all that wait, and all that come, get -EPIPE until a reset.
 *
 * A process that is killed blocks nobody for ever that waits with a deadline. If it dies before it
 * has come, the deadline of another party breaks the barrier. If it dies while it waits, it has
 * come, and counts for this round; the next round misses it. Reset the barrier before you start
 * such a process anew.
 *
 * Python: multiprocessing.Barrier.
 */
#ifndef THRUM_SHARED_BARRIER_H
#define THRUM_SHARED_BARRIER_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Must not be copied or moved while in use. Fields are private. */
typedef struct thrum_shared_barrier {
    uint64_t state_;
    uint32_t parties_, reserved_;
} thrum_shared_barrier;

/* The most parties. */
#define THRUM_SHARED_BARRIER_MAX UINT32_C(65535)

/* Makes `barrier` one for `parties`, 1 to THRUM_SHARED_BARRIER_MAX: another number stops the
 * program. Nobody may use it meanwhile. Cannot fail. Python: Barrier(parties). */
THRUM_API void thrum_shared_barrier_init(thrum_shared_barrier *barrier, uint32_t parties);

/* Waits until as many have come as there are parties. Blocks. Python: Barrier.wait(timeout).
 * Returns:
 *
 *  - the index of the caller in the order of arrival counted down, 0 for the last, so that each
 *    gets another of 0 to parties - 1
 *  - -ETIMEDOUT or -ECANCELED: the wait ended, and the barrier is broken
 *  - -EAGAIN: the deadline is THRUM_NOW and others are missing; the barrier is not broken
 *  - -EPIPE: the barrier is broken, or was broken or reset meanwhile */
THRUM_API THRUM_MUST_CHECK int thrum_shared_barrier_wait(thrum_shared_barrier *barrier,
                                                         thrum_deadline deadline);

/* Makes the barrier whole and empty again; those that wait get -EPIPE. Does not block.
 * Python: Barrier.reset(). */
THRUM_API void thrum_shared_barrier_reset(thrum_shared_barrier *barrier);

/* Breaks the barrier: those that wait and those that come get -EPIPE. Does not block.
 * Python: Barrier.abort(). */
THRUM_API void thrum_shared_barrier_abort(thrum_shared_barrier *barrier);

/* True if it is broken. Does not block. Python: Barrier.broken. */
THRUM_API bool thrum_shared_barrier_broken(const thrum_shared_barrier *barrier);

/* How many wait in this round; for displays. Does not block. Python: Barrier.n_waiting. */
THRUM_API uint32_t thrum_shared_barrier_waiting(const thrum_shared_barrier *barrier);

/* How many it takes. Does not block. Python: Barrier.parties. */
THRUM_API uint32_t thrum_shared_barrier_parties(const thrum_shared_barrier *barrier);

THRUM_END

#endif
