/* The outcome of one URL. */
#ifndef CLI_FETCH_OUTCOME_H
#define CLI_FETCH_OUTCOME_H

#include "schedule.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Moments of the last attempt, in seconds since it began. */
enum moment { MOMENT_NAME, MOMENT_CONNECT, MOMENT_TLS, MOMENT_FIRST_BYTE, MOMENT_TOTAL, MOMENTS };

enum { FETCH_ERROR_SIZE = sizeof((thrum_error){0}.message) };

struct outcome {
    bool unfinished; /* the run stopped before the URL was done */
    bool failed;     /* `error` is the reason */
    long status;     /* of HTTP; 0 for none */
    uint32_t attempts;
    uint64_t bytes;
    double moments[MOMENTS];
    char *path; /* of the file that was written, malloced; or NULL */
    char error[FETCH_ERROR_SIZE];
};

/* A line of JSON. */
void outcome_put_json(FILE *out, const struct job *job, const struct outcome *outcome);

#endif
