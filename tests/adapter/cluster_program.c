/* A program of a test of libthrum-cluster: cluster_program ROLE URL [ARGUMENT].
 *
 *     worker    serves the pool "test" with a lease of 1 s until SIGTERM; ARGUMENT "processes" for a process pool
 *     client    submits tasks that write to the file ARGUMENT, until it is killed */
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

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const thrum_cluster_options options = {.servers = argv[2], .pool = "test", .lease = 1};
    if (strcmp(argv[1], "worker") == 0)
        return work_until_sigterm(&options, argc > 3 && strcmp(argv[3], "processes") == 0);
    return submit(&options, argc > 3 ? argv[3] : "/dev/null");
}
