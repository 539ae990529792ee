/* An HTTP server in the test's own process: fibers that answer at once, when the test says so, badly, or
 * never. It counts, so that a test can wait for requests that have arrived and need not guess. */
#ifndef TESTS_ADAPTER_HELD_SERVER_H
#define TESTS_ADAPTER_HELD_SERVER_H

#include <stdint.h>
#include <thrum.h>

/*  GET /now      "hello"
 *  GET /held     the same, once the gate is open
 *  GET /big      a megabyte
 *  GET /reset    the connection is reset */
struct held_server {
    thrum_executor *pool;
    thrum_socket *listener;
    thrum_future *accepting;
    int port;
    thrum_event gate;
    uint32_t held;        /* requests that wait for the gate now */
    uint32_t most;        /* at a time so far */
    uint32_t connections; /* that were accepted so far */
};

/* What /big sends. */
enum { HELD_SERVER_BIG = 1 << 20 };

void held_server_start(struct held_server *ret_server);

/* Its clients must have closed their connections. */
void held_server_stop(struct held_server *server);

#endif
