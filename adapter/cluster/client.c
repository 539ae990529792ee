/* The client: an executor whose tasks are messages in a stream of a NATS server.
 *
 * Tasks come out of the backlog of a driven executor (thrum/driver.h) on the I/O thread, and go into *parcels*, the messages.
 * A task that is with the server is a *flight*.
 *
 *     backlog --take--> flight in a parcel --publish--> SENT --PubAck--> STORED --result--> resolved
 *                                           ^            |                 |
 *                                           `-no answer--'                 `-- the server has lost its state: SENT again
 *
 * A task with a large argument has a parcel of its own, which is LOADING first, until the argument is stored (values.c). A
 * large result is fetched while its flight stays in the table; the message with it is acknowledged at once, as a client that
 * dies has no flight any more.
 *
 * Exactly one outcome. A flight is in the table `flights` until it is resolved. The thread that takes it out of the table,
 * under the lock, resolves it: a result, the deadline, a confirmed cancel, the end of the lease after a cancel, or a refusal by the
 * server. What comes later finds no flight and is dropped. So a second result, of a task that ran twice, is dropped too.
 *
 * At least once. A parcel is published again until the server has confirmed it. Each publish of it has the same Nats-Msg-Id,
 * so the server keeps one copy. A result is acknowledged after its flights were resolved; until then the server delivers it
 * again. If the server has lost the client's consumer or a stream, or a stream was made at another time or went back
 * (stream.c), its state was wiped or deleted: the client makes all again, and publishes all flights again with new ids, as a
 * result may have been lost as well.
 *
 * Pairs of events that race:
 *
 *     result and deadline, cancel or wiped state    the lock decides; see above
 *     PubAck and its repetition                     the first marks the parcel STORED; a second finds it so, or gone
 *     PubAck and result                             the result may come first: the parcel is then gone, or STORED later
 *     large result on its way and any other end      the lock decides; what was fetched is freed, and deleted at the server
 *     large argument on its way and its end          the same
 *     cancel and delivery to a worker               below
 *     shutdown and everything                       the driven executor is over when no flight is left
 *
 * Cancel. A flight that is asked to stop may wait in the stream or run. The client tells all workers, again and again, until
 * it is resolved; a worker that has the task asks it to stop, and its outcome comes as a result. A worker that does not have
 * it says nothing. So the client also deletes the message from the stream, if nothing but such flights is in it, and then asks
 * the server up to which message its consumer has delivered. After a deletion nothing is delivered any more, so a message
 * beyond that point has never been with a worker: its flights are cancelled as if they had never been submitted. If it is not
 * beyond, a worker may have it. The number of a message means another one after the server has lost its state, so it is used
 * only while the stream is known to be the same. If no outcome comes within a lease, the flight fails with -ECANCELED.
 *     A shutdown that cancels what is pending first asks for that point, and deletes only messages beyond it.
 *
 * Batches. A task that takes long travels alone, so that each worker gets what it can run. Workers tell how long tasks take; a
 * parcel gets as many tasks of one function as take BATCH_NS together.
 *
 * Threads. The I/O thread takes, publishes, and watches times. A thread of libnats calls `receive`, which resolves flights;
 * callbacks of futures run on background threads of libthrum. The lock is held for table operations, for writing a parcel and
 * for the small messages of a cancel; never while tasks are published, and never while a future is resolved. `wake` is called under the lock of the
 * executor, and only sets an event; so the order is: the client's lock, then the executor's.
 *
 * Rejected: results to a core inbox. A client whose connection is away at that moment would never see them.
 */
#include "client.h"

#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* -------------------------------------------------------------------------------------- publishing */

/* Writes what is left of a parcel. Under the lock. */
static void write_parcel(struct client *client, const struct parcel *parcel, struct buffer *buffer)
{
    char reference[REFERENCE_MOST];
    size_t reference_size =
        parcel->argument ? thrum_cluster__value_refer(parcel->argument, reference) : 0;
    thrum_cluster__buffer_add(buffer, "THT1", 4);
    thrum_cluster__buffer_add(buffer, client->id, sizeof client->id);
    thrum_cluster__buffer_add_number(buffer, parcel->count, 4);
    for (const struct flight *flight = parcel->flights; flight; flight = flight->next) {
        thrum_driven_view view;
        thrum_driven_get(flight->task, &view);
        thrum_time now = thrum_now(), ends = view.deadline.ns;
        thrum_cluster__task_record_write(
            buffer, &(struct task_record){
                        .number = flight->number,
                        .form = parcel->argument ? ARG_LARGE : ARG_INSIDE,
                        .left = !flight->ends_at ? 0
                                : ends > now     ? (uint64_t)(ends - now)
                                                 : 1,
                        .name = parcel->code->name,
                        .name_size = strlen(parcel->code->name),
                        .arg = reference_size ? reference : view.arg,
                        .arg_size = reference_size ? reference_size : view.arg_size,
                    });
    }
}

