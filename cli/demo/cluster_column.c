/* Tasks of a row on a cluster: two worker processes, which stand for two machines, run up to half of the tasks each. A worker
 * is a process of its own, made by thrum_process_start, with a process pool: its tasks run one at a time in each process, as in
 * the column processes(N). Workers live as long as the demo: on a cluster they would be there before the tasks. What a
 * measurement pays is the connection of a client.
 *
 * The pool is "demo". Its two streams stay on a server that the user names: other clients may use them.
 *
 * --lose-worker kills the first worker once half of a row's tasks have ended. What it held goes to the other after the
 * lease. Before the next row a new one takes its place.
 *
 * Only the main thread calls these functions. libnats and its threads come with the first call of libthrum-cluster, after the
 * last fork. */
#include "cluster_column.h"

#include "cluster/library.h"
#include "cluster/nats.h"
#include "interrupt.h"
#include "progress.h"
#include "trouble.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WORKERS = 2, PATIENCE_SECONDS = 30 };

#define POOL          "demo"
#define LEASE_SECONDS 1.0

/* The argument of a worker. */
struct service {
    char url[512];
    int at_once;
};

static struct nats server;
static const struct cluster_library *library;
static const char *url;
static bool loses;
static thrum_process *workers[WORKERS];

static thrum_cluster_options options_of(const char *servers)
{
    return (thrum_cluster_options){
        .servers = servers, .pool = POOL, .lease = LEASE_SECONDS, .name_prefix = "demo"};
}

/* A worker, until it is cancelled. */
static int serve(thrum_task *self)
{
    const struct service *service = &thrum_arg(self, struct service);
    const thrum_cluster_options options = options_of(service->url);
    thrum_error error = {0};
    const struct cluster_library *own = cluster_library(&error);
    if (!own)
        return thrum_fail_with(self, &error);
    thrum_executor *processes = thrum_process_pool_new(
        &(thrum_process_pool_options){.max_workers = service->at_once, .name_prefix = "demo"});
    if (!processes)
        return thrum_fail(self, -ENOMEM, "out of memory");
    int rc = own->serve(
        &options, processes,
        &(thrum_cluster_serve_options){.max_running = service->at_once, .registered_only = true},
        &error);
    thrum_executor_shutdown(processes);
    return rc == -ECANCELED ? 0 : rc < 0 ? thrum_fail_with(self, &error) : 0;
}

int cluster_column_open_server(const struct demo_options *options, thrum_error *ret_error)
{
    struct service service;
    loses = options->lose_worker;
    url = options->nats;
    if (strlen(url) >= sizeof service.url)
        return trouble(ret_error, -EINVAL, "--nats: the URL is too long");
    if (strcmp(url, "auto") != 0)
        return 0;
    int rc = nats_start(&server, ret_error);
    url = server.url;
    return rc;
}

/* How many tasks worker number `index` runs at once. */
static int share_of(int index, int at_once)
{
    return at_once / WORKERS + (index < at_once % WORKERS);
}

/* Starts the workers that are not alive. Sets the number of those that there are then. */
static int start_missing(int at_once, size_t *ret_count, thrum_error *ret_error)
{
    *ret_count = 0;
    for (int i = 0; i < WORKERS; i++) {
        struct service service = {.at_once = share_of(i, at_once)};
        if (!service.at_once)
            continue;
        ++*ret_count;
        if (workers[i] && thrum_process_is_alive(workers[i]))
            continue;
        const thrum_error *error = workers[i] ? thrum_process_error(workers[i]) : NULL;
        (void)error; /* this counts the failure of a lost worker as observed */
        thrum_process_free(workers[i]);
        snprintf(service.url, sizeof service.url, "%s", url);
        workers[i] = thrum_process_start_with(
            &(thrum_process_options){.name = "demo-worker", .daemon = true}, serve, &service,
            sizeof service);
        error = thrum_process_error(workers[i]);
        if (error)
            return trouble(ret_error, error->code, "cannot start a worker: %.200s", error->message);
    }
    return 0;
}

/* Whether a worker has ended by itself: then it tells why. */
static int look_for_failure(thrum_error *ret_error)
{
    for (int i = 0; i < WORKERS; i++) {
        const thrum_error *error = workers[i] ? thrum_process_error(workers[i]) : NULL;
        if (error)
            return trouble(ret_error, error->code, "a worker has ended: %.200s", error->message);
    }
    return 0;
}

int cluster_column_prepare(int at_once, thrum_error *ret_error)
{
    const thrum_cluster_options options = options_of(url);
    thrum_cluster_status status = {0};
    size_t count = 0;
    int rc = 0;
    if (!library)
        library = cluster_library(ret_error);
    if (!library)
        return ret_error->code;
    rc = start_missing(at_once, &count, ret_error);
    for (thrum_deadline end = thrum_in(PATIENCE_SECONDS); rc == 0 && status.workers < count;) {
        int asked = library->status_get(&options, &status, ret_error);
        rc = look_for_failure(ret_error);
        if (rc == 0 && asked < 0 && asked != -ENOENT)
            rc = asked;
        if (rc == 0 && asked == -ENOENT) /* no worker has made the pool yet */
            (void)!thrum_sleep(thrum_in(0.02));
        if (rc == 0 && interrupt_asked())
            rc = trouble(ret_error, -ECANCELED, "stopped");
        if (rc == 0 && status.workers < count && thrum_now() > end.ns)
            rc = trouble(ret_error, -ETIMEDOUT, "the workers do not answer within %d s",
                         PATIENCE_SECONDS);
    }
    return rc;
}

thrum_executor *cluster_column_open(int at_once)
{
    thrum_executor *executor = NULL;
    thrum_error error = {0};
    thrum_cluster_options options = options_of(url);
    options.max_workers = at_once;
    if (library->make(&options, &executor, &error, thrum_in(PATIENCE_SECONDS)) < 0) {
        trouble_print("%s", error.message);
        return NULL;
    }
    return executor;
}

void cluster_column_half_done(void)
{
    char line[100];
    if (!loses || !workers[0])
        return;
    int pid = thrum_process_pid(workers[0]);
    if (thrum_process_kill(workers[0]) < 0)
        return;
    (void)!thrum_process_join(workers[0], THRUM_FOREVER);
    snprintf(line, sizeof line, "killed worker %d with half of the tasks done\n", pid);
    progress_print(line);
}

void cluster_column_cleanup(void)
{
    nats_stop(&server);
}

void cluster_column_close(void)
{
    for (int i = 0; i < WORKERS; i++) {
        if (!workers[i])
            continue;
        (void)!thrum_process_cancel(workers[i]);
        if (thrum_process_join(workers[i], thrum_in(PATIENCE_SECONDS)) == -ETIMEDOUT)
            (void)!thrum_process_kill(workers[i]);
        (void)thrum_process_error(workers[i]);
        thrum_process_free(workers[i]);
        workers[i] = NULL;
    }
    nats_stop(&server);
}
