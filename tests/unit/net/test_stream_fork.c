/* Streams whose buffers are lent by their thread, and forks at any moment of their use. The explorer has no forks,
 * so this is a stress test; SEED draws the sizes and the moments.
 *
 * A fork meets the block of a thread in each of its places: with the thread, in a stream that holds a part of a
 * message while other fibers of its thread use another block, in a stream whose consumer is at work, and, of the other
 * worker, anywhere. The child has the forking fiber alone, which then is a thread. It finds what its stream
 * holds as it was, and uses streams of its own. Meanwhile the parent's messages arrive whole and in order. */
#include "harness.h"
#include "support.h"
#include "support_children.h"
#include "support_sanitizer.h"

#include <errno.h>

enum { SEED = 20260412, PAIRS = 4, MESSAGES = 60, LARGEST = 40000, FORKS = 12, FORK_AT = 8 };

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* The byte at a place of a connection's stream of bytes. */
static char byte_at(size_t place)
{
    return (char)(place * 7 + place / 251);
}

static void check_bytes(const char *bytes, size_t size, size_t place)
{
    for (size_t i = 0; i < size; i++)
        CHECK(bytes[i] == byte_at(place + i));
}

static void make_pair(thrum_stream **ret_one, thrum_stream **ret_other)
{
    thrum_socket *one, *other;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    CHECK_INT(thrum_stream_from_socket(one, NULL, ret_one), ==, 0);
    CHECK_INT(thrum_stream_from_socket(other, NULL, ret_other), ==, 0);
}

/* Sends to itself: a small message stays in the reader's lent block between reads, a large one needs another. */
static void talk_to_oneself(void)
{
    static const size_t sizes[] = {3000, 20000, 16384, 50000, 1};
    static char bytes[50000], got[50000];
    thrum_stream *one, *other;
    size_t place = 0;
    make_pair(&one, &other);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; place += sizes[i++]) {
        for (size_t at = 0; at < sizes[i]; at++)
            bytes[at] = byte_at(place + at);
        CHECK_INT(thrum_stream_write(one, bytes, sizes[i], THRUM_FOREVER), ==, 0);
        CHECK_INT(thrum_stream_flush(one, THRUM_FOREVER), ==, 0);
        size_t first = 1 + sizes[i] / 3;
        CHECK_INT(thrum_stream_read_exact(other, got, first, THRUM_FOREVER), ==, (ptrdiff_t)first);
        if (first < sizes[i])
            CHECK_INT(thrum_stream_read_exact(other, got + first, sizes[i] - first, THRUM_FOREVER),
                      ==, (ptrdiff_t)(sizes[i] - first));
        check_bytes(got, sizes[i], place);
    }
    thrum_stream_free(one);
    thrum_stream_free(other);
}

/* ------------------------------------------------------------------------------------ connections */

struct end {
    thrum_stream *stream;
    uint64_t random;
};

static int write_messages(thrum_task *self)
{
    struct end end = thrum_arg(self, struct end);
    size_t place = 0;
    for (int i = 0; i < MESSAGES; i++) {
        size_t size = 1 + next_random(&end.random) % LARGEST;
        size_t left = size;
        while (left > 0) {
            char piece[1000];
            size_t part = left < sizeof piece ? left : sizeof piece;
            for (size_t at = 0; at < part; at++)
                piece[at] = byte_at(place + at);
            CHECK_INT(thrum_stream_write(end.stream, piece, part, THRUM_FOREVER), ==, 0);
            place += part;
            left -= part;
        }
        CHECK_INT(thrum_stream_flush(end.stream, THRUM_FOREVER), ==, 0);
        if (size % 3 == 0)
            thrum_yield();
    }
    return thrum_stream_write_eof(end.stream, THRUM_FOREVER);
}

struct reader {
    struct end end;
    size_t place; /* of the next byte */
    bool ended;   /* nothing more comes */
    pid_t child;  /* that was forked in the consumer; 0 in that child */
};

static uint32_t forks; /* in a read */

/* In the middle of a read: the block is with the stream. Often it is told to wait for more, and keeps the block. */
static ptrdiff_t take_some(void *arg, const char *data, size_t size)
{
    struct reader *reader = arg;
    uint32_t random = next_random(&reader->end.random);
    check_bytes(data, size, reader->place);
    if (random % FORK_AT == 0) {
        reader->child = fork();
        thrum__add_relaxed(&forks, 1);
        CHECK(reader->child >= 0);
        check_bytes(data, size, reader->place);
    } else if (random % 2 && size < LARGEST && !reader->ended) {
        return 0;
    }
    size_t taken = 1 + next_random(&reader->end.random) % size;
    reader->place += taken;
    return (ptrdiff_t)taken;
}

static int read_messages(thrum_task *self)
{
    struct reader reader = {.end = thrum_arg(self, struct end), .child = -1};
    ptrdiff_t got;
    while ((got = thrum_stream_consume(reader.end.stream, LARGEST, take_some, &reader,
                                       THRUM_FOREVER)) != 0) {
        CHECK(got > 0 || got == -ENODATA);
        reader.ended = got == -ENODATA;
        if (reader.child == 0) {
            if (!ADDRESS_SANITIZED)
                talk_to_oneself();
            _exit(0);
        }
        if (reader.child > 0)
            child_join(reader.child); /* the other fibers of this worker run meanwhile */
        reader.child = -1;
    }
    return thrum_return(self, &reader.place, sizeof reader.place);
}

static void talk_in_child(void *unused)
{
    (void)unused;
    if (!ADDRESS_SANITIZED)
        talk_to_oneself();
}

TEST_DEADLINE(forks_leave_the_bytes_of_streams_alone, 60)
{
    thrum_stream *ends[PAIRS][2];
    thrum_future *writers[PAIRS], *readers[PAIRS];
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2});
    for (int i = 0; i < PAIRS; i++) {
        make_pair(&ends[i][0], &ends[i][1]);
        for (int side = 0; side < 2; side++) {
            struct end end = {ends[i][side], (uint64_t)(SEED + 2 * i + side)};
            thrum_future *future =
                thrum_submit(pool, side ? read_messages : write_messages, &end, sizeof end);
            *(side ? &readers[i] : &writers[i]) = future;
        }
    }
    for (int i = 0; i < FORKS; i++) {
        talk_to_oneself(); /* this thread has a block, too */
        child_join(child_start(talk_in_child, NULL));
    }
    for (int i = 0; i < PAIRS; i++) {
        size_t total = 0, expected = 0;
        uint64_t random = (uint64_t)(SEED + 2 * i);
        for (int message = 0; message < MESSAGES; message++)
            expected += 1 + next_random(&random) % LARGEST;
        CHECK_INT(thrum_future_result(readers[i], &total, sizeof total, THRUM_FOREVER), ==, 0);
        CHECK_INT(thrum_future_result(writers[i], NULL, 0, THRUM_FOREVER), ==, 0);
        CHECK_INT(total, ==, expected);
        thrum_future_free(readers[i]);
        thrum_future_free(writers[i]);
        thrum_stream_free(ends[i][0]);
        thrum_stream_free(ends[i][1]);
    }
    thrum_executor_shutdown(pool);
    CHECK(forks > PAIRS);
}
