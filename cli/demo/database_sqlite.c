/* The database task: a query to SQLite that takes 50 ms.
 *
 * SQLite is embedded: a query is a function call that computes in the caller's thread and never
 * waits for a network. The waiting that the guide means is put where a database server would have
 * it, inside the query: the SQL calls a function of ours, pause_until(moment), which sleeps while
 * the statement is being executed, with its read lock on the database held. The query also does
 * a query's work, a sum over one customer's orders, and the task checks the answer.
 *
 * Locking. Each task has a connection to itself for as long as it runs (handle_pool.h), so SQLite's
 * own mutexes are not needed: connections are opened with SQLITE_OPEN_NOMUTEX, which is safe as no
 * two threads use one at a time. The file is opened read only: readers share the lock, so no query
 * waits for another. Memory statistics are off because they would be one lock for all threads.
 *
 * The pause ends at a moment counted from the query's start, so the query as a whole, and not only
 * its pause, takes the 50 ms.
 */
#include "handle_pool.h"
#include "scratch.h"
#include "trouble.h"
#include "workload.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { CUSTOMERS = 50, ORDERS_EACH = 20 };

/* The argument of a task. */
struct query {
    double seconds;
    int customer;
    char path[TASK_ARG_MAX - 16];
};

/* A connection, with the statement prepared on it. */
struct connection {
    sqlite3 *database;
    sqlite3_stmt *statement;
};

static char database_path[TASK_ARG_MAX - 16];

static const char query_text[] =
    "SELECT (SELECT sum(amount) FROM orders WHERE customer = ?1), pause_until(?2)";

static int amount_of(int customer, int order)
{
    return customer * 100 + order;
}

static int total_of(int customer)
{
    int total = 0;
    for (int order = 0; order < ORDERS_EACH; order++)
        total += amount_of(customer, order);
    return total;
}

/* The SQL function: sleeps until the moment, given in the nanoseconds of thrum_now. */
static void pause_until(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    if (thrum_sleep(thrum_at(sqlite3_value_int64(values[0]))) < 0)
        sqlite3_result_error(context, "stopped", -1);
    else
        sqlite3_result_int(context, 1);
}

static void drop_connection(void *handle)
{
    struct connection *connection = handle;
    sqlite3_finalize(connection->statement);
    sqlite3_close(connection->database);
    sqlite3_free(connection);
}

static void *make_connection(const char *path, thrum_error *ret_error)
{
    struct connection *connection = sqlite3_malloc(sizeof *connection);
    if (!connection) {
        trouble(ret_error, -ENOMEM, "out of memory");
        return NULL;
    }
    *connection = (struct connection){0};
    int rc = sqlite3_open_v2(path, &connection->database,
                             SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc =
            sqlite3_create_function(connection->database, "pause_until", 1,
                                    SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL, pause_until, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(connection->database, query_text, -1, &connection->statement, NULL);
    if (rc != SQLITE_OK) {
        trouble(ret_error, -EIO, "cannot open the database %.100s: %.80s", path,
                connection->database ? sqlite3_errmsg(connection->database) : sqlite3_errstr(rc));
        drop_connection(connection);
        return NULL;
    }
    return connection;
}

static struct handle_pool connections = {.make = make_connection, .drop = drop_connection};

/* Runs the query once and checks the answer. Returns 0, or a negative errno and the reason. */
static int run_query(struct connection *connection, const struct query *query, thrum_deadline until,
                     thrum_error *ret_error)
{
    sqlite3_stmt *statement = connection->statement;
    int rc = sqlite3_bind_int(statement, 1, query->customer);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 2, until.ns);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    int total = rc == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
    int ended = sqlite3_reset(statement);
    if (rc != SQLITE_ROW || ended != SQLITE_OK)
        return trouble(ret_error, -EIO, "SQLite: %.200s", sqlite3_errmsg(connection->database));
    if (total != total_of(query->customer))
        return trouble(ret_error, -EBADMSG, "customer %d has orders of %d, not %d", query->customer,
                       total_of(query->customer), total);
    return 0;
}

static int query_sqlite(thrum_task *self)
{
    const struct query *query = &thrum_arg(self, struct query);
    thrum_error error = {0};
    thrum_time begin = thrum_now();
    thrum_deadline until = thrum_in(query->seconds);
    struct connection *connection = handle_pool_take(&connections, query->path, &error);
    if (!connection)
        return thrum_fail(self, error.code, "%s", error.message);
    int rc = run_query(connection, query, until, &error);
    handle_pool_give(&connections, connection);
    if (thrum_cancelled(self))
        return thrum_fail(self, -ECANCELED, "stopped");
    if (rc < 0)
        return thrum_fail(self, rc, "%s", error.message);
    return piece_return(self, begin, thrum_now() - begin);
}

THRUM_TASK(query_sqlite)

static size_t fill_query(void *ret_arg, int index, double seconds)
{
    struct query *query = ret_arg;
    query->seconds = seconds;
    query->customer = index % CUSTOMERS;
    memcpy(query->path, database_path, sizeof query->path);
    return sizeof *query;
}

static int write_orders(sqlite3 *database)
{
    sqlite3_stmt *insert = NULL;
    int rc = sqlite3_exec(database,
                          "BEGIN; CREATE TABLE orders (customer INTEGER, amount INTEGER);"
                          "CREATE INDEX orders_customer ON orders (customer);",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(database, "INSERT INTO orders VALUES (?1, ?2)", -1, &insert, NULL);
    for (int i = 0; i < CUSTOMERS * ORDERS_EACH && rc == SQLITE_OK; i++) {
        int customer = i % CUSTOMERS;
        sqlite3_bind_int(insert, 1, customer);
        sqlite3_bind_int(insert, 2, amount_of(customer, i / CUSTOMERS));
        sqlite3_step(insert);
        rc = sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    return rc == SQLITE_OK ? sqlite3_exec(database, "COMMIT", NULL, NULL, NULL) : rc;
}

static int make_database(const struct demo_options *options, thrum_error *ret_error)
{
    (void)options;
    /* Both must precede SQLite's first use; SQLITE_MISUSE means that it was used before. */
    if (sqlite3_config(SQLITE_CONFIG_MULTITHREAD) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK)
        return trouble(ret_error, -ENOTSUP, "this SQLite cannot be used by several threads");
    int rc = scratch_make(ret_error);
    if (rc < 0)
        return rc;
    scratch_path("orders.sqlite", database_path, sizeof database_path);
    sqlite3 *database = NULL;
    rc = sqlite3_open(database_path, &database);
    if (rc == SQLITE_OK)
        rc = write_orders(database);
    if (rc != SQLITE_OK)
        trouble(ret_error, -EIO, "cannot write %.120s: %.80s", database_path,
                database ? sqlite3_errmsg(database) : sqlite3_errstr(rc));
    sqlite3_close(database);
    return rc == SQLITE_OK ? 0 : -EIO;
}

static int connect_all(int workers, thrum_error *ret_error)
{
    return handle_pool_fill(&connections, (size_t)workers, database_path, ret_error);
}

static void describe(char *ret_text, size_t size)
{
    snprintf(ret_text, size, "SQLite %s, embedded; the wait is a function inside the query",
             sqlite3_libversion());
}

static void close_database(void)
{
    handle_pool_empty(&connections);
    sqlite3_shutdown();
}

const struct workload sqlite_workload = {
    .open = make_database,
    .prepare = connect_all,
    .task = query_sqlite,
    .fill = fill_query,
    .describe = describe,
    .close = close_database,
};
