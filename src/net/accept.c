/* Listening and accepting.
 *
 * The memory for a connection is allocated before it is accepted, so no connection is lost when
 * memory runs out. A connection for which there is no descriptor stays in the backlog. The listener
 * is ready all the while, so a wait for it would be a busy loop. Only a close of some descriptor
 * helps, and the kernel does not report that. So accept sleeps BACKOFF_NS between tries. It reports
 * this once, until it has accepted a connection again.
 *
 * Rejected: a spare descriptor that is closed to accept and drop a connection. The peer would see a
 * server that hangs up, and a little patience serves it.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "net/socket.h"
#include "thread/task.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

enum { BACKLOG = 4096, BACKOFF_NS = 50000000 };

static const thrum_listen_options defaults;

/* ---------------------------------------------------------------------------------------- listen */

static int prepare(int number, int family, const thrum_listen_options *options)
{
    int rc = 0;
    if (family != AF_UNIX && !options->no_reuse)
        rc = thrum__socket_set(number, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && options->reuse_port)
        rc = thrum__socket_set(number, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && family == AF_INET6)
        rc = thrum__socket_set(number, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6_only);
    return rc;
}

static int listen_at(const thrum__address *address, const thrum_listen_options *options,
                     thrum_socket **ret_socket)
{
    int family = address->storage.ss_family;
    int number = thrum__socket_new(family);
    if (number < 0)
        return number;
    int rc = prepare(number, family, options);
    if (rc == 0)
        rc = thrum__socket_bind(number, address);
    if (rc == 0)
        rc = thrum__socket_listen(number, options->backlog > 0 ? options->backlog : BACKLOG);
    if (rc < 0) {
        thrum__os_close(number);
        return rc;
    }
    thrum_socket *socket = thrum__socket_of(number);
    if (!socket)
        return -ENOMEM;
    socket->tcp = family != AF_UNIX;
    *ret_socket = socket;
    return 0;
}

int thrum_socket_listen(const char *host, uint16_t port, const thrum_listen_options *options,
                        thrum_socket **ret_socket)
{
    thrum__address addresses[THRUM__ADDRESSES];
    int count = thrum__addresses_of(host, port, true, THRUM_FOREVER, addresses);
    int rc = count < 0 ? count : -ENOENT;
    for (int i = 0; i < count && rc < 0; i++)
        rc = listen_at(&addresses[i], options ? options : &defaults, ret_socket);
    return rc;
}

int thrum_socket_listen_unix(const char *path, const thrum_listen_options *options,
                             thrum_socket **ret_socket)
{
    thrum__address address;
    int rc = thrum__address_of_path(path, &address);
    if (rc < 0)
        return rc;
    if (options && options->replace_socket && path[0] != '@')
        thrum__socket_remove(path);
    return listen_at(&address, options ? options : &defaults, ret_socket);
}

/* ---------------------------------------------------------------------------------------- accept */

static bool is_want(int code)
{
    return code == -EMFILE || code == -ENFILE || code == -ENOBUFS || code == -ENOMEM;
}

static bool is_given_up(int code)
{
    return code == -ECONNABORTED || code == -EPROTO || code == -ENETDOWN || code == -ENOPROTOOPT ||
           code == -EHOSTDOWN || code == -ENONET || code == -EHOSTUNREACH || code == -ENETUNREACH;
}

static void tell(thrum_socket *listener, int code)
{
    char name[THRUM_SOCKET_ADDRESS_SIZE];
    thrum_error error = {.code = code};
    if (thrum__exchange_acquire(&listener->told, 1))
        return;
    if (thrum_socket_address(listener, name, sizeof name) < 0)
        snprintf(name, sizeof name, "a listener");
    snprintf(error.message, sizeof error.message,
             "cannot accept connections for now, as there is no descriptor for them; they wait");
    thrum__failure_report("socket", name, &error);
}

/* Sleeps until it makes sense to try again. */
static int back_off(thrum_socket *listener, int code, thrum_deadline deadline)
{
    tell(listener, code);
    thrum_time now = thrum__clock_now();
    if (deadline.ns <= now)
        return code;
    return thrum__descriptor_pause(
        &listener->descriptor,
        thrum_deadline_sooner(thrum__deadline_after(now, BACKOFF_NS), deadline));
}

/* The number of a connection's descriptor, or an error. */
static int next_connection(thrum_socket *listener, thrum_deadline deadline)
{
    for (;;) {
        int number = thrum__socket_accept(listener->descriptor.number), rc = 0;
        if (number >= 0)
            return number;
        if (is_want(number))
            rc = back_off(listener, number, deadline);
        else if (number == -EAGAIN)
            rc = thrum__descriptor_wait(&listener->descriptor, THRUM__READABLE, deadline);
        else if (!is_given_up(number))
            return number;
        if (rc < 0)
            return rc;
    }
}

int thrum_socket_accept(thrum_socket *listener, thrum_socket **ret_socket, thrum_deadline deadline)
{
    int rc = thrum__descriptor_enter(&listener->descriptor);
    if (rc < 0)
        return rc;
    thrum_socket *socket = thrum__alloc(sizeof *socket);
    int number = socket ? next_connection(listener, deadline) : -ENOMEM;
    if (number >= 0) {
        thrum__store_relaxed(&listener->told, 0);
        thrum__descriptor_init(&socket->descriptor, number);
        socket->tcp = listener->tcp;
        *ret_socket = socket;
        thrum__net_turn(&listener->turns);
    } else {
        thrum__free(socket);
    }
    thrum__socket_leave(listener);
    return number < 0 ? number : 0;
}
