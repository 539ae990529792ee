/* An echo server and its clients in one program: a hundred connections, each served by a fiber.
 *
 * The server reads and writes as if it had only one connection: a wait blocks only the fiber of that connection. In
 * asyncio this function, and each function that it calls, must be a coroutine.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

enum { CLIENTS = 100, SENTENCES = 10 };

static int serve(thrum_task *self)
{
    thrum_socket *peer = thrum_arg(self, thrum_socket *);
    char text[1024];
    ptrdiff_t got;
    while ((got = thrum_socket_read(peer, text, sizeof text, thrum_in(10))) > 0) {
        int rc = thrum_socket_write(peer, text, (size_t)got, thrum_in(10));
        if (rc < 0) {
            got = rc;
            break;
        }
    }
    thrum_socket_free(peer);
    return (int)got;
}

/* Ends when somebody closes the listener. */
static int accept_all(thrum_task *self)
{
    thrum_socket *listener = thrum_arg(self, thrum_socket *), *peer;
    int rc;
    while ((rc = thrum_socket_accept(listener, &peer, THRUM_FOREVER)) == 0)
        thrum_future_free(thrum_submit(thrum_fiber_pool_current(), serve,
                                       thrum_owned(thrum_socket_destroy, thrum_socket *, peer)));
    return rc == -EBADF ? 0 : rc;
}

struct client {
    int number;
    uint16_t port;
};

/* Says some sentences, and counts how many come back as they were. */
static int talk(thrum_task *self)
{
    const struct client *me = &thrum_arg(self, struct client);
    thrum_socket *socket;
    int same = 0;
    int rc = thrum_socket_connect("127.0.0.1", me->port, &socket, thrum_in(10));
    if (rc < 0)
        return thrum_fail(self, rc, "client %d cannot connect: %s", me->number, thrum_strerror(rc));
    for (int i = 0; i < SENTENCES && rc == 0; i++) {
        char said[64], heard[64];
        size_t size = (size_t)snprintf(said, sizeof said, "client %d, sentence %d", me->number, i);
        size_t there = 0;
        rc = thrum_socket_write(socket, said, size, thrum_in(10));
        while (rc == 0 && there < size) {
            ptrdiff_t got = thrum_socket_read(socket, heard + there, size - there, thrum_in(10));
            if (got <= 0)
                rc = got < 0 ? (int)got : -EPIPE;
            else
                there += (size_t)got;
        }
        same += rc == 0 && memcmp(said, heard, size) == 0;
    }
    thrum_socket_free(socket);
    return rc < 0 ? rc : thrum_return(self, thrum_value(int, same));
}

int main(void)
{
    thrum_socket *listener;
    int rc = thrum_socket_listen("127.0.0.1", 0, NULL, &listener);
    if (rc < 0)
        errx(EXIT_FAILURE, "cannot listen: %s", thrum_strerror(rc));
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    thrum_executor *pool = thrum_fiber_pool_new(NULL);
    if (!pool)
        errx(EXIT_FAILURE, "out of memory");
    thrum_future *server = thrum_submit(pool, accept_all, thrum_value(thrum_socket *, listener));
    thrum_future *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = thrum_submit(pool, talk, thrum_value(struct client, i, port));
    int same = 0;
    for (int i = 0; i < CLIENTS; i++) {
        int count;
        rc = thrum_future_result(clients[i], &count, sizeof count, THRUM_FOREVER);
        if (rc != 0)
            errx(EXIT_FAILURE, "%s", thrum_future_error(clients[i])->message);
        same += count;
        thrum_future_free(clients[i]);
    }
    printf("%d clients: %d of %d sentences came back as they were\n", CLIENTS, same,
           CLIENTS * SENTENCES);
    thrum_socket_close(listener); /* wakes the server */
    rc = thrum_future_result(server, NULL, 0, THRUM_FOREVER);
    printf("the server: %s\n", thrum_strerror(rc));
    thrum_future_free(server);
    thrum_executor_shutdown(pool);
    thrum_socket_free(listener);
    return 0;
}
