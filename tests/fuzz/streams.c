/* Streams: items from producers to consumers, through whatever carries items.
 *
 * Each item is put once, with its producer and a number; it must arrive once, and where the stream keeps
 * an order those of one producer arrive at one consumer in the order of the puts. How a stream ends is
 * drawn: by tickets (consumers take as many as are put: a lost wake-up is a hang), by a close of the last
 * producer, or by a close at any time, after which what arrived and what was dropped are what was put. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = FUZZ_OPS * 4 }; /* items of one producer */

struct item {
    uint32_t producer, number;
};

static struct stream {
    unsigned kind, end;
    uint32_t producers, consumers; /* actors */
    uint32_t producing;            /* that have not ended */
    uint32_t put, got, dropped, tickets;
    thrum_queue *queue;
    thrum_deque *deque;
    thrum_semaphore items;
    thrum_condition changed; /* with a ring of `capacity` items */
    struct item ring[8];
    size_t capacity, count;
    thrum_pipe *ends[2];
    thrum_socket *sockets[2];
    thrum_shared_queue *shared;
    thrum_lock sending, receiving; /* of the socket: an item must not be torn */
} streams[FUZZ_STREAMS];

static uint32_t numbers[FUZZ_ACTORS];   /* the next of each producer */
static uint8_t seen[FUZZ_ACTORS][MOST]; /* how often each item arrived */
static uint32_t last[FUZZ_ACTORS]
                    [FUZZ_ACTORS]; /* the number after the last, by consumer and producer */

static bool keeps_order(const struct stream *stream)
{
    return stream->kind != FUZZ_LIFO && stream->kind != FUZZ_DEQUE;
}

/* Only queues can be closed while others use them. */
static bool is_queue(const struct stream *stream)
{
    return stream->kind <= FUZZ_LOCKED;
}

static int compare(const void *a, const void *b)
{
    (void)a;
    (void)b;
    return 0; /* all are equal, so that the order is that of the puts */
}

/* ------------------------------------------------------------------------------------- one item */

static int put_into_ring(struct stream *stream, struct item item, thrum_deadline until)
{
    int rc = 0;
    thrum_condition_acquire(&stream->changed);
    while (stream->count == stream->capacity && rc == 0)
        rc = thrum_condition_wait(&stream->changed, until);
    if (rc == 0) {
        stream->ring[stream->count++] = item;
        thrum_condition_notify_all(&stream->changed);
    }
    thrum_condition_release(&stream->changed);
    return rc;
}

static int get_from_ring(struct stream *stream, struct item *item, thrum_deadline until)
{
    int rc = 0;
    thrum_condition_acquire(&stream->changed);
    while (stream->count == 0 && rc == 0)
        rc = thrum_condition_wait(&stream->changed, until);
    if (rc == 0) {
        *item = stream->ring[0];
        memmove(stream->ring, stream->ring + 1, --stream->count * sizeof *item);
        thrum_condition_notify_all(&stream->changed);
    }
    thrum_condition_release(&stream->changed);
    return rc;
}

static int put_into_deque(struct stream *stream, const struct item *item)
{
    int rc = item->number % 2 ? thrum_deque_append(stream->deque, item)
                              : thrum_deque_append_left(stream->deque, item);
    FUZZ_CHECK(rc == 0);
    thrum_semaphore_release(&stream->items, 1);
    return 0;
}

static int get_from_deque(struct stream *stream, struct item *item, thrum_deadline until)
{
    int rc = thrum_semaphore_acquire_until(&stream->items, until);
    if (rc == 0) /* a permit for each item */
        FUZZ_CHECK((item->number % 2 ? thrum_deque_pop(stream->deque, item)
                                     : thrum_deque_pop_left(stream->deque, item)) == 0);
    return rc;
}

/* A socket carries bytes. The lock makes items of them, and must be taken without a deadline: its holder
 * waits for the other side, which goes on. Once the first byte has come the rest is waited for. */
static int get_from_socket(struct stream *stream, struct item *item, thrum_deadline until)
{
    thrum_lock_acquire(&stream->receiving);
    ptrdiff_t rc = thrum_socket_read(stream->sockets[1], item, sizeof *item, until);
    thrum_shield_begin();
    for (size_t have = rc > 0 ? (size_t)rc : sizeof *item; have < sizeof *item;
         have += (size_t)rc) {
        rc = thrum_socket_read(stream->sockets[1], (char *)item + have, sizeof *item - have,
                               THRUM_FOREVER);
        FUZZ_CHECK(rc > 0);
    }
    thrum_shield_end();
    thrum_lock_release(&stream->receiving);
    FUZZ_CHECK(rc != 0);
    return rc > 0 ? 0 : (int)rc;
}

