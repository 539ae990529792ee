/* Fork-join: what a fork costs, whether a region keeps all workers busy, and what is left afterwards.
 *
 * The caller is a task of the pool where a row says "workers": it is one of them, as in rayon's install and
 * TBB's arena. Pools are made before the clock starts. The rows of ranges repeat small ones, and divide. All
 * contenders do the same work on the same numbers; those in other languages are in peers/. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <thrum.h>

enum { WORKERS = 2 };

#define FIB        27
#define FIB_LONG   35
#define FORKS      317810 /* of fib(27): its calls with an argument of 2 or more */
#define LEVELS     300
#define LEVELS_TOO 1000
#define SUM_TINY   16
#define SUM_SMALL  1000
#define SUM_MIDDLE 300000
#define SUM_LARGE  10000000
#define SORTED     10000000
#define SIDE       400
#define SIDE_LONG  1000 /* iterations of a point of the Mandelbrot set */

static thrum_executor *pool;

/* ------------------------------------------------------------------------------- regions of a pool */

static int run_region(thrum_task *self)
{
    void (*region)(void) = thrum_arg(self, void (*)(void));
    region();
    return 0;
}

static void run_in_pool(void (*region)(void))
{
    thrum_future *whole = thrum_submit(pool, run_region, thrum_value(void (*)(void), region));
    bench_require(thrum_future_wait(whole, THRUM_FOREVER) == 0, "the region");
    thrum_future_free(whole);
}

/* Until all workers have come: a pool starts them as it needs them, its peers when they are made. */
static int meet(void *arg)
{
    return thrum_barrier_wait(arg, THRUM_FOREVER) < 0 ? -1 : 0;
}

static void meeting(void)
{
    thrum_barrier both;
    thrum_barrier_init(&both, WORKERS, NULL, NULL);
    bench_require(thrum_both(pool, meet, &both, meet, &both) == 0, "the meeting");
}

/* Runs the region as a task of a pool; nanoseconds. */
static double time_region(int workers, void (*region)(void))
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
    bench_require(pool != NULL, "thrum_thread_pool_new");
    run_in_pool(meeting);
    int64_t start = bench_now();
    run_in_pool(region);
    double elapsed = (double)(bench_now() - start);
    thrum_executor_shutdown(pool);
    return elapsed;
}

/* --------------------------------------------------------------------------------------------- fib */

struct fib {
    long n, result;
};

static int fib(void *arg)
{
    struct fib *f = arg;
    if (f->n < 2) {
        f->result = f->n;
        return 0;
    }
    struct fib x = {f->n - 1, 0}, y = {f->n - 2, 0};
    int rc = thrum_both(pool, fib, &x, fib, &y);
    f->result = x.result + y.result;
    return rc;
}

/* The same without forks: what a fork costs is the difference. */
static __attribute__((noinline)) int fib_plain(void *arg)
{
    struct fib *f = arg;
    if (f->n < 2) {
        f->result = f->n;
        return 0;
    }
    struct fib x = {f->n - 1, 0}, y = {f->n - 2, 0};
    int rc = fib_plain(&x);
    rc = rc ? rc : fib_plain(&y);
    f->result = x.result + y.result;
    return rc;
}

static void fib_region(void)
{
    struct fib f = {FIB, 0};
    bench_require(fib(&f) == 0 && f.result > 0, "fib");
}

static void fib_long_region(void)
{
    struct fib f = {FIB_LONG, 0};
    bench_require(fib(&f) == 0 && f.result > 0, "fib");
}

static double fib_2(void)
{
    return time_region(WORKERS, fib_region) / 1e6;
}

static double fib_long_2(void)
{
    return time_region(WORKERS, fib_long_region) / 1e6;
}

/* Both as a task, so that the start of the worker cancels out. */
static void fib_plain_region(void)
{
    struct fib f = {FIB, 0};
    bench_require(fib_plain(&f) == 0 && f.result > 0, "fib");
}

static double fork_alone(void)
{
    double forks = time_region(1, fib_region), plain = time_region(1, fib_plain_region);
    return forks > plain ? (forks - plain) / FORKS : 0.01;
}

