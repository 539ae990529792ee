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

/* One try; -EAGAIN if it would have to wait. Within a use. */
typedef ptrdiff_t try_fn(thrum_socket *socket, const struct iovec *parts, size_t count);

static size_t size_of(const struct iovec *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

/* Remembers whether there was less than wanted: of what the kernel was asked for. */
static ptrdiff_t try_receive(thrum_socket *socket, const struct iovec *parts, size_t count)
{
    ptrdiff_t got = socket->plain ? thrum__plain_receive(socket->descriptor.number, parts, count)
                                  : thrum__socket_receive(socket->descriptor.number, parts, count);
    if (socket->tcp && got > 0 && (size_t)got < size_of(parts, count))
        thrum__descriptor_dry(&socket->descriptor);
    return got;
}

static ptrdiff_t try_send(thrum_socket *socket, const struct iovec *parts, size_t count)
{
    return socket->plain ? thrum__plain_send(socket->descriptor.number, parts, count)
                         : thrum__socket_send(socket->descriptor.number, parts, count);
}

/* Tries and waits in turns; waits first if `late`, and then tries even after the deadline. Tells whether it
 * waited. */
static ptrdiff_t transfer(thrum_socket *socket, try_fn *try, int side, bool late,
                          const struct iovec *parts, size_t count, thrum_deadline deadline,
                          bool *ret_waited)
{
    bool waited = false;
    for (;;) {
        int rc = late ? thrum__descriptor_wait(&socket->descriptor, side, deadline) : 0;
        if (rc < 0 && (waited || rc != -ETIMEDOUT))
            return rc;
        waited |= late;
        ptrdiff_t moved = try(socket, parts, count);
        if (moved == -EAGAIN && rc < 0)
            return rc;
        if (moved != -EAGAIN) {
            *ret_waited = waited;
            return moved;
        }
        late = true;
    }
}

/* Whether a read would be in vain, as far as the calling worker has heard. */
static bool is_dry(const thrum_socket *socket)
{
    return socket->tcp && thrum__descriptor_is_dry(&socket->descriptor);
}

static ptrdiff_t receive(thrum_socket *socket, const struct iovec *parts, size_t count,
                         thrum_deadline deadline)
{
    count = count < THRUM__SOCKET_PARTS ? count : THRUM__SOCKET_PARTS;
    bool late = !thrum_deadline_is_now(deadline) && is_dry(socket) && size_of(parts, count) > 0;
    bool waited = true;
    ptrdiff_t got =
        transfer(socket, try_receive, THRUM__READABLE, late, parts, count, deadline, &waited);
    if (!waited)
        thrum__net_turn(&socket->turns);
    return got;
}

static ptrdiff_t send_some(thrum_socket *socket, const struct iovec *parts, size_t count,
                           thrum_deadline deadline)
{
    bool waited = true;
    ptrdiff_t put =
        transfer(socket, try_send, THRUM__WRITABLE, false, parts, count, deadline, &waited);
    if (!waited)
        thrum__net_turn(&socket->turns);
    return put;
}

ptrdiff_t thrum_socket_readv(thrum_socket *socket, const struct iovec *parts, size_t count,
                             thrum_deadline deadline)
{
    ptrdiff_t got = thrum__descriptor_enter(&socket->descriptor);
    if (got < 0)
        return got;
    got = receive(socket, parts, count, deadline);
    thrum__socket_leave(socket);
    return got;
}

ptrdiff_t thrum_socket_read(thrum_socket *socket, void *buffer, size_t size,
                            thrum_deadline deadline)
{
    struct iovec part = {buffer, size};
    return size ? thrum_socket_readv(socket, &part, 1, deadline) : 0;
}

ptrdiff_t thrum_socket_write_some(thrum_socket *socket, const void *data, size_t size,
                                  thrum_deadline deadline)
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
                     thrum_deadline deadline)
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
                        thrum_deadline deadline)
{
    int rc = thrum__descriptor_enter(&socket->descriptor);
    if (rc < 0)
        return rc;
    rc = write_all(socket, parts, count, deadline);
    thrum__socket_leave(socket);
    return rc;
}

int thrum_socket_write(thrum_socket *socket, const void *data, size_t size, thrum_deadline deadline)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    return thrum_socket_writev(socket, &part, 1, deadline);
}

/* ---------------------------------------------------------------- tries and waits, one at a time */

ptrdiff_t thrum__socket_try_read(thrum_socket *socket, void *buffer, size_t size)
{
    struct iovec part = {buffer, size};
    ptrdiff_t got = thrum__descriptor_enter(&socket->descriptor);
    if (got < 0)
        return got;
    got = try_receive(socket, &part, 1);
    thrum__socket_leave(socket);
    return got;
}

ptrdiff_t thrum__socket_try_write(thrum_socket *socket, const void *data, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    ptrdiff_t put = thrum__descriptor_enter(&socket->descriptor);
    if (put < 0)
        return put;
    put = try_send(socket, &part, 1);
    thrum__socket_leave(socket);
    return put;
}

int thrum__socket_await(thrum_socket *socket, int side, bool tried, thrum_deadline deadline)
{
    int rc = thrum__descriptor_enter(&socket->descriptor);
    if (rc < 0)
        return rc;
    if (tried || (side == THRUM__READABLE && is_dry(socket)))
        rc = thrum__descriptor_wait(&socket->descriptor, side, deadline);
    thrum__socket_leave(socket);
    return rc;
}
