/* Values that are larger than a message travel in chunks, beside the message with the task or the result.
 *
 *     sender    --chunks--> stream thrum-POOL-v --PubAck for each--> the message, with a reference in place of the value
 *     receiver  the message --request for each chunk--> chunks --> the value, as if it had come in the message
 *
 * A value has the subject thrum.POOL.v.CLIENT.NAME, and its chunks have that and their index. CLIENT is the client whose task
 * it is, for arguments and results. NAME is "a" and the number of the parcel for an argument; for a result it is the random
 * identity of the worker, "-" and a number, so two workers that run the same task do not mix their chunks. The reference has
 * the name, the size, and the size of a chunk.
 *
 * Who does what. A client publishes the chunks of an argument before the message of the task, and a worker those of a result
 * before the message with the result. Each waits until every chunk is stored. So a reference that can be read has a value
 * behind it, and a sender that dies in the middle leaves chunks that nothing refers to: a half-published value is never seen.
 * If the sender was a worker, its lease ends, and another worker runs the task and publishes a value with another name.
 *
 * Sending again. A chunk that has no PubAck in time is published again, and so is a request that has no answer. The stream keeps
 * one message for each subject, so a chunk that comes twice replaces itself. Message ids are not used: the server remembers
 * those of deleted messages for two minutes, and would confirm a chunk that it no longer has.
 *
 * Reading. A receiver asks for each chunk by its subject (DIRECT.GET), which leaves nothing at the server: no consumer, no
 * acknowledgement. So a message that is delivered again, to the same or another worker, finds its value unchanged.
 *
 * Deletion. The client deletes an argument when its task has an outcome, whatever that is; and a result when it was read, or is
 * dropped because the task has an outcome already. At its shutdown it deletes all of its values, also those of workers that
 * died in the middle. Chunks are deleted by their numbers, as far as they are known, and the rest by a purge of the subject:
 * nats-server 2.9 does not subtract from its use of the disk what such a purge removes, and refuses all messages when that sum
 * has come to its bound. Numbers are of the connection on which the value was moved; on another they may mean other chunks.
 * A client that is gone deletes nothing: the stream drops what is older than two hours (MaxAge). That is
 * longer than a message with a result may stay.
 *
 * A value that is gone. The server was wiped, the stream was deleted, or the task waited for more than two hours. A worker that
 * finds no argument says so by a result of the kind RESULT_LOST; a client that finds no result treats that the same: it
 * publishes the argument and the task again, with a new message id. A follower of a stream with replicas may lack a chunk
 * for a moment, so a chunk counts as gone when it was missing for MISSING_NS.
 *
 * No stream. It is made by the first sender that has no answer ("no responders"), who then sends all of its values from the
 * beginning: the stream may have been there before, with the first chunks. A pool without large values has no such stream.
 *
 * Back pressure. A value has a window of chunks without an answer, which grows by one with each answer up to WINDOW_MOST and is
 * halved when a chunk has no answer in time; all values of a process together have MOVING_MOST. So at most 4 MiB are on their way, and older
 * values go first. A client takes no further task while large arguments of LARGE_MOST bytes are with the server. A task of a
 * worker counts as held while its argument or its result is on its way, so a slow network makes the worker take fewer tasks.
 *
 * Limits. VALUE_MOST bytes for a value. The disk of the server: a chunk that it refuses is published again. After a lease of
 * refusals the sender gives the value up: its chunks are deleted, and the task fails with -ENOSPC. Otherwise several values, each
 * stored in part, would wait for each other's room for ever.
 *
 * Threads. The I/O thread publishes, without the lock, from a copy of the chunk; the thread of libnats that brings answers fills
 * values under the lock. A transfer may be freed at any moment under the lock: answers find it by its number.
 *
 * Rejected: the object store of NATS. It is such a stream with chunks, a second one for what it knows of objects, and a
 * consumer for each reading; each of these must be made and deleted.
 */
#include "values.h"

#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS         ((thrum_time)1000000) /* a millisecond */
#define MISSING_NS (2000 * MS)

/* ------------------------------------------------------------------------------------- transfers */

void thrum_cluster__value_subject(const struct link *link, const char *client, const char *name,
                                  char subject[SUBJECT_SIZE])
{
    snprintf(subject, SUBJECT_SIZE, "thrum.%s.v.%s.%s", link->settings.pool, client, name);
}

