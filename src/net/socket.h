/* What a socket is, for the files of this folder. */
#ifndef THRUM_NET_SOCKET_H
#define THRUM_NET_SOCKET_H

#include "base/socket.h"
#include "net/descriptor.h"
#include <thrum/socket.h>

struct thrum_socket {
    thrum__descriptor descriptor;
    uint32_t turns; /* calls that had an answer at once; see thrum__net_turn */
    bool tcp;       /* of its kind, what a listener accepts is too; fixed */
    bool plain;     /* a descriptor of another kind, below a stream; fixed */
    uint32_t told;  /* a listener's: that there are no descriptors left */
};

/* A socket for a system's descriptor, which is closed if there is no memory: then NULL. */
thrum_socket *thrum__socket_of(int number);

/* Ends a use of the socket, which may have been the last. */
void thrum__socket_leave(thrum_socket *socket);

/* One try to read or write: -EAGAIN if it would have to wait. Does not switch to another fiber. */
ptrdiff_t thrum__socket_try_read(thrum_socket *socket, void *buffer, size_t size);
ptrdiff_t thrum__socket_try_write(thrum_socket *socket, const void *data, size_t size);

/* Waits until `side` may be possible. Unless it was `tried`, waits only if it knows that a try would be in
 * vain. Returns as thrum__descriptor_wait. */
int thrum__socket_await(thrum_socket *socket, int side, bool tried, thrum_deadline deadline);

/* After a call that did not wait: now and then lets other fibers run. `turns` counts such calls. */
void thrum__net_turn(uint32_t *turns);

enum { THRUM__ADDRESSES = 8 }; /* of one name, the most that are tried */

/* The addresses of a name; in a fiber it is resolved elsewhere. Gives their number or an error. */
int thrum__addresses_of(const char *host, uint16_t port, bool passive, thrum_deadline deadline,
                        thrum__address *ret_addresses);

/* Connects to the first of the addresses that answers. Returns as thrum_socket_connect. */
int thrum__connect_first(const thrum__address *addresses, int count, thrum_deadline deadline,
                         thrum_socket **ret_socket);

/* That of a path. Returns 0 or -EINVAL. */
int thrum__address_of_path(const char *path, thrum__address *ret_address);

/* An address as text. Returns 0 or -EMSGSIZE. */
int thrum__address_text(const thrum__address *address, char *ret_text, size_t size);

#endif
