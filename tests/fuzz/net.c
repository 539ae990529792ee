/* Sockets and pipes that are closed, and waits there that are cancelled or late, while both sides are in
 * use. What arrives is not looked at here (streams.c does): each call must end for a reason that was
 * there, and no descriptor may stay. */
#include "fuzz.h"

#include <stdlib.h>

enum { PIECE = 3000, ENOUGH = 12 };

/* One side: the socket, or the pipe, and what it does there until that fails. */
struct side {
    thrum_socket *socket;
    thrum_pipe *pipe;
    bool writes;
    uint32_t *cancelled;
    uint64_t random;
};

/* Reasons to end are a close of either side, and a cancel. */
static bool goes_on(const struct side *side, ptrdiff_t rc)
{
    if (rc > 0 || rc == -ETIMEDOUT || rc == -EAGAIN || (rc == 0 && (side->writes || side->pipe)))
        return true;
    if (rc == -ECANCELED)
        FUZZ_CHECK(thrum__load_acquire(side->cancelled));
    else if (rc != 0 && rc != -EBADF && rc != -EPIPE && rc != -ECONNRESET)
        fuzz_fail(__FILE__, __LINE__, "a side ends with %td (%s)", rc, thrum_strerror((int)rc));
    return false;
}

static ptrdiff_t call(struct side *side, thrum_deadline until)
{
    char piece[PIECE] = {0};
    size_t size;
    if (side->pipe && side->writes)
        return thrum_pipe_send(side->pipe, piece, sizeof piece, until);
    if (side->pipe)
        return thrum_pipe_receive(side->pipe, piece, sizeof piece, &size, until);
    if (side->writes)
        return thrum_socket_write(side->socket, piece, sizeof piece, until);
    return thrum_socket_read(side->socket, piece, sizeof piece, until);
}

static int use_side(thrum_task *task)
{
    struct side side = thrum_arg(task, struct side);
    ptrdiff_t rc;
    uint32_t never = 0;
    struct fuzz_self self = {FUZZ_ACTORS, side.random, &never};
    do {
        unsigned wait = (unsigned)(fuzz_random(&self.random) % FUZZ_WAITS);
        rc = call(&side, fuzz_deadline(&self, wait));
        FUZZ_CHECK(rc != -ETIMEDOUT || (wait != FUZZ_FOREVER && wait != FUZZ_NOW));
        FUZZ_CHECK(rc != -EAGAIN || wait == FUZZ_NOW);
        thrum_yield(); /* a call that need not wait holds its worker up, and sees no cancel */
    } while (goes_on(&side, rc) && !thrum_cancelled(task));
    return 0;
}

/* Runs tasks as threads, or as fibers of a pool that was made for them. */
struct pair {
    thrum_executor *pool;
    thrum_thread *thread[2];
    thrum_future *future[2];
    uint32_t cancelled;
};

static void start(struct pair *pair, unsigned i, thrum_task_fn *function, const void *arg,
                  size_t size)
{
    if (pair->pool)
        pair->future[i] = thrum_submit(pair->pool, function, arg, size);
    else
        pair->thread[i] = thrum_thread_start(function, arg, size);
}

static void join_both(struct pair *pair, bool cancels)
{
    thrum_shield_begin();
    if (cancels)
        thrum__store_release(&pair->cancelled, 1);
    for (unsigned i = 0; i < 2 && cancels; i++)
        pair->pool ? (void)thrum_future_cancel(pair->future[i])
                   : (void)thrum_thread_cancel(pair->thread[i]);
    for (unsigned i = 0; i < 2; i++) {
        int rc = pair->pool
                     ? OUTCOME_CODE(thrum_future_result(pair->future[i], NULL, 0, THRUM_FOREVER),
                                    thrum_future_error(pair->future[i]))
                     : OUTCOME_CODE(thrum_thread_join(pair->thread[i], THRUM_FOREVER),
                                    thrum_thread_error(pair->thread[i]));
        FUZZ_CHECK(rc == 0 || (rc == -ECANCELED && cancels)); /* a task that never began */
        thrum_future_free(pair->future[i]);
        thrum_thread_free(pair->thread[i]);
    }
    thrum_executor_shutdown(pair->pool);
    thrum_shield_end();
}

