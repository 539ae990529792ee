/* Fibers: the yield, the start of a task, a hand-over, and a million asleep.
 *
 * The yardsticks that are measured beside them are what a thread pays for the same work; the
 * C library's swapcontext; and what others have for fibers, with as many workers: Go's
 * goroutines, Boost's fibers, which stay in one thread, and tokio's tasks, which have no stacks. libuv has
 * neither, but timers with callbacks: it stands where a million do nothing but wait. */
#include "bench.h"
#include "swap_context.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <thrum.h>
#include <unistd.h>

#define YIELDS  1000000
#define TASKS   200000
#define TRIPS   200000
#define MILLION 1000000

#define MILLION_MEMORY 6e9

/* Runs `function` in a pool of one worker, where it measures itself. */
static double in_fiber(thrum_task_fn *function)
{
    double figure = -1;
    thrum_fiber_pool_options options = {.max_workers = 1};
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
    thrum_executor *threads = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
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
        bench_require(thrum_queue_put(table.ball_back, &ball, THRUM_FOREVER) == 0,
                      "thrum_queue_put");
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
        bench_require(thrum_queue_put(table.ball_there, &ball, THRUM_FOREVER) == 0,
                      "thrum_queue_put");
        bench_require(thrum_queue_get(table.ball_back, &back, THRUM_FOREVER) == 0,
                      "thrum_queue_get");
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
    thrum_executor *threads = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    bench_require(threads != NULL, "thrum_thread_pool_new");
    double figure = serve(threads);
    thrum_executor_shutdown(threads);
    return figure;
}

/* ------------------------------------------------------------------------------------ a million */

static thrum_event morning;
static thrum_event all_in_bed;
static uint32_t in_bed, awake;
static double memory;  /* gigabytes, of the last million */
static double late_by; /* seconds, at the most, of the last million */

