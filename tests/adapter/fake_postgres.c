#include "fake_postgres.h"
#include "base/atomic.h"
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION_3 = 196608, STOP_QUERY = 80877102, LONGEST = 1000 };

void fake_postgres_open(struct fake_postgres *server)
{
    memset(server, 0, sizeof *server);
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &server->listener), ==, 0);
}

/* Reads exactly so much; false if the client is gone. */
static bool take(thrum_socket *peer, void *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        ptrdiff_t got = thrum_socket_read(peer, (char *)buffer + done, size - done, THRUM_FOREVER);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static uint32_t number_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A length that counts itself, and what follows it; false if the client is gone. */
static bool take_body(thrum_socket *peer, unsigned char *ret_body)
{
    unsigned char head[4];
    if (!take(peer, head, sizeof head))
        return false;
    uint32_t length = number_at(head);
    CHECK_INT(length, >=, 4);
    CHECK_INT(length, <, LONGEST);
    ret_body[length - 4] = 0;
    return take(peer, ret_body, length - 4);
}

/* Sends a message. A client may be gone, which the next read finds. */
static void say(thrum_socket *peer, char type, const void *body, size_t size)
{
    unsigned char message[LONGEST] = {(unsigned char)type, 0, 0, (unsigned char)((size + 4) >> 8),
                                      (unsigned char)(size + 4)};
    memcpy(message + 5, body, size);
    (void)!thrum_socket_write(peer, message, 5 + size, THRUM_FOREVER);
}

#define SAY(peer, type, text) say(peer, type, text, sizeof(text) - 1)

static void say_ready(thrum_socket *peer)
{
    SAY(peer, 'Z', "I");
}

static void say_done(thrum_socket *peer)
{
    SAY(peer, 'C', "SELECT 0\0");
    say_ready(peer);
}

static void hear_request(struct fake_postgres *server)
{
    uint32_t number = thrum__add_acq_rel(&server->requests, 1);
    if (thrum__load_acquire(&server->hold_requests))
        CHECK_INT(thrum_event_wait(&server->let_go, THRUM_FOREVER), ==, 0);
    else if (number >= thrum__load_acquire(&server->ignored))
        thrum_event_set(&server->stopped);
}

/* Answers a query; false if the connection is to end. */
static bool answer(struct fake_postgres *server, thrum_socket *peer, const char *text)
{
    thrum__add_release(&server->queries, 1);
    if (strcmp(text, "die") == 0)
        return false;
    if (strcmp(text, "copy") == 0) {
        SAY(peer, 'G', "\0\0\0");
        return true;
    }
    if (strcmp(text, "slow") == 0) {
        CHECK_INT(thrum_event_wait(&server->stopped, THRUM_FOREVER), ==, 0);
        thrum_event_clear(&server->stopped);
        SAY(peer, 'E', "SERROR\0C57014\0Mstopped\0\0");
        say_ready(peer);
        return true;
    }
    say_done(peer);
    if (strcmp(text, "notify") == 0)
        SAY(peer, 'A', "\0\0\0\7news\0good\0");
    return true;
}

void fake_postgres_serve(struct fake_postgres *server, thrum_socket *peer)
{
    unsigned char body[LONGEST], type;
    CHECK_INT(thrum_socket_no_delay(peer, true), ==, 0);
    bool goes_on = take_body(peer, body);
    if (goes_on && number_at(body) == STOP_QUERY) {
        hear_request(server);
        goes_on = false;
    } else if (goes_on) {
        CHECK_INT(number_at(body), ==, VERSION_3);
        SAY(peer, 'R', "\0\0\0\0");
        SAY(peer, 'K', "\0\0\0\7\0\0\0\7");
        say_ready(peer);
        if (thrum__load_acquire(&server->deaf)) {
            CHECK_INT(thrum_event_wait(&server->let_go, THRUM_FOREVER), ==, 0);
            goes_on = false;
        }
    }
    while (goes_on && take(peer, &type, 1) && take_body(peer, body)) {
        if (type == 'Q')
            goes_on = answer(server, peer, (const char *)body);
        else if (type == 'S')
            say_done(peer);
        else
            goes_on = type != 'X';
    }
    thrum_socket_free(peer);
}
