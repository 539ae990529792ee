/* A barrier: a number of parties wait until all of them have come.
 *
 *     thrum_barrier barrier;
 *     thrum_barrier_init(&barrier, 4, NULL, NULL);
 *     ...                                     // each of the four, round by round:
 *     int index = thrum_barrier_wait(&barrier, THRUM_FOREVER);
 *     if (index == 0)
 *         print_round();                      // one of them does it
 *
 * A wait that ends by its deadline or by cancellation breaks the barrier, because that party is
 * missing from then on. All waiters and all later callers get -EPIPE until a reset. The barrier is
 * reusable: the next round begins when the last one is complete, even while some parties have not
 * yet returned from it.
 *
 * Python: threading.Barrier.
 */
#ifndef THRUM_BARRIER_H
#define THRUM_BARRIER_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Lives in the caller's memory and must not be copied or moved while in use. Fields are private. */
typedef struct thrum_barrier {
    uint32_t state_;
    uint32_t arrived_;
    void *waiters_;
    uint32_t parties_;
    void (*action_)(void *context);
    void *context_;
} thrum_barrier;

/* A barrier for `parties` parties, at least 1, without an action, as a static initialiser. */
#define THRUM_BARRIER_INIT(parties)                                                                \
    {                                                                                              \
        0, 0, 0, (parties), 0, 0                                                                   \
    }

/* Makes `barrier` a barrier for `parties` parties; 0 stops the program. The last party of each
 * round calls `action`, unless NULL, with `context` before the others continue. The action must not
 * wait for another party. Cannot fail. Python: Barrier(parties, action). */
THRUM_API void thrum_barrier_init(thrum_barrier *barrier, uint32_t parties,
                                  void (*action)(void *context), void *context);

/* Ends the use of `barrier`: stops the program if it has waiters. Frees nothing. */
THRUM_API void thrum_barrier_finish(thrum_barrier *barrier);

/* Waits until all parties have come. Blocks. Python: Barrier.wait(timeout).
 *
 * Returns:
 *     0 to parties-1  all have come; each party gets another index, the last to come gets 0
 *     -ETIMEDOUT      the deadline has passed; the barrier is broken now
 *     -ECANCELED      the running task was cancelled; the barrier is broken now
 *     -EAGAIN         the deadline is THRUM_NOW and parties are missing; the barrier is not broken
 *     -EPIPE          the barrier is or was broken */
THRUM_API THRUM_MUST_CHECK int thrum_barrier_wait(thrum_barrier *barrier, thrum_deadline deadline);

/* Makes the barrier whole and empty again; waiters get -EPIPE. Does not block. Python:
 * Barrier.reset(). */
THRUM_API void thrum_barrier_reset(thrum_barrier *barrier);

/* Breaks the barrier: waiters and later callers get -EPIPE. Does not block. Python:
 * Barrier.abort(). */
THRUM_API void thrum_barrier_abort(thrum_barrier *barrier);

/* True if it is broken. Python: Barrier.broken. */
THRUM_API bool thrum_barrier_broken(const thrum_barrier *barrier);

/* The number of waiters in this round; for displays. Python: Barrier.n_waiting. */
THRUM_API uint32_t thrum_barrier_waiting(thrum_barrier *barrier);

/* The number of parties. Python: Barrier.parties. */
THRUM_API uint32_t thrum_barrier_parties(const thrum_barrier *barrier);

THRUM_END

#endif
