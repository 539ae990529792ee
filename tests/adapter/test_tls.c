/* libthrum-tls: both ends in this process, over connections that also do what connections do on bad
 * days. */
#include "carrier.h"
#include "certificates.h"
#include "support_sanitizer.h"
#include "thrum_tls.h"
#include "untouched.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdio.h>

static struct certificate authority, good;
static thrum_tls *client, *server;
static thrum_stream *near, *far; /* of the client, of the server */

static void make_settings(const thrum_tls_options *of_client, const thrum_tls_options *of_server)
{
    thrum_tls_options theirs = of_client ? *of_client : (thrum_tls_options){0};
    thrum_tls_options ours = of_server ? *of_server : (thrum_tls_options){0};
    certificate_make(&authority, "authority", NULL, -DAY, DAY);
    certificate_make(&good, "good.example", &authority, -DAY, DAY);
    theirs.trusted = theirs.no_verify ? NULL : authority.path;
    ours.certificate = ours.certificate ? ours.certificate : good.path;
    ours.trusted = ours.verify_client ? authority.path : NULL;
    CHECK_INT(thrum_tls_new_client(&theirs, &client, NULL), ==, 0);
    CHECK_INT(thrum_tls_new_server(&ours, &server, NULL), ==, 0);
}

static void make_streams(void)
{
    thrum_socket *one, *other;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    CHECK_INT(thrum_stream_from_socket(one, NULL, &near), ==, 0);
    CHECK_INT(thrum_stream_from_socket(other, NULL, &far), ==, 0);
}

static void free_all(void)
{
    thrum_stream_free(near);
    thrum_stream_free(far);
    thrum_tls_free(client);
    thrum_tls_free(server);
    certificate_free(&good);
    certificate_free(&authority);
}

static thrum_error server_error;

static int accept_one(thrum_task *self)
{
    (void)self;
    int rc = thrum_tls_accept(server, far, &server_error, THRUM_FOREVER);
    if (rc < 0)
        (void)!thrum_stream_close(far, THRUM_NOW); /* a failed handshake has closed it */
    return rc;
}

/* Makes the handshake at both ends; returns what the client gets. */
static int shake_hands(const char *host, thrum_error *ret_error, int expected_of_server)
{
    thrum_thread *accepting = thrum_thread_start(accept_one, THRUM_NOTHING);
    int rc = thrum_tls_connect(client, near, host, ret_error, THRUM_FOREVER);
    JOIN(accepting, expected_of_server);
    return rc;
}

/* A connection that works. */
static void begin(void)
{
    make_settings(NULL, NULL);
    make_streams();
    CHECK_INT(shake_hands("good.example", NULL, 0), ==, 0);
}

static void say(thrum_stream *stream, const char *text)
{
    CHECK_INT(thrum_stream_write(stream, text, strlen(text), THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_flush(stream, THRUM_FOREVER), ==, 0);
}

static void hear(thrum_stream *stream, const char *text)
{
    char line[64];
    CHECK_INT(thrum_stream_read_line(stream, line, sizeof line, THRUM_FOREVER), ==,
              (ptrdiff_t)strlen(text));
    CHECK_STR(line, text);
}

/* ------------------------------------------------------------------------------- what is agreed */

TEST(lines_go_both_ways)
{
    begin();
    say(near, "question\n");
    hear(far, "question\n");
    say(far, "answer\nmore\n");
    hear(near, "answer\n");
    hear(near, "more\n");
    free_all();
}

TEST(both_ends_know_what_was_agreed)
{
    static const char *const of_client[] = {"h2", "http/1.1", NULL};
    static const char *const of_server[] = {"http/1.1", "h2", NULL};
    thrum_tls_info info;
    make_settings(&(thrum_tls_options){.protocols = of_client},
                  &(thrum_tls_options){.protocols = of_server});
    make_streams();
    FAILS(thrum_tls_info_get(near, FIRST), -EINVAL);
    CHECK(thrum_tls_ssl(near) == NULL);
    CHECK_INT(shake_hands("good.example.", NULL, 0), ==, 0);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(thrum_tls_info_get(i ? near : far, &info), ==, 0);
        CHECK_STR(info.version, "TLSv1.3");
        CHECK_STR(info.protocol, "http/1.1");
        CHECK_STR(info.host, "good.example");
        CHECK(strncmp(info.cipher, "TLS_", 4) == 0);
    }
    CHECK(thrum_tls_ssl(near) != NULL);
    free_all();
}

