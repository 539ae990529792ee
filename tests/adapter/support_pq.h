/* What the tests of libthrum-pq share: a server that the test plays itself, and calls that must succeed or
 * must fail. */
#ifndef TESTS_ADAPTER_SUPPORT_PQ_H
#define TESTS_ADAPTER_SUPPORT_PQ_H

#include "../carrier.h"
#include "fake_postgres.h"

#include <stdio.h>
#include <thrum_pq.h>

struct call {
    struct fake_postgres *server;
    thrum_socket *peer;
};

static inline int serve_one(thrum_task *self)
{
    const struct call *call = &thrum_arg(self, struct call);
    fake_postgres_serve(call->server, call->peer);
    return 0;
}

/* Serves all who come until the listener is closed. */
static inline int serve_all(thrum_task *self)
{
    struct fake_postgres *server = thrum_arg(self, struct fake_postgres *);
    thrum_thread *served[FAKE_CONNECTIONS];
    thrum_socket *peer;
    int count = 0;
    while (thrum_socket_accept(server->listener, &peer, THRUM_FOREVER) == 0) {
        CHECK_INT(count, <, FAKE_CONNECTIONS);
        served[count++] = thrum_thread_start(serve_one, thrum_value(struct call, server, peer));
    }
    while (count > 0)
        JOIN(served[--count], 0);
    return 0;
}

struct world {
    struct fake_postgres server;
    thrum_thread *serving;
    char conninfo[200];
};

static inline void begin(struct world *world)
{
    fake_postgres_open(&world->server);
    snprintf(world->conninfo, sizeof world->conninfo,
             "host=127.0.0.1 port=%d user=me sslmode=disable gssencmode=disable",
             thrum_socket_port(world->server.listener));
    world->serving =
        thrum_thread_start(serve_all, thrum_value(struct fake_postgres *, &world->server));
}

static inline void end(struct world *world)
{
    thrum_socket_close(world->server.listener);
    JOIN(world->serving, 0);
    thrum_socket_free(world->server.listener);
}

static inline PGconn *connect_to(const struct world *world)
{
    PGconn *connection = NULL;
    thrum_error error = {0};
    CHECK_INT(thrum_pq_connect(world->conninfo, &connection, &error, THRUM_FOREVER), ==, 0);
    CHECK_STR(error.message, "");
    CHECK_INT(PQstatus(connection), ==, CONNECTION_OK);
    return connection;
}

/* Runs a query that is to give a result, and gives the result's status. */
static inline ExecStatusType status_of(PGconn *connection, const char *sql)
{
    PGresult *result = NULL;
    CHECK_INT(thrum_pq_query(connection, sql, &result, THRUM_FOREVER), ==, 0);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status;
}

/* Runs a query that is to fail, and gives the code. */
static inline int code_of(PGconn *connection, const char *sql, thrum_deadline deadline)
{
    PGresult *untouched = (PGresult *)connection, *result = untouched;
    int rc = thrum_pq_query(connection, sql, &result, deadline);
    CHECK(result == untouched);
    return rc;
}

/* A port where nobody listens, as far as one can tell. */
static inline int dead_port(void)
{
    thrum_socket *listener;
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    int port = thrum_socket_port(listener);
    thrum_socket_free(listener);
    return port;
}

#endif
