/* Edges that come at an awkward moment, and addresses that the system gives up. */
#include "harness.h"
#include "net/socket.h"
#include "support.h"

#include <errno.h>
#include <netinet/in.h>

enum { TURNS = 64 }; /* a call that need not wait gives a turn to others each so often: socket.c */

static thrum_socket *listener, *near, *far;
static uint32_t reader, begun;
static bool at_the_turn, written, done;

static void connect_pair(void)
{
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    CHECK_INT(thrum_socket_connect("127.0.0.1", port, &near, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_accept(listener, &far, THRUM_FOREVER), ==, 0);
}

static void free_pair(void)
{
    thrum_socket_free(listener);
    thrum_socket_free(near);
    thrum_socket_free(far);
}

/* The last of its reads that find something gives a turn to the writer, and has found less than it has room for. */
static int read_to_the_turn(thrum_task *self)
{
    char bytes[100];
    (void)self;
    tell_ident(&reader);
    CHECK_INT(thrum_socket_read(near, bytes, 1, THRUM_FOREVER), ==, 1); /* this one waits */
    for (int i = 1; i < TURNS; i++)
        CHECK_INT(thrum_socket_read(near, bytes, 1, THRUM_FOREVER), ==, 1);
    at_the_turn = true;
    CHECK_INT(thrum_socket_read(near, bytes, sizeof bytes, THRUM_FOREVER), ==, 1);
    CHECK_INT(thrum_socket_read(near, bytes, sizeof bytes, THRUM_FOREVER), ==, 1);
    done = true;
    return 0;
}

enum { OTHERS = 200 }; /* more than the worker lets run before it asks its poller */

/* One of those that run during that turn. The first of them writes what comes then. */
static int run_in_the_turn(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&begun, 1);
    while (!done) {
        if (at_the_turn && !written) {
            written = true;
            CHECK_INT(thrum_socket_write(far, "", 1, THRUM_FOREVER), ==, 0);
        }
        thrum_yield();
    }
    return 0;
}

/* A worker asks its poller only while somebody waits for it. */
static int wait_for_a_connection(thrum_task *self)
{
    thrum_socket *socket;
    (void)self;
    CHECK_INT(thrum_socket_accept(listener, &socket, THRUM_FOREVER), ==, -EBADF);
    return 0;
}

TEST(an_edge_that_comes_in_the_turn_of_a_read_is_not_lost)
{
    char bytes[1 + TURNS] = {0};
    thrum_future *others[OTHERS];
    connect_pair();
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_future *waits = thrum_submit(pool, wait_for_a_connection, THRUM_NOTHING);
    thrum_future *reads = thrum_submit(pool, read_to_the_turn, THRUM_NOTHING);
    UNTIL(waits_for(&reader, "readable"));
    for (int i = 0; i < OTHERS; i++)
        others[i] = thrum_submit(pool, run_in_the_turn, THRUM_NOTHING);
    UNTIL(thrum__load_relaxed(&begun) == OTHERS);
    CHECK_INT(thrum_socket_write(far, bytes, sizeof bytes, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_result(reads, NULL, 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_close(listener), ==, 0);
    CHECK_INT(thrum_future_result(waits, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(waits);
    for (int i = 0; i < OTHERS; i++) {
        CHECK_INT(thrum_future_result(others[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(others[i]);
    }
    thrum_future_free(reads);
    thrum_executor_shutdown(pool);
    free_pair();
}

/* The system gives up the first `count` of two addresses. */
static int connect_with_lost(uint32_t count, thrum_deadline deadline)
{
    thrum__address addresses[2];
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)thrum_socket_port(listener)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    thrum_socket *socket = NULL;
    for (int i = 0; i < 2; i++) {
        memcpy(&addresses[i].storage, &to, sizeof to);
        addresses[i].length = sizeof to;
    }
    thrum__fault_arm(THRUM__FAULT_CONNECT, 1, count);
    int rc = thrum__connect_first(addresses, 2, deadline, &socket);
    CHECK_INT(thrum__fault_calls(THRUM__FAULT_CONNECT), ==, deadline.ns < thrum_now() ? 1 : 2);
    thrum__fault_disarm(THRUM__FAULT_CONNECT);
    CHECK((rc == 0) == (socket != NULL));
    thrum_socket_free(socket);
    return rc;
}

TEST(an_address_that_the_system_gives_up_is_passed_over)
{
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    CHECK_INT(connect_with_lost(1, THRUM_FOREVER), ==, 0);
    CHECK_INT(connect_with_lost(1, thrum_in(60)), ==, 0);
    CHECK_INT(connect_with_lost(2, THRUM_FOREVER), ==, -ETIMEDOUT);
    CHECK_INT(connect_with_lost(1, thrum_at(thrum_now() - 1)), ==,
              -ETIMEDOUT); /* the caller's deadline */
    thrum_socket_free(listener);
}
