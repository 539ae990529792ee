/* Consumers that stall: messages wait for them, and they deliver none. nats-server has had several such defects; for the
 * user they look like workers that do not work. A stalled consumer is deleted and made anew: then it delivers all that is in
 * the stream and not acknowledged.
 *
 *     worker   asks every lease whether its stream has messages; if so, for each consumer that it waits for, what the
 *              consumer has delivered. The counts are those of all workers
 *     client   the same for the consumer of its results, while it waits for some (check_server in client.c)
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

bool thrum_cluster__stalls(struct stall *stall, const char *text, size_t size, uint64_t last,
                           thrum_time limit)
{
    const char *delivered = thrum_cluster__json_find(text, size, "delivered");
    uint64_t pending = thrum_cluster__json_number(text, size, "num_pending");
    size_t left = delivered ? size - (size_t)(delivered - text) : 0;
    uint64_t count = delivered ? thrum_cluster__json_number(delivered, left, "consumer_seq") : 0;
    bool beyond = delivered && thrum_cluster__json_number(delivered, left, "stream_seq") > last;
    thrum_time now = thrum_now();
    if (!delivered || (!pending && !beyond)) {
        stall->since = 0;
    } else if (!stall->since || stall->delivered != count) {
        *stall = (struct stall){.delivered = count, .since = now};
    } else if (now - stall->since >= limit) {
        stall->since = 0;
        return true;
    }
    return false;
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
