/* Queries: sent, waited for and collected through libpq's asynchronous calls.
 *
 * A caller waits for the socket to be writable only while it sends the query, and for readable only
 * afterwards: the server reads the whole query before its answer exceeds its buffers.
 *
 * When PQisBusy says no, PQgetResult does not wait. A lost connection gives one result that says so
 * and then no more. The connection's status tells it apart from an answer of the server.
 *
 * To stop a query libpq opens another connection to the server, through a call that blocks: a
 * detached call. The server has handled the request when it closes that connection, and libpq waits
 * for that. So a request that has returned cannot stop a later query. But the server ignores a
 * request that comes before the query has begun. So the request is repeated, after growing pauses,
 * until the query is over.
 */
#include "detached_call.h"
#include "thrum_pq.h"

#include <errno.h>
#include <stdlib.h>
#include <thrum.h>

/* Waits until libpq has handed all it was given to the system. */
static int flush(PGconn *connection, thrum_deadline deadline)
{
    int left, rc = 0;
    while (rc == 0 && (left = PQflush(connection)) != 0)
        rc = left < 0 ? -EPIPE : thrum_wait_writable(PQsocket(connection), deadline);
    return rc;
}

/* Waits until a result, or the end of them, can be had. */
static int await_result(PGconn *connection, thrum_deadline deadline)
{
    int rc = 0;
    while (rc == 0 && PQisBusy(connection)) {
        rc = thrum_wait_readable(PQsocket(connection), deadline);
        if (rc == 0 && !PQconsumeInput(connection))
            break; /* lost: there is a result that says so */
    }
    return rc;
}

static bool copies(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/* Waits for all results of a query that are not gathered yet, and gives the last, or NULL. */
static int gather(PGconn *connection, thrum_deadline deadline, PGresult **ret_result)
{
    PGresult *last = NULL, *next;
    int rc;
    while ((rc = await_result(connection, deadline)) == 0 && (next = PQgetResult(connection))) {
        PQclear(last);
        last = next;
        if (copies(last)) {
            rc = -EOPNOTSUPP;
            break;
        }
    }
    if (rc == 0 && PQstatus(connection) == CONNECTION_BAD)
        rc = -EPIPE;
    if (rc == 0)
        *ret_result = last;
    else
        PQclear(last);
    return rc;
}

/* Whether a query may begin: a code that says why not, else 0. */
static int prepare(PGconn *connection, thrum_deadline deadline)
{
    if (PQstatus(connection) != CONNECTION_OK)
        return -EPIPE;
    if (PQtransactionStatus(connection) == PQTRANS_ACTIVE)
        return -EBUSY;
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    return PQsetnonblocking(connection, 1) == 0 ? 0 : -EPIPE;
}

/* The rest of a query that libpq has taken, or not. */
static int finish(PGconn *connection, int taken, thrum_deadline deadline, PGresult **ret_result)
{
    if (!taken)
        return PQstatus(connection) == CONNECTION_BAD ? -EPIPE : -EINVAL;
    PGresult *result;
    int rc = flush(connection, deadline);
    if (rc == 0)
        rc = gather(connection, deadline, &result);
    if (rc == 0 && !result)
        rc = -ENOMEM;
    if (rc == 0)
        *ret_result = result;
    return rc;
}

int thrum_pq_query(PGconn *connection, const char *sql, PGresult **ret_result,
                   thrum_deadline deadline)
{
    int rc = prepare(connection, deadline);
    if (rc < 0)
        return rc;
    return finish(connection, PQsendQuery(connection, sql), deadline, ret_result);
}

int thrum_pq_query_params(PGconn *connection, const char *sql, int count, const char *const *values,
                          PGresult **ret_result, thrum_deadline deadline)
{
    int rc = prepare(connection, deadline);
    if (rc < 0)
        return rc;
    int taken = PQsendQueryParams(connection, sql, count, NULL, values, NULL, NULL, 0);
    return finish(connection, taken, deadline, ret_result);
}

/* ------------------------------------------------------------------------------ stopping a query */

enum { FIRST_PAUSE_NS = 50000000 };

struct request {
    PGcancel *cancel;
    int done;
};

static void make_request(void *thing)
{
    struct request *request = thing;
    char message[256];
    request->done = PQcancel(request->cancel, message, sizeof message);
}

static void drop_request(void *thing)
{
    struct request *request = thing;
    PQfreeCancel(request->cancel);
    free(request);
}

/* Asks the server to stop what the connection runs. */
static int ask_to_stop(PGconn *connection, thrum_deadline deadline)
{
    struct request *request = malloc(sizeof *request);
    if (!request)
        return -ENOMEM;
    *request = (struct request){.cancel = PQgetCancel(connection)};
    int rc = -ENOMEM;
    if (request->cancel)
        rc = thrum_pq__detached_call(make_request, drop_request, request, deadline);
    else
        free(request);
    if (rc < 0)
        return rc;
    rc = request->done ? 0 : -ECONNREFUSED;
    drop_request(request);
    return rc;
}

/* What was sent by halves is sent first: the server does not look for requests within a message. */
static int stop(PGconn *connection, thrum_deadline deadline)
{
    thrum_time pause = FIRST_PAUSE_NS;
    PGresult *result = NULL;
    int rc = flush(connection, deadline);
    while (rc == 0) {
        rc = ask_to_stop(connection, deadline);
        if (rc < 0)
            return rc;
        thrum_deadline slice = thrum_at(thrum_now() + pause);
        rc = gather(connection, thrum_deadline_sooner(slice, deadline), &result);
        if (rc != -ETIMEDOUT || slice.ns >= deadline.ns)
            break;
        pause *= 2;
        rc = 0;
    }
    PQclear(result);
    return rc;
}

int thrum_pq_cancel(PGconn *connection, thrum_deadline deadline)
{
    if (PQstatus(connection) != CONNECTION_OK)
        return -EPIPE;
    if (PQtransactionStatus(connection) != PQTRANS_ACTIVE)
        return 0;
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    thrum_shield_begin();
    int rc = stop(connection, deadline);
    thrum_shield_end();
    return rc;
}

/* -------------------------------------------------------------------------------- notifications */

int thrum_pq_notify_get(PGconn *connection, PGnotify **ret_notify, thrum_deadline deadline)
{
    PGnotify *notify;
    while (!(notify = PQnotifies(connection))) {
        int rc = thrum_wait_readable(PQsocket(connection), deadline);
        if (rc < 0)
            return rc == -EBADF ? -EPIPE : rc;
        if (!PQconsumeInput(connection))
            return -EPIPE;
    }
    *ret_notify = notify;
    return 0;
}