/* ------------------------------------------------------------------------------------ uneven parts */

static int spin_for(void *arg)
{
    int64_t until = bench_now() + *(const int64_t *)arg;
    while (bench_now() < until)
        ;
    return 0;
}

static int64_t short_time = 300000, long_time = 3000000;

static int spin_twice(void *arg)
{
    return thrum_both(pool, spin_for, arg, spin_for, arg);
}

static void uneven_region(void)
{
    bench_require(thrum_both(pool, spin_for, &short_time, spin_twice, &long_time) == 0, "both");
}

static double uneven(void)
{
    return time_region(WORKERS, uneven_region) / 1e6;
}

/* The short one beside the first 0.3 ms of a long one, whose other half is begun then. */
static double uneven_ideal(void)
{
    return (double)(short_time + long_time) / 1e6;
}

/* A node of some nanoseconds, and the rest of the tree: nothing is worth a steal but the whole rest. */
struct skewed {
    long levels, result;
};

static int node(void *arg)
{
    struct skewed *tree = arg;
    uint64_t x = (uint64_t)tree->levels;
    for (int i = 0; i < 10; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    tree->result = (long)(x >> 33);
    return 0;
}

static int descend(void *arg)
{
    struct skewed *tree = arg;
    if (tree->levels == 0)
        return node(tree);
    struct skewed leaf = {tree->levels, 0}, rest = {tree->levels - 1, 0};
    int rc = thrum_both(pool, node, &leaf, descend, &rest);
    tree->result = leaf.result + rest.result;
    return rc;
}

enum { TREES = 200 };

static void skewed_trees(long levels)
{
    for (int i = 0; i < TREES; i++) {
        struct skewed tree = {levels, 0};
        bench_require(descend(&tree) == 0, "the tree");
        bench_keep(&tree);
    }
}

static void skewed_region(void)
{
    skewed_trees(LEVELS);
}

static void skewed_too_region(void)
{
    skewed_trees(LEVELS_TOO);
}

static double skewed_tree(void)
{
    return time_region(WORKERS, skewed_region) / TREES / 1e3;
}

static double skewed_tree_too(void)
{
    return time_region(WORKERS, skewed_too_region) / TREES / 1e3;
}

/* -------------------------------------------------------------------------------------------- sums */

static double *numbers;
static size_t sum_count, sum_times;
static double sum_took; /* nanoseconds for one */

static void have_numbers(void)
{
    if (numbers)
        return;
    numbers = malloc(SUM_LARGE * sizeof *numbers);
    bench_require(numbers != NULL, "malloc");
    for (size_t i = 0; i < SUM_LARGE; i++)
        numbers[i] = (double)((i * 2654435761u) % 1000003);
}

static __attribute__((noinline)) int add_range(void *arg, size_t first, size_t end, void *total)
{
    const double *values = arg;
    double sum = *(double *)total;
    for (size_t i = first; i < end; i++)
        sum += values[i];
    *(double *)total = sum;
    return 0;
}

static void add_totals(void *arg, void *total, const void *other)
{
    (void)arg;
    *(double *)total += *(const double *)other;
}

static const thrum_reduction addition = {sizeof(double), add_range, add_totals};

static void sum_region(void)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < sum_times; i++) {
        double total = 0;
        bench_require(thrum_reduce(pool, 0, sum_count, &addition, numbers, &total) == 0, "reduce");
        bench_keep(&total);
    }
    sum_took = (double)(bench_now() - start) / (double)sum_times;
}

static size_t times_for(size_t count)
{
    return count > 100000 ? 20000000 / count : 20000;
}

static double sum_in_parallel(size_t count)
{
    have_numbers();
    sum_count = count;
    sum_times = times_for(count);
    (void)time_region(WORKERS, sum_region);
    return sum_took;
}

static double sum_alone(size_t count)
{
    have_numbers();
    size_t times = times_for(count);
    int64_t start = bench_now();
    for (size_t i = 0; i < times; i++) {
        double total = 0;
        add_range(numbers, 0, count, &total);
        bench_keep(&total);
    }
    return (double)(bench_now() - start) / (double)times;
}

