/* Digests, as OpenSSL computes them. */
#ifndef CLI_HASH_DIGEST_H
#define CLI_HASH_DIGEST_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { DIGEST_MOST = EVP_MAX_MD_SIZE };

/* An algorithm. */
struct digest_kind {
    EVP_MD *md;
    size_t size;   /* bytes of a digest */
    char name[32]; /* "sha256" */
    char tag[32];  /* "SHA256", as in a line of --tag */
};

/* Finds an algorithm by any of OpenSSL's names for it. Returns false if there is none. */
bool digest_kind_init(struct digest_kind *kind, const char *name);
void digest_kind_finish(struct digest_kind *kind);

/* Whoever computes digests, one at a time. */
struct hasher {
    const struct digest_kind *kind;
    EVP_MD_CTX *context;
    unsigned char *buffer;
    /* Called after each large piece with the bytes read; may be NULL. Returns false to give up. */
    bool (*progress)(void *context, size_t bytes);
    void *progress_context;
};

/* Returns 0 or -ENOMEM. */
int hasher_init(struct hasher *hasher, const struct digest_kind *kind);
void hasher_finish(struct hasher *hasher);

/* Reads the descriptor to its end. `about` is what fstat says of it. Returns 0 and the digest, and
 * in `ret_bytes` how much was read; -ECANCELED if the progress function gave up; a negative errno
 * if reading failed. Blocks. */
int hasher_read(struct hasher *hasher, int descriptor, const struct stat *about,
                unsigned char ret_digest[DIGEST_MOST], uint64_t *ret_bytes);

#endif
