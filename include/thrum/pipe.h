/* A pipe: messages in both directions between threads, fibers or processes of one machine.
 *
 *     thrum_pipe *here, *there;
 *     int rc = thrum_pipe_new(&here, &there);
 *     if (rc == 0) {
 *         ...                                     // another thread or process sends by `there`
 *         struct report report;
 *         size_t size;
 *         rc = thrum_pipe_receive(here, &report, sizeof report, &size, thrum_in(5));
 *         if (rc == 0)
 *             printf("report %d, %zu bytes\n", report.number, size);    // prints report 7, 4 bytes
 *         thrum_pipe_free(here);
 *     }
 *
 * A message is any number of bytes, 0 included, as many as memory allows. It arrives whole or not
 * at all. A send that fails has sent nothing that the other side sees. A receive that fails has
 * lost nothing. Messages of one sender arrive in the order in which they were sent.
 *
 * Several threads and fibers may send and receive at one end at the same time. Several processes
 * may use one end, but then only one of them at a time may send, and only one receive, messages of
 * more than THRUM_PIPE_ATOMIC bytes. Otherwise messages are lost.
 *
 * A call that waits blocks its fiber, and other fibers run meanwhile; in a thread it blocks the
 * thread. Deadlines and closing work as for sockets (socket.h): THRUM_NOW gives -EAGAIN, and a
 * close ends the waits at that end with -EBADF.
 *
 * A child of fork has both ends. It frees the end that it does not use. For another process, pass
 * the descriptor of an end on (thrum_pipe_descriptor) before anything was received at it.
 *
 * Python: multiprocessing.Pipe, with send_bytes and recv_bytes.
 */
#ifndef THRUM_PIPE_H
#define THRUM_PIPE_H

#include <stddef.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* One end of a pipe. */
typedef struct thrum_pipe thrum_pipe;

/* The largest message, in bytes, that is sent in one piece. */
enum { THRUM_PIPE_ATOMIC = 32 * 1024 };

/* Makes two connected ends. The caller owns both and frees them with thrum_pipe_free. Does not
 * block. Python: Pipe().
 *
 * Returns:
 *     0                 the ends are there
 *     -ENOMEM           memory ran out
 *     -EMFILE, -ENFILE  the process or the system has no descriptor left
 */
THRUM_API THRUM_MUST_CHECK int thrum_pipe_new(thrum_pipe **ret_first, thrum_pipe **ret_second);

/* Sends `size` bytes as one message. Waits while there is no room because the other side does not
 * receive. With THRUM_NOW, a message above THRUM_PIPE_ATOMIC bytes may be refused each time.
 * Blocks. Python: Connection.send_bytes.
 *
 * Returns:
 *     0           the message was sent
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and there is no room
 *     -ECANCELED  the running task was cancelled
 *     -EPIPE      the other end is closed; no signal is raised
 *     -EBADF      this end is closed
 */
THRUM_API THRUM_MUST_CHECK int thrum_pipe_send(thrum_pipe *pipe, const void *message, size_t size,
                                               thrum_deadline deadline);

/* Receives a message into `buffer`, of `capacity` bytes. Waits while there is none. If there is a
 * message, `*needed_size` is set to its size, also with -EMSGSIZE. Blocks. Python:
 * Connection.recv_bytes_into.
 *
 * Returns:
 *     0           the message is in `buffer`
 *     -EMSGSIZE   the message is larger than `capacity`, and stays the next
 *     -EPIPE      the other end is closed, and everything was received
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and there is no message
 *     -ECANCELED  the running task was cancelled
 *     -EBADF      this end is closed
 *     -ENOMEM     memory ran out
 */
THRUM_API THRUM_MUST_CHECK int thrum_pipe_receive(thrum_pipe *pipe, void *buffer, size_t capacity,
                                                  size_t *needed_size, thrum_deadline deadline);

/* Receives a message into new memory, which the caller owns and frees with thrum_pipe_message_free.
 * Returns what thrum_pipe_receive returns, but never -EMSGSIZE. Blocks. Python:
 * Connection.recv_bytes. */
THRUM_API THRUM_MUST_CHECK int thrum_pipe_receive_new(thrum_pipe *pipe, void **ret_message,
                                                      size_t *ret_size, thrum_deadline deadline);

/* Frees a message. NULL is accepted. */
THRUM_API void thrum_pipe_message_free(void *message);

/* Closes this end: all calls at it return -EBADF, those that wait included. The other end receives
 * what was sent and then -EPIPE. The end must still be freed. Does not block. Python:
 * Connection.close.
 *
 * Returns:
 *     0       the end is closed
 *     -EBADF  it was closed before
 */
THRUM_API int thrum_pipe_close(thrum_pipe *pipe);

/* Closes the end, if it is open, and frees it. Calls in progress end with -EBADF; no further call
 * may start. NULL is accepted. Does not block. */
THRUM_API void thrum_pipe_free(thrum_pipe *pipe);

/* The system's descriptor of this end. It stays the end's and is closed on exec. Does not block.
 * Python: Connection.fileno.
 *
 * Returns:
 *     the descriptor
 *     -EBADF  the end is closed
 */
THRUM_API int thrum_pipe_descriptor(thrum_pipe *pipe);

/* Makes an end of a descriptor that thrum_pipe_descriptor gave in another process, and takes the
 * descriptor over. Free the end with thrum_pipe_free. Does not block. Python: Connection(handle).
 *
 * Returns:
 *     0        the end is there
 *     -EINVAL  the descriptor is not that of a pipe's end
 *     -EBADF   it is no descriptor
 *     -ENOMEM  memory ran out
 *
 * On failure the descriptor is still the caller's. */
THRUM_API THRUM_MUST_CHECK int thrum_pipe_from_descriptor(int descriptor, thrum_pipe **ret_pipe);

THRUM_END

#endif
