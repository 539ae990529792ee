/* Sockets: connections over TCP and between programs of one machine, without callbacks.
 *
 *     static int serve(thrum_task *self)
 *     {
 *         thrum_socket *peer = thrum_arg(self, thrum_socket *);
 *         char text[4096];
 *         ptrdiff_t got;
 *         while ((got = thrum_socket_read(peer, text, sizeof text, thrum_in(60))) > 0)
 *             if (thrum_socket_write(peer, text, (size_t)got, thrum_in(60)) < 0)
 *                 break;
 *         thrum_socket_free(peer);
 *         return 0;
 *     }
 *
 *     thrum_socket *listener, *peer;
 *     int rc = thrum_socket_listen("127.0.0.1", 8080, NULL, &listener);
 *     while (rc == 0 && (rc = thrum_socket_accept(listener, &peer, THRUM_FOREVER)) == 0)
 *         thrum_future_free(
 *             thrum_submit(pool, serve, thrum_owned(thrum_socket_destroy, thrum_socket *, peer)));
 *
 * The task owns its connection. If the pool refuses the task, the destructor closes the connection.
 *
 * A call that waits blocks its fiber, and other fibers run meanwhile; in a thread it blocks the
 * thread. Several fibers and threads may use a socket at the same time: one may read while another
 * writes, several may accept from one listener, and one may close what others wait for. Two readers
 * at the same time share the bytes. Two writers at the same time may mix their bytes, if a write is
 * larger than what the system takes in one piece.
 *
 * Codes that every call may return:
 *
 *  - -ETIMEDOUT: the deadline has passed
 *  - -EAGAIN: the deadline is THRUM_NOW, and the call would have to wait
 *  - -ECANCELED: the running task was cancelled
 *  - -EBADF: the socket is closed, or was closed during the call
 *  - -ENOMEM: memory ran out
 *  - codes of the system, such as -ECONNRESET if the other side is gone
 *
 * Writing to a connection that the other side has closed returns -EPIPE; no signal is raised.
 *
 * Costs. A fiber's wait makes no system call of its own. A thread's wait makes one (poll). Each
 * thread that has waited keeps one descriptor, which can end a wait early, until the end of the
 * program. Each worker of a fiber pool keeps a second descriptor, its poller. A call that need not
 * wait returns at once, but every 64th such call on a socket first lets other fibers run.
 *
 * In a child of fork, sockets are shared with the parent process, as all descriptors are. Both may
 * accept from one listener; what one of them reads the other does not. A close is for the calling
 * process, and wakes no waiter of the other.
 *
 * Python: socket.socket for threads, asyncio streams for fibers; here they are one.
 */
#ifndef THRUM_SOCKET_H
#define THRUM_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

struct iovec; /* a part of what is read or written: <sys/uio.h> */

/* A connection or a listener. Made by the functions below, freed by thrum_socket_free. */
typedef struct thrum_socket thrum_socket;

/* The size of a buffer for any address as text, its zero byte included. */
enum { THRUM_SOCKET_ADDRESS_SIZE = 128 };

/* Listen options. Zero selects the default. */
typedef struct thrum_listen_options {
    int backlog;         /* connections that may wait to be accepted; 4096 by default, and never
                            more than the system allows */
    bool no_reuse;       /* do not set SO_REUSEADDR, which is set by default, as by asyncio */
    bool reuse_port;     /* others may listen at the same port (SO_REUSEPORT) */
    bool ipv6_only;      /* an IPv6 listener accepts no IPv4 connection */
    bool replace_socket; /* thrum_socket_listen_unix first removes a socket at `path` */
    THRUM__OPTIONS(thrum_listen_options)
} thrum_listen_options;

/* Listens for TCP connections at `host`, a name or address, and `port`. With `host` NULL it listens
 * at all addresses of the machine. With `port` 0 the system chooses a free port; see
 * thrum_socket_port. `options` may be NULL. Blocks only to resolve a name, without a
 * deadline. Python: socket.create_server.
 *
 * Returns:
 *     0                       the listener, to be freed with thrum_socket_free
 *     -EADDRINUSE             the port is in use
 *     -EADDRNOTAVAIL          the address is not one of this machine
 *     -EACCES                 the port is reserved
 *     -ENOENT, -EHOSTUNREACH  the name cannot be resolved
 *     -EINVAL                 the name is longer than 255 bytes
 *     -ENOMEM, -EMFILE        memory or descriptors ran out
 *     other codes of the system
 */
THRUM_API THRUM_MUST_CHECK int thrum_socket_listen(const char *host, uint16_t port,
                                                   const thrum_listen_options *options,
                                                   thrum_socket **ret_socket);

