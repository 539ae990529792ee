/* Verifies lists of digests. */
#ifndef CLI_HASH_CHECK_H
#define CLI_HASH_CHECK_H

#include "cache.h"
#include "line_writer.h"
#include "name_set.h"
#include "options.h"

struct check {
    const struct hash_options *options;
    const struct digest_kind *digest; /* of all lines; NULL to find it in each */
    struct cache *cache;              /* or NULL */
    struct line_writer *out;
    struct name_set names;  /* in the lists; only for check_new */
    uint64_t fresh, unread; /* files that check_new has found */
};

/* Verifies one list, "-" for standard input, and prints the verdicts. Returns true if all is
 * well. */
bool check_list(struct check *check, const char *path);

/* Prints the files that no list names. Returns true if there are none and all directories could be
 * read. */
bool check_new(struct check *check);

#endif
