/* Requests to stop and deadlines of flights. client.c has the essay. */
#include "client.h"

#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

void thrum_cluster__ask_server(struct client *client, const struct parcel *parcel)
{
    char subject[SUBJECT_SIZE], reply[48], text[64] = "";
    const char *pool = client->link.settings.pool;
    bool deletes = parcel->clearing == CLEAR_DELETE;
    snprintf(reply, sizeof reply, "%c.%llu", deletes ? 'd' : 'i',
             (unsigned long long)parcel->number);
    if (deletes) {
        snprintf(subject, sizeof subject, "$JS.API.STREAM.MSG.DELETE.thrum-%s-t", pool);
        snprintf(text, sizeof text, "{\"seq\":%llu,\"no_erase\":true}",
                 (unsigned long long)parcel->sequence);
    } else {
        snprintf(subject, sizeof subject, "$JS.API.CONSUMER.INFO.thrum-%s-t.p%d-%s", pool,
                 parcel->rank, parcel->code->code);
    }
    thrum_cluster__link_publish(&client->link, subject, reply, NULL, text, strlen(text));
}

bool thrum_cluster__numbers_hold(struct client *client)
{
    return !client->lost && thrum_cluster__stream_holds(&client->stream, &client->link);
}

/* Begins to clear a parcel if all of it is to go, or asks again. Under the lock. */
static void look_at_parcel(struct client *client, struct parcel *parcel, bool clears,
                           thrum_time now)
{
    size_t asked = 0;
    if (parcel->stage != STORED || parcel->clearing == CLEAR_OVER ||
        !thrum_cluster__numbers_hold(client))
        return;
    for (const struct flight *flight = parcel->flights; flight; flight = flight->next)
        asked += flight->given_up_at != 0;
    if (parcel->clearing == CLEAR_NONE && asked == parcel->count)
        parcel->clearing = CLEAR_DELETE;
    else if (parcel->clearing == CLEAR_NONE && clears)
        parcel->clearing = CLEAR_LOOK;
    else if (parcel->clearing == CLEAR_NONE || now < parcel->again_at)
        return;
    parcel->again_at = now + 500 * MS;
    thrum_cluster__ask_server(client, parcel);
}

/* Asks workers to stop the flights that were asked to. Under the lock. */
static void tell_workers(struct client *client)
{
    char subject[SUBJECT_SIZE];
    struct buffer buffer = {0};
    size_t count = 0;
    thrum_cluster__buffer_add(&buffer, "THC1", 4);
    thrum_cluster__buffer_add(&buffer, client->id, sizeof client->id);
    thrum_cluster__buffer_add_number(&buffer, 0, 4);
    for (size_t i = 0; i < client->flights.room && count < 4096; i++) {
        const struct flight *flight = client->flights.places[i].value;
        if (!flight || !flight->given_up_at)
            continue;
        thrum_cluster__buffer_add_number(&buffer, flight->number, 8);
        count++;
    }
    thrum_cluster__buffer_set_number(&buffer, 4 + CLIENT_SIZE, count, 4);
    snprintf(subject, sizeof subject, "thrum.%s.c", client->link.settings.pool);
    if (count && !buffer.failed)
        thrum_cluster__link_publish(&client->link, subject, NULL, NULL, buffer.bytes, buffer.size);
    thrum_cluster__buffer_free(&buffer);
}

/* Marks the flights that were asked to stop. Under the lock. */
static void mark_asked(struct client *client, thrum_time now)
{
    for (size_t i = 0; i < client->flights.room; i++) {
        struct flight *flight = client->flights.places[i].value;
        if (!flight || flight->given_up_at || !thrum_driven_cancel_requested(flight->task))
            continue;
        flight->given_up_at = now + client->link.settings.lease;
        client->asked++;
    }
    client->cancel_at = now;
}

/* Notes a parcel whose argument is on its way, if all of it is to go: no message has left yet. Under the lock. */
static bool note_unsent(const struct parcel *parcel, bool clears, struct numbers *unsent)
{
    if (parcel->stage != LOADING || parcel->generation)
        return false;
    if (clears || parcel->flights->given_up_at)
        thrum_cluster__note(unsent, parcel->number);
    return true;
}

