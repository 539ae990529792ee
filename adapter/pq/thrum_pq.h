/* libthrum-pq: connections and queries of libpq that block only their caller, a fiber or a thread.
 *
 *     static int count_users(thrum_task *self)
 *     {
 *         thrum_deadline deadline = thrum_in(5);
 *         PGconn *connection;
 *         PGresult *result;
 *         thrum_error error;
 *         int rc = thrum_pq_connect("host=db.example dbname=shop", &connection, &error, deadline);
 *         if (rc < 0)
 *             return thrum_fail(self, rc, "%s", error.message);
 *         rc = thrum_pq_query(connection, "SELECT count(*) FROM users", &result, deadline);
 *         if (rc == 0) {
 *             if (PQresultStatus(result) == PGRES_TUPLES_OK)
 *                 printf("%s users\n", PQgetvalue(result, 0, 0));
 *             PQclear(result);
 *         }
 *         PQfinish(connection);
 *         return rc;
 *     }
 *
 * Connections and results are libpq's own: all of its functions may be used on them, and PQfinish
 * and PQclear free them. This is a library of its own: link with -lthrum-pq.
 *
 * A connection serves one caller at a time. It may be passed from one fiber or thread to another.
 * It is in libpq's nonblocking mode; PQexec still works on it, but blocks its thread.
 *
 * A return code says whether the exchange with the server succeeded. What the server answered is in
 * the result, as with PQexec. So a statement with a mistake in it gives 0 and a result whose status
 * is PGRES_FATAL_ERROR.
 *
 * If a query's deadline passes or its task is cancelled, the server still works on the query. Until
 * that is over, each further query on the connection returns -EBUSY. PQfinish ends the connection
 * at once; the server may still finish the query. thrum_pq_cancel asks the server to stop the
 * query, and the connection can be used again:
 *
 *     rc = thrum_pq_query(connection, slow, &result, thrum_in(1));
 *     if (rc < 0 && thrum_pq_cancel(connection, thrum_in(1)) < 0)
 *         give_up(connection);
 *
 * Python: asyncpg, psycopg's AsyncConnection.
 */
#ifndef THRUM_PQ_H
#define THRUM_PQ_H

#include <libpq-fe.h>
#include <thrum/error.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Connects as PQconnectdb does. `conninfo` is a list of "keyword=value" or an address that begins
 * with "postgresql://". Its `connect_timeout` is ignored; the deadline counts. In a fiber all slow
 * steps that do not wait for a descriptor (names, files, encryption, the hash of a password) run on
 * a helper thread, as with thrum_blocking. In a thread the deadline does not end a lookup of a
 * name. The caller owns the connection and frees it with PQfinish. Blocks. Python: asyncpg.connect.
 *
 * Returns:
 *     0              connected
 *     -EINVAL        `conninfo` cannot be read
 *     -ECONNREFUSED  there is no connection, for any reason that libpq reports
 *     -ETIMEDOUT     the deadline has passed
 *     -ECANCELED     the running task was cancelled
 *     -EAGAIN        the deadline is THRUM_NOW, or the system refuses the first helper thread
 *     -ENOMEM        memory ran out
 *
 * On failure `*ret_error`, unless NULL, has the code and libpq's message. */
THRUM_API THRUM_MUST_CHECK int thrum_pq_connect(const char *conninfo, PGconn **ret_connection,
                                                thrum_error *ret_error, thrum_deadline deadline);

/* Runs one or several statements, as PQexec does, and gives the result of the last one. The caller
 * owns the result, checks its status and frees it with PQclear. After -ETIMEDOUT and -ECANCELED the
 * server may have run the statement, or may still run it: see thrum_pq_cancel. Blocks. Python:
 * connection.execute.
 *
 * Returns:
 *     0            there is a result
 *     -EBUSY       another query is not over
 *     -EPIPE       the connection is lost; PQerrorMessage may say why
 *     -EINVAL      libpq refuses the statement
 *     -EOPNOTSUPP  the statement is a COPY, for which there is no function; close the connection
 *     -EAGAIN      the deadline is THRUM_NOW, and nothing was sent
 *     -ENOMEM      memory ran out
 *     -ETIMEDOUT   the deadline has passed
 *     -ECANCELED   the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_pq_query(PGconn *connection, const char *sql,
                                              PGresult **ret_result, thrum_deadline deadline);

/* Runs one statement with `count` values for $1, $2 and so on, as PQexecParams does. Each value is
 * text, or NULL for the SQL value of that name. The values are sent before the call returns; the
 * caller owns them. Blocks. Python: connection.fetch(sql, *values).
 *
 * Returns what thrum_pq_query returns. */
THRUM_API THRUM_MUST_CHECK int thrum_pq_query_params(PGconn *connection, const char *sql, int count,
                                                     const char *const *values,
                                                     PGresult **ret_result,
                                                     thrum_deadline deadline);

/* Stops a query that ended with -ETIMEDOUT or -ECANCELED: asks the server to stop it, waits until
 * it has, and drops its results. Without such a query it does nothing. A cancellation of the
 * calling task does not end this call. The deadline does, but in a thread not while the server is
 * asked. Blocks. Python: connection.cancel.
 *
 * Returns:
 *     0              the connection can be used again
 *     -ETIMEDOUT     the deadline has passed
 *     -ECONNREFUSED  the server cannot be asked
 *     -EPIPE, -EOPNOTSUPP, -ENOMEM, -EAGAIN
 *                    close the connection with PQfinish: the request may still arrive and stop
 *                    the next query
 */
THRUM_API THRUM_MUST_CHECK int thrum_pq_cancel(PGconn *connection, thrum_deadline deadline);

/* Waits for a notification of a channel that the connection listens to (LISTEN). The caller frees
 * it with PQfreemem. Blocks. Python: connection.notifies.
 *
 * Returns:
 *     0           there is a notification
 *     -ETIMEDOUT  the deadline has passed; -EAGAIN if it is THRUM_NOW
 *     -ECANCELED  the running task was cancelled
 *     -EPIPE      the connection is lost
 *
 * After a timeout or a cancellation the connection is as it was. */
THRUM_API THRUM_MUST_CHECK int thrum_pq_notify_get(PGconn *connection, PGnotify **ret_notify,
                                                   thrum_deadline deadline);

THRUM_END

#endif
