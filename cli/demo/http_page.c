/* What the server does with a request: hold it, then answer. libmicrohttpd parses HTTP.
 *
 * A request that arrives is suspended: the library takes its connection out of its loop, and it
 * costs nothing but its place in a list. The list is ordered by the moment at which the answer is
 * due, so the loop below sleeps until the first of them or until a socket has news. As most
 * waits are of one length, a new one nearly always belongs at the end, where the search begins.
 *
 *   new --(query understood)--> held, in the list --(due)--> resumed --> answered
 *
 * The moment is counted from the arrival of the request and kept in nanoseconds, so neither the
 * time spent on other connections nor a late wake-up is passed on to the next. The kernel by
 * default lets a sleeper wake 50 us late to save power (timer slack); a machine elsewhere would not
 * send its answers later because this one is saving power, so that is turned off in this process.
 *
 * Clients that go away while held are noticed when their time comes; until then they cost the same
 * as its waiters.
 */
#include "http_server.h"

#include "trouble.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 20000, BACKLOG = 4096 };

/* The longest that an answer may be held. */
static const long longest_wait_us = 60L * 1000 * 1000;

enum stage { STAGE_NEW, STAGE_HELD, STAGE_RESUMED };

/* A request, from its arrival to its answer. */
struct request {
    enum stage stage;
    thrum_time arrived;
    thrum_time due;
    struct MHD_Connection *connection;
    struct request *earlier, *later; /* neighbours in the list, while held */
};

struct server {
    struct MHD_Daemon *daemon;
    struct MHD_Response *page;
    struct MHD_Response *refusal;
    struct request *first, *last; /* the held, by the moment they are due */
};

void http_page_make(char *ret_page)
{
    for (size_t i = 0; i < HTTP_PAGE_BYTES; i++)
        ret_page[i] = i % 64 == 63 ? '\n' : (char)('a' + i % 26);
}

static void hold(struct server *server, struct request *request)
{
    struct request *before = server->last;
    while (before && before->due > request->due)
        before = before->earlier;
    request->earlier = before;
    request->later = before ? before->later : server->first;
    if (request->earlier)
        request->earlier->later = request;
    else
        server->first = request;
    if (request->later)
        request->later->earlier = request;
    else
        server->last = request;
    request->stage = STAGE_HELD;
}

static void let_go(struct server *server, struct request *request)
{
    if (request->earlier)
        request->earlier->later = request->later;
    else
        server->first = request->later;
    if (request->later)
        request->later->earlier = request->earlier;
    else
        server->last = request->earlier;
    request->stage = STAGE_RESUMED;
}

/* The number of microseconds that the query asks for, or -1 if there is none that makes sense. */
static long asked_wait(struct MHD_Connection *connection)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "wait_us");
    if (!text)
        return -1;
    char *end;
    errno = 0;
    long wait = strtol(text, &end, 10);
    if (end == text || *end || errno || wait < 0 || wait > longest_wait_us)
        return -1;
    return wait;
}

/* Called by the library when a request's head has arrived, once more when it has arrived whole, and
 * again after it was resumed. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload_data,
                              size_t *upload_data_size, void **request_slot)
{
    struct server *server = context;
    struct request *request = *request_slot;
    (void)version;
    (void)upload_data;
    (void)upload_data_size;
    if (!request) {
        request = calloc(1, sizeof *request);
        if (!request)
            return MHD_NO;
        request->arrived = thrum_now();
        request->connection = connection;
        *request_slot = request;
        return MHD_YES;
    }
    if (request->stage == STAGE_NEW) {
        long wait = asked_wait(connection);
        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 || strcmp(url, "/page") != 0 || wait < 0)
            return MHD_queue_response(connection, MHD_HTTP_NOT_FOUND, server->refusal);
        if (wait > 0) {
            request->due = request->arrived + wait * 1000;
            hold(server, request);
            MHD_suspend_connection(connection);
            return MHD_YES;
        }
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, server->page);
}

static void forget(void *context, struct MHD_Connection *connection, void **request_slot,
                   enum MHD_RequestTerminationCode why)
{
    struct server *server = context;
    struct request *request = *request_slot;
    (void)connection;
    (void)why;
    if (request && request->stage == STAGE_HELD)
        let_go(server, request);
    free(request);
    *request_slot = NULL;
}

static void resume_due(struct server *server)
{
    thrum_time now = thrum_now();
    while (server->first && server->first->due <= now) {
        struct request *request = server->first;
        let_go(server, request);
        MHD_resume_connection(request->connection);
    }
}

/* Serves until the leash is hung up or waiting fails. */
static int serve_loop(struct server *server, int leash)
{
    int epoll = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct pollfd ready[] = {{.fd = epoll, .events = POLLIN}, {.fd = leash, .events = POLLIN}};
    while (true) {
        resume_due(server);
        if (MHD_run(server->daemon) != MHD_YES)
            return 1;
        MHD_UNSIGNED_LONG_LONG library_wait;
        bool wants_run = MHD_get_timeout(server->daemon, &library_wait) == MHD_YES;
        thrum_time wait = wants_run ? (thrum_time)library_wait * 1000000 : INT64_MAX;
        if (server->first) {
            thrum_time until_due = server->first->due - thrum_now();
            if (until_due < wait)
                wait = until_due > 0 ? until_due : 0;
        }
        struct timespec timeout = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
        int count = ppoll(ready, 2, wait == INT64_MAX ? NULL : &timeout, NULL);
        if (count < 0 && errno != EINTR)
            return 1;
        if (ready[1].revents)
            return 0;
    }
}

static bool set_up(struct server *server)
{
    static char page[HTTP_PAGE_BYTES];
    static char refusal[] = "GET /page?wait_us=N, with N up to 60000000\n";
    http_page_make(page);
    server->page = MHD_create_response_from_buffer(sizeof page, page, MHD_RESPMEM_PERSISTENT);
    server->refusal =
        MHD_create_response_from_buffer(sizeof refusal - 1, refusal, MHD_RESPMEM_PERSISTENT);
    if (!server->page || !server->refusal ||
        MHD_add_response_header(server->page, "Content-Type", "text/plain") != MHD_YES)
        return false;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = 0, /* the kernel chooses */
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, server,
        MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)BACKLOG, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_NOTIFY_COMPLETED, forget, server, MHD_OPTION_END);
    return server->daemon != NULL;
}

int http_server_serve(int leash, int report)
{
    struct server server = {0};
    int status = 1;
    prctl(PR_SET_TIMERSLACK, 1UL);
    if (set_up(&server)) {
        int port = MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
        if (write(report, &port, sizeof port) == sizeof port) {
            (void)close(report);
            status = serve_loop(&server, leash);
        }
    }
    /* The held requests go with the process: the library would insist that each be resumed. */
    return status;
}
