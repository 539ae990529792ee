/* The worker: takes messages with tasks from the streams of a pool, runs the tasks on a local executor, and sends outcomes.
 *
 *     message --read--> jobs on the executor --done--> results in an answer --PubAck--> message acknowledged
 *                \-> argument fetched -/          \-> result stored in chunks -/      for large values: values.c
 *
 * A message that was taken and not acknowledged is a *lease*. Its tasks are *jobs*. A worker says every third of the lease
 * time that it goes on, so the server delivers the message to no other. A worker that dies or is stopped says nothing, and
 * after the lease time another worker gets the message. Results go out as they come, several in one *answer*; a message is
 * acknowledged when each of its results is stored in the results stream. So a death at any moment loses no outcome: before the
 * PubAck the task runs again, after it the result is there.
 *
 * Races, and how they end:
 *
 *     lease over, but the worker lives (it was stopped)    the task runs twice; the client drops the second result. If the
 *                                                          message comes back to this worker, it keeps the lease it has
 *     result stored, worker dies before the acknowledgement   the same
 *     acknowledgement lost                                 the message comes again after the lease, and runs again
 *     cancel before the task                               a cancel is repeated by the client until there is an outcome
 *     the server's state wiped                             below
 *     server gone                                          answers are published again until they are stored; requests for
 *                                                          messages are made again when the connection is back
 *
 * A wiped server. A new stream numbers its messages from 1, and an acknowledgement has nothing but the number: one of the old
 * stream deletes a message of the new one. So after each loss of the connection, and when a consumer is gone, the worker
 * acknowledges nothing and asks for nothing before it has compared when the stream was made. If that is another stream, its
 * leases are dead: their outcomes are sent, but nothing is acknowledged.
 *
 * Poison. The server counts deliveries. A task whose workers were lost `max_deliveries` times fails with -ECHILD and is not
 * run. A message with several tasks that comes a second time is split: each task is published alone, with the count of what
 * was lost so far, and the message is acknowledged when all are stored. So one poisonous task does not take its neighbours
 * along.
 *
 * Which tasks. There is one durable consumer for each priority and code, that is, for each registered name and for the program's
 * build-id. A worker asks only the consumers of codes that it has; so tasks of other builds stay in the stream for others.
 *
 * How many. A worker holds at most as many tasks as it can run, and, if they are short, as many more as it runs in AHEAD_NS:
 * they hide the time that it takes to get the next. While it has room, each consumer has one request for one message that
 * waits at the server (`waits`), so a task that comes is delivered at once. Each message tells whether more wait behind it. Then
 * the consumer is `hot`: it is asked for as many as there is room for, the highest priority first, by requests that do not wait.
 * It stops to be hot when such a request finds nothing, or a message is the last one. A message that comes again tells nothing of
 * others that come again; so it counts as one with more behind it.
 *
 * Threads as in client.c: the I/O thread, and those of libnats, which read tasks, submit them, and ask for more. The lock is
 * not held while jobs are submitted or cancelled, nor while messages are asked for.
 *
 * Latency. A task alone in the pool takes as long as the threads that it passes: the I/O thread of the client, the server, two
 * threads of libnats and one of the executor, the I/O thread of the worker, the server, two threads of libnats. What else
 * wakes meanwhile takes the processor from these. So the I/O thread is woken only for what it must do, and messages of libnats are
 * freed many at a time (thrum_cluster__link_spend).
 */
#include "worker.h"

#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ------------------------------------------------------------------------------- the server's state */

/* Makes those that the server has not confirmed. Under the lock. */
static void make_consumers(struct worker *worker)
{
    char subject[SUBJECT_SIZE], text[1024], reply[32];
    const char *pool = worker->link.settings.pool;
    for (size_t i = 0; i < worker->consumer_count; i++) {
        const struct consumer *consumer = &worker->consumers[i];
        if (consumer->made)
            continue;
        snprintf(reply, sizeof reply, "c.%zu", i);
        snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DURABLE.CREATE.thrum-%s-t.p%d-%s", pool,
                 consumer->rank, consumer->code);
        snprintf(text, sizeof text,
                 "{\"stream_name\":\"thrum-%s-t\",\"config\":{\"durable_name\":\"p%d-%s\","
                 "\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":%llu,"
                 "\"max_deliver\":-1,\"filter_subject\":\"thrum.%s.t.%d.%s\",\"replay_policy\":"
                 "\"instant\",\"max_ack_pending\":65536,\"max_waiting\":4096}}",
                 pool, consumer->rank, consumer->code,
                 (unsigned long long)worker->link.settings.lease, pool, consumer->rank,
                 consumer->code);
        thrum_cluster__link_publish(&worker->link, subject, reply, NULL, text, strlen(text));
    }
}

/* The server's answer to a consumer. In a cluster it comes when a leader was elected; what is asked of a consumer before
 * has no answer. */
