/* A fiber for each connection. Whoever sends without an end stops when the client has gone. */
#include "hostile_server.h"

#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct connection {
    struct hostile_server *server;
    thrum_socket *peer;
};

static int say(thrum_socket *peer, const char *text)
{
    return thrum_socket_write(peer, text, strlen(text), THRUM_FOREVER);
}

static int send_page(thrum_socket *peer, int status, const char *header, const char *page)
{
    char text[512];
    snprintf(text, sizeof text, "HTTP/1.1 %d Whatever\r\n%sContent-Length: %zu\r\n\r\n%s", status,
             header, strlen(page), page);
    return say(peer, text);
}

static int reset(thrum_socket *peer)
{
    static const struct linger at_once = {.l_onoff = 1};
    setsockopt(thrum_socket_descriptor(peer), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return -ECONNRESET;
}

/* Notes the request. Returns how often the path was asked for, this time included. */
static int note(struct hostile_server *server, const char *path)
{
    int count = 0;
    thrum_with (&server->lock) {
        struct hostile_path *seen = server->paths;
        server->requests++;
        while (seen->count > 0 && strcmp(seen->path, path) != 0)
            seen++;
        CHECK(seen < server->paths + HOSTILE_PATHS - 1);
        seen->last = thrum_now();
        if (seen->count == 0) {
            snprintf(seen->path, sizeof seen->path, "%s", path);
            seen->first = seen->last;
        }
        count = ++seen->count;
    }
    return count;
}

static int hold(struct hostile_server *server, thrum_socket *peer, const char *path)
{
    thrum_with (&server->lock)
        server->held++;
    int rc = thrum_event_wait(&server->gate, THRUM_FOREVER);
    thrum_with (&server->lock)
        server->held--;
    return rc < 0 ? rc : send_page(peer, 200, "", path);
}

/* Sends the text again and again, until the client goes or the server stops. */
static int send_on(struct hostile_server *server, thrum_socket *peer, const char *text,
                   double pause)
{
    int rc = 0;
    while (rc == 0 && !thrum_event_is_set(&server->gate)) {
        rc = say(peer, text);
        if (rc == 0 && pause > 0)
            rc = thrum_sleep(thrum_in(pause));
    }
    return rc < 0 ? rc : -EPIPE;
}

static int answer_wrongly(struct hostile_server *server, thrum_socket *peer, const char *path)
{
    int rc;
    if (strcmp(path, "/half") == 0)
        return say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") < 0 ? -EPIPE
                                                                                   : -ESHUTDOWN;
    if (strcmp(path, "/long") == 0)
        return send_page(peer, 200, "", "five!") < 0 || say(peer, "and what nobody expects") < 0
                   ? -EPIPE
                   : -ESHUTDOWN;
    if (strcmp(path, "/drip") == 0) {
        rc = say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        return rc < 0 ? rc : send_on(server, peer, ".", 0.01);
    }
    if (strcmp(path, "/headers") == 0) {
        rc = say(peer, "HTTP/1.1 200 OK\r\n");
        return rc < 0 ? rc : send_on(server, peer, "X-One-More: of many, many headers\r\n", 0);
    }
    if (strcmp(path, "/header") == 0) {
        rc = say(peer, "HTTP/1.1 200 OK\r\nX-Long: ");
        return rc < 0 ? rc : send_on(server, peer, "and on, and on, and on, and on, ", 0);
    }
    return reset(peer);
}

static int send_big(thrum_socket *peer)
{
    static const char piece[HOSTILE_BIG / 100] = "big";
    char head[64];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", HOSTILE_BIG);
    int rc = say(peer, head);
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = thrum_socket_write(peer, piece, sizeof piece, THRUM_FOREVER);
    return rc;
}

char hostile_byte(size_t at)
{
    return (char)('a' + at * 7 % 26 + at / 1000 % 3);
}

/* The value of a header of the request, or NULL. */
static const char *header_of(const char *request, const char *name, char value[128])
{
    const char *at = strcasestr(request, name);
    return at && sscanf(at + strlen(name), ": %127[^\r\n]", value) == 1 ? value : NULL;
}

/* Sends a file of HOSTILE_BIG bytes from `first` on; with `cut`, ends the connection shortly before its end. */
static int send_part(thrum_socket *peer, const char *headers, size_t first, bool cut)
{
    char head[400], piece[4096];
    size_t end = cut ? HOSTILE_CUT : HOSTILE_BIG;
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n",
             first ? "206 Partial Content" : "200 OK", headers, HOSTILE_BIG - first);
    if (first)
        snprintf(head + strlen(head), sizeof head - strlen(head),
                 "Content-Range: bytes %zu-%d/%d\r\n", first, HOSTILE_BIG - 1, HOSTILE_BIG);
    snprintf(head + strlen(head), sizeof head - strlen(head), "\r\n");
    int rc = say(peer, head);
    while (rc == 0 && first < end) {
        size_t size = end - first < sizeof piece ? end - first : sizeof piece;
        for (size_t i = 0; i < size; i++)
            piece[i] = hostile_byte(first + i);
        rc = thrum_socket_write(peer, piece, size, THRUM_FOREVER);
        first += size;
    }
    return rc == 0 && cut ? -ECONNRESET : rc;
}

