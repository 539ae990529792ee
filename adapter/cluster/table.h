/* A table from numbers to pointers: open addressing, and a deletion moves what follows up. */
#ifndef CLUSTER_TABLE_H
#define CLUSTER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
    struct table_place {
        uint64_t number;
        void *value; /* NULL for a free place */
    } * places;
    size_t room, count; /* `room` is a power of two, or 0 */
};

bool thrum_cluster__table_add(struct table *table, uint64_t number,
                              void *value); /* false without memory */
void *thrum_cluster__table_find(const struct table *table,
                                uint64_t number); /* NULL if it is not there */
void thrum_cluster__table_remove(struct table *table, uint64_t number);

#endif
