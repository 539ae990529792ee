/* Locks: the uncontended pair, and threads that do little else than take one lock. */
#include "bench.h"

#include <pthread.h>
#include <thrum.h>
#include <unistd.h>

enum { PAIRS = 2000000, CONTENDED_PAIRS = 400000, MOST_THREADS = 64 };

static thrum_lock lock;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(1);
static long shared;

/* glibc's mutexes drop their atomics while a process has a single thread, where a lock is for
 * nothing. So one more thread is alive, asleep, while we measure. */
static void *sleep_for_ever(void *unused)
{
    pause();
    return unused;
}

static void have_a_second_thread(void)
{
    static int once;
    pthread_t thread;
    if (!once++)
        bench_require(pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0, "pthread_create");
}

static double lock_pair(void)
{
    have_a_second_thread();
    int64_t start = bench_now();
    for (int i = 0; i < PAIRS; i++) {
        thrum_lock_acquire(&lock);
        bench_keep(&lock);
        thrum_lock_release(&lock);
    }
    return (double)(bench_now() - start) / PAIRS;
}

static double mutex_pair(void)
{
    int64_t start = bench_now();
    for (int i = 0; i < PAIRS; i++) {
        pthread_mutex_lock(&mutex);
        bench_keep(&mutex);
        pthread_mutex_unlock(&mutex);
    }
    return (double)(bench_now() - start) / PAIRS;
}

static double with_pair(void)
{
    int64_t start = bench_now();
    for (int i = 0; i < PAIRS; i++)
        thrum_with (&lock)
            bench_keep(&lock);
    return (double)(bench_now() - start) / PAIRS;
}

static double semaphore_pair(void)
{
    int64_t start = bench_now();
    for (int i = 0; i < PAIRS; i++) {
        thrum_semaphore_acquire(&semaphore);
        bench_keep(&semaphore);
        thrum_semaphore_release(&semaphore, 1);
    }
    return (double)(bench_now() - start) / PAIRS;
}

static void *take_lock(void *rounds)
{
    for (long i = *(long *)rounds; i > 0; i--) {
        thrum_lock_acquire(&lock);
        shared++;
        thrum_lock_release(&lock);
    }
    return NULL;
}

static void *take_mutex(void *rounds)
{
    for (long i = *(long *)rounds; i > 0; i--) {
        pthread_mutex_lock(&mutex);
        shared++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

/* Nanoseconds for one pair, over all threads together. */
static double contend(int threads, void *(*take)(void *))
{
    pthread_t started[MOST_THREADS];
    long rounds = CONTENDED_PAIRS / threads;
    shared = 0;
    int64_t start = bench_now();
    for (int i = 0; i < threads; i++)
        bench_require(pthread_create(&started[i], NULL, take, &rounds) == 0, "pthread_create");
    for (int i = 0; i < threads; i++)
        pthread_join(started[i], NULL);
    double elapsed = (double)(bench_now() - start);
    bench_require(shared == rounds * threads, "mutual exclusion");
    return elapsed / (double)(rounds * threads);
}

#define CONTENDED(threads)                                                                         \
    static double lock_##threads(void)                                                             \
    {                                                                                              \
        return contend(threads, take_lock);                                                        \
    }                                                                                              \
    static double mutex_##threads(void)                                                            \
    {                                                                                              \
        return contend(threads, take_mutex);                                                       \
    }

CONTENDED(2)
CONTENDED(4)
CONTENDED(16)
CONTENDED(64)

#define CONTENDED_ROW(threads, best)                                                               \
    {                                                                                              \
        "lock, " #threads " threads", "ns", BENCH_LESS, 1.0, best,                                 \
        {                                                                                          \
            {"thrum", lock_##threads}, {"pthread", mutex_##threads},                               \
        }                                                                                          \
    }

static const struct bench_row rows[] = {
    {"lock + unlock, uncontended",
     "ns",
     BENCH_LESS,
     1.0,
     "8-20",
     {{"thrum", lock_pair}, {"pthread", mutex_pair}, {"thrum_with", with_pair}}},
    {"semaphore acquire + release, uncontended",
     "ns",
     BENCH_LESS,
     0,
     NULL,
     {{"thrum", semaphore_pair}, {"pthread mutex", mutex_pair}}},
    CONTENDED_ROW(2, "36, Go's"),
    CONTENDED_ROW(4, "39, parking_lot's"),
    CONTENDED_ROW(16, "34, parking_lot's"),
    CONTENDED_ROW(64, "32, parking_lot's"),
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
