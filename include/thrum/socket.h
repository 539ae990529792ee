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
 * The task owns its connection; if the pool refuses the task, the destructor closes the connection.
 *
 * A call that has to wait blocks the fiber that makes it, and other fibers run meanwhile; in a thread
 * it blocks the thread. A socket may be used by several fibers and threads at once: one may read
 * while another writes, several may accept from one listener, and one may close what others wait for.
 * Two that read at once share what comes; two that write at once may find their bytes mixed, if one
 * of them is larger than what the system takes at a time.
 *
 * Every deadline is a moment (thrum/time.h): one of THRUM_NOW gives -EAGAIN where the call would
 * have to wait. A wait that is cancelled gives -ECANCELED, one whose socket is closed meanwhile
 * -EBADF, as does every call on a closed socket. Codes that are not listed come from the system: such
 * as -ECONNRESET where the other side is gone. Writing to a connection that the other side has closed gives
 * -EPIPE; no signal is raised.
 *
 * What it costs: a fiber's wait makes no system call of its own. A thread's wait makes one (poll), and
 * keeps one descriptor for each thread that ever waited, which ends a wait early; it is never given
 * back. Each worker of a pool has two: its poller and the same.
 *
 * A call that finds its answer at once does not wait, but each 64th on a socket lets other fibers run.
 *
 * In a child of fork sockets are shared with the parent, as all descriptors are: both may accept from
 * one listener, and what one of them reads the other does not. Threads that were in calls are not in the
 * child. A close closes for the process that calls it, and wakes none of the other.
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

/* A socket, or what one listens with. Made by the functions below, given back by thrum_socket_free. */
typedef struct thrum_socket thrum_socket;

/* Room for an address as text, with its end. */
enum { THRUM_ADDRESS_SIZE = 128 };

/* How to listen; zero means the default. */
typedef struct thrum_listen_options {
    int backlog;         /* connections that may wait to be accepted; 4096 by default, and never
                            more than the system allows */
    bool no_reuse;       /* the address must not have been used just before (SO_REUSEADDR is set by
                            default, as asyncio does) */
    bool reuse_port;     /* others may listen at the same port at once (SO_REUSEPORT) */
    bool ipv6_only;      /* an IPv6 listener takes no IPv4 */
    bool replace_socket; /* thrum_socket_listen_unix: a socket of that name that is there is removed
                            first */
} thrum_listen_options;

/* Listens for TCP connections at `host`, a name or address, and `port`. `host` NULL means all addresses
 * of the machine; port 0 any that is free (thrum_socket_port). `options` may be NULL. Returns 0 and a
 * socket to be given to thrum_socket_free; -EADDRINUSE, -EADDRNOTAVAIL, -EACCES; -ENOENT or
 * -EHOSTUNREACH for a name that cannot be resolved; -EINVAL for one longer than 255 bytes; -ENOMEM,
 * -EMFILE and what else the system says. Blocks only for a name. Python: socket.create_server. */
THRUM_API int thrum_socket_listen(const char *host, uint16_t port,
                                  const thrum_listen_options *options, thrum_socket **ret_socket);

/* Listens for connections at `path` in the file system, which the caller removes when it is done; one
 * that begins with '@' names no file but the rest of it in the abstract namespace. Returns as
 * thrum_socket_listen, and -EINVAL for a path of no or over 107 bytes. Does not block. */
THRUM_API int thrum_socket_listen_unix(const char *path, const thrum_listen_options *options,
                                       thrum_socket **ret_socket);

/* Waits for a connection and gives it. Where the process or the system has no descriptor left, it
 * tries again after a short while, for as long as the deadline allows, and tells the failure hook
 * once (kind "socket"); the connections wait in the backlog. Connections that were given up
 * meanwhile are passed over. Returns 0 and a socket to be given to thrum_socket_free; -ETIMEDOUT,
 * -EAGAIN, -ECANCELED, -EBADF, -ENOMEM; -EMFILE, -ENFILE or -ENOBUFS if the deadline passed while
 * there was no descriptor. Blocks. Python: socket.accept. */
THRUM_API int thrum_socket_accept(thrum_socket *listener, thrum_socket **ret_socket,
                                  thrum_deadline deadline);

/* Connects to `host` and `port` by TCP. A name is resolved on another thread (thrum_blocking) if a fiber
 * calls; its addresses are tried in turn, within the one deadline; an address that the system gives up is passed
 * over. `host` NULL means this machine. Returns 0 and a socket to be given to thrum_socket_free; -ETIMEDOUT for
 * the deadline, or if the system gave up the last address; -ECANCELED; -ENOENT for a name that nobody has, -EHOSTUNREACH where no name server answers; -ECONNREFUSED and the like, of
 * the last address; -EAGAIN if it would have to wait; -EINVAL, -ENOMEM, -EMFILE. Blocks.
 * Python: socket.create_connection. */
THRUM_API int thrum_socket_connect(const char *host, uint16_t port, thrum_socket **ret_socket,
                                   thrum_deadline deadline);

/* Connects to a socket at `path`, as for thrum_socket_listen_unix. While the listener's backlog is full
 * it tries again until the deadline. Returns as thrum_socket_connect, and -ENOENT if nothing is
 * there. Blocks. */
THRUM_API int thrum_socket_connect_unix(const char *path, thrum_socket **ret_socket,
                                        thrum_deadline deadline);

