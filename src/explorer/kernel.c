/* What the kernel does for sockets that are read, pollers and wake descriptors, as far as clients need it.
 *
 * A socket here is a count of bytes that have come. Each descriptor has an edge: it is set when bytes come, when a
 * wake is sent, and when the descriptor is armed, and it stays until a poller tells of it. So an edge between two
 * waits is kept, and one that was told is not told again, as by epoll with EPOLLET. What is possible is looked at when
 * the edge is told, not when it came. There is one poller for each descriptor. A poller sleeps on a word that counts
 * the edges of all descriptors.
 *
 * Every word is reached through the gate, so the explorer may switch between a read and the edge that follows.
 * Descriptors are never closed: a run starts anew. Numbers begin where no real descriptor is. */
#include "base/atomic.h"
#include "base/futex.h"
#include "base/poller.h"
#include "base/socket.h"
#include "explorer/machine.h"

#include <errno.h>

enum { FIRST = 1000, MOST = 8 };

static struct {
    uint32_t edge, bytes;
    int poller; /* that it is armed in, or 0 */
    bool socket;
    uint64_t data;
} descriptors[MOST];

static int count; /* of descriptors, pollers included; changed by one thread at a time */
static uint32_t edges;

static int new_descriptor(void)
{
    if (count == MOST)
        thrum__explore_fail("more than %d descriptors in one run", MOST);
    return FIRST + count++;
}

static void set_edge(int descriptor)
{
    thrum__exchange_acq_rel(&descriptors[descriptor - FIRST].edge, 1);
    thrum__add_acq_rel(&edges, 1);
    thrum__futex_wake(&edges, UINT32_MAX);
}

int thrum__explore_socket_new(void)
{
    int number = new_descriptor();
    descriptors[number - FIRST].socket = true;
    return number;
}

void thrum__explore_socket_put(int socket, uint32_t size)
{
    thrum__add_acq_rel(&descriptors[socket - FIRST].bytes, size);
    set_edge(socket);
}

int thrum__poller_new(void)
{
    return new_descriptor();
}

int thrum__poller_arm(int poller, int descriptor, uint64_t data)
{
    if (descriptor < FIRST)
        return -EBADF;
    descriptors[descriptor - FIRST].poller = poller;
    descriptors[descriptor - FIRST].data = data;
    set_edge(descriptor);
    return 0;
}

static int tell(int poller, thrum__poller_event *ret_events)
{
    int told = 0;
    for (int i = 0; i < count; i++)
        if (descriptors[i].poller == poller && thrum__exchange_acq_rel(&descriptors[i].edge, 0))
            ret_events[told++] = (thrum__poller_event){
                .data = descriptors[i].data,
                .sides = {!descriptors[i].socket || thrum__load_acquire(&descriptors[i].bytes) > 0,
                          true},
            };
    return told;
}

int thrum__poller_wait(int poller, thrum__poller_event *ret_events, thrum_deadline deadline)
{
    for (;;) {
        uint32_t seen = thrum__load_acquire(&edges);
        int told = tell(poller, ret_events);
        if (told > 0 || thrum_deadline_is_now(deadline) ||
            thrum__futex_wait(&edges, seen, deadline) == -ETIMEDOUT)
            return told;
    }
}

int thrum__wake_new(void)
{
    return new_descriptor();
}

void thrum__wake_send(int wake)
{
    set_edge(wake);
}

void thrum__wake_drain(int wake)
{
    (void)wake;
}

void thrum__os_close(int descriptor)
{
    (void)descriptor;
}

ptrdiff_t thrum__socket_receive(int socket, const struct iovec *parts, size_t parts_count)
{
    size_t size = 0;
    for (size_t i = 0; i < parts_count; i++)
        size += parts[i].iov_len;
    uint32_t *bytes = &descriptors[socket - FIRST].bytes;
    uint32_t there = thrum__load_acquire(bytes);
    uint32_t got = there < size ? there : (uint32_t)size;
    thrum__sub_acq_rel(bytes, got);
    return got ? (ptrdiff_t)got : -EAGAIN;
}
