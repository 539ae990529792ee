/* The pipe for messages: a pair of sockets that keep packets apart (SOCK_SEQPACKET).
 *
 * The kernel takes a packet whole or not at all, and delivers it so. So after a deadline no half
 * packet is left to be finished. A message of up to THRUM_PIPE_ATOMIC bytes is one packet. A larger
 * message is several packets, each with a head: the message's number, its size, and the packet's
 * offset in it.
 *
 *     offset 0    a message begins. An incomplete earlier message is dropped: its sender gave up,
 *                 or died
 *     else        the next packet of the current message, if number and offset fit; otherwise the
 *                 rest of a message that was dropped, and dropped too
 *
 * So a sender whose deadline passes in the middle just stops. Neither process has anything to
 * repair.
 *
 * A receiver reads a packet into the end's own buffer and copies from there: a message in one
 * packet to the caller's buffer, packets of a larger message into memory that grows as they come
 * (the size in a head is not believed). What it cannot deliver, for lack of room, time or memory,
 * stays for the next receiver.
 *
 * Senders take turns by a lock, receivers by another. A close wakes the caller that waits for the
 * descriptor (descriptor.c); the others find it closed when they get the lock. The last call in
 * progress frees.
 *
 * A peer that is gone with unread packets leaves -ECONNRESET once, before the packets that it had
 * sent.
 *
 * Rejected: a stream and a length before each message: after a deadline some caller must remember
 * the rest of a message that its sender already has back. Large messages by shared memory: another
 * descriptor for each.
 */
#include "base/life.h"
#include "base/memory.h"
#include "base/poller.h"
#include "base/socket.h"
#include "fiber/scheduler.h"
#include "net/descriptor.h"
#include "park/context.h"
#include <thrum/fiber.h>
#include <thrum/lock.h>
#include <thrum/pipe.h>

#include <errno.h>
#include <string.h>

/* Before each packet. */
struct head {
    uint64_t message; /* unlike those of other messages that may be under way */
    uint64_t size, offset;
};

struct thrum_pipe {
    thrum__descriptor descriptor;
    uint32_t turns; /* calls, for thrum_yield */

    thrum_lock sending;
    uint32_t sent;

    thrum_lock receiving; /* of what follows: */
    bool whole;           /* a message is there: in `packet` or, if that is not NULL, in `pieces` */
    bool waiting;         /* the packet is still to be looked at */
    char *pieces;
    size_t room, had;       /* of those */
    struct head head;       /* of the packet */
    size_t got;             /* bytes in it */
    uint64_t message, size; /* at hand, while there are pieces */
    char packet[THRUM_PIPE_ATOMIC];
};

/* ------------------------------------------------------------------------------------------ life */

static thrum_pipe *pipe_of(int number)
{
    thrum_pipe *pipe = thrum__alloc(sizeof *pipe);
    if (pipe)
        thrum__descriptor_init(&pipe->descriptor, number);
    return pipe;
}

static void destroy(thrum_pipe *pipe)
{
    thrum__free(pipe->pieces);
    thrum__free(pipe);
}

static void leave(thrum_pipe *pipe)
{
    if (thrum__descriptor_leave(&pipe->descriptor))
        destroy(pipe);
}

int thrum_pipe_new(thrum_pipe **ret_first, thrum_pipe **ret_second)
{
    int numbers[2];
    int rc = thrum__socket_packet_pair(numbers);
    if (rc < 0)
        return rc;
    thrum_pipe *first = pipe_of(numbers[0]), *second = first ? pipe_of(numbers[1]) : NULL;
    if (!second) {
        thrum__free(first);
        thrum__os_close(numbers[0]);
        thrum__os_close(numbers[1]);
        return -ENOMEM;
    }
    *ret_first = first;
    *ret_second = second;
    return 0;
}

int thrum_pipe_close(thrum_pipe *pipe)
{
    int rc = thrum__descriptor_enter(&pipe->descriptor);
    if (rc < 0)
        return rc;
    rc = thrum__descriptor_shut(&pipe->descriptor);
    leave(pipe);
    return rc;
}

