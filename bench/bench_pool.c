/* The thread pool: many small tasks from outside, the round trip of one, and fork and join.
 *
 * Pools are made before the clock starts and end after it stops. In the rows of many tasks and of
 * fork and join all have the same number of workers; Go's is GOMAXPROCS, and the thread that waits
 * for TBB's tasks is one of them. thrum, tokio and Python keep a future of each task and ask each;
 * the others only count. Python runs fewer tasks. */
#include "bench.h"
#include "peers.h"
#include "raw_futex.h"

#include <pthread.h>
#include <stdlib.h>
#include <thrum.h>

#define TASKS     1000000
#define TASKS_FEW 30000
#define TRIPS     5000
#define FIB       27 /* 317 810 calls that spawn another */

enum { MOST_WORKERS = 4 };

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static thrum_future *futures[TASKS];

static void wait_for_all(int count)
{
    for (int i = 0; i < count; i++) {
        bench_require(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER) == 0, "the task");
        thrum_future_free(futures[i]);
    }
}

static void submit_each(thrum_executor *pool, int count)
{
    for (int i = 0; i < count; i++)
        futures[i] = thrum_submit(pool, nothing, THRUM_NOTHING);
}

/* In memory of the program, which it has already. */
static thrum_future_memory memory[TASKS];

static void submit_into(thrum_executor *pool, int count)
{
    for (int i = 0; i < count; i++)
        futures[i] = thrum_submit_into(pool, &memory[i], nothing, THRUM_NOTHING);
}

static void submit_at_once(thrum_executor *pool, int count)
{
    thrum_submit_many(pool, nothing, (size_t)count, NULL, 0, futures);
}

/* A future of each is kept, and all are waited for, `at_once` at a time: million tasks/s. */
static double submit_all(int workers, int at_once, void (*submit)(thrum_executor *pool, int count))
{
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
    bench_require(pool != NULL, "thrum_thread_pool_new");
    int64_t start = bench_now();
    for (int done = 0; done < TASKS; done += at_once) {
        submit(pool, at_once);
        wait_for_all(at_once);
    }
    double elapsed = (double)(bench_now() - start);
    thrum_executor_shutdown(pool);
    return TASKS * 1000.0 / elapsed;
}

static double submit_2(void)
{
    return submit_all(2, TASKS, submit_each);
}

static double submit_4(void)
{
    return submit_all(4, TASKS, submit_each);
}

static double submit_many_2(void)
{
    return submit_all(2, TASKS, submit_at_once);
}

static double submit_many_4(void)
{
    return submit_all(4, TASKS, submit_at_once);
}

static double submit_into_2(void)
{
    return submit_all(2, TASKS, submit_into);
}

static double submit_into_4(void)
{
    return submit_all(4, TASKS, submit_into);
}

/* The same where the memory is used again: what fresh memory for a million futures costs. */
static double submit_in_turns(void)
{
    return submit_all(2, TASKS / 100, submit_each);
}

/* A peer: jobs on the heap, in a list behind a mutex, as one writes it by hand; no futures. */
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

static double submit_by_hand(int workers)
{
    pthread_t threads[MOST_WORKERS];
    left = TASKS;
    for (int i = 0; i < workers; i++)
        bench_require(pthread_create(&threads[i], NULL, work_by_hand, NULL) == 0, "pthread_create");
    int64_t start = bench_now();
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
    for (int i = 0; i < workers; i++)
        pthread_join(threads[i], NULL);
    return TASKS * 1000.0 / elapsed;
}

static double by_hand_2(void)
{
    return submit_by_hand(2);
}

static double by_hand_4(void)
{
    return submit_by_hand(4);
}

#ifdef HAVE_GLIB
static void no_glib_job(void *job, void *unused)
{
    (void)job;
    (void)unused;
}

/* GLib waits for all only by freeing the pool. */
static double submit_glib(int workers)
{
    GThreadPool *pool = g_thread_pool_new(no_glib_job, NULL, workers, TRUE, NULL);
    bench_require(pool != NULL, "g_thread_pool_new");
    int64_t start = bench_now();
    for (long i = 1; i <= TASKS; i++)
        bench_require(g_thread_pool_push(pool, (void *)i, NULL), "g_thread_pool_push");
    g_thread_pool_free(pool, FALSE, TRUE);
    return TASKS * 1000.0 / (double)(bench_now() - start);
}

static double glib_2(void)
{
    return submit_glib(2);
}

static double glib_4(void)
{
    return submit_glib(4);
}
#endif

