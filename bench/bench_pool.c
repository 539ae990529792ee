/* The thread pool: many small tasks from outside, and the round trip of one. */
#include "bench.h"
#include "raw_futex.h"

#include <pthread.h>
#include <stdlib.h>
#include <thrum.h>

enum { TASKS = 300000, TRIPS = 5000 };

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

/* A future of each is kept, and all are waited for: million tasks/s. */
static double submit_many(void)
{
    static thrum_future *futures[TASKS];
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_pool_options){.max_workers = 2});
    bench_require(pool != NULL, "thrum_thread_pool_new");
    int64_t start = bench_now();
    for (int i = 0; i < TASKS; i++)
        futures[i] = thrum_submit(pool, nothing, THRUM_NOTHING);
    for (int i = 0; i < TASKS; i++) {
        bench_require(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER) == 0, "the task");
        thrum_future_free(futures[i]);
    }
    double elapsed = (double)(bench_now() - start);
    thrum_executor_shutdown(pool);
    return TASKS * 1000.0 / elapsed;
}

/* The peer: jobs on the heap, in a list behind a mutex, as one writes it by hand; no futures. */
struct job {
    struct job *next;
    void (*run)(void);
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER, finished = PTHREAD_COND_INITIALIZER;
static struct job *jobs, **last_job = &jobs;
static long left;

static void no_job(void)
{
}

static void *work_by_hand(void *unused)
{
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (!jobs && left > 0)
            pthread_cond_wait(&arrived, &mutex);
        struct job *job = jobs;
        if (job && !(jobs = job->next))
            last_job = &jobs;
        pthread_mutex_unlock(&mutex);
        if (!job)
            return unused;
        job->run();
        free(job);
        pthread_mutex_lock(&mutex);
        if (--left == 0) {
            pthread_cond_broadcast(&arrived);
            pthread_cond_signal(&finished);
        }
        pthread_mutex_unlock(&mutex);
    }
}

static double submit_by_hand(void)
{
    pthread_t workers[2];
    left = TASKS;
    int64_t start = bench_now();
    for (int i = 0; i < 2; i++)
        bench_require(pthread_create(&workers[i], NULL, work_by_hand, NULL) == 0, "pthread_create");
    for (int i = 0; i < TASKS; i++) {
        struct job *job = malloc(sizeof *job);
        bench_require(job != NULL, "malloc");
        *job = (struct job){NULL, no_job};
        pthread_mutex_lock(&mutex);
        *last_job = job;
        last_job = &job->next;
        pthread_cond_signal(&arrived);
        pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_lock(&mutex);
    while (left > 0)
        pthread_cond_wait(&finished, &mutex);
    pthread_mutex_unlock(&mutex);
    double elapsed = (double)(bench_now() - start);
    for (int i = 0; i < 2; i++)
        pthread_join(workers[i], NULL);
    return TASKS * 1000.0 / elapsed;
}

static double submit_one(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_pool_options){.max_workers = 1});
    bench_require(pool != NULL, "thrum_thread_pool_new");
    int64_t start = bench_now();
    for (int i = 0; i < TRIPS; i++) {
        thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
        bench_require(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0, "the task");
        thrum_future_free(future);
    }
    double elapsed = (double)(bench_now() - start);
    thrum_executor_shutdown(pool);
    return elapsed / TRIPS / 1000;
}

static uint32_t there, back;

static void *answer(void *unused)
{
    for (int i = 0; i < TRIPS; i++) {
        raw_wait(&there);
        raw_post(&back);
    }
    return unused;
}

static double raw_round_trip(void)
{
    pthread_t thread;
    bench_require(pthread_create(&thread, NULL, answer, NULL) == 0, "pthread_create");
    int64_t start = bench_now();
    for (int i = 0; i < TRIPS; i++) {
        raw_post(&there);
        raw_wait(&back);
    }
    double elapsed = (double)(bench_now() - start);
    pthread_join(thread, NULL);
    return elapsed / TRIPS / 1000;
}

static const struct bench_row rows[] = {
    {"submit no-op tasks, wait for all",
     "M/s",
     BENCH_MORE,
     1.0,
     "4",
     {{"thrum, with futures", submit_many}, {"by hand, without", submit_by_hand}}},
    {"submit + result of one",
     "us",
     BENCH_LESS,
     1.2,
     NULL,
     {{"thrum", submit_one}, {"two raw hand-offs", raw_round_trip}}},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