static void take_made(struct worker *worker, const char *token, natsMsg *message)
{
    size_t number = strlen(token) > 2 ? strtoull(token + 2, NULL, 10) : worker->consumer_count;
    bool refused = natsMsg_IsNoResponders(message) ||
                   thrum_cluster__json_number(natsMsg_GetData(message),
                                              (size_t)natsMsg_GetDataLength(message), "err_code");
    if (refused || number >= worker->consumer_count)
        return;
    thrum_with (&worker->lock) {
        struct consumer *consumer = &worker->consumers[number];
        consumer->waits =
            0; /* a repeated request is answered too early, and what was asked since is lost */
        consumer->made = true;
    }
    thrum_cluster__worker_wake(worker);
}

static void recover(struct worker *worker)
{
    bool lost = false;
    thrum_time now = thrum_now();
    thrum_with (&worker->lock) {
        bool made = true;
        for (size_t i = 0; i < worker->consumer_count; i++) {
            worker->consumers[i].made &= !worker->lost;
            made &= worker->consumers[i].made;
        }
        lost = !made && now >= worker->recover_at;
        worker->lost = false;
        if (lost) {
            worker->recover_at = now + 1000 * MS;
            thrum_cluster__link_make_stream(&worker->link, "t", "x");
            thrum_cluster__link_make_stream(&worker->link, "r", "x");
            make_consumers(worker);
        }
    }
}

static void reconnected(void *context)
{
    struct worker *worker = context;
    thrum_with (&worker->lock) {
        worker->again = true;
        worker->lost = true; /* the server may have lost its state: make what is not there */
        thrum_cluster__stream_doubt(&worker->stream);
        worker->progress_at = 0;
        thrum_cluster__values_again(&worker->values);
        for (size_t i = 0; i < worker->consumer_count; i++) {
            worker->consumers[i].waits = 0;
            worker->consumers[i].asked = 0;
        }
    }
    thrum_cluster__worker_wake(worker);
}

/* The server's answer about the stream of tasks, to a question on that connection. */
static void take_stream(struct worker *worker, const char *token, natsMsg *message)
{
    thrum_with (&worker->lock) {
        enum stream_news news =
            thrum_cluster__stream_take(&worker->stream, &worker->link, token, message);
        if (news == STREAM_LATE)
            break;
        if (news == STREAM_GONE || news == STREAM_DARK) {
            worker->lost = true;
            thrum_cluster__stream_doubt(&worker->stream);
        }
        if (news != STREAM_DARK)
            thrum_cluster__stream_seen(worker, news != STREAM_SAME);
        if (worker->stream.seen &&
            thrum_cluster__json_number(natsMsg_GetData(message),
                                       (size_t)natsMsg_GetDataLength(message), "messages"))
            thrum_cluster__look_at_consumers(worker);
    }
    thrum_cluster__worker_wake(worker);
}

static void receive(void *context, const char *token, natsMsg *message)
{
    struct worker *worker = context;
    uint64_t number = token && strlen(token) > 2 ? strtoull(token + 2, NULL, 10) : 0;
    if (token && *token == 'p')
        thrum_cluster__worker_stored(worker, number, natsMsg_GetData(message),
                                     (size_t)natsMsg_GetDataLength(message),
                                     natsMsg_IsNoResponders(message));
    if (token && *token == 'c')
        take_made(worker, token, message);
    if (token && *token && strchr("ugm", *token))
        thrum_cluster__worker_chunk(worker, token, message);
    if (token && (*token == 'i' || *token == 'd'))
        thrum_cluster__take_consumer(worker, token, message);
    if (token && *token == 'v')
        take_stream(worker, token, message);
}

/* When to ask for the stream of tasks: until it is known, and then for messages that no consumer delivers. Under the lock. */
static thrum_time ask_at(const struct worker *worker)
{
    return worker->asked_at + (worker->stream.seen ? worker->link.settings.lease / 2 : 250 * MS);
}

static void ask_for_stream(struct worker *worker)
{
    bool asks = false;
    struct stream_question question;
    thrum_time now = thrum_now();
    thrum_with (&worker->lock) {
        asks = now >= ask_at(worker);
        if (asks)
            worker->asked_at = now;
        question = thrum_cluster__stream_question(&worker->stream, &worker->link);
    }
    if (asks)
        thrum_cluster__stream_ask(&worker->link, "t", 'v', &question);
}

static void take_question(natsConnection *connection, natsSubscription *subscription,
                          natsMsg *message, void *context)
{
    (void)subscription;
    struct worker *worker = context;
    char text[200];
    thrum_with (&worker->lock)
        snprintf(text, sizeof text,
                 "{\"running\":%zu,\"capacity\":%d,\"done\":%llu,\"replaced\":%llu}", worker->held,
                 worker->serve.max_running, (unsigned long long)worker->ended,
                 (unsigned long long)worker->replaced);
    if (natsMsg_GetReply(message))
        (void)natsConnection_PublishString(connection, natsMsg_GetReply(message), text);
    thrum_cluster__link_spend(&worker->link, message);
}

