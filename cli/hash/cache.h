/* A cache of digests in a file: a file that has not changed since need not be read again. */
#ifndef CLI_HASH_CACHE_H
#define CLI_HASH_CACHE_H

#include "digest/digest.h"

#include <sys/stat.h>
#include <thrum.h>

struct cache;

/* Opens or creates the file. Returns 0 or a negative errno. Blocks while another process creates
 * it. */
int cache_open(const char *path, struct cache **ret_cache, thrum_error *ret_error);

/* Finds the digest of the file that `about` describes. From any thread. */
bool cache_get(struct cache *cache, const struct digest_kind *kind, const struct stat *about,
               unsigned char ret_digest[DIGEST_MOST]);

/* Stores the digest. From any thread. */
void cache_put(struct cache *cache, const struct digest_kind *kind, const struct stat *about,
               const unsigned char *digest);

/* Writes the stored rows, if they are due. */
void cache_tick(struct cache *cache);

/* When cache_tick is due; THRUM_FOREVER if no row waits. Clears the event of cache_noted. */
thrum_deadline cache_due(struct cache *cache);

/* Set when the first digest after a write is stored. */
thrum_event *cache_noted(struct cache *cache);

/* Writes the rows that wait, and closes. NULL is accepted. Returns 0 or a negative errno. */
int cache_close(struct cache *cache, thrum_error *ret_error);

#endif
