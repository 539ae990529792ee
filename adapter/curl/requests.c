/* A table of chains. The links are in the requests, so adding a request needs no memory. The table
 * grows when there are more requests than slots. */
#include "requests.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

enum { SLOTS_FIRST = 64 };

/* Handles are of one size and come from one allocator, so that their low bits say little. */
static struct request **slot_of(const struct requests *table, const CURL *easy)
{
    uint64_t mixed = (uint64_t)(uintptr_t)easy * UINT64_C(0x9e3779b97f4a7c15);
    return &table->slots[(mixed >> 32) & (table->slot_count - 1)];
}

int thrum_curl__requests_init(struct requests *ret_table)
{
    *ret_table = (struct requests){.slot_count = SLOTS_FIRST};
    ret_table->slots = calloc(SLOTS_FIRST, sizeof(struct request *));
    return ret_table->slots ? 0 : -ENOMEM;
}

void thrum_curl__requests_finish(struct requests *table)
{
    free(table->slots);
    table->slots = NULL;
}

static void link_in(struct requests *table, struct request *request)
{
    struct request **slot = slot_of(table, request->easy);
    request->next = *slot;
    *slot = request;
}

static void grow(struct requests *table)
{
    struct requests larger = {.slot_count = table->slot_count * 2, .count = table->count};
    larger.slots = calloc(larger.slot_count, sizeof(struct request *));
    if (!larger.slots)
        return;
    for (size_t i = 0; i < table->slot_count; i++) {
        struct request *request = table->slots[i];
        while (request) {
            struct request *next = request->next;
            link_in(&larger, request);
            request = next;
        }
    }
    free(table->slots);
    *table = larger;
}

void thrum_curl__requests_add(struct requests *table, struct request *request)
{
    if (table->count >= table->slot_count)
        grow(table);
    link_in(table, request);
    table->count++;
}

void thrum_curl__requests_remove(struct requests *table, const struct request *request)
{
    struct request **link = slot_of(table, request->easy);
    while (*link != request)
        link = &(*link)->next;
    *link = request->next;
    table->count--;
}

struct request *thrum_curl__requests_find(const struct requests *table, const CURL *easy)
{
    struct request *request = *slot_of(table, easy);
    while (request && request->easy != easy)
        request = request->next;
    return request;
}

void thrum_curl__requests_refuse_all(struct requests *table, int rc)
{
    for (size_t i = 0; i < table->slot_count; i++)
        for (struct request *request = table->slots[i]; request; request = request->next)
            request->rc = rc;
}

struct request *thrum_curl__requests_refused(const struct requests *table)
{
    for (size_t i = 0; i < table->slot_count; i++)
        for (struct request *request = table->slots[i]; request; request = request->next)
            if (request->rc < 0)
                return request;
    return NULL;
}
