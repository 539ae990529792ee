/* The account of tasks that are with the server: flights, and the parcels that they are in. client.c has the essay. */
#include "client.h"

#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void thrum_cluster__resolve(const struct outcome *outcome)
{
    char message[sizeof((thrum_error *)0)->message];
    switch (outcome->kind) {
    case RESULT_VALUE:
        thrum_driven_set_result(outcome->task, outcome->bytes, outcome->size);
        break;
    case RESULT_ERROR:
        snprintf(message, sizeof message, "%.*s", (int)(outcome->size < 250 ? outcome->size : 250),
                 outcome->bytes);
        thrum_driven_set_error(outcome->task, outcome->code, message);
        break;
    default:
        thrum_driven_set_unrun(outcome->task);
    }
}

static void unlist(struct client *client, struct parcel *parcel)
{
    if (parcel->stage >= STORED)
        return;
    struct list *list = &client->lists[parcel->stage];
    *(parcel->prev ? &parcel->prev->next : &list->first) = parcel->next;
    *(parcel->next ? &parcel->next->prev : &list->last) = parcel->prev;
}

void thrum_cluster__set_stage(struct client *client, struct parcel *parcel, enum stage stage)
{
    unlist(client, parcel);
    parcel->stage = stage;
    if (stage >= STORED)
        return;
    struct list *list = &client->lists[stage];
    parcel->next = NULL;
    parcel->prev = list->last;
    *(list->last ? &list->last->next : &list->first) = parcel;
    list->last = parcel;
}

void thrum_cluster__send_again(struct client *client, struct parcel *parcel)
{
    if (parcel->argument) {
        thrum_cluster__value_send_again(&client->values, parcel->argument);
        thrum_cluster__set_stage(client, parcel, LOADING);
    } else if (parcel->stage == STORED) {
        thrum_cluster__set_stage(client, parcel, SENT);
    }
    parcel->clearing = CLEAR_NONE;
    parcel->again_at = 0;
    parcel->generation++;
    client->resend_at = 0;
}

/* Ends a transfer, and has the server delete the value. */
static void drop_value(struct client *client, struct transfer *transfer)
{
    if (transfer)
        thrum_cluster__value_drop(&client->values, transfer);
    thrum_cluster__value_free(&client->values, transfer);
}

static void free_parcel(struct client *client, struct parcel *parcel)
{
    unlist(client, parcel);
    if (parcel->argument)
        client->large -= parcel->argument->size;
    drop_value(client, parcel->argument);
    thrum_cluster__table_remove(&client->parcels, parcel->number);
    free(parcel);
}

/* Takes a flight out: the caller resolves its task. Under the lock. */
thrum_driven *thrum_cluster__take_out(struct client *client, struct flight *flight)
{
    struct parcel *parcel = flight->parcel;
    struct flight **link = &parcel->flights, *before = NULL;
    thrum_driven *task = flight->task;
    for (; *link != flight; link = &before->next)
        before = *link;
    *link = flight->next;
    if (parcel->last == flight)
        parcel->last = before;
    thrum_cluster__table_remove(&client->flights, flight->number);
    client->asked -= flight->given_up_at != 0;
    drop_value(client, flight->fetch);
    if (--parcel->count == 0)
        free_parcel(client, parcel);
    free(flight);
    return task;
}

/* Resolves all flights of a parcel in the same way. Without the lock, which the caller has released; `number` may be gone. */
void thrum_cluster__resolve_parcel(struct client *client, uint64_t number, enum result_kind kind,
                                   int code, const char *message)
{
    for (;;) {
        struct outcome outcome = {NULL, kind, code, message, message ? strlen(message) : 0};
        thrum_with (&client->lock) {
            struct parcel *parcel = thrum_cluster__table_find(&client->parcels, number);
            if (parcel)
                outcome.task = thrum_cluster__take_out(client, parcel->flights);
        }
        if (!outcome.task)
            return;
        thrum_cluster__resolve(&outcome);
    }
}

static struct code *code_of(struct client *client, thrum_task_fn *function)
{
    struct code *code = client->codes;
    while (code && code->function != function)
        code = code->next;
    if (code || !(code = calloc(1, sizeof *code)))
        return code;
    if (thrum_task_name(function, code->name) < 0)
        *code->name = '\0';
    thrum_cluster__code_of(code->name, code->code);
    code->function = function;
    code->next = client->codes;
    client->codes = code;
    return code;
}

static size_t batch_of(const struct code *code)
{
    uint64_t count = code->average ? BATCH_NS / code->average : 1;
    return count < 1 ? 1 : count > BATCH_MOST ? BATCH_MOST : (size_t)count;
}

/* The parcel of this round for a task; NULL without memory. Under the lock. */
static struct parcel *parcel_for(struct client *client, struct code *code, int rank, size_t size)
{
    struct parcel *parcel = code->open[rank];
    size_t most = client->link.inline_most < BATCH_BYTES ? client->link.inline_most : BATCH_BYTES;
    if (parcel && parcel->count < batch_of(code) && parcel->size + size <= most)
        return parcel;
    parcel = calloc(1, sizeof *parcel);
    if (!parcel)
        return NULL;
    *parcel =
        (struct parcel){.number = ++client->numbers, .code = code, .rank = rank, .stage = STORED};
    if (!thrum_cluster__table_add(&client->parcels, parcel->number, parcel)) {
        free(parcel);
        return NULL;
    }
    thrum_cluster__set_stage(client, parcel, FRESH);
    code->open[rank] = parcel;
    return parcel;
}

/* Begins to send a large argument. Under the lock. Returns false without memory. */
static bool load(struct client *client, struct parcel *parcel, const thrum_driven_view *view)
{
    char name[VALUE_NAME_SIZE];
    snprintf(name, sizeof name, "a%llu", (unsigned long long)parcel->number);
    parcel->argument = thrum_cluster__value_send(&client->values, client->id_text, name, view->arg,
                                                 view->arg_size, parcel);
    if (!parcel->argument)
        return false;
    client->large += view->arg_size;
    client->had_large = true;
    thrum_cluster__set_stage(client, parcel, LOADING);
    return true;
}

/* Makes a task a flight. Returns 0, or the code with which it fails. Under the lock. */
int thrum_cluster__flight_add(struct client *client, thrum_driven *task,
                              const thrum_driven_view *view)
{
    struct code *code = code_of(client, view->function);
    struct flight *flight = code && *code->name ? calloc(1, sizeof *flight) : NULL;
    if (!flight)
        return code && !*code->name ? -ENOENT : -ENOMEM;
    int rank = 1 - (int)view->priority;
    struct parcel *parcel = parcel_for(client, code, rank, view->arg_size + 160);
    flight->number = ++client->numbers;
    bool large = thrum_cluster__value_is_large(&client->link, view->arg_size);
    if (!parcel || (large && !load(client, parcel, view)) ||
        !thrum_cluster__table_add(&client->flights, flight->number, flight)) {
        if (parcel && !parcel->count) {
            code->open[rank] = NULL;
            free_parcel(client, parcel);
        }
        free(flight);
        return -ENOMEM;
    }
    flight->task = task;
    flight->parcel = parcel;
    if (view->deadline.ns && !thrum_deadline_is_forever(view->deadline))
        flight->ends_at = view->deadline.ns + client->link.settings.grace;
    *(parcel->last ? &parcel->last->next : &parcel->flights) = flight;
    parcel->last = flight;
    parcel->count++;
    if (flight->ends_at && flight->ends_at < client->scan_at)
        client->scan_at = flight->ends_at;
    parcel->size += view->arg_size + 160;
    return 0;
}
