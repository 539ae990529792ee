/* Consumers that stall: messages wait for them, and they deliver none. nats-server has had several such defects; for the
 * user they look like workers that do not work. A stalled consumer is deleted and made anew: then it delivers all that is in
 * the stream and not acknowledged.
 *
 *     worker   asks every lease whether its stream has messages; if so, for each consumer that it waits for, what the
 *              consumer has delivered. The counts are those of all workers
 *     client   the same for the consumer of its results, while it waits for some (check_server in client.c). It alone gets what
 *              that delivers, so it compares with what has come: nats-server 2.9 at times counts deliveries, again and again,
 *              and sends nothing, from a consumer that was made in the first moments of its stream
 *
 * A consumer is *suspected* from the first answer that has messages pending, and as long as each later answer has the same count of
 * deliveries. An answer with a delivered message beyond the end of the stream is the same: if the stream went back (stream.c), the
 * consumer waits for numbers behind that. A delivery to this process, an answer without pending messages, or a worker that does not ask for more ends
 * the suspicion. After two leases of suspicion, the consumer is replaced.
 *
 * What a wrong suspicion costs. A new consumer knows of no deliveries, so tasks that run are delivered again after it was made,
 * and run twice; each future has one outcome all the same, and the results of the first run count as any other. The
 * acknowledgement of a message to the old consumer works for the new one: it has the name of the consumer and the number of
 * the message. The count of deliveries begins anew, so a poisonous task may cost `max_deliveries` more workers.
 *
 * Several workers may find the same stall. The requests of the others end when the consumer is deleted (409); they make it again,
 * which changes nothing, and their suspicion has ended. A second deletion within moments costs what a wrong suspicion costs.
 *
 * The consumer is made when the answer to its deletion has come. Before that, a server may find the old consumer half deleted,
 * and keep it.
 * If the answer is lost, the suspicion goes on, and leads to a second deletion. */
#include "link.h"
#include "worker.h"

#include <thrum/with.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The suspicion begins or goes on while `waits` holds and the count stays the same. */
static bool suspect(struct stall *stall, bool waits, uint64_t count, thrum_time limit)
{
    thrum_time now = thrum_now();
    if (!waits) {
        stall->since = 0;
    } else if (!stall->since || stall->delivered != count) {
        *stall = (struct stall){.delivered = count, .since = now};
    } else if (now - stall->since >= limit) {
        stall->since = 0;
        return true;
    }
    return false;
}

/* A number inside of "delivered". */
static uint64_t delivered_number(const char *text, size_t size, const char *key)
{
    const char *at = thrum_cluster__json_find(text, size, "delivered");
    return at ? thrum_cluster__json_number(at, size - (size_t)(at - text), key) : 0;
}

/* True if the consumer has messages to deliver, or waits for later numbers than the stream will give next. */
static bool has_more(const char *text, size_t size, uint64_t last)
{
    return thrum_cluster__json_find(text, size, "delivered") &&
           (thrum_cluster__json_number(text, size, "num_pending") ||
            delivered_number(text, size, "stream_seq") > last);
}

bool thrum_cluster__stalls(struct stall *stall, const char *text, size_t size, uint64_t last,
                           thrum_time limit)
{
    return suspect(stall, has_more(text, size, last), delivered_number(text, size, "consumer_seq"),
                   limit);
}

bool thrum_cluster__loses(struct stall *stall, const char *text, size_t size, uint64_t last,
                          uint64_t received, thrum_time limit)
{
    bool waits =
        has_more(text, size, last) || thrum_cluster__json_number(text, size, "num_ack_pending") > 0;
    return suspect(stall, waits, received, limit);
}

/* Asks about consumers for which messages may wait. Under the lock. */
void thrum_cluster__look_at_consumers(struct worker *worker)
{
    char subject[SUBJECT_SIZE], reply[32];
    for (size_t i = 0; i < worker->consumer_count; i++) {
        const struct consumer *consumer = &worker->consumers[i];
        if (!consumer->made || !consumer->waits)
            continue;
        snprintf(subject, sizeof subject, "$JS.API.CONSUMER.INFO.thrum-%s-t.p%d-%s",
                 worker->link.settings.pool, consumer->rank, consumer->code);
        snprintf(reply, sizeof reply, "i.%zu", i);
        thrum_cluster__link_publish(&worker->link, subject, reply, NULL, "", 0);
    }
}

static struct consumer *consumer_named(struct worker *worker, const char *token)
{
    size_t number = strlen(token) > 2 ? strtoull(token + 2, NULL, 10) : worker->consumer_count;
    return number < worker->consumer_count ? &worker->consumers[number] : NULL;
}

static void replace(struct worker *worker, const struct consumer *consumer)
{
    char subject[SUBJECT_SIZE], reply[32];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.thrum-%s-t.p%d-%s",
             worker->link.settings.pool, consumer->rank, consumer->code);
    snprintf(reply, sizeof reply, "d.%zu", (size_t)(consumer - worker->consumers));
    thrum_cluster__link_publish(&worker->link, subject, reply, NULL, "", 0);
    worker->replaced++;
}

void thrum_cluster__take_consumer(struct worker *worker, const char *token, natsMsg *message)
{
    const char *text = natsMsg_GetData(message);
    size_t size = (size_t)natsMsg_GetDataLength(message);
    thrum_with (&worker->lock) {
        struct consumer *consumer = consumer_named(worker, token);
        if (!consumer)
            break;
        if (*token == 'd')
            worker->lost = true, consumer->made = false;
        else if (consumer->made && consumer->waits &&
                 thrum_cluster__stalls(&consumer->stall, text, size, worker->stream.last,
                                       2 * worker->link.settings.lease))
            replace(worker, consumer);
    }
    thrum_cluster__worker_wake(worker);
}
