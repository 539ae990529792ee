/* A file that results are written to at the end of a run, opened at its beginning. */
#ifndef CLI_MEASURE_REPORT_FILE_H
#define CLI_MEASURE_REPORT_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <thrum.h>

struct report_file {
    const char *option, *path; /* for messages; `path` is NULL if no file is wanted */
    FILE *stream;              /* NULL if no file is wanted; stdout for "-" */
};

/* Opens it, so that results are not lost to a wrong path. `path` may be NULL. Returns 0 or a negative errno. */
int report_file_open(struct report_file *file, const char *option, const char *path,
                     thrum_error *ret_error);

/* Writes the value as JSON, if a file is wanted. Frees the value; NULL means that memory is out. Returns 0 or a
 * negative errno. */
int report_file_json(struct report_file *file, json_t *value);

/* Closes it. `rc` is what the writing gave: 0 or a negative errno. Returns false, with a message, if not all could be
 * written. A file that is not open is accepted. */
bool report_file_close(struct report_file *file, int rc);

#endif
