/* Barrier: three threads work in rounds, and none begins a round before all have ended the last.
 *
 * As in Python, the last to arrive runs the action while the others still wait, so without a lock it may read what all
 * of them wrote. A party that does not come breaks the barrier. The others then get -EPIPE, where Python raises
 * BrokenBarrierError.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { PARTIES = 3, ROUNDS = 3 };

static thrum_barrier barrier;
static int share[PARTIES]; /* each thread writes its own */

static void add_up(void *context)
{
    int *round = context;
    int sum = 0;
    for (int i = 0; i < PARTIES; i++)
        sum += share[i];
    printf("Round %d: all are here, the sum is %d\n", ++*round, sum);
}

static int party(thrum_task *self)
{
    int id = thrum_arg(self, int);
    for (int round = 1; round <= ROUNDS; round++) {
        share[id] = round * (id + 1);
        printf("Round %d: party %d has computed %d\n", round, id, share[id]);
        int index = thrum_barrier_wait(&barrier, thrum_in(30));
        if (index < 0)
            return thrum_fail(self, index, "party %d, round %d: %s", id, round,
                              thrum_strerror(index));
    }
    return 0;
}

int main(void)
{
    int round = 0;
    thrum_barrier_init(&barrier, PARTIES, add_up, &round);
    thrum_thread *threads[PARTIES];
    int failed = 0;
    for (int i = 0; i < PARTIES; i++)
        threads[i] = thrum_thread_start(party, thrum_value(int, i));
    for (int i = 0; i < PARTIES; i++) {
        failed |= thrum_thread_join(threads[i], THRUM_FOREVER);
        thrum_thread_free(threads[i]);
    }
    thrum_barrier_finish(&barrier);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
