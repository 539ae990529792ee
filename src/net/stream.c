/* Streams: a buffer for each direction over a transport that never waits by itself.
 *
 * A stream has two sides, and each has a lock, a buffer, and an error that it keeps. A call holds
 * the lock of its side from beginning to end, waits included. So reads are whole against reads and
 * writes against writes, and the two sides share nothing but the transport and the flag `closed`.
 *
 * The rule of reading: a call that fails has consumed nothing. What it took from the transport is
 * in the buffer, where the next call finds it. So room is made before the transport is asked:
 * memory that runs out costs no byte. Only after all that a call wants is in the buffer does it
 * copy and consume.
 *
 * The rule of writing: a call that fails has taken nothing. It waits first, until what is unsent
 * leaves room, and then takes all without a wait. A write that is larger than `high_water` goes
 * from the caller's memory to the transport; the rest that this does not take is copied to memory
 * that was allocated before. What was offered to the transport and refused stays first in the
 * buffer, and is offered again with at least the same bytes: TLS depends on it.
 *
 * Memory: the buffer of the reading side is lent. `pull` waits for the transport without one, takes
 * one when data can be read, and gives it back when nothing is left in it. It is the one block that
 * the OS thread keeps (stream_buffer.h), so reads allocate nothing, and idle streams have nothing.
 * Before it waits with a few bytes of an incomplete message in the buffer, `pull` moves them to a
 * block of their own size: a peer that sends a byte and falls silent costs little.
 *
 * Errors of the connection are kept: the system tells a reset once, and a read after it would look
 * like the end. Those that say nothing about the connection (is_passing) are not. What arrived
 * before an error can still be read.
 *
 * Close: the flag `closed` decides which of several closes it is. That one closes the transport,
 * which wakes all who wait in it; they return -EBADF and give back their locks. A close takes the
 * lock of the writing side first, to send what is left; it does not take that of the reading side.
 * A call that finds the flag under its lock returns -EBADF. A reader that passed the flag before
 * finds the transport closed, or has an answer from before the close. Free comes after all calls,
 * which the locks check.
 *
 * Fairness: a call that has an answer without a wait lets other fibers run now and then, at its
 * end, with no lock held (net/socket.c has the same for sockets).
 *
 * Rejected: partial results with a count in an output, which each caller would have to add up; a
 * buffer of fixed size in the stream, which a hundred thousand idle connections would pay for; a
 * task of its own that sends in the background, whose failures would have to find somebody to tell.
 *
 * Sources: asyncio's StreamReader and StreamWriter for what the calls are; Go's bufio for the
 * buffers.
 */
#include "net/stream.h"
#include "base/atomic.h"
#include "base/memory.h"
#include "base/panic.h"
#include "net/socket.h"
#include "net/stream_buffer.h"
#include <thrum/lock.h>

#include <errno.h>
#include <string.h>

enum { READ_SIZE = THRUM__BUFFER_LENT, READ_LEAST = 256, HIGH_WATER = 65536, WRITE_FIRST = 1024 };
enum { FEW = 1024, LEAST = 64 }; /* bytes that move to a block of their own before a wait */

struct side {
    thrum_lock lock;
    thrum__buffer buffer; /* without memory while it is empty, between calls */
    int error;            /* the kept one, or 0 */
    uint32_t turns;
};

struct thrum_stream {
    const thrum_transport *transport;
    void *object;
    thrum_socket *socket; /* below all transports, or NULL */
    struct side in, out;
    size_t read_size, high_water;
    size_t unsent;   /* of the writing side, for others to read */
    uint32_t at_end; /* of the reading side, likewise */
    uint32_t closed; /* the caller that sets it closes the transport */
    bool ended;      /* the transport has told of the end; of the reading side */
    bool finished;   /* the end was sent; of the writing side */
};

static size_t held(const struct side *side)
{
    return thrum__buffer_held(&side->buffer);
}

static void give_back(struct side *side)
{
    thrum__buffer_give_back(&side->buffer);
}

/* ----------------------------------------------------------------------------- calls and errors */

