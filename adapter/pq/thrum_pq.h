/* PostgreSQL: connections and queries of libpq for which only the caller waits, be it a fiber or a
 * thread.
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
 * and PQclear give them back. This is a library of its own: link with -lthrum-pq.
 *
 * A connection serves one caller at a time; it may be handed from one fiber or thread to another.
 * It is put into libpq's nonblocking mode, in which PQexec works as ever, but holds its thread up.
 *
 * A return code tells how the talk with the server went; what the server said to the statement is
 * in the result, as it is with PQexec. So a statement with a mistake in it gives 0 and a result
 * whose status is PGRES_FATAL_ERROR.
 *
 * When a query's deadline passes or its task is cancelled, the server still works on it, and the
 * connection takes no other: every further query gives -EBUSY. Then either PQfinish ends the
 * connection, which is quick, while the server may finish what it does for nobody; or
 * thrum_pq_cancel asks the server to stop, and makes the connection fit for use.
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

/* Connects as PQconnectdb does; `conninfo` is a list of "keyword=value" or an address that begins
 * with "postgresql://". In a fiber all that takes long without waiting for a descriptor (names,
 * files, encryption, the hashing of a password) is done on a helper thread, as by thrum_blocking.
 * In a thread the deadline does not end the search for a name. `connect_timeout` is not looked at:
 * the deadline is. Returns 0 and a connection to be given to PQfinish; -EINVAL for a `conninfo`
 * that cannot be read; -ECONNREFUSED where no connection came about, for whatever reason;
 * -ETIMEDOUT, -ECANCELED, -ENOMEM; -EAGAIN if the deadline is THRUM_NOW, and where the system
 * refuses the first helper. A code also comes with `ret_error`, unless that is NULL, whose message
 * is libpq's if it said something. Blocks. Python: asyncpg.connect. */
THRUM_API int thrum_pq_connect(const char *conninfo, PGconn **ret_connection,
                               thrum_error *ret_error, thrum_deadline deadline);

/* Runs one or several statements, as PQexec does, and gives the result of the last. Returns 0 and a
 * result to be given to PQclear, whose status must be looked at. -EBUSY: another query is not over;
 * -EPIPE: the connection is lost, and PQerrorMessage may say why; -EINVAL: libpq refuses the
 * statement; -EOPNOTSUPP: it is a COPY, for which there is no function here, and the connection
 * must be closed; -EAGAIN: the deadline is THRUM_NOW, and nothing was sent; -ENOMEM. -ETIMEDOUT,
 * -ECANCELED: it may have been carried out or not, or still run; see thrum_pq_cancel. Blocks.
 * Python: connection.execute. */
THRUM_API int thrum_pq_query(PGconn *connection, const char *sql, PGresult **ret_result,
                             thrum_deadline deadline);

/* Runs one statement with `count` values in the place of $1, $2 and so on, as PQexecParams does:
 * each is text, or NULL for the SQL value of that name. They are the caller's, and sent before the
 * call returns. Returns as thrum_pq_query. Blocks. Python: connection.fetch(sql, *values). */
THRUM_API int thrum_pq_query_params(PGconn *connection, const char *sql, int count,
                                    const char *const *values, PGresult **ret_result,
                                    thrum_deadline deadline);

/* After a query that ended with -ETIMEDOUT or -ECANCELED: asks the server to stop it, waits until
 * it has, and drops its results. Does nothing if no query is under way. A cancellation of the
 * calling task does not end it, as it is what one calls after one; the deadline does, but in a
 * thread not while the server is asked. Returns 0: the connection may be used again. Else
 * -ETIMEDOUT; -ECONNREFUSED: the server cannot be asked; -EPIPE, -EOPNOTSUPP, -ENOMEM, -EAGAIN: the
 * connection must be closed by PQfinish, as the request may still be on its way and would hit the
 * next query. Blocks. Python: connection.cancel. */
THRUM_API int thrum_pq_cancel(PGconn *connection, thrum_deadline deadline);

/* Waits for a notification of a channel that the connection has asked for by LISTEN. Returns 0 and
 * one to be given to PQfreemem; -ETIMEDOUT, -ECANCELED, and with THRUM_NOW -EAGAIN, after each of
 * which the connection is as it was; -EPIPE. Blocks. Python: connection.notifies. */
THRUM_API int thrum_pq_notify_get(PGconn *connection, PGnotify **ret_notify,
                                  thrum_deadline deadline);

THRUM_END

#endif
