/* Keys and tokens for users of a nats-server: nkeys.h. */
#include "nkeys.h"
#include "harness.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint16_t crc16(const unsigned char *bytes, size_t size)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint16_t)(bytes[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

/* In groups of `bits`, without padding. */
static void encode(char *text, const unsigned char *bytes, size_t size, unsigned bits,
                   const char *letters)
{
    uint32_t group = 0;
    unsigned held = 0;
    for (size_t i = 0; i < size; i++) {
        group = group << 8 | bytes[i];
        for (held += 8; held >= bits; held -= bits)
            *text++ = letters[group >> (held - bits) & ((1u << bits) - 1)];
    }
    if (held)
        *text++ = letters[group << (bits - held) & ((1u << bits) - 1)];
    *text = '\0';
}

static void encode_key(char *text, unsigned char *bytes, size_t size)
{
    uint16_t crc = crc16(bytes, size);
    bytes[size] = (unsigned char)crc;
    bytes[size + 1] = (unsigned char)(crc >> 8);
    encode(text, bytes, size + 2, 5, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
}

static void encode_base64url(char *text, const void *bytes, size_t size)
{
    encode(text, bytes, size, 6,
           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

void nkey_make(struct nkey *key, enum nkey_kind kind)
{
    unsigned char seed[36], public[35];
    size_t size = 32;
    static unsigned char made_so_far; /* the same keys in each run, so that a failure comes again */
    memset(seed + 2, ++made_so_far, 32);
    EVP_PKEY *made = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed + 2, 32);
    CHECK(made && EVP_PKEY_get_raw_public_key(made, public + 1, &size) == 1);
    EVP_PKEY_free(made);
    memcpy(key->raw, seed + 2, sizeof key->raw);
    seed[0] = (unsigned char)(144 | kind >> 5);
    seed[1] = (unsigned char)((kind & 31) << 3);
    public[0] = (unsigned char)kind;
    encode_key(key->seed, seed, 34);
    encode_key(key->public, public, 33);
}

void nkey_sign(const struct nkey *key, const char *text, unsigned char signature[64])
{
    size_t size = 64;
    EVP_PKEY *made = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->raw, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CHECK(EVP_DigestSignInit(context, NULL, NULL, NULL, made) == 1);
    CHECK(EVP_DigestSign(context, signature, &size, (const unsigned char *)text, strlen(text)) ==
          1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(made);
}

void nkey_token(char *token, size_t size, const struct nkey *issuer, const char *subject,
                const char *nats)
{
    static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}";
    char body[1024], parts[2][1400], signature_text[100];
    unsigned char signature[64];
    int length =
        snprintf(body, sizeof body,
                 "{\"jti\":\"x\",\"iat\":1700000000,\"iss\":\"%s\",\"name\":\"test\",\"sub\":"
                 "\"%s\",\"nats\":%s}",
                 issuer->public, subject, nats);
    CHECK(length > 0 && (size_t)length < sizeof body);
    encode_base64url(parts[0], header, strlen(header));
    encode_base64url(parts[1], body, (size_t)length);
    int used = snprintf(token, size, "%s.%s", parts[0], parts[1]);
    nkey_sign(issuer, token, signature);
    encode_base64url(signature_text, signature, sizeof signature);
    CHECK(snprintf(token + used, size - (size_t)used, ".%s", signature_text) <
          (int)(size - (size_t)used));
}

void nkey_write(const char *path, const struct nkey *key, const char *token)
{
    FILE *file = fopen(path, "we");
    CHECK(file);
    if (token)
        fprintf(file, "-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n",
                token);
    if (token)
        fprintf(file, "-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n",
                key->seed);
    else
        fprintf(file, "%s\n", key->seed);
    CHECK_INT(fclose(file), ==, 0);
}
