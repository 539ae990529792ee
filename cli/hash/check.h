/* Verifying: lists of digests, as sha256sum -c reads them. */
#ifndef CLI_HASH_CHECK_H
#define CLI_HASH_CHECK_H

#include "engine.h"
#include "options.h"

/* Verifies what the list names, prints the verdicts, and what sha256sum says at the end. `path` may
 * be "-". Returns true if all is well. */
bool check_list(const struct hash_options *options, const struct digest_kind *digest,
                const char *path);

#endif
