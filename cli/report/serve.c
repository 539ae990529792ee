/* A server for one page.
 *
 *     GET /              the page, with the results of now
 *     GET /results.json  the results of now, or null; the page asks for them again and again
 *
 * The listener is bound to 127.0.0.1, so only this machine reaches it. That is not enough: a page of another site can have its
 * own name resolve to 127.0.0.1, and then reads what stands here as its own. So a request must name this server in its Host
 * field. Answers carry nothing that lets other origins read them.
 *
 * The main thread accepts connections; each is a fiber, which reads one request, answers it and closes. A client that is slow
 * or silent costs one of CONNECTIONS_MOST places for at most a few seconds, and memory for a request of REQUEST_SIZE bytes.
 *
 * The program that measures writes the file anew from time to time (measure/report_file.h). It may be read in the middle of
 * that, and is then no JSON. The server answers with the last results that it could read.
 */
#include "serve.h"

#include "../command.h"
#include "interrupt.h"
#include "page.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { CONNECTIONS_MOST = 32, REQUEST_SIZE = 8192, LINE_SIZE = 2048 };

static const double request_seconds = 5, answer_seconds = 30;

/* One for the program; connections are tasks of one worker, which read it in turns. */
static struct server {
    const char *path;
    int port;
    thrum_semaphore places; /* of connections */
    struct results results; /* the last that could be read; json is NULL if there are none */
    struct timespec changed;
    off_t size;
} server;

struct request {
    char method[8], target[LINE_SIZE];
    bool host_is_ours;
};

/* Reads the file again, if it is another than before. */
static void refresh(void)
{
    struct stat status;
    struct results results;
    thrum_error unused;
    if (stat(server.path, &status) != 0 || (server.results.json && status.st_size == server.size &&
                                            status.st_mtim.tv_sec == server.changed.tv_sec &&
                                            status.st_mtim.tv_nsec == server.changed.tv_nsec))
        return;
    if (results_read(server.path, &results, &unused) < 0) {
        results_finish(&results);
        return;
    }
    results_finish(&server.results);
    server.results = results;
    server.changed = status.st_mtim;
    server.size = status.st_size;
}

/* ------------------------------------------------------------------------------------------ requests */

static bool is_ours(const char *host)
{
    char name[64];
    static const char *const names[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "%s:%d", names[i], server.port);
        if (strcasecmp(host, name) == 0)
            return true;
    }
    return false;
}

/* Takes one line of a head, without its end. False if it is none. */
static bool take_line(struct request *request, char *line, bool first)
{
    char version[16];
    int end = 0;
    if (first)
        return sscanf(line, "%7s %2047s %15s%n", request->method, request->target, version, &end) ==
                   3 &&
               line[end] == '\0' && strncmp(version, "HTTP/1.", 7) == 0;
    char *colon = strchr(line, ':');
    if (!colon || colon == line)
        return false;
    *colon = '\0';
    colon += 1 + strspn(colon + 1, " \t");
    for (char *last = colon + strlen(colon); last > colon && strchr(" \t", last[-1]);)
        *--last = '\0';
    if (strcasecmp(line, "Host") == 0)
        request->host_is_ours = is_ours(colon);
    return true;
}

/* Reads the head of a request. Returns 0, -EBADMSG if it is none, or what the connection gives. */
static int read_request(thrum_stream *stream, struct request *ret_request)
{
    thrum_deadline deadline = thrum_in(request_seconds);
    char line[LINE_SIZE];
    size_t total = 0;
    *ret_request = (struct request){0};
    for (bool first = true;; first = false) {
        ptrdiff_t length = thrum_stream_read_line(stream, line, sizeof line, deadline);
        if (length <= 0)
            return length == -EMSGSIZE || length == 0 ? -EBADMSG : (int)length;
        total += (size_t)length;
        if (total > REQUEST_SIZE || strlen(line) != (size_t)length || line[length - 1] != '\n')
            return -EBADMSG;
        line[strcspn(line, "\r\n")] = '\0';
        if (!*line && !first)
            return 0;
        if (!take_line(ret_request, line, first))
            return -EBADMSG;
    }
}

/* ------------------------------------------------------------------------------------------- answers */

static int send_answer(thrum_stream *stream, const char *status, const char *type, const char *body,
                       size_t size, bool head_only)
{
    static const char fields[] =
        "Connection: close\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\n"
        "X-Frame-Options: DENY\r\n";
    thrum_deadline deadline = thrum_in(answer_seconds);
    char head[512];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n",
                          status, type, size, fields);
    int rc = thrum_stream_write(stream, head, (size_t)length, deadline);
    enum { PIECE = 32 << 10 };
    for (size_t at = 0; rc == 0 && !head_only && at < size; at += PIECE)
        rc = thrum_stream_write(stream, body + at, size - at < PIECE ? size - at : PIECE, deadline);
    return rc == 0 ? thrum_stream_flush(stream, deadline) : rc;
}

static int refuse(thrum_stream *stream, const char *status, bool head_only)
{
    return send_answer(stream, status, "text/plain", status, strlen(status), head_only);
}

