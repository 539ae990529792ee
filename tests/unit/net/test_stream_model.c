/* Streams over a transport that does everything a transport may do: it moves a few bytes at a time,
 * refuses, wakes in vain, times out, is cancelled, fails, ends; and memory runs out. Random calls
 * are compared with a model, a plain array of bytes. STREAM_CASES=1000000 in the environment makes
 * it long. */
#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { MOST = 6000, CASES = SANITIZED ? 400 : 3000 };

static uint64_t seed;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % bound;
}

static bool one_in(uint32_t count)
{
    return random_below(count) == 0;
}

/* ------------------------------------------------------------------------------ the transport */

static struct script {
    char given[MOST], taken[2 * MOST];
    size_t size, read, written;
    int end;           /* what a read returns after all was given */
    uint32_t nuisance; /* one call in so many does not do what it could; 0: each does */
    char refused[2 * MOST];
    size_t refused_size; /* what was offered last and not taken */
    bool closed, may_wait;
} script;

static ptrdiff_t script_read(void *object, void *buffer, size_t size)
{
    struct script *self = object;
    size_t left = self->size - self->read, piece = 1 + random_below(one_in(4) ? 3000 : 12);
    if (self->closed)
        return -EBADF;
    if (self->nuisance && one_in(self->nuisance))
        return -EAGAIN;
    if (left == 0)
        return self->end;
    piece = piece < left ? piece : left;
    piece = piece < size ? piece : size;
    memcpy(buffer, self->given + self->read, piece);
    self->read += piece;
    return (ptrdiff_t)piece;
}

/* What was refused is offered again, and nothing else before it. */
static ptrdiff_t script_write(void *object, const void *data, size_t size)
{
    struct script *self = object;
    size_t piece = 1 + random_below(one_in(4) ? 3000 : 12);
    if (self->closed)
        return -EBADF;
    CHECK_INT(size, >=, self->refused_size);
    CHECK(memcmp(data, self->refused, self->refused_size) == 0);
    self->refused_size = 0;
    if (self->nuisance && one_in(self->nuisance)) {
        memcpy(self->refused, data, size);
        self->refused_size = size;
        return -EAGAIN;
    }
    piece = piece < size ? piece : size;
    CHECK_INT(self->written + piece, <=, sizeof self->taken);
    memcpy(self->taken + self->written, data, piece);
    self->written += piece;
    return (ptrdiff_t)piece;
}

static int script_wait(void *object, thrum_transport_side side, bool tried, thrum_deadline deadline)
{
    struct script *self = object;
    static const int codes[] = {-ETIMEDOUT, -ECANCELED, 0, 0};
    (void)side;
    if (self->closed)
        return -EBADF;
    if (tried && thrum_deadline_is_now(deadline))
        return -EAGAIN;
    return self->nuisance && (tried || one_in(8)) ? codes[random_below(4)] : 0;
}

static int script_end(void *object, bool closing)
{
    struct script *self = object;
    (void)closing;
    return self->nuisance && one_in(self->nuisance) ? -EAGAIN : 0;
}

static void script_close(void *object)
{
    struct script *self = object;
    CHECK(!self->closed);
    self->closed = true;
}

static void script_free(void *object)
{
    struct script *self = object;
    CHECK(self->closed);
}

static const thrum_transport scripted = {script_read, script_write, script_wait,
                                         script_end,  script_close, script_free};

static bool is_passing(ptrdiff_t code)
{
    return code == -EAGAIN || code == -ETIMEDOUT || code == -ECANCELED || code == -ENOMEM;
}

static thrum_deadline any_deadline(void)
{
    return one_in(3) ? THRUM_NOW : THRUM_FOREVER;
}

static void disturb(void)
{
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1 + random_below(3), one_in(4) ? 1 : 0);
}

/* -------------------------------------------------------------------------------------- reading */

static size_t place; /* of the model: what was consumed */

static const char *find(const char *separator, size_t length, size_t within)
{
    size_t left = script.size - place;
    return memmem(script.given + place, left < within ? left : within, separator, length);
}

/* What a call that looks for a separator in `size` bytes must return. */
static ptrdiff_t expected_until(const char *separator, size_t length, size_t size, bool line)
{
    size_t left = script.size - place;
    const char *found = find(separator, length, size);
    if (found)
        return found - (script.given + place) + (ptrdiff_t)length;
    if (left >= size)
        return -EMSGSIZE;
    if (script.end < 0)
        return script.end;
    return left == 0 || line ? (ptrdiff_t)left : -ENODATA;
}

