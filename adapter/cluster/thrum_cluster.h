/* libthrum-cluster: an executor whose tasks run on other machines, over NATS JetStream.
 *
 *     thrum_executor *cluster;
 *     thrum_error error;
 *     int rc = thrum_cluster_new(
 *         &(thrum_cluster_options){.servers = "nats://10.0.0.1:4222", .pool = "pages"}, &cluster,
 *         &error, thrum_in(5));
 *     if (rc < 0)
 *         return thrum_fail(self, rc, "%s", error.message);
 *     thrum_future *f = thrum_submit(cluster, fetch, thrum_text(url));
 *     ...
 *     thrum_future_free(f);
 *     thrum_executor_shutdown(cluster);
 *
 * It is an executor like the others. Arguments and results are copies of their bytes, and static
 * variables are those of the worker's process, as in a process pool. A worker is a program that has
 * the same functions and calls thrum_cluster_serve. THRUM_TASK(fetch) (thrum/task_name.h) lets
 * different builds of programs work together.
 *
 * What is promised: a task that was submitted runs at least once, if a worker that has the function
 * comes before its deadline; and each future gets exactly one outcome. A task may run twice, if a
 * worker or the connection is lost at the wrong moment. So a task must bear to be run again, or must
 * know by a key in its argument that it has run.
 *
 * This is a library of its own: link with -lthrum-cluster. docs/cluster.md has the whole.
 */
#ifndef THRUM_CLUSTER_H
#define THRUM_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum/error.h>
#include <thrum/event.h>
#include <thrum/executor.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Cluster options: the servers, and how the tasks of a pool are treated. Zero selects the default.
 * All programs of one pool should have the same `lease`, `max_deliveries`, `max_queued` and
 * `replicas`: the first of them makes the streams. */
typedef struct thrum_cluster_options {
    const char *servers; /* URLs with commas between them; "nats://127.0.0.1:4222" by default */
    const char *pool; /* its name: at most 32 letters, digits, "-" and "_"; "default" by default */
    const char *user, *password;  /* or a token in the URL; none by default */
    const char *credentials;      /* file with a JWT and an nkey seed; none by default */
    const char *nkey, *nkey_seed; /* a public nkey, and the file with its seed; none by default */
    const char *tls_ca;           /* file with the authorities to trust; turns TLS on */
    const char *tls_certificate, *tls_key; /* files, where the server asks for them */
    const char *
        tls_name; /* in the certificates of all servers; by default the host in `servers`, which must then be the
                             same in all URLs */
    double lease;       /* seconds after which the task of a silent worker goes to another; 30 */
    int max_deliveries; /* workers that may be lost over one task; 3 by default */
    size_t max_queued;  /* messages that the server keeps for the pool; no bound by default */
    int replicas;       /* servers that keep each message; 1 by default */
    /* For thrum_cluster_new alone; as in thrum_thread_pool_options: */
    int max_workers;         /* tasks that all workers run at once, for the window of a map; 64 */
    const char *name_prefix; /* "cluster" by default */
    bool daemon;
    size_t max_pending; /* tasks that may wait in this process; no bound by default */
    thrum_when_full when_full;
    double grace; /* seconds from a task's deadline until its future fails; 0.1 by default */
    THRUM__OPTIONS(thrum_cluster_options)
} thrum_cluster_options;

/* Makes an executor on a pool of workers, which may come later. Connects to a server. Afterwards the
 * connection may come and go: tasks wait, and deadlines hold. Call it after a fork, not before.
 *
 * How a task fails on a cluster:
 *
 *  - -ETIMEDOUT: it had a deadline and had no outcome `grace` seconds after it. The message says if
 *    no worker was seen
 *  - -ECHILD: its worker was lost, `max_deliveries` times; or its process died (see
 *    thrum_process_pool_new, for workers that run tasks in processes)
 *  - -ENOENT: the function has no name (thrum/task_name.h)
 *  - -EMSGSIZE: its argument or its result is larger than 1 GiB. One that is larger than 512 KiB, or than a message of the server
 *    may be, travels in chunks
 *  - -ENOSPC: the server has stored no part of a large argument or result for a lease; the message
 *    has its reason
 *  - -EAGAIN: the server's queue is full (`max_queued`), with THRUM_WHEN_FULL_REFUSE
 *  - -ECANCELED: it was cancelled, and no worker has said within a lease how it ended
 *  - -EINVAL: an owned value (thrum_owned) cannot leave its process
 *
 * A task that was sent to the server reports as running. Blocks.
 *
 * Returns:
 *     0              the executor, which the caller gives to thrum_executor_shutdown
 *     -ECONNREFUSED  no server answers
 *     -EACCES        the servers refuse the user, the password, the credentials or the certificate; or
 *                    their certificates are not signed by `tls_ca`, or have another name. The message
 *                    says which options to look at; it has no secrets
 *     -EOPNOTSUPP    the server has no JetStream
 *     -EINVAL        an option makes no sense, or its file cannot be read; the message says which
 *     -ENOMEM        memory ran out
 *     -EPROTO        another error of the server or of libnats; the message has its text
 */
