/* Reading and writing: try, and wait only where the system says that it would.
 *
 * A try comes first, unless the reactor knows better, because it mostly has an answer, and because
 * the reactor counts on it: an edge that nobody waited for is about something that the next try sees
 * (fiber/reactor.c). After each wait the try is repeated, as a wake is only a hint: another fiber may
 * have read what came.
 *
 * A read that finds less than it has room for marks the descriptor dry, so that the next read waits without a
 * try. Between the read and the mark the fiber must not switch: the worker may ask the poller meanwhile, take
 * the edge of what has come since, and the mark would then hide it. So the turn that a fiber now and then gives
 * to others is the last step of a call, after the mark.
 *
 * To write all is to write some, again and again, over one deadline. Parts that were written are
 * skipped in a copy of at most WINDOW parts, so that the caller's are not changed and nothing is
 * allocated.
 */
#include "net/socket.h"

#include <errno.h>

enum { WINDOW = 16 };

typedef ptrdiff_t transfer_fn(int number, const struct iovec *parts, size_t count);

/* Tries and waits in turns; waits first if `late`, and then tries even after the deadline. Tells whether it
 * waited. */
static ptrdiff_t transfer(thrum_socket *socket, transfer_fn *try, int side, bool late,
                          const struct iovec *parts, size_t count, thrum_time deadline,
                          bool *ret_waited)
{
    bool waited = false;
    for (;;) {
        int rc = late ? thrum__descriptor_wait(&socket->descriptor, side, deadline) : 0;
        if (rc < 0 && (waited || rc != -ETIMEDOUT))
            return rc;
        waited |= late;
        ptrdiff_t moved = try(socket->descriptor.number, parts, count);
        if (moved == -EAGAIN && rc < 0)
            return rc;
        if (moved != -EAGAIN) {
            *ret_waited = waited;
            return moved;
        }
        late = true;
    }
}

/* Reads, and remembers whether there was less than wanted: of what the kernel was asked for. */
static ptrdiff_t receive(thrum_socket *socket, const struct iovec *parts, size_t count,
                         thrum_time deadline)
{
    size_t room = 0;
    count = count < THRUM__SOCKET_PARTS ? count : THRUM__SOCKET_PARTS;
    for (size_t i = 0; i < count; i++)
        room += parts[i].iov_len;
    bool late = socket->tcp && deadline != THRUM_NOW && room > 0 &&
                thrum__descriptor_is_dry(&socket->descriptor);
    bool waited = true;
    ptrdiff_t got = transfer(socket, thrum__socket_receive, THRUM__READABLE, late, parts, count,
                             deadline, &waited);
    if (socket->tcp && got > 0 && (size_t)got < room)
        thrum__descriptor_dry(&socket->descriptor);
    if (!waited)
        thrum__socket_turn(socket);
    return got;
}

static ptrdiff_t send_some(thrum_socket *socket, const struct iovec *parts, size_t count,
                           thrum_time deadline)
{
    bool waited = true;
    ptrdiff_t put = transfer(socket, thrum__socket_send, THRUM__WRITABLE, false, parts, count,
                             deadline, &waited);
    if (!waited)
        thrum__socket_turn(socket);
    return put;
}

ptrdiff_t thrum_socket_readv(thrum_socket *socket, const struct iovec *parts, size_t count,
                             thrum_time deadline)
{
    ptrdiff_t got = thrum__descriptor_enter(&socket->descriptor);
    if (got < 0)
        return got;
    got = receive(socket, parts, count, deadline);
    thrum__socket_leave(socket);
    return got;
}

ptrdiff_t thrum_socket_read(thrum_socket *socket, void *buffer, size_t size, thrum_time deadline)
{
    struct iovec part = {buffer, size};
    return size ? thrum_socket_readv(socket, &part, 1, deadline) : 0;
}

ptrdiff_t thrum_socket_write_some(thrum_socket *socket, const void *data, size_t size,
                                  thrum_time deadline)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    ptrdiff_t put = size ? thrum__descriptor_enter(&socket->descriptor) : 0;
    if (put < 0 || size == 0)
        return put;
    put = send_some(socket, &part, 1, deadline);
    thrum__socket_leave(socket);
    return put;
}

/* The parts that are left: `skip` bytes into the first. */
static size_t window(const struct iovec *parts, size_t count, size_t skip, struct iovec *ret_window)
{
    size_t filled = 0;
    for (; filled < count && filled < WINDOW; filled++)
        ret_window[filled] = parts[filled];
    ret_window->iov_base = (char *)ret_window->iov_base + skip;
    ret_window->iov_len -= skip;
    return filled;
}

static int write_all(thrum_socket *socket, const struct iovec *parts, size_t count,
                     thrum_time deadline)
{
    struct iovec left[WINDOW];
    size_t skip = 0;
    for (;;) {
        while (count > 0 && skip >= parts->iov_len) {
            skip -= parts->iov_len;
            parts++;
            count--;
        }
        if (count == 0)
            return 0;
        size_t filled = window(parts, count, skip, left);
        ptrdiff_t put = send_some(socket, left, filled, deadline);
        if (put < 0)
            return (int)put;
        skip += (size_t)put;
    }
}

int thrum_socket_writev(thrum_socket *socket, const struct iovec *parts, size_t count,
                        thrum_time deadline)
{
    int rc = thrum__descriptor_enter(&socket->descriptor);
    if (rc < 0)
        return rc;
    rc = write_all(socket, parts, count, deadline);
    thrum__socket_leave(socket);
    return rc;
}

int thrum_socket_write(thrum_socket *socket, const void *data, size_t size, thrum_time deadline)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    return thrum_socket_writev(socket, &part, 1, deadline);
}
