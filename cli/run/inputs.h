/* The inputs of `thrum run`: lists on the command line, files, standard input, and their
 * combinations. */
#ifndef CLI_RUN_INPUTS_H
#define CLI_RUN_INPUTS_H

#include "arguments.h"

#include <regex.h>
#include <thrum.h>

enum { SOURCES_MOST = 32 };

/* One input. It is a list of words, or the lines of a file. */
struct source {
    char **words; /* of a list; or of a file, once it has been read as a whole */
    size_t count;
    const char *path; /* of a file; "-" for standard input; NULL for a list */
    bool linked;      /* advances together with the source before it, and is not crossed with it */
    bool owned;       /* inputs_finish frees the words */
};

struct inputs {
    struct source sources[SOURCES_MOST];
    size_t count;
    char end;            /* of an argument in a file */
    const char *columns; /* the regular expression between columns, or NULL */
    int stop;            /* an eventfd: reading ends when it is readable */
    /* Private. */
    regex_t separator;
    bool separating, streaming, started;
    struct arguments stream; /* of the only source, if that is a file */
    size_t at[SOURCES_MOST]; /* the next combination: an index for each source */
    uint64_t given, total;   /* combinations; the total is known for lists only */
    thrum_lock lock;         /* for `given`, which the progress bar reads */
};

/* The arguments of one job. */
struct fields {
    char **items;
    size_t count;
};

/* Begins to read. Returns 0 or a negative errno, with a message in `ret_error`. */
int inputs_start(struct inputs *inputs, thrum_error *ret_error);

/* Waits for the arguments of the next job; free them by fields_free. Returns 0; -ENODATA after the
 * last job; -ECANCELED after an interrupt or `stop`; another negative errno with a message.
 * Blocks. */
int inputs_next(struct inputs *inputs, struct fields *ret_fields, thrum_error *ret_error);

/* The number of combinations that are left. Returns false while it is unknown. */
bool inputs_left(struct inputs *inputs, uint64_t *ret_count);

/* Ends the reading. `stop` must be readable by now. */
void inputs_finish(struct inputs *inputs);

void fields_free(struct fields *fields);

#endif
