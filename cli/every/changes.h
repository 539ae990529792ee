/* Changes of files and directories. */
#ifndef CLI_EVERY_CHANGES_H
#define CLI_EVERY_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum.h>

struct changes;

/* Begins to watch the paths: files, which need not exist yet, and directories with everything below
 * them. Returns 0 or a negative errno. */
int changes_open(const char *const *paths, size_t count, struct changes **ret_changes,
                 thrum_error *ret_error);

/* A descriptor that is readable when something has changed. */
int changes_descriptor(const struct changes *changes);

/* Takes all pending changes. Returns true if there were any. Does not block. */
bool changes_take(struct changes *changes);

/* NULL is accepted. */
void changes_close(struct changes *changes);

#endif
