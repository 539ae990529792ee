/* Sockets: what goes through in parts, many and small ones, and listeners that are closed while
 * somebody waits for a connection. */
#include "carrier.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MANY = 5000 };

/* Two ends of a TCP connection. */
static void make_pair(thrum_socket **ret_one, thrum_socket **ret_other)
{
    thrum_socket *listener;
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    CHECK_INT(thrum_socket_connect("127.0.0.1", (uint16_t)thrum_socket_port(listener), ret_one,
                                   THRUM_FOREVER),
              ==, 0);
    CHECK_INT(thrum_socket_accept(listener, ret_other, THRUM_FOREVER), ==, 0);
    thrum_socket_free(listener);
}

static void free_pair(thrum_socket *one, thrum_socket *other)
{
    thrum_socket_free(one);
    thrum_socket_free(other);
}

/* A byte for each place, and a part for each byte. */
static char bytes[MANY];
static struct iovec parts[MANY];

static void make_parts(size_t count)
{
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct iovec){&bytes[i], 1};
}

static uint32_t idents[8];

enum { SENT = 1500 };

/* What comes while it waits is told to it once, in one piece; the rest of that is told by nobody. */
static int read_parts(thrum_task *self)
{
    thrum_socket *socket = thrum_arg(self, thrum_socket *);
    make_parts(MANY);
    tell_ident(&idents[0]);
    for (size_t seen = 0; seen < SENT;) {
        ptrdiff_t got = thrum_socket_readv(socket, parts + seen, MANY - seen, THRUM_FOREVER);
        CHECK_INT(got, >, 0);
        seen += (size_t)got;
    }
    return 0;
}

TEST(more_parts_than_the_system_takes_are_read_by_and_by)
{
    thrum_socket *one, *other;
    char sent[SENT];
    make_pair(&one, &other);
    thrum_thread *reader = thrum_thread_start(read_parts, thrum_value(thrum_socket *, other));
    for (int i = 0; i < SENT; i++)
        sent[i] = (char)(i * 7);
    UNTIL(waits_for(&idents[0], "readable"));
    CHECK_INT(thrum_socket_write(one, sent, SENT, THRUM_FOREVER), ==, 0);
    JOIN(reader, 0);
    CHECK(memcmp(bytes, sent, SENT) == 0);
    free_pair(one, other);
}

static int write_parts(thrum_task *self)
{
    static char text[MANY];
    static struct iovec from[2 * MANY];
    for (int i = 0; i < MANY; i++) {
        text[i] = (char)(i * 3);
        from[2 * i] = (struct iovec){&text[i], 1};
        from[2 * i + 1] = (struct iovec){NULL, 0};
    }
    return thrum_socket_writev(thrum_arg(self, thrum_socket *), from, (size_t)2 * MANY,
                               THRUM_FOREVER);
}

/* The reader takes three bytes at a time, and the system has little room between the two. */
TEST(many_parts_with_nothing_between_them_are_written_by_and_by)
{
    thrum_socket *one, *other;
    int little = 1;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    CHECK_INT(
        setsockopt(thrum_socket_descriptor(one), SOL_SOCKET, SO_SNDBUF, &little, sizeof little), ==,
        0);
    make_parts(MANY);
    thrum_thread *writer = thrum_thread_start(write_parts, thrum_value(thrum_socket *, one));
    for (size_t seen = 0; seen < MANY;) {
        size_t wanted = MANY - seen < 3 ? MANY - seen : 3;
        ptrdiff_t got = thrum_socket_readv(other, parts + seen, wanted, THRUM_FOREVER);
        CHECK(got > 0 && got <= 3);
        seen += (size_t)got;
    }
    JOIN(writer, 0);
    for (int i = 0; i < MANY; i++)
        CHECK_INT(bytes[i], ==, (char)(i * 3));
    free_pair(one, other);
}

TEST(nothing_in_any_number_of_parts_is_written_at_once)
{
    thrum_socket *one, *other;
    struct iovec empty[40] = {{NULL, 0}};
    make_pair(&one, &other);
    CHECK_INT(thrum_socket_writev(one, empty, 40, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_socket_writev(one, NULL, 0, THRUM_NOW), ==, 0);
    free_pair(one, other);
}

/* ------------------------------------------------------------------------------------- listeners */

struct guest {
    thrum_socket *listener;
    uint32_t *ident;
};

static int accept_one(thrum_task *self)
{
    const struct guest *guest = &thrum_arg(self, struct guest);
    thrum_socket *peer;
    tell_ident(guest->ident);
    int rc = thrum_socket_accept(guest->listener, &peer, THRUM_FOREVER);
    if (rc == 0)
        thrum_socket_free(peer);
    return rc;
}

static void close_under(thrum_socket *listener, bool frees)
{
    enum { GUESTS = 8 };
    thrum_thread *threads[GUESTS];
    for (int i = 0; i < GUESTS; i++) {
        thrum__store_relaxed(&idents[i], 0);
        threads[i] = thrum_thread_start(
            accept_one, thrum_value(struct guest, .listener = listener, .ident = &idents[i]));
    }
    for (int i = 0; i < GUESTS; i++)
        UNTIL(waits_for(&idents[i], "readable"));
    if (frees)
        thrum_socket_free(listener);
    else
        CHECK_INT(thrum_socket_close(listener), ==, 0);
    for (int i = 0; i < GUESTS; i++)
        JOIN(threads[i], -EBADF);
    if (!frees)
        thrum_socket_free(listener);
}

TEST(a_close_of_a_listener_ends_all_who_wait_for_a_connection)
{
    char name[64];
    snprintf(name, sizeof name, "@thrum-parts-%d", (int)getpid());
    for (int i = 0; i < 10; i++) {
        thrum_socket *listener;
        CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
        close_under(listener, i % 2);
        CHECK_INT(thrum_socket_listen_unix(name, NULL, &listener), ==, 0);
        close_under(listener, i % 2);
    }
}

/* Connections that nobody accepted end with the listener; none is half there. The port is not one of those that the system gives
 * to other programs once it is free. */
TEST(a_port_is_free_once_its_listener_was_closed_under_an_accept)
{
    thrum_socket *listener, *again;
    uint16_t port = (uint16_t)(15000 + getpid() % 16000);
    while (thrum_socket_listen("127.0.0.1", port, NULL, &listener) != 0)
        CHECK_INT(++port, <, 32000);
    close_under(listener, true);
    CHECK_INT(thrum_socket_connect("127.0.0.1", port, &again, THRUM_FOREVER), ==, -ECONNREFUSED);
    CHECK_INT(thrum_socket_listen("127.0.0.1", port, NULL, &listener), ==, 0);
    CHECK_INT(thrum_socket_connect("127.0.0.1", port, &again, THRUM_FOREVER), ==, 0);
    free_pair(listener, again);
}
