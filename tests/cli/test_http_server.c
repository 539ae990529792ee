/* The server of the HTTP rows: it holds answers for the time asked, many at once, and ends with
 * whoever started it. */
#include "demo/http_server.h"
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <thrum.h>
#include <unistd.h>

static struct http_server started(void)
{
    struct http_server server;
    thrum_error error = {0};
    int rc = http_server_start(&server, &error);
    if (rc < 0)
        test_fail(__FILE__, __LINE__, "http_server_start", "says \"%s\"", error.message);
    CHECK(server.port > 0 && server.pid > 0);
    return server;
}

static int connected(const struct http_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)server->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(client >= 0);
    CHECK_INT(connect(client, (struct sockaddr *)&address, sizeof address), ==, 0);
    return client;
}

static void ask(int client, const char *method, const char *path)
{
    char text[256];
    int length = snprintf(text, sizeof text,
                          "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", method, path);
    CHECK_INT(send(client, text, (size_t)length, MSG_NOSIGNAL), ==, length);
}

/* Reads the answer to its end. Returns the status; leaves the number of bytes of the page that are
 * as they should be. */
static int answer(int client, size_t *ret_right)
{
    static char text[HTTP_PAGE_BYTES + 4096], whole[HTTP_PAGE_BYTES];
    size_t length = 0;
    ssize_t now;
    int status = 0;
    while ((now = recv(client, text + length, sizeof text - 1 - length, 0)) > 0)
        length += (size_t)now;
    close(client);
    text[length] = '\0';
    sscanf(text, "HTTP/1.1 %d", &status);
    const char *page = strstr(text, "\r\n\r\n");
    *ret_right = 0;
    http_page_make(whole);
    for (size_t i = 0; page && i < sizeof whole && page + 4 + i < text + length; i++)
        *ret_right += page[4 + i] == whole[i];
    return status;
}

TEST(an_answer_is_held_and_whole)
{
    struct http_server server = started();
    size_t right;
    int client = connected(&server);
    thrum_time begin = thrum_now();
    ask(client, "GET", "/page?wait_us=150000");
    CHECK_INT(answer(client, &right), ==, 200);
    CHECK_INT(thrum_now() - begin, >=, 150000000);
    CHECK_INT(right, ==, HTTP_PAGE_BYTES);
    client = connected(&server);
    ask(client, "GET", "/page?wait_us=0");
    CHECK_INT(answer(client, &right), ==, 200);
    CHECK_INT(right, ==, HTTP_PAGE_BYTES);
    http_server_stop(&server);
}

TEST(what_it_does_not_know_is_refused)
{
    static const char *const paths[] = {"/",
                                        "/page",
                                        "/page?wait_us=",
                                        "/page?wait_us=-1",
                                        "/page?wait_us=1x",
                                        "/page?wait_us=99999999999",
                                        "/other?wait_us=1"};
    struct http_server server = started();
    size_t right;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int client = connected(&server);
        ask(client, "GET", paths[i]);
        CHECK_INT(answer(client, &right), ==, 404);
    }
    int client = connected(&server);
    ask(client, "DELETE", "/page?wait_us=1");
    CHECK_INT(answer(client, &right), ==, 404);
    http_server_stop(&server);
}

TEST(hundreds_are_held_at_once)
{
    enum { CLIENTS = 400 };
    static int clients[CLIENTS];
    struct http_server server = started();
    thrum_time begin = thrum_now();
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = connected(&server);
    for (int i = 0; i < CLIENTS; i++)
        ask(clients[i], "GET", "/page?wait_us=300000");
    for (int i = 0; i < CLIENTS; i++) {
        size_t right;
        CHECK_INT(answer(clients[i], &right), ==, 200);
        CHECK_INT(right, ==, HTTP_PAGE_BYTES);
    }
    CHECK_INT(thrum_now() - begin, >=, 300000000);
    /* One after another they would take so long. */
    CHECK_INT(thrum_now() - begin, <, CLIENTS * 300000000L);
    http_server_stop(&server);
}

/* The longest is longer than a busy machine keeps a process from a processor, and is not waited for. */
TEST(shorter_waits_overtake_longer_ones)
{
    struct http_server server = started();
    size_t right;
    int slow = connected(&server), quick = connected(&server), middle = connected(&server);
    ask(slow, "GET", "/page?wait_us=60000000");
    ask(middle, "GET", "/page?wait_us=400000");
    ask(quick, "GET", "/page?wait_us=100000");
    CHECK_INT(answer(quick, &right), ==, 200);
    CHECK_INT(answer(middle, &right), ==, 200);
    CHECK_INT(poll(&(struct pollfd){.fd = slow, .events = POLLIN}, 1, 0), ==, 0);
    http_server_stop(&server);
    close(slow);
}

TEST(clients_that_go_away_do_no_harm)
{
    struct http_server server = started();
    size_t right;
    for (int i = 0; i < 50; i++) {
        int client = connected(&server);
        ask(client, "GET", "/page?wait_us=50000");
        close(client);
    }
    int client = connected(&server);
    ask(client, "GET", "/page?wait_us=200000");
    CHECK_INT(answer(client, &right), ==, 200);
    http_server_stop(&server);
}

TEST(stopping_it_takes_it_away_though_requests_are_held)
{
    struct http_server server = started();
    pid_t pid = server.pid;
    int client = connected(&server);
    ask(client, "GET", "/page?wait_us=60000000");
    thrum_time begin = thrum_now();
    http_server_stop(&server);
    CHECK_INT(kill(pid, 0), ==, -1);
    CHECK_INT(thrum_now() - begin, <, 60000000000); /* before the request is answered */
    CHECK_INT(server.pid, ==, 0);
    http_server_stop(&server); /* nothing to do */
    close(client);
}