static thrum_time pause_after(unsigned tries)
{
    thrum_time pause = 250 * MS << (tries < 3 ? tries : 3);
    return pause;
}

/* Publishes the parcel if it is there and not stored. */
static void publish_parcel(struct client *client, uint64_t number, struct buffer *buffer)
{
    char subject[SUBJECT_SIZE], reply[32], id[96];
    unsigned generation = 0;
    buffer->size = 0;
    thrum_with (&client->lock) {
        struct parcel *parcel = thrum_cluster__table_find(&client->parcels, number);
        if (!parcel || parcel->stage >= STORED)
            break;
        thrum_cluster__set_stage(client, parcel, SENT);
        generation = parcel->generation;
        write_parcel(client, parcel, buffer);
        parcel->again_at = thrum_now() + pause_after(parcel->tries++);
        snprintf(subject, sizeof subject, "thrum.%s.t.%d.%s", client->link.settings.pool,
                 parcel->rank, parcel->code->code);
    }
    if (buffer->failed) /* memory ran out: it is published again after its time */
        thrum_cluster__buffer_free(buffer);
    if (!buffer->size)
        return;
    snprintf(reply, sizeof reply, "p.%llu", (unsigned long long)number);
    snprintf(id, sizeof id, "%s-%llu-%u", client->id_text, (unsigned long long)number, generation);
    thrum_cluster__link_publish(&client->link, subject, reply, id, buffer->bytes, buffer->size);
}

static const char *why_refused(int code)
{
    switch (code) {
    case -ENOENT:
        return "the function has no name for other machines: it is not registered by THRUM_TASK, and "
               "not in a program with a build-id";
    case -EMSGSIZE:
        return "the argument is larger than 1 GiB";
    default:
        return NULL;
    }
}

/* Takes tasks out of the backlog, and makes flights of them. Returns whether there may be more. */
static bool take_tasks(struct client *client)
{
    for (int i = 0; i < TAKE_MOST; i++) {
        int rc = -EMSGSIZE;
        bool room = false;
        thrum_with (&client->lock) {
            room =
                client->flights.count < FLIGHTS_MOST && !client->full && client->large < LARGE_MOST;
            client->crowded = !room;
        }
        thrum_driven *task = room ? thrum_driver_take(client->executor) : NULL;
        if (!task)
            return false;
        thrum_driven_view view;
        thrum_driven_get(task, &view);
        if (view.arg_size <= VALUE_MOST)
            thrum_with (&client->lock)
                rc = thrum_cluster__flight_add(client, task, &view);
        if (rc < 0)
            thrum_driven_set_error(task, rc, why_refused(rc));
    }
    return true;
}

/* Numbers of parcels that are to be treated outside of the lock. */
static thrum_time note_due(const struct list *list, struct numbers *due, bool all, thrum_time now)
{
    thrum_time next = INT64_MAX;
    for (const struct parcel *parcel = list->first; parcel; parcel = parcel->next) {
        if (all || parcel->again_at <= now)
            thrum_cluster__note(due, parcel->number);
        else if (parcel->again_at < next)
            next = parcel->again_at;
    }
    return due->count == NUMBERS_MOST ? 0 : next;
}

/* Publishes what has come, and what has had no answer for too long. */
static void publish_due(struct client *client, struct buffer *buffer)
{
    struct numbers due;
    due.count = 0;
    thrum_time now = thrum_now();
    thrum_with (&client->lock) {
        for (struct code *code = client->codes; code; code = code->next)
            memset(code->open, 0, sizeof code->open);
        (void)note_due(&client->lists[FRESH], &due, true, now);
        if (client->again || now >= client->resend_at)
            client->resend_at = note_due(&client->lists[SENT], &due, client->again, now);
        client->again = false;
        if (client->resend_at > now + 250 * MS)
            client->resend_at = now + 250 * MS;
    }
    for (size_t i = 0; i < due.count; i++)
        publish_parcel(client, due.number[i], buffer);
    if (due.count == NUMBERS_MOST)
        thrum_cluster__client_wake(client);
}

