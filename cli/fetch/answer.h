/* What the headers of an answer say. */
#ifndef CLI_FETCH_ANSWER_H
#define CLI_FETCH_ANSWER_H

#include "address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All-zero before the first header. */
struct answer {
    char etag[200], modified[64]; /* as they stand there; empty for none */
    bool encoded;                 /* what comes is compressed */
    bool ranged;                  /* Content-Range is there: */
    uint64_t first,
        total; /* the first byte that comes; how many the whole has, UINT64_MAX if unknown */
    char file_name[FILE_NAME_SIZE]; /* of Content-Disposition, made harmless; empty for none */
};

/* Takes a header line. A status line begins a new answer. */
void answer_take_line(struct answer *answer, const char *line, size_t length);

/* The version of the body, for If-Range; NULL if the server gives none that is exact. */
const char *answer_validator(const struct answer *answer);

#endif