/* Whether an error says nothing about the connection. */
static bool is_passing(ptrdiff_t code)
{
    return code == -EAGAIN || code == -ETIMEDOUT || code == -ECANCELED || code == -ENOMEM ||
           code == -ENOBUFS || code == -EBADF;
}

static ptrdiff_t keep_error(struct side *side, ptrdiff_t code)
{
    if (code < 0 && !is_passing(code))
        side->error = (int)code;
    return code;
}

/* Begins a call on a side. Returns 0 with its lock held, or an error without it. */
static int enter(thrum_stream *stream, struct side *side, thrum_deadline deadline)
{
    int rc = thrum_lock_acquire_until(&side->lock, deadline);
    if (rc == 0 && thrum__load_acquire(&stream->closed)) {
        thrum_lock_release(&side->lock);
        rc = -EBADF;
    }
    return rc;
}

static void leave(thrum_stream *stream, struct side *side)
{
    if (side == &stream->in)
        thrum__store_relaxed(&stream->at_end, stream->ended && held(side) == 0);
    else
        thrum__store_relaxed(&stream->unsent, held(side));
    thrum_lock_release(&side->lock);
    thrum__net_turn(&side->turns);
}

/* -------------------------------------------------------------------------------------- reading */

static size_t more_than(size_t held_size, size_t wanted, size_t usual)
{
    size_t most = wanted > usual ? wanted : usual;
    return most > held_size ? most : held_size + 1;
}

/* Waits for the transport, and tries. Reads into `into`, or, if that is NULL, into the buffer, in
 * which `wanted` bytes are to have room. Returns how many, 0 for the end, or an error. */
static ptrdiff_t pull(thrum_stream *stream, char *into, size_t wanted, thrum_deadline deadline)
{
    struct side *in = &stream->in;
    const thrum_transport *transport = stream->transport;
    if (stream->ended || in->error)
        return in->error;
    for (bool tried = false;; tried = true) {
        int rc = 0;
        if (tried || !thrum_deadline_is_now(deadline)) {
            size_t few = held(in);
            if (few == 0)
                give_back(in);
            else if (tried && few <= FEW && in->buffer.capacity > 2 * FEW)
                (void)thrum__buffer_move(&in->buffer, few > LEAST ? few : LEAST);
            rc = transport->wait(stream->object, THRUM_TRANSPORT_READ, tried, deadline);
        }
        if (rc < 0 && (tried || rc != -ETIMEDOUT))
            return keep_error(in, rc);
        if (!into && thrum__buffer_make_room(&in->buffer,
                                             more_than(held(in), wanted, stream->read_size)) < 0)
            return -ENOMEM;
        char *place = into ? into : in->buffer.memory + in->buffer.end;
        ptrdiff_t got = transport->read(stream->object, place,
                                        into ? wanted : in->buffer.capacity - in->buffer.end);
        if (got == -EAGAIN && rc == 0)
            continue;
        if (got == 0)
            stream->ended = true;
        else if (got > 0 && !into)
            in->buffer.end += (size_t)got;
        if (held(in) == 0)
            give_back(in);
        return got == -EAGAIN ? rc : keep_error(in, got);
    }
}

static ptrdiff_t take(struct side *side, void *buffer, size_t size)
{
    memcpy(buffer, side->buffer.memory + side->buffer.begin, size);
    thrum__buffer_consume(&side->buffer, size);
    return (ptrdiff_t)size;
}

static ptrdiff_t read_some(thrum_stream *stream, void *buffer, size_t size, thrum_deadline deadline)
{
    struct side *in = &stream->in;
    if (held(in) == 0 && size >= stream->read_size)
        return pull(stream, buffer, size, deadline);
    ptrdiff_t got = held(in) ? 1 : pull(stream, NULL, 0, deadline);
    return got <= 0 ? got : take(in, buffer, size < held(in) ? size : held(in));
}