static void reconnected(void *context)
{
    struct client *client = context;
    thrum_with (&client->lock) {
        client->again = true;
        client->check_at = 0;
        thrum_cluster__values_again(&client->values);
    }
    thrum_event_set(&client->wake);
}

/* --------------------------------------------------------------------------------- the server's state */

void thrum_cluster__make_consumer(struct client *client)
{
    char subject[SUBJECT_SIZE], text[1024];
    const char *pool = client->link.settings.pool;
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DURABLE.CREATE.thrum-%s-r.%s", pool,
             client->id_text);
    snprintf(
        text, sizeof text,
        "{\"stream_name\":\"thrum-%s-r\",\"config\":{\"durable_name\":\"%s\",\"deliver_policy\":"
        "\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":%llu,\"max_deliver\":-1,"
        "\"filter_subject\":\"thrum.%s.r.%s\",\"replay_policy\":\"instant\",\"deliver_subject\":"
        "\"%s\",\"max_ack_pending\":8192,\"inactive_threshold\":600000000000}}",
        pool, client->id_text, (unsigned long long)RESULT_WAIT, pool, client->id_text,
        client->results);
    thrum_cluster__link_publish(&client->link, subject, "x", NULL, text, strlen(text));
}

void thrum_cluster__delete_consumer(struct client *client, const char *token)
{
    char subject[SUBJECT_SIZE];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.thrum-%s-r.%s",
             client->link.settings.pool, client->id_text);
    thrum_cluster__link_publish(&client->link, subject, token, NULL, "", 0);
}

/* Makes the streams and the consumer again, and publishes all flights again, under new ids. */
static void recover(struct client *client)
{
    thrum_cluster__link_make_stream(&client->link, "t", "x");
    thrum_cluster__link_make_stream(&client->link, "r", "x");
    thrum_cluster__make_consumer(client);
    thrum_with (&client->lock) {
        client->lost = false;
        for (size_t i = 0; i < client->parcels.room; i++)
            if (client->parcels.places[i].value)
                thrum_cluster__send_again(client, client->parcels.places[i].value);
    }
}

/* Looks now and then whether the server still has what the client made there. */
static void check_server(struct client *client)
{
    char subject[SUBJECT_SIZE];
    bool lost = false, due = false;
    struct stream_question tasks, results;
    thrum_time now = thrum_now();
    thrum_with (&client->lock) {
        due = now >= client->check_at && client->flights.count;
        lost = client->lost && now >= client->recover_at;
        if (due)
            client->check_at = now + 2000 * MS;
        if (lost)
            client->recover_at = now + 500 * MS;
        tasks = thrum_cluster__stream_question(&client->stream, &client->link);
        results = thrum_cluster__stream_question(&client->result_stream, &client->link);
    }
    if (lost)
        recover(client);
    if (!due)
        return;
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.INFO.thrum-%s-r.%s",
             client->link.settings.pool, client->id_text);
    thrum_cluster__link_publish(&client->link, subject, "k", NULL, "", 0);
    thrum_cluster__stream_ask(&client->link, "t", 't', &tasks);
    thrum_cluster__stream_ask(&client->link, "r", 'r', &results);
}

/* ------------------------------------------------------------------------------------ the I/O thread */

static const thrum_driver driver = {.name = "cluster", .wake = thrum_cluster__client_wake};

static int open_client(struct client *client, double seconds)
{
    const thrum_cluster_options *given = &client->link.settings.given;
    int rc = thrum_cluster__link_open(&client->link, seconds, &client->error);
    if (rc < 0)
        return rc;
    natsStatus status = thrum_cluster__link_listen_to_inbox(&client->link, &client->results);
    if (status != NATS_OK)
        return thrum_cluster__link_error(&client->error, -EPROTO, "cannot listen: %s",
                                         natsStatus_GetText(status));
    client->executor = thrum_driver_new(
        &driver,
        &(thrum_driver_options){.max_workers = given->max_workers ? given->max_workers : 64,
                                .name_prefix = given->name_prefix,
                                .daemon = given->daemon,
                                .max_pending = given->max_pending,
                                .when_full = given->when_full},
        client);
    if (!client->executor)
        return thrum_cluster__link_error(&client->error, -ENOMEM, "out of memory");
    thrum_cluster__make_consumer(client);
    return 0;
}

