/* A chat server with TLS: what one guest writes, all others read.
 *
 *     tls_chat PORT CERTIFICATE.pem KEY.pem
 *     openssl s_client -quiet -connect localhost:PORT      # a guest; its first line is its name
 *
 * Each guest has two fibers, one that reads and one that writes. All run on one worker. No other fiber runs between two
 * waits, so the room needs no lock. A guest that does not read must not delay the others. So lines wait in a bounded queue
 * for each guest, and a guest whose queue is full must leave. The tutorial docs/tutorials/chat.md builds it step by
 * step.
 *
 * Ctrl-C tells the guests that the server ends, sends what is waiting, and ends with 0. With 2 it cannot begin.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <thrum_tls.h>

enum { SEATS = 1000, LINE = 400, NAME = 24, WAITING = 64 };
static const double handshake_limit = 10, idle_limit = 3600, send_limit = 10;

struct line {
    char text[LINE + NAME + 8];
};

struct guest {
    char name[NAME]; /* "" until it has said it */
    thrum_socket *socket;
    thrum_stream *stream;
    thrum_queue *lines; /* to be sent */
};

static thrum_tls *tls;
static struct guest *seats[SEATS]; /* NULL: free */
static bool ending;

/* ----------------------------------------------------------------------------------------- the room */

/* Puts a line into the queue of a guest. One that does not read what it gets is sent away. */
static void tell(struct guest *guest, const struct line *line)
{
    if (thrum_queue_put(guest->lines, line, THRUM_NOW) == -EAGAIN)
        thrum_queue_close_now(guest->lines);
}

static void tell_others(const struct guest *speaker, const char *format, const char *text)
{
    struct line line;
    snprintf(line.text, sizeof line.text, format, speaker ? speaker->name : "", text);
    for (size_t i = 0; i < SEATS; i++)
        if (seats[i] && seats[i] != speaker && seats[i]->name[0])
            tell(seats[i], &line);
}

/* Takes newline and control characters out of a line, which could move the cursor of a terminal. */
static void clean(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++)
        if (!iscntrl((unsigned char)*from))
            *to++ = *from;
    *to = 0;
}

/* --------------------------------------------------------------------------------------- a guest */

/* The fiber that writes. When it ends, the guest's reader ends, too. */
static int send_lines(thrum_task *self)
{
    struct guest *guest = thrum_arg(self, struct guest *);
    struct line line;
    int rc;
    while ((rc = thrum_queue_get(guest->lines, &line, THRUM_FOREVER)) == 0) {
        rc = thrum_stream_write(guest->stream, line.text, strlen(line.text), thrum_in(send_limit));
        if (rc == 0)
            rc = thrum_stream_flush(guest->stream, thrum_in(send_limit));
        if (rc < 0)
            break;
    }
    thrum_queue_close_now(guest->lines);
    (void)!thrum_socket_shutdown(guest->socket, THRUM_SHUTDOWN_READ); /* the guest may be gone */
    return 0;
}

/* Reads a line, without its end, into `text` of LINE bytes. Returns false at the end of the connection. */
static bool read_line(struct guest *guest, char *text)
{
    static const struct line too_long = {"* That line is too long.\n"};
    ptrdiff_t size = thrum_stream_read_line(guest->stream, text, LINE, thrum_in(idle_limit));
    while (size == -EMSGSIZE && thrum_stream_skip_line(guest->stream, thrum_in(idle_limit)) == 0) {
        tell(guest, &too_long);
        size = thrum_stream_read_line(guest->stream, text, LINE, thrum_in(idle_limit));
    }
    if (size <= 0)
        return false;
    clean(text);
    return true;
}

static void talk(struct guest *guest)
{
    static const struct line welcome = {"* Welcome. What is your name?\n"};
    char text[LINE];
    tell(guest, &welcome);
    if (!read_line(guest, text) || text[0] == 0 || ending)
        return;
    snprintf(guest->name, sizeof guest->name, "%.*s", NAME - 1, text);
    tell_others(guest, "* %s is here%s\n", "");
    while (read_line(guest, text))
        tell_others(guest, "%s: %s\n", text);
    tell_others(guest, "* %s has left%s\n", "");
}

/* After the handshake: two fibers for the guest, of which this one reads. */
static int seat(struct guest *guest)
{
    size_t place = 0;
    while (place < SEATS && seats[place])
        place++;
    if (place == SEATS)
        return -EUSERS;
    guest->lines =
        thrum_queue_new(sizeof(struct line), &(thrum_queue_options){.max_size = WAITING});
    if (!guest->lines)
        return -ENOMEM;
    seats[place] = guest;
    thrum_executor *pool = thrum_fiber_pool_current();
    thrum_future *sender = thrum_submit(pool, send_lines, thrum_value(struct guest *, guest));
    talk(guest);
    seats[place] = NULL;
    thrum_queue_close(guest->lines);
    (void)!thrum_future_wait(sender, THRUM_FOREVER); /* the writer uses the guest */
    thrum_future_free(sender);
    thrum_queue_free(guest->lines);
    return 0;
}

