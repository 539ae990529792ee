/* A server that speaks as much of PostgreSQL's protocol as the tests need, and misbehaves on demand. */
#ifndef TESTS_ADAPTER_FAKE_POSTGRES_H
#define TESTS_ADAPTER_FAKE_POSTGRES_H

#include <stdint.h>
#include <thrum.h>

enum { FAKE_CONNECTIONS = 256 };

struct fake_postgres {
    thrum_socket *listener;
    uint32_t queries;       /* how many have come */
    uint32_t requests;      /* how many have come to stop one */
    uint32_t ignored;       /* how many of these do nothing, as if they came too early */
    uint32_t hold_requests; /* they get no answer until `let_go` */
    uint32_t deaf;          /* after the greeting nothing is read until `let_go` */
    thrum_event stopped;    /* the query that runs is to end as one that was stopped */
    thrum_event let_go;
};

/* Opens the listener at a free port of this machine. */
void fake_postgres_open(struct fake_postgres *server);

/* Answers one connection until the client is gone; takes the socket. What it does with a query is said
 * by the query's text:
 *     ok        answers that it is done
 *     slow      answers nothing until a request to stop it has come
 *     notify    answers, and a notification follows
 *     copy      asks for data, as COPY does
 *     die       ends the connection
 * A query with parameters is answered by "ok". */
void fake_postgres_serve(struct fake_postgres *server, thrum_socket *peer);

#endif
