/* Keys and tokens for users of a nats-server, which a test makes for itself. */
#ifndef NKEYS_H
#define NKEYS_H

#include <stddef.h>

enum nkey_kind { NKEY_ACCOUNT = 0, NKEY_OPERATOR = 112, NKEY_USER = 160 };

/* An Ed25519 key as NATS writes it. */
struct nkey {
    char public[57], seed[59];
    unsigned char raw[32];
};

void nkey_make(struct nkey *key, enum nkey_kind kind);

void nkey_sign(const struct nkey *key, const char *text, unsigned char signature[64]);

/* A token that says `nats`, which is JSON, of the subject, signed by the issuer. `size` must be enough for it. */
void nkey_token(char *token, size_t size, const struct nkey *issuer, const char *subject,
                const char *nats);

/* Writes a file with a seed, and with a token if that is not NULL. */
void nkey_write(const char *path, const struct nkey *key, const char *token);

#endif