static void open_pair(struct pair *pair, const struct fuzz_op *op)
{
    *pair = (struct pair){0};
    if (op->value & 1)
        pair->pool = thrum_fiber_pool_new(
            &(thrum_fiber_pool_options){.max_workers = 1 + (op->value >> 1) % 2});
}

static void close_amid_use(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct pair pair;
    struct side sides[2] = {{0}, {0}};
    bool pipe = op->value & 4, cancels = op->value & 8;
    open_pair(&pair, op);
    if (pipe)
        FUZZ_CHECK(thrum_pipe_new(&sides[0].pipe, &sides[1].pipe) == 0);
    else
        FUZZ_CHECK(thrum_socket_pair(&sides[0].socket, &sides[1].socket) == 0);
    for (unsigned i = 0; i < 2; i++) {
        sides[i].writes =
            i == 0 || (op->value & 16); /* both may write, and soon nobody can go on */
        sides[i].cancelled = &pair.cancelled;
        sides[i].random = fuzz_random(&self->random);
        start(&pair, i, use_side, &sides[i], sizeof sides[i]);
    }
    thrum_shield_begin();
    thrum_sleep(fuzz_deadline(self, FUZZ_SHORT));
    thrum_shield_end();
    struct side *closed = &sides[op->value >> 5 & 1];
    if (!cancels)
        FUZZ_CHECK((pipe ? thrum_pipe_close(closed->pipe) : thrum_socket_close(closed->socket)) ==
                   0);
    join_both(&pair, cancels);
    for (unsigned i = 0; i < 2; i++) {
        thrum_pipe_free(sides[i].pipe);
        thrum_socket_free(sides[i].socket);
    }
}

/* Streams with buffers, of which a thread lends one to its fibers in turns. What arrives is what was written, up to
 * where either side was closed or cancelled. */
struct talk {
    thrum_stream *stream;
    uint32_t *cancelled;
    uint64_t random;
};

static char byte_at(uint64_t place)
{
    return (char)(place * 5 + place / 251);
}

/* Whether a call may be made again; the reasons to end are those of sides. */
static bool talks_on(const struct talk *talk, ptrdiff_t rc)
{
    if (rc >= 0 || rc == -ETIMEDOUT || rc == -EAGAIN)
        return true;
    if (rc == -ECANCELED)
        FUZZ_CHECK(thrum__load_acquire(talk->cancelled));
    else if (rc != -EBADF && rc != -EPIPE && rc != -ECONNRESET && rc != -ENODATA)
        fuzz_fail(__FILE__, __LINE__, "a stream ends with %td (%s)", rc, thrum_strerror((int)rc));
    return false;
}

static int write_stream(thrum_task *task)
{
    struct talk talk = thrum_arg(task, struct talk);
    struct fuzz_self self = {FUZZ_ACTORS, talk.random, talk.cancelled};
    char piece[PIECE];
    uint64_t place = 0;
    int rc = 0;
    for (unsigned i = 0; i < 3 * ENOUGH && talks_on(&talk, rc) && !thrum_cancelled(task); i++) {
        size_t size = 1 + fuzz_random(&self.random) % PIECE;
        for (size_t at = 0; at < size; at++)
            piece[at] = byte_at(place + at);
        unsigned wait = (unsigned)(fuzz_random(&self.random) % FUZZ_WAITS);
        rc = thrum_stream_write(talk.stream, piece, size, fuzz_deadline(&self, wait));
        if (rc == 0) {
            place += size; /* else none of it was taken */
            rc = thrum_stream_flush(talk.stream, fuzz_deadline(&self, wait));
        }
        thrum_yield();
    }
    while (talks_on(&talk, rc) && !thrum_cancelled(task) &&
           (rc = thrum_stream_write_eof(talk.stream, THRUM_FOREVER)) < 0)
        thrum_yield();
    return 0;
}