/* Makes the body for a target: malloced text; NULL with 0 if there is no such target. */
static int make_body(const char *target, char **ret_text, size_t *ret_size, const char **ret_type)
{
    *ret_text = NULL;
    *ret_size = 0;
    refresh();
    if (strcmp(target, "/results.json") == 0) {
        *ret_type = "application/json";
        *ret_text =
            server.results.json ? json_dumps(server.results.json, JSON_COMPACT) : strdup("null");
        *ret_size = *ret_text ? strlen(*ret_text) : 0;
        return *ret_text ? 0 : -ENOMEM;
    }
    if (strcmp(target, "/") != 0)
        return 0;
    *ret_type = "text/html; charset=utf-8";
    FILE *file = open_memstream(ret_text, ret_size);
    int rc = file ? page_write(file, &server.results, true) : -ENOMEM;
    if (file && fclose(file) != 0 && rc == 0)
        rc = -ENOMEM;
    return rc;
}

static int answer(thrum_stream *stream)
{
    struct request request;
    char *text;
    size_t size;
    const char *type;
    int rc = read_request(stream, &request);
    if (rc == -EBADMSG)
        return refuse(stream, "400 Bad Request", false);
    if (rc < 0)
        return rc;
    bool head_only = strcmp(request.method, "HEAD") == 0;
    if (!request.host_is_ours)
        return refuse(stream, "403 Forbidden", head_only);
    if (!head_only && strcmp(request.method, "GET") != 0)
        return refuse(stream, "405 Method Not Allowed", false);
    rc = make_body(request.target, &text, &size, &type);
    if (rc < 0)
        rc = refuse(stream, "503 Service Unavailable", head_only);
    else if (!text)
        rc = refuse(stream, "404 Not Found", head_only);
    else
        rc = send_answer(stream, "200 OK", type, text, size, head_only);
    free(text);
    return rc;
}

/* A connection. Its failures concern only the client. */
static int serve_connection(thrum_task *self)
{
    thrum_socket *socket = thrum_arg(self, thrum_socket *);
    thrum_stream *stream;
    if (thrum_stream_from_socket(socket, NULL, &stream) == 0) {
        (void)answer(stream);
        thrum_stream_free(stream);
    } else {
        thrum_socket_free(socket);
    }
    thrum_semaphore_release(&server.places, 1);
    return 0;
}

/* Accepts until a signal comes. */
static int accept_all(thrum_socket *listener, thrum_executor *pool, thrum_group *group)
{
    enum { CONNECTION, INTERRUPT, CASES };
    for (;;) {
        thrum_socket *socket;
        thrum_case cases[CASES] = {[CONNECTION] =
                                       thrum_case_readable(thrum_socket_descriptor(listener)),
                                   [INTERRUPT] = thrum_case_event(interrupt_event())};
        thrum_case places[CASES] = {[CONNECTION] = thrum_case_semaphore(&server.places),
                                    [INTERRUPT] = thrum_case_event(interrupt_event())};
        int performed = thrum_select(cases, CASES, THRUM_FOREVER);
        if (performed == CONNECTION)
            performed = thrum_select(places, CASES, THRUM_FOREVER);
        if (performed != CONNECTION)
            return performed < 0 ? performed : 0;
        if (thrum_socket_accept(listener, &socket, THRUM_NOW) != 0) {
            thrum_semaphore_release(&server.places, 1);
            continue; /* the client has gone */
        }
        thrum_future_free(
            thrum_group_submit(group, pool, serve_connection,
                               thrum_owned(thrum_socket_destroy, thrum_socket *, socket)));
    }
}

static int serve(thrum_error *ret_error)
{
    thrum_socket *listener = NULL;
    thrum_executor *pool =
        thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1, .name_prefix = "serve"});
    thrum_group *group = thrum_group_new();
    int rc = pool && group ? interrupt_watch((struct interrupt_answers){0}, ret_error)
                           : trouble(ret_error, -ENOMEM, "out of memory");
    if (rc == 0) {
        rc = thrum_socket_listen("127.0.0.1", (uint16_t)server.port, NULL, &listener);
        if (rc < 0)
            trouble(ret_error, rc, "--serve: cannot listen at 127.0.0.1, port %d: %s", server.port,
                    thrum_strerror(rc));
    }
    if (rc == 0) {
        server.port = thrum_socket_port(listener);
        printf("http://127.0.0.1:%d/ shows %s; Ctrl-C ends it\n", server.port, server.path);
        (void)fflush(stdout);
        rc = accept_all(listener, pool, group);
        if (rc < 0)
            trouble(ret_error, rc, "cannot wait for connections: %s", thrum_strerror(rc));
    }
    if (group)
        thrum_group_cancel(group);
    thrum_group_free(group);
    thrum_socket_free(listener);
    if (pool)
        thrum_executor_shutdown(pool);
    return rc;
}

int serve_run(const struct report_options *options)
{
    thrum_error error;
    server.path = options->results;
    server.port = options->port;
    thrum_semaphore_init(&server.places, CONNECTIONS_MOST);
    int rc = interrupt_hold(&error);
    if (rc == 0 && results_read(server.path, &server.results, &error) < 0) {
        trouble_print("%s; the page shows it once it can be read", error.message);
        results_finish(&server.results);
    }
    if (rc == 0)
        rc = serve(&error);
    if (rc < 0)
        trouble_print("%s", error.message);
    results_finish(&server.results);
    return rc < 0 ? STATUS_FAILED : STATUS_SIGNAL + interrupt_signal();
}
