/* Streams: lines and messages over a socket, a pipe or TLS, read and written through buffers.
 *
 *     static int serve(thrum_task *self)
 *     {
 *         thrum_socket *peer = thrum_arg(self, thrum_socket *);
 *         thrum_stream *stream;
 *         char line[1024];
 *         ptrdiff_t size;
 *         int rc = thrum_stream_from_socket(peer, NULL, &stream);
 *         if (rc < 0) {
 *             thrum_socket_free(peer);
 *             return rc;
 *         }
 *         while ((size = thrum_stream_read_line(stream, line, sizeof line, thrum_in(60))) > 0) {
 *             rc = thrum_stream_write(stream, line, (size_t)size, thrum_in(60));
 *             if (rc == 0)
 *                 rc = thrum_stream_flush(stream, thrum_in(60));
 *             if (rc < 0)
 *                 break;
 *         }
 *         thrum_stream_free(stream);
 *         return 0;
 *     }
 *
 * A stream works in threads and in fibers. One may read while another writes. Two that read at the
 * same time take turns, and so do two that write: each call is whole.
 *
 * Reading and writing are all or nothing. A read that fails has consumed nothing: what arrived
 * stays in the stream for the next read. A write that fails has taken nothing. So after -ETIMEDOUT,
 * -EAGAIN, -ECANCELED, -ENOMEM or -EMSGSIZE the same call may be made again, and no byte is lost or
 * doubled. Other errors come from the connection, and every later call on that side returns the
 * same one.
 *
 * Writing collects bytes in a buffer. They are sent when the buffer would hold more than
 * `high_water` bytes, by thrum_stream_flush, and by thrum_stream_close. A write waits while the
 * other side does not read: the memory of a stream is bounded by `high_water` or its largest single
 * write.
 *
 * An idle stream has no buffers. A read borrows one from its thread when data have arrived, and
 * keeps it only while data are left in it. A write gives its buffer back when all was sent.
 *
 * Deadlines are moments (thrum/time.h). With THRUM_NOW a call returns -EAGAIN where it would wait.
 *
 * In a child of fork a stream is a copy, with the bytes that were not read and not sent. Use it in
 * one of the two processes. A side in which another thread was during the fork is lost in the
 * child, as a lock is that another thread holds.
 *
 * Python: asyncio.StreamReader, asyncio.StreamWriter.
 */
#ifndef THRUM_STREAM_H
#define THRUM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/socket.h>
#include <thrum/time.h>

THRUM_BEGIN

/* A stream. Made by the functions below, given to thrum_stream_free. */
typedef struct thrum_stream thrum_stream;

/* Stream options. Zero selects the default. */
typedef struct thrum_stream_options {
    size_t read_size;  /* bytes that one read asks for; 16 KiB by default, at least 256 */
    size_t high_water; /* unsent bytes above which a write waits; 64 KiB by default */
    THRUM__OPTIONS(thrum_stream_options)
} thrum_stream_options;

/* Makes a stream of a connected socket and takes the socket over. `options` may be NULL. Does not
 * block.
 *
 * Returns:
 *     0        the stream, to be given to thrum_stream_free, which frees the socket too
 *     -ENOMEM  memory ran out; the socket is still the caller's
 */
THRUM_API THRUM_MUST_CHECK int thrum_stream_from_socket(thrum_socket *socket,
                                                        const thrum_stream_options *options,
                                                        thrum_stream **ret_stream);

/* Makes a stream of a descriptor of any kind, such as one end of a pipe, and takes it over. The
 * descriptor is put into non-blocking mode. A write to a pipe without a reader returns -EPIPE and
 * raises no signal. Does not block. Python: loop.connect_read_pipe, connect_write_pipe.
 *
 * Returns:
 *     0        the stream, to be given to thrum_stream_free, which closes the descriptor
 *     -EBADF   there is no such descriptor
 *     -ENOMEM  memory ran out; the descriptor is still the caller's
 */