/* /part/KIND/...: the first time it is cut off. */
static int answer_part(thrum_socket *peer, const char *path, const char *request, int count)
{
    char range[128], version[128], headers[160];
    const char *kind = path + 6;
    bool changes = strncmp(kind, "changes/", 8) == 0, weak = strncmp(kind, "weak/", 5) == 0;
    snprintf(headers, sizeof headers, "ETag: %s\"v%d\"\r\n", weak ? "W/" : "", changes ? count : 1);
    size_t first = 0;
    if (header_of(request, "\r\nRange", range) && header_of(request, "\r\nIf-Range", version) &&
        strncmp(kind, "norange/", 8) != 0 && strstr(headers, version) &&
        strchr(version, '"') == version)
        CHECK_INT(sscanf(range, "bytes=%zu-", &first), ==, 1);
    if (first > 0 && strncmp(kind, "shifted/", 8) == 0)
        first += 10;
    bool always = strncmp(kind, "always/", 7) == 0;
    return send_part(peer, headers, first, always ? first == 0 : count == 1);
}

/* /echo/HEADER: answers with the value that the request has for it. */
static int answer_echo(thrum_socket *peer, const char *path, const char *request)
{
    char name[64], value[128];
    snprintf(name, sizeof name, "\r\n%s", path + 6);
    return send_page(peer, 200, "", header_of(request, name, value) ? value : "none");
}

/* The text "packed" by gzip -n, brotli and zstd. */
static const struct {
    const char *name;
    size_t size;
    unsigned char bytes[32];
} packed[] = {
    {"gzip", 26, {0x1f, 0x8b, 8,    0, 0, 0,    0,    0,    0,    3, 0x2b, 0x48, 0x4c,
                  0xce, 0x4e, 0x4d, 1, 0, 0x10, 0xb4, 0xf6, 0x21, 6, 0,    0,    0}},
    {"br", 10, {0x8b, 2, 0x80, 'p', 'a', 'c', 'k', 'e', 'd', 3}},
    {"zstd",
     19,
     {0x28, 0xb5, 0x2f, 0xfd, 4, 0x58, 0x31, 0, 0, 'p', 'a', 'c', 'k', 'e', 'd', 0x95, 0x40, 0xd8,
      0xd5}},
};

/* /packed/NAME: by that, if the client takes it, else by gzip. */
static int send_packed(thrum_socket *peer, const char *name, const char *request)
{
    char head[128], taken[128];
    size_t how = sizeof packed / sizeof packed[0];
    bool takes = header_of(request, "\r\nAccept-Encoding", taken);
    while (--how > 0)
        if (takes && strcmp(packed[how].name, name) == 0 && strstr(taken, name))
            break;
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
             packed[how].name, packed[how].size);
    int rc = say(peer, head);
    return rc < 0 ? rc
                  : thrum_socket_write(peer, packed[how].bytes, packed[how].size, THRUM_FOREVER);
}

