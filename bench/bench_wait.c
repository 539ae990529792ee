/* Waiting: two threads that wake each other in turn, microseconds for a round trip. */
#include "bench.h"
#include "raw_futex.h"

#include <pthread.h>
#include <stdbool.h>
#include <thrum.h>

enum { TRIPS = 10000 };

/* Runs `answer` on a second thread and `ask` here. */
static double trip(void *(*answer)(void *), void (*ask)(void))
{
    pthread_t thread;
    bench_require(pthread_create(&thread, NULL, answer, NULL) == 0, "pthread_create");
    int64_t start = bench_now();
    for (int i = 0; i < TRIPS; i++)
        ask();
    double elapsed = (double)(bench_now() - start);
    pthread_join(thread, NULL);
    return elapsed / TRIPS / 1000;
}

static uint32_t raw_there, raw_back;

static void *raw_answer(void *unused)
{
    for (int i = 0; i < TRIPS; i++) {
        raw_wait(&raw_there);
        raw_post(&raw_back);
    }
    return unused;
}

static void raw_ask(void)
{
    raw_post(&raw_there);
    raw_wait(&raw_back);
}

static double raw_trip(void)
{
    return trip(raw_answer, raw_ask);
}

static thrum_event there, back;

static void *event_answer(void *unused)
{
    for (int i = 0; i < TRIPS; i++) {
        bench_require(thrum_event_wait(&there, THRUM_FOREVER) == 0, "thrum_event_wait");
        thrum_event_clear(&there);
        thrum_event_set(&back);
    }
    return unused;
}

static void event_ask(void)
{
    thrum_event_set(&there);
    bench_require(thrum_event_wait(&back, THRUM_FOREVER) == 0, "thrum_event_wait");
    thrum_event_clear(&back);
}

static double event_trip(void)
{
    return trip(event_answer, event_ask);
}

static thrum_semaphore semaphore_there, semaphore_back;

static void *semaphore_answer(void *unused)
{
    for (int i = 0; i < TRIPS; i++) {
        thrum_semaphore_acquire(&semaphore_there);
        thrum_semaphore_release(&semaphore_back, 1);
    }
    return unused;
}

static void semaphore_ask(void)
{
    thrum_semaphore_release(&semaphore_there, 1);
    thrum_semaphore_acquire(&semaphore_back);
}

static double semaphore_trip(void)
{
    return trip(semaphore_answer, semaphore_ask);
}

static thrum_condition condition;
static bool ours; /* whose turn it is */

static void condition_turn(bool mine)
{
    thrum_with (&condition) {
        while (ours != mine)
            bench_require(thrum_condition_wait(&condition, THRUM_FOREVER) == 0,
                          "thrum_condition_wait");
        ours = !mine;
        thrum_condition_notify(&condition, 1);
    }
}

static void *condition_answer(void *unused)
{
    for (int i = 0; i < TRIPS; i++)
        condition_turn(true);
    return unused;
}

static void condition_ask(void)
{
    condition_turn(false);
}

static double condition_trip(void)
{
    return trip(condition_answer, condition_ask);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void pthread_turn(bool mine)
{
    pthread_mutex_lock(&mutex);
    while (ours != mine)
        pthread_cond_wait(&cond, &mutex);
    ours = !mine;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
}

static void *pthread_answer(void *unused)
{
    for (int i = 0; i < TRIPS; i++)
        pthread_turn(true);
    return unused;
}

static void pthread_ask(void)
{
    pthread_turn(false);
}

static double pthread_trip(void)
{
    return trip(pthread_answer, pthread_ask);
}

static const struct bench_row rows[] = {
    {"event ping-pong",
     "us",
     BENCH_LESS,
     1.15,
     "3-12",
     {{"thrum event", event_trip},
      {"raw futex", raw_trip},
      {"thrum semaphore", semaphore_trip},
      {"pthread cond", pthread_trip}}},
    {"condition ping-pong",
     "us",
     BENCH_LESS,
     1.15,
     "3-12",
     {{"thrum condition", condition_trip},
      {"raw futex", raw_trip},
      {"pthread cond", pthread_trip}}},
};

BENCH_SET(wait, rows)
