/* Programs whose best number of workers is known, for `thrum tune`:
 *
 *     workers_sample waiting N      N workers share 0.24 s of waiting: T = 0.24 / N, so the most is best
 *     workers_sample compute N      N workers share 0.2 s of computing: as many as there are cores
 *     workers_sample lock N         40 pieces of 6 ms outside and 2 ms inside a lock: T = max(0.32 / N, 0.08), so 4
 *     workers_sample coherence N    each pair of workers costs time: T = 0.18 (1 + N (N - 1) / 36) / N, so 6
 *     workers_sample none N         0.01 s, whatever N is
 *
 * Waiting and locks are real. What workers cost each other is slept, so that it does not depend on the machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <time.h>

enum { PIECES = 40 };

static thrum_lock lock;
static int workers, taken; /* `taken` is guarded by the lock */

static int wait_share(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(0.24 / workers));
}

static int compute_share(thrum_task *self)
{
    struct timespec now, begin;
    (void)self;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while ((double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) * 1e-9 <
           0.2 / workers);
    return 0;
}

static int take_pieces(thrum_task *self)
{
    (void)self;
    for (bool more = true; more;) {
        thrum_with (&lock) {
            more = taken < PIECES;
            taken += more;
            if (more)
                thrum_sleep(thrum_in(0.002));
        }
        if (more)
            thrum_sleep(thrum_in(0.006));
    }
    return 0;
}

static int disturb_others(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(0.18 * (1 + workers * (workers - 1) / 36.0) / workers));
}

static int wait_alike(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(0.01));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        thrum_task_fn *run;
    } kinds[] = {{"waiting", wait_share},
                 {"compute", compute_share},
                 {"lock", take_pieces},
                 {"coherence", disturb_others},
                 {"none", wait_alike}};
    thrum_task_fn *run = NULL;
    for (size_t i = 0; argc == 3 && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(argv[1], kinds[i].name) == 0)
            run = kinds[i].run;
    workers = argc == 3 ? atoi(argv[2]) : 0;
    if (!run || workers < 1 || workers > 1000) {
        fputs("usage: workers_sample waiting|compute|lock|coherence|none WORKERS\n", stderr);
        return 2;
    }
    thrum_thread *threads[1000];
    for (int i = 0; i < workers; i++)
        threads[i] = thrum_thread_start(run, NULL, 0);
    int rc = 0;
    for (int i = 0; i < workers; i++) {
        rc |= thrum_thread_join(threads[i], THRUM_FOREVER);
        thrum_thread_free(threads[i]);
    }
    return rc != 0;
}
