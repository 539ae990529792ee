/* Streams: calls on both sides, cancellation and close against each other, over a transport of one byte. */
#include "explore.h"
#include "park/context.h"
#include "park/park.h"
#include "park/scope.h"
#include <thrum/event.h>
#include <thrum/stream.h>
#include <thrum/thread.h>

#include <errno.h>
#include <string.h>

/* Carries one byte at a time from the writing side of a stream to its own reading side. */
struct loop {
    thrum_event readable, writable;
    uint32_t given, taken, closed, over;
    char byte;
    thrum_stream *stream;
    thrum__context *reader;
    int results[2];
};

static bool can_read(struct loop *loop)
{
    return thrum__load_acquire(&loop->given) != thrum__load_acquire(&loop->taken);
}

static ptrdiff_t loop_read(void *object, void *buffer, size_t size)
{
    struct loop *loop = object;
    (void)size;
    if (thrum__load_acquire(&loop->closed))
        return -EBADF;
    if (!can_read(loop))
        return thrum__load_acquire(&loop->over) && !can_read(loop) ? 0 : -EAGAIN;
    *(char *)buffer = EXPLORE_READ(loop->byte);
    thrum__add_release(&loop->taken, 1);
    thrum_event_set(&loop->writable);
    return 1;
}

static ptrdiff_t loop_write(void *object, const void *data, size_t size)
{
    struct loop *loop = object;
    (void)size;
    if (thrum__load_acquire(&loop->closed))
        return -EBADF;
    if (can_read(loop))
        return -EAGAIN;
    EXPLORE_WRITE(loop->byte, *(const char *)data);
    thrum__add_release(&loop->given, 1);
    thrum_event_set(&loop->readable);
    return 1;
}

static int loop_wait(void *object, thrum_transport_side side, bool tried, thrum_deadline deadline)
{
    struct loop *loop = object;
    bool reads = side == THRUM_TRANSPORT_READ;
    thrum_event *event = reads ? &loop->readable : &loop->writable;
    if (!tried)
        return 0;
    thrum_event_clear(event);
    if (can_read(loop) == reads || thrum__load_acquire(&loop->closed) ||
        thrum__load_acquire(&loop->over))
        return 0;
    int rc = thrum_event_wait(event, deadline);
    return rc == 0 && thrum__load_acquire(&loop->closed) ? -EBADF : rc;
}

static int loop_end(void *object, bool closing)
{
    struct loop *loop = object;
    if (!closing) {
        thrum__store_release(&loop->over, 1);
        thrum_event_set(&loop->readable);
    }
    return 0;
}

static void loop_close(void *object)
{
    struct loop *loop = object;
    EXPLORE_CHECK(!thrum__exchange_acq_rel(&loop->closed, 1));
    thrum_event_set(&loop->readable);
    thrum_event_set(&loop->writable);
}

static void loop_free(void *object)
{
    struct loop *loop = object;
    EXPLORE_CHECK(thrum__load_acquire(&loop->closed));
}

static const thrum_transport looped = {loop_read, loop_write, loop_wait,
                                       loop_end,  loop_close, loop_free};

static void begin(struct loop *loop)
{
    *loop = (struct loop){.results = {1, 1}};
    EXPLORE_CHECK(thrum_stream_new(&looped, loop, NULL, &loop->stream) == 0);
}

static void write_two(void *argument)
{
    struct loop *loop = argument;
    int rc = thrum_stream_write(loop->stream, "ab", 2, THRUM_FOREVER);
    loop->results[0] = rc == 0 ? thrum_stream_flush(loop->stream, THRUM_FOREVER) : rc;
}