/* Two sockets that are connected with each other; both are the caller's, for thrum_socket_free.
 * Returns 0, -ENOMEM or -EMFILE. Does not block. Python: socket.socketpair. */
THRUM_API int thrum_socket_pair(thrum_socket **ret_first, thrum_socket **ret_second);

/* Reads what is there, at most `size` bytes, and waits if there is nothing. Gives how many; 0 if the
 * other side will send no more, or `size` is 0; else -ETIMEDOUT, -EAGAIN, -ECANCELED, -EBADF or the
 * system's code. Blocks. Python: socket.recv. */
THRUM_API ptrdiff_t thrum_socket_read(thrum_socket *socket, void *buffer, size_t size,
                                      thrum_deadline deadline);

/* The same into `count` parts, as <sys/uio.h> has them, one after another; one call fills 1024 of them
 * at the most. Python: socket.recvmsg_into. */
THRUM_API ptrdiff_t thrum_socket_readv(thrum_socket *socket, const struct iovec *parts,
                                       size_t count, thrum_deadline deadline);

/* Writes all of it, and waits for as long as the other side does not read. Returns 0; else
 * -ETIMEDOUT, -ECANCELED, -EBADF, -EPIPE or the system's code, and then some of it may have been
 * written, one cannot tell how much; thrum_socket_write_some can. With THRUM_NOW it returns -EAGAIN unless all
 * of it is taken at once. Blocks. Python: socket.sendall. */
THRUM_API int thrum_socket_write(thrum_socket *socket, const void *data, size_t size,
                                 thrum_deadline deadline);

/* The same from `count` parts, one after another, however many. Python: socket.sendmsg, again and again. */
THRUM_API int thrum_socket_writev(thrum_socket *socket, const struct iovec *parts, size_t count,
                                  thrum_deadline deadline);

/* Writes as much of it as is taken at once, and waits if that is nothing. Gives how many bytes; codes
 * as for thrum_socket_read, and -EPIPE. Blocks. Python: socket.send. */
THRUM_API ptrdiff_t thrum_socket_write_some(thrum_socket *socket, const void *data, size_t size,
                                            thrum_deadline deadline);

/* What thrum_socket_shutdown ends. */
typedef enum thrum_shutdown_side {
    THRUM_SHUTDOWN_READ,
    THRUM_SHUTDOWN_WRITE,
    THRUM_SHUTDOWN_BOTH,
} thrum_shutdown_side;

/* Ends one direction of a connection, or both; the other side then reads 0. Who waits in it here is
 * woken. Returns 0, -ENOTCONN or -EBADF. Does not block. Python: socket.shutdown. */
THRUM_API int thrum_socket_shutdown(thrum_socket *socket, thrum_shutdown_side side);

/* Closes: all calls that wait for the socket return -EBADF, and so do all that come later. The system's
 * descriptor is given back when the last call that is under way has returned. The socket is still
 * to be freed. Returns 0, or -EBADF if it was closed before. May be called by anyone while others use
 * the socket. Does not block. Python: socket.close. */
THRUM_API int thrum_socket_close(thrum_socket *socket);

/* Closes, if that was not done, and gives the socket back: the last call of its owner. Calls of others
 * that are under way end with -EBADF and are not harmed; none may begin. NULL is accepted. Does not
 * block. */
THRUM_API void thrum_socket_free(thrum_socket *socket);

/* A destructor for a value or item that is one thrum_socket *: gives that socket to
 * thrum_socket_free. */
THRUM_API void thrum_socket_destroy(void *value);

/* Sends small pieces at once (on), or collects them as the system does by default (off). Only for
 * TCP. Returns 0, -EOPNOTSUPP or -EBADF. Does not block. Python: setsockopt with TCP_NODELAY. */
THRUM_API int thrum_socket_no_delay(thrum_socket *socket, bool on);

/* The address of this side as text: "127.0.0.1:8080", "[::1]:8080", the path of a Unix socket, or
 * "" where it has none. THRUM_ADDRESS_SIZE is enough. Returns 0, -EMSGSIZE if `size` is too small,
 * or -EBADF. Does not block. Python: socket.getsockname. */
THRUM_API int thrum_socket_address(thrum_socket *socket, char *ret_text, size_t size);

/* The same of the other side; -ENOTCONN if there is none. Python: socket.getpeername. */
THRUM_API int thrum_socket_peer(thrum_socket *socket, char *ret_text, size_t size);

/* The port of this side; -EOPNOTSUPP if it is not of TCP, -EBADF. Does not block. */
THRUM_API int thrum_socket_port(thrum_socket *socket);

/* The system's descriptor, which stays the socket's; -EBADF if it is closed. Does not block.
 * Python: socket.fileno. */
THRUM_API int thrum_socket_descriptor(thrum_socket *socket);

/* Waits until reading from `descriptor`, of whatever kind (a pipe, a terminal, a socket of another
 * library), would not wait: because there is something, or the end, or an error. The descriptor stays
 * the caller's, may be in either mode, and must not be closed meanwhile. Several may wait for one.
 * Returns 0; -ETIMEDOUT, -EAGAIN, -ECANCELED; -EBADF if it is none. Costs two system calls or more.
 * Blocks. Python: select.select, loop.add_reader. */
THRUM_API int thrum_wait_readable(int descriptor, thrum_deadline deadline);

/* The same for writing. */
THRUM_API int thrum_wait_writable(int descriptor, thrum_deadline deadline);

THRUM_END

#endif
