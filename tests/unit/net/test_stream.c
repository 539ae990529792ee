/* Streams over sockets and pipes: reading, writing, ends, and who may do what at the same time. */
#include "carrier.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Two ends of a connection. */
static void make_pair(thrum_stream **ret_one, thrum_stream **ret_other,
                      const thrum_stream_options *options)
{
    thrum_socket *one, *other;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    CHECK_INT(thrum_stream_from_socket(one, options, ret_one), ==, 0);
    CHECK_INT(thrum_stream_from_socket(other, options, ret_other), ==, 0);
}

static void make_tcp_pair(thrum_stream **ret_one, thrum_stream **ret_other)
{
    thrum_socket *listener, *peer;
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    CHECK_INT(thrum_stream_connect("127.0.0.1", (uint16_t)thrum_socket_port(listener), NULL,
                                   ret_one, THRUM_FOREVER),
              ==, 0);
    CHECK_INT(thrum_socket_accept(listener, &peer, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_from_socket(peer, NULL, ret_other), ==, 0);
    thrum_socket_free(listener);
}

static void free_pair(thrum_stream *one, thrum_stream *other)
{
    thrum_stream_free(one);
    thrum_stream_free(other);
}

static void say(thrum_stream *stream, const char *text)
{
    CHECK_INT(thrum_stream_write(stream, text, strlen(text), THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_flush(stream, THRUM_FOREVER), ==, 0);
}

#define CHECK_LINE(stream, text)                                                                   \
    do {                                                                                           \
        char line_[64];                                                                            \
        CHECK_INT(thrum_stream_read_line(stream, line_, sizeof line_, THRUM_FOREVER), ==,          \
                  (ptrdiff_t)strlen(text));                                                        \
        CHECK_STR(line_, text);                                                                    \
    } while (0)

/* -------------------------------------------------------------------------------------- reading */

TEST(lines_arrive_as_they_were_written)
{
    thrum_stream *one, *other;
    make_tcp_pair(&one, &other);
    say(one, "first\n\nthird\nunfinished");
    CHECK_LINE(other, "first\n");
    CHECK_LINE(other, "\n");
    CHECK_LINE(other, "third\n");
    CHECK_INT(thrum_stream_close(one, THRUM_FOREVER), ==, 0);
    CHECK(!thrum_stream_at_eof(other));
    CHECK_LINE(other, "unfinished");
    CHECK(thrum_stream_at_eof(other));
    char line[8];
    CHECK_INT(thrum_stream_read_line(other, line, sizeof line, THRUM_FOREVER), ==, 0);
    free_pair(one, other);
}

TEST(a_line_that_is_too_long_stays_and_can_be_skipped)
{
    thrum_stream *one, *other;
    char line[5], all[32];
    make_pair(&one, &other, NULL);
    say(one, "four\nfive5\nok\nlonger than all\nend");
    CHECK_INT(thrum_stream_read_line(other, line, sizeof line, THRUM_FOREVER), ==, -EMSGSIZE);
    CHECK_INT(thrum_stream_read_line(other, line, sizeof line, THRUM_FOREVER), ==, -EMSGSIZE);
    CHECK_LINE(other, "four\n");
    CHECK_INT(thrum_stream_read_line(other, line, sizeof line, THRUM_FOREVER), ==, -EMSGSIZE);
    CHECK_INT(thrum_stream_skip_line(other, THRUM_FOREVER), ==, 0);
    CHECK_LINE(other, "ok\n");
    CHECK_INT(thrum_stream_read_until(other, "\n", 1, line, sizeof line, THRUM_FOREVER), ==,
              -EMSGSIZE);
    CHECK_INT(thrum_stream_read_until(other, "\n", 1, all, sizeof all, THRUM_FOREVER), ==, 16);
    CHECK(memcmp(all, "longer than all\n", 16) == 0);
    CHECK_INT(thrum_stream_skip_line(other, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_stream_close(one, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_skip_line(other, THRUM_FOREVER), ==, -ENODATA);
    free_pair(one, other);
}

TEST(the_end_amid_a_message_leaves_its_beginning)
{
    thrum_stream *one, *other;
    char bytes[16];
    make_pair(&one, &other, NULL);
    say(one, "part");
    CHECK_INT(thrum_stream_write_eof(one, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_read_exact(other, bytes, 5, THRUM_FOREVER), ==, -ENODATA);
    CHECK_INT(thrum_stream_read_until(other, "--", 2, bytes, 16, THRUM_FOREVER), ==, -ENODATA);
    CHECK(!thrum_stream_at_eof(other));
    CHECK_INT(thrum_stream_read_exact(other, bytes, 3, THRUM_FOREVER), ==, 3);
    CHECK_INT(thrum_stream_read(other, bytes, 16, THRUM_FOREVER), ==, 1);
    CHECK(bytes[0] == 't');
    CHECK(thrum_stream_at_eof(other));
    CHECK_INT(thrum_stream_read(other, bytes, 16, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_read_exact(other, bytes, 5, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_read_until(other, "--", 2, bytes, 16, THRUM_FOREVER), ==, 0);
    free_pair(one, other);
}

TEST(a_separator_is_found_across_pieces)
{
    thrum_stream *one, *other;
    char bytes[32];
    make_pair(&one, &other, NULL);
    const char *pieces[] = {"a\r", "\n\r", "\n", "b\r\n\r\n"};
    for (int i = 0; i < 4; i++) {
        say(one, pieces[i]);
        if (i < 2)
            CHECK_INT(thrum_stream_read_until(other, "\r\n\r\n", 4, bytes, 32, THRUM_NOW), ==,
                      -EAGAIN);
    }
    CHECK_INT(thrum_stream_read_until(other, "\r\n\r\n", 4, bytes, 32, THRUM_FOREVER), ==, 5);
    CHECK_INT(thrum_stream_read_until(other, "\r\n\r\n", 4, bytes, 5, THRUM_FOREVER), ==, 5);
    CHECK(bytes[0] == 'b');
    CHECK_INT(thrum_stream_read_until(other, "", 0, bytes, 32, THRUM_FOREVER), ==, -EINVAL);
    CHECK_INT(thrum_stream_read_until(other, "long", 4, bytes, 3, THRUM_FOREVER), ==, -EINVAL);
    CHECK_INT(thrum_stream_read_line(other, bytes, 1, THRUM_FOREVER), ==, -EINVAL);
    free_pair(one, other);
}

/* Takes messages that end with a semicolon; fails at one that begins with "!". */
static ptrdiff_t take_messages(void *arg, const char *data, size_t size)
{
    char *taken = arg;
    if (*data == '!')
        return -EBADMSG;
    size_t used = size;
    while (used > 0 && data[used - 1] != ';')
        used--;
    strncat(taken, data, used);
    return (ptrdiff_t)used;
}

TEST(a_consumer_takes_messages_where_they_lie)
{
    thrum_stream *one, *other;
    char taken[64] = "", rest[8];
    make_tcp_pair(&one, &other);
    say(one, "a;bc;d");
    CHECK_INT(thrum_stream_consume(other, 64, take_messages, taken, THRUM_FOREVER), ==, 5);
    CHECK_STR(taken, "a;bc;");
    CHECK_INT(thrum_stream_consume(other, 64, take_messages, taken, thrum_in(0.003)), ==,
              -ETIMEDOUT);
    CHECK_INT(thrum_stream_consume(other, 1, take_messages, taken, THRUM_FOREVER), ==, -EMSGSIZE);
    say(one, "e;");
    CHECK_INT(thrum_stream_consume(other, 64, take_messages, taken, THRUM_FOREVER), ==, 3);
    CHECK_STR(taken, "a;bc;de;");
    say(one, "!");
    CHECK_INT(thrum_stream_consume(other, 64, take_messages, taken, THRUM_FOREVER), ==, -EBADMSG);
    CHECK_INT(thrum_stream_read(other, rest, sizeof rest, THRUM_FOREVER), ==, 1);
    say(one, "half");
    CHECK_INT(thrum_stream_close(one, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_consume(other, 64, take_messages, taken, THRUM_FOREVER), ==, -ENODATA);
    CHECK_INT(thrum_stream_read(other, rest, sizeof rest, THRUM_FOREVER), ==, 4);
    CHECK_INT(thrum_stream_consume(other, 64, take_messages, taken, THRUM_FOREVER), ==, 0);
    free_pair(one, other);
}

static ptrdiff_t take_too_much(void *unused, const char *data, size_t size)
{
    (void)unused, (void)data;
    return (ptrdiff_t)size + 1;
}

TEST_STOPS(a_consumer_that_takes_too_much_stops, "took 5 of 4 bytes")
{
    thrum_stream *one, *other;
    make_tcp_pair(&one, &other);
    say(one, "four");
    (void)!thrum_stream_consume(other, 64, take_too_much, NULL, THRUM_FOREVER);
}

/* Streams of one thread use one block of memory in turns; what they keep is not in it. */
TEST(streams_that_read_in_turns_keep_their_bytes)
{
    enum { COUNT = 8 };
    thrum_stream *ones[COUNT], *others[COUNT];
    for (int i = 0; i < COUNT; i++)
        make_tcp_pair(&ones[i], &others[i]);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            char text[16];
            snprintf(text, sizeof text, "%d-%d\n%d", i, round, i);
            say(ones[i], text);
            char line[16], wanted[16];
            snprintf(wanted, sizeof wanted, round ? "%d%d-%d\n" : "%.0d%d-%d\n", round ? i : 0, i,
                     round);
            CHECK_INT(thrum_stream_read_line(others[i], line, sizeof line, THRUM_FOREVER), >, 0);
            CHECK_STR(line, wanted);
            CHECK_INT(thrum_stream_read_line(others[i], line, sizeof line, thrum_in(0.001)), ==,
                      -ETIMEDOUT); /* and keeps the rest */
        }
    }
    for (int i = 0; i < COUNT; i++)
        free_pair(ones[i], others[i]);
}

TEST(a_read_of_nothing_returns_at_once)
{
    thrum_stream *one, *other;
    make_pair(&one, &other, NULL);
    CHECK_INT(thrum_stream_read(one, NULL, 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_read_exact(one, NULL, 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_write(one, NULL, 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_flush(one, THRUM_FOREVER), ==, 0);
    free_pair(one, other);
}

TEST(a_read_that_times_out_loses_nothing)
{
    thrum_stream *one, *other;
    char bytes[8];
    make_tcp_pair(&one, &other);
    for (int i = 0; i < 7; i++) {
        CHECK_INT(thrum_stream_read_exact(other, bytes, 7, thrum_in(0.001)), ==, -ETIMEDOUT);
        CHECK_INT(thrum_stream_read_exact(other, bytes, 7, THRUM_NOW), ==, -EAGAIN);
        say(one, (char[]){(char)('0' + i), '\0'});
    }
    CHECK_INT(thrum_stream_read_exact(other, bytes, 7, THRUM_FOREVER), ==, 7);
    CHECK(memcmp(bytes, "0123456", 7) == 0);
    free_pair(one, other);
}

/* --------------------------------------------------------------------------------- cancellation */

static uint32_t ident;
static char heard[64];

static int read_a_line(thrum_task *self)
{
    tell_ident(&ident);
    ptrdiff_t size =
        thrum_stream_read_line(thrum_arg(self, thrum_stream *), heard, sizeof heard, THRUM_FOREVER);
    return size < 0 ? (int)size : 0;
}

TEST(a_read_that_is_cancelled_loses_nothing)
{
    thrum_stream *one, *other;
    make_pair(&one, &other, NULL);
    ident = 0;
    thrum_thread *reader = thrum_thread_start(read_a_line, thrum_value(thrum_stream *, other));
    say(one, "half ");
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_thread_cancel(reader), ==, 0);
    JOIN(reader, -ECANCELED);
    say(one, "a line\n");
    CHECK_LINE(other, "half a line\n");
    free_pair(one, other);
}

TEST(a_close_ends_a_read_that_waits)
{
    thrum_stream *one, *other;
    make_pair(&one, &other, NULL);
    ident = 0;
    thrum_thread *reader = thrum_thread_start(read_a_line, thrum_value(thrum_stream *, other));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_stream_close(other, THRUM_FOREVER), ==, 0);
    JOIN(reader, -EBADF);
    CHECK_INT(thrum_stream_close(other, THRUM_FOREVER), ==, -EBADF);
    CHECK_INT(thrum_stream_read(other, heard, 1, THRUM_FOREVER), ==, -EBADF);
    CHECK_INT(thrum_stream_write(other, "x", 1, THRUM_FOREVER), ==, -EBADF);
    CHECK_INT(thrum_stream_flush(other, THRUM_FOREVER), ==, -EBADF);
    CHECK_INT(thrum_stream_write_eof(other, THRUM_FOREVER), ==, -EBADF);
    CHECK_INT(thrum_stream_skip_line(other, THRUM_FOREVER), ==, -EBADF);
    free_pair(one, other);
}

/* -------------------------------------------------------------------------------------- writing */

/* Writes until it would have to wait; returns how many pieces were taken. */
static int fill_up(thrum_stream *stream, const char *piece, size_t size)
{
    int count = 0, rc;
    while ((rc = thrum_stream_write(stream, piece, size, THRUM_NOW)) == 0)
        count++;
    CHECK_INT(rc, ==, -EAGAIN);
    return count;
}

/* A piece is a letter, many times; each must arrive whole. */
static void check_pieces(thrum_stream *stream, int count, size_t size)
{
    char piece[5000];
    for (int i = 0; i < count; i++) {
        CHECK_INT(thrum_stream_read_exact(stream, piece, size, THRUM_FOREVER), ==, (ptrdiff_t)size);
        for (size_t at = 0; at < size; at++)
            CHECK(piece[at] == 'p');
    }
}

static int flush_all(thrum_task *self)
{
    tell_ident(&ident);
    return thrum_stream_flush(thrum_arg(self, thrum_stream *), THRUM_FOREVER);
}

TEST(a_writer_waits_at_the_high_water_mark)
{
    thrum_stream *one, *other;
    char piece[1000];
    make_pair(&one, &other, &(thrum_stream_options){.high_water = 4000});
    memset(piece, 'p', sizeof piece);
    for (int i = 0; i < 4; i++)
        CHECK_INT(thrum_stream_write(one, piece, sizeof piece, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_stream_unsent(one), ==, 4000);
    CHECK_INT(thrum_stream_read(other, piece, 1, THRUM_NOW), ==, -EAGAIN);
    int count = 4 + fill_up(one, piece, sizeof piece);
    CHECK_INT(thrum_stream_unsent(one), <=, 4000);
    CHECK_INT(thrum_stream_unsent(one), >, 3000);
    CHECK_INT(thrum_stream_write(one, piece, sizeof piece, thrum_in(0.001)), ==, -ETIMEDOUT);
    ident = 0;
    thrum_thread *writer = thrum_thread_start(flush_all, thrum_value(thrum_stream *, one));
    UNTIL(waits_for(&ident, "writable"));
    check_pieces(other, count, sizeof piece);
    JOIN(writer, 0);
    CHECK_INT(thrum_stream_unsent(one), ==, 0);
    CHECK_INT(thrum_stream_read(other, piece, 1, THRUM_NOW), ==, -EAGAIN);
    free_pair(one, other);
}

TEST(a_write_above_the_mark_is_taken_whole_or_not_at_all)
{
    thrum_stream *one, *other;
    char piece[5000];
    make_pair(&one, &other, &(thrum_stream_options){.high_water = 300, .read_size = 1});
    memset(piece, 'p', sizeof piece);
    int count = fill_up(one, piece, sizeof piece);
    CHECK_INT(count, >, 1);
    ident = 0;
    thrum_thread *writer = thrum_thread_start(flush_all, thrum_value(thrum_stream *, one));
    UNTIL(waits_for(&ident, "writable"));
    CHECK_INT(thrum_thread_cancel(writer), ==, 0);
    JOIN(writer, -ECANCELED);
    CHECK_INT(thrum_stream_unsent(one), >, 0);
    writer = thrum_thread_start(flush_all, thrum_value(thrum_stream *, one));
    check_pieces(other, count, sizeof piece);
    JOIN(writer, 0);
    CHECK_INT(thrum_stream_read(other, piece, 1, THRUM_NOW), ==, -EAGAIN);
    free_pair(one, other);
}

TEST(half_a_close_ends_one_direction)
{
    thrum_stream *one, *other;
    char byte;
    make_tcp_pair(&one, &other);
    CHECK_INT(thrum_stream_write(one, "question\n", 9, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_write_eof(one, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_write_eof(one, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_write(one, "x", 1, THRUM_FOREVER), ==, -EPIPE);
    CHECK_LINE(other, "question\n");
    CHECK_INT(thrum_stream_read(other, &byte, 1, THRUM_FOREVER), ==, 0);
    say(other, "answer\n");
    CHECK_LINE(one, "answer\n");
    CHECK_INT(thrum_stream_close(one, THRUM_FOREVER), ==, 0);
    free_pair(one, other);
}

TEST(a_close_sends_what_was_written)
{
    thrum_stream *one, *other;
    make_pair(&one, &other, NULL);
    CHECK_INT(thrum_stream_write(one, "last\n", 5, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_unsent(one), ==, 5);
    CHECK_INT(thrum_stream_close(one, THRUM_FOREVER), ==, 0);
    CHECK_LINE(other, "last\n");
    free_pair(one, other);
}

TEST(a_close_without_time_says_that_bytes_are_lost)
{
    thrum_stream *one, *other;
    char piece[1000] = {0};
    make_pair(&one, &other, NULL);
    fill_up(one, piece, sizeof piece);
    CHECK_INT(thrum_stream_close(one, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_stream_write(one, piece, 1, THRUM_NOW), ==, -EBADF);
    free_pair(one, other);
}

/* ---------------------------------------------------------------------------- errors, and pipes */

TEST(a_reset_is_told_again_and_what_came_before_it_is_read)
{
    thrum_stream *one, *other;
    char line[16];
    make_tcp_pair(&one, &other);
    say(one, "x");
    CHECK_INT(thrum_stream_read_line(other, line, sizeof line, thrum_in(0.001)), <, 0);
    say(other, "unread");
    struct linger none = {.l_onoff = 1};
    CHECK_INT(setsockopt(thrum_socket_descriptor(thrum_stream_socket(one)), SOL_SOCKET, SO_LINGER,
                         &none, sizeof none),
              ==, 0);
    CHECK_INT(thrum_stream_close(one, THRUM_FOREVER), ==, 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(thrum_stream_read_line(other, line, sizeof line, THRUM_FOREVER), ==, -ECONNRESET);
    CHECK_INT(thrum_stream_read(other, line, sizeof line, THRUM_FOREVER), ==, 1);
    CHECK_INT(thrum_stream_read(other, line, sizeof line, THRUM_FOREVER), ==, -ECONNRESET);
    CHECK(!thrum_stream_at_eof(other));
    free_pair(one, other);
}

TEST(a_pipe_is_two_streams)
{
    int ends[2];
    thrum_stream *out, *in;
    char byte;
    CHECK_INT(pipe2(ends, O_CLOEXEC), ==, 0);
    CHECK_INT(thrum_stream_from_descriptor(ends[0], NULL, &in), ==, 0);
    CHECK_INT(thrum_stream_from_descriptor(ends[1], NULL, &out), ==, 0);
    CHECK(thrum_stream_socket(in) == NULL);
    CHECK_INT(thrum_stream_read(in, &byte, 1, thrum_in(0.001)), ==, -ETIMEDOUT);
    say(out, "through a pipe\n");
    CHECK_LINE(in, "through a pipe\n");
    CHECK_INT(thrum_stream_write_eof(out, THRUM_FOREVER), ==, -EOPNOTSUPP);
    say(out, "still usable\n");
    CHECK_LINE(in, "still usable\n");
    thrum_stream_free(in);
    CHECK_INT(thrum_stream_write(out, "x", 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_flush(out, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_stream_flush(out, THRUM_FOREVER), ==, -EPIPE);
    thrum_stream_free(out);
    CHECK_INT(thrum_stream_from_descriptor(-1, NULL, &in), ==, -EBADF);
}

TEST(a_descriptor_that_is_a_socket_is_used_as_one)
{
    int ends[2];
    thrum_stream *one, *other;
    char byte;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    CHECK_INT(thrum_stream_from_descriptor(ends[0], NULL, &one), ==, 0);
    CHECK_INT(thrum_stream_from_descriptor(ends[1], NULL, &other), ==, 0);
    CHECK(thrum_stream_socket(one) != NULL);
    CHECK_INT(thrum_stream_write_eof(one, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_read(other, &byte, 1, THRUM_FOREVER), ==, 0);
    free_pair(one, other);
}

TEST(a_write_to_a_broken_pipe_leaves_a_pending_signal_alone)
{
    int ends[2];
    thrum_stream *out;
    sigset_t broken, before, pending;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    CHECK_INT(pipe2(ends, O_CLOEXEC), ==, 0);
    close(ends[0]);
    CHECK_INT(thrum_stream_from_descriptor(ends[1], NULL, &out), ==, 0);
    CHECK_INT(sigprocmask(SIG_BLOCK, &broken, &before), ==, 0);
    for (int raised = 0; raised < 2; raised++) {
        if (raised)
            CHECK_INT(raise(SIGPIPE), ==, 0);
        CHECK_INT(thrum_stream_write(out, "x", 1, THRUM_FOREVER), ==, raised ? -EPIPE : 0);
        CHECK_INT(thrum_stream_flush(out, THRUM_FOREVER), ==, -EPIPE);
        CHECK_INT(sigpending(&pending), ==, 0);
        CHECK_INT(sigismember(&pending, SIGPIPE), ==, raised);
    }
    CHECK_INT(sigtimedwait(&broken, NULL, &(struct timespec){0}), ==, SIGPIPE);
    CHECK_INT(sigprocmask(SIG_SETMASK, &before, NULL), ==, 0);
    thrum_stream_free(out);
}

TEST(a_child_of_fork_has_a_copy_of_what_was_not_read_and_not_sent)
{
    thrum_stream *one, *other;
    char byte;
    int status;
    THREADS_ONLY;
    make_pair(&one, &other, NULL);
    say(one, "first\nsecond\n");
    CHECK_LINE(other, "first\n");
    CHECK_INT(thrum_stream_write(other, "answer\n", 7, THRUM_FOREVER), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_LINE(other, "second\n");
        CHECK_INT(thrum_stream_flush(other, THRUM_FOREVER), ==, 0);
        CHECK_INT(thrum_stream_read(other, &byte, 1, THRUM_NOW), ==, -EAGAIN);
        thrum_stream_free(other);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    CHECK_LINE(one, "answer\n");
    CHECK_LINE(other, "second\n");
    CHECK_INT(thrum_stream_unsent(other), ==, 7);
    free_pair(one, other);
}

/* ------------------------------------------------------------------------ both at the same time */

enum { LINES = 2000 };

static int write_lines(thrum_task *self)
{
    thrum_stream *stream = thrum_arg(self, thrum_stream *);
    char line[32];
    for (int i = 0; i < LINES; i++) {
        int size = snprintf(line, sizeof line, "line %d\n", i);
        CHECK_INT(thrum_stream_write(stream, line, (size_t)size, THRUM_FOREVER), ==, 0);
    }
    return thrum_stream_write_eof(stream, THRUM_FOREVER);
}

static int read_lines(thrum_task *self)
{
    thrum_stream *stream = thrum_arg(self, thrum_stream *);
    char line[32], expected[32];
    int count = 0;
    ptrdiff_t size;
    while ((size = thrum_stream_read_line(stream, line, sizeof line, THRUM_FOREVER)) > 0) {
        snprintf(expected, sizeof expected, "line %d\n", count++);
        CHECK_STR(line, expected);
    }
    CHECK_INT(size, ==, 0);
    CHECK_INT(count, ==, LINES);
    return 0;
}

TEST(each_side_is_read_and_written_at_the_same_time)
{
    thrum_stream *ends[2];
    thrum_thread *tasks[4];
    make_pair(&ends[0], &ends[1], &(thrum_stream_options){.high_water = 256, .read_size = 256});
    for (int i = 0; i < 2; i++) {
        tasks[2 * i] = thrum_thread_start(write_lines, thrum_value(thrum_stream *, ends[i]));
        tasks[2 * i + 1] = thrum_thread_start(read_lines, thrum_value(thrum_stream *, ends[i]));
    }
    for (int i = 0; i < 4; i++)
        JOIN(tasks[i], 0);
    free_pair(ends[0], ends[1]);
}

static int write_a_hundred(thrum_task *self)
{
    thrum_stream *stream = thrum_arg(self, thrum_stream *);
    for (int i = 0; i < 100; i++) {
        CHECK_INT(thrum_stream_write(stream, "0123456789abcdef\n", 17, THRUM_FOREVER), ==, 0);
        CHECK_INT(thrum_stream_flush(stream, THRUM_FOREVER), ==, 0);
    }
    return 0;
}

TEST(lines_of_several_writers_stay_whole)
{
    enum { WRITERS = 4 };
    thrum_stream *one, *other;
    thrum_thread *writers[WRITERS];
    make_pair(&one, &other, &(thrum_stream_options){.high_water = 8});
    for (int i = 0; i < WRITERS; i++)
        writers[i] = thrum_thread_start(write_a_hundred, thrum_value(thrum_stream *, one));
    for (int i = 0; i < 100 * WRITERS; i++)
        CHECK_LINE(other, "0123456789abcdef\n");
    for (int i = 0; i < WRITERS; i++)
        JOIN(writers[i], 0);
    free_pair(one, other);
}