/* The task of a connection. A guest that cannot come in is no failure of the server, and is noted on standard error. */
static int host(thrum_task *self)
{
    struct guest guest = {.socket = thrum_arg(self, thrum_socket *)};
    char peer[THRUM_SOCKET_ADDRESS_SIZE] = "?";
    thrum_error error = {0};
    (void)!thrum_socket_peer(guest.socket, peer, sizeof peer);
    int rc = thrum_stream_from_socket(guest.socket, NULL, &guest.stream);
    if (rc < 0) {
        thrum_socket_free(guest.socket);
        return rc;
    }
    rc = thrum_tls_accept(tls, guest.stream, &error, thrum_in(handshake_limit));
    if (rc == 0)
        rc = seat(&guest);
    if (rc < 0 && !ending)
        warnx("%s: %s", peer, error.message[0] ? error.message : thrum_strerror(rc));
    (void)!thrum_stream_close(guest.stream, thrum_in(send_limit)); /* it may be gone */
    thrum_stream_free(guest.stream);
    return 0;
}

/* ------------------------------------------------------------------------------------ the server */

struct server {
    thrum_socket *listener;
    thrum_group *guests;
    thrum_signals *stop;
};

static int accept_all(thrum_task *self)
{
    struct server *server = thrum_arg(self, struct server *);
    thrum_socket *peer;
    int rc;
    while ((rc = thrum_socket_accept(server->listener, &peer, THRUM_FOREVER)) == 0)
        thrum_future_free(
            thrum_group_submit(server->guests, thrum_fiber_pool_current(), host,
                               thrum_owned(thrum_socket_destroy, thrum_socket *, peer)));
    return rc == -EBADF ? 0 : thrum_fail(self, rc, "cannot accept: %s", thrum_strerror(rc));
}

/* Serves until a signal or a failure, then lets the guests leave. */
static int serve(thrum_task *self)
{
    struct server *server = thrum_arg(self, struct server *);
    int number;
    thrum_future *accepting =
        thrum_submit(thrum_fiber_pool_current(), accept_all, thrum_value(struct server *, server));
    thrum_case cases[] = {thrum_case_future(accepting), thrum_case_signals(server->stop, &number)};
    (void)!thrum_select(cases, 2, THRUM_FOREVER);
    ending = true;
    thrum_socket_close(server->listener);
    int rc = thrum_future_result(accepting, NULL, 0, THRUM_FOREVER);
    if (rc == THRUM_FAILED)
        rc = thrum_fail_with(self, thrum_future_error(accepting));
    thrum_future_free(accepting);
    tell_others(NULL, "* %sThe server ends.%s\n", "");
    for (size_t i = 0; i < SEATS; i++)
        if (seats[i])
            thrum_queue_close(seats[i]->lines);
    /* At the deadline the join cancels those that are left. */
    if (thrum_group_join(server->guests, thrum_in(2 * send_limit)) != 0)
        warnx("%s", thrum_group_error(server->guests)->message);
    return rc;
}

int main(int argc, char **argv)
{
    struct server server;
    thrum_error error;
    char *end = NULL;
    unsigned long port = argc == 4 ? strtoul(argv[1], &end, 10) : 65536;
    if (port > 65535 || end == argv[1] || *end)
        errx(2, "usage: tls_chat PORT CERTIFICATE.pem KEY.pem");
    if (thrum_tls_new_server(&(thrum_tls_options){.certificate = argv[2], .key = argv[3]}, &tls,
                             &error) < 0)
        errx(2, "%s", error.message);
    int rc = thrum_socket_listen(NULL, (uint16_t)port, NULL, &server.listener);
    if (rc < 0)
        errx(2, "cannot listen at port %lu: %s", port, thrum_strerror(rc));
    rc = thrum_signals_new((int[]){SIGINT, SIGTERM}, 2, &server.stop);
    if (rc < 0)
        errx(2, "cannot wait for signals: %s", thrum_strerror(rc));
    server.guests = thrum_group_new();
    if (!server.guests)
        errx(2, "out of memory");
    printf("listening at port %d\n", thrum_socket_port(server.listener));
    fflush(stdout);
    rc = thrum_run_with(&(thrum_fiber_pool_options){.max_workers = 1}, serve,
                        thrum_value(struct server *, &server));
    thrum_group_free(server.guests);
    thrum_signals_free(server.stop);
    thrum_socket_free(server.listener);
    thrum_tls_free(tls);
    return rc == 0 ? 0 : 1;
}