#define SUM(name, count)                                                                           \
    static double sum_##name(void)                                                                 \
    {                                                                                              \
        return sum_in_parallel(count);                                                             \
    }                                                                                              \
    static double alone_##name(void)                                                               \
    {                                                                                              \
        return sum_alone(count);                                                                   \
    }                                                                                              \
    typedef int sum_##name##_end

SUM(tiny, SUM_TINY);
SUM(small, SUM_SMALL);
SUM(middle, SUM_MIDDLE);
SUM(large, SUM_LARGE);

/* ----------------------------------------------------------------------------- sort and Mandelbrot */

static double *unsorted;

static int compare(const void *a, const void *b, void *unused)
{
    double x = *(const double *)a, y = *(const double *)b;
    (void)unused;
    return (x > y) - (x < y);
}

static void sort_region(void)
{
    bench_require(thrum_sort(pool, unsorted, SORTED, sizeof *unsorted, compare, NULL) == 0, "sort");
}

static double sort(void)
{
    unsorted = malloc(SORTED * sizeof *unsorted);
    bench_require(unsorted != NULL, "malloc");
    uint64_t x = 1;
    for (size_t i = 0; i < SORTED; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        unsorted[i] = (double)(x >> 11);
    }
    double took = time_region(WORKERS, sort_region) / 1e6;
    for (size_t i = 1; i < SORTED; i++)
        bench_require(unsorted[i - 1] <= unsorted[i], "the order");
    free(unsorted);
    return took;
}

static int rows_of_set(void *arg, size_t first, size_t end)
{
    uint16_t *image = arg;
    for (size_t row = first; row < end; row++)
        for (size_t column = 0; column < SIDE; column++) {
            double re = -2.0 + 3.0 * (double)column / SIDE, im = -1.5 + 3.0 * (double)row / SIDE;
            double x = 0, y = 0;
            int n = 0;
            for (; n < SIDE_LONG && x * x + y * y < 4; n++) {
                double next = x * x - y * y + re;
                y = 2 * x * y + im;
                x = next;
            }
            image[row * SIDE + column] = (uint16_t)n;
        }
    return 0;
}

static uint16_t image[SIDE * SIDE];

static void mandelbrot_region(void)
{
    bench_require(thrum_for(pool, 0, SIDE, rows_of_set, image) == 0, "for");
}

static double mandelbrot(void)
{
    return time_region(WORKERS, mandelbrot_region) / 1e6;
}

/* ---------------------------------------------------------------------------------------- idle CPU */

static double processor_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* What the workers use in two seconds after a region, in which main only sleeps. */
static double idle(void)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = WORKERS});
    bench_require(pool != NULL, "thrum_thread_pool_new");
    fib_region();
    double before = processor_ms();
    (void)thrum_sleep(thrum_in(2));
    double used = processor_ms() - before;
    thrum_executor_shutdown(pool);
    return used > 0.001 ? used : 0.001;
}

#define RAYON(question_text)  .program = "rust", .question = question_text
#define TBB(question_text)    .program = "tbb", .question = question_text
#define OPENMP(question_text) .program = "omp", .question = question_text

