/* Computes the digest of the bytes of a descriptor. */
#ifndef CLI_DIGEST_HASHER_H
#define CLI_DIGEST_HASHER_H

#include "digest.h"

#include <stdint.h>
#include <sys/stat.h>
#include <thrum.h>

/* A hasher: computes one digest at a time. */
struct hasher {
    const struct digest_kind *kind; /* of the present digest */
    uint64_t bytes;                 /* added to it */
    EVP_MD_CTX *context;
    struct blake2b *blake2b;
    uint32_t crc;
    unsigned char *buffer;
    /* Called after each large piece with the bytes read; may be NULL. Returns false to stop
     * reading. */
    bool (*progress)(void *context, size_t bytes);
    void *progress_context;
    thrum_event *stop[2]; /* each ends a wait for input when it is set; may be NULL */
};

/* Returns 0 or -ENOMEM. */
int hasher_init(struct hasher *hasher);
void hasher_finish(struct hasher *hasher);

/* Reads the descriptor to its end. `about` is the result of fstat. Sets `ret_bytes` to the bytes
 * read. Returns 0 and the digest; -ECANCELED if the progress function returned false or a stop was
 * set; another negative errno if reading failed. Blocks. */
int hasher_read(struct hasher *hasher, const struct digest_kind *kind, int descriptor,
                const struct stat *about, unsigned char ret_digest[DIGEST_MOST],
                uint64_t *ret_bytes);

/* The same in steps. Each returns 0 or a negative errno. */
int hasher_begin(struct hasher *hasher, const struct digest_kind *kind);
int hasher_add(struct hasher *hasher, const void *bytes, size_t size);
int hasher_end(struct hasher *hasher, unsigned char ret_digest[DIGEST_MOST]);

#endif
