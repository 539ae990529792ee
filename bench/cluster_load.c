/* The load of bench/cluster.sh: cluster_load ROLE URL [COUNT].
 *
 *     worker    serves a pool, one task at a time, until SIGTERM
 *     tasks     waits for COUNT workers (2), and measures tasks that do nothing and have an argument of 1 KB: prints the median
 *               of submit and result of one at a time in milliseconds, and how many of 50 000 end in a second
 *     scale     waits for COUNT workers, and prints how many tasks of 20 ms end in a second
 *
 * Prints nothing and ends with status 1 if a task fails. */
#include "cluster_serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <thrum_cluster.h>

enum { ONES = 500, MANY = 50000, SIZE = 1024, AT_ONCE = 1000, SLEEPS = 50 };

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}
THRUM_TASK(nothing)

static int take_20_ms(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(0.02));
}
THRUM_TASK(take_20_ms)

static void await_workers(const thrum_cluster_options *options, size_t count)
{
    thrum_cluster_status status = {0};
    thrum_error error;
    while (thrum_cluster_status_get(options, &status, &error) < 0 || status.workers < count)
        (void)!thrum_sleep(thrum_in(0.05));
}

/* Submits `count` tasks, and waits for all. Returns how many end in a second, or 0 if one fails. */
static double rate_of(thrum_executor *cluster, thrum_task_fn *function, size_t size, int count)
{
    static char args[AT_ONCE][SIZE];
    static thrum_future *futures[MANY];
    int failed = 0;
    thrum_time begin = thrum_now();
    for (int i = 0; i < count; i += AT_ONCE)
        thrum_submit_many(cluster, function, (size_t)(count - i < AT_ONCE ? count - i : AT_ONCE),
                          args, size, futures + i);
    for (int i = 0; i < count; i++) {
        failed += thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER) != 0;
        thrum_future_free(futures[i]);
    }
    return failed ? 0 : count / ((double)(thrum_now() - begin) * 1e-9);
}

static int by_time(const void *a, const void *b)
{
    thrum_time left = *(const thrum_time *)a, right = *(const thrum_time *)b;
    return (left > right) - (left < right);
}

/* The median of one task at a time, in milliseconds, or 0 if one fails. */
static double median_of(thrum_executor *cluster)
{
    static thrum_time times[ONES];
    static char arg[SIZE];
    int failed = 0;
    for (int i = -50; i < ONES; i++) { /* the first are to warm up */
        thrum_time begin = thrum_now();
        thrum_future *future = thrum_submit(cluster, nothing, arg, SIZE);
        failed += thrum_future_result(future, NULL, 0, THRUM_FOREVER) != 0;
        thrum_future_free(future);
        if (i >= 0)
            times[i] = thrum_now() - begin;
    }
    qsort(times, ONES, sizeof times[0], by_time);
    return failed ? 0 : (double)times[ONES / 2] * 1e-6;
}

static int measure(const thrum_cluster_options *options, int workers, bool scales)
{
    thrum_executor *cluster;
    thrum_error error;
    await_workers(options, (size_t)workers);
    if (thrum_cluster_new(options, &cluster, &error, thrum_in(10)) < 0) {
        fprintf(stderr, "cluster_load: %s\n", error.message);
        return 1;
    }
    double median = scales ? 1 : median_of(cluster), rate = 0;
    if (scales)
        (void)rate_of(cluster, take_20_ms, 1, 2 * workers); /* to warm up */
    rate = scales ? rate_of(cluster, take_20_ms, 1, SLEEPS * workers)
                  : rate_of(cluster, nothing, SIZE, MANY);
    if (median > 0 && rate > 0 && scales)
        printf("%.1f\n", rate);
    else if (median > 0 && rate > 0)
        printf("%.4f %.0f\n", median, rate);
    thrum_executor_shutdown(cluster);
    return median == 0 || rate == 0;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const thrum_cluster_options options = {.servers = argv[2], .pool = "bench"};
    int count = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 2;
    if (strcmp(argv[1], "worker") == 0)
        return serve_cluster_until_sigterm(&options, 1, false);
    if (count < 1 || count > MANY / SLEEPS)
        return 2;
    return measure(&options, count, strcmp(argv[1], "scale") == 0);
}