static void write_two_and_end(void *argument)
{
    struct loop *loop = argument;
    EXPLORE_CHECK(thrum_stream_write(loop->stream, "ab", 2, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_stream_write_eof(loop->stream, THRUM_FOREVER) == 0);
}

static void read_two(void *argument)
{
    struct loop *loop = argument;
    char bytes[2];
    thrum__store_release(&loop->reader, thrum__self());
    ptrdiff_t got = thrum_stream_read_exact(loop->stream, bytes, 2, THRUM_FOREVER);
    EXPLORE_CHECK(got != 2 || memcmp(bytes, "ab", 2) == 0);
    loop->results[1] = (int)got;
}

EXPLORE(stream_both_sides, .preemptions = 2, .long_preemptions = 3)
{
    struct loop loop;
    char byte;
    begin(&loop);
    explore_spawn("writer", write_two_and_end, &loop);
    explore_spawn("reader", read_two, &loop);
    explore_join_all();
    EXPLORE_CHECK(loop.results[1] == 2);
    EXPLORE_CHECK(!thrum_stream_at_eof(loop.stream));
    EXPLORE_CHECK(thrum_stream_read(loop.stream, &byte, 1, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_stream_at_eof(loop.stream));
    thrum_stream_free(loop.stream);
}

static void cancel_reader(void *argument)
{
    struct loop *loop = argument;
    thrum__context *reader = thrum__load_acquire(&loop->reader);
    if (reader)
        thrum__cancel(reader);
}

/* What a cancelled read had taken from the transport, the next one gets. */
static void read_two_again(void *argument)
{
    struct loop *loop = argument;
    read_two(loop);
    if (loop->results[1] == 2)
        return;
    EXPLORE_CHECK(loop->results[1] == -ECANCELED);
    if (thrum__load_relaxed(&loop->taken) == 1)
        explore_seen("half read");
    thrum_shield_begin();
    read_two(loop);
    thrum_shield_end();
}

EXPLORE(stream_cancel, .preemptions = 1, .long_preemptions = 2, .sees = "half read")
{
    struct loop loop;
    begin(&loop);
    explore_spawn("writer", write_two, &loop);
    explore_spawn("reader", read_two_again, &loop);
    explore_spawn("canceller", cancel_reader, &loop);
    explore_join_all();
    EXPLORE_CHECK(loop.results[0] == 0 && loop.results[1] == 2);
    thrum_stream_free(loop.stream);
}

static void write_other_two(void *argument)
{
    struct loop *loop = argument;
    EXPLORE_CHECK(thrum_stream_write(loop->stream, "cd", 2, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_stream_flush(loop->stream, THRUM_FOREVER) == 0);
}

/* What each of two writes stays whole. */
EXPLORE(stream_two_writers, .preemptions = 1, .long_preemptions = 2)
{
    struct loop loop;
    char bytes[4];
    begin(&loop);
    explore_spawn("one", write_two, &loop);
    explore_spawn("other", write_other_two, &loop);
    EXPLORE_CHECK(thrum_stream_read_exact(loop.stream, bytes, 4, THRUM_FOREVER) == 4);
    EXPLORE_CHECK(memcmp(bytes, "abcd", 4) == 0 || memcmp(bytes, "cdab", 4) == 0);
    explore_join_all();
    EXPLORE_CHECK(!can_read(&loop));
    thrum_stream_free(loop.stream);
}

static void close_it(void *argument)
{
    struct loop *loop = argument;
    loop->results[0] = thrum_stream_close(loop->stream, THRUM_NOW);
}

/* A close ends a read that waits, and of two closes one is the close. */
EXPLORE(stream_close, .preemptions = 2, .long_preemptions = 3)
{
    struct loop loop;
    begin(&loop);
    explore_spawn("reader", read_two, &loop);
    explore_spawn("closer", close_it, &loop);
    int rc = thrum_stream_close(loop.stream, THRUM_NOW);
    explore_join_all();
    EXPLORE_CHECK(loop.results[1] == -EBADF);
    EXPLORE_CHECK((rc == -EBADF) != (loop.results[0] == -EBADF));
    EXPLORE_CHECK(thrum_stream_write(loop.stream, "x", 1, THRUM_NOW) == -EBADF);
    thrum_stream_free(loop.stream);
}
