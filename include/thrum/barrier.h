/* A barrier: a number of threads wait until all of them have come.
 *
 *     thrum_barrier barrier;
 *     thrum_barrier_init(&barrier, 4, NULL, NULL);
 *     ...                                     // each of the four, round by round:
 *     int index = thrum_barrier_wait(&barrier, THRUM_FOREVER);
 *     if (index == 0)
 *         print_round();                      // one of them does it
 *
 * A wait that ends by its deadline or by cancellation breaks the barrier, as that party is missing
 * from then on: all who wait, and all who come, get -EPIPE until a reset. Reusable: the next round
 * begins when the last one is complete, even while some have not yet returned from it.
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

/* A barrier for `parties` threads, at least 1, without an action, as a static initialiser. */
#define THRUM_BARRIER_INIT(parties)                                                                \
    {                                                                                              \
        0, 0, 0, (parties), 0, 0                                                                   \
    }

/* Makes `barrier` one for `parties` threads, at least 1 (0 stops the program). `action`, which may
 * be NULL, is called with `context` by the last to arrive in each round, before any is let go.
 * It must not wait for one of them.
 * Cannot fail. Python: Barrier(parties, action). */
THRUM_API void thrum_barrier_init(thrum_barrier *barrier, uint32_t parties,
                                  void (*action)(void *context), void *context);

/* Ends the use of `barrier`: stops the program if anyone waits. Frees nothing. */
THRUM_API void thrum_barrier_finish(thrum_barrier *barrier);

/* Waits until as many have come as there are parties. Returns this thread's index in the order of
 * arrival counted down, 0 for the last, so that each gets another of 0 to parties-1; -ETIMEDOUT or
 * -ECANCELED, which break the barrier; -EAGAIN if the deadline is THRUM_NOW and others are
 * missing, which does not; -EPIPE if the barrier is or gets broken. Blocks.
 * Python: Barrier.wait(timeout). */
THRUM_API int thrum_barrier_wait(thrum_barrier *barrier, thrum_deadline deadline);

/* Makes the barrier whole and empty again; those who wait get -EPIPE. Does not block.
 * Python: Barrier.reset(). */
THRUM_API void thrum_barrier_reset(thrum_barrier *barrier);

/* Breaks the barrier: those who wait and those who come get -EPIPE. Does not block.
 * Python: Barrier.abort(). */
THRUM_API void thrum_barrier_abort(thrum_barrier *barrier);

/* True if it is broken. Python: Barrier.broken. */
THRUM_API bool thrum_barrier_broken(const thrum_barrier *barrier);

/* How many wait in this round; for displays. Python: Barrier.n_waiting. */
THRUM_API uint32_t thrum_barrier_waiting(thrum_barrier *barrier);

/* How many it takes. Python: Barrier.parties. */
THRUM_API uint32_t thrum_barrier_parties(const thrum_barrier *barrier);

THRUM_END

#endif
