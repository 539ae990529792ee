#include "way.h"

#include "base/atomic.h"
#include "harness.h"
#include "nats_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <thrum.h>
#include <unistd.h>

static struct sockaddr_in at_port(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_at(int port)
{
    struct sockaddr_in address = at_port(port);
    int on = 1, file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(file >= 0);
    (void)setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    CHECK_INT(bind(file, (struct sockaddr *)&address, sizeof address), ==, 0);
    CHECK_INT(listen(file, 8), ==, 0);
    return file;
}

/* How many of `size` bytes pass before the cut. */
static size_t allowed(const struct way_counts *counts, enum way_direction direction, size_t size)
{
    uint64_t cut = thrum__load_acquire(&counts->cut_at[direction]);
    uint64_t passed = thrum__load_relaxed(&counts->passed[direction]);
    return !cut || cut > passed + size ? size : cut > passed ? (size_t)(cut - passed) : 0;
}

/* Copies what has come. False at the end of the connection. */
static bool copy(struct way_counts *counts, enum way_direction direction, int from, int to)
{
    char bytes[16384];
    ssize_t size = read(from, bytes, sizeof bytes);
    size_t most = size > 0 ? allowed(counts, direction, (size_t)size) : 0;
    for (size_t used = 0; used < most;) {
        ssize_t now = write(to, bytes + used, most - used);
        if (now <= 0)
            return false;
        used += (size_t)now;
        thrum__add_release(&counts->passed[direction], (uint64_t)now);
    }
    if (size > 0 && most < (size_t)size) {
        thrum__store_release(&counts->cut_at[direction], (uint64_t)0);
        thrum__add_release(&counts->cuts, (uint64_t)1);
    }
    return size > 0 && most == (size_t)size;
}

/* Joins connections to the server, one after another. */
static void relay(const struct way *way, int listener)
{
    struct sockaddr_in target = at_port(way->target);
    for (;;) {
        int near = accept(listener, NULL, NULL), far = socket(AF_INET, SOCK_STREAM, 0);
        struct pollfd files[2] = {{near, POLLIN, 0}, {far, POLLIN, 0}};
        bool open = near >= 0 && connect(far, (struct sockaddr *)&target, sizeof target) == 0;
        while (open && poll(files, 2, -1) > 0) {
            if (files[0].revents)
                open = copy(way->counts, WAY_UP, near, far);
            if (open && files[1].revents)
                open = copy(way->counts, WAY_DOWN, far, near);
        }
        close(near);
        close(far);
    }
}

void way_again(struct way *way)
{
    int listener = listen_at(way->port); /* before anybody can connect to it */
    way->pid = fork();
    CHECK_INT(way->pid, >=, 0);
    if (way->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGPIPE, SIG_IGN);
        relay(way, listener);
    }
    close(listener);
}

void way_start(struct way *way, int target)
{
    *way = (struct way){.port = nats_server_free_port(), .target = target};
    way->counts =
        mmap(NULL, sizeof *way->counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(way->counts != MAP_FAILED);
    way_again(way);
    snprintf(way->url, sizeof way->url, "nats://127.0.0.1:%d", way->port);
}

void way_end(struct way *way)
{
    (void)cluster_program_signal(way->pid, SIGKILL);
}

void way_cut_after(struct way *way, enum way_direction direction, uint64_t size)
{
    uint64_t passed = thrum__load_acquire(&way->counts->passed[direction]);
    thrum__store_release(&way->counts->cut_at[direction], passed + size);
}

void way_await_cuts(const struct way *way, uint64_t count)
{
    while (thrum__load_acquire(&way->counts->cuts) < count)
        (void)!thrum_sleep(thrum_in(0.01));
}