static struct transfer *new_transfer(struct values *values, const char *client, const char *name,
                                     uint64_t size, uint32_t chunk, void *owner)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        return NULL;
    thrum_cluster__value_subject(values->link, client, name, transfer->subject);
    transfer->number = ++values->numbers;
    transfer->size = size;
    transfer->chunk = chunk;
    transfer->count = (uint32_t)((size + chunk - 1) / chunk);
    transfer->owner = owner;
    transfer->numbers_of = calloc(transfer->count, sizeof *transfer->numbers_of);
    return transfer;
}

static void unlist(struct values *values, struct transfer *transfer)
{
    if (!transfer->listed)
        return;
    *(transfer->before ? &transfer->before->after : &values->first) = transfer->after;
    *(transfer->after ? &transfer->after->before : &values->last) = transfer->before;
    transfer->listed = false;
    values->moving -= transfer->used;
}

/* Puts a transfer at the end of the list, with nothing of it moved. */
static void begin(struct values *values, struct transfer *transfer)
{
    unlist(values, transfer);
    transfer->refused_since = 0;
    transfer->next = transfer->done = 0;
    transfer->used = 0;
    transfer->times = thrum_cluster__link_times(values->link);
    transfer->window = 2;
    transfer->before = values->last;
    transfer->after = NULL;
    *(values->last ? &values->last->after : &values->first) = transfer;
    values->last = transfer;
    transfer->listed = true;
}

struct transfer *thrum_cluster__value_send(struct values *values, const char *client,
                                           const char *name, const void *bytes, size_t size,
                                           void *owner)
{
    size_t most = values->link->payload_most - OVERHEAD;
    uint32_t chunk = (uint32_t)(most < CHUNK_MOST ? most : CHUNK_MOST);
    struct transfer *transfer = new_transfer(values, client, name, size, chunk, owner);
    if (!transfer)
        return NULL;
    transfer->bytes = (char *)(uintptr_t)bytes;
    transfer->sends = true;
    begin(values, transfer);
    return transfer;
}

struct transfer *thrum_cluster__value_fetch(struct values *values, const char *client,
                                            const struct value_record *record, void *owner)
{
    struct transfer *transfer =
        new_transfer(values, client, record->name, record->size, record->chunk, owner);
    if (transfer && !(transfer->bytes = malloc(record->size))) {
        free(transfer->numbers_of);
        free(transfer);
        return NULL;
    }
    if (transfer)
        begin(values, transfer);
    return transfer;
}

void thrum_cluster__value_send_again(struct values *values, struct transfer *transfer)
{
    begin(values, transfer);
}

size_t thrum_cluster__value_refer(const struct transfer *transfer, char bytes[REFERENCE_MOST])
{
    struct value_record record = {.size = transfer->size, .chunk = transfer->chunk};
    snprintf(record.name, sizeof record.name, "%s", strrchr(transfer->subject, '.') + 1);
    return thrum_cluster__value_record_write(&record, bytes);
}

void thrum_cluster__value_free(struct values *values, struct transfer *transfer)
{
    if (!transfer)
        return;
    unlist(values, transfer);
    if (!transfer->sends)
        free(transfer->bytes);
    free(transfer->numbers_of);
    free(transfer);
}

void thrum_cluster__value_delete(struct link *link, const char *subject)
{
    char api[SUBJECT_SIZE], text[SUBJECT_SIZE + 20];
    snprintf(api, sizeof api, "$JS.API.STREAM.PURGE.thrum-%s-v", link->settings.pool);
    snprintf(text, sizeof text, "{\"filter\":\"%s.>\"}", subject);
    thrum_cluster__link_publish(link, api, "x", NULL, text, strlen(text));
}

void thrum_cluster__value_drop(struct values *values, const struct transfer *transfer)
{
    char api[SUBJECT_SIZE], text[64];
    bool holds = transfer->numbers_of && transfer->times == thrum_cluster__link_times(values->link);
    snprintf(api, sizeof api, "$JS.API.STREAM.MSG.DELETE.thrum-%s-v", values->link->settings.pool);
    for (uint32_t i = 0; holds && i < transfer->count; i++) {
        snprintf(text, sizeof text, "{\"seq\":%llu,\"no_erase\":true}",
                 (unsigned long long)transfer->numbers_of[i]);
        if (transfer->numbers_of[i])
            thrum_cluster__link_publish(values->link, api, "x", NULL, text, strlen(text));
    }
    thrum_cluster__value_delete(values->link, transfer->subject);
}