THRUM_API THRUM_MUST_CHECK int thrum_stream_from_descriptor(int descriptor,
                                                            const thrum_stream_options *options,
                                                            thrum_stream **ret_stream);

/* Connects to `host` and `port` by TCP, as thrum_socket_connect does, and makes a stream of the
 * socket. Blocks. Python: asyncio.open_connection.
 *
 * Returns:
 *     0  the stream, to be given to thrum_stream_free
 *     what thrum_socket_connect returns, and -ENOMEM
 */
THRUM_API THRUM_MUST_CHECK int thrum_stream_connect(const char *host, uint16_t port,
                                                    const thrum_stream_options *options,
                                                    thrum_stream **ret_stream,
                                                    thrum_deadline deadline);

/* Reads some bytes: what is there, at most `size`. Waits if there is nothing. Blocks. Python:
 * StreamReader.read.
 *
 * Returns:
 *     above 0                                   how many bytes
 *     0                                         the end; the other side sends no more, and all was
 *                                               read. Also if `size` is 0
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -ENOMEM  nothing was consumed; try again
 *     -EBADF                                    the stream is closed
 *     -ECONNRESET and other codes of the system
 */
THRUM_API THRUM_MUST_CHECK ptrdiff_t thrum_stream_read(thrum_stream *stream, void *buffer,
                                                       size_t size, thrum_deadline deadline);

/* Reads exactly `size` bytes. Blocks. Python: StreamReader.readexactly, whose IncompleteReadError
 * is -ENODATA.
 *
 * Returns:
 *     `size`                                    they are in `buffer`
 *     0                                         the end, and nothing was left before it. Also if
 *                                               `size` is 0
 *     -ENODATA                                  the end came too early. The bytes before it stay,
 *                                               for thrum_stream_read
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -ENOMEM  nothing was consumed; try again
 *     -EBADF and others, as thrum_stream_read
 */
THRUM_API THRUM_MUST_CHECK ptrdiff_t thrum_stream_read_exact(thrum_stream *stream, void *buffer,
                                                             size_t size, thrum_deadline deadline);

/* Reads up to and with the first occurrence of a separator of `separator_size` bytes. Blocks.
 * Python: StreamReader.readuntil, whose LimitOverrunError is -EMSGSIZE.
 *
 * Returns:
 *     above 0                                   how many bytes, the separator included
 *     0                                         the end, and nothing was left before it
 *     -EMSGSIZE                                 there is no separator in the next `size` bytes.
 *                                               They stay: read them with thrum_stream_read, or
 *                                               call again with a larger buffer
 *     -ENODATA                                  the end came before a separator. The bytes stay,
 *                                               for thrum_stream_read
 *     -EINVAL                                   the separator is empty, or longer than `size`
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -ENOMEM  nothing was consumed; try again
 *     -EBADF and others, as thrum_stream_read
 */
THRUM_API THRUM_MUST_CHECK ptrdiff_t thrum_stream_read_until(thrum_stream *stream,
                                                             const void *separator,
                                                             size_t separator_size, void *buffer,
                                                             size_t size, thrum_deadline deadline);

/* Reads a line with its newline, and puts a 0 byte after it. So the longest line has `size` - 1
 * bytes. The last line may end without a newline. A line may contain 0 bytes: the result is its
 * length. Blocks. Python: StreamReader.readline.
 *
 * Returns:
 *     above 0                                   the length of the line, its newline included
 *     0                                         the end
 *     -EMSGSIZE                                 the line is longer. It stays: see
 *                                               thrum_stream_skip_line
 *     -EINVAL                                   `size` is less than 2
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -ENOMEM  nothing was consumed; try again
 *     -EBADF and others, as thrum_stream_read
 */
THRUM_API THRUM_MUST_CHECK ptrdiff_t thrum_stream_read_line(thrum_stream *stream, char *buffer,
                                                            size_t size, thrum_deadline deadline);

/* Looks at `size` bytes that have arrived, from the first that was not consumed. Returns how many
 * of them it has used; 0 if the message in them is not complete; or a negative errno to fail. It
 * must neither wait nor use the stream. */
