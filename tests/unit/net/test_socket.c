/* Sockets, between threads, between fibers, and between both. */
#include "carrier.h"

#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

/* A listener at a free port of this machine. */
static thrum_socket *listen_here(void)
{
    thrum_socket *listener;
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    CHECK_INT(thrum_socket_port(listener), >, 0);
    return listener;
}

static thrum_socket *connect_to(thrum_socket *listener)
{
    thrum_socket *socket;
    int port = thrum_socket_port(listener);
    CHECK_INT(thrum_socket_connect("127.0.0.1", (uint16_t)port, &socket, THRUM_FOREVER), ==, 0);
    return socket;
}

/* An abstract name that no other test process has. */
static const char *name_here(void)
{
    static char name[64];
    snprintf(name, sizeof name, "@thrum-test-%d", (int)getpid());
    return name;
}

/* Sends back what comes until the other side has said all. */
static int echo(thrum_task *self)
{
    thrum_socket *peer = thrum_arg(self, thrum_socket *);
    char text[1000];
    ptrdiff_t got;
    while ((got = thrum_socket_read(peer, text, sizeof text, THRUM_FOREVER)) > 0)
        CHECK_INT(thrum_socket_write(peer, text, (size_t)got, THRUM_FOREVER), ==, 0);
    CHECK_INT(got, ==, 0);
    thrum_socket_free(peer);
    return 0;
}

static int echo_next(thrum_task *self)
{
    thrum_socket *listener = thrum_arg(self, thrum_socket *), *peer;
    CHECK_INT(thrum_socket_accept(listener, &peer, THRUM_FOREVER), ==, 0);
    thrum_thread *thread = thrum_thread_start(echo, thrum_value(thrum_socket *, peer));
    JOIN(thread, 0);
    return 0;
}

static void read_exactly(thrum_socket *socket, char *buffer, size_t size)
{
    while (size > 0) {
        ptrdiff_t got = thrum_socket_read(socket, buffer, size, THRUM_FOREVER);
        CHECK_INT(got, >, 0);
        buffer += got;
        size -= (size_t)got;
    }
}

static void say_and_hear(thrum_socket *socket, const char *text)
{
    char heard[64] = "";
    CHECK_INT(thrum_socket_write(socket, text, strlen(text), THRUM_FOREVER), ==, 0);
    read_exactly(socket, heard, strlen(text));
    CHECK_STR(heard, text);
}

static void hear_the_end(thrum_socket *socket)
{
    char more;
    CHECK_INT(thrum_socket_shutdown(socket, THRUM_SHUTDOWN_WRITE), ==, 0);
    CHECK_INT(thrum_socket_read(socket, &more, 1, THRUM_FOREVER), ==, 0);
}

TEST(what_is_said_over_tcp_comes_back)
{
    thrum_socket *listener = listen_here();
    thrum_thread *server = thrum_thread_start(echo_next, thrum_value(thrum_socket *, listener));
    thrum_socket *socket = connect_to(listener);
    CHECK_INT(thrum_socket_no_delay(socket, true), ==, 0);
    say_and_hear(socket, "one");
    say_and_hear(socket, "two");
    hear_the_end(socket);
    thrum_socket_free(socket);
    JOIN(server, 0);
    thrum_socket_free(listener);
}