void thrum_cluster__values_delete(struct link *link, const char *client)
{
    char subject[SUBJECT_SIZE];
    snprintf(subject, sizeof subject, "thrum.%s.v.%s", link->settings.pool, client);
    thrum_cluster__value_delete(link, subject);
}

/* -------------------------------------------------------------------------------------- publishing */

void thrum_cluster__values_again(struct values *values)
{
    values->paused_until = 0;
    for (struct transfer *transfer = values->first; transfer; transfer = transfer->after)
        for (unsigned i = 0; i < transfer->used; i++)
            transfer->window_of[i].again_at = 0;
}

/* When a transfer has something to publish. */
static thrum_time due_at(const struct values *values, const struct transfer *transfer)
{
    thrum_time next = INT64_MAX;
    for (unsigned i = 0; i < transfer->used; i++)
        if (transfer->window_of[i].again_at < next)
            next = transfer->window_of[i].again_at;
    if (transfer->used < transfer->window && transfer->next < transfer->count &&
        values->moving < MOVING_MOST)
        next = 0;
    return transfer->sends && next < values->paused_until ? values->paused_until : next;
}

thrum_time thrum_cluster__values_next(const struct values *values)
{
    thrum_time next = INT64_MAX;
    for (const struct transfer *transfer = values->first; transfer; transfer = transfer->after) {
        thrum_time due = due_at(values, transfer);
        next = due < next ? due : next;
    }
    return next;
}

static size_t size_of(const struct transfer *transfer, uint32_t index)
{
    uint64_t at = (uint64_t)index * transfer->chunk, left = transfer->size - at;
    return left < transfer->chunk ? (size_t)left : transfer->chunk;
}

/* A chunk that is due: it had no answer in time, or is new. NULL for none. */
static struct moving *choose(struct values *values, struct transfer *transfer, thrum_time now)
{
    if (due_at(values, transfer) > now)
        return NULL;
    for (unsigned i = 0; i < transfer->used; i++) {
        struct moving *moving = &transfer->window_of[i];
        if (moving->again_at > now)
            continue;
        if (moving->again_at && !moving->missing_since && transfer->window > 1)
            transfer->window /= 2;
        return moving;
    }
    values->moving++;
    transfer->window_of[transfer->used] = (struct moving){.index = transfer->next++};
    return &transfer->window_of[transfer->used++];
}

/* Publishes one chunk, or asks for one. Returns whether there was one. */
static bool move_one(struct values *values, struct buffer *buffer)
{
    char subject[2 * SUBJECT_SIZE], reply[64];
    bool found = false;
    thrum_time now = thrum_now();
    buffer->size = 0;
    thrum_with (values->lock) {
        for (struct transfer *transfer = values->first; transfer; transfer = transfer->after) {
            struct moving *moving = choose(values, transfer, now);
            if (!moving)
                continue;
            found = true;
            moving->again_at = now + (1000 * MS << (moving->tries < 4 ? moving->tries : 4));
            moving->tries++;
            snprintf(reply, sizeof reply, "%c.%llu.%u", transfer->sends ? 'u' : 'g',
                     (unsigned long long)transfer->number, moving->index);
            if (transfer->sends)
                thrum_cluster__buffer_add(
                    buffer, transfer->bytes + (uint64_t)moving->index * transfer->chunk,
                    size_of(transfer, moving->index));
            snprintf(subject, sizeof subject, "%s%s%s%s.%u",
                     transfer->sends ? "" : "$JS.API.DIRECT.GET.thrum-",
                     transfer->sends ? "" : values->link->settings.pool,
                     transfer->sends ? "" : "-v.", transfer->subject, moving->index);
            break;
        }
    }
    if (found && !buffer->failed)
        thrum_cluster__link_publish(values->link, subject, reply, NULL, buffer->bytes,
                                    buffer->size);
    return found && !buffer->failed;
}

void thrum_cluster__values_move(struct values *values, struct buffer *buffer)
{
    while (move_one(values, buffer))
        ;
    if (buffer->failed) /* memory ran out: the chunk is due again after its time */
        thrum_cluster__buffer_free(buffer);
}

/* ----------------------------------------------------------------------------------------- answers */