/* Listens for connections at `path` in the file system. The caller removes the path afterwards. A
 * path that begins with '@' names no file; the rest of it is a name in the abstract namespace.
 * Returns what thrum_socket_listen returns, and -EINVAL for an empty path or one of more than 107
 * bytes. Does not block. */
THRUM_API THRUM_MUST_CHECK int thrum_socket_listen_unix(const char *path,
                                                        const thrum_listen_options *options,
                                                        thrum_socket **ret_socket);

/* Waits for a connection. While the process or the system has no descriptor left, it tries again
 * until the deadline and calls the failure hook once (kind "socket"); connections wait in the
 * backlog. Connections that were given up meanwhile are skipped. Blocks. Python: socket.accept.
 *
 * Returns:
 *     0                           the connection, to be freed with thrum_socket_free
 *     -ETIMEDOUT                  the deadline has passed
 *     -EAGAIN                     the deadline is THRUM_NOW and there is none
 *     -ECANCELED                  the running task was cancelled
 *     -EBADF                      the listener is closed
 *     -ENOMEM                     memory ran out
 *     -EMFILE, -ENFILE, -ENOBUFS  the deadline has passed, and there was no descriptor
 */
THRUM_API THRUM_MUST_CHECK int
thrum_socket_accept(thrum_socket *listener, thrum_socket **ret_socket, thrum_deadline deadline);

/* Connects to `host` and `port` by TCP. With `host` NULL it connects to this machine. In a fiber a
 * name is resolved on another thread (thrum_blocking). The addresses of a name are tried in turn,
 * all before the deadline. Blocks. Python: socket.create_connection.
 *
 * Returns:
 *     0                 the connection, to be freed with thrum_socket_free
 *     -ETIMEDOUT        the deadline has passed, or the system gave the last address up
 *     -EAGAIN           the deadline is THRUM_NOW and it would have to wait
 *     -ECANCELED        the running task was cancelled
 *     -ENOENT           the name does not exist
 *     -EHOSTUNREACH     no name server answers
 *     -ECONNREFUSED     nothing listens at the last address
 *     -EINVAL           the name is longer than 255 bytes
 *     -ENOMEM, -EMFILE  memory or descriptors ran out
 *     other codes of the system, for the last address
 */
THRUM_API THRUM_MUST_CHECK int thrum_socket_connect(const char *host, uint16_t port,
                                                    thrum_socket **ret_socket,
                                                    thrum_deadline deadline);

/* Connects to a listener at `path`, written as for thrum_socket_listen_unix. While the listener's
 * backlog is full, it tries again until the deadline. Returns what thrum_socket_connect returns,
 * and -ENOENT if the path does not exist. Blocks. */
THRUM_API THRUM_MUST_CHECK int
thrum_socket_connect_unix(const char *path, thrum_socket **ret_socket, thrum_deadline deadline);

/* Makes two sockets that are connected with each other. The caller owns both and frees them with
 * thrum_socket_free. Does not block. Python: socket.socketpair.
 *
 * Returns:
 *     0                 the sockets are there
 *     -ENOMEM, -EMFILE  memory or descriptors ran out
 */
THRUM_API THRUM_MUST_CHECK int thrum_socket_pair(thrum_socket **ret_first,
                                                 thrum_socket **ret_second);

/* Reads what is there, at most `size` bytes. Waits if there is nothing. Blocks. Python:
 * socket.recv.
 *
 * Returns:
 *     above 0     how many bytes were read
 *     0           the other side sends no more, or `size` is 0
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and there is nothing
 *     -ECANCELED  the running task was cancelled
 *     -EBADF      the socket is closed
 *     -ECONNRESET and other codes of the system
 */
THRUM_API THRUM_MUST_CHECK ptrdiff_t thrum_socket_read(thrum_socket *socket, void *buffer,
                                                       size_t size, thrum_deadline deadline);

/* The same into `count` parts (<sys/uio.h>), one after another. One call fills at most 1024 parts.
 * Python: socket.recvmsg_into. */
THRUM_API THRUM_MUST_CHECK ptrdiff_t thrum_socket_readv(thrum_socket *socket,
                                                        const struct iovec *parts, size_t count,
                                                        thrum_deadline deadline);

/* Writes all `size` bytes. Waits while the other side does not read. If it fails, an unknown number
 * of bytes may have been written; thrum_socket_write_some tells the number. With THRUM_NOW it
 * succeeds only if the system takes everything at once. Blocks. Python: socket.sendall.
 *
 * Returns:
 *     0           everything was written
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and there is not room for everything
 *     -ECANCELED  the running task was cancelled
 *     -EPIPE      the other side has closed the connection
 *     -EBADF      the socket is closed
 *     -ECONNRESET and other codes of the system
 */
THRUM_API THRUM_MUST_CHECK int thrum_socket_write(thrum_socket *socket, const void *data,
                                                  size_t size, thrum_deadline deadline);

