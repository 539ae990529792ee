/* A small HTTP/1.1 server: answers each GET, keeps connections open, ends by Ctrl-C.
 *
 *     http_server                  asks itself twice, and ends
 *     http_server PORT [WORKERS]   serves until SIGINT or SIGTERM
 *
 * Each connection has a fiber. It understands as much of HTTP as a load generator needs: requests without a body, of
 * which one read may give several or only a part.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <thrum.h>

#define BODY "Hello, world!\n"

static const char found[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                            "Content-Length: 14\r\n\r\n" BODY;
static const char refused[] = "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"
                              "Content-Length: 0\r\nConnection: close\r\n\r\n";

enum { ROOM = 4096 };

/* The requests that came together. */
struct requests {
    int count;
    bool refused; /* one of another kind follows them */
};

/* Counts the requests that are complete, and says how many bytes they are. */
static ptrdiff_t count_requests(void *arg, const char *text, size_t size)
{
    static const char end[] = "\r\n\r\n";
    struct requests *requests = arg;
    const char *begin = text, *stop;
    while (!requests->refused && (stop = memmem(begin, size - (size_t)(begin - text), end, 4))) {
        if (strncmp(begin, "GET ", 4) == 0)
            requests->count++;
        else
            requests->refused = true;
        begin = stop + 4;
    }
    return begin - text;
}

static int answer(thrum_socket *peer, const struct requests *requests)
{
    int rc = 0;
    for (int i = 0; i < requests->count && rc == 0; i++)
        rc = thrum_socket_write(peer, found, sizeof found - 1, thrum_in(10));
    if (rc == 0 && requests->refused)
        rc = thrum_socket_write(peer, refused, sizeof refused - 1, thrum_in(10));
    return rc == 0 && requests->refused ? -EPIPE : rc;
}

/* The stream has memory only while a request is in it: an idle connection costs its fiber. */
static int serve(thrum_task *self)
{
    thrum_socket *peer = thrum_arg(self, thrum_socket *);
    thrum_stream *stream;
    int rc = thrum_socket_no_delay(peer, true);
    if (rc < 0 || thrum_stream_from_socket(peer, NULL, &stream) < 0) {
        thrum_socket_free(peer);
        return 0;
    }
    while (rc == 0) {
        struct requests requests = {0};
        ptrdiff_t got = thrum_stream_consume(stream, ROOM, count_requests, &requests, thrum_in(60));
        rc = got > 0 ? answer(peer, &requests) : -EPIPE;
    }
    thrum_stream_free(stream);
    return 0; /* that a client has gone is no failure */
}

static int accept_all(thrum_task *self)
{
    thrum_socket *listener = thrum_arg(self, thrum_socket *), *peer;
    int rc;
    while ((rc = thrum_socket_accept(listener, &peer, THRUM_FOREVER)) == 0)
        thrum_future_free(thrum_submit(thrum_fiber_pool_current(), serve,
                                       thrum_owned(thrum_socket_destroy, thrum_socket *, peer)));
    return rc == -EBADF ? 0 : rc;
}

/* Two requests over one connection, the second in two pieces; prints the first line of each answer. */
static int ask(thrum_task *self)
{
    static const char *const pieces[] = {"GET / HTTP/1.1\r\nHost: here\r\n\r\n", "GET /other HTTP",
                                         "/1.1\r\nHost: here\r\n\r\n"};
    thrum_socket *socket;
    int rc = thrum_socket_connect("127.0.0.1", thrum_arg(self, uint16_t), &socket, thrum_in(10));
    for (int i = 0; i < 3 && rc == 0; i++) {
        char text[sizeof found];
        size_t used = 0;
        rc = thrum_socket_write(socket, pieces[i], strlen(pieces[i]), thrum_in(10));
        while (i != 1 && rc == 0 && used < sizeof found - 1) {
            ptrdiff_t got =
                thrum_socket_read(socket, text + used, sizeof text - used, thrum_in(10));
            rc = got > 0 ? 0 : got < 0 ? (int)got : -EPIPE;
            used += got > 0 ? (size_t)got : 0;
        }
        if (i != 1 && rc == 0)
            printf("%.*s\n", (int)strcspn(text, "\r"), text);
    }
    if (rc == 0)
        thrum_socket_free(socket);
    return rc;
}

static int ask_ourselves(thrum_executor *pool, uint16_t port)
{
    thrum_future *client = thrum_submit(pool, ask, thrum_value(uint16_t, port));
    int rc = thrum_future_result(client, NULL, 0, THRUM_FOREVER);
    if (rc == THRUM_FAILED)
        rc = thrum_future_error(client)->code;
    thrum_future_free(client);
    return rc;
}

static int wait_for_the_end(thrum_executor *pool, uint16_t port, bool asks)
{
    if (asks)
        return ask_ourselves(pool, port);
    thrum_signals *stop;
    int rc = thrum_signals_new((int[]){SIGINT, SIGTERM}, 2, &stop);
    if (rc < 0)
        return rc;
    rc = thrum_signals_wait(stop, THRUM_FOREVER);
    thrum_signals_free(stop);
    return rc < 0 ? rc : 0;
}

/* Each connection takes a descriptor. By default a program may open a thousand and may ask for more. */
static void want_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        warn("cannot serve more than %ju connections at once", (uintmax_t)before);
}

int main(int count, char **words)
{
    thrum_socket *listener;
    want_descriptors();
    uint16_t port = count > 1 ? (uint16_t)atoi(words[1]) : 0;
    int rc = thrum_socket_listen("127.0.0.1", port, NULL, &listener);
    if (rc < 0)
        errx(EXIT_FAILURE, "cannot listen: %s", thrum_strerror(rc));
    thrum_executor *pool = thrum_fiber_pool_new(
        &(thrum_fiber_pool_options){.max_workers = count > 2 ? atoi(words[2]) : 0});
    if (!pool)
        errx(EXIT_FAILURE, "out of memory");
    thrum_future *server = thrum_submit(pool, accept_all, thrum_value(thrum_socket *, listener));
    rc = wait_for_the_end(pool, (uint16_t)thrum_socket_port(listener), count < 2);
    if (rc < 0)
        errx(EXIT_FAILURE, "%s", thrum_strerror(rc));
    thrum_socket_close(listener);
    thrum_future_free(server);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.cancel_running = true});
    thrum_socket_free(listener);
    return 0;
}
