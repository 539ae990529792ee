/* A program of a test of libthrum-cluster: cluster_program ROLE URL [ARGUMENT].
 *
 *     worker    serves the pool "test" with a lease of 1 s until SIGTERM; ARGUMENT "processes" for a process pool
 *     client    submits tasks that write to the file ARGUMENT, until it is killed
 *     measure   prints the median of submit and result of one task with 1 KB, and the rate of many */
#include "cluster_tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <thrum_cluster.h>

struct work {
    const thrum_cluster_options *options;
    thrum_executor *executor;
    thrum_event stop;
};

static int work(thrum_task *self)
{
    struct work *work = thrum_arg(self, struct work *);
    thrum_error error;
    int rc = thrum_cluster_serve(
        work->options, work->executor,
        &(thrum_cluster_serve_options){.max_running = 2, .stop = &work->stop}, &error);
    return rc < 0 ? thrum_fail(self, rc, "%s", error.message) : 0;
}

/* The main thread waits for the signal: the kernel gives it to that thread, if it does not block it. */
static int work_until_sigterm(const thrum_cluster_options *options, bool processes)
{
    static const int numbers[] = {SIGTERM};
    thrum_signals *signals;
    struct work it = {.options = options};
    if (thrum_signals_new(numbers, 1, &signals) < 0)
        return 1;
    it.executor = processes ? thrum_process_pool_new(NULL) : thrum_thread_pool_new(NULL);
    thrum_thread *thread = thrum_thread_start(work, thrum_value(struct work *, &it));
    (void)!thrum_signals_wait(signals, THRUM_FOREVER);
    thrum_event_set(&it.stop);
    int rc = thrum_thread_join(thread, THRUM_FOREVER);
    if (rc == THRUM_FAILED)
        fprintf(stderr, "worker: %s\n", thrum_thread_error(thread)->message);
    thrum_thread_free(thread);
    thrum_executor_shutdown(it.executor);
    thrum_signals_free(signals);
    return rc != 0;
}

static int submit(const thrum_cluster_options *options, const char *path)
{
    thrum_executor *cluster;
    thrum_error error;
    if (thrum_cluster_new(options, &cluster, &error, thrum_in(10)) < 0)
        return 1;
    for (;;) {
        struct noted noted = {.seconds = 0.01};
        snprintf(noted.path, sizeof noted.path, "%s", path);
        thrum_future *future = thrum_submit(cluster, take_long, &noted, sizeof noted);
        (void)!thrum_future_wait(future, THRUM_FOREVER);
        thrum_future_free(future);
    }
}

static int by_time(const void *a, const void *b)
{
    thrum_time left = *(const thrum_time *)a, right = *(const thrum_time *)b;
    return (left > right) - (left < right);
}

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}
THRUM_TASK(nothing)

/* Workers are started before. */
static int measure(const thrum_cluster_options *options)
{
    enum { ONES = 500, MANY = 50000, SIZE = 1024, AT_ONCE = 1000 };
    static thrum_time times[ONES];
    static char args[AT_ONCE][SIZE];
    static thrum_future *futures[MANY];
    thrum_executor *cluster;
    thrum_error error;
    int failed = 0;
    if (thrum_cluster_new(options, &cluster, &error, thrum_in(10)) < 0)
        return 1;
    for (int i = -50; i < ONES; i++) { /* the first are to warm up */
        thrum_time begin = thrum_now();
        thrum_future *future = thrum_submit(cluster, nothing, args[0], SIZE);
        failed += thrum_future_result(future, NULL, 0, THRUM_FOREVER) != 0;
        thrum_future_free(future);
        if (i >= 0)
            times[i] = thrum_now() - begin;
    }
    qsort(times, ONES, sizeof times[0], by_time);
    thrum_time begin = thrum_now();
    for (int i = 0; i < MANY; i += AT_ONCE)
        thrum_submit_many(cluster, nothing, AT_ONCE, args, SIZE, futures + i);
    for (int i = 0; i < MANY; i++) {
        failed += thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER) != 0;
        thrum_future_free(futures[i]);
    }
    printf("submit + result: %.3f ms (p50), %.3f ms (p95); %.0f tasks/s; %d failed\n",
           (double)times[ONES / 2] * 1e-6, (double)times[ONES * 95 / 100] * 1e-6,
           MANY / ((double)(thrum_now() - begin) * 1e-9), failed);
    thrum_executor_shutdown(cluster);
    return failed > 0;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const thrum_cluster_options options = {.servers = argv[2], .pool = "test", .lease = 1};
    if (strcmp(argv[1], "worker") == 0)
        return work_until_sigterm(&options, argc > 3 && strcmp(argv[3], "processes") == 0);
    if (strcmp(argv[1], "measure") == 0)
        return measure(&options);
    return submit(&options, argc > 3 ? argv[3] : "/dev/null");
}
