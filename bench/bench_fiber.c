/* Fibers: the switch, the yield, the start of a task, a hand-over, and a million asleep.
 *
 * The yardsticks that are measured beside them are what a thread pays for the same work, and, for the
 * switch, the C library's swapcontext. */
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <ucontext.h>
#include <unistd.h>

enum { YIELDS = 1000000, TASKS = 200000, TRIPS = 200000, CONTEXT_SWITCHES = 200000 };

/* Runs `function` in a pool of one worker, where it measures itself. */
static double in_fiber(thrum_task_fn *function)
{
    double figure = -1;
    thrum_fiber_options options = {.workers = 1};
    bench_require(thrum_run_with(&options, function, thrum_value(double *, &figure)) == 0, "run");
    return figure;
}

static void wait_for(thrum_future *future)
{
    bench_require(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0, "a task");
    thrum_future_free(future);
}

/* --------------------------------------------------------------------------------------- yield */

static int yield_often(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < YIELDS; i++)
        thrum_yield();
    return 0;
}

/* Two fibers that yield to each other. */
static int measure_yield(thrum_task *self)
{
    thrum_future *other = thrum_submit(thrum_fiber_pool_current(), yield_often, THRUM_NOTHING);
    thrum_yield();
    int64_t start = bench_now();
    for (int i = 0; i < YIELDS; i++)
        thrum_yield();
    *thrum_arg(self, double *) = (double)(bench_now() - start) / YIELDS / 2;
    wait_for(other);
    return 0;
}

static double yield_fibers(void)
{
    return in_fiber(measure_yield);
}

static ucontext_t here, there;

static void swap_back(void)
{
    for (;;)
        swapcontext(&there, &here);
}

static double swap_contexts(void)
{
    static char stack[65536];
    bench_require(getcontext(&there) == 0, "getcontext");
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    makecontext(&there, swap_back, 0);
    int64_t start = bench_now();
    for (int i = 0; i < CONTEXT_SWITCHES; i++)
        swapcontext(&here, &there);
    return (double)(bench_now() - start) / CONTEXT_SWITCHES / 2;
}

static void *yield_thread(void *stop)
{
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
        sched_yield();
    return NULL;
}

/* Two threads on one processor. */
static double yield_threads(void)
{
    enum { THREAD_YIELDS = 100000 };
    static bool stop;
    cpu_set_t all, one;
    pthread_t thread;
    bench_require(pthread_getaffinity_np(pthread_self(), sizeof all, &all) == 0, "affinity");
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    bench_require(pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0, "affinity");
    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    bench_require(pthread_create(&thread, NULL, yield_thread, &stop) == 0, "thread");
    int64_t start = bench_now();
    for (int i = 0; i < THREAD_YIELDS; i++)
        sched_yield();
    double figure = (double)(bench_now() - start) / THREAD_YIELDS / 2;
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    pthread_setaffinity_np(pthread_self(), sizeof all, &all);
    return figure;
}

/* ---------------------------------------------------------------------------------------- tasks */

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static int yield_once(thrum_task *self)
{
    (void)self;
    thrum_yield();
    return 0;
}

/* Starts tasks a hundred at a time, and waits for the last. */
static double start_tasks(thrum_executor *executor, thrum_task_fn *function)
{
    enum { BATCH = 100 };
    thrum_future *last = NULL;
    int64_t start = bench_now();
    for (int i = 0; i < TASKS / BATCH; i++) {
        for (int k = 0; k < BATCH; k++) {
            thrum_future *future = thrum_submit(executor, function, THRUM_NOTHING);
            if (k < BATCH - 1)
                thrum_future_free(future);
            else
                last = future;
        }
        wait_for(last);
    }
    return (double)(bench_now() - start) / TASKS;
}

static int measure_start(thrum_task *self)
{
    *thrum_arg(self, double *) = start_tasks(thrum_fiber_pool_current(), nothing);
    return 0;
}

static int measure_start_and_wait(thrum_task *self)
{
    *thrum_arg(self, double *) = start_tasks(thrum_fiber_pool_current(), yield_once);
    return 0;
}

static double start_fibers(void)
{
    return in_fiber(measure_start);
}

static double start_waiting_fibers(void)
{
    return in_fiber(measure_start_and_wait);
}

static double start_in_pool(void)
{
    thrum_executor *threads = thrum_thread_pool_new(&(thrum_pool_options){.max_workers = 1});
    bench_require(threads != NULL, "thrum_thread_pool_new");
    double figure = start_tasks(threads, nothing);
    thrum_executor_shutdown(threads);
    return figure;
}

/* ------------------------------------------------------------------------------------ ping-pong */

struct table {
    thrum_queue *ball_there, *ball_back;
};

static int play(thrum_task *self)
{
    struct table table = thrum_arg(self, struct table);
    int ball;
    while (thrum_queue_get(table.ball_there, &ball, THRUM_FOREVER) == 0)
        thrum_queue_put(table.ball_back, &ball, THRUM_FOREVER);
    return 0;
}

static double serve(thrum_executor *executor)
{
    thrum_queue_options options = {.max_size = 1};
    struct table table = {thrum_queue_new(sizeof(int), &options),
                          thrum_queue_new(sizeof(int), &options)};
    bench_require(table.ball_there && table.ball_back, "thrum_queue_new");
    thrum_future *player = thrum_submit(executor, play, &table, sizeof table);
    int64_t start = bench_now();
    for (int ball = 0; ball < TRIPS; ball++) {
        int back = 0;
        thrum_queue_put(table.ball_there, &ball, THRUM_FOREVER);
        thrum_queue_get(table.ball_back, &back, THRUM_FOREVER);
    }
    double figure = (double)(bench_now() - start) / TRIPS / 2;
    thrum_queue_close(table.ball_there);
    wait_for(player);
    thrum_queue_free(table.ball_there);
    thrum_queue_free(table.ball_back);
    return figure;
}

static int measure_queue(thrum_task *self)
{
    *thrum_arg(self, double *) = serve(thrum_fiber_pool_current());
    return 0;
}

static double queue_fibers(void)
{
    return in_fiber(measure_queue);
}

static double queue_threads(void)
{
    thrum_executor *threads = thrum_thread_pool_new(&(thrum_pool_options){.max_workers = 1});
    bench_require(threads != NULL, "thrum_thread_pool_new");
    double figure = serve(threads);
    thrum_executor_shutdown(threads);
    return figure;
}

static const struct bench_row rows[] = {
    {"yield",
     "ns",
     BENCH_LESS,
     0.2,
     "40",
     {{"thrum fibers", yield_fibers},
      {"swapcontext", swap_contexts},
      {"sched_yield, two threads", yield_threads}}},
    {"start and finish of a task",
     "ns",
     BENCH_LESS,
     0.5,
     "100",
     {{"thrum fibers", start_fibers}, {"thrum thread pool", start_in_pool}}},
    {"start, one wait and finish",
     "ns",
     BENCH_LESS,
     0.5,
     "400",
     {{"thrum fibers", start_waiting_fibers}, {"thrum thread pool, no wait", start_in_pool}}},
    {"queue, there or back",
     "ns",
     BENCH_LESS,
     0.1,
     "200",
     {{"thrum fibers", queue_fibers}, {"thrum threads", queue_threads}}},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
