/* Connecting: libpq's steps, each on a helper thread, with a wait of the caller between two steps.
 *
 * A step of PQconnectPoll does not wait for the server. But it resolves names, in the first step
 * and for each further host. It reads files of passwords, services and certificates, may ask a
 * ticket server, and hashes the password some thousand times, which takes milliseconds. In a fiber
 * that would block all other fibers of the worker. A hand-off to a helper costs some microseconds,
 * and the server starts a process for each connection anyway.
 *
 * Rejected: resolving the name first and passing "hostaddr". There may be several hosts with
 * several addresses, from a service file or the environment; libpq knows best. Rejected:
 * PQconnectdb as a whole on a helper: servers that do not answer would occupy all helpers.
 *
 * While it connects, the descriptor of a connection changes with each address, so it is read before
 * each wait. No caller waits for it while libpq closes it, because the caller that waits also takes
 * the next step.
 */
#include "detached_call.h"
#include "thrum_pq.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

/* A connection in the making. The text is a copy, as a helper may read it when the caller has left. */
struct attempt {
    PGconn *connection;
    PostgresPollingStatusType next;
    char conninfo[];
};

static void take_step(void *thing)
{
    struct attempt *attempt = thing;
    if (attempt->connection) {
        attempt->next = PQconnectPoll(attempt->connection);
        return;
    }
    attempt->connection = PQconnectStart(attempt->conninfo);
    attempt->next = PQstatus(attempt->connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED
                                                                    : PGRES_POLLING_WRITING;
}

static void drop_attempt(void *thing)
{
    struct attempt *attempt = thing;
    PQfinish(attempt->connection);
    free(attempt);
}

/* Fills in the error if there is one to fill. libpq's messages end by a line feed. Returns `code`. */
static int tell(thrum_error *ret_error, int code, const char *message)
{
    if (!ret_error)
        return code;
    size_t length = strlen(message);
    while (length > 0 && message[length - 1] == '\n')
        length--;
    ret_error->code = code;
    snprintf(ret_error->message, sizeof ret_error->message, "%.*s", (int)length, message);
    return code;
}

static int check_conninfo(const char *conninfo, thrum_error *ret_error)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &message);
    if (options) {
        PQconninfoFree(options);
        return 0;
    }
    int rc = message ? -EINVAL : -ENOMEM;
    tell(ret_error, rc, message ? message : thrum_strerror(rc));
    PQfreemem(message);
    return rc;
}

static struct attempt *begin_attempt(const char *conninfo)
{
    size_t size = strlen(conninfo) + 1;
    struct attempt *attempt = malloc(sizeof *attempt + size);
    if (!attempt)
        return NULL;
    attempt->connection = NULL;
    memcpy(attempt->conninfo, conninfo, size);
    return attempt;
}

/* Waits for what the next step needs. */
static int wait_for_server(const struct attempt *attempt, thrum_deadline deadline)
{
    int descriptor = PQsocket(attempt->connection);
    return attempt->next == PGRES_POLLING_READING ? thrum_wait_readable(descriptor, deadline)
                                                  : thrum_wait_writable(descriptor, deadline);
}

/* Takes steps until there is a connection or none can be had. After a failure the attempt is gone. */
static int take_steps(struct attempt *attempt, thrum_deadline deadline)
{
    int rc;
    while ((rc = thrum_pq__detached_call(take_step, drop_attempt, attempt, deadline)) == 0) {
        if (attempt->next == PGRES_POLLING_OK || attempt->next == PGRES_POLLING_FAILED)
            return 0;
        rc = wait_for_server(attempt, deadline);
        if (rc < 0) {
            drop_attempt(attempt);
            return rc;
        }
    }
    return rc;
}

int thrum_pq_connect(const char *conninfo, PGconn **ret_connection, thrum_error *ret_error,
                     thrum_deadline deadline)
{
    int rc = check_conninfo(conninfo, ret_error);
    if (rc < 0)
        return rc;
    struct attempt *attempt = thrum_deadline_is_now(deadline) ? NULL : begin_attempt(conninfo);
    rc = thrum_deadline_is_now(deadline) ? -EAGAIN
         : attempt                       ? take_steps(attempt, deadline)
                                         : -ENOMEM;
    if (rc < 0)
        return tell(ret_error, rc, thrum_strerror(rc));
    if (attempt->next == PGRES_POLLING_OK && PQsetnonblocking(attempt->connection, 1) == 0) {
        *ret_connection = attempt->connection;
        attempt->connection = NULL;
    } else {
        rc = tell(ret_error, attempt->connection ? -ECONNREFUSED : -ENOMEM,
                  PQerrorMessage(attempt->connection));
    }
    drop_attempt(attempt);
    return rc;
}
