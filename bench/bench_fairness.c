/* Fairness: who waits how long, when a few threads fight for one lock.
 *
 * Each contender runs by itself for a while with the same threads; then a table shows, for each
 * thread, how often it got the lock and how long it waited for it at the most. A fair lock has rows
 * that look alike; a fast one has high counts. There is no single figure for both, so there is no
 * goal, but that no thread waits over 10 ms while others take the lock a million times. */
#include "bench.h"
#include "peers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { MOST_THREADS = 64, RUN_MS = 1000 };

struct finding {
    long pairs;
    int64_t longest; /* wait, in nanoseconds */
};

static int64_t ends_at;
static long shared; /* what the lock protects */

#define CONTENDER(kind, acquire, release)                                                          \
    static void *take_##kind(void *memory)                                                         \
    {                                                                                              \
        struct finding *finding = memory;                                                          \
        for (int64_t before = bench_now(), now; before < ends_at; before = bench_now()) {          \
            acquire;                                                                               \
            shared++;                                                                              \
            now = bench_now();                                                                     \
            release;                                                                               \
            finding->longest = now - before > finding->longest ? now - before : finding->longest;  \
            finding->pairs++;                                                                      \
        }                                                                                          \
        return NULL;                                                                               \
    }

static thrum_lock lock;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

CONTENDER(thrum, thrum_lock_acquire(&lock), thrum_lock_release(&lock))
CONTENDER(pthread, pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex))
#ifdef HAVE_NSYNC
static nsync_mu nsync;
CONTENDER(nsync, nsync_mu_lock(&nsync), nsync_mu_unlock(&nsync))
#endif
#ifdef HAVE_GLIB
static GMutex glib;
CONTENDER(glib, g_mutex_lock(&glib), g_mutex_unlock(&glib))
#endif

static const struct contender {
    const char *name;
    void *(*take)(void *);
} contenders[] = {
    {"thrum", take_thrum},
    {"pthread", take_pthread},
#ifdef HAVE_NSYNC
    {"nsync", take_nsync},
#endif
#ifdef HAVE_GLIB
    {"GLib", take_glib},
#endif
};

enum { CONTENDERS = sizeof contenders / sizeof contenders[0] };

static void run(const struct contender *contender, int threads, struct finding *findings)
{
    pthread_t started[MOST_THREADS];
    long pairs = 0;
    shared = 0;
    ends_at = bench_now() + (int64_t)RUN_MS * 1000000;
    for (int i = 0; i < threads; i++)
        bench_require(pthread_create(&started[i], NULL, contender->take, &findings[i]) == 0,
                      "pthread_create");
    for (int i = 0; i < threads; i++) {
        pthread_join(started[i], NULL);
        pairs += findings[i].pairs;
    }
    bench_require(shared == pairs, "mutual exclusion");
}

static void show(int threads)
{
    struct finding findings[CONTENDERS][MOST_THREADS] = {{{0}}};
    printf("%d threads, %d ms each: thousands of pairs, and the longest wait in ms\n%8s", threads,
           RUN_MS, "thread");
    for (size_t c = 0; c < CONTENDERS; c++) {
        run(&contenders[c], threads, findings[c]);
        printf("%20s", contenders[c].name);
    }
    printf("\n");
    for (int i = 0; i < threads; i++) {
        printf("%8d", i + 1);
        for (size_t c = 0; c < CONTENDERS; c++)
            printf("%10.0f %9.2f", (double)findings[c][i].pairs / 1e3,
                   (double)findings[c][i].longest / 1e6);
        printf("\n");
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 && argv[1][0] != '-' ? atoi(argv[1]) : 0;
    if (threads < 0 || threads > MOST_THREADS) {
        fprintf(stderr, "%s: takes a number of threads from 1 to %d\n", argv[0], MOST_THREADS);
        return 2;
    }
    if (threads > 0) {
        show(threads);
        return 0;
    }
    show(2);
    show(8);
    return 0;
}
