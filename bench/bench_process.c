/* The process pool: tasks to other processes and back, against the kernel's own hand-off between
 * processes, and Python's pool. */
#include "bench.h"
#include "raw_futex.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thrum.h>

#define TASKS     200000
#define TASKS_FEW 4000
#define TRIPS     10000
#define TRIPS_FEW 1000
#define LIVES     20
#define LIVES_FEW 5

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static thrum_executor *start(int workers)
{
    thrum_executor *pool =
        thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = workers});
    bench_require(pool != NULL, "thrum_process_pool_new");
    return pool;
}

static void use(thrum_executor *pool)
{
    thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
    bench_require(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0, "a task");
    thrum_future_free(future);
}

static double submit_many(void)
{
    thrum_future **futures = malloc(TASKS * sizeof *futures);
    bench_require(futures != NULL, "malloc");
    thrum_executor *pool = start(2);
    use(pool);
    int64_t begin = bench_now();
    for (int i = 0; i < TASKS; i++)
        futures[i] = thrum_submit(pool, nothing, THRUM_NOTHING);
    bench_require(thrum_wait(futures, TASKS, THRUM_WAIT_ALL_COMPLETED, THRUM_FOREVER) == 0,
                  "thrum_wait");
    double elapsed = (double)(bench_now() - begin);
    for (int i = 0; i < TASKS; i++)
        thrum_future_free(futures[i]);
    free(futures);
    thrum_executor_shutdown(pool);
    return TASKS / elapsed * 1e3;
}

static double submit_one(void)
{
    thrum_executor *pool = start(1);
    use(pool);
    int64_t begin = bench_now();
    for (int i = 0; i < TRIPS; i++)
        use(pool);
    double elapsed = (double)(bench_now() - begin);
    thrum_executor_shutdown(pool);
    return elapsed / TRIPS / 1000;
}

struct words {
    uint32_t there __attribute__((aligned(64))), back __attribute__((aligned(64)));
};

/* There and back between two processes that share a page. */
static double raw_round_trip(void)
{
    struct words *words =
        mmap(NULL, sizeof *words, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bench_require(words != MAP_FAILED, "mmap");
    pid_t child = fork();
    bench_require(child >= 0, "fork");
    for (int i = 0; child == 0 && i < TRIPS + 1; i++) {
        raw_wait_shared(&words->there);
        raw_post_shared(&words->back);
    }
    if (child == 0)
        _exit(0);
    raw_post_shared(&words->there); /* it runs */
    raw_wait_shared(&words->back);
    int64_t begin = bench_now();
    for (int i = 0; i < TRIPS; i++) {
        raw_post_shared(&words->there);
        raw_wait_shared(&words->back);
    }
    double elapsed = (double)(bench_now() - begin);
    waitpid(child, NULL, 0);
    munmap(words, sizeof *words);
    return elapsed / TRIPS / 1000;
}

static double live(void)
{
    int64_t begin = bench_now();
    for (int i = 0; i < LIVES; i++) {
        thrum_executor *pool = start(2);
        thrum_future *one = thrum_submit(pool, nothing, THRUM_NOTHING);
        thrum_future *two = thrum_submit(pool, nothing, THRUM_NOTHING);
        bench_require(thrum_future_result(one, NULL, 0, THRUM_FOREVER) == 0, "a task");
        bench_require(thrum_future_result(two, NULL, 0, THRUM_FOREVER) == 0, "a task");
        thrum_future_free(one);
        thrum_future_free(two);
        thrum_executor_shutdown(pool);
    }
    return (double)(bench_now() - begin) / LIVES / 1e6;
}

static const struct bench_row rows[] = {
    {"processes: submit no-op tasks, wait for all, 2 workers",
     "M/s",
     BENCH_MORE,
     1.0,
     "0.2",
     {{"thrum, with futures", submit_many},
      {"Python, with futures", .program = "python",
       .question = "process-submit 2 " BENCH_TEXT(TASKS_FEW)}}},
    {"processes: submit + result of one",
     "us",
     BENCH_LESS,
     1.5,
     NULL,
     {{"thrum", submit_one},
      {"two raw hand-offs", raw_round_trip},
      {"Python", .program = "python", .question = "process-one 1 " BENCH_TEXT(TRIPS_FEW)}}},
    {"processes: a pool of 2, started, used, shut down",
     "ms",
     BENCH_LESS,
     1.0,
     "6",
     {{"thrum", live},
      {"Python", .program = "python", .question = "process-life 2 " BENCH_TEXT(LIVES_FEW)}}},
};

BENCH_SET(process, rows)
