/* What the server sends to a client: results, and answers to what the client has published or asked. client.c has the essay. */
#include "client.h"

#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A flight whose result is large: it is fetched. A second result, of a task that ran twice, is dropped.
 * Under the lock. */
static void begin_fetch(struct client *client, struct flight *flight,
                        const struct value_record *reference)
{
    char subject[SUBJECT_SIZE];
    client->had_large = true;
    thrum_cluster__value_subject(&client->link, client->id_text, reference->name, subject);
    if (flight && !flight->fetch)
        flight->fetch =
            thrum_cluster__value_fetch(&client->values, client->id_text, reference, flight);
    else if (!flight || strcmp(flight->fetch->subject, subject) != 0)
        thrum_cluster__value_delete(&client->link, subject);
}

/* What a result says of a flight, which may be gone. Returns the task if that is its outcome; if it is none, the I/O thread may
 * have something to do. Under the lock. */
static thrum_driven *take_result(struct client *client, const struct result_record *record,
                                 struct outcome *outcome)
{
    struct value_record reference;
    struct flight *flight = thrum_cluster__table_find(&client->flights, record->number);
    bool large = record->kind == RESULT_LARGE &&
                 thrum_cluster__value_record_read(record->bytes, record->size, &reference);
    if (large)
        begin_fetch(client, flight, &reference);
    if (!flight)
        return NULL;
    struct code *code = flight->parcel->code;
    code->answered = true;
    if (record->kind == RESULT_LOST) {
        if (!flight->fetch && flight->parcel->stage != LOADING)
            thrum_cluster__send_again(client, flight->parcel);
        return NULL;
    }
    code->average = code->average ? (7 * code->average + record->run) / 8 : record->run;
    if (large && flight->fetch)
        return NULL;
    if (record->kind == RESULT_LARGE)
        *outcome = (struct outcome){NULL, RESULT_ERROR, large ? -ENOMEM : -EPROTO, "", 0};
    return thrum_cluster__take_out(client, flight);
}

static void take_results(struct client *client, natsMsg *message)
{
    struct reader reader = {(const unsigned char *)natsMsg_GetData(message),
                            (size_t)natsMsg_GetDataLength(message), false};
    bool sound = thrum_cluster__reader_magic(&reader, "THR1");
    uint64_t count = thrum_cluster__reader_number(&reader, 4);
    struct result_record record;
    struct delivery delivery = {0};
    bool wakes = false;
    if (thrum_cluster__delivery_read(natsMsg_GetReply(message), &delivery))
        thrum_with (&client->lock) {
            thrum_cluster__stream_note(&client->result_stream, delivery.sequence);
            client->received++;
        }
    while (sound && count-- > 0 && thrum_cluster__result_record_read(&reader, &record)) {
        struct outcome outcome = {NULL, record.kind, record.code < 0 ? record.code : -EPROTO,
                                  record.bytes, record.size};
        thrum_with (&client->lock) {
            outcome.task = take_result(client, &record, &outcome);
            wakes |= !outcome.task || client->crowded;
        }
        if (outcome.task)
            thrum_cluster__resolve(&outcome);
    }
    if (wakes)
        thrum_event_set(&client->wake);
    thrum_cluster__link_answer(&client->link, natsMsg_GetReply(message), "+ACK");
}

/* The server's answer to a chunk of a value. */
static void take_chunk(struct client *client, const char *token, natsMsg *message)
{
    char text_of_error[200];
    struct outcome outcome = {.kind = RESULT_VALUE};
    thrum_with (&client->lock) {
        int rc = 0;
        struct transfer *transfer =
            thrum_cluster__values_take(&client->values, token, message, &rc);
        if (!transfer)
            break;
        if (transfer->sends && rc < 0) {
            struct parcel *parcel = transfer->owner;
            snprintf(text_of_error, sizeof text_of_error,
                     "the server does not store the argument: %s", transfer->refusal);
            outcome =
                (struct outcome){NULL, RESULT_ERROR, rc, text_of_error, strlen(text_of_error)};
            outcome.task = thrum_cluster__take_out(client, parcel->flights);
            break;
        }
        if (transfer->sends) {
            thrum_cluster__set_stage(client, transfer->owner, FRESH);
            break;
        }
        struct flight *flight = transfer->owner;
        if (rc == 0) {
            outcome.bytes = transfer->bytes;
            outcome.size = transfer->size;
            transfer->bytes = NULL;
            outcome.task = thrum_cluster__take_out(client, flight);
        } else { /* the task must run again */
            flight->fetch = NULL;
            thrum_cluster__value_free(&client->values, transfer);
            thrum_cluster__send_again(client, flight->parcel);
        }
    }
    if (outcome.task)
        thrum_cluster__resolve(&outcome);
    if (outcome.kind == RESULT_VALUE)
        free((void *)(uintptr_t)outcome.bytes);
    thrum_event_set(&client->wake);
}

enum { STREAM_FULL = 10077, NO_MESSAGE = 10037, NO_CONSUMER = 10014 };

