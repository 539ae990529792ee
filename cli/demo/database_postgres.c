/* The database task on a real server: PostgreSQL, by --postgres URL, and `SELECT pg_sleep(0.05)`.
 *
 * libthrum-pq sees to it that only the task waits for its answer, so that it may be a fiber. A connection
 * serves one query at a time, so each running task has one to itself. They are opened before the
 * clock starts, as a program would that keeps a pool of them: opening one starts a process in the
 * server and takes longer than many a query.
 *
 * The column threads(best) opens as many as there are queries, 50; a server's default limit is
 * 100. One that allows fewer says so when they are opened, and that is passed on.
 */
#include "handle_pool.h"
#include "trouble.h"
#include "workload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum_pq.h>

static const double connect_seconds = 5;

/* The argument of a task. */
struct query {
    double seconds;
    char url[TASK_ARG_MAX - 8];
};

static char database_url[TASK_ARG_MAX - 8];
static int server_version;

/* libpq may say more than one line: the first is kept. */
static int first_line(const char *message)
{
    return (int)strcspn(message, "\n");
}

static void drop_connection(void *handle)
{
    PQfinish(handle);
}

static void *make_connection(const char *url, thrum_error *ret_error)
{
    PGconn *connection = NULL;
    thrum_error error = {0};
    int rc = thrum_pq_connect(url, &connection, &error, thrum_in(connect_seconds));
    if (rc < 0)
        trouble(ret_error, rc, "%.*s", first_line(error.message), error.message);
    return connection;
}

static struct handle_pool connections = {.make = make_connection, .drop = drop_connection};

/* Runs the query once. Returns 0, or a negative errno and the reason. */
static int run_query(PGconn *connection, double seconds, thrum_error *ret_error)
{
    char text[64];
    PGresult *result = NULL;
    snprintf(text, sizeof text, "SELECT pg_sleep(%.6f)", seconds);
    int rc = thrum_pq_query(connection, text, &result, THRUM_FOREVER);
    if (rc < 0 || PQresultStatus(result) != PGRES_TUPLES_OK) {
        const char *message = PQerrorMessage(connection);
        if (!*message)
            message = thrum_strerror(rc);
        rc = trouble(ret_error, rc < 0 ? rc : -EIO, "PostgreSQL: %.*s", first_line(message),
                     message);
    } else if (PQntuples(result) != 1) {
        rc = trouble(ret_error, -EBADMSG, "PostgreSQL gave %d rows, not 1", PQntuples(result));
    }
    PQclear(result);
    return rc;
}

static int query_postgres(thrum_task *self)
{
    const struct query *query = &thrum_arg(self, struct query);
    thrum_error error = {0};
    thrum_time begin = thrum_now();
    PGconn *connection = handle_pool_take(&connections, query->url, &error);
    if (!connection)
        return thrum_fail(self, error.code, "%s", error.message);
    int rc = run_query(connection, query->seconds, &error);
    if (rc < 0) {
        handle_pool_discard(&connections, connection);
        return thrum_fail(self, rc, "%s", error.message);
    }
    handle_pool_give(&connections, connection);
    return piece_return(self, begin, thrum_now() - begin);
}

THRUM_TASK(query_postgres)

static size_t fill_query(void *ret_arg, int index, double seconds)
{
    struct query *query = ret_arg;
    (void)index;
    query->seconds = seconds;
    memcpy(query->url, database_url, sizeof query->url);
    return sizeof *query;
}

static int connect_all(int workers, thrum_error *ret_error)
{
    thrum_error reason = {0};
    int rc = handle_pool_fill(&connections, (size_t)workers, database_url, &reason);
    if (rc == 0)
        return 0;
    return trouble(ret_error, rc, "--postgres: %.150s; %s", reason.message,
                   connections.made == 0 ? "check the address and that the server runs"
                                         : "the server allows too few connections");
}

static int connect_first(const struct demo_options *options, thrum_error *ret_error)
{
    if (strlen(options->postgres) >= sizeof database_url)
        return trouble(ret_error, -ENAMETOOLONG, "--postgres: the address is longer than %zu bytes",
                       sizeof database_url - 1);
    snprintf(database_url, sizeof database_url, "%s", options->postgres);
    if (!PQisthreadsafe())
        return trouble(ret_error, -ENOTSUP, "this libpq cannot be used by several threads");
    /* What the server shows its connections under, unless the address or the environment says. */
    setenv("PGAPPNAME", "thrum demo", 0);
    int rc = connect_all(1, ret_error);
    if (rc == 0)
        server_version = PQserverVersion(connections.idle[0]);
    return rc;
}

static void describe(char *ret_text, size_t size)
{
    snprintf(ret_text, size, "PostgreSQL %d.%d, which waits in pg_sleep", server_version / 10000,
             server_version % 10000);
}

static void close_connections(void)
{
    handle_pool_empty(&connections);
}

const struct workload postgres_workload = {
    .open = connect_first,
    .prepare = connect_all,
    .task = query_postgres,
    .fill = fill_query,
    .describe = describe,
    .close = close_connections,
};
