/* Digest algorithms: their names, their tags, their lengths. */
#ifndef CLI_DIGEST_DIGEST_H
#define CLI_DIGEST_DIGEST_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

enum { DIGEST_MOST = EVP_MAX_MD_SIZE };

/* The library that computes a digest. */
enum digest_engine {
    DIGEST_OPENSSL,
    DIGEST_BLAKE2B, /* libb2, for lengths that OpenSSL does not have */
    DIGEST_CRC,     /* cksum's */
};

struct digest_kind {
    enum digest_engine engine;
    EVP_MD *md;      /* of DIGEST_OPENSSL */
    bool extendable; /* OpenSSL gives any length, as of SHAKE */
    size_t size;     /* bytes of a digest */
    char name[32];   /* "sha256" */
    char tag[32];    /* "SHA256", as in a line of --tag */
};

enum digest_answer { DIGEST_KNOWN, DIGEST_UNKNOWN, DIGEST_LENGTH_WRONG };

/* Finds an algorithm: by any of OpenSSL's names, by "blake2b" or "crc", or by a tag that this
 * program prints. `bits` is the length; 0 selects the usual one. Call digest_kind_finish after
 * DIGEST_KNOWN. */
enum digest_answer digest_kind_init(struct digest_kind *kind, const char *name, int bits);
void digest_kind_finish(struct digest_kind *kind);

/* The algorithms of a list, each looked up once. All-zero is an empty set. */
struct digest_set {
    struct digest_kind kinds[16];
    size_t count;
};

/* Finds an algorithm as digest_kind_init does, by a name of `length` bytes. NULL if there is none,
 * or the list names too many. */
const struct digest_kind *digest_set_named(struct digest_set *set, const char *name, size_t length);

/* The usual algorithm for a digest of `size` bytes without a tag; NULL if there is none. */
const struct digest_kind *digest_set_sized(struct digest_set *set, size_t size);
void digest_set_finish(struct digest_set *set);

#endif
