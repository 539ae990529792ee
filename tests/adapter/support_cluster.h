/* What the tests of libthrum-cluster share: a server, an executor, workers in this process and in others. */
#ifndef SUPPORT_CLUSTER_H
#define SUPPORT_CLUSTER_H

#include "cluster_tasks.h"
#include "harness.h"
#include "nats_server.h"

#include <stdio.h>
#include <sys/stat.h>
#include <thrum_cluster.h>

static struct nats_server server; /* of the test */

static thrum_cluster_options test_rights; /* of its workers */
static const char *test_servers;          /* in place of the one server */

static inline thrum_cluster_options options_with(const thrum_cluster_options *more)
{
    thrum_cluster_options options = more ? *more : (thrum_cluster_options){0};
    options.servers = test_servers ? test_servers : server.url;
    options.pool = "test";
    options.lease = 1;
    options.max_deliveries = 1000; /* a lease may end on a busy machine with nobody lost */
    return options;
}

static inline thrum_executor *new_cluster_at(const thrum_cluster_options *options)
{
    thrum_executor *cluster = NULL;
    thrum_error error = {0};
    int rc = thrum_cluster_new(options, &cluster, &error, thrum_in(600));
    CHECK_STR(error.message, "");
    CHECK_INT(rc, ==, 0);
    return cluster;
}

static inline thrum_executor *new_cluster(const thrum_cluster_options *more)
{
    thrum_cluster_options options = options_with(more);
    return new_cluster_at(&options);
}

/* A worker in this process. */
struct local_worker {
    thrum_event stop;
    thrum_executor *pool;
    thrum_thread *thread;
    thrum_cluster_serve_options serve;
};

static inline int run_local(thrum_task *self)
{
    struct local_worker *worker = thrum_arg(self, struct local_worker *);
    thrum_cluster_options options = options_with(&test_rights);
    thrum_error error = {0};
    worker->serve.stop = &worker->stop;
    int rc = thrum_cluster_serve(&options, worker->pool, &worker->serve, &error);
    CHECK_STR(error.message, "");
    return rc;
}

static inline void start_local(struct local_worker *worker)
{
    if (!worker->serve.max_running)
        worker->serve.max_running = 2;
    worker->pool = thrum_thread_pool_new(NULL);
    worker->thread = thrum_thread_start(run_local, thrum_value(struct local_worker *, worker));
}

static inline void stop_local(struct local_worker *worker)
{
    thrum_event_set(&worker->stop);
    CHECK_INT(thrum_thread_join(worker->thread, THRUM_FOREVER), ==, 0);
    thrum_thread_free(worker->thread);
    thrum_executor_shutdown(worker->pool);
}

static inline int code_of(thrum_future *future)
{
    int rc = thrum_future_result(future, NULL, 0, THRUM_FOREVER);
    const thrum_error *error = thrum_future_error(future);
    return rc == THRUM_FAILED ? error->code : rc == -EMSGSIZE ? 0 : rc;
}

/* Waits for tasks, which end well, and frees their futures. */
static inline void check_good(thrum_future **futures, int count)
{
    for (int i = 0; i < count; i++) {
        CHECK_INT(code_of(futures[i]), ==, 0);
        thrum_future_free(futures[i]);
    }
}

static inline void start_server(void)
{
    nats_server_start(&server, NULL);
}

/* `executor`: "threads", "processes" or "mortal": cluster_program.c. */
static inline pid_t start_worker(const char *executor)
{
    return cluster_program_start("worker", server.url, executor);
}

static inline void check_square(thrum_executor *cluster)
{
    thrum_future *future = thrum_submit(cluster, square, thrum_value(int64_t, 4));
    check_good(&future, 1);
}

static inline void path_of(const char *name, struct noted *noted)
{
    snprintf(noted->path, sizeof noted->path, "%s/%s", server.folder, name);
}

/* How often a task has begun. */
static inline long begun(const struct noted *noted)
{
    struct stat about;
    return stat(noted->path, &about) == 0 ? (long)about.st_size : 0;
}

static inline void await_begun(const struct noted *noted, long count)
{
    while (begun(noted) < count)
        (void)!thrum_sleep(thrum_in(0.01));
}

/* A worker process that runs one task of this path. */
static inline thrum_future *submit_noted(thrum_executor *cluster, const char *name, double seconds,
                                         struct noted *noted)
{
    *noted = (struct noted){.seconds = seconds};
    path_of(name, noted);
    return thrum_submit(cluster, take_long, noted, sizeof *noted);
}

/* Makes the file that ends a task of take_held or make_held_bytes, "NAME.go". */
static inline void let_go(const char *file)
{
    struct noted go;
    path_of(file, &go);
    note_in(go.path);
}

static inline unsigned char *bytes_of(size_t size)
{
    unsigned char *bytes = malloc(size ? size : 1);
    CHECK(bytes);
    fill(bytes, size);
    return bytes;
}

/* The future's result is the bytes of this size. */
static inline void check_bytes(thrum_future *future, size_t size)
{
    void *result = NULL;
    size_t result_size = 0;
    unsigned char *bytes = bytes_of(size);
    CHECK_INT(thrum_future_take(future, &result, &result_size, THRUM_FOREVER), ==, 0);
    CHECK_INT(result_size, ==, size);
    CHECK(size == 0 || memcmp(result, bytes, size) == 0);
    free(result);
    free(bytes);
    thrum_future_free(future);
}

#endif
