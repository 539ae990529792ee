/* Barriers: rounds of a few threads, microseconds for one. */
#include "bench.h"

#include <pthread.h>
#include <thrum.h>

enum { ROUNDS = 5000, MOST_PARTIES = 4 };

static thrum_barrier barrier;
static pthread_barrier_t pthread_barrier;

static void *go_round_thrum(void *unused)
{
    for (int i = 0; i < ROUNDS; i++)
        bench_require(thrum_barrier_wait(&barrier, THRUM_FOREVER) >= 0, "thrum_barrier_wait");
    return unused;
}

static void *go_round_pthread(void *unused)
{
    for (int i = 0; i < ROUNDS; i++)
        pthread_barrier_wait(&pthread_barrier);
    return unused;
}

static double go_rounds(int parties, void *(*go_round)(void *))
{
    pthread_t threads[MOST_PARTIES];
    int64_t start = bench_now();
    for (int i = 0; i < parties; i++)
        bench_require(pthread_create(&threads[i], NULL, go_round, NULL) == 0, "pthread_create");
    for (int i = 0; i < parties; i++)
        pthread_join(threads[i], NULL);
    return (double)(bench_now() - start) / ROUNDS / 1000;
}

static double thrum_rounds(int parties)
{
    thrum_barrier_init(&barrier, (uint32_t)parties, NULL, NULL);
    double figure = go_rounds(parties, go_round_thrum);
    thrum_barrier_finish(&barrier);
    return figure;
}

static double pthread_rounds(int parties)
{
    bench_require(pthread_barrier_init(&pthread_barrier, NULL, (unsigned)parties) == 0,
                  "pthread_barrier_init");
    double figure = go_rounds(parties, go_round_pthread);
    pthread_barrier_destroy(&pthread_barrier);
    return figure;
}

static double thrum_2(void)
{
    return thrum_rounds(2);
}

static double thrum_4(void)
{
    return thrum_rounds(4);
}

static double pthread_2(void)
{
    return pthread_rounds(2);
}

static double pthread_4(void)
{
    return pthread_rounds(4);
}

static const struct bench_row rows[] = {
    {"barrier round, 2 threads",
     "us",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum", thrum_2}, {"pthread", pthread_2}}},
    {"barrier round, 4 threads",
     "us",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum", thrum_4}, {"pthread", pthread_4}}},
};

BENCH_SET(barrier, rows)
