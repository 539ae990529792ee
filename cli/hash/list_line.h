/* Reads a line of a list of digests. */
#ifndef CLI_HASH_LIST_LINE_H
#define CLI_HASH_LIST_LINE_H

#include "digest/digest.h"

/* The state of a list. All-zero, but for `only`, before its first line. */
struct list_format {
    const struct digest_kind *only; /* the algorithm of all lines; NULL to find it in each */
    enum { REVERSED_UNKNOWN, REVERSED, NOT_REVERSED } reversed;
    struct digest_set kinds; /* named by lines */
};

struct list_line {
    const char *name; /* in the line's memory */
    const struct digest_kind *kind;
    unsigned char digest[DIGEST_MOST];
};

/* Reads a line of `length` bytes, without its end and followed by a NUL. Changes it. Returns false
 * if the line is malformed. */
bool list_line_read(struct list_format *format, char *line, size_t length,
                    struct list_line *ret_line);
void list_format_finish(struct list_format *format);

#endif