static double resident(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    bench_require(file && fscanf(file, "%*u %lu", &pages) == 1, "statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e9;
}

static int lie_down(thrum_task *self)
{
    (void)self;
    if (__atomic_add_fetch(&in_bed, 1, __ATOMIC_RELAXED) == MILLION)
        thrum_event_set(&all_in_bed);
    return thrum_event_wait(&morning, thrum_in(3600));
}

/* Seconds until a million wait, each with a deadline. */
static double start_million(void)
{
    static double before; /* the first: what one million leaves behind counts for the next, too */
    before = before > 0 ? before : resident();
    thrum_event_clear(&morning);
    thrum_event_clear(&all_in_bed);
    in_bed = 0;
    thrum_executor *pool =
        thrum_fiber_pool_new(&(thrum_fiber_pool_options){.stack_size = 64 << 10});
    bench_require(pool != NULL, "thrum_fiber_pool_new");
    int64_t start = bench_now();
    for (int i = 0; i < MILLION; i++)
        thrum_future_free(thrum_submit(pool, lie_down, THRUM_NOTHING));
    bench_require(thrum_event_wait(&all_in_bed, THRUM_FOREVER) == 0, "thrum_event_wait");
    double figure = (double)(bench_now() - start) / 1e9;
    memory = resident() - before;
    thrum_event_set(&morning);
    thrum_executor_shutdown(pool);
    return figure;
}

static double memory_of_million(void)
{
    if (memory == 0)
        start_million();
    return memory;
}

/* What no stacks of their own can do without: address space, a page of memory and a guard each. */
static double start_limit(void)
{
    enum { STRIDE = 64 << 10, INSTALL = 102 };
    int64_t start = bench_now();
    char *stacks = mmap(NULL, (size_t)MILLION * STRIDE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bench_require(stacks != MAP_FAILED, "mmap");
    madvise(stacks, (size_t)MILLION * STRIDE, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < MILLION; i++) {
        madvise(stacks + i * STRIDE, 4096, INSTALL); /* where the kernel can */
        stacks[(i + 1) * STRIDE - 1] = 1;
    }
    double figure = (double)(bench_now() - start) / 1e9;
    munmap(stacks, (size_t)MILLION * STRIDE);
    return figure;
}

static int sleep_five(thrum_task *self)
{
    double *latest = thrum_arg(self, double *);
    thrum_deadline until = thrum_in(5);
    thrum_sleep(until);
    double late = (double)(thrum_now() - until.ns) / 1e9;
    if (late > *latest) /* each worker's: see below */
        *latest = late;
    __atomic_fetch_add(&awake, 1, __ATOMIC_RELAXED);
    return 0;
}

/* Seconds by which the last of a million that sleep for five is late. One worker, so that no two write
 * at once. */
static double wake_million(void)
{
    thrum_fiber_pool_options options = {.max_workers = 1, .stack_size = 64 << 10};
    thrum_executor *pool = thrum_fiber_pool_new(&options);
    bench_require(pool != NULL, "thrum_fiber_pool_new");
    late_by = 0;
    awake = 0;
    for (int i = 0; i < MILLION; i++)
        thrum_future_free(thrum_submit(pool, sleep_five, thrum_value(double *, &late_by)));
    thrum_executor_shutdown(pool);
    bench_require(awake == MILLION, "a million awake");
    return late_by;
}

/* Others are asked for the same work: WORK WORKERS COUNT. */
#define GO(work, count)                                                                            \
    {                                                                                              \
        "Go goroutines", .program = "go", .question = work " " BENCH_TEXT(count)                   \
    }
#define TOKIO(work, count)                                                                         \
    {                                                                                              \
        "tokio", .program = "rust", .question = work " " BENCH_TEXT(count)                         \
    }
#define BOOST(work, count)                                                                         \
    {                                                                                              \
        "Boost.Fiber", .program = "boost", .question = work " " BENCH_TEXT(count)                  \
    }
#define LIBUV(work, count)                                                                         \
    {                                                                                              \
        "libuv timers", .program = "uv", .question = work " " BENCH_TEXT(count)                    \
    }

static const struct bench_row rows[] = {
    {"yield",
     "ns",
     BENCH_LESS,
     0.2,
     "40",
     {{"thrum fibers", yield_fibers},
      {"swapcontext", swap_contexts},
      {"sched_yield, two threads", yield_threads},
      GO("yield 1", YIELDS),
      BOOST("yield 1", YIELDS),
      TOKIO("yield 1", YIELDS)}},
    {"start and finish of a task",
     "ns",
     BENCH_LESS,
     0.5,
     "100",
     {{"thrum fibers", start_fibers},
      {"thrum thread pool", start_in_pool},
      GO("start 1", TASKS),
      BOOST("start 1", TASKS),
      TOKIO("start 1", TASKS)}},
    {"start, one wait and finish",
     "ns",
     BENCH_LESS,
     0.5,
     "400",
     {{"thrum fibers", start_waiting_fibers},
      {"thrum thread pool, no wait", start_in_pool},
      GO("start-wait 1", TASKS),
      BOOST("start-wait 1", TASKS),
      TOKIO("start-wait 1", TASKS)}},
    {"queue, there or back",
     "ns",
     BENCH_LESS,
     0.1,
     "200",
     {{"thrum fibers", queue_fibers},
      {"thrum threads", queue_threads},
      GO("ping-pong 1", TRIPS),
      BOOST("ping-pong 1", TRIPS),
      TOKIO("ping-pong 1", TRIPS)}},
    {"a million asleep, until they are",
     "s",
     BENCH_LESS,
     1.2,
     NULL,
     {{"thrum fibers", start_million},
      {"a page and a guard each", start_limit},
      GO("asleep 2", MILLION),
      TOKIO("asleep 2", MILLION),
      LIBUV("asleep 1", MILLION)},
     .memory = MILLION_MEMORY},
    {"a million asleep, memory",
     "GB",
     BENCH_LESS,
     0,
     "4.6",
     {{"thrum fibers", memory_of_million},
      GO("asleep-memory 2", MILLION),
      TOKIO("asleep-memory 2", MILLION),
      LIBUV("asleep-memory 1", MILLION)},
     .memory = MILLION_MEMORY},
    {"a million asleep for 5 s, the last is late by",
     "s",
     BENCH_LESS,
     0,
     "0.25",
     {{"thrum fibers", wake_million},
      GO("late 1", MILLION),
      TOKIO("late 1", MILLION),
      LIBUV("late 1", MILLION)},
     .memory = MILLION_MEMORY},
};

BENCH_SET(fiber, rows)
