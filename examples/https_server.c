/* The small HTTP server over TLS: answers each GET, keeps connections open.
 *
 *     https_server                          makes a certificate, asks itself twice, and ends
 *     https_server PORT CERTIFICATE KEY     serves until SIGINT or SIGTERM; files in PEM format
 *
 * Each connection has a fiber. After the handshake it reads and writes a stream, as it would
 * without TLS.
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
#include <sys/mman.h>
#include <thrum.h>
#include <thrum_tls.h>
#include <unistd.h>

#define END "\r\n\r\n"

static const char found[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                            "Content-Length: 14" END "Hello, world!\n";
static const char refused[] = "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"
                              "Content-Length: 0\r\nConnection: close" END;

enum { ROOM = 4096 };

static thrum_tls *tls; /* of the server */

static int answer(thrum_stream *stream, const char *text)
{
    int rc = thrum_stream_write(stream, text, strlen(text), thrum_in(10));
    return rc < 0 ? rc : thrum_stream_flush(stream, thrum_in(10));
}

static int serve(thrum_task *self)
{
    thrum_socket *peer = thrum_arg(self, thrum_socket *);
    thrum_stream *stream;
    char text[ROOM];
    int rc = thrum_stream_from_socket(peer, NULL, &stream);
    if (rc < 0) {
        thrum_socket_free(peer);
        return rc;
    }
    rc = thrum_tls_accept(tls, stream, NULL, thrum_in(10));
    while (rc == 0) {
        ptrdiff_t size = thrum_stream_read_until(stream, END, 4, text, sizeof text, thrum_in(60));
        if (size <= 0)
            break;
        bool get = size > 4 && memcmp(text, "GET ", 4) == 0;
        rc = answer(stream, get ? found : refused);
        if (!get)
            break;
    }
    (void)!thrum_stream_close(stream, thrum_in(10)); /* a client that has gone is no failure */
    thrum_stream_free(stream);
    return 0; /* nor is a process that does not trust us */
}

static int accept_all(thrum_task *self)
{
    thrum_socket *listener = thrum_arg(self, thrum_socket *), *peer;
    int rc;
    while ((rc = thrum_socket_accept(listener, &peer, THRUM_FOREVER)) == 0)
        thrum_future_free(
            thrum_submit(thrum_fiber_pool_current(), serve, thrum_value(thrum_socket *, peer)));
    return rc == -EBADF ? 0 : rc;
}

/* ----------------------------------------------------------------------------- asking ourselves */

struct question {
    uint16_t port;
    const char *trusted;
};

/* Two requests over one connection; prints the first line of each answer. */
static int talk(thrum_stream *stream)
{
    char text[sizeof found];
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = answer(stream, "GET / HTTP/1.1\r\nHost: localhost" END);
        if (rc == 0 && thrum_stream_read_exact(stream, text, sizeof found - 1, thrum_in(10)) <= 0)
            rc = -EPIPE;
        if (rc == 0)
            printf("%.*s\n", (int)strcspn(text, "\r"), text);
    }
    return rc;
}

static int ask(thrum_task *self)
{
    const struct question *question = &thrum_arg(self, struct question);
    thrum_tls_options options = {.trusted = question->trusted};
    thrum_tls *trust;
    thrum_stream *stream;
    thrum_error error;
    int rc = thrum_tls_new_client(&options, &trust, &error);
    if (rc < 0)
        return thrum_fail(self, rc, "%s", error.message);
    rc = thrum_stream_connect("127.0.0.1", question->port, NULL, &stream, thrum_in(10));
    if (rc == 0) {
        rc = thrum_tls_connect(trust, stream, "localhost", &error, thrum_in(10));
        if (rc < 0)
            warnx("%s", error.message);
        else
            rc = talk(stream);
        (void)!thrum_stream_close(stream, thrum_in(10)); /* the answer is there */
        thrum_stream_free(stream);
    }
    thrum_tls_free(trust);
    return rc;
}

/* Has openssl make a certificate and its key, in memory. */
static void make_certificate(char certificate[64], char key[64])
{
    char command[512];
    snprintf(certificate, 64, "/proc/%d/fd/%d", (int)getpid(), memfd_create("certificate", 0));
    snprintf(key, 64, "/proc/%d/fd/%d", (int)getpid(), memfd_create("key", 0));
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
             "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout %s -out %s "
             "2>/dev/null",
             key, certificate);
    if (system(command) != 0)
        errx(EXIT_FAILURE, "cannot make a certificate: does `openssl` work?");
}

static int ask_ourselves(thrum_executor *pool, uint16_t port, const char *certificate)
{
    thrum_future *client = thrum_submit(pool, ask, thrum_value(struct question, port, certificate));
    int rc = thrum_future_result(client, NULL, 0, THRUM_FOREVER);
    if (rc == THRUM_FAILED)
        rc = thrum_future_error(client)->code;
    thrum_future_free(client);
    return rc;
}

static int wait_for_the_end(uint16_t port)
{
    thrum_signals *stop;
    int rc = thrum_signals_new((int[]){SIGINT, SIGTERM}, 2, &stop);
    if (rc < 0)
        return rc;
    printf("port %u\n", port);
    fflush(stdout);
    rc = thrum_signals_wait(stop, THRUM_FOREVER);
    thrum_signals_free(stop);
    return rc < 0 ? rc : 0;
}

int main(int count, char **words)
{
    char certificate[64], key[64];
    thrum_socket *listener;
    thrum_error error;
    bool asks = count < 4;
    if (asks)
        make_certificate(certificate, key);
    thrum_tls_options options = {.certificate = asks ? certificate : words[2],
                                 .key = asks ? key : words[3]};
    if (thrum_tls_new_server(&options, &tls, &error) < 0)
        errx(EXIT_FAILURE, "%s", error.message);
    int rc = thrum_socket_listen("127.0.0.1", asks ? 0 : (uint16_t)atoi(words[1]), NULL, &listener);
    if (rc < 0)
        errx(EXIT_FAILURE, "cannot listen: %s", thrum_strerror(rc));
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    thrum_executor *pool = thrum_fiber_pool_new(NULL);
    if (!pool)
        errx(EXIT_FAILURE, "out of memory");
    thrum_future *server = thrum_submit(pool, accept_all, thrum_value(thrum_socket *, listener));
    rc = asks ? ask_ourselves(pool, port, certificate) : wait_for_the_end(port);
    if (rc < 0)
        errx(EXIT_FAILURE, "%s", thrum_strerror(rc));
    thrum_socket_close(listener);
    thrum_future_free(server);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.cancel_running = true});
    thrum_socket_free(listener);
    thrum_tls_free(tls);
    return 0;
}