static void say_progress(struct worker *worker)
{
    thrum_time now = thrum_now();
    thrum_with (&worker->lock) {
        if (now < worker->progress_at)
            break;
        worker->progress_at = now + worker->link.settings.lease / 3;
        bool holds = thrum_cluster__stream_holds(&worker->stream, &worker->link);
        for (const struct lease *lease = worker->leases; lease; lease = lease->next)
            if (holds && !lease->dead)
                thrum_cluster__link_answer(&worker->link, lease->reply, "+WPI");
    }
}

/* ------------------------------------------------------------------------------------ the I/O thread */

static int add_code(const char *name, void *context)
{
    struct worker *worker = context;
    if (worker->serve.registered_only && !strchr(name, '@'))
        return 0;
    if (worker->consumer_count == (size_t)CODES_MOST * PRIORITIES)
        return 1;
    /* All of high priority stand before all others: ask_for_more goes from the first to the last. */
    for (int rank = 0; rank < PRIORITIES; rank++) {
        struct consumer *consumer = &worker->consumers[worker->consumer_count++];
        thrum_cluster__code_of(name, consumer->code);
        consumer->rank = rank;
    }
    return 0;
}

static int by_rank(const void *a, const void *b)
{
    return ((const struct consumer *)a)->rank - ((const struct consumer *)b)->rank;
}

static int open_worker(struct worker *worker, thrum_error *ret_error)
{
    char subject[SUBJECT_SIZE];
    const char *pool = worker->link.settings.pool;
    (void)!thrum_task_names_visit(add_code,
                                  worker); /* it ends early if there are more than are served */
    qsort(worker->consumers, worker->consumer_count, sizeof worker->consumers[0], by_rank);
    int rc = thrum_cluster__link_open(&worker->link, 10, ret_error);
    if (rc < 0)
        return rc;
    natsStatus status = natsInbox_Create(&worker->pull_inbox);
    snprintf(subject, sizeof subject, "%s.>", status == NATS_OK ? worker->pull_inbox : "");
    if (status == NATS_OK)
        status =
            thrum_cluster__link_listen(&worker->link, subject, thrum_cluster__take_pulled, worker);
    if (status == NATS_OK)
        worker->pulls = worker->link.listeners[worker->link.listener_count - 1].subscription;
    snprintf(subject, sizeof subject, "thrum.%s.c", pool);
    if (status == NATS_OK)
        status =
            thrum_cluster__link_listen(&worker->link, subject, thrum_cluster__take_cancels, worker);
    snprintf(subject, sizeof subject, "thrum.%s.s", pool);
    if (status == NATS_OK)
        status = thrum_cluster__link_listen(&worker->link, subject, take_question, worker);
    thrum_with (&worker->lock) {
        make_consumers(worker);
        worker->recover_at = thrum_now() + 1000 * MS;
    }
    return status == NATS_OK ? 0
                             : thrum_cluster__link_error(ret_error, -EPROTO, "cannot listen: %s",
                                                         natsStatus_GetText(status));
}

/* Takes no further messages: what the server has sent was read when this returns. */
static void stop_pulls(struct worker *worker)
{
    if (natsSubscription_Drain(worker->pulls) == NATS_OK)
        (void)natsSubscription_WaitForDrainCompletion(worker->pulls, 5000);
}

/* Nothing is left to do; or no task runs, and for two leases the server has taken nothing: it is gone. */
static bool is_drained(struct worker *worker)
{
    bool drained = false;
    thrum_time now = thrum_now(), patience = 2 * worker->link.settings.lease;
    thrum_with (&worker->lock) {
        bool leases = false, runs = worker->done;
        for (const struct lease *lease = worker->leases; lease; lease = lease->next)
            leases |= !lease->dead;
        for (const struct job *job = worker->jobs; job; job = job->next)
            runs |= !job->transfer;
        if (runs)
            worker->give_up_at = now + patience;
        else if (worker->values.progress_at + patience > worker->give_up_at)
            worker->give_up_at = worker->values.progress_at + patience;
        drained = (!worker->held && !leases && !worker->answers) || now > worker->give_up_at;
    }
    return drained;
}

static thrum_time next_look(struct worker *worker)
{
    thrum_time next = thrum_now() + 500 * MS;
    thrum_with (&worker->lock) {
        if (worker->progress_at < next)
            next = worker->progress_at;
        if (ask_at(worker) < next)
            next = ask_at(worker);
        if (worker->resend_at < next && worker->answers)
            next = worker->resend_at;
        thrum_time values = thrum_cluster__values_next(&worker->values);
        next = values < next ? values : next;
    }
    return next;
}