void thrum_pipe_free(thrum_pipe *pipe)
{
    if (!pipe)
        return;
    (void)thrum_pipe_close(pipe);
    if (thrum__descriptor_let_go(&pipe->descriptor))
        destroy(pipe);
}

int thrum_pipe_descriptor(thrum_pipe *pipe)
{
    int rc = thrum__descriptor_enter(&pipe->descriptor);
    if (rc < 0)
        return rc;
    rc = pipe->descriptor.number;
    leave(pipe);
    return rc;
}

int thrum_pipe_from_descriptor(int descriptor, thrum_pipe **ret_pipe)
{
    int rc = thrum__socket_adopt_packets(descriptor);
    if (rc < 0)
        return rc;
    thrum_pipe *pipe = pipe_of(descriptor);
    if (!pipe)
        return -ENOMEM;
    *ret_pipe = pipe;
    return 0;
}

/* ----------------------------------------------------------------------------------------- moving */

typedef ptrdiff_t transfer_fn(int number, const struct iovec *parts, size_t count);

/* Moves a packet, and waits until that is possible. */
static ptrdiff_t transfer(thrum_pipe *pipe, transfer_fn *try, int side, const struct iovec *parts,
                          thrum_deadline deadline)
{
    for (;;) {
        ptrdiff_t moved = try(pipe->descriptor.number, parts, 2);
        if (moved != -EAGAIN)
            return moved;
        int rc = thrum__descriptor_wait(&pipe->descriptor, side, deadline);
        if (rc < 0)
            return rc;
    }
}

/* Begins a call: one at a time on each side. */
static int enter(thrum_pipe *pipe, thrum_lock *lock, thrum_deadline deadline)
{
    enum { TURNS = 64 };
    int rc = thrum__descriptor_enter(&pipe->descriptor);
    if (rc < 0)
        return rc;
    uint32_t turns = thrum__load_relaxed(&pipe->turns) + 1;
    thrum__store_relaxed(&pipe->turns, turns); /* a count that two callers lose costs nothing */
    if (turns % TURNS == 0 && thrum__fiber_self())
        thrum_yield();
    rc = thrum_lock_acquire_until(lock, deadline);
    if (rc < 0)
        leave(pipe);
    return rc;
}

static void end(thrum_pipe *pipe, thrum_lock *lock)
{
    thrum_lock_release(lock);
    leave(pipe);
}

static int send_packets(thrum_pipe *pipe, const char *bytes, size_t size, thrum_deadline deadline)
{
    struct head head = {.size = size};
    /* Another process may send at this end, too. */
    head.message = (uint64_t)thrum__life_self().pid << 32 | ++pipe->sent;
    do {
        size_t left = size - head.offset;
        size_t piece = left < THRUM_PIPE_ATOMIC ? left : THRUM_PIPE_ATOMIC;
        struct iovec parts[] = {{&head, sizeof head},
                                {(void *)(uintptr_t)(bytes + head.offset), piece}};
        ptrdiff_t moved = transfer(pipe, thrum__socket_send, THRUM__WRITABLE, parts, deadline);
        if (moved < 0)
            return moved == -ECONNRESET ? -EPIPE : (int)moved;
        head.offset += piece;
    } while (head.offset < size);
    return 0;
}

int thrum_pipe_send(thrum_pipe *pipe, const void *message, size_t size, thrum_deadline deadline)
{
    int rc = enter(pipe, &pipe->sending, deadline);
    if (rc < 0)
        return rc;
    rc = send_packets(pipe, message, size, deadline);
    end(pipe, &pipe->sending);
    return rc;
}

/* -------------------------------------------------------------------------------------- receiving */

static void forget_pieces(thrum_pipe *pipe)
{
    thrum__free(pipe->pieces);
    pipe->pieces = NULL;
    pipe->room = pipe->had = 0;
}

/* Room for the packet behind the pieces. */
static int grow(thrum_pipe *pipe)
{
    size_t wanted = pipe->had + pipe->got, room = pipe->room ? pipe->room : THRUM_PIPE_ATOMIC;
    if (wanted <= pipe->room)
        return 0;
    while (room < wanted)
        room *= 2;
    if (room > pipe->size)
        room = pipe->size;
    char *pieces = thrum__alloc(room);
    if (!pieces)
        return -ENOMEM;
    if (pipe->had)
        memcpy(pieces, pipe->pieces, pipe->had);
    thrum__free(pipe->pieces);
    pipe->pieces = pieces;
    pipe->room = room;
    return 0;
}