static void check_bytes(const char *buffer, ptrdiff_t got)
{
    if (got > 0) {
        CHECK(memcmp(buffer, script.given + place, (size_t)got) == 0);
        place += (size_t)got;
    }
}

static void try_until(thrum_stream *stream, size_t size)
{
    static const char *const separators[] = {"\n", "\r\n", "aab", "bbbbbb"};
    char buffer[MOST];
    const char *separator = separators[random_below(4)];
    size_t length = strlen(separator);
    ptrdiff_t got;
    size += length;
    do {
        disturb();
        got = thrum_stream_read_until(stream, separator, length, buffer, size, any_deadline());
    } while (is_passing(got));
    CHECK_INT(got, ==, expected_until(separator, length, size, false));
    check_bytes(buffer, got);
}

static void try_line(thrum_stream *stream, size_t size)
{
    char buffer[MOST];
    ptrdiff_t got;
    do {
        disturb();
        got = thrum_stream_read_line(stream, buffer, size + 2, any_deadline());
    } while (is_passing(got));
    CHECK_INT(got, ==, expected_until("\n", 1, size + 1, true));
    CHECK(got <= 0 || buffer[got] == '\0');
    check_bytes(buffer, got);
}

static void try_exact(thrum_stream *stream, size_t size)
{
    char buffer[MOST];
    size_t left = script.size - place;
    ptrdiff_t got;
    do {
        disturb();
        got = thrum_stream_read_exact(stream, buffer, size, any_deadline());
    } while (is_passing(got));
    if (size <= left)
        CHECK_INT(got, ==, (ptrdiff_t)size);
    else if (script.end < 0)
        CHECK_INT(got, ==, script.end);
    else
        CHECK_INT(got, ==, left ? -ENODATA : 0);
    check_bytes(buffer, got);
}

static void try_some(thrum_stream *stream, size_t size)
{
    char buffer[MOST];
    ptrdiff_t got;
    do {
        disturb();
        got = thrum_stream_read(stream, buffer, size + 1, any_deadline());
    } while (is_passing(got));
    CHECK_INT(got, <=, (ptrdiff_t)size + 1);
    if (place == script.size)
        CHECK_INT(got, ==, script.end);
    else
        CHECK_INT(got, >, 0);
    check_bytes(buffer, got);
}

static void try_skip(thrum_stream *stream)
{
    const char *found = find("\n", 1, MOST);
    int rc;
    do {
        disturb();
        rc = thrum_stream_skip_line(stream, any_deadline());
    } while (is_passing(rc));
    CHECK_INT(rc, ==, found ? 0 : script.end ? script.end : -ENODATA);
    place = found ? (size_t)(found - script.given) + 1 : script.size;
}

static void one_case_of_reading(void)
{
    thrum_stream *stream;
    thrum_stream_options options = {.read_size = one_in(2) ? 256 : 0};
    static const char letters[] = "ab\r\n\n\0b";
    script = (struct script){.size = random_below(one_in(3) ? MOST : 200),
                             .nuisance = one_in(3) ? 0 : 1 + random_below(4),
                             .end = one_in(3) ? -ECONNRESET : 0};
    if (script.nuisance == 1)
        script.nuisance = 2; /* else it would never give anything */
    for (size_t i = 0; i < script.size; i++)
        script.given[i] = one_in(4) ? letters[random_below(7)] : 'a';
    place = 0;
    CHECK_INT(thrum_stream_new(&scripted, &script, &options, &stream), ==, 0);
    for (int i = 0; i < 200 && (i < 3 || place < script.size); i++) {
        size_t size = random_below(one_in(5) ? 3000 : 30);
        switch (random_below(5)) {
        case 0:
            try_until(stream, size);
            break;
        case 1:
            try_line(stream, size);
            break;
        case 2:
            try_exact(stream, size + 1);
            break;
        case 3:
            try_some(stream, size);
            break;
        default:
            try_skip(stream);
        }
        if (thrum_stream_at_eof(stream))
            CHECK(place == script.size && script.end == 0);
    }
    disturb();
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    thrum_stream_free(stream);
}

/* -------------------------------------------------------------------------------------- writing */