ptrdiff_t thrum_stream_read(thrum_stream *stream, void *buffer, size_t size,
                            thrum_deadline deadline)
{
    ptrdiff_t got = size ? enter(stream, &stream->in, deadline) : 0;
    if (got < 0 || size == 0)
        return got;
    got = read_some(stream, buffer, size, deadline);
    leave(stream, &stream->in);
    return got;
}

/* The end, as a call sees it that wanted more. */
static ptrdiff_t end_within(const struct side *side)
{
    return held(side) ? -ENODATA : 0;
}

static ptrdiff_t read_exact(thrum_stream *stream, void *buffer, size_t size,
                            thrum_deadline deadline)
{
    while (held(&stream->in) < size) {
        ptrdiff_t got = pull(stream, NULL, size, deadline);
        if (got <= 0)
            return got < 0 ? got : end_within(&stream->in);
    }
    return take(&stream->in, buffer, size);
}

ptrdiff_t thrum_stream_read_exact(thrum_stream *stream, void *buffer, size_t size,
                                  thrum_deadline deadline)
{
    ptrdiff_t got = size ? enter(stream, &stream->in, deadline) : 0;
    if (got < 0 || size == 0)
        return got;
    got = read_exact(stream, buffer, size, deadline);
    leave(stream, &stream->in);
    return got;
}

/* Waits until the buffer holds a separator that ends within its first `size` bytes. Returns how
 * many bytes there are up to its end; 0 for the end of the stream, -EMSGSIZE, or an error. */
static ptrdiff_t find(thrum_stream *stream, const void *separator, size_t separator_size,
                      size_t size, thrum_deadline deadline)
{
    struct side *in = &stream->in;
    for (size_t seen = 0;;) {
        size_t all = held(in) < size ? held(in) : size;
        size_t from = seen < separator_size ? 0 : seen - separator_size + 1;
        if (all > 0) {
            const char *text = in->buffer.memory + in->buffer.begin;
            const char *found = memmem(text + from, all - from, separator, separator_size);
            if (found)
                return found - text + (ptrdiff_t)separator_size;
        }
        if (held(in) >= size)
            return -EMSGSIZE;
        seen = all;
        ptrdiff_t got = pull(stream, NULL, 0, deadline);
        if (got <= 0)
            return got;
    }
}

ptrdiff_t thrum_stream_read_until(thrum_stream *stream, const void *separator,
                                  size_t separator_size, void *buffer, size_t size,
                                  thrum_deadline deadline)
{
    if (separator_size == 0 || separator_size > size)
        return -EINVAL;
    ptrdiff_t got = enter(stream, &stream->in, deadline);
    if (got < 0)
        return got;
    got = find(stream, separator, separator_size, size, deadline);
    if (got >= 0)
        got = got ? take(&stream->in, buffer, (size_t)got) : end_within(&stream->in);
    leave(stream, &stream->in);
    return got;
}

ptrdiff_t thrum_stream_read_line(thrum_stream *stream, char *buffer, size_t size,
                                 thrum_deadline deadline)
{
    if (size < 2)
        return -EINVAL;
    ptrdiff_t got = enter(stream, &stream->in, deadline);
    if (got < 0)
        return got;
    got = find(stream, "\n", 1, size - 1, deadline);
    if (got == 0)
        got = (ptrdiff_t)held(&stream->in); /* the last line has no newline */
    if (got > 0)
        buffer[take(&stream->in, buffer, (size_t)got)] = '\0';
    leave(stream, &stream->in);
    return got;
}

int thrum_stream_skip_line(thrum_stream *stream, thrum_deadline deadline)
{
    struct side *in = &stream->in;
    ptrdiff_t got = enter(stream, in, deadline);
    if (got < 0)
        return (int)got;
    const char *newline = NULL;
    while (!newline && (got = held(in) ? 1 : pull(stream, NULL, 0, deadline)) > 0) {
        const char *text = in->buffer.memory + in->buffer.begin;
        newline = memchr(text, '\n', held(in));
        thrum__buffer_consume(&in->buffer, newline ? (size_t)(newline - text) + 1 : held(in));
    }
    leave(stream, in);
    return newline ? 0 : got < 0 ? (int)got : -ENODATA;
}

