/* Leases, and the answers with results that they wait for. worker.c has the essay. */
#include "worker.h"

#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Acknowledges the leases that are over, and frees them. */
static void end_leases(struct worker *worker)
{
    struct lease **link = &worker->leases, *lease;
    bool holds = thrum_cluster__stream_holds(&worker->stream, &worker->link);
    while ((lease = *link)) {
        if (!lease->over || !(lease->dead || holds)) {
            link = &lease->next;
            continue;
        }
        *link = lease->next;
        if (!lease->dead)
            thrum_cluster__link_answer(&worker->link, lease->reply, "+ACK");
        free(lease);
    }
}

/* One task of a lease needs it no more. Under the lock. */
void thrum_cluster__release(struct worker *worker, struct lease *lease)
{
    lease->over = --lease->count == 0;
    if (lease->over)
        end_leases(worker);
}

void thrum_cluster__stream_seen(struct worker *worker, bool other)
{
    for (struct lease *lease = worker->leases; lease && other; lease = lease->next)
        lease->dead = true;
    end_leases(worker);
}

struct lease *thrum_cluster__find_lease(struct worker *worker, const struct delivery *delivery)
{
    struct lease *lease = worker->leases;
    while (lease && (lease->dead || lease->sequence != delivery->sequence))
        lease = lease->next;
    return lease;
}

/* An answer that was not published, for a client; NULL without memory. Under the lock. */
static struct answer *answer_for(struct worker *worker, const unsigned char *client, size_t size)
{
    struct answer *answer = worker->answers;
    size_t most = worker->link.payload_most - OVERHEAD;
    most = most < ANSWER_BYTES ? most : ANSWER_BYTES;
    for (; answer; answer = answer->next)
        if (!answer->again_at && !*answer->id && answer->buffer.size + size < most &&
            memcmp(answer->client, client, CLIENT_SIZE) == 0)
            return answer;
    answer = calloc(1, sizeof *answer);
    if (!answer)
        return NULL;
    int used = snprintf(answer->subject, sizeof answer->subject, "thrum.%s.r.",
                        worker->link.settings.pool);
    for (size_t i = 0; i < CLIENT_SIZE; i++)
        used += snprintf(answer->subject + used, 3, "%02x", client[i]);
    memcpy(answer->client, client, CLIENT_SIZE);
    answer->number = ++worker->numbers;
    thrum_cluster__buffer_add(&answer->buffer, "THR1", 4);
    thrum_cluster__buffer_add_number(&answer->buffer, 0, 4);
    answer->next = worker->answers;
    worker->answers = answer;
    return answer;
}

/* Has the answer hold its lease until it is stored. Returns false without memory. */
bool thrum_cluster__answer_holds(struct answer *answer, struct lease *lease)
{
    if (answer->count == answer->room) {
        size_t room = answer->room ? 2 * answer->room : 16;
        struct lease **larger = realloc(answer->leases, room * sizeof(struct lease *));
        if (!larger)
            return false;
        answer->leases = larger;
        answer->room = room;
    }
    answer->leases[answer->count++] = lease;
    return true;
}

/* Puts a result into an answer. Without memory the lease is dead, and the task runs again elsewhere. Under the lock. */
void thrum_cluster__add_result(struct worker *worker, const unsigned char *client,
                               struct lease *lease, const struct result_record *record)
{
    struct answer *answer = answer_for(worker, client, record->size + 32);
    if (!answer || !thrum_cluster__answer_holds(answer, lease)) {
        lease->dead = true;
        return;
    }
    thrum_cluster__result_record_write(&answer->buffer, record);
    thrum_cluster__buffer_set_number(&answer->buffer, 4, answer->count, 4);
}

void thrum_cluster__fail_task(struct worker *worker, const unsigned char *client,
                              struct lease *lease, uint64_t number, int code, const char *message)
{
    thrum_cluster__add_result(worker, client, lease,
                              &(struct result_record){.number = number,
                                                      .kind = RESULT_ERROR,
                                                      .code = code,
                                                      .bytes = message,
                                                      .size = strlen(message)});
}

void thrum_cluster__free_answer(struct answer *answer)
{
    thrum_cluster__buffer_free(&answer->buffer);
    free(answer->leases);
    free(answer);
}

static void publish_answer(struct worker *worker, struct answer *answer)
{
    char reply[32];
    snprintf(reply, sizeof reply, "p.%llu", (unsigned long long)answer->number);
    answer->again_at = thrum_now() + (250 * MS << (answer->tries < 3 ? answer->tries : 3));
    answer->tries++;
    if (!answer->buffer.failed)
        thrum_cluster__link_publish(&worker->link, answer->subject, reply,
                                    *answer->id ? answer->id : NULL, answer->buffer.bytes,
                                    answer->buffer.size);
}

/* Publishes answers that are new, or have had no PubAck for too long. An answer is freed by its PubAck alone, which comes
 * on another thread; so all of it is under the lock. */
void thrum_cluster__publish_answers(struct worker *worker)
{
    thrum_time now = thrum_now();
    thrum_with (&worker->lock) {
        for (struct answer *answer = worker->answers; answer; answer = answer->next)
            if (answer->again_at <= now || worker->again)
                publish_answer(worker, answer);
        worker->again = false;
        worker->resend_at = now + 250 * MS;
    }
}

void thrum_cluster__worker_stored(struct worker *worker, uint64_t number, const char *text,
                                  size_t size, bool nobody)
{
    bool stored = thrum_cluster__json_number(text, size, "seq") &&
                  !thrum_cluster__json_number(text, size, "err_code");
    bool wakes = nobody;
    thrum_with (&worker->lock) {
        struct answer **link = &worker->answers;
        if (nobody)
            worker->lost = true;
        while (stored && *link && (*link)->number != number)
            link = &(*link)->next;
        struct answer *answer = stored ? *link : NULL;
        if (!answer)
            break;
        *link = answer->next;
        for (size_t i = 0; i < answer->count; i++)
            thrum_cluster__release(worker, answer->leases[i]);
        thrum_cluster__free_answer(answer);
        wakes |= worker->draining;
    }
    if (wakes) /* a drained worker ends */
        thrum_cluster__worker_wake(worker);
}
