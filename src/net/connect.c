/* Connecting: each address of a name in turn, until one answers or the deadline passes.
 *
 * The kernel gives up an address after a time of its own, with ETIMEDOUT. That is the end of this
 * address, not of the call: the next one is tried, as long as the caller's deadline has not passed.
 * */
#include "base/clock.h"
#include "net/socket.h"

#include <errno.h>

enum { FULL_NS = 2000000 }; /* how long to wait for room in a backlog */

/* Waits for the end of a connect that is under way. A wake is a hint: the look tells. */
static int settle(thrum__descriptor *descriptor, thrum_deadline deadline)
{
    while (!thrum__poll(descriptor->number, THRUM__WRITABLE, -1, THRUM_NOW)) {
        int rc = thrum__descriptor_wait(descriptor, THRUM__WRITABLE, deadline);
        if (rc < 0)
            return rc;
    }
    return thrum__socket_error(descriptor->number);
}

static int reach(thrum__descriptor *descriptor, const thrum__address *address,
                 thrum_deadline deadline)
{
    for (;;) {
        int rc = thrum__socket_connect(descriptor->number, address);
        if (rc == -EINPROGRESS)
            return settle(descriptor, deadline);
        if (rc != -EAGAIN || address->storage.ss_family != AF_UNIX ||
            thrum_deadline_is_now(deadline))
            return rc;
        thrum_time now = thrum__clock_now();
        if (deadline.ns <= now)
            return -ETIMEDOUT;
        rc = thrum__descriptor_pause(
            descriptor, thrum_deadline_sooner(thrum__deadline_after(now, FULL_NS), deadline));
        if (rc < 0)
            return rc;
    }
}

static int connect_to(const thrum__address *address, thrum_deadline deadline,
                      thrum_socket **ret_socket)
{
    int number = thrum__socket_new(address->storage.ss_family);
    if (number < 0)
        return number;
    thrum_socket *socket = thrum__socket_of(number);
    if (!socket)
        return -ENOMEM;
    socket->tcp = address->storage.ss_family != AF_UNIX;
    int rc = reach(&socket->descriptor, address, deadline);
    if (rc < 0)
        thrum_socket_free(socket);
    else
        *ret_socket = socket;
    return rc;
}

static bool is_over(int rc, thrum_deadline deadline)
{
    return rc == 0 || rc == -ECANCELED || (rc == -ETIMEDOUT && thrum__clock_now() >= deadline.ns);
}

int thrum__connect_first(const thrum__address *addresses, int count, thrum_deadline deadline,
                         thrum_socket **ret_socket)
{
    int rc = -ENOENT;
    for (int i = 0; i < count && !is_over(rc, deadline); i++)
        rc = connect_to(&addresses[i], deadline, ret_socket);
    return rc;
}

int thrum_socket_connect(const char *host, uint16_t port, thrum_socket **ret_socket,
                         thrum_deadline deadline)
{
    thrum__address addresses[THRUM__ADDRESSES];
    int count = thrum__addresses_of(host, port, false, deadline, addresses);
    return count < 0 ? count : thrum__connect_first(addresses, count, deadline, ret_socket);
}

int thrum_socket_connect_unix(const char *path, thrum_socket **ret_socket, thrum_deadline deadline)
{
    thrum__address address;
    int rc = thrum__address_of_path(path, &address);
    return rc < 0 ? rc : connect_to(&address, deadline, ret_socket);
}