/* Waits until the consumer has taken something. Returns how much, 0 for the end, or an error. */
static ptrdiff_t consume(thrum_stream *stream, size_t size, thrum_stream_consumer *consumer,
                         void *arg, thrum_deadline deadline)
{
    struct side *in = &stream->in;
    ptrdiff_t got = held(in) ? 1 : pull(stream, NULL, 0, deadline);
    while (got > 0) {
        ptrdiff_t taken = consumer(arg, in->buffer.memory + in->buffer.begin, held(in));
        if (taken > (ptrdiff_t)held(in))
            thrum__panic(thrum__caller(), "a consumer of stream %p took %td of %zu bytes",
                         (void *)stream, taken, held(in));
        if (taken > 0)
            thrum__buffer_consume(&in->buffer, (size_t)taken);
        if (taken != 0)
            return taken;
        if (held(in) >= size)
            return -EMSGSIZE;
        got = pull(stream, NULL, 0, deadline);
    }
    return got < 0 ? got : end_within(in);
}

ptrdiff_t thrum_stream_consume(thrum_stream *stream, size_t size, thrum_stream_consumer *consumer,
                               void *arg, thrum_deadline deadline)
{
    ptrdiff_t got = enter(stream, &stream->in, deadline);
    if (got < 0)
        return got;
    got = consume(stream, size, consumer, arg, deadline);
    leave(stream, &stream->in);
    return got;
}

bool thrum_stream_at_eof(const thrum_stream *stream)
{
    return thrum__load_relaxed(&stream->at_end);
}

/* -------------------------------------------------------------------------------------- writing */

/* Waits for the transport after it took nothing. */
static int wait_to_write(thrum_stream *stream, thrum_deadline deadline)
{
    return stream->transport->wait(stream->object, THRUM_TRANSPORT_WRITE, true, deadline);
}

/* Sends until at most `most` bytes are left. */
static int drain(thrum_stream *stream, size_t most, thrum_deadline deadline)
{
    struct side *out = &stream->out;
    if (out->error)
        return out->error;
    while (held(out) > most) {
        ptrdiff_t put = stream->transport->write(stream->object,
                                                 out->buffer.memory + out->buffer.begin, held(out));
        if (put == -EAGAIN)
            put = wait_to_write(stream, deadline);
        if (put < 0)
            return (int)keep_error(out, put);
        thrum__buffer_consume(&out->buffer, (size_t)put);
    }
    return 0;
}

static int append(struct side *out, const char *data, size_t size)
{
    size_t all = held(out) + size;
    if (thrum__buffer_make_room(&out->buffer, all > WRITE_FIRST ? all : WRITE_FIRST) < 0)
        return -ENOMEM;
    thrum__buffer_store(&out->buffer, data, size);
    return 0;
}

/* Nothing is unsent. Offers the data to the transport, and keeps what it does not take. */
static int write_through(thrum_stream *stream, const char *data, size_t size)
{
    struct side *out = &stream->out;
    size_t sent = 0;
    int rc = thrum__buffer_make_room(&out->buffer, size);
    while (rc == 0 && sent < size) {
        ptrdiff_t put = stream->transport->write(stream->object, data + sent, size - sent);
        if (put == -EAGAIN || (sent > 0 && is_passing(put)))
            break;
        if (put < 0)
            rc = (int)put;
        else
            sent += (size_t)put;
    }
    if (rc == 0 && sent < size)
        thrum__buffer_store(&out->buffer, data + sent, size - sent);
    else
        give_back(out);
    return (int)keep_error(out, rc);
}

static int write_all(thrum_stream *stream, const void *data, size_t size, thrum_deadline deadline)
{
    bool large = size > stream->high_water;
    if (stream->finished)
        return -EPIPE;
    int rc = drain(stream, large ? 0 : stream->high_water - size, deadline);
    if (rc < 0)
        return rc;
    return large ? write_through(stream, data, size) : append(&stream->out, data, size);
}