typedef ptrdiff_t thrum_stream_consumer(void *arg, const char *data, size_t size);

/* Reads a message where it lies, without a copy. Calls `consumer` with what has arrived, and again
 * with more when it returns 0, up to messages of `size` bytes. The memory is the stream's: while
 * the stream is idle, or waits for the rest of a message, it has no memory but for that rest.
 * Blocks.
 *
 * Returns:
 *     above 0                                   what the consumer returned; these bytes are gone
 *     0                                         the end, and nothing was left before it
 *     -EMSGSIZE                                 `size` bytes are there, and the consumer wants
 *                                               more. They stay
 *     -ENODATA                                  the end came within a message. Its bytes stay, for
 *                                               thrum_stream_read
 *     a negative errno of the consumer          nothing was consumed
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -ENOMEM  nothing was consumed; try again
 *     -EBADF and others, as thrum_stream_read */
THRUM_API THRUM_MUST_CHECK ptrdiff_t thrum_stream_consume(thrum_stream *stream, size_t size,
                                                          thrum_stream_consumer *consumer,
                                                          void *arg, thrum_deadline deadline);

/* Drops what is left of a line, its newline included, however long it is: after -EMSGSIZE. What was
 * dropped before a failure stays dropped; call again to drop the rest. Blocks.
 *
 * Returns:
 *     0         the next read begins with the next line
 *     -ENODATA  the end came first
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -ENOMEM, -EBADF and others, as thrum_stream_read
 */
THRUM_API THRUM_MUST_CHECK int thrum_stream_skip_line(thrum_stream *stream,
                                                      thrum_deadline deadline);

/* True if the end has come and all before it was read, as the last read left it. It does not ask
 * the system, so it may be false just before a read returns 0. Does not block. Python:
 * StreamReader.at_eof. */
THRUM_API bool thrum_stream_at_eof(const thrum_stream *stream);

/* Writes `size` bytes: into the buffer, or to the connection if the buffer would hold more than
 * `high_water`. Waits before it takes anything, until there is room. What the system does not take
 * at once of a write above `high_water` is copied: write large data in pieces. Blocks. Python:
 * StreamWriter.write, with the wait of drain.
 *
 * Returns:
 *     0                                         all bytes were taken, and are sent in order
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -ENOMEM  nothing was taken; try again
 *     -EPIPE                                    the other side reads no more, or
 *                                               thrum_stream_write_eof was called
 *     -EBADF                                    the stream is closed
 *     -ECONNRESET and other codes of the system
 */
THRUM_API THRUM_MUST_CHECK int thrum_stream_write(thrum_stream *stream, const void *data,
                                                  size_t size, thrum_deadline deadline);

/* Sends all that was written, and waits until the system has it. Blocks. Python:
 * StreamWriter.drain, but for everything.
 *
 * Returns:
 *     0                                nothing is left to send
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED  what was not sent stays in the buffer
 *     -EPIPE, -EBADF and others, as thrum_stream_write
 */
THRUM_API THRUM_MUST_CHECK int thrum_stream_flush(thrum_stream *stream, thrum_deadline deadline);

/* How many bytes were written and not yet sent, as the last write or flush left it. Does not block.
 * Python: transport.get_write_buffer_size. */
THRUM_API size_t thrum_stream_unsent(const thrum_stream *stream);

/* Sends all that was written and then the end: the other side reads 0 after it. Reading goes on.
 * Later writes return -EPIPE. A second call does nothing. Blocks. Python: StreamWriter.write_eof.
 *
 * Returns:
 *     0                                the end was sent
 *     -EOPNOTSUPP                      a pipe has no half; close it
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED  call again
 *     -EPIPE, -EBADF and others, as thrum_stream_write
 */
THRUM_API THRUM_MUST_CHECK int thrum_stream_write_eof(thrum_stream *stream,
                                                      thrum_deadline deadline);