THRUM_API THRUM_MUST_CHECK int thrum_cluster_new(const thrum_cluster_options *options,
                                                 thrum_executor **ret_executor,
                                                 thrum_error *ret_error, thrum_deadline deadline);

/* Serve options. Zero selects the default. */
typedef struct thrum_cluster_serve_options {
    int max_running;      /* tasks at once; thrum_cpu_count() by default */
    double run_limit;     /* seconds that a task may run; no limit by default */
    bool registered_only; /* run functions with a name of THRUM_TASK alone */
    thrum_event *stop;    /* when it is set, the worker drains; NULL for no end but a cancel */
    THRUM__OPTIONS(thrum_cluster_serve_options)
} thrum_cluster_serve_options;

/* Serves a pool: takes tasks that this program has the functions of, runs them on `executor`, and
 * sends their outcomes. A process pool as executor keeps a task that crashes from ending the worker.
 * When `stop` is set, it takes no further tasks, finishes what it has, and returns. A lost connection
 * does not end it. At most 64 functions are served. `options` and `serve` may be NULL. Blocks, without a
 * deadline.
 *
 * Returns:
 *     0           it has drained
 *     -ECANCELED  the running task was cancelled; it has drained
 *     -ECONNREFUSED, -EACCES, -EOPNOTSUPP, -EINVAL, -ENOMEM, -EPROTO   as thrum_cluster_new
 */
THRUM_API THRUM_MUST_CHECK int thrum_cluster_serve(const thrum_cluster_options *options,
                                                   thrum_executor *executor,
                                                   const thrum_cluster_serve_options *serve,
                                                   thrum_error *ret_error);

/* What is known of a pool. */
typedef struct thrum_cluster_status {
    uint64_t queued;      /* messages with tasks that have not ended */
    uint64_t delivered;   /* of them, with workers */
    uint64_t redelivered; /* of them, more than once */
    uint64_t published;   /* messages with tasks that have ever come */
    uint64_t deliveries;  /* of messages to workers, ever */
    uint64_t results;     /* messages with results that no client has taken yet */
    double oldest;        /* seconds that the oldest of `queued` has been there */
    size_t workers;       /* that answered */
    size_t running;       /* tasks that they run */
    size_t capacity;      /* tasks that they can run at once */
    uint64_t done;        /* tasks that they have ended */
    uint64_t replaced; /* consumers of the server that delivered nothing, and that they made anew */
} thrum_cluster_status;

/* Asks the server and the workers of a pool. Waits a quarter of a second for the workers. Blocks,
 * without a deadline; the server has a few seconds for each answer.
 *
 * Returns:
 *     0        the status
 *     -ENOENT  the server has no such pool
 *     -ECONNREFUSED, -EACCES, -EOPNOTSUPP, -EINVAL, -ENOMEM, -EPROTO   as thrum_cluster_new
 */
THRUM_API THRUM_MUST_CHECK int thrum_cluster_status_get(const thrum_cluster_options *options,
                                                        thrum_cluster_status *ret_status,
                                                        thrum_error *ret_error);

/* Calls `visit` for the name of each pool that the server has, in no particular order; `options` may be NULL, and their `pool`
 * does not count. Stops when `visit` does not return 0. Blocks, without a deadline; the server has a few seconds for each
 * answer.
 *
 * Returns what the last call of `visit` returned, or:
 *     0   there is no pool
 *     -ECONNREFUSED, -EACCES, -EOPNOTSUPP, -EINVAL, -ENOMEM, -EPROTO   as thrum_cluster_new
 */
THRUM_API THRUM_MUST_CHECK int thrum_cluster_pools_visit(const thrum_cluster_options *options,
                                                         int (*visit)(const char *pool,
                                                                      void *context),
                                                         void *context, thrum_error *ret_error);

THRUM_END

#endif