static int put_into_socket(struct stream *stream, const struct item *item)
{
    thrum_lock_acquire(&stream->sending);
    thrum_shield_begin();
    int rc = thrum_socket_write(stream->sockets[0], item, sizeof *item, THRUM_FOREVER);
    thrum_shield_end();
    thrum_lock_release(&stream->sending);
    return rc;
}

/* The same by a select, beside cases that never come. */
static thrum_event never;

static int select_put(thrum_queue *queue, const struct item *item, thrum_deadline until)
{
    thrum_case cases[] = {thrum_case_event(&never), thrum_case_put(queue, item), {0}};
    int index = thrum_select(cases, 3, until);
    return index < 0 ? index : cases[index].code;
}

static int select_get(thrum_queue *queue, struct item *item, thrum_deadline until)
{
    thrum_case cases[] = {thrum_case_get(queue, item), thrum_case_event(&never),
                          thrum_case_get(queue, item)};
    int index = thrum_select(cases, 3, until);
    return index < 0 ? index : cases[index].code;
}

static int put_one(struct stream *stream, const struct item *item, thrum_deadline until)
{
    switch (stream->kind) {
    case FUZZ_CONDITION:
        return put_into_ring(stream, *item, until);
    case FUZZ_DEQUE:
        return put_into_deque(stream, item);
    case FUZZ_PIPE:
        return thrum_pipe_send(stream->ends[0], item, sizeof *item, until);
    case FUZZ_SHARED:
        return thrum_shared_queue_put(stream->shared, item, until);
    case FUZZ_SOCKET:
        return put_into_socket(stream, item);
    default:
        return item->number % 3 ? thrum_queue_put(stream->queue, item, until)
                                : select_put(stream->queue, item, until);
    }
}

static int get_one(struct stream *stream, struct item *item, thrum_deadline until)
{
    size_t size = sizeof *item;
    switch (stream->kind) {
    case FUZZ_CONDITION:
        return get_from_ring(stream, item, until);
    case FUZZ_DEQUE:
        return get_from_deque(stream, item, until);
    case FUZZ_PIPE:
        return thrum_pipe_receive(stream->ends[1], item, size, &size, until);
    case FUZZ_SHARED:
        return thrum_shared_queue_get(stream->shared, item, until);
    case FUZZ_SOCKET:
        return get_from_socket(stream, item, until);
    default:
        return item->number % 2 ? thrum_queue_get(stream->queue, item, until)
                                : select_get(stream->queue, item, until);
    }
}

/* ----------------------------------------------------------------------------------- operations */

static void arrived(struct stream *stream, struct fuzz_self *self, const struct item *item)
{
    if (fuzz_fault("drop") && item->number == 1)
        return;
    FUZZ_CHECK(item->producer < FUZZ_ACTORS && item->number < MOST);
    FUZZ_CHECK(thrum__exchange_acq_rel(&seen[item->producer][item->number], 1) == 0);
    uint32_t *next = &last[self->actor][item->producer];
    if (keeps_order(stream)) {
        FUZZ_CHECK(item->number >= *next);
        *next = item->number + 1 - (fuzz_fault("order") ? 2 : 0);
    }
    thrum__add_relaxed(&stream->got, 1);
    if (stream->queue)
        thrum_queue_task_done(stream->queue);
}

static bool in_use(const struct stream *stream)
{
    return stream->producers && stream->consumers;
}

static struct stream *stream_of(const struct fuzz_self *self)
{
    return &streams[fuzz_program->actor[self->actor].stream];
}

static void put(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct stream *stream = stream_of(self);
    if (!in_use(stream))
        return;
    struct item item = {self->actor, numbers[self->actor]};
    int rc;
    FUZZ_UNTIL_DONE(self, op->wait, rc, put_one(stream, &item, until));
    FUZZ_CHECK(rc == 0 || (rc == -EPIPE && stream->end == FUZZ_ABRUPT && is_queue(stream)));
    if (rc == 0) {
        numbers[self->actor]++;
        thrum__add_relaxed(&stream->put, 1);
    }
}

