/* The transport of streams over sockets, and over descriptors of other kinds.
 *
 * A descriptor that is no socket, such as the end of a pipe, is carried by a thrum_socket that is
 * `plain`: the calls under way, the waits and the close are the same (descriptor.c), only the
 * system calls differ (transfer.c).
 */
#include "base/memory.h"
#include "net/socket.h"
#include "net/stream.h"

#include <errno.h>

static ptrdiff_t socket_read(void *object, void *buffer, size_t size)
{
    return thrum__socket_try_read(object, buffer, size);
}

static ptrdiff_t socket_write(void *object, const void *data, size_t size)
{
    return thrum__socket_try_write(object, data, size);
}

static int socket_wait(void *object, thrum_transport_side side, bool tried, thrum_deadline deadline)
{
    return thrum__socket_await(
        object, side == THRUM_TRANSPORT_READ ? THRUM__READABLE : THRUM__WRITABLE, tried, deadline);
}

/* A close is end enough, and does not end the connection for other processes that have it. */
static int socket_end(void *object, bool closing)
{
    int rc = closing ? 0 : thrum_socket_shutdown(object, THRUM_SHUTDOWN_WRITE);
    return rc == -ENOTSOCK ? -EOPNOTSUPP : rc;
}

static void socket_close(void *object)
{
    (void)thrum_socket_close(object);
}

static void socket_free(void *object)
{
    thrum_socket_free(object);
}

static const thrum_transport over_socket = {
    .read = socket_read,
    .write = socket_write,
    .wait = socket_wait,
    .end = socket_end,
    .close = socket_close,
    .free = socket_free,
};

int thrum_stream_from_socket(thrum_socket *socket, const thrum_stream_options *options,
                             thrum_stream **ret_stream)
{
    return thrum__stream_new(&over_socket, socket, socket->plain ? NULL : socket, options,
                             ret_stream);
}

int thrum_stream_from_descriptor(int descriptor, const thrum_stream_options *options,
                                 thrum_stream **ret_stream)
{
    int is_socket = thrum__socket_adopt(descriptor);
    if (is_socket < 0)
        return is_socket;
    thrum_socket *socket = thrum__alloc(sizeof *socket);
    if (!socket)
        return -ENOMEM;
    thrum__descriptor_init(&socket->descriptor, descriptor);
    socket->plain = !is_socket;
    int rc = thrum_stream_from_socket(socket, options, ret_stream);
    if (rc < 0)
        thrum__free(socket);
    return rc;
}

int thrum_stream_connect(const char *host, uint16_t port, const thrum_stream_options *options,
                         thrum_stream **ret_stream, thrum_deadline deadline)
{
    thrum_socket *socket;
    int rc = thrum_socket_connect(host, port, &socket, deadline);
    if (rc < 0)
        return rc;
    rc = thrum_stream_from_socket(socket, options, ret_stream);
    if (rc < 0)
        thrum_socket_free(socket);
    return rc;
}
