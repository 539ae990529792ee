/* Threads: start and join, microseconds for one. */
#include "bench.h"

#include <pthread.h>
#include <thrum.h>

enum { THREADS = 2000 };

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static void *nothing_pthread(void *unused)
{
    return unused;
}

static double thrum_start_join(void)
{
    int64_t start = bench_now();
    for (int i = 0; i < THREADS; i++) {
        thrum_thread *thread = thrum_thread_start(nothing, THRUM_NOTHING);
        bench_require(thrum_thread_join(thread, THRUM_FOREVER) == 0, "thrum_thread_join");
        thrum_thread_free(thread);
    }
    return (double)(bench_now() - start) / THREADS / 1000;
}

static double pthread_start_join(void)
{
    int64_t start = bench_now();
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        bench_require(pthread_create(&thread, NULL, nothing_pthread, NULL) == 0, "pthread_create");
        pthread_join(thread, NULL);
    }
    return (double)(bench_now() - start) / THREADS / 1000;
}

static const struct bench_row rows[] = {
    {"thread start + join",
     "us",
     BENCH_LESS,
     1.15,
     "33-50",
     {{"thrum", thrum_start_join}, {"pthread", pthread_start_join}}},
};

BENCH_SET(thread, rows)