/* Sends all that was written, and closes. It closes also if the sending fails; then the code says
 * why, and what was not sent is lost. Calls that wait in the stream end with -EBADF, and so does
 * every later call. With THRUM_NOW it closes at once. The stream is still to be freed. May be
 * called while other threads and fibers use the stream. Blocks. Python: StreamWriter.close and
 * wait_closed.
 *
 * Returns:
 *     0                                                   all was sent
 *     -EBADF                                              it was closed before
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -EPIPE and others  not all was sent
 */
THRUM_API THRUM_MUST_CHECK int thrum_stream_close(thrum_stream *stream, thrum_deadline deadline);

/* Closes the stream at once, if it is open, and frees it with its transport: the owner's last call.
 * Bytes that the system does not take without a wait are lost: call thrum_stream_close first.
 * Another call in progress stops the program. NULL is accepted. Does not block. */
THRUM_API void thrum_stream_free(thrum_stream *stream);

/* The socket below the stream, for its address or thrum_socket_no_delay; NULL if there is none. It
 * stays the stream's. Does not block. Python: get_extra_info("socket"). */
THRUM_API thrum_socket *thrum_stream_socket(const thrum_stream *stream);

/* ----------------------------------------------------------------- what a stream stands on */

/* A direction of a transport. */
typedef enum thrum_transport_side {
    THRUM_TRANSPORT_READ,
    THRUM_TRANSPORT_WRITE,
} thrum_transport_side;

/* A transport: what carries the bytes of a stream. It is a table of functions; libthrum-tls has
 * one. One call of each side may be in progress at a time.
 *
 * `read` and `write` never wait, and do not let another fiber run: nothing else may happen on the
 * worker before the stream has stored the bytes. They return a number of bytes, -EAGAIN if they
 * would have to wait, or another negative errno. A read of 0 bytes is the end.
 *
 * `wait` waits until `side` may be possible. It may return 0 too early. If `tried` is false, no
 * call has just returned -EAGAIN; `wait` then waits only if it knows that a call would return
 * -EAGAIN. It returns 0, -ETIMEDOUT, -EAGAIN for THRUM_NOW, -ECANCELED, or -EBADF after a close.
 *
 * `end` tells the other side that no more is written. It does not wait. `closing` is true if a
 * close follows, which may be enough. It returns 0, -EAGAIN, or another negative errno.
 *
 * `close` makes all calls return -EBADF, also those that wait. `free` is the last call. */
typedef struct thrum_transport {
    ptrdiff_t (*read)(void *object, void *buffer, size_t size);
    ptrdiff_t (*write)(void *object, const void *data, size_t size);
    int (*wait)(void *object, thrum_transport_side side, bool tried, thrum_deadline deadline);
    int (*end)(void *object, bool closing);
    void (*close)(void *object);
    void (*free)(void *object);
} thrum_transport;

/* Makes a stream over a transport and takes `object` over. The table is not copied. Does not block.
 *
 * Returns:
 *     0        the stream, to be given to thrum_stream_free, which calls `free` of the transport
 *     -ENOMEM  memory ran out; `object` is still the caller's
 */
THRUM_API THRUM_MUST_CHECK int thrum_stream_new(const thrum_transport *transport, void *object,
                                                const thrum_stream_options *options,
                                                thrum_stream **ret_stream);

/* The transport of a stream, and its object. Both stay the stream's. Does not block. */
THRUM_API const thrum_transport *thrum_stream_transport(const thrum_stream *stream,
                                                        void **ret_object);

/* Puts another transport over the present one: `object` encrypts, compresses or counts on top of
 * it, and owns it from then on. No other thread or fiber may use the stream during the call. Does
 * not block. Python: loop.start_tls.
 *
 * Returns:
 *     0       `object` is the stream's
 *     -EBUSY  bytes were read ahead or not sent; nothing was changed
 *     -EBADF  the stream is closed
 */
THRUM_API THRUM_MUST_CHECK int thrum_stream_layer(thrum_stream *stream,
                                                  const thrum_transport *transport, void *object);

THRUM_END

#endif