int thrum_stream_write(thrum_stream *stream, const void *data, size_t size, thrum_deadline deadline)
{
    int rc = size ? enter(stream, &stream->out, deadline) : 0;
    if (rc < 0 || size == 0)
        return rc;
    rc = write_all(stream, data, size, deadline);
    leave(stream, &stream->out);
    return rc;
}

int thrum_stream_flush(thrum_stream *stream, thrum_deadline deadline)
{
    int rc = enter(stream, &stream->out, deadline);
    if (rc < 0)
        return rc;
    rc = drain(stream, 0, deadline);
    leave(stream, &stream->out);
    return rc;
}

size_t thrum_stream_unsent(const thrum_stream *stream)
{
    return thrum__load_relaxed(&stream->unsent);
}

/* Sends what is left, and then the end. */
static int finish(thrum_stream *stream, bool closing, thrum_deadline deadline)
{
    int rc = drain(stream, 0, deadline);
    while (rc == 0 && !stream->finished) {
        rc = stream->transport->end(stream->object, closing);
        stream->finished = rc == 0;
        if (rc == -EAGAIN)
            rc = wait_to_write(stream, deadline);
    }
    return rc == -EOPNOTSUPP ? rc : (int)keep_error(&stream->out, rc);
}

int thrum_stream_write_eof(thrum_stream *stream, thrum_deadline deadline)
{
    int rc = enter(stream, &stream->out, deadline);
    if (rc < 0)
        return rc;
    rc = finish(stream, false, deadline);
    leave(stream, &stream->out);
    return rc;
}

/* ---------------------------------------------------------------------------------------- lives */

int thrum_stream_close(thrum_stream *stream, thrum_deadline deadline)
{
    int rc = enter(stream, &stream->out, deadline);
    if (rc == 0) {
        rc = finish(stream, true, deadline);
        leave(stream, &stream->out);
    }
    if (thrum__exchange_acq_rel(&stream->closed, 1))
        return -EBADF;
    stream->transport->close(stream->object);
    return rc;
}

void thrum_stream_free(thrum_stream *stream)
{
    if (!stream)
        return;
    (void)!thrum_stream_close(stream, THRUM_NOW); /* the header says that unsent bytes are lost */
    if (thrum_lock_locked(&stream->in.lock) || thrum_lock_locked(&stream->out.lock))
        thrum__panic(thrum__caller(), "stream %p is freed while a call on it is under way",
                     (void *)stream);
    give_back(&stream->in);
    give_back(&stream->out);
    stream->transport->free(stream->object);
    thrum__free(stream);
}

int thrum__stream_new(const thrum_transport *transport, void *object, thrum_socket *socket,
                      const thrum_stream_options *options, thrum_stream **ret_stream)
{
    thrum_stream_options chosen = options ? *options : (thrum_stream_options){0};
    thrum_stream *stream = thrum__alloc(sizeof *stream);
    if (!stream)
        return -ENOMEM;
    stream->transport = transport;
    stream->object = object;
    stream->socket = socket;
    stream->read_size = chosen.read_size ? chosen.read_size : READ_SIZE;
    if (stream->read_size < READ_LEAST)
        stream->read_size = READ_LEAST;
    stream->high_water = chosen.high_water ? chosen.high_water : HIGH_WATER;
    *ret_stream = stream;
    return 0;
}

int thrum_stream_new(const thrum_transport *transport, void *object,
                     const thrum_stream_options *options, thrum_stream **ret_stream)
{
    return thrum__stream_new(transport, object, NULL, options, ret_stream);
}

const thrum_transport *thrum_stream_transport(const thrum_stream *stream, void **ret_object)
{
    *ret_object = stream->object;
    return stream->transport;
}

int thrum_stream_layer(thrum_stream *stream, const thrum_transport *transport, void *object)
{
    if (thrum__load_acquire(&stream->closed))
        return -EBADF;
    if (held(&stream->in) || held(&stream->out))
        return -EBUSY;
    stream->transport = transport;
    stream->object = object;
    return 0;
}

thrum_socket *thrum_stream_socket(const thrum_stream *stream)
{
    return stream->socket;
}
