/* The HTTP server of examples/http_server as a bare loop over epoll: one thread, no library, a record of 16 bytes
 * for each connection. It is the least that a server of this kind costs: http_epoll PORT.
 *
 * It has no timeouts, and gives up on a connection whose answer the system does not take at once. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 16384, EVENTS = 256 };

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                             "Content-Length: 14\r\n\r\nHello, world!\n";

/* An incomplete request, by descriptor. */
static struct rest {
    char *text;
    size_t size;
} * rests;

static void end(int peer)
{
    free(rests[peer].text);
    rests[peer] = (struct rest){0};
    close(peer);
}

static void keep(int peer, const char *text, size_t size)
{
    free(rests[peer].text);
    rests[peer] = (struct rest){.text = size ? malloc(size) : NULL, .size = size};
    if (size && !rests[peer].text)
        errx(EXIT_FAILURE, "out of memory");
    if (size)
        memcpy(rests[peer].text, text, size);
}

static void serve(int peer)
{
    static char text[ROOM];
    size_t size = rests[peer].size;
    if (size)
        memcpy(text, rests[peer].text, size);
    ssize_t got = recv(peer, text + size, sizeof text - size, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        end(peer);
        return;
    }
    size += (size_t)got;
    char *begin = text, *stop;
    while ((stop = memmem(begin, size - (size_t)(begin - text), "\r\n\r\n", 4))) {
        if (strncmp(begin, "GET ", 4) != 0 ||
            send(peer, answer, sizeof answer - 1, MSG_NOSIGNAL) != sizeof answer - 1) {
            end(peer);
            return;
        }
        begin = stop + 4;
    }
    size -= (size_t)(begin - text);
    if (size == sizeof text)
        end(peer);
    else if (size || rests[peer].size)
        keep(peer, begin, size);
}

static void accept_all(int poller, int listener)
{
    int peer, on = 1;
    while ((peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = peer};
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (epoll_ctl(poller, EPOLL_CTL_ADD, peer, &event) < 0)
            close(peer);
    }
}

int main(int count, char **words)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)(count > 1 ? atoi(words[1]) : 0))};
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    rests = calloc(limit.rlim_cur < 1 << 20 ? limit.rlim_cur : 1 << 20, sizeof *rests);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    int poller = epoll_create1(EPOLL_CLOEXEC);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!rests || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, SOMAXCONN) < 0)
        err(EXIT_FAILURE, "cannot listen");
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN, .data.fd = listener}};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &events[0]);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(poller, listener);
            else
                serve(events[i].data.fd);
        }
    }
}
