/* A chat: what one guest says, all others hear. Three guests come, talk and leave, in one program.
 *
 * All tasks are fibers of a pool with one worker, so the room needs no lock: no other task runs
 * between two waits. Each guest has a stream, which one fiber reads and another writes. A guest
 * that does not listen must not delay the others, so each has a queue of lines to be sent; when the
 * queue is full, lines for that guest are dropped.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

enum { GUESTS = 3, LINE = 128, BACKLOG = 32 };

struct line {
    char text[LINE];
};

struct seat {
    thrum_stream *stream;
    thrum_queue *lines; /* to be sent; NULL: the seat is free */
};

static struct seat room[GUESTS];

/* Puts a line into the queues of all but `speaker`. */
static void tell(const struct seat *speaker, const char *text)
{
    struct line line;
    snprintf(line.text, sizeof line.text, "%s", text);
    for (struct seat *seat = room; seat < room + GUESTS; seat++)
        if (seat->lines && seat != speaker && thrum_queue_put(seat->lines, &line, THRUM_NOW) < 0)
            continue; /* the guest does not listen and misses this line */
}

static int send_lines(thrum_task *self)
{
    struct seat *seat = thrum_arg(self, struct seat *);
    struct line line;
    int rc;
    while ((rc = thrum_queue_get(seat->lines, &line, THRUM_FOREVER)) == 0) {
        rc = thrum_stream_write(seat->stream, line.text, strlen(line.text), thrum_in(10));
        if (rc == 0)
            rc = thrum_stream_flush(seat->stream, thrum_in(10));
        if (rc < 0)
            break;
    }
    return rc == -EPIPE ? 0 : rc;
}

static int host(thrum_task *self)
{
    struct seat *seat = thrum_arg(self, struct seat *);
    char text[LINE];
    thrum_future *sender =
        thrum_submit(thrum_fiber_pool_current(), send_lines, thrum_value(struct seat *, seat));
    while (thrum_stream_read_line(seat->stream, text, sizeof text, thrum_in(10)) > 0)
        tell(seat, text);
    thrum_queue_close(seat->lines);
    int rc = thrum_future_result(sender, NULL, 0, THRUM_FOREVER);
    if (rc == THRUM_FAILED)
        rc = thrum_fail_with(self, thrum_future_error(sender));
    thrum_future_free(sender);
    thrum_queue_free(seat->lines);
    thrum_stream_free(seat->stream);
    *seat = (struct seat){0};
    return rc;
}

struct guest {
    const char *name;
    thrum_stream *stream; /* its side */
};

/* Says its line once all are there, and notes what it hears from the two others. */
static int visit(thrum_task *self)
{
    const struct guest *me = &thrum_arg(self, struct guest);
    char said[LINE], heard[GUESTS - 1][LINE], *first = heard[0], *second = heard[1];
    int size = snprintf(said, sizeof said, "%s says hello\n", me->name);
    int rc = thrum_stream_write(me->stream, said, (size_t)size, thrum_in(10));
    if (rc == 0)
        rc = thrum_stream_flush(me->stream, thrum_in(10));
    for (int i = 0; i < GUESTS - 1 && rc == 0; i++)
        if (thrum_stream_read_line(me->stream, heard[i], LINE, thrum_in(10)) <= 0)
            rc = -EPIPE;
    thrum_stream_free(me->stream);
    if (rc < 0)
        return rc;
    if (strcmp(first, second) > 0) {
        first = heard[1];
        second = heard[0];
    }
    printf("%s heard: %.*s, %.*s\n", me->name, (int)strcspn(first, "\n"), first,
           (int)strcspn(second, "\n"), second);
    return 0;
}

/* Connects a guest, and gives it a seat. */
static int come_in(thrum_socket *listener, struct seat *seat, thrum_stream **ret_guest)
{
    thrum_socket *peer;
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    int rc = thrum_stream_connect("127.0.0.1", port, NULL, ret_guest, thrum_in(10));
    if (rc == 0)
        rc = thrum_socket_accept(listener, &peer, thrum_in(10));
    if (rc == 0)
        rc = thrum_stream_from_socket(peer, NULL, &seat->stream);
    seat->lines = thrum_queue_new(sizeof(struct line), &(thrum_queue_options){.max_size = BACKLOG});
    return rc < 0 ? rc : seat->lines ? 0 : -ENOMEM;
}

static int evening(thrum_task *self)
{
    static const char *const names[GUESTS] = {"Ada", "Bob", "Cleo"};
    thrum_executor *pool = thrum_fiber_pool_current();
    thrum_future *tasks[2 * GUESTS];
    thrum_socket *listener;
    thrum_stream *own[GUESTS];
    int rc = thrum_socket_listen("127.0.0.1", 0, NULL, &listener);
    if (rc < 0)
        return thrum_fail(self, rc, "cannot listen");
    for (int i = 0; i < GUESTS; i++) {
        rc = come_in(listener, &room[i], &own[i]);
        if (rc < 0)
            errx(EXIT_FAILURE, "guest %d cannot come in: %s", i, thrum_strerror(rc));
        tasks[i] = thrum_submit(pool, host, thrum_value(struct seat *, &room[i]));
    }
    for (int i = 0; i < GUESTS; i++)
        tasks[GUESTS + i] = thrum_submit(pool, visit, thrum_value(struct guest, names[i], own[i]));
    for (int i = 0; i < 2 * GUESTS; i++) {
        rc = thrum_future_result(tasks[i], NULL, 0, THRUM_FOREVER);
        if (rc == THRUM_FAILED)
            errx(EXIT_FAILURE, "a task failed: %s", thrum_future_error(tasks[i])->message);
        thrum_future_free(tasks[i]);
    }
    thrum_socket_free(listener);
    printf("all have left\n");
    return 0;
}

int main(void)
{
    return thrum_run_with(&(thrum_fiber_pool_options){.max_workers = 1}, evening, THRUM_NOTHING);
}
