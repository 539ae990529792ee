/* The database task on a real server: PostgreSQL, by --postgres URL, and `SELECT pg_sleep(0.05)`.
 *
 * libpq waits for its answer in the calling thread, and a connection serves one query at a time, so
 * each running task has one to itself. They are opened before the clock starts, as a program
 * would that keeps a pool of them: opening one starts a process in the server and takes longer than
 * many a query.
 *
 * The column threads(best) opens as many as there are queries, 50; a server's default limit is
 * 100. One that allows fewer says so when they are opened, and that is passed on.
 */
#include "handle_pool.h"
#include "trouble.h"
#include "workload.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

/* The argument of a task. */
struct query {
    double seconds;
    char url[TASK_ARG_MAX - 8];
};

static char database_url[TASK_ARG_MAX - 8];
static int server_version;

/* libpq ends its messages by a line feed and may say more than one line: the first is kept. */
static const char *first_line(const char *message, char *ret_line, size_t size)
{
    snprintf(ret_line, size, "%.*s", (int)strcspn(message, "\n"), message);
    return ret_line;
}

static void drop_connection(void *handle)
{
    PQfinish(handle);
}

static void *make_connection(const char *url, thrum_error *ret_error)
{
    /* What stands later wins: the address, in the place of "dbname", has the last word. */
    const char *keywords[] = {"connect_timeout", "fallback_application_name", "dbname", NULL};
    const char *values[] = {"5", "thrum bench", url, NULL};
    char line[160];
    PGconn *connection = PQconnectdbParams(keywords, values, 1);
    if (connection && PQstatus(connection) == CONNECTION_OK)
        return connection;
    trouble(ret_error, -ECONNREFUSED, "%s",
            connection ? first_line(PQerrorMessage(connection), line, sizeof line)
                       : "out of memory");
    PQfinish(connection);
    return NULL;
}

static struct handle_pool connections = {.make = make_connection, .drop = drop_connection};

/* Runs the query once. Returns 0, or a negative errno and the reason. */
static int run_query(PGconn *connection, double seconds, thrum_error *ret_error)
{
    char text[64], line[200];
    snprintf(text, sizeof text, "SELECT pg_sleep(%.6f)", seconds);
    PGresult *result = PQexec(connection, text);
    int rc = 0;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        rc = trouble(ret_error, -EIO, "PostgreSQL: %s",
                     first_line(PQerrorMessage(connection), line, sizeof line));
    else if (PQntuples(result) != 1)
        rc = trouble(ret_error, -EBADMSG, "PostgreSQL gave %d rows, not 1", PQntuples(result));
    PQclear(result);
    return rc;
}

static int query_database(thrum_task *self)
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
    return thrum_return(self, thrum_value(thrum_time, thrum_now() - begin));
}

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

static int connect_first(const struct bench_options *options, thrum_error *ret_error)
{
    if (strlen(options->postgres) >= sizeof database_url)
        return trouble(ret_error, -ENAMETOOLONG, "--postgres: the address is longer than %zu bytes",
                       sizeof database_url - 1);
    snprintf(database_url, sizeof database_url, "%s", options->postgres);
    if (!PQisthreadsafe())
        return trouble(ret_error, -ENOTSUP, "this libpq cannot be used by several threads");
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
    .task = query_database,
    .fill = fill_query,
    .describe = describe,
    .close = close_connections,
};
