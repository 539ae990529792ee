/* A table from numbers to pointers: table.h. */
#include "table.h"

#include <stdlib.h>

enum { ROOM_FIRST = 64 };

static size_t home(const struct table *table, uint64_t number)
{
    return (size_t)((number * 0x9e3779b97f4a7c15u) >> 20) & (table->room - 1);
}

static void put(struct table *table, uint64_t number, void *value)
{
    size_t at = home(table, number);
    while (table->places[at].value)
        at = (at + 1) & (table->room - 1);
    table->places[at] = (struct table_place){number, value};
}

static bool grow(struct table *table)
{
    struct table larger = {.room = table->room ? 2 * table->room : ROOM_FIRST,
                           .count = table->count};
    larger.places = calloc(larger.room, sizeof *larger.places);
    if (!larger.places)
        return false;
    for (size_t i = 0; i < table->room; i++)
        if (table->places[i].value)
            put(&larger, table->places[i].number, table->places[i].value);
    free(table->places);
    *table = larger;
    return true;
}

bool thrum_cluster__table_add(struct table *table, uint64_t number, void *value)
{
    if (2 * table->count >= table->room && !grow(table))
        return false;
    put(table, number, value);
    table->count++;
    return true;
}

static size_t position(const struct table *table, uint64_t number)
{
    size_t at = home(table, number);
    while (table->places[at].value && table->places[at].number != number)
        at = (at + 1) & (table->room - 1);
    return at;
}

void *thrum_cluster__table_find(const struct table *table, uint64_t number)
{
    return table->room ? table->places[position(table, number)].value : NULL;
}

void thrum_cluster__table_remove(struct table *table, uint64_t number)
{
    size_t mask = table->room - 1, gap;
    if (!table->room)
        return;
    gap = position(table, number);
    if (!table->places[gap].value)
        return;
    table->places[gap].value = NULL;
    table->count--;
    for (size_t at = (gap + 1) & mask; table->places[at].value; at = (at + 1) & mask) {
        size_t begin = home(table, table->places[at].number);
        if (((at - begin) & mask) < ((at - gap) & mask))
            continue; /* it is between its home and the gap's successor */
        table->places[gap] = table->places[at];
        table->places[at].value = NULL;
        gap = at;
    }
}