static void one_case_of_writing(void)
{
    thrum_stream *stream;
    static char sent[MOST];
    size_t size = 0, piece;
    int rc;
    script = (struct script){.nuisance = one_in(3) ? 0 : 2 + random_below(4)};
    thrum_stream_options options = {.high_water = one_in(2) ? 1 + random_below(50) : 0};
    CHECK_INT(thrum_stream_new(&scripted, &script, &options, &stream), ==, 0);
    while (size + (piece = random_below(one_in(5) ? 2000 : 40)) < MOST) {
        for (size_t i = 0; i < piece; i++)
            sent[size + i] = (char)random_below(256);
        do {
            disturb();
            rc = one_in(6) ? thrum_stream_flush(stream, any_deadline())
                           : thrum_stream_write(stream, sent + size, piece, any_deadline());
        } while (is_passing(rc));
        CHECK_INT(rc, ==, 0);
        /* A flush took nothing of it. */
        if (script.written + thrum_stream_unsent(stream) == size + piece)
            size += piece;
        else
            CHECK_INT(script.written + thrum_stream_unsent(stream), ==, size);
    }
    do {
        disturb();
        rc = thrum_stream_write_eof(stream, any_deadline());
    } while (is_passing(rc));
    CHECK_INT(rc, ==, 0);
    CHECK_INT(script.written, ==, size);
    CHECK(memcmp(script.taken, sent, size) == 0);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    thrum_stream_free(stream);
}

static void run_cases(void (*one_case)(void))
{
    const char *wanted = getenv("STREAM_CASES");
    long cases = wanted ? atol(wanted) : CASES;
    for (long i = 0; i < cases; i++) {
        seed = (uint64_t)i * 0x9e3779b97f4a7c15u + 1;
        one_case();
    }
}

TEST_DEADLINE(what_is_read_is_what_the_model_says, 3600)
{
    run_cases(one_case_of_reading);
}

TEST_DEADLINE(what_is_written_arrives_whole_and_in_order, 3600)
{
    run_cases(one_case_of_writing);
}

/* ---------------------------------------------------------------------------- errors and memory */

static int reading_error, writing_error;

static ptrdiff_t fail_read(void *object, void *buffer, size_t size)
{
    (void)object, (void)buffer, (void)size;
    return reading_error;
}

static ptrdiff_t fail_write(void *object, const void *data, size_t size)
{
    (void)object, (void)data, (void)size;
    return writing_error;
}

