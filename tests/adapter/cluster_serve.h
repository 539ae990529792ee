/* A program that serves a cluster until SIGTERM: for tests and measurements. */
#ifndef CLUSTER_SERVE_H
#define CLUSTER_SERVE_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <thrum.h>
#include <thrum_cluster.h>

struct cluster_work {
    const thrum_cluster_options *options;
    thrum_executor *executor;
    int max_running;
    thrum_event stop;
};

static int serve_cluster(thrum_task *self)
{
    struct cluster_work *work = thrum_arg(self, struct cluster_work *);
    thrum_error error;
    int rc = thrum_cluster_serve(
        work->options, work->executor,
        &(thrum_cluster_serve_options){.max_running = work->max_running, .stop = &work->stop},
        &error);
    return rc < 0 ? thrum_fail(self, rc, "%s", error.message) : 0;
}

/* Runs as many tasks at once, on threads or in processes. Returns the exit status. The main thread calls it: the kernel gives
 * the signal to that thread, if it does not block it. */
static int serve_cluster_until_sigterm(const thrum_cluster_options *options, int max_running,
                                       bool processes)
{
    static const int numbers[] = {SIGTERM};
    thrum_signals *signals;
    struct cluster_work work = {.options = options, .max_running = max_running};
    if (thrum_signals_new(numbers, 1, &signals) < 0) /* before other threads and processes */
        return 1;
    work.executor =
        processes
            ? thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = max_running})
            : thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = max_running});
    thrum_thread *thread =
        thrum_thread_start(serve_cluster, thrum_value(struct cluster_work *, &work));
    (void)!thrum_signals_wait(signals, THRUM_FOREVER);
    thrum_event_set(&work.stop);
    int rc = thrum_thread_join(thread, THRUM_FOREVER);
    if (rc == THRUM_FAILED)
        fprintf(stderr, "%s: %s\n", program_invocation_short_name,
                thrum_thread_error(thread)->message);
    thrum_thread_free(thread);
    thrum_executor_shutdown(work.executor);
    thrum_signals_free(signals);
    return rc != 0;
}

#endif
