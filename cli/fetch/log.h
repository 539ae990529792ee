/* The log of an earlier run: its lines of JSON. */
#ifndef CLI_FETCH_LOG_H
#define CLI_FETCH_LOG_H

#include "tally.h"

#include <jansson.h>
#include <stdio.h>
#include <thrum.h>

/* What a log says as a whole. */
struct log_summary {
    struct tally urls;        /* how many lines there are of each */
    struct tally failed;      /* 1 for a URL whose last line tells of a failure */
    uint64_t lines, failures; /* lines that count, and of them those of a failure */
    uint64_t malformed;       /* lines that are none of a log, such as one that was cut off */
    bool torn;                /* the last line has no end */
};

/* Reads the next line that is one of a log. Returns its object, the caller's to json_decref, or NULL at
 * the end. `summary`, for malformed lines, may be NULL. */
json_t *log_next(FILE *file, struct log_summary *summary);

/* Reads a log to its end. Returns 0 or a negative errno. log_finish is due in any case. */
int log_read(const char *path, struct log_summary *ret_summary, thrum_error *ret_error);
void log_finish(struct log_summary *summary);

#endif
