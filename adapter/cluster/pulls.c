/* Requests for messages. worker.c has the essay. */
#include "worker.h"

#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request that was noted in the worker, and is to be sent. */
struct request_to_send {
    size_t consumer, count; /* `count` is 0 for a request that waits */
};

static void ask(struct worker *worker, const struct request_to_send *request)
{
    const struct consumer *consumer = &worker->consumers[request->consumer];
    size_t count = request->count;
    char subject[SUBJECT_SIZE], inbox[SUBJECT_SIZE], text[80];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.thrum-%s-t.p%d-%s",
             worker->link.settings.pool, consumer->rank, consumer->code);
    snprintf(inbox, sizeof inbox, "%s.%c.%zu", worker->pull_inbox, count ? 'b' : 'w',
             request->consumer);
    if (count)
        snprintf(text, sizeof text, "{\"batch\":%zu,\"no_wait\":true}", count);
    else
        snprintf(text, sizeof text, "{\"batch\":1,\"expires\":%llu}", WAIT_SECONDS * 1000000000ull);
    (void)natsConnection_PublishRequestString(worker->link.connection, subject, inbox, text);
}

/* How many tasks the worker may hold. Under the lock. */
static size_t most_held(const struct worker *worker)
{
    size_t at_once = (size_t)worker->serve.max_running;
    uint64_t ahead = worker->average ? AHEAD_NS / worker->average * at_once : 0;
    return at_once + (ahead < AHEAD_MOST ? (size_t)ahead : AHEAD_MOST);
}

/* The server answers each request, at the latest when its time is over: if it did not, the consumer is gone or does not
 * deliver. All are made and asked anew then, at once: what was lost for one was mostly lost for all. Under the lock. */
static bool a_request_was_lost(struct worker *worker, thrum_time now)
{
    bool lost = false;
    for (size_t i = 0; i < worker->consumer_count; i++)
        lost |= worker->consumers[i].waits && now > worker->consumers[i].waits;
    for (size_t i = 0; i < worker->consumer_count && lost; i++)
        worker->consumers[i].waits = 0;
    worker->lost |= lost;
    if (lost) {
        thrum_cluster__stream_doubt(&worker->stream);
        thrum_cluster__worker_wake(worker);
    }
    return lost;
}

/* Sends the requests without the lock: a task that ends meanwhile needs it. */
void thrum_cluster__ask_for_more(struct worker *worker)
{
    struct request_to_send requests[CODES_MOST * PRIORITIES];
    size_t request_count = 0;
    thrum_time now = thrum_now();
    thrum_with (&worker->lock) {
        size_t batch = worker->batch ? worker->batch : 1, most = most_held(worker);
        size_t promised = worker->held;
        for (size_t i = 0; i < worker->consumer_count; i++) {
            struct consumer *consumer = &worker->consumers[i];
            if (consumer->asked && now > consumer->asked_at + 2000 * MS)
                consumer->asked = 0; /* the request or its answer was lost */
            promised += consumer->asked * batch;
        }
        if (a_request_was_lost(worker, now) ||
            !thrum_cluster__stream_holds(&worker->stream, &worker->link))
            break;
        for (size_t i = 0; i < worker->consumer_count && !worker->draining; i++) {
            struct consumer *consumer = &worker->consumers[i];
            if (!consumer->made)
                continue;
            if (promised >= most) { /* what waits for this consumer waits for room */
                consumer->stall.since = 0;
                continue;
            }
            size_t count = (most - promised) / batch;
            if (consumer->hot && !consumer->asked && count) {
                consumer->asked = count;
                consumer->asked_at = now;
                promised += count * batch;
                requests[request_count++] = (struct request_to_send){i, count};
            } else if (!consumer->asked && !consumer->waits) {
                consumer->waits = now + (WAIT_SECONDS * 1000 + 500) * MS;
                requests[request_count++] = (struct request_to_send){i, 0};
            }
        }
    }
    for (size_t i = 0; i < request_count; i++)
        ask(worker, &requests[i]);
}

static struct consumer *consumer_of(struct worker *worker, const char *subject)
{
    char own[SUBJECT_SIZE];
    for (size_t i = 0; i < worker->consumer_count; i++) {
        struct consumer *consumer = &worker->consumers[i];
        snprintf(own, sizeof own, "thrum.%s.t.%d.%s", worker->link.settings.pool, consumer->rank,
                 consumer->code);
        if (strcmp(own, subject) == 0)
            return consumer;
    }
    return NULL;
}

/* A request has ended without a message, or with fewer than it asked for. */
static void take_end(struct worker *worker, const char *token, natsMsg *message)
{
    size_t number = strlen(token) > 2 ? strtoull(token + 2, NULL, 10) : worker->consumer_count;
    const char *status = NULL;
    bool none = natsMsg_IsNoResponders(message) ||
                natsMsgHeader_Get(message, "Status", &status) != NATS_OK || !status;
    thrum_with (&worker->lock) {
        if (number >= worker->consumer_count)
            break;
        struct consumer *consumer = &worker->consumers[number];
        if (none || strncmp(status, "409", 3) == 0) {
            worker->lost = true;
            thrum_cluster__stream_doubt(&worker->stream);
        }
        if (*token == 'w') {
            consumer->waits = 0;
        } else {
            consumer->asked = 0;
            consumer->hot = false;
        }
    }
    thrum_cluster__worker_wake(worker);
}

void thrum_cluster__take_pulled(natsConnection *connection, natsSubscription *subscription,
                                natsMsg *message, void *context)
{
    (void)connection, (void)subscription;
    struct worker *worker = context;
    struct delivery delivery;
    size_t length = strlen(worker->pull_inbox);
    const char *subject = natsMsg_GetSubject(message), *reply = natsMsg_GetReply(message);
    if (strncmp(subject, worker->pull_inbox, length) == 0 && subject[length] == '.') {
        take_end(worker, subject + length + 1, message);
    } else if (thrum_cluster__delivery_read(reply, &delivery) && strlen(reply) < SUBJECT_SIZE) {
        thrum_with (&worker->lock) {
            struct consumer *consumer = consumer_of(worker, subject);
            if (!consumer)
                break;
            thrum_cluster__stream_note(&worker->stream, delivery.sequence);
            consumer->hot = delivery.pending || delivery.count > 1;
            consumer->stall.since = 0;
            if (consumer->waits) /* the server serves the older request first */
                consumer->waits = 0;
            else if (consumer->asked)
                consumer->asked--;
        }
        thrum_cluster__take_tasks(worker, subject, reply, &delivery, message);
        thrum_cluster__ask_for_more(worker);
    }
    thrum_cluster__link_spend(&worker->link, message);
}