static thrum_time next_look(struct client *client)
{
    thrum_time next = thrum_now() + 500 * MS;
    thrum_with (&client->lock) {
        if (client->scan_at < next && client->flights.count)
            next = client->scan_at;
        if (client->resend_at < next && client->lists[SENT].first)
            next = client->resend_at;
        if (client->asked && client->cancel_at < next)
            next = client->cancel_at;
        thrum_time values = thrum_cluster__values_next(&client->values);
        next = values < next ? values : next;
    }
    return next;
}

static void drive(struct client *client)
{
    struct buffer buffer = {0};
    for (;;) {
        thrum_event_clear(&client->wake); /* first: a later wake is of what is looked at below */
        thrum_driver_phase phase = thrum_driver_phase_get(client->executor);
        if (phase == THRUM_DRIVER_OVER)
            break;
        check_server(client); /* before a message is published again: see stream.c */
        bool more = take_tasks(client);
        publish_due(client, &buffer);
        thrum_cluster__values_move(&client->values, &buffer);
        thrum_cluster__pass_requests(client, phase == THRUM_DRIVER_CLEARING);
        thrum_cluster__end_late(client);
        if (!more)
            (void)!thrum_event_wait(&client->wake, thrum_at(next_look(client)));
    }
    thrum_cluster__buffer_free(&buffer);
}

static void close_client(struct client *client)
{
    thrum_executor *executor = client->executor;
    thrum_cluster__delete_consumer(client, "x");
    if (client->had_large)
        thrum_cluster__values_delete(&client->link, client->id_text);
    (void)natsConnection_FlushTimeout(client->link.connection, 500);
    thrum_cluster__link_close(&client->link);
    natsInbox_Destroy(client->results);
    for (struct code *code = client->codes, *next; code; code = next) {
        next = code->next;
        free(code);
    }
    free(client->flights.places);
    free(client->parcels.places);
    free(client);
    thrum_driver_leave(executor);
}

struct start {
    struct client *client;
    double seconds;
};

static int run_client(thrum_task *self)
{
    struct start start = thrum_arg(self, struct start);
    struct client *client = start.client;
    int rc = open_client(client, start.seconds);
    if (rc < 0) {
        thrum_cluster__link_close(&client->link);
        natsInbox_Destroy(client->results);
    }
    client->rc = rc;
    thrum_event_set(&client->opened); /* a client that could not be opened is the caller's again */
    if (rc < 0)
        return 0;
    drive(client);
    close_client(client);
    return 0;
}

static double seconds_until(thrum_deadline deadline)
{
    double left = (double)(deadline.ns - thrum_now()) * 1e-9;
    return thrum_deadline_is_forever(deadline) || left > 60 ? 60 : left > 0 ? left : 0;
}

static int start_client(struct client *client, thrum_deadline deadline, thrum_error *ret_error)
{
    const thrum_thread_options options = {.name = "cluster", .daemon = true};
    const struct start start = {client, seconds_until(deadline)};
    if (getrandom(client->id, sizeof client->id, 0) != (ssize_t)sizeof client->id)
        return thrum_cluster__link_error(ret_error, -EAGAIN, "the system gives no random number");
    for (size_t i = 0; i < sizeof client->id; i++)
        snprintf(client->id_text + 2 * i, 3, "%02x", client->id[i]);
    client->link.receive = thrum_cluster__client_receive;
    client->link.reconnected = reconnected;
    client->link.context = client;
    client->values = (struct values){.link = &client->link, .lock = &client->lock};
    thrum_thread *thread = thrum_thread_start_with(&options, run_client, &start, sizeof start);
    const thrum_error *error = thrum_thread_error(thread);
    int rc = error ? thrum_cluster__link_error(ret_error, error->code, "%s", error->message) : 0;
    if (rc == 0) {
        thrum_shield_begin(); /* the connection has a time limit of its own */
        (void)!thrum_event_wait(&client->opened, THRUM_FOREVER);
        thrum_shield_end();
    }
    thrum_thread_free(thread);
    return rc;
}

int thrum_cluster_new(const thrum_cluster_options *options, thrum_executor **ret_executor,
                      thrum_error *ret_error, thrum_deadline deadline)
{
    struct settings settings;
    int rc = thrum_cluster__settings_take(&settings, options, ret_error);
    if (rc < 0)
        return rc;
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        return thrum_cluster__link_error(ret_error, -ENOMEM, "out of memory");
    client->link.settings = settings;
    rc = start_client(client, deadline, ret_error);
    if (rc == 0 && client->rc < 0) {
        rc = client->rc;
        if (ret_error)
            *ret_error = client->error;
    }
    if (rc < 0)
        free(client);
    else
        *ret_executor = client->executor;
    return rc;
}
