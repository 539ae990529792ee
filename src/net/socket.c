/* The socket: a descriptor of the system with the calls that are under way (descriptor.c), and no state
 * besides. What it can do is in transfer.c, accept.c and connect.c; here is its life and what does not
 * wait.
 *
 * A socket is on the heap, as it may be freed while calls of others end: the last of them frees it.
 */
#include "net/socket.h"
#include "base/memory.h"
#include "fiber/scheduler.h"
#include <thrum/fiber.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

thrum_socket *thrum__socket_of(int number)
{
    thrum_socket *socket = thrum__alloc(sizeof *socket);
    if (socket)
        thrum__descriptor_init(&socket->descriptor, number);
    else
        thrum__os_close(number);
    return socket;
}

void thrum__socket_leave(thrum_socket *socket)
{
    if (thrum__descriptor_leave(&socket->descriptor))
        thrum__free(socket);
}

void thrum__net_turn(uint32_t *turns)
{
    enum { TURNS = 64 };
    uint32_t count = thrum__load_relaxed(turns) + 1;
    thrum__store_relaxed(turns, count); /* a count that two callers lose costs nothing */
    if (count % TURNS == 0 && thrum__fiber_self())
        thrum_yield();
}

int thrum_socket_pair(thrum_socket **ret_first, thrum_socket **ret_second)
{
    int numbers[2];
    int rc = thrum__socket_pair(AF_UNIX, numbers);
    if (rc < 0)
        return rc;
    thrum_socket *first = thrum__socket_of(numbers[0]), *second = thrum__socket_of(numbers[1]);
    if (!first || !second) {
        thrum_socket_free(first);
        thrum_socket_free(second);
        return -ENOMEM;
    }
    *ret_first = first;
    *ret_second = second;
    return 0;
}

int thrum_socket_close(thrum_socket *socket)
{
    int rc = thrum__descriptor_enter(&socket->descriptor);
    if (rc < 0)
        return rc;
    rc = thrum__descriptor_shut(&socket->descriptor);
    thrum__socket_leave(socket);
    return rc;
}

void thrum_socket_free(thrum_socket *socket)
{
    if (!socket)
        return;
    (void)thrum_socket_close(socket);
    if (thrum__descriptor_let_go(&socket->descriptor))
        thrum__free(socket);
}

/* --------------------------------------------------------------------------- what does not wait */

int thrum_socket_shutdown(thrum_socket *socket, thrum_shutdown_side side)
{
    static const int sides[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
    int rc = thrum__descriptor_enter(&socket->descriptor);
    if (rc < 0)
        return rc;
    rc = thrum__socket_shutdown(socket->descriptor.number, sides[side]);
    thrum__socket_leave(socket);
    return rc;
}

int thrum_socket_no_delay(thrum_socket *socket, bool on)
{
    int rc = thrum__descriptor_enter(&socket->descriptor);
    if (rc < 0)
        return rc;
    rc = thrum__socket_set(socket->descriptor.number, IPPROTO_TCP, TCP_NODELAY, on);
    thrum__socket_leave(socket);
    return rc == -ENOPROTOOPT ? -EOPNOTSUPP : rc;
}

static int name_of(thrum_socket *socket, bool peer, thrum__address *ret_address)
{
    int rc = thrum__descriptor_enter(&socket->descriptor);
    if (rc < 0)
        return rc;
    rc = thrum__socket_name(socket->descriptor.number, peer, ret_address);
    thrum__socket_leave(socket);
    return rc;
}

int thrum_socket_address(thrum_socket *socket, char *ret_text, size_t size)
{
    thrum__address address;
    int rc = name_of(socket, false, &address);
    return rc < 0 ? rc : thrum__address_text(&address, ret_text, size);
}

int thrum_socket_peer(thrum_socket *socket, char *ret_text, size_t size)
{
    thrum__address address;
    int rc = name_of(socket, true, &address);
    return rc < 0 ? rc : thrum__address_text(&address, ret_text, size);
}

int thrum_socket_port(thrum_socket *socket)
{
    thrum__address address;
    int rc = name_of(socket, false, &address);
    if (rc < 0)
        return rc;
    if (address.storage.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&address.storage)->sin_port);
    if (address.storage.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address.storage)->sin6_port);
    return -EOPNOTSUPP;
}

int thrum_socket_descriptor(thrum_socket *socket)
{
    int rc = thrum__descriptor_enter(&socket->descriptor);
    if (rc < 0)
        return rc;
    rc = socket->descriptor.number;
    thrum__socket_leave(socket);
    return rc;
}

void thrum_socket_destroy(void *value)
{
    thrum_socket *socket;
    memcpy(&socket, value, sizeof socket);
    thrum_socket_free(socket);
}