static int read_stream(thrum_task *task)
{
    struct talk talk = thrum_arg(task, struct talk);
    struct fuzz_self self = {FUZZ_ACTORS, talk.random, talk.cancelled};
    char piece[PIECE];
    uint64_t place = 0;
    ptrdiff_t rc = 0;
    do {
        size_t size = 1 + fuzz_random(&self.random) % PIECE;
        thrum_deadline until = fuzz_deadline(&self, (unsigned)(size % FUZZ_WAITS));
        rc = size % 2 ? thrum_stream_read(talk.stream, piece, size, until)
                      : thrum_stream_read_exact(talk.stream, piece, size / 16 + 1, until);
        for (ptrdiff_t at = 0; at < rc; at++)
            FUZZ_CHECK(piece[at] == byte_at(place++));
        thrum_yield();
    } while (rc != 0 && talks_on(&talk, rc) && !thrum_cancelled(task));
    return 0;
}

static void close_amid_talk(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct pair pair;
    thrum_socket *sockets[2];
    struct talk talks[2];
    bool cancels = op->value & 8, closes = op->value & 16;
    open_pair(&pair, op);
    FUZZ_CHECK(thrum_socket_pair(&sockets[0], &sockets[1]) == 0);
    for (unsigned i = 0; i < 2; i++) {
        talks[i] = (struct talk){NULL, &pair.cancelled, fuzz_random(&self->random)};
        FUZZ_CHECK(thrum_stream_from_socket(sockets[i], NULL, &talks[i].stream) == 0);
    }
    for (unsigned i = 0; i < 2; i++)
        start(&pair, i, i ? read_stream : write_stream, &talks[i], sizeof talks[i]);
    thrum_shield_begin();
    thrum_sleep(fuzz_deadline(self, FUZZ_SHORT));
    if (closes && !cancels)
        (void)!thrum_stream_close(talks[op->value >> 5 & 1].stream, THRUM_NOW);
    thrum_shield_end();
    join_both(&pair, cancels);
    for (unsigned i = 0; i < 2; i++)
        thrum_stream_free(talks[i].stream);
}

struct meeting {
    thrum_socket *listener;
    uint16_t port;
    uint32_t *cancelled;
};

static int accept_all(thrum_task *task)
{
    struct meeting meeting = thrum_arg(task, struct meeting);
    thrum_socket *accepted;
    int rc;
    while ((rc = thrum_socket_accept(meeting.listener, &accepted, THRUM_FOREVER)) == 0)
        thrum_socket_free(accepted);
    FUZZ_CHECK(rc == -EBADF || (rc == -ECANCELED && thrum__load_acquire(meeting.cancelled)));
    return 0;
}

static int connect_often(thrum_task *task)
{
    struct meeting meeting = thrum_arg(task, struct meeting);
    thrum_socket *connected;
    for (unsigned i = 0; i < ENOUGH && !thrum_cancelled(task); i++) {
        int rc = thrum_socket_connect("127.0.0.1", meeting.port, &connected, thrum_in(1e-3 * i));
        if (rc == 0)
            thrum_socket_free(connected);
        else if (rc != -ECONNREFUSED && rc != -ETIMEDOUT && rc != -ECONNRESET)
            FUZZ_CHECK(rc == -ECANCELED && thrum__load_acquire(meeting.cancelled));
    }
    return 0;
}

static void close_a_listener(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct pair pair;
    bool cancels = op->value & 8;
    thrum_socket *listener;
    FUZZ_CHECK(thrum_socket_listen("127.0.0.1", 0, NULL, &listener) == 0);
    open_pair(&pair, op);
    struct meeting meeting = {listener, (uint16_t)thrum_socket_port(listener), &pair.cancelled};
    start(&pair, 0, accept_all, &meeting, sizeof meeting);
    start(&pair, 1, connect_often, &meeting, sizeof meeting);
    thrum_shield_begin();
    thrum_sleep(fuzz_deadline(self, FUZZ_SHORT));
    thrum_shield_end();
    if (!cancels)
        FUZZ_CHECK(thrum_socket_close(listener) == 0);
    join_both(&pair, cancels);
    thrum_socket_free(listener);
}

static void set_up(void)
{
}

static const struct fuzz_kind kinds[] = {
    {"close", FUZZ_ALL, 3, 1, false, close_amid_use},
    {"talk", FUZZ_ALL, 3, 1, false, close_amid_talk},
    {"listener", FUZZ_ALL, 1, 1, false, close_a_listener},
};

const struct fuzz_concern fuzz_net = {kinds, sizeof kinds / sizeof *kinds, set_up, set_up};