static struct transfer *find(struct values *values, uint64_t number)
{
    struct transfer *transfer = values->first;
    while (transfer && transfer->number != number)
        transfer = transfer->after;
    return transfer;
}

/* There is no stream: it is made, and all is sent from the beginning. */
static void make_stream(struct values *values)
{
    thrum_time now = thrum_now();
    for (struct transfer *transfer = values->first; transfer; transfer = transfer->after) {
        if (!transfer->sends)
            continue;
        values->moving -= transfer->used;
        transfer->used = 0;
        transfer->next = transfer->done = 0;
    }
    if (now < values->paused_until)
        return;
    values->paused_until = now + 250 * MS;
    thrum_cluster__link_make_stream(values->link, "v", "m");
}

static struct transfer *chunk_ends(struct values *values, struct transfer *transfer,
                                   struct moving *moving, uint64_t number)
{
    if (transfer->numbers_of)
        transfer->numbers_of[moving->index] = number;
    *moving = transfer->window_of[--transfer->used];
    transfer->refused_since = 0;
    values->moving--;
    values->progress_at = thrum_now();
    if (transfer->window < WINDOW_MOST)
        transfer->window++;
    if (++transfer->done < transfer->count)
        return NULL;
    unlist(values, transfer);
    return transfer;
}

/* The server does not have the chunk: not yet, or not any more. */
static struct transfer *chunk_misses(struct values *values, struct transfer *transfer,
                                     struct moving *moving, int *ret_rc)
{
    thrum_time now = thrum_now();
    if (!moving->missing_since)
        moving->missing_since = now;
    if (now - moving->missing_since < MISSING_NS) {
        moving->again_at = now + 100 * MS;
        return NULL;
    }
    unlist(values, transfer);
    *ret_rc = -ENOENT;
    return transfer;
}

/* The server has no room for a chunk, most likely. */
static struct transfer *chunk_refused(struct values *values, struct transfer *transfer,
                                      struct moving *moving, const char *text, size_t size)
{
    thrum_time now = thrum_now(), lease = values->link->settings.lease;
    moving->again_at = now + (lease / 2 < 2000 * MS ? lease / 2 : 2000 * MS);
    thrum_cluster__json_text(text, size, "description", transfer->refusal,
                             sizeof transfer->refusal);
    if (!transfer->refused_since)
        transfer->refused_since = now;
    if (now - transfer->refused_since < lease)
        return NULL;
    unlist(values, transfer);
    return transfer;
}

struct transfer *thrum_cluster__values_take(struct values *values, const char *token,
                                            natsMsg *message, int *ret_rc)
{
    char *end = NULL;
    const char *text = natsMsg_GetData(message), *status = NULL;
    size_t size = (size_t)natsMsg_GetDataLength(message);
    bool nobody = natsMsg_IsNoResponders(message);
    *ret_rc = 0;
    if (*token == 'm')
        thrum_cluster__values_again(values);
    if (*token != 'u' && *token != 'g')
        return NULL;
    uint64_t number = strlen(token) > 2 ? strtoull(token + 2, &end, 10) : 0;
    struct transfer *transfer = find(values, number);
    uint64_t index = end && *end == '.' ? strtoull(end + 1, NULL, 10) : UINT64_MAX;
    struct moving *moving = NULL;
    for (unsigned i = 0; transfer && i < transfer->used; i++)
        if (transfer->window_of[i].index == index)
            moving = &transfer->window_of[i];
    if (!moving || transfer->sends != (*token == 'u'))
        return NULL;
    if (transfer->sends) {
        if (nobody)
            make_stream(values);
        if (!nobody && thrum_cluster__json_number(text, size, "err_code")) {
            *ret_rc = -ENOSPC;
            return chunk_refused(values, transfer, moving, text, size);
        }
        uint64_t stored = nobody ? 0 : thrum_cluster__json_number(text, size, "seq");
        return stored ? chunk_ends(values, transfer, moving, stored) : NULL;
    }
    if (nobody || natsMsgHeader_Get(message, "Status", &status) == NATS_OK ||
        size != size_of(transfer, moving->index))
        return chunk_misses(values, transfer, moving, ret_rc);
    memcpy(transfer->bytes + (uint64_t)moving->index * transfer->chunk, text, size);
    bool tells = natsMsgHeader_Get(message, "Nats-Sequence", &status) == NATS_OK && status;
    return chunk_ends(values, transfer, moving, tells ? strtoull(status, NULL, 10) : 0);
}
