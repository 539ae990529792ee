/* The log of an earlier run: its lines of JSON. */
#ifndef CLI_FETCH_LOG_H
#define CLI_FETCH_LOG_H

#include "tally.h"

#include <jansson.h>
#include <stdio.h>
#include <thrum.h>

/* The contents of a log. */
struct log_summary {
    struct tally urls;        /* the number of lines of each URL */
    struct tally failed;      /* 1 for a URL whose last line has an error */
    uint64_t lines, failures; /* well-formed lines; lines with an error */
    uint64_t malformed;       /* malformed lines, for example a line that was cut off */
    bool torn;                /* the last line has no end */
};

/* Reads the next well-formed line. Returns its object, for which the caller calls json_decref, or
 * NULL at the end. `summary` counts malformed lines; it may be NULL. */
json_t *log_next(FILE *file, struct log_summary *summary);

/* Reads a log to its end. Returns 0 or a negative errno. Call log_finish in any case. */
int log_read(const char *path, struct log_summary *ret_summary, thrum_error *ret_error);
void log_finish(struct log_summary *summary);

#endif
