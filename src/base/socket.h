/* Sockets, as the kernel offers them: each call does one thing, never blocks, and gives 0, a
 * number, or a negative errno. A call that a signal has interrupted is made again. Every socket is
 * closed on exec and does not block; none raises SIGPIPE. */
#ifndef THRUM_BASE_SOCKET_H
#define THRUM_BASE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* An address of any family. */
typedef struct thrum__address {
    struct sockaddr_storage storage;
    socklen_t length;
} thrum__address;

int thrum__socket_new(int family);
int thrum__socket_pair(int family, int ret_pair[2]);

/* A pair that keeps packets apart; and a descriptor that came from elsewhere as one of such a pair,
 * or -EINVAL, -EBADF. */
int thrum__socket_packet_pair(int ret_pair[2]);
int thrum__socket_adopt_packets(int descriptor);

int thrum__socket_bind(int socket, const thrum__address *address);
int thrum__socket_listen(int socket, int backlog);
int thrum__socket_accept(int socket);

/* -EINPROGRESS: it is connected, or has failed, once it is writable. */
int thrum__socket_connect(int socket, const thrum__address *address);

/* The kernel takes no more parts at once. */
enum { THRUM__SOCKET_PARTS = 1024 };

ptrdiff_t thrum__socket_receive(int socket, const struct iovec *parts, size_t count);
ptrdiff_t thrum__socket_send(int socket, const struct iovec *parts, size_t count);

/* The same for a descriptor of any kind, such as a pipe. */
ptrdiff_t thrum__plain_receive(int descriptor, const struct iovec *parts, size_t count);
ptrdiff_t thrum__plain_send(int descriptor, const struct iovec *parts, size_t count);

/* Has calls on a descriptor that came from elsewhere not block, and says what it is: 1 for a socket of a
 * stream kind, 0 for anything else; -EBADF. */
int thrum__socket_adopt(int descriptor);

int thrum__socket_shutdown(int socket, int how);

/* Removes the socket at `path` from the file system; what is no socket stays. */
void thrum__socket_remove(const char *path);

int thrum__socket_set(int socket, int level, int option, int value);

/* The error that the socket keeps, as a negative errno or 0, and forgets. */
int thrum__socket_error(int socket);

/* Its own address, or that of the other side. */
int thrum__socket_name(int socket, bool peer, thrum__address *ret_address);

/* Resolves a name; may block for long. `host` NULL: this machine for `passive`, loopback else.
 * Gives at most `most` addresses. Returns their number, or a negative errno: -ENOENT for a name
 * that nobody has, -EHOSTUNREACH if nobody answers. `numeric`: only addresses in digits, which
 * never blocks. */
int thrum__socket_resolve(const char *host, uint16_t port, bool passive, bool numeric,
                          thrum__address *ret_addresses, int most);

#endif
