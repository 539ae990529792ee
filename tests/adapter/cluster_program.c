/* A program of a test of libthrum-cluster: cluster_program ROLE URL [ARGUMENT].
 *
 *     worker    serves the pool "test" with a lease of 1 s until SIGTERM. ARGUMENT is "threads" or "processes", or "mortal" for
 *               threads, and a task fails if it has lost three workers. For the others that number is high: on a busy machine, a
 *               lease may end with nobody lost
 *     client    submits tasks that write to the file ARGUMENT, until it is killed */
#include "cluster_serve.h"
#include "cluster_tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <thrum_cluster.h>

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
    const char *argument = argc > 3 ? argv[3] : "/dev/null";
    const thrum_cluster_options options = {.servers = argv[2],
                                           .pool = "test",
                                           .lease = 1,
                                           .max_deliveries =
                                               strcmp(argument, "mortal") == 0 ? 3 : 1000};
    if (strcmp(argv[1], "worker") == 0)
        return serve_cluster_until_sigterm(&options, 2, strcmp(argument, "processes") == 0);
    return submit(&options, argument);
}