static void work(struct worker *worker)
{
    bool stopped = false;
    struct buffer buffer = {0};
    for (;;) {
        thrum_event_clear(&worker->wake);
        bool draining = false;
        thrum_with (&worker->lock)
            draining = worker->draining;
        if (draining && !stopped) {
            stopped = true;
            stop_pulls(worker);
            thrum_with (&worker->lock)
                worker->give_up_at = thrum_now() + 2 * worker->link.settings.lease;
        }
        thrum_cluster__cancel_jobs(worker);
        thrum_cluster__finish_jobs(worker);
        thrum_cluster__values_move(&worker->values, &buffer);
        thrum_cluster__publish_answers(worker);
        ask_for_stream(worker);
        thrum_cluster__ask_for_more(worker);
        say_progress(worker);
        recover(worker);
        if (draining && is_drained(worker))
            break;
        (void)!thrum_event_wait(&worker->wake, thrum_at(next_look(worker)));
    }
    thrum_cluster__buffer_free(&buffer);
}

static void await_jobs(struct worker *worker)
{
    for (;;) {
        size_t held = 0;
        thrum_cluster__finish_jobs(worker);
        thrum_with (&worker->lock)
            held = worker->held;
        if (!held)
            return;
        (void)!thrum_event_wait(&worker->wake, thrum_in(0.1));
        thrum_event_clear(&worker->wake);
    }
}

static void close_worker(struct worker *worker)
{
    thrum_cluster__give_up_values(worker);
    await_jobs(worker);
    (void)natsConnection_FlushTimeout(worker->link.connection, 2000);
    thrum_cluster__link_close(&worker->link);
    natsInbox_Destroy(worker->pull_inbox);
    for (struct lease *lease = worker->leases, *next; lease; lease = next) {
        next = lease->next;
        free(lease);
    }
    for (struct answer *answer = worker->answers, *next; answer; answer = next) {
        next = answer->next;
        thrum_cluster__free_answer(answer);
    }
}

struct start {
    struct worker *worker;
    thrum_event opened;
    int rc;
    thrum_error error;
};

static int run_worker(thrum_task *self)
{
    struct start *start = thrum_arg(self, struct start *);
    struct worker *worker = start->worker;
    int rc = open_worker(worker, &start->error);
    start->rc = rc;
    thrum_event_set(&start->opened);
    if (rc == 0)
        work(worker);
    if (worker->link.connection)
        close_worker(worker);
    return 0;
}

static int serve_with(struct worker *worker, thrum_error *ret_error)
{
    thrum_event never = {0};
    struct start start = {.worker = worker};
    thrum_thread *thread = thrum_thread_start(run_worker, thrum_value(struct start *, &start));
    const thrum_error *error = thrum_thread_error(thread);
    int rc = error ? thrum_cluster__link_error(ret_error, error->code, "%s", error->message) : 0;
    thrum_shield_begin();
    if (rc == 0)
        (void)!thrum_event_wait(&start.opened, THRUM_FOREVER);
    thrum_shield_end();
    if (rc == 0 && start.rc < 0 && ret_error)
        *ret_error = start.error;
    rc = rc == 0 ? start.rc : rc;
    if (rc == 0)
        rc = thrum_event_wait(worker->serve.stop ? worker->serve.stop : &never, THRUM_FOREVER);
    thrum_with (&worker->lock)
        worker->draining = true;
    thrum_cluster__worker_wake(worker);
    thrum_shield_begin();
    if (!error)
        (void)!thrum_thread_join(thread, THRUM_FOREVER);
    thrum_shield_end();
    thrum_thread_free(thread);
    return rc;
}

int thrum_cluster_serve(const thrum_cluster_options *options, thrum_executor *executor,
                        const thrum_cluster_serve_options *serve, thrum_error *ret_error)
{
    struct settings settings;
    int rc = thrum_cluster__settings_take(&settings, options, ret_error);
    if (rc < 0)
        return rc;
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return thrum_cluster__link_error(ret_error, -ENOMEM, "out of memory");
    worker->link.settings = settings;
    worker->link.receive = receive;
    worker->link.reconnected = reconnected;
    worker->link.context = worker;
    worker->values = (struct values){.link = &worker->link, .lock = &worker->lock};
    worker->executor = executor;
    if (serve)
        worker->serve = *serve;
    if (worker->serve.max_running <= 0)
        worker->serve.max_running = thrum_cpu_count();
    unsigned char random[8];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        rc = thrum_cluster__link_error(ret_error, -EAGAIN, "the system gives no random number");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(worker->id + 2 * i, 3, "%02x", random[i]);
    if (rc == 0)
        rc = serve_with(worker, ret_error);
    free(worker);
    return rc;
}