TEST(without_a_common_protocol_there_is_no_connection)
{
    static const char *const of_client[] = {"h2", NULL}, *const of_server[] = {"spdy", NULL};
    make_settings(&(thrum_tls_options){.protocols = of_client},
                  &(thrum_tls_options){.protocols = of_server});
    make_streams();
    CHECK_INT(shake_hands("good.example", NULL, -EPROTO), ==, -EPROTO);
    free_all();
}

TEST(a_server_shows_the_certificate_of_the_name_that_is_asked_for)
{
    static const char *const names[] = {"other.example", "good.example", "deep.wild.example"};
    struct certificate other, wild;
    make_settings(NULL, NULL);
    certificate_make(&other, "other.example", &authority, -DAY, DAY);
    certificate_make(&wild, "*.wild.example", &authority, -DAY, DAY);
    CHECK_INT(thrum_tls_add_certificate(server, other.path, NULL, NULL), ==, 0);
    CHECK_INT(thrum_tls_add_certificate(server, wild.path, wild.path, NULL), ==, 0);
    CHECK_INT(thrum_tls_add_certificate(client, wild.path, wild.path, NULL), ==, -EINVAL);
    for (int i = 0; i < 3; i++) {
        make_streams();
        CHECK_INT(shake_hands(names[i], NULL, 0), ==, 0);
        thrum_stream_free(near);
        thrum_stream_free(far);
    }
    make_streams();
    CHECK_INT(shake_hands("unknown.example", NULL, -EPROTO), ==, -EKEYREJECTED);
    certificate_free(&other);
    certificate_free(&wild);
    free_all();
}

/* ------------------------------------------------------------------------------ what is refused */

static void refuse(const char *host, const char *reason)
{
    thrum_error error;
    char byte;
    make_streams();
    CHECK_INT(shake_hands(host, &error, -EPROTO), ==, -EKEYREJECTED);
    CHECK_INT(error.code, ==, -EKEYREJECTED);
    if (!strstr(error.message, reason))
        CHECK_STR(error.message, reason);
    CHECK_INT(server_error.code, ==, -EPROTO);
    CHECK(strstr(server_error.message, "alert"));
    CHECK_INT(thrum_stream_read(near, &byte, 1, THRUM_FOREVER), ==, -EBADF);
    CHECK_INT(thrum_stream_write(near, &byte, 1, THRUM_FOREVER), ==, -EBADF);
    thrum_stream_free(near);
    thrum_stream_free(far);
    near = far = NULL;
}

TEST(a_certificate_for_another_host_is_refused)
{
    make_settings(NULL, NULL);
    refuse("bad.example", "hostname mismatch");
    refuse("good.example.evil.example", "hostname mismatch");
    refuse("127.0.0.2", "IP address mismatch");
    make_streams();
    CHECK_INT(shake_hands("127.0.0.1", NULL, 0), ==, 0);
    free_all();
}

static void refuse_certificate(const char *name, bool signed_by_authority, long from, long to,
                               const char *reason)
{
    struct certificate bad;
    make_settings(NULL, NULL);
    certificate_make(&bad, name, signed_by_authority ? &authority : NULL, from, to);
    thrum_tls_free(server);
    CHECK_INT(thrum_tls_new_server(&(thrum_tls_options){.certificate = bad.path}, &server, NULL),
              ==, 0);
    refuse(name, reason);
    certificate_free(&bad);
    free_all();
}

TEST(a_certificate_that_has_expired_is_refused)
{
    refuse_certificate("good.example", true, -2 * DAY, -DAY, "expired");
}