/* Requests to stop: once marked, all of this is repeated until the flights are resolved. */
void thrum_cluster__pass_requests(struct client *client, bool clears)
{
    struct numbers unsent;
    unsent.count = 0;
    bool asked = thrum_driver_asked(client->executor);
    thrum_time now = thrum_now();
    thrum_with (&client->lock) {
        if (asked)
            mark_asked(client, now);
        if ((!client->asked && !clears) || now < client->cancel_at)
            break;
        client->cancel_at = now + 100 * MS;
        tell_workers(client);
        for (size_t i = 0; i < client->parcels.room; i++) {
            struct parcel *parcel = client->parcels.places[i].value;
            if (parcel && !note_unsent(parcel, clears, &unsent))
                look_at_parcel(client, parcel, clears, now);
        }
    }
    for (size_t i = 0; i < unsent.count; i++)
        thrum_cluster__resolve_parcel(client, unsent.number[i], RESULT_UNRUN, 0, NULL);
}

/* When a flight is given up, INT64_MAX for never. */
static thrum_time end_of(const struct flight *flight)
{
    thrum_time ends = flight->ends_at ? flight->ends_at : INT64_MAX;
    return flight->given_up_at && flight->given_up_at < ends ? flight->given_up_at : ends;
}

/* Notes the flights whose time is over. Returns when to look again. */
static thrum_time find_late(struct client *client, struct numbers *late)
{
    thrum_time now = thrum_now(), next = now + 1000 * MS;
    thrum_with (&client->lock) {
        if (now < client->scan_at)
            break;
        for (size_t i = 0; i < client->flights.room; i++) {
            const struct flight *flight = client->flights.places[i].value;
            thrum_time ends = flight ? end_of(flight) : INT64_MAX;
            if (ends <= now)
                thrum_cluster__note(late, flight->number);
            else if (ends < next)
                next = ends;
        }
        client->scan_at = late->count == NUMBERS_MOST ? 0 : next;
    }
    return next;
}

/* Deletes a message whose last flight was given up: no worker is to begin it. */
static void forget_parcel(struct client *client, const struct parcel *parcel)
{
    if (parcel->count != 1 || parcel->stage != STORED || !thrum_cluster__numbers_hold(client))
        return;
    struct parcel last = *parcel;
    last.clearing = CLEAR_DELETE;
    thrum_cluster__ask_server(client, &last);
}

static void end_one(struct client *client, uint64_t number)
{
    char message[256] = "";
    struct outcome outcome = {.kind = RESULT_ERROR, .bytes = message};
    thrum_with (&client->lock) {
        struct flight *flight = thrum_cluster__table_find(&client->flights, number);
        if (!flight)
            break;
        const struct code *code = flight->parcel->code;
        bool late = flight->ends_at && flight->ends_at <= thrum_now();
        outcome.code = late ? -ETIMEDOUT : -ECANCELED;
        if (!late)
            snprintf(message, sizeof message,
                     "the task was cancelled, and no worker has said how it ended");
        else if (*client->refusal && flight->parcel->stage != STORED)
            snprintf(message, sizeof message,
                     "the task's deadline has passed, and the server does not store it: %s",
                     client->refusal);
        else if (code->answered)
            snprintf(message, sizeof message, "the task's deadline has passed");
        else
            snprintf(
                message, sizeof message,
                "the task's deadline has passed, and no worker has answered for %.100s: is one "
                "running in this pool that has the function?",
                code->name);
        forget_parcel(client, flight->parcel);
        outcome.task = thrum_cluster__take_out(client, flight);
    }
    outcome.size = strlen(message);
    if (outcome.task)
        thrum_cluster__resolve(&outcome);
}

void thrum_cluster__end_late(struct client *client)
{
    struct numbers late;
    late.count = 0;
    (void)find_late(client, &late);
    for (size_t i = 0; i < late.count; i++)
        end_one(client, late.number[i]);
}
