/* A shared barrier: a number of parties in several processes wait until all of them have come.
 *
 *     thrum_shared_barrier_init(&common->barrier, 4);     // once, before the processes use it
 *     ...                                                 // in each of the four, round by round:
 *     int index = thrum_shared_barrier_wait(&common->barrier, thrum_in(10));
 *     if (index == 0)
 *         print_round();                                  // one of them does it
 *
 * It lives in memory that processes share (MAP_SHARED), at any address in each, and has no
 * pointers. Threads and fibers of all processes wait for it in the same way; each is one party.
 * After its wait a party sees what every party wrote before its own. The barrier is reusable: the
 * next round begins when the last one is complete, even while some parties have not yet returned
 * from it.
 *
 * A wait that ends by its deadline or by cancellation breaks the barrier, because that party is
 * missing. All waiters and all later callers get -EPIPE until a reset.
 *
 * If a process is killed before it has come, the deadline of another party breaks the barrier. If
 * it is killed while it waits, it counts for this round and is missing in the next. Reset the
 * barrier before you start such a process again. Waits without a deadline may then last for ever.
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

/* Makes `barrier` a barrier for `parties` parties, 1 to THRUM_SHARED_BARRIER_MAX; another number
 * stops the program. No other process may use it meanwhile. Cannot fail. Python: Barrier(parties).
 */
THRUM_API void thrum_shared_barrier_init(thrum_shared_barrier *barrier, uint32_t parties);

/* Waits until all parties have come. Blocks. Python: Barrier.wait(timeout).
 *
 * Returns:
 *     0 to parties-1  all have come; each party gets another index, the last to come gets 0
 *     -ETIMEDOUT      the deadline has passed; the barrier is broken now
 *     -ECANCELED      the running task was cancelled; the barrier is broken now
 *     -EAGAIN         the deadline is THRUM_NOW and parties are missing; the barrier is not broken
 *     -EPIPE          the barrier is broken, or was broken or reset meanwhile
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_barrier_wait(thrum_shared_barrier *barrier,
                                                         thrum_deadline deadline);

/* Makes the barrier whole and empty again; waiters get -EPIPE. Does not block. Python:
 * Barrier.reset(). */
THRUM_API void thrum_shared_barrier_reset(thrum_shared_barrier *barrier);

/* Breaks the barrier: waiters and later callers get -EPIPE. Does not block. Python:
 * Barrier.abort(). */
THRUM_API void thrum_shared_barrier_abort(thrum_shared_barrier *barrier);

/* True if it is broken. Does not block. Python: Barrier.broken. */
THRUM_API bool thrum_shared_barrier_broken(const thrum_shared_barrier *barrier);

/* The number of waiters in this round; for displays. Does not block. Python: Barrier.n_waiting. */
THRUM_API uint32_t thrum_shared_barrier_waiting(const thrum_shared_barrier *barrier);

/* The number of parties. Does not block. Python: Barrier.parties. */
THRUM_API uint32_t thrum_shared_barrier_parties(const thrum_shared_barrier *barrier);

THRUM_END

#endif
