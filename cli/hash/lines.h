/* The output lines: those of sha256sum, to the byte, or JSON. */
#ifndef CLI_HASH_LINES_H
#define CLI_HASH_LINES_H

#include "batch.h"

#include <stdio.h>

enum line_form {
    LINE_TEXT,   /* "digest  name" */
    LINE_BINARY, /* "digest *name" */
    LINE_TAG,    /* "SHA256 (name) = digest" */
    LINE_CRC,    /* "crc bytes name" */
    LINE_JSON,
    LINE_RAW, /* the bytes of the digest, and nothing else */
};

struct line_style {
    enum line_form form;
    bool zero;    /* ends with a NUL, nothing is escaped */
    bool base64;  /* rather than hexadecimal */
    bool unnamed; /* LINE_CRC without a name */
    const struct digest_kind *digest;
};

/* Puts the line of a file that has been read, even if it has changed meanwhile. A file that failed
 * has a line only in JSON; otherwise nothing is put. */
void line_put(FILE *out, const struct line_style *style, const struct batch *batch,
              const struct item *item);

/* Puts "name: OK". The name is escaped only if it has a newline, as sha256sum -c does. */
void line_put_verdict(FILE *out, const struct batch *batch, const struct item *item,
                      const char *verdict);

/* The path for a message, with '?' for control characters. Free it. NULL if memory ran out. */
char *path_for_message(const struct batch *batch, const struct item *item);

#endif