TEST(a_certificate_that_is_not_valid_yet_is_refused)
{
    refuse_certificate("good.example", true, DAY, 2 * DAY, "not yet valid");
}

TEST(a_certificate_that_nobody_vouches_for_is_refused)
{
    refuse_certificate("good.example", false, -DAY, DAY, "self-signed");
}

TEST(a_client_may_refrain_from_checking)
{
    thrum_error error;
    make_settings(&(thrum_tls_options){.no_verify = true}, NULL);
    make_streams();
    CHECK_INT(shake_hands(NULL, NULL, 0), ==, 0);
    say(far, "hello\n");
    hear(near, "hello\n");
    thrum_tls_free(client);
    CHECK_INT(thrum_tls_new_client(NULL, &client, NULL), ==, 0);
    CHECK_INT(thrum_tls_connect(client, near, NULL, &error, THRUM_FOREVER), ==, -EINVAL);
    CHECK_INT(thrum_tls_connect(client, near, "", &error, THRUM_FOREVER), ==, -EINVAL);
    CHECK_INT(thrum_tls_connect(server, near, "good.example", &error, THRUM_FOREVER), ==, -EINVAL);
    CHECK_INT(thrum_tls_accept(client, near, &error, THRUM_FOREVER), ==, -EINVAL);
    free_all();
}

TEST(a_server_may_ask_for_a_certificate)
{
    struct certificate own;
    char byte;
    make_settings(NULL, &(thrum_tls_options){.verify_client = true});
    make_streams();
    CHECK_INT(shake_hands("good.example", NULL, -EKEYREJECTED), ==,
              0); /* TLS 1.3: too early to tell */
    CHECK_INT(thrum_stream_read(near, &byte, 1, THRUM_FOREVER), ==, -EPROTO);
    thrum_stream_free(near);
    thrum_stream_free(far);
    certificate_make(&own, "client", &authority, -DAY, DAY);
    thrum_tls_free(client);
    CHECK_INT(thrum_tls_new_client(
                  &(thrum_tls_options){.trusted = authority.path, .certificate = own.path}, &client,
                  NULL),
              ==, 0);
    make_streams();
    CHECK_INT(shake_hands("good.example", NULL, 0), ==, 0);
    say(far, "welcome\n");
    hear(near, "welcome\n");
    certificate_free(&own);
    free_all();
}

TEST(settings_that_make_no_sense_are_named)
{
    static const char *const empty[] = {"", NULL};
    thrum_error error;
    struct certificate other;
    certificate_make(&good, "good.example", NULL, -DAY, DAY);
    certificate_make(&other, "other.example", NULL, -DAY, DAY);
    FAILS(thrum_tls_new_server(NULL, FIRST, &error), -EINVAL);
    CHECK_STR(error.message, "a server needs a certificate: Invalid argument");
    FAILS(thrum_tls_new_server(&(thrum_tls_options){.certificate = "/no/such"}, FIRST, &error),
          -ENOENT);
    CHECK_STR(error.message, "certificate /no/such: No such file or directory");
    FAILS(thrum_tls_new_server(&(thrum_tls_options){.certificate = "/dev/null"}, FIRST, &error),
          -EINVAL);
    FAILS(thrum_tls_new_server(&(thrum_tls_options){.certificate = good.path, .key = other.path},
                               FIRST, &error),
          -EINVAL);
    CHECK(strstr(error.message, "key values mismatch"));
    FAILS(thrum_tls_new_client(&(thrum_tls_options){.trusted = "/no/such"}, FIRST, &error),
          -ENOENT);
    FAILS(thrum_tls_new_client(&(thrum_tls_options){.protocols = empty}, FIRST, &error), -EINVAL);
    FAILS(thrum_tls_new_client(&(thrum_tls_options){.verify_client = true}, FIRST, &error),
          -EINVAL);
    thrum_tls_free(NULL);
    certificate_free(&good);
    certificate_free(&other);
}

/* ---------------------------------------------------------------------------------- how it ends */