/* Up to four at once; what does not fit in time is put later. */
static void put_many(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct stream *stream = stream_of(self);
    if (!in_use(stream) || !is_queue(stream))
        return;
    struct item items[4];
    size_t count = 1 + op->value % 4, added = 0;
    for (size_t i = 0; i < count; i++)
        items[i] = (struct item){self->actor, numbers[self->actor] + (uint32_t)i};
    for (unsigned wait = op->wait; count; wait = FUZZ_FOREVER) {
        if (wait == FUZZ_FOREVER)
            thrum_shield_begin();
        int rc =
            thrum_queue_put_many(stream->queue, items, count, &added, fuzz_deadline(self, wait));
        if (wait == FUZZ_FOREVER)
            thrum_shield_end();
        FUZZ_CHECK(added <= count && (rc < 0) == (added < count));
        numbers[self->actor] += (uint32_t)added;
        thrum__add_relaxed(&stream->put, (uint32_t)added);
        memmove(items, items + added, (count - added) * sizeof *items);
        count -= added;
        if (rc == -EPIPE && stream->end == FUZZ_ABRUPT)
            return;
        FUZZ_ALLOWED(self, wait, rc);
    }
}

/* False when the stream has ended for this consumer. */
static bool take(struct fuzz_self *self, struct stream *stream, unsigned wait, unsigned most)
{
    struct item items[4];
    size_t count = 1;
    int rc;
    if (is_queue(stream) && most > 1) {
        FUZZ_UNTIL_DONE(self, wait, rc,
                        thrum_queue_get_many(stream->queue, items, most, &count, until));
    } else if (is_queue(stream) && wait == FUZZ_TINY) {
        size_t index = 9;
        FUZZ_UNTIL_DONE(self, wait, rc,
                        thrum_queue_get_any(&stream->queue, 1, &index, items, until));
        FUZZ_CHECK(rc < 0 || index == 0);
    } else {
        items[0] = (struct item){0, self->actor};
        FUZZ_UNTIL_DONE(self, wait, rc, get_one(stream, items, until));
    }
    if (rc == -EPIPE && is_queue(stream) && stream->end != FUZZ_TICKETS)
        return false;
    FUZZ_CHECK(rc == 0);
    FUZZ_CHECK(count >= 1 && count <= most);
    for (size_t i = 0; i < count; i++)
        arrived(stream, self, &items[i]);
    return true;
}

/* Tickets: a consumer takes a ticket for an item that is or will be put. The number that will be put is
 * known only when the producers have ended, so each put makes its ticket, after the put. */
static bool take_ticket(struct stream *stream)
{
    uint32_t left = thrum__load_acquire(&stream->tickets);
    while (left)
        if (thrum__cas_acquire(&stream->tickets, &left, left - 1))
            return true;
    return false;
}

static void get(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct stream *stream = stream_of(self);
    if (!in_use(stream))
        return;
    if (is_queue(stream) && stream->end != FUZZ_TICKETS)
        take(self, stream, op->wait, 1 + op->value % 4);
    else if (take_ticket(stream))
        take(self, stream, op->wait, 1);
}

/* At any time, by any actor; nothing is closed but streams that expect it. */
static void close_abruptly(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    struct stream *stream = &streams[op->object];
    if (stream->end == FUZZ_ABRUPT && is_queue(stream))
        thrum__add_relaxed(&stream->dropped, (uint32_t)thrum_queue_close_now(stream->queue));
}

static void look(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct stream *stream = &streams[op->object];
    if (is_queue(stream)) {
        thrum_queue_size(stream->queue);
        thrum_queue_full(stream->queue);
        unsigned wait = op->wait == FUZZ_FOREVER ? FUZZ_TINY : op->wait;
        FUZZ_ALLOWED(self, wait, thrum_queue_join(stream->queue, fuzz_deadline(self, wait)));
    }
}

/* ---------------------------------------------------------------------------------------- ends */

void fuzz_join_stream(const struct fuzz_actor *actor)
{
    struct stream *stream = &streams[actor->stream];
    if (actor->role == FUZZ_PRODUCER) {
        stream->producers++;
        stream->producing++;
        /* How many it puts does not depend on the run: each of these operations puts what it says. */
        for (unsigned i = 0; i < actor->count; i++) {
            void (*run)(struct fuzz_self *, const struct fuzz_op *) =
                fuzz_kind(actor->op[i].kind)->run;
            if (fuzz_has(actor, i) && run == put)
                stream->tickets++;
            else if (fuzz_has(actor, i) && run == put_many && is_queue(stream))
                stream->tickets += 1 + actor->op[i].value % 4;
        }
    } else if (actor->role == FUZZ_CONSUMER) {
        stream->consumers++;
    }
}

void fuzz_leave_stream(struct fuzz_self *self)
{
    struct stream *stream = stream_of(self);
    if (!in_use(stream))
        return;
    bool closes = is_queue(stream) && stream->end != FUZZ_TICKETS;
    if (fuzz_program->actor[self->actor].role == FUZZ_PRODUCER) {
        if (thrum__sub_acq_rel(&stream->producing, 1) == 1 && closes)
            thrum_queue_close(stream->queue);
    } else if (closes) {
        while (take(self, stream, FUZZ_FOREVER, 1 + self->actor % 4))
            ;
    } else {
        while (take_ticket(stream))
            take(self, stream, FUZZ_FOREVER, 1);
    }
}