/* Returns 0 if the connection is to go on. */
static int answer(struct hostile_server *server, thrum_socket *peer, const char *path,
                  const char *request)
{
    int count = note(server, path);
    if (strncmp(path, "/part/", 6) == 0)
        return answer_part(peer, path, request, count);
    if (strncmp(path, "/echo/", 6) == 0)
        return answer_echo(peer, path, request);
    if (strncmp(path, "/nohead/", 8) == 0)
        return send_page(peer, strstr(request, "\r\nRange: bytes=0-0") ? 206 : 200, "", path);
    if (strncmp(path, "/name/", 6) == 0)
        return send_page(peer, 200, "Content-Disposition: attachment; filename=\"../named\"\r\n",
                         path);
    if (strncmp(path, "/packed/", 8) == 0)
        return send_packed(peer, path + 8, request);
    if (strncmp(path, "/moved/", 7) == 0)
        return send_page(peer, 302, "Location: /ok/moved\r\n", "moved");
    if (strncmp(path, "/range/", 7) == 0)
        return send_page(peer, 206, "Content-Range: bytes 0-1/9\r\n", "ab");
    if (strncmp(path, "/empty/", 7) == 0)
        return send_page(peer, 200, "", "");
    if (strncmp(path, "/none/", 6) == 0) /* a status that has no body */
        return say(peer, strcmp(path + 6, "204") == 0 ? "HTTP/1.1 204 Whatever\r\n\r\n"
                         : strcmp(path + 6, "205") == 0
                             ? "HTTP/1.1 205 Whatever\r\nContent-Length: 0\r\n\r\n"
                             : "HTTP/1.1 304 Whatever\r\n\r\n");
    if (strncmp(path, "/ok/", 4) == 0)
        return send_page(peer, 200, "", path);
    if (strncmp(path, "/big/", 5) == 0)
        return send_big(peer);
    if (strncmp(path, "/held/", 6) == 0)
        return hold(server, peer, path);
    if (strncmp(path, "/flaky/", 7) == 0)
        return count == 1 ? reset(peer) : send_page(peer, 200, "", path);
    if (strncmp(path, "/busy/", 6) == 0)
        return count == 1 ? send_page(peer, 429, "Retry-After: 1\r\n", "busy")
                          : send_page(peer, 200, "", path);
    if (strncmp(path, "/status/", 8) == 0)
        return send_page(peer, (int)strtol(path + 8, NULL, 10), "", "no page\n");
    if (strcmp(path, "/later") == 0)
        return send_page(peer, 503, "Retry-After: 86400\r\n", "later");
    if (strcmp(path, "/circle") == 0)
        return send_page(peer, 302, "Location: /circle\r\n", "");
    return answer_wrongly(server, peer, path);
}

static int answer_head(struct hostile_server *server, thrum_socket *peer, const char *path)
{
    note(server, path);
    bool status = strncmp(path, "/status/", 8) == 0 || strncmp(path, "/nohead/", 8) == 0;
    if (strcmp(path, "/reset") == 0)
        return reset(peer);
    return send_page(peer, status ? (int)strtol(path + 8, NULL, 10) : 200, "", "");
}

static int serve(thrum_task *self)
{
    struct connection connection = thrum_arg(self, struct connection);
    char text[4096], path[32];
    size_t there = 0;
    ptrdiff_t got;
    int rc = 0;
    while (rc == 0 && (got = thrum_socket_read(connection.peer, text + there,
                                               sizeof text - 1 - there, THRUM_FOREVER)) > 0) {
        there += (size_t)got;
        text[there] = '\0';
        if (!strstr(text, "\r\n\r\n"))
            continue;
        CHECK_INT(sscanf(text, "%*s %31s", path), ==, 1);
        rc = strncmp(text, "HEAD ", 5) == 0
                 ? answer_head(connection.server, connection.peer, path)
                 : answer(connection.server, connection.peer, path, text);
        there = 0;
    }
    thrum_socket_free(connection.peer);
    return 0;
}

static int accept_all(thrum_task *self)
{
    struct hostile_server *server = thrum_arg(self, struct hostile_server *);
    struct connection connection = {.server = server};
    int rc;
    while ((rc = thrum_socket_accept(server->listener, &connection.peer, THRUM_FOREVER)) == 0)
        thrum_future_free(thrum_submit(server->pool, serve, &connection, sizeof connection));
    return rc == -EBADF ? 0 : rc;
}

void hostile_server_start(struct hostile_server *ret_server)
{
    memset(ret_server, 0, sizeof *ret_server);
    ret_server->pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    CHECK(ret_server->pool);
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &ret_server->listener), ==, 0);
    ret_server->port = thrum_socket_port(ret_server->listener);
    ret_server->accepting = thrum_submit(ret_server->pool, accept_all,
                                         thrum_value(struct hostile_server *, ret_server));
}

void hostile_server_stop(struct hostile_server *server)
{
    thrum_event_set(&server->gate);
    thrum_socket_close(server->listener);
    CHECK_INT(thrum_future_result(server->accepting, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(server->accepting);
    thrum_executor_shutdown(server->pool);
    thrum_socket_free(server->listener);
}

struct hostile_path hostile_server_seen(struct hostile_server *server, const char *path)
{
    struct hostile_path found = {0};
    thrum_with (&server->lock)
        for (const struct hostile_path *seen = server->paths; seen->count > 0; seen++)
            if (strcmp(seen->path, path) == 0)
                found = *seen;
    return found;
}

int hostile_server_held(struct hostile_server *server)
{
    int held = 0;
    thrum_with (&server->lock)
        held = server->held;
    return held;
}

int hostile_server_requests(struct hostile_server *server)
{
    int requests = 0;
    thrum_with (&server->lock)
        requests = server->requests;
    return requests;
}