TEST(an_error_of_the_connection_is_kept)
{
    static const thrum_transport failing = {fail_read,  fail_write,   script_wait,
                                            script_end, script_close, script_free};
    thrum_stream *stream;
    char byte;
    script = (struct script){0};
    reading_error = -ECONNRESET;
    writing_error = -EPIPE;
    CHECK_INT(thrum_stream_new(&failing, &script, NULL, &stream), ==, 0);
    CHECK_INT(thrum_stream_read(stream, &byte, 1, THRUM_FOREVER), ==, -ECONNRESET);
    reading_error = 0;
    CHECK_INT(thrum_stream_read(stream, &byte, 1, THRUM_FOREVER), ==, -ECONNRESET);
    CHECK_INT(thrum_stream_read_exact(stream, &byte, 1, THRUM_FOREVER), ==, -ECONNRESET);
    CHECK_INT(thrum_stream_skip_line(stream, THRUM_FOREVER), ==, -ECONNRESET);
    CHECK_INT(thrum_stream_write(stream, "x", 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_flush(stream, THRUM_FOREVER), ==, -EPIPE);
    writing_error = 1;
    CHECK_INT(thrum_stream_flush(stream, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_stream_write_eof(stream, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_stream_close(stream, THRUM_FOREVER), ==, -EPIPE);
    thrum_stream_free(stream);
}

TEST(a_stream_that_cannot_be_made_leaves_what_it_was_given)
{
    thrum_socket *one, *other;
    thrum_stream *stream;
    int ends[2];
    char byte;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(thrum_stream_from_socket(one, NULL, &stream), ==, -ENOMEM);
    CHECK_INT(thrum_socket_write(one, "x", 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(pipe(ends), ==, 0);
    for (uint32_t i = 1; i <= 2; i++) {
        thrum__fault_arm(THRUM__FAULT_ALLOC, i, 1);
        CHECK_INT(thrum_stream_from_descriptor(ends[0], NULL, &stream), ==, -ENOMEM);
    }
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_INT(write(ends[1], "y", 1), ==, 1);
    CHECK_INT(read(ends[0], &byte, 1), ==, 1);
    close(ends[0]);
    close(ends[1]);
    thrum_socket_free(one);
    thrum_socket_free(other);
}

static ptrdiff_t layered_read(void *object, void *buffer, size_t size)
{
    ptrdiff_t got = script_read(object, buffer, size);
    for (ptrdiff_t i = 0; i < got; i++)
        ((char *)buffer)[i] ^= 1;
    return got;
}

TEST(a_transport_is_exchanged_between_messages_only)
{
    static const thrum_transport layered = {layered_read, script_write, script_wait,
                                            script_end,   script_close, script_free};
    thrum_stream *stream;
    void *object;
    char bytes[4];
    script = (struct script){.given = "start\n``", .size = 8};
    CHECK_INT(thrum_stream_new(&scripted, &script, NULL, &stream), ==, 0);
    CHECK(thrum_stream_transport(stream, &object) == &scripted && object == &script);
    CHECK_INT(thrum_stream_read(stream, bytes, 1, THRUM_FOREVER), ==, 1);
    while (thrum_stream_layer(stream, &layered, &script) == 0) /* until it has read ahead */
        CHECK_INT(thrum_stream_read(stream, bytes, 1, THRUM_FOREVER), ==, 1);
    CHECK_INT(thrum_stream_layer(stream, &layered, &script), ==, -EBUSY);
    CHECK_INT(thrum_stream_close(stream, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_layer(stream, &layered, &script), ==, -EBADF);
    thrum_stream_free(stream);
}

static bool in_wait;

static int wait_for_good(void *object, thrum_transport_side side, bool tried,
                         thrum_deadline deadline)
{
    (void)object, (void)side, (void)tried;
    thrum__store_release(&in_wait, true);
    return thrum_sleep(deadline);
}

static ptrdiff_t never(void *object, void *buffer, size_t size)
{
    (void)object, (void)buffer, (void)size;
    return -EAGAIN;
}

static int read_for_good(thrum_task *self)
{
    char byte;
    return (int)thrum_stream_read(thrum_arg(self, thrum_stream *), &byte, 1, THRUM_FOREVER);
}

TEST_STOPS(a_stream_that_is_freed_while_it_is_read_stops_the_program,
           "is freed while a call on it is under way")
{
    static const thrum_transport silent = {never,      script_write, wait_for_good,
                                           script_end, script_close, script_free};
    thrum_stream *stream;
    CHECK_INT(thrum_stream_new(&silent, &script, NULL, &stream), ==, 0);
    thrum_thread *reader = thrum_thread_start(read_for_good, thrum_value(thrum_stream *, stream));
    UNTIL(thrum__load_acquire(&in_wait));
    thrum_stream_free(stream);
    thrum_thread_free(reader);
}

#if defined(__GLIBC__)
static size_t allocated(void)
{
    return mallinfo2().uordblks;
}

static thrum_stream *stream_after_a_line(void)
{
    thrum_stream *stream;
    char line[16];
    script = (struct script){.given = "line\nhalf", .size = 9, .end = -EAGAIN};
    CHECK_INT(thrum_stream_new(&scripted, &script, NULL, &stream), ==, 0);
    CHECK_INT(thrum_stream_read_line(stream, line, sizeof line, THRUM_FOREVER), ==, 5);
    return stream;
}

/* Of a stream that was used, and of one that waits amid a line, as long as it waits. The first stream of a thread
 * allocates the block that the thread keeps. */
TEST(an_idle_stream_has_no_buffer)
{
    enum { STREAM = 512, LINE = 1100 };
    char line[16];
    if (SANITIZED)
        return;
    thrum_stream_free(stream_after_a_line());
    size_t before = allocated();
    thrum_stream *stream = stream_after_a_line();
    CHECK_INT(thrum_stream_write(stream, "line\n", 5, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_stream_flush(stream, THRUM_FOREVER), ==, 0);
    while (script.read < script.size)
        CHECK_INT(thrum_stream_read_line(stream, line, sizeof line, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(allocated() - before, <, STREAM + LINE);
    CHECK_INT(thrum_stream_read(stream, line, 16, THRUM_FOREVER), ==, 4);
    CHECK_INT(allocated() - before, <, STREAM);
    thrum_stream_free(stream);
}

static int use_a_stream(thrum_task *self)
{
    (void)self;
    thrum_stream_free(stream_after_a_line());
    return 0;
}

TEST(a_thread_that_ends_frees_the_block_that_it_lends)
{
    enum { BLOCK = 16384, THREADS = 8 };
    if (SANITIZED)
        return;
    CHECK_INT(mallopt(M_ARENA_MAX, 1), ==, 1); /* `allocated` counts the first one alone */
    JOIN(thrum_thread_start(use_a_stream, THRUM_NOTHING), 0);
    size_t before = allocated();
    for (int i = 0; i < THREADS; i++)
        JOIN(thrum_thread_start(use_a_stream, THRUM_NOTHING), 0);
    CHECK_INT(allocated(), <, before + BLOCK);
}
#endif