static void new_shared(struct stream *stream)
{
    size_t size =
        (thrum_shared_queue_size(sizeof(struct item), stream->capacity) + 15) & ~(size_t)15;
    FUZZ_CHECK((stream->shared = aligned_alloc(16, size)) != NULL);
    memset(stream->shared, 0, size);
    FUZZ_CHECK(thrum_shared_queue_init(stream->shared, sizeof(struct item), stream->capacity) == 0);
}

static void set_up_one(struct stream *stream, unsigned number)
{
    *stream = (struct stream){.kind = fuzz_program->stream[number].kind,
                              .end = fuzz_program->stream[number].end,
                              .capacity = fuzz_program->stream[number].capacity};
    bool bounded = stream->kind == FUZZ_BOUNDED || stream->kind == FUZZ_LOCKED;
    thrum_queue_options options = {.max_size = bounded ? stream->capacity : 0};
    if (stream->kind == FUZZ_LIFO)
        options.order = THRUM_QUEUE_LIFO;
    if (stream->kind == FUZZ_PRIORITY || stream->kind == FUZZ_LOCKED) {
        options.order = THRUM_QUEUE_PRIORITY;
        options.compare = compare;
    }
    if (is_queue(stream))
        FUZZ_CHECK((stream->queue = thrum_queue_new(sizeof(struct item), &options)) != NULL);
    else if (stream->kind == FUZZ_DEQUE)
        FUZZ_CHECK((stream->deque = thrum_deque_new(sizeof(struct item), NULL)) != NULL);
    else if (stream->kind == FUZZ_PIPE)
        FUZZ_CHECK(thrum_pipe_new(&stream->ends[0], &stream->ends[1]) == 0);
    else if (stream->kind == FUZZ_SHARED)
        new_shared(stream);
    else if (stream->kind == FUZZ_SOCKET)
        FUZZ_CHECK(thrum_socket_pair(&stream->sockets[0], &stream->sockets[1]) == 0);
}

static void set_up(void)
{
    memset(numbers, 0, sizeof numbers);
    memset(seen, 0, sizeof seen);
    memset(last, 0, sizeof last);
    for (unsigned i = 0; i < FUZZ_STREAMS; i++)
        set_up_one(&streams[i], i);
}

static void finish_one(struct stream *stream)
{
    FUZZ_CHECK(stream->put == stream->got + stream->dropped);
    if (in_use(stream) && !(is_queue(stream) && stream->end == FUZZ_ABRUPT))
        FUZZ_CHECK(stream->dropped == 0);
    if (is_queue(stream)) {
        FUZZ_CHECK(thrum_queue_join(stream->queue, THRUM_FOREVER) == 0);
        FUZZ_CHECK(thrum_queue_empty(stream->queue));
    }
    thrum_queue_free(stream->queue); /* stops the program if anyone waits */
    FUZZ_CHECK(stream->kind != FUZZ_DEQUE || thrum_deque_size(stream->deque) == 0);
    thrum_deque_free(stream->deque);
    FUZZ_CHECK(!stream->shared || thrum_shared_queue_length(stream->shared) == 0);
    free(stream->shared);
    thrum_semaphore_finish(&stream->items);
    thrum_condition_finish(&stream->changed);
    for (unsigned i = 0; i < 2; i++) {
        if (!fuzz_fault("descriptor") || i)
            thrum_pipe_free(stream->ends[i]);
        thrum_socket_free(stream->sockets[i]);
    }
}

static void finish(void)
{
    for (unsigned i = 0; i < FUZZ_STREAMS; i++)
        finish_one(&streams[i]);
    thrum_event_finish(&never); /* stops the program if a waiter is left */
}

static const struct fuzz_kind kinds[] = {
    {"put", 1u << FUZZ_PRODUCER, 30, 1, false, put},
    {"put_many", 1u << FUZZ_PRODUCER, 8, 1, false, put_many},
    {"get", 1u << FUZZ_CONSUMER, 30, 1, false, get},
    {"close_now", FUZZ_ALL, 1, FUZZ_STREAMS, false, close_abruptly},
    {"look", FUZZ_ALL, 2, FUZZ_STREAMS, false, look},
};

const struct fuzz_concern fuzz_streams = {kinds, sizeof kinds / sizeof *kinds, set_up, finish};