static double submit_one(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
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

struct fib {
    thrum_executor *pool;
    long n;
};

static long fib(thrum_executor *pool, long n);

static int fib_task(thrum_task *self)
{
    const struct fib *wanted = &thrum_arg(self, struct fib);
    return thrum_return(self, thrum_value(long, fib(wanted->pool, wanted->n)));
}

/* One half is a task of its own, the other is computed meanwhile. */
static long fib(thrum_executor *pool, long n)
{
    if (n < 2)
        return n;
    long x, y;
    thrum_future *future = thrum_submit(pool, fib_task, thrum_value(struct fib, pool, n - 1));
    y = fib(pool, n - 2);
    bench_require(thrum_future_result(future, &x, sizeof x, THRUM_FOREVER) == 0, "the task");
    thrum_future_free(future);
    return x + y;
}

static double fork_join(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    bench_require(pool != NULL, "thrum_thread_pool_new");
    long result;
    int64_t start = bench_now();
    thrum_future *whole = thrum_submit(pool, fib_task, thrum_value(struct fib, pool, FIB));
    bench_require(thrum_future_result(whole, &result, sizeof result, THRUM_FOREVER) == 0, "fib");
    double elapsed = (double)(bench_now() - start);
    thrum_future_free(whole);
    thrum_executor_shutdown(pool);
    return elapsed / 1e6;
}

static const struct bench_row rows[] = {
    {"submit no-op tasks, wait for all, 2 workers",
     "M/s",
     BENCH_MORE,
     1.0,
     "4",
     {{"thrum, with futures", submit_2},
      {"tokio, with handles", .program = "rust", .question = "tokio-submit 2 " BENCH_TEXT(TASKS)},
      {"rayon scope", .program = "rust", .question = "rayon-submit 2 " BENCH_TEXT(TASKS)},
      {"TBB task_group", .program = "tbb", .question = "submit 2 " BENCH_TEXT(TASKS)},
      {"Go goroutines", .program = "go", .question = "submit 2 " BENCH_TEXT(TASKS)},
      {"GLib thread pool", BENCH_GLIB(glib_2)},
      {"by hand", by_hand_2},
      {"Python, with futures", .program = "python", .question = "submit 2 " BENCH_TEXT(TASKS_FEW)}},
     .goal_for_each = true},
    {"submit no-op tasks, wait for all, 4 workers",
     "M/s",
     BENCH_MORE,
     1.0,
     "4",
     {{"thrum, with futures", submit_4},
      {"tokio, with handles", .program = "rust", .question = "tokio-submit 4 " BENCH_TEXT(TASKS)},
      {"rayon scope", .program = "rust", .question = "rayon-submit 4 " BENCH_TEXT(TASKS)},
      {"TBB task_group", .program = "tbb", .question = "submit 4 " BENCH_TEXT(TASKS)},
      {"Go goroutines", .program = "go", .question = "submit 4 " BENCH_TEXT(TASKS)},
      {"GLib thread pool", BENCH_GLIB(glib_4)},
      {"by hand", by_hand_4},
      {"Python, with futures", .program = "python", .question = "submit 4 " BENCH_TEXT(TASKS_FEW)}},
     .goal_for_each = true},
    {"submit no-op tasks by submit_many, 2 workers",
     "M/s",
     BENCH_MORE,
     1.0,
     "15",
     {{"thrum_submit_many", submit_many_2},
      {"TBB task_group", .program = "tbb", .question = "submit 2 " BENCH_TEXT(TASKS)},
      {"thrum_submit_into", submit_into_2},
      {"thrum_submit", submit_2}}},
    {"submit no-op tasks by submit_many, 4 workers",
     "M/s",
     BENCH_MORE,
     1.0,
     "15",
     {{"thrum_submit_many", submit_many_4},
      {"TBB task_group", .program = "tbb", .question = "submit 4 " BENCH_TEXT(TASKS)},
      {"thrum_submit_into", submit_into_4},
      {"thrum_submit", submit_4}}},
    {"submit no-op tasks, 10 000 at a time, 2 workers",
     "M/s",
     BENCH_MORE,
     1.0,
     "4",
     {{"thrum, with futures", submit_in_turns},
      {"by hand", by_hand_2},
      {"thrum, a million at a time", submit_2}}},
    {"submit + result of one",
     "us",
     BENCH_LESS,
     1.2,
     NULL,
     {{"thrum", submit_one},
      {"two raw hand-offs", raw_round_trip},
      {"tokio", .program = "rust", .question = "tokio-one 1 " BENCH_TEXT(TRIPS)},
      {"rayon install", .program = "rust", .question = "rayon-one 1 " BENCH_TEXT(TRIPS)},
      {"Go goroutine, no thread", .program = "go", .question = "one 2 " BENCH_TEXT(TRIPS)},
      {"Python", .program = "python", .question = "one 1 " BENCH_TEXT(TRIPS)}}},
    {"fork-join fib(" BENCH_TEXT(FIB) "), 2 workers",
     "ms",
     BENCH_LESS,
     1.0,
     "40, TBB's",
     {{"thrum", fork_join},
      {"TBB task_group", .program = "tbb", .question = "fib 2 " BENCH_TEXT(FIB)},
      {"rayon join", .program = "rust", .question = "rayon-fib 2 " BENCH_TEXT(FIB)},
      {"Go goroutines", .program = "go", .question = "fib 2 " BENCH_TEXT(FIB)}}},
};

BENCH_SET(pool, rows)
