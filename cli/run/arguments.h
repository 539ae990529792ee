/* Arguments from standard input, one after another. */
#ifndef CLI_RUN_ARGUMENTS_H
#define CLI_RUN_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

struct arguments {
    int file;
    char end; /* of an argument: newline or NUL */
    bool (*stopping)(void);
    char *text;
    size_t begin, length, room; /* of what has been read and not given */
    bool ended;
};

/* Waits for the next argument, without its end. Valid until the next call. Returns 0; -ENODATA at the end of
 * the input; -ECANCELED once `stopping` is true; -ENOMEM or what reading gives. Blocks. */
int arguments_next(struct arguments *arguments, const char **ret_argument);

void arguments_finish(struct arguments *arguments);

#endif
