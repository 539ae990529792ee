/* The headers of an answer. */
#ifndef CLI_FETCH_ANSWER_H
#define CLI_FETCH_ANSWER_H

#include "address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All-zero before the first header. */
struct answer {
    char etag[200], modified[64]; /* the values; empty for none */
    bool encoded;                 /* the body is compressed */
    bool ranged;                  /* it has Content-Range; then the next two are set: */
    uint64_t first,
        total; /* the offset of the first byte; the size of the whole, UINT64_MAX if unknown */
    char file_name[FILE_NAME_SIZE]; /* of Content-Disposition, made harmless; empty for none */
};

/* Takes a header line. A status line begins a new answer. */
void answer_take_line(struct answer *answer, const char *line, size_t length);

/* The version of the body, for If-Range; NULL if the server gives no exact one. */
const char *answer_validator(const struct answer *answer);

#endif