static const struct bench_row rows[] = {
    {"fib(" BENCH_TEXT(FIB) "), 2 workers",
     "ms",
     BENCH_LESS,
     0.7,
     NULL,
     {{"thrum_both", fib_2},
      {"rayon join", RAYON("rayon-fib 2 " BENCH_TEXT(FIB))},
      {"TBB task_group", TBB("fib 2 " BENCH_TEXT(FIB))}}},
    {"fib(" BENCH_TEXT(FIB_LONG) "), 2 workers",
     "ms",
     BENCH_LESS,
     0.7,
     NULL,
     {{"thrum_both", fib_long_2}, {"rayon join", RAYON("rayon-fib 2 " BENCH_TEXT(FIB_LONG))}}},
    {"a fork over the plain call, 1 worker",
     "ns",
     BENCH_LESS,
     0,
     "4",
     {{"thrum_both", fork_alone}, {"rayon join", RAYON("rayon-fork 1 " BENCH_TEXT(FIB))}}},
    {"both(0.3 ms, both(3 ms, 3 ms)), 2 workers",
     "ms",
     BENCH_LESS,
     1.02,
     NULL,
     {{"thrum_both", uneven}, {"ideal", uneven_ideal}, {"rayon join", RAYON("rayon-uneven 2 1")}}},
    {"skewed tree, 300 levels, 2 workers",
     "us",
     BENCH_LESS,
     1.1,
     NULL,
     {{"thrum_both", skewed_tree}, {"rayon join", RAYON("rayon-skewed 2 " BENCH_TEXT(LEVELS))}}},
    {"skewed tree, 1000 levels, 2 workers",
     "us",
     BENCH_LESS,
     1.1,
     NULL,
     {{"thrum_both", skewed_tree_too},
      {"rayon join", RAYON("rayon-skewed 2 " BENCH_TEXT(LEVELS_TOO))}}},
    {"sum of 16, 2 workers",
     "ns",
     BENCH_LESS,
     2.0,
     NULL,
     {{"thrum_reduce", sum_tiny},
      {"serial", alone_tiny},
      {"OpenMP", OPENMP("sum 2 " BENCH_TEXT(SUM_TINY))},
      {"TBB", TBB("sum 2 " BENCH_TEXT(SUM_TINY))},
      {"rayon", RAYON("rayon-sum 2 " BENCH_TEXT(SUM_TINY))}}},
    {"sum of 1000, 2 workers",
     "ns",
     BENCH_LESS,
     1.3,
     NULL,
     {{"thrum_reduce", sum_small},
      {"serial", alone_small},
      {"OpenMP", OPENMP("sum 2 " BENCH_TEXT(SUM_SMALL))},
      {"TBB", TBB("sum 2 " BENCH_TEXT(SUM_SMALL))},
      {"rayon", RAYON("rayon-sum 2 " BENCH_TEXT(SUM_SMALL))}}},
    {"sum of 300 000, 2 workers",
     "ns",
     BENCH_LESS,
     1.1,
     NULL,
     {{"thrum_reduce", sum_middle},
      {"OpenMP", OPENMP("sum 2 " BENCH_TEXT(SUM_MIDDLE))},
      {"TBB", TBB("sum 2 " BENCH_TEXT(SUM_MIDDLE))},
      {"rayon", RAYON("rayon-sum 2 " BENCH_TEXT(SUM_MIDDLE))},
      {"serial", alone_middle}}},
    {"sum of 10 000 000, 2 workers",
     "ns",
     BENCH_LESS,
     1.1,
     NULL,
     {{"thrum_reduce", sum_large},
      {"OpenMP", OPENMP("sum 2 " BENCH_TEXT(SUM_LARGE))},
      {"TBB", TBB("sum 2 " BENCH_TEXT(SUM_LARGE))},
      {"rayon", RAYON("rayon-sum 2 " BENCH_TEXT(SUM_LARGE))},
      {"serial", alone_large}}},
    {"sort of 10 000 000 doubles, 2 workers",
     "ms",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum_sort, stable", sort},
      {"TBB parallel_sort", TBB("sort 2 " BENCH_TEXT(SORTED))},
      {"rayon par_sort, stable", RAYON("rayon-sort 2 " BENCH_TEXT(SORTED))},
      {"rayon par_sort_unstable", RAYON("rayon-sort-unstable 2 " BENCH_TEXT(SORTED))}},
     .goal_for_each = true},
    {"Mandelbrot set, 400 rows, 2 workers",
     "ms",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum_for", mandelbrot},
      {"TBB parallel_for", TBB("mandelbrot 2 " BENCH_TEXT(SIDE))},
      {"rayon par_iter", RAYON("rayon-mandelbrot 2 " BENCH_TEXT(SIDE))},
      {"OpenMP, dynamic", OPENMP("mandelbrot 2 " BENCH_TEXT(SIDE))}},
     .goal_for_each = true},
    {"processor time in 2 s after a region",
     "ms",
     BENCH_LESS,
     0,
     "1",
     {{"thrum", idle}, {"OpenMP", OPENMP("idle 2 1")}}},
};

BENCH_SET(parallel, rows)
