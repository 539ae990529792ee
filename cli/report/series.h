/* The samples in a file of results, whatever command wrote it. */
#ifndef CLI_REPORT_SERIES_H
#define CLI_REPORT_SERIES_H

#include <jansson.h>
#include <stddef.h>
#include <thrum.h>

/* The samples of one cell, command or number of workers. */
struct series {
    char *name;
    double *seconds;
    size_t count;
};

struct results {
    json_t *json; /* the file as it is */
    const char *kind;
    struct series *items;
    size_t count;
};

/* Reads a file that `thrum demo`, `bench` or `tune` wrote with --json; "-" is standard input. Returns 0 or a negative
 * errno, with a message. Blocks. */
int results_read(const char *path, struct results *ret_results, thrum_error *ret_error);
void results_finish(struct results *results);

/* The series of that name, or NULL. */
const struct series *results_find(const struct results *results, const char *name);

#endif