/* Puts the packet that has come where it belongs. On an error it is still to be looked at. */
static int look(thrum_pipe *pipe)
{
    const struct head *head = &pipe->head;
    if (head->offset > head->size || pipe->got > head->size - head->offset) {
        pipe->waiting = false; /* of no sender of ours */
        return 0;
    }
    if (head->offset == 0) {
        forget_pieces(pipe);
        pipe->message = head->message;
        pipe->size = head->size;
    }
    if (head->offset == 0 && pipe->got == head->size) {
        pipe->waiting = false;
        pipe->whole = true;
        return 0;
    }
    if (pipe->message == head->message && pipe->had == head->offset && pipe->size == head->size) {
        int rc = grow(pipe);
        if (rc < 0)
            return rc;
        memcpy(pipe->pieces + pipe->had, pipe->packet, pipe->got);
        pipe->had += pipe->got;
        pipe->whole = pipe->had == pipe->size;
    }
    pipe->waiting = false;
    return 0;
}

/* Receives packets until there is a whole message. */
static int fetch(thrum_pipe *pipe, thrum_deadline deadline)
{
    while (!pipe->whole) {
        if (!pipe->waiting) {
            struct iovec parts[] = {{&pipe->head, sizeof pipe->head},
                                    {pipe->packet, sizeof pipe->packet}};
            ptrdiff_t got = transfer(pipe, thrum__socket_receive, THRUM__READABLE, parts, deadline);
            if (got == -ECONNRESET)
                continue;
            if (got <= 0)
                return got == 0 ? -EPIPE : (int)got;
            if ((size_t)got < sizeof pipe->head)
                continue; /* of no sender of ours */
            pipe->got = (size_t)got - sizeof pipe->head;
            pipe->waiting = true;
        }
        int rc = look(pipe);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static size_t size_of(const thrum_pipe *pipe)
{
    return pipe->pieces ? pipe->had : pipe->got;
}

static const char *bytes_of(const thrum_pipe *pipe)
{
    return pipe->pieces ? pipe->pieces : pipe->packet;
}

/* The message was delivered. */
static void done(thrum_pipe *pipe)
{
    forget_pieces(pipe);
    pipe->whole = false;
}

int thrum_pipe_receive(thrum_pipe *pipe, void *buffer, size_t size, size_t *ret_size,
                       thrum_deadline deadline)
{
    int rc = enter(pipe, &pipe->receiving, deadline);
    if (rc < 0)
        return rc;
    rc = fetch(pipe, deadline);
    if (rc == 0) {
        *ret_size = size_of(pipe);
        if (size_of(pipe) > size) {
            rc = -EMSGSIZE;
        } else {
            if (size_of(pipe))
                memcpy(buffer, bytes_of(pipe), size_of(pipe));
            done(pipe);
        }
    }
    end(pipe, &pipe->receiving);
    return rc;
}

/* Gives the pieces away, or a copy of the packet. */
static int take(thrum_pipe *pipe, void **ret_message, size_t *ret_size)
{
    size_t size = size_of(pipe);
    char *message = pipe->pieces;
    if (!message) {
        message = thrum__alloc(size ? size : 1);
        if (!message)
            return -ENOMEM;
        memcpy(message, pipe->packet, size);
    }
    pipe->pieces = NULL;
    done(pipe);
    *ret_message = message;
    *ret_size = size;
    return 0;
}

int thrum_pipe_receive_new(thrum_pipe *pipe, void **ret_message, size_t *ret_size,
                           thrum_deadline deadline)
{
    int rc = enter(pipe, &pipe->receiving, deadline);
    if (rc < 0)
        return rc;
    rc = fetch(pipe, deadline);
    if (rc == 0)
        rc = take(pipe, ret_message, ret_size);
    end(pipe, &pipe->receiving);
    return rc;
}

void thrum_pipe_message_free(void *message)
{
    thrum__free(message);
}
