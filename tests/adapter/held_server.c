#include "held_server.h"

#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct connection {
    struct held_server *server;
    thrum_socket *peer;
};

static int send_page(thrum_socket *peer, size_t size)
{
    char head[128];
    int length = snprintf(
        head, sizeof head,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", size);
    int rc = thrum_socket_write(peer, head, (size_t)length, THRUM_FOREVER);
    static const char letters[4096] = "hello";
    while (size > 0 && rc == 0) {
        size_t part = size < sizeof letters ? size : sizeof letters;
        rc = thrum_socket_write(peer, letters, part, THRUM_FOREVER);
        size -= part;
    }
    return rc;
}

static int hold(struct held_server *server)
{
    uint32_t now = thrum__add_acq_rel(&server->held, 1) + 1;
    if (now > thrum__load_relaxed(&server->most)) /* the server has one worker */
        thrum__store_release(&server->most, now);
    int rc = thrum_event_wait(&server->gate, THRUM_FOREVER);
    thrum__sub_acq_rel(&server->held, 1);
    return rc;
}

static int answer(struct held_server *server, thrum_socket *peer, const char *request)
{
    if (strncmp(request, "GET /held ", 10) == 0) {
        int rc = hold(server);
        return rc < 0 ? rc : send_page(peer, 5);
    }
    if (strncmp(request, "GET /now ", 9) == 0)
        return send_page(peer, 5);
    if (strncmp(request, "GET /big ", 9) == 0)
        return send_page(peer, HELD_SERVER_BIG);
    static const struct linger at_once = {.l_onoff = 1};
    setsockopt(thrum_socket_descriptor(peer), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return -ECONNRESET;
}

/* Answers one request after another until the client goes. */
static int serve(thrum_task *self)
{
    struct connection connection = thrum_arg(self, struct connection);
    char text[2048];
    size_t there = 0;
    ptrdiff_t got;
    int rc = 0;
    while (rc == 0 && (got = thrum_socket_read(connection.peer, text + there,
                                               sizeof text - 1 - there, THRUM_FOREVER)) > 0) {
        there += (size_t)got;
        text[there] = '\0';
        if (!strstr(text, "\r\n\r\n"))
            continue;
        rc = answer(connection.server, connection.peer, text);
        there = 0;
    }
    thrum_socket_free(connection.peer);
    return 0;
}

static int accept_all(thrum_task *self)
{
    struct held_server *server = thrum_arg(self, struct held_server *);
    struct connection connection = {.server = server};
    int rc;
    while ((rc = thrum_socket_accept(server->listener, &connection.peer, THRUM_FOREVER)) == 0) {
        thrum__add_release(&server->connections, 1);
        thrum_future_free(thrum_submit(server->pool, serve, &connection, sizeof connection));
    }
    return rc == -EBADF ? 0 : rc;
}

void held_server_start(struct held_server *ret_server)
{
    memset(ret_server, 0, sizeof *ret_server);
    ret_server->pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    CHECK(ret_server->pool != NULL);
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &ret_server->listener), ==, 0);
    ret_server->port = thrum_socket_port(ret_server->listener);
    ret_server->accepting =
        thrum_submit(ret_server->pool, accept_all, thrum_value(struct held_server *, ret_server));
}

void held_server_stop(struct held_server *server)
{
    thrum_socket_close(server->listener);
    thrum_event_set(&server->gate);
    CHECK_INT(thrum_future_result(server->accepting, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(server->accepting);
    thrum_executor_shutdown(server->pool);
    thrum_socket_free(server->listener);
}
