/* Where URLs come from: the command line, then a list or a log, one after another. */
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
    struct tally *failed; /* what of the log is still to be fetched */
    json_t *object;       /* holds the texts that were given last, if they are of a log */
    char *buffer;
    size_t begin, end, room;
    bool (*stopping)(void *context);
    void *context;
};

/* Opens what the options name; `failed` is what the log of --retry-failed says. `stopping` is asked
 * while the source waits for input. Returns 0 or a negative errno; source_finish is due in any case. */
int source_init(struct source *ret_source, const struct fetch_options *options,
                struct tally *failed, bool (*stopping)(void *), void *context,
                thrum_error *ret_error);
void source_finish(struct source *source);

/* Gives the next URL, and the name of its file or NULL; both are good until the next call. Returns 1, 0
 * at the end or when it is to stop, or a negative errno. Blocks. */
int source_next(struct source *source, const char **ret_url, const char **ret_name);

#endif
