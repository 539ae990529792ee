/* A pipe for messages, in both directions, between threads, fibers or processes of one machine.
 *
 *     thrum_pipe *here, *there;
 *     if (thrum_pipe_new(&here, &there) == 0) {
 *         ...                                          // `there` goes to another, and sends
 *         struct report report;
 *         size_t size;
 *         int rc = thrum_pipe_receive(here, &report, sizeof report, &size, thrum_in(5));
 *     }
 *
 * A message is some bytes, none to as many as there is memory for, and arrives whole or not at all: a send that
 * fails, by its deadline or a cancellation, has sent nothing that the other side will see, and a receive that
 * fails has lost nothing. Messages of one sender arrive in the order in which they were sent.
 *
 * Several may send and receive at one end at once. An end may be in use by several processes, but then messages
 * of more than THRUM_PIPE_ATOMIC bytes must be sent, and received, by one of them at a time: else some are
 * lost.
 *
 * A call that has to wait blocks the fiber that makes it, and other fibers run meanwhile; in a thread it blocks the
 * thread. Deadlines and closing are as for sockets (socket.h): THRUM_NOW gives -EAGAIN, and a close
 * ends the waits at that end with -EBADF.
 *
 * To give an end to another process: a child of fork has both, and frees the one that is not its own; else
 * pass its descriptor on (thrum_pipe_descriptor), before anything was received here.
 *
 * Python: multiprocessing.Pipe, with send_bytes and recv_bytes.
 */
#ifndef THRUM_PIPE_H
#define THRUM_PIPE_H

#include <stddef.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* One end. */
typedef struct thrum_pipe thrum_pipe;

/* What is sent in one piece. */
enum { THRUM_PIPE_ATOMIC = 32 * 1024 };

/* Makes two ends that are connected; both are the caller's, for thrum_pipe_free. Returns 0, -ENOMEM, -EMFILE
 * or -ENFILE. Does not block. Python: Pipe(). */
THRUM_API THRUM_MUST_CHECK int thrum_pipe_new(thrum_pipe **ret_first, thrum_pipe **ret_second);

/* Sends `size` bytes as one message, and waits for as long as the other side does not receive. Returns 0;
 * -ETIMEDOUT, -EAGAIN, -ECANCELED; -EPIPE if the other end is closed (no signal is raised); -EBADF. With
 * THRUM_NOW a message above THRUM_PIPE_ATOMIC may be refused again and again, as it does not fit.
 * Blocks. Python: Connection.send_bytes. */
THRUM_API THRUM_MUST_CHECK int thrum_pipe_send(thrum_pipe *pipe, const void *message, size_t size,
                                               thrum_deadline deadline);

/* Receives a message into `buffer`, and waits if there is none. Returns 0 and its size; -EMSGSIZE and its size
 * if that is more than `size`: the message stays and is the next to be received; -EPIPE if the other
 * end is closed and all was received; -ETIMEDOUT, -EAGAIN, -ECANCELED, -EBADF, -ENOMEM. Blocks.
 * Python: Connection.recv_bytes_into. */
THRUM_API THRUM_MUST_CHECK int thrum_pipe_receive(thrum_pipe *pipe, void *buffer, size_t size,
                                                  size_t *ret_size, thrum_deadline deadline);

/* The same into memory that is made for it, and is the caller's, for thrum_pipe_message_free. Blocks.
 * Python: Connection.recv_bytes. */
THRUM_API THRUM_MUST_CHECK int thrum_pipe_receive_new(thrum_pipe *pipe, void **ret_message,
                                                      size_t *ret_size, thrum_deadline deadline);

/* Gives a message back; NULL is accepted. */
THRUM_API void thrum_pipe_message_free(void *message);

/* Closes this end: calls at it return -EBADF, those that wait included; the other end gets what was sent and
 * then -EPIPE. The end is still to be freed. Returns 0, or -EBADF if it was closed before. Does not
 * block. Python: Connection.close. */
THRUM_API int thrum_pipe_close(thrum_pipe *pipe);

/* Closes, if that was not done, and gives the end back. Calls of others that are under way end with
 * -EBADF and are not harmed; none may begin. NULL is accepted. Does not block. */
THRUM_API void thrum_pipe_free(thrum_pipe *pipe);

/* The system's descriptor, which stays the end's and is closed on exec; -EBADF if it is closed. Does not
 * block. Python: Connection.fileno. */
THRUM_API int thrum_pipe_descriptor(thrum_pipe *pipe);

/* Makes an end of a descriptor that was one's in another process, and takes it over. Returns 0 and an end for
 * thrum_pipe_free; -EINVAL for one of something else, -EBADF, -ENOMEM: the descriptor is then the caller's
 * still. Does not block. Python: Connection(handle). */
THRUM_API THRUM_MUST_CHECK int thrum_pipe_from_descriptor(int descriptor, thrum_pipe **ret_pipe);

THRUM_END

#endif
