/* Arguments from a file or pipe, one after another, read ahead so that their number is soon
 * known. */
#ifndef CLI_RUN_ARGUMENTS_H
#define CLI_RUN_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum.h>

struct arguments {
    int file, stop; /* `stop` ends the reading when it becomes readable; -1 for nothing */
    char end;       /* of an argument: newline or NUL */
    thrum_thread *reader;
    thrum_lock lock; /* over all that follows */
    thrum_condition changed;
    char *text;
    size_t begin, length, room; /* of what has been read and not taken */
    uint64_t ends;              /* of arguments in the text */
    uint64_t number;            /* of the last argument that was taken, from 1 */
    int over;                   /* why reading has ended: 0 if it has not, -ENODATA or an error */
    bool abandoned;             /* no more arguments are taken */
};

/* Begins to read `file`, which it does not close. Starts a thread. Returns 0 or a negative
 * errno. */
int arguments_start(struct arguments *arguments, int file, char end, int stop);

/* Waits for the next argument, without its end. Free it. Returns 0; -ENODATA at the end of the
 * input; -ECANCELED after an interrupt or `stop`; -EILSEQ for a NUL byte in a line; -EMSGSIZE for
 * an argument that is too long; -ENOMEM or the error of reading. Blocks. */
int arguments_next(struct arguments *arguments, char **ret_argument);

/* The number of arguments that are left. Returns false while it is unknown. */
bool arguments_left(struct arguments *arguments, uint64_t *ret_count);

/* Ends the reading. `stop` must be readable, or the input at its end. */
void arguments_finish(struct arguments *arguments);

#endif