/* The same from `count` parts, one after another; any number. Python: socket.sendmsg in a loop. */
THRUM_API THRUM_MUST_CHECK int thrum_socket_writev(thrum_socket *socket, const struct iovec *parts,
                                                   size_t count, thrum_deadline deadline);

/* Writes as many bytes as the system takes at once. Waits if it takes none. Blocks. Python:
 * socket.send.
 *
 * Returns:
 *     0 and above  how many bytes were written
 *     what thrum_socket_write returns
 */
THRUM_API THRUM_MUST_CHECK ptrdiff_t thrum_socket_write_some(thrum_socket *socket, const void *data,
                                                             size_t size, thrum_deadline deadline);

/* What thrum_socket_shutdown ends. */
typedef enum thrum_shutdown_side {
    THRUM_SHUTDOWN_READ,
    THRUM_SHUTDOWN_WRITE,
    THRUM_SHUTDOWN_BOTH,
} thrum_shutdown_side;

/* Ends one direction of a connection, or both. The other side then reads 0. Waiters in this
 * direction wake. Does not block. Python: socket.shutdown.
 *
 * Returns:
 *     0          the direction is ended
 *     -ENOTCONN  the socket is not connected
 *     -EBADF     the socket is closed
 */
THRUM_API int thrum_socket_shutdown(thrum_socket *socket, thrum_shutdown_side side);

/* Closes the socket: all calls that wait for it return -EBADF, and so does each later call. The
 * descriptor is closed when the last call in progress has returned. The socket must still be freed.
 * May be called while other threads and fibers use the socket. Does not block. Python:
 * socket.close.
 *
 * Returns:
 *     0       the socket is closed
 *     -EBADF  it was closed before
 */
THRUM_API int thrum_socket_close(thrum_socket *socket);

/* Closes the socket, if it is open, and frees it: its owner's last call. Calls in progress end with
 * -EBADF; no further call may start. NULL is accepted. Does not block. */
THRUM_API void thrum_socket_free(thrum_socket *socket);

/* A destructor for a value or item that is one thrum_socket *: frees that socket with
 * thrum_socket_free. */
THRUM_API void thrum_socket_destroy(void *value);

/* Sends small pieces at once (`on`), or lets the system collect them, as it does by default. Does
 * not block. Python: setsockopt with TCP_NODELAY.
 *
 * Returns:
 *     0            done
 *     -EOPNOTSUPP  the socket is not one of TCP
 *     -EBADF       the socket is closed
 */
THRUM_API int thrum_socket_no_delay(thrum_socket *socket, bool on);

/* The address of this side as text: "127.0.0.1:8080", "[::1]:8080", the path of a Unix socket, or
 * "" if it has none. THRUM_SOCKET_ADDRESS_SIZE bytes are enough. Does not block. Python:
 * socket.getsockname.
 *
 * Returns:
 *     0          the address is in `ret_text`
 *     -EMSGSIZE  `size` is too small
 *     -EBADF     the socket is closed
 */
THRUM_API THRUM_MUST_CHECK int thrum_socket_address(thrum_socket *socket, char *ret_text,
                                                    size_t size);

/* The same for the other side; -ENOTCONN if there is none. Python: socket.getpeername. */
THRUM_API THRUM_MUST_CHECK int thrum_socket_peer(thrum_socket *socket, char *ret_text, size_t size);

/* The port of this side. Does not block.
 *
 * Returns:
 *     above 0      the port
 *     -EOPNOTSUPP  the socket is not one of TCP
 *     -EBADF       the socket is closed
 */
THRUM_API int thrum_socket_port(thrum_socket *socket);

/* The system's descriptor. It stays the socket's. Does not block. Python: socket.fileno.
 *
 * Returns:
 *     the descriptor
 *     -EBADF  the socket is closed
 */
THRUM_API int thrum_socket_descriptor(thrum_socket *socket);

/* Waits until a read from `descriptor` would not wait: there are data, the end, or an error. The
 * descriptor may be of any kind (a pipe, a terminal, a socket of another library) and in either
 * mode. It stays the caller's and must not be closed during the call. Several callers may wait for
 * one. Costs at least two system calls. Blocks. Python: select.select, loop.add_reader.
 *
 * Returns:
 *     0           a read would not wait
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and a read would wait
 *     -ECANCELED  the running task was cancelled
 *     -EBADF      it is no descriptor
 */
THRUM_API THRUM_MUST_CHECK int thrum_wait_readable(int descriptor, thrum_deadline deadline);

/* The same for writing. */
THRUM_API THRUM_MUST_CHECK int thrum_wait_writable(int descriptor, thrum_deadline deadline);

THRUM_END

#endif