/* The server's answer to a parcel. */
static void take_stored(struct client *client, uint64_t number, const char *text, size_t size,
                        bool nobody)
{
    uint64_t code = thrum_cluster__json_number(text, size, "err_code"),
             sequence = thrum_cluster__json_number(text, size, "seq");
    bool refuses = false, wakes = nobody || code;
    thrum_with (&client->lock) {
        struct parcel *parcel = thrum_cluster__table_find(&client->parcels, number);
        wakes |= client->full;
        if (code)
            thrum_cluster__json_text(text, size, "description", client->refusal,
                                     sizeof client->refusal);
        else if (!nobody)
            *client->refusal = '\0';
        if (nobody || code == NO_STREAM)
            client->lost = true;
        else if (!code && sequence)
            client->full = false;
        if (!parcel || parcel->stage != SENT)
            break;
        if (!nobody && !code && sequence) {
            parcel->sequence = sequence;
            thrum_cluster__stream_note(&client->stream, sequence);
            thrum_cluster__set_stage(client, parcel, STORED);
        } else if (code == STREAM_FULL) {
            client->full = true;
            parcel->again_at = thrum_now() + 50 * MS;
            client->resend_at = 0;
            refuses = client->link.settings.given.when_full == THRUM_WHEN_FULL_REFUSE;
        }
    }
    if (refuses)
        thrum_cluster__resolve_parcel(client, number, RESULT_ERROR, -EAGAIN,
                                      "the server's queue of the pool is full");
    if (wakes)
        thrum_event_set(&client->wake);
}

/* The server's answer about the message of a parcel that is to be cleared. */
static void take_cleared(struct client *client, uint64_t number, bool deleted, const char *text,
                         size_t size)
{
    uint64_t code = thrum_cluster__json_number(text, size, "err_code");
    const char *delivered = thrum_cluster__json_find(text, size, "delivered");
    bool unrun = false;
    thrum_with (&client->lock) {
        struct parcel *parcel = thrum_cluster__table_find(&client->parcels, number);
        if (!parcel || (deleted != (parcel->clearing == CLEAR_DELETE)))
            break;
        bool never =
            code == NO_CONSUMER ||
            (delivered && thrum_cluster__json_number(delivered, size - (size_t)(delivered - text),
                                                     "stream_seq") < parcel->sequence);
        if (parcel->clearing == CLEAR_LOOK)
            parcel->clearing = never ? CLEAR_DELETE : CLEAR_OVER;
        else if (parcel->clearing == CLEAR_DELETE)
            parcel->clearing = code && code != NO_MESSAGE ? CLEAR_OVER : CLEAR_CONFIRM;
        else if (parcel->clearing == CLEAR_CONFIRM)
            unrun = never, parcel->clearing = CLEAR_OVER;
        if (parcel->clearing != CLEAR_OVER)
            thrum_cluster__ask_server(client, parcel);
    }
    if (unrun)
        thrum_cluster__resolve_parcel(client, number, RESULT_UNRUN, 0, NULL);
}

/* The server's answer about a stream. If results are lost, their tasks must run again. */
static void take_stream(struct client *client, struct stream *stream, const char *token,
                        natsMsg *message)
{
    thrum_with (&client->lock) {
        enum stream_news news = thrum_cluster__stream_take(stream, &client->link, token, message);
        client->lost |= news == STREAM_OTHER || news == STREAM_GONE;
        if (news == STREAM_DARK)
            client->check_at = thrum_now() + 250 * MS;
    }
    thrum_event_set(&client->wake);
}

/* The server's answer about the consumer of results. If it delivers nothing, it is deleted, and made again when that is
 * confirmed. */
static void look_for_stall(struct client *client, const char *text, size_t size)
{
    bool stalls = false;
    thrum_with (&client->lock)
        stalls = thrum_cluster__loses(&client->stall, text, size, client->result_stream.last,
                                      client->received, RESULT_PATIENCE);
    if (stalls)
        thrum_cluster__delete_consumer(client, "s");
}

void thrum_cluster__client_receive(void *context, const char *token, natsMsg *message)
{
    struct client *client = context;
    const char *text = natsMsg_GetData(message);
    size_t size = (size_t)natsMsg_GetDataLength(message);
    bool nobody = natsMsg_IsNoResponders(message);
    if (!token) {
        take_results(client, message);
        return;
    }
    uint64_t number = strlen(token) > 2 ? strtoull(token + 2, NULL, 10) : 0;
    uint64_t code = thrum_cluster__json_number(text, size, "err_code");
    if (*token && strchr("ugm", *token))
        take_chunk(client, token, message);
    else if (*token == 'p')
        take_stored(client, number, text, size, nobody);
    else if (*token == 'd' || *token == 'i')
        take_cleared(client, number, *token == 'd', text, size);
    else if (*token == 't')
        take_stream(client, &client->stream, token, message);
    else if (*token == 'r')
        take_stream(client, &client->result_stream, token, message);
    else if (*token == 'k' && (code == NO_CONSUMER || code == NO_STREAM))
        thrum_with (&client->lock)
            client->lost = true;
    else if (*token == 'k')
        look_for_stall(client, text, size);
    else if (*token == 's') /* the consumer was deleted */
        thrum_cluster__make_consumer(client);
}