TEST(an_end_that_is_announced_is_the_end)
{
    char byte;
    begin();
    CHECK_INT(thrum_stream_write(far, "last\n", 5, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_close(far, THRUM_FOREVER), ==, 0);
    hear(near, "last\n");
    CHECK_INT(thrum_stream_read(near, &byte, 1, THRUM_FOREVER), ==, 0);
    CHECK(thrum_stream_at_eof(near));
    free_all();
}

TEST(an_end_that_is_not_announced_is_an_error)
{
    char byte;
    begin();
    say(far, "last\n");
    CHECK_INT(thrum_socket_close(thrum_stream_socket(far)), ==, 0);
    hear(near, "last\n");
    for (int i = 0; i < 2; i++)
        CHECK_INT(thrum_stream_read(near, &byte, 1, THRUM_FOREVER), ==, -ECONNABORTED);
    CHECK(!thrum_stream_at_eof(near));
    free_all();
}

TEST(half_a_close_ends_one_direction)
{
    char byte;
    begin();
    CHECK_INT(thrum_stream_write(near, "question\n", 9, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_write_eof(near, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_write(near, "x", 1, THRUM_FOREVER), ==, -EPIPE);
    hear(far, "question\n");
    CHECK_INT(thrum_stream_read(far, &byte, 1, THRUM_FOREVER), ==, 0);
    say(far, "answer\n");
    hear(near, "answer\n");
    free_all();
}

static uint32_t ident;

static int read_a_byte(thrum_task *self)
{
    char byte;
    (void)self;
    tell_ident(&ident);
    return (int)thrum_stream_read(near, &byte, 1, THRUM_FOREVER);
}

TEST(a_read_is_ended_by_its_deadline_a_cancellation_or_a_close)
{
    char byte;
    begin();
    CHECK_INT(thrum_stream_read(near, &byte, 1, thrum_in(0.001)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_stream_read(near, &byte, 1, THRUM_NOW), ==, -EAGAIN);
    ident = 0;
    thrum_thread *reader = thrum_thread_start(read_a_byte, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_thread_cancel(reader), ==, 0);
    JOIN(reader, -ECANCELED);
    say(far, "still there\n");
    hear(near, "still there\n");
    ident = 0;
    reader = thrum_thread_start(read_a_byte, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_stream_close(near, THRUM_FOREVER), ==, 0);
    JOIN(reader, -EBADF);
    free_all();
}

TEST(a_handshake_ends_at_its_deadline)
{
    thrum_error error;
    char byte;
    make_settings(NULL, NULL);
    make_streams();
    CHECK_INT(thrum_tls_connect(client, near, "good.example", &error, thrum_in(0.01)), ==,
              -ETIMEDOUT);
    CHECK_INT(error.code, ==, -ETIMEDOUT);
    CHECK_INT(thrum_stream_read(near, &byte, 1, THRUM_FOREVER), ==, -EBADF);
    free_all();
}

/* --------------------------------------------------------------------------------- in the clear */

TEST(a_stream_can_be_encrypted_amid_its_life)
{
    make_settings(NULL, NULL);
    make_streams();
    say(near, "STARTTLS\n");
    hear(far, "STARTTLS\n");
    CHECK_INT(shake_hands("good.example", NULL, 0), ==, 0);
    say(near, "secret\n");
    hear(far, "secret\n");
    free_all();
}

TEST(bytes_that_were_slipped_in_before_the_handshake_refuse_it)
{
    thrum_error error;
    make_settings(NULL, NULL);
    make_streams();
    say(far, "220 ready\n250 injected\n");
    hear(near, "220 ready\n");
    CHECK_INT(thrum_tls_connect(client, near, "good.example", &error, THRUM_FOREVER), ==, -EBUSY);
    CHECK_STR(error.message,
              "bytes were read or written before the TLS handshake: Device or resource busy");
    hear(near, "250 injected\n");
    free_all();
}

TEST(who_speaks_no_tls_is_refused)
{
    thrum_error error;
    make_settings(NULL, NULL);
    make_streams();
    say(far, "HTTP/1.1 400 Bad Request\r\n\r\n");
    CHECK_INT(thrum_tls_connect(client, near, "good.example", &error, THRUM_FOREVER), ==, -EPROTO);
    CHECK(strstr(error.message, "wrong version number"));
    thrum_stream_free(near);
    thrum_stream_free(far);
    make_streams();
    CHECK_INT(thrum_stream_close(far, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_tls_connect(client, near, "good.example", NULL, THRUM_FOREVER), <, 0);
    free_all();
}

/* ---------------------------------------------------------------------------- much, on bad days */

/* A transport on top of that of a socket, which moves a few bytes at a time, refuses, damages and
 * cuts. */
struct rough {
    const thrum_transport *below;
    void *object;
    uint64_t seed[2]; /* of each side */
    bool refused[2];  /* for no reason: no wait is to follow */
    uint32_t damage;  /* one byte in so many written ones is changed; 0: none */
    size_t budget;    /* bytes to be written before the connection is cut */
};

static uint32_t any(struct rough *rough, thrum_transport_side side, uint32_t bound)
{
    rough->seed[side] = rough->seed[side] * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(rough->seed[side] >> 33) % bound;
}

/* How much of it moves; 0: it is refused. */
static size_t some(struct rough *rough, thrum_transport_side side, size_t size)
{
    size_t piece = any(rough, side, 3) ? size : 1 + any(rough, side, 300);
    rough->refused[side] = any(rough, side, 4) == 0;
    return rough->refused[side] ? 0 : piece < size ? piece : size;
}

static ptrdiff_t rough_read(void *object, void *buffer, size_t size)
{
    struct rough *rough = object;
    size = some(rough, THRUM_TRANSPORT_READ, size);
    return size ? rough->below->read(rough->object, buffer, size) : -EAGAIN;
}

static ptrdiff_t rough_write(void *object, const void *data, size_t size)
{
    struct rough *rough = object;
    char piece[512];
    size = some(rough, THRUM_TRANSPORT_WRITE, size < sizeof piece ? size : sizeof piece);
    if (size == 0)
        return -EAGAIN;
    size = size < rough->budget ? size : rough->budget;
    if (size == 0) {
        rough->below->close(rough->object);
        return -EPIPE;
    }
    memcpy(piece, data, size);
    for (size_t i = 0; i < size && rough->damage; i++)
        if (any(rough, THRUM_TRANSPORT_WRITE, rough->damage) == 0)
            piece[i] ^= (char)(1 << any(rough, THRUM_TRANSPORT_WRITE, 8));
    ptrdiff_t put = rough->below->write(rough->object, piece, size);
    rough->budget -= put > 0 ? (size_t)put : 0;
    return put;
}

static int rough_wait(void *object, thrum_transport_side side, bool tried, thrum_deadline deadline)
{
    struct rough *rough = object;
    return tried && rough->refused[side] ? 0
                                         : rough->below->wait(rough->object, side, tried, deadline);
}

static int rough_end(void *object, bool closing)
{
    struct rough *rough = object;
    return rough->below->end(rough->object, closing);
}

static void rough_close(void *object)
{
    struct rough *rough = object;
    rough->below->close(rough->object);
}

static void rough_free(void *object)
{
    struct rough *rough = object;
    rough->below->free(rough->object);
}

static const thrum_transport over_rough = {rough_read, rough_write, rough_wait,
                                           rough_end,  rough_close, rough_free};

static void make_rough_streams(struct rough roughs[2], uint64_t seed)
{
    make_streams();
    for (int i = 0; i < 2; i++) {
        thrum_stream *stream = i ? far : near;
        struct rough *rough = &roughs[i];
        *rough = (struct rough){.seed = {seed + (uint64_t)i, ~seed}, .budget = SIZE_MAX};
        rough->below = thrum_stream_transport(stream, &rough->object);
        CHECK_INT(thrum_stream_layer(stream, &over_rough, rough), ==, 0);
    }
}

enum { MUCH = SANITIZED ? 100000 : 400000, PIECE = 5000 };

static char letter(size_t at)
{
    return (char)(at * 31 + at / 4096);
}

static int write_all(thrum_stream *stream)
{
    char piece[PIECE];
    for (size_t at = 0; at < MUCH; at += PIECE) {
        for (size_t i = 0; i < PIECE; i++)
            piece[i] = letter(at + i);
        int rc = thrum_stream_write(stream, piece, PIECE, THRUM_FOREVER);
        if (rc < 0)
            return rc;
    }
    return thrum_stream_write_eof(stream, THRUM_FOREVER);
}

/* Whatever arrives is what was sent. */
static int read_all(thrum_stream *stream)
{
    char piece[20000];
    size_t at = 0;
    ptrdiff_t got;
    while ((got = thrum_stream_read(stream, piece, sizeof piece, THRUM_FOREVER)) > 0)
        for (ptrdiff_t i = 0; i < got; i++, at++)
            CHECK_INT(piece[i], ==, letter(at));
    CHECK(got < 0 || at == MUCH);
    return (int)got;
}

static int write_much(thrum_task *self)
{
    return write_all(thrum_arg(self, thrum_stream *));
}

static int read_much(thrum_task *self)
{
    return read_all(thrum_arg(self, thrum_stream *));
}

static void exchange(int results[4])
{
    thrum_thread *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = thrum_thread_start(i < 2 ? write_much : read_much,
                                      thrum_value(thrum_stream *, i % 2 ? near : far));
    for (int i = 0; i < 4; i++) {
        results[i] =
            OUTCOME_CODE(thrum_thread_join(tasks[i], THRUM_FOREVER), thrum_thread_error(tasks[i]));
        thrum_thread_free(tasks[i]);
    }
}

TEST(much_goes_both_ways_at_the_same_time)
{
    int results[4];
    begin();
    exchange(results);
    for (int i = 0; i < 4; i++)
        CHECK_INT(results[i], ==, 0);
    free_all();
}

TEST(much_goes_both_ways_over_a_rough_connection)
{
    struct rough roughs[2];
    int results[4];
    make_settings(NULL, NULL);
    make_rough_streams(roughs, 7);
    CHECK_INT(shake_hands("good.example", NULL, 0), ==, 0);
    exchange(results);
    for (int i = 0; i < 4; i++)
        CHECK_INT(results[i], ==, 0);
    free_all();
}

/* Cuts after so many bytes of the server: amid the handshake, a record, or its head. */
TEST(a_cut_anywhere_is_an_error)
{
    make_settings(NULL, NULL);
    for (size_t budget = 1; budget < 2400; budget += SANITIZED ? 171 : 37) {
        struct rough roughs[2];
        char text[1000] = {0};
        thrum_error error;
        make_rough_streams(roughs, budget);
        roughs[1].budget = budget;
        thrum_thread *accepting = thrum_thread_start(accept_one, THRUM_NOTHING);
        int rc = thrum_tls_connect(client, near, "good.example", &error, THRUM_FOREVER);
        int accepted = OUTCOME_CODE(thrum_thread_join(accepting, THRUM_FOREVER),
                                    thrum_thread_error(accepting));
        thrum_thread_free(accepting);
        if (rc == 0 && accepted == 0) {
            rc = thrum_stream_write(far, text, sizeof text, THRUM_FOREVER);
            if (rc == 0)
                rc = thrum_stream_flush(far, THRUM_FOREVER);
            thrum_socket_close(thrum_stream_socket(far));
            ptrdiff_t got = 1;
            while (got > 0)
                got = thrum_stream_read(near, text, sizeof text, THRUM_FOREVER);
            CHECK(got == -ECONNABORTED || got == -ECONNRESET);
        } else {
            CHECK(rc == -ECONNABORTED || rc == -ECONNRESET || rc == -EPIPE || accepted < 0);
        }
        thrum_stream_free(near);
        thrum_stream_free(far);
    }
    near = far = NULL;
    free_all();
}

/* The server's part: the handshake, then one direction. */
static int serve_one(thrum_task *self)
{
    bool writes = thrum_arg(self, bool);
    int rc = thrum_tls_accept(server, far, NULL, THRUM_FOREVER);
    if (rc == 0)
        rc = writes ? write_all(far) : read_all(far);
    (void)!thrum_stream_close(far, THRUM_NOW); /* damage may have closed it */
    return rc;
}

/* What is changed on the way does not arrive. A damaged length may have both ends wait for more of
 * a handshake: so the client has a deadline. */
TEST_DEADLINE(damage_on_the_way_is_noticed, 60)
{
    make_settings(NULL, NULL);
    int noticed = 0;
    for (uint32_t i = 0; i < (SANITIZED ? 10 : 60); i++) {
        struct rough roughs[2];
        bool server_writes = i % 2;
        make_rough_streams(roughs, i * 1000);
        roughs[server_writes].damage = i % 3 ? 1000 : 100000;
        thrum_thread *serving = thrum_thread_start(serve_one, thrum_value(bool, server_writes));
        int rc = thrum_tls_connect(client, near, "good.example", NULL, thrum_in(0.2));
        if (rc == 0)
            rc = server_writes ? read_all(near) : write_all(near);
        (void)!thrum_stream_close(near, THRUM_NOW); /* damage may have closed it */
        int served =
            OUTCOME_CODE(thrum_thread_join(serving, THRUM_FOREVER), thrum_thread_error(serving));
        noticed += server_writes ? rc < 0 : served < 0;
        thrum_thread_free(serving);
        thrum_stream_free(near);
        thrum_stream_free(far);
    }
    CHECK_INT(noticed, >, 5);
    near = far = NULL;
    free_all();
}

/* --------------------------------------------------------------------------------------- memory */

static uint32_t allocations, refused_one; /* the number of the allocation that fails; 0: none */

static bool refuses_now(void)
{
    uint32_t number = thrum__add_relaxed(&allocations, 1) + 1;
    return number == thrum__load_relaxed(&refused_one);
}

static void *take(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return refuses_now() ? NULL : malloc(size);
}

static void *take_other(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return refuses_now() ? NULL : realloc(memory, size);
}

static void release(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

/* Makes a client's settings and a handshake, with a single refusal. */
static void handshake_without_memory(uint32_t number, bool *ret_refused)
{
    thrum_tls_options options = {.trusted = authority.path};
    thrum_tls *own;
    thrum_error error = {.code = 0};
    thrum__store_relaxed(&allocations, 0);
    thrum__store_relaxed(&refused_one, number);
    int rc = thrum_tls_new_client(&options, &own, &error);
    if (rc == 0) {
        make_streams();
        thrum_thread *accepting = thrum_thread_start(accept_one, THRUM_NOTHING);
        rc = thrum_tls_connect(own, near, "good.example", &error, THRUM_FOREVER);
        thrum__store_relaxed(&refused_one, 0);
        (void)!thrum_stream_close(near, THRUM_NOW);         /* a failed handshake has closed it */
        (void)!thrum_thread_join(accepting, THRUM_FOREVER); /* the other side may have failed */
        thrum_thread_free(accepting);
        thrum_stream_free(near);
        thrum_stream_free(far);
        thrum_tls_free(own);
    }
    thrum__store_relaxed(&refused_one, 0);
    *ret_refused = thrum__load_relaxed(&allocations) >= number;
    CHECK(rc == 0 || (error.code == rc && error.message[0]));
}

/* OpenSSL does without some memory, and may call a lack of it by another name; but it always
 * ends. */
TEST_DEADLINE(each_allocation_of_openssl_may_fail, 60)
{
    bool refused = true;
    CHECK_INT(CRYPTO_set_mem_functions(take, take_other, release), ==, 1);
    make_settings(NULL, NULL);
    uint32_t step = SANITIZED ? 197 : 61;
    for (uint32_t number = 1; refused; number += step)
        handshake_without_memory(number, &refused);
    near = far = NULL;
    free_all();
}
