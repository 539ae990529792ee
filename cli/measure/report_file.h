/* A file that results are written to: opened at the beginning of a run, complete at its end. Meanwhile it may be replaced from
 * time to time, for `thrum report --serve`. */
#ifndef CLI_MEASURE_REPORT_FILE_H
#define CLI_MEASURE_REPORT_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <thrum.h>

struct report_file {
    const char *option, *path; /* for messages; `path` is NULL if no file is wanted */
    FILE *stream;              /* NULL if no file is wanted; stdout for "-" */
    bool again;                /* it can be written anew: it is a file rather than a pipe */
    thrum_time written;        /* when it was written last */
};

/* Opens it, so that results are not lost to a wrong path. `path` may be NULL. Returns 0 or a negative errno. */
int report_file_open(struct report_file *file, const char *option, const char *path,
                     thrum_error *ret_error);

/* True if what is known so far is to be written: the file can be written anew, and that was not done for a second. */
bool report_file_due(const struct report_file *file);

/* Writes the value as JSON, in place of what was written before, if a file is wanted: a reader sees the one or the other.
 * Frees the value; NULL means that memory is out. Returns 0 or a negative errno. */
int report_file_json(struct report_file *file, json_t *value);

/* Closes it. `rc` is what the writing gave: 0 or a negative errno. Returns false, with a message, if not all could be
 * written. A file that is not open is accepted. */
bool report_file_close(struct report_file *file, int rc);

#endif
