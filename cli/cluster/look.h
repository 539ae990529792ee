/* What is known of the pools of a cluster at one time. */
#ifndef CLI_CLUSTER_LOOK_H
#define CLI_CLUSTER_LOOK_H

#include "library.h"

#include <stdio.h>

enum { POOL_NAME_SIZE = 33 };

struct pool_look {
    char name[POOL_NAME_SIZE];
    thrum_cluster_status status;
    thrum_time at;
    int rc; /* of the question */
    thrum_error error;
    const thrum_cluster_options *options;
    const struct cluster_library *library;
};

struct look {
    struct pool_look *pools; /* by name */
    size_t count, room;
};

/* Asks for one pool, or for all that there are if options->pool is NULL. Blocks. Returns 0 or a negative errno. The caller
 * gives the look to look_finish in any case. */
int look_take(struct look *ret_look, const struct cluster_library *library,
              const thrum_cluster_options *options, thrum_error *ret_error);
void look_finish(struct look *look);

/* Prints a table of at most `rows` lines and `columns` columns, and a row of JSON. Rates are those since `before`. */
void look_print_table(FILE *out, const struct look *look, const struct look *before, int rows,
                      int columns);
void look_print_json(FILE *out, const struct look *look, const struct look *before);

#endif
