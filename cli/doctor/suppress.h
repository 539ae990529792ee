/* Findings that are not reported. */
#ifndef CLI_DOCTOR_SUPPRESS_H
#define CLI_DOCTOR_SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>

struct suppression {
    char *kind, *pattern;
};

struct suppressions {
    struct suppression *list;
    int count;
};

/* Reads a file: a kind and a shell pattern on each line. Returns 0, or a negative errno with the
 * reason in `message`. */
int suppressions_read(struct suppressions *suppressions, const char *path, char *message,
                      size_t size);
void suppressions_free(struct suppressions *suppressions);

/* True if a line has that kind, or *, and its pattern matches the name. */
bool suppressions_fit(const struct suppressions *suppressions, const char *kind, const char *name);

#endif