TEST(what_is_said_over_a_unix_socket_comes_back)
{
    thrum_socket *listener, *socket;
    CHECK_INT(thrum_socket_listen_unix(name_here(), NULL, &listener), ==, 0);
    thrum_thread *server = thrum_thread_start(echo_next, thrum_value(thrum_socket *, listener));
    CHECK_INT(thrum_socket_connect_unix(name_here(), &socket, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_no_delay(socket, true), ==, -EOPNOTSUPP);
    say_and_hear(socket, "here");
    hear_the_end(socket);
    thrum_socket_free(socket);
    JOIN(server, 0);
    thrum_socket_free(listener);
}

static int talk(thrum_task *self)
{
    thrum_socket *listener = thrum_arg(self, thrum_socket *);
    thrum_socket *socket = connect_to(listener);
    for (int i = 0; i < 20; i++)
        say_and_hear(socket, "a sentence");
    hear_the_end(socket);
    thrum_socket_free(socket);
    return 0;
}

static int serve(thrum_task *self)
{
    enum { MOST = 64 };
    thrum_socket *listener = thrum_arg(self, thrum_socket *), *peer;
    thrum_thread *threads[MOST];
    int count = 0, rc;
    while ((rc = thrum_socket_accept(listener, &peer, THRUM_FOREVER)) == 0) {
        CHECK_INT(count, <, MOST);
        threads[count++] = thrum_thread_start(echo, thrum_value(thrum_socket *, peer));
    }
    CHECK_INT(rc, ==, -EBADF);
    while (count > 0)
        JOIN(threads[--count], 0);
    return 0;
}

TEST(a_server_serves_many_at_once)
{
    enum { CLIENTS = 24 };
    thrum_socket *listener = listen_here();
    thrum_thread *server = thrum_thread_start(serve, thrum_value(thrum_socket *, listener));
    thrum_thread *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = thrum_thread_start(talk, thrum_value(thrum_socket *, listener));
    for (int i = 0; i < CLIENTS; i++)
        JOIN(clients[i], 0);
    CHECK_INT(thrum_socket_close(listener), ==, 0);
    JOIN(server, 0);
    thrum_socket_free(listener);
}

/* -------------------------------------------------------------------------------------- waiting */

static uint32_t ident;

static int read_one(thrum_task *self)
{
    thrum_socket *socket = thrum_arg(self, thrum_socket *);
    char byte;
    tell_ident(&ident);
    ptrdiff_t got = thrum_socket_read(socket, &byte, 1, THRUM_FOREVER);
    return got < 0 ? (int)got : got == 1 ? 0 : -ENODATA;
}

TEST(a_deadline_ends_a_read_and_leaves_the_socket_as_it_was)
{
    thrum_socket *one, *other;
    char byte;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    CHECK_INT(thrum_socket_read(one, &byte, 1, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_socket_read(one, &byte, 1, thrum_at(thrum_now())), ==, -ETIMEDOUT);
    CHECK_INT(thrum_socket_read(one, &byte, 1, thrum_in(0.01)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_socket_write(other, "x", 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_read(one, &byte, 1, thrum_in(0.01)), ==, 1);
    CHECK_INT(byte, ==, 'x');
    thrum_socket_free(one);
    thrum_socket_free(other);
}

TEST(a_deadline_ends_accept)
{
    thrum_socket *listener = listen_here(), *socket;
    CHECK_INT(thrum_socket_accept(listener, &socket, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_socket_accept(listener, &socket, thrum_in(0.01)), ==, -ETIMEDOUT);
    thrum_socket_free(listener);
}

TEST(a_cancelled_read_ends_and_takes_nothing)
{
    thrum_socket *one, *other;
    char byte;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    thrum_thread *reader = thrum_thread_start(read_one, thrum_value(thrum_socket *, one));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_thread_cancel(reader), ==, 0);
    JOIN(reader, -ECANCELED);
    CHECK_INT(thrum_socket_write(other, "y", 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_read(one, &byte, 1, THRUM_FOREVER), ==, 1);
    thrum_socket_free(one);
    thrum_socket_free(other);
}

TEST(what_comes_wakes_the_reader)
{
    thrum_socket *one, *other;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    for (int i = 0; i < 50; i++) {
        ident = 0;
        thrum_thread *reader = thrum_thread_start(read_one, thrum_value(thrum_socket *, one));
        if (i % 2)
            UNTIL(waits_for(&ident, "readable"));
        CHECK_INT(thrum_socket_write(other, "z", 1, THRUM_FOREVER), ==, 0);
        JOIN(reader, 0);
    }
    thrum_socket_free(one);
    thrum_socket_free(other);
}

TEST(a_close_wakes_all_who_wait)
{
    enum { READERS = 8 };
    thrum_socket *one, *other;
    thrum_thread *readers[READERS];
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    for (int i = 0; i < READERS; i++) {
        ident = 0;
        readers[i] = thrum_thread_start(read_one, thrum_value(thrum_socket *, one));
        UNTIL(waits_for(&ident, "readable"));
    }
    CHECK_INT(thrum_socket_close(one), ==, 0);
    CHECK_INT(thrum_socket_close(one), ==, -EBADF);
    for (int i = 0; i < READERS; i++)
        JOIN(readers[i], -EBADF);
    char byte;
    CHECK_INT(thrum_socket_read(one, &byte, 1, THRUM_NOW), ==, -EBADF);
    CHECK_INT(thrum_socket_write(one, "x", 1, THRUM_NOW), ==, -EBADF);
    CHECK_INT(thrum_socket_descriptor(one), ==, -EBADF);
    CHECK_INT(thrum_socket_read(other, &byte, 1, THRUM_FOREVER), ==, 0);
    thrum_socket_free(one);
    thrum_socket_free(other);
}

TEST(a_socket_may_be_freed_while_others_wait_for_it)
{
    for (int i = 0; i < 20; i++) {
        thrum_socket *one, *other;
        CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
        ident = 0;
        thrum_thread *reader = thrum_thread_start(read_one, thrum_value(thrum_socket *, one));
        UNTIL(waits_for(&ident, "readable"));
        thrum_socket_free(one);
        JOIN(reader, -EBADF);
        thrum_socket_free(other);
    }
}

static int read_until_closed(thrum_task *self)
{
    thrum_socket *socket = thrum_arg(self, thrum_socket *);
    char byte;
    ptrdiff_t got;
    do
        got = thrum_socket_read(socket, &byte, 1, THRUM_FOREVER);
    while (got == 1);
    return (int)got;
}

static int write_until_closed(thrum_task *self)
{
    thrum_socket *socket = thrum_arg(self, thrum_socket *);
    int rc;
    while ((rc = thrum_socket_write(socket, "abc", 3, THRUM_FOREVER)) == 0)
        thrum_yield();
    return rc;
}

TEST(a_close_amid_reads_and_writes_ends_them_all)
{
    enum { ROUNDS = 20, EACH = 3 };
    for (int round = 0; round < ROUNDS; round++) {
        thrum_socket *one, *other;
        thrum_thread *threads[3 * EACH];
        CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
        for (int i = 0; i < EACH; i++) {
            threads[3 * i] =
                thrum_thread_start(read_until_closed, thrum_value(thrum_socket *, one));
            threads[3 * i + 1] =
                thrum_thread_start(write_until_closed, thrum_value(thrum_socket *, one));
            threads[3 * i + 2] =
                thrum_thread_start(write_until_closed, thrum_value(thrum_socket *, other));
        }
        char byte;
        for (int i = 0; i < round; i++)
            CHECK_INT(thrum_socket_read(other, &byte, 1, THRUM_FOREVER), ==, 1);
        CHECK_INT(thrum_socket_close(one), ==, 0);
        for (int i = 0; i < EACH; i++) {
            JOIN(threads[3 * i], -EBADF);
            JOIN(threads[3 * i + 1], -EBADF);
        }
        CHECK_INT(thrum_socket_close(other), ==, 0);
        for (int i = 0; i < EACH; i++) {
            int rc = OUTCOME_CODE(thrum_thread_join(threads[3 * i + 2], THRUM_FOREVER),
                                  thrum_thread_error(threads[3 * i + 2]));
            CHECK(rc == -EPIPE || rc == -EBADF || rc == -ECONNRESET);
            thrum_thread_free(threads[3 * i + 2]);
        }
        thrum_socket_free(one);
        thrum_socket_free(other);
    }
}

/* Two ends of a TCP connection, of which the first has been waited for and read until it was empty. */
static void make_dry(thrum_socket **ret_dry, thrum_socket **ret_other)
{
    thrum_socket *listener = listen_here(), *peer;
    thrum_socket *other = connect_to(listener);
    char bytes[16];
    CHECK_INT(thrum_socket_accept(listener, &peer, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_read(peer, bytes, sizeof bytes, thrum_in(0.01)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_socket_write(other, "first", 5, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_read(peer, bytes, sizeof bytes, THRUM_FOREVER), ==, 5);
    thrum_socket_free(listener);
    *ret_dry = peer;
    *ret_other = other;
}

TEST(what_came_is_read_even_after_the_deadline)
{
    thrum_socket *dry, *other;
    char bytes[16];
    make_dry(&dry, &other);
    CHECK_INT(thrum_socket_read(dry, bytes, sizeof bytes, thrum_at(thrum_now())), ==, -ETIMEDOUT);
    CHECK_INT(thrum_socket_write(other, "more", 4, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_read(dry, bytes, sizeof bytes, thrum_at(thrum_now())), ==, 4);
    CHECK_INT(thrum_socket_write(other, "last", 4, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_read(dry, bytes, sizeof bytes, THRUM_NOW), ==, 4);
    thrum_socket_free(dry);
    thrum_socket_free(other);
}

TEST(an_end_that_comes_with_the_last_data_is_seen)
{
    for (int i = 0; i < 50; i++) {
        thrum_socket *dry, *other;
        char bytes[16];
        make_dry(&dry, &other);
        CHECK_INT(thrum_socket_write(other, "bye", 3, THRUM_FOREVER), ==, 0);
        if (i % 2)
            CHECK_INT(thrum_socket_read(dry, bytes, sizeof bytes, THRUM_FOREVER), ==, 3);
        thrum_socket_free(other);
        if (i % 2 == 0)
            CHECK_INT(thrum_socket_read(dry, bytes, sizeof bytes, THRUM_FOREVER), ==, 3);
        CHECK_INT(thrum_socket_read(dry, bytes, sizeof bytes, THRUM_FOREVER), ==, 0);
        CHECK_INT(thrum_socket_read(dry, bytes, sizeof bytes, THRUM_FOREVER), ==, 0);
        thrum_socket_free(dry);
    }
}

/* ---------------------------------------------------------------------------------------- bytes */

enum { LARGE = 3 << 20 };

static char pattern(size_t place)
{
    return (char)(place * 31 + place / 1000);
}

static int write_large(thrum_task *self)
{
    thrum_socket *socket = thrum_arg(self, thrum_socket *);
    char *data = malloc(LARGE);
    CHECK(data != NULL);
    for (size_t i = 0; i < LARGE; i++)
        data[i] = pattern(i);
    struct iovec parts[] = {
        {data, 1}, {data + 1, 0}, {data + 1, 70000}, {data + 70001, LARGE - 70001}};
    int rc = thrum_socket_writev(socket, parts, 4, THRUM_FOREVER);
    CHECK_INT(parts[3].iov_len, ==, LARGE - 70001);
    thrum_socket_shutdown(socket, THRUM_SHUTDOWN_WRITE);
    free(data);
    return rc;
}

TEST(a_large_write_waits_for_a_slow_reader)
{
    thrum_socket *one, *other;
    char small[100], rest[4000];
    struct iovec parts[] = {{small, sizeof small}, {rest, sizeof rest}};
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    thrum_thread *writer = thrum_thread_start(write_large, thrum_value(thrum_socket *, one));
    size_t seen = 0;
    ptrdiff_t got;
    while ((got = thrum_socket_readv(other, parts, 2, THRUM_FOREVER)) > 0)
        for (size_t i = 0; i < (size_t)got; i++, seen++)
            CHECK_INT(i < sizeof small ? small[i] : rest[i - sizeof small], ==, pattern(seen));
    CHECK_INT(got, ==, 0);
    CHECK_INT(seen, ==, LARGE);
    JOIN(writer, 0);
    thrum_socket_free(one);
    thrum_socket_free(other);
}

TEST(a_write_that_nobody_reads_ends_by_its_deadline)
{
    thrum_socket *one, *other;
    static char data[1 << 16];
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    ptrdiff_t put;
    while ((put = thrum_socket_write_some(one, data, sizeof data, THRUM_NOW)) > 0)
        ;
    CHECK_INT(put, ==, -EAGAIN);
    CHECK_INT(thrum_socket_write_some(one, data, sizeof data, thrum_in(0.01)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_socket_write(one, data, sizeof data, thrum_in(0.01)), ==, -ETIMEDOUT);
    thrum_socket_free(one);
    thrum_socket_free(other);
}

TEST(to_write_to_one_who_has_gone_is_an_error_and_no_signal)
{
    thrum_socket *one, *other;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    thrum_socket_free(other);
    CHECK_INT(thrum_socket_write(one, "x", 1, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_socket_write_some(one, "x", 1, THRUM_FOREVER), ==, -EPIPE);
    char byte;
    CHECK_INT(thrum_socket_read(one, &byte, 1, THRUM_FOREVER), ==, 0);
    thrum_socket_free(one);
}

TEST(nothing_is_read_or_written_at_once)
{
    thrum_socket *one, *other;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    char byte;
    CHECK_INT(thrum_socket_read(one, &byte, 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_write(one, "", 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_write_some(one, "", 0, THRUM_FOREVER), ==, 0);
    thrum_socket_free(one);
    thrum_socket_free(other);
}

/* ------------------------------------------------------------------------- other descriptors */

static int wait_for_pipe(thrum_task *self)
{
    tell_ident(&ident);
    return thrum_wait_readable(thrum_arg(self, int), THRUM_FOREVER);
}

TEST(any_descriptor_can_be_waited_for)
{
    int ends[2];
    char byte = 'x';
    CHECK_INT(pipe(ends), ==, 0);
    CHECK_INT(thrum_wait_writable(ends[1], THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_wait_readable(ends[0], THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_wait_readable(ends[0], thrum_in(0.01)), ==, -ETIMEDOUT);
    thrum_thread *first = thrum_thread_start(wait_for_pipe, thrum_value(int, ends[0]));
    UNTIL(waits_for(&ident, "readable"));
    ident = 0;
    thrum_thread *second = thrum_thread_start(wait_for_pipe, thrum_value(int, ends[0]));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(write(ends[1], &byte, 1), ==, 1);
    JOIN(first, 0);
    JOIN(second, 0);
    CHECK_INT(thrum_wait_readable(ends[0], THRUM_FOREVER), ==, 0); /* as it was not read */
    close(ends[0]);
    close(ends[1]);
    CHECK_INT(thrum_wait_readable(ends[0], THRUM_FOREVER), ==, -EBADF);
    CHECK_INT(thrum_wait_readable(-1, THRUM_FOREVER), ==, -EBADF);
}

TEST(a_number_that_is_used_again_is_another_descriptor)
{
    for (int i = 0; i < 10; i++) {
        int ends[2];
        CHECK_INT(pipe(ends), ==, 0);
        ident = 0;
        thrum_thread *reader = thrum_thread_start(wait_for_pipe, thrum_value(int, ends[0]));
        UNTIL(waits_for(&ident, "readable"));
        CHECK_INT(write(ends[1], "x", 1), ==, 1);
        JOIN(reader, 0);
        close(ends[0]);
        close(ends[1]);
        thrum_socket *one, *other;
        CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
        ident = 0;
        reader = thrum_thread_start(read_one, thrum_value(thrum_socket *, one));
        UNTIL(waits_for(&ident, "readable"));
        CHECK_INT(thrum_socket_write(other, "x", 1, THRUM_FOREVER), ==, 0);
        JOIN(reader, 0);
        thrum_socket_free(one);
        thrum_socket_free(other);
    }
}
