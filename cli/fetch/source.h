/* The source of URLs: the command line, then a list or a log. */
#ifndef CLI_FETCH_SOURCE_H
#define CLI_FETCH_SOURCE_H

#include "log.h"
#include "options.h"

#include <thrum.h>

struct source {
    char **urls;
    size_t url_count, next;
    int file; /* the list; -1 for none */
    FILE *log;
    struct tally *failed; /* the URLs of the log that are still to be fetched */
    json_t *object;       /* owns the texts of the last line, if they are of a log */
    char *buffer;
    size_t begin, end, room;
    thrum_event *stop; /* ends a wait for input; set before the first source_next */
};

/* Opens the files that the options name. `failed` is of the log of --retry-failed. Returns 0 or a
 * negative errno. Call source_finish in any case. */
int source_init(struct source *ret_source, const struct fetch_options *options,
                struct tally *failed, thrum_error *ret_error);
void source_finish(struct source *source);

/* A line of a list. The texts are valid until the next call. */
struct source_line {
    const char *url;
    const char *name;   /* of its file; or NULL */
    const char *digest; /* "sha256:HEX"; or NULL */
    const char *wrong;  /* what is wrong with the line: a constant; or NULL */
};

/* Splits a line of a list, in place. Returns false if it is blank or a comment. */
bool source_line_read(char *line, size_t length, struct source_line *ret_line);

/* Gives the next URL. Returns 1; 0 at the end or after a stop; or a negative errno. Blocks. */
int source_next(struct source *source, struct source_line *ret_line);

#endif
