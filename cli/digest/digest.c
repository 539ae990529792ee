/* Names.
 *
 * OpenSSL knows an algorithm by several names. A tag is what coreutils prints, if it has the
 * algorithm, or else the name in capitals. Every tag is also a name, so a line of --tag can be
 * checked. BLAKE2b of less than 512 bits has its length in the tag: BLAKE2b-256.
 *
 * The length of a digest without a tag selects one of coreutils' algorithms. BLAKE2b has the length
 * of SHA-512, so a list of such digests needs -a.
 */
#include "digest.h"

#include <ctype.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BLAKE2B_BITS = 512 };

static void name_it(struct digest_kind *kind, const char *name, const char *tag)
{
    snprintf(kind->name, sizeof kind->name, "%s", name);
    snprintf(kind->tag, sizeof kind->tag, "%s", tag);
    for (char *at = kind->name; *at; at++)
        *at = (char)tolower((unsigned char)*at);
}

/* The bits that a name such as "BLAKE2b-256" gives; 0 for "blake2b", -1 for another name. */
static int blake2b_bits(const char *name)
{
    if (strcasecmp(name, "blake2b512") == 0)
        return BLAKE2B_BITS;
    if (strncasecmp(name, "blake2b", 7) != 0)
        return -1;
    if (!name[7])
        return 0;
    char *end;
    long bits = isdigit((unsigned char)name[8]) ? strtol(name + 8, &end, 10) : 0;
    return name[7] == '-' && bits > 0 && bits <= BLAKE2B_BITS && !*end ? (int)bits : -1;
}

static enum digest_answer init_blake2b(struct digest_kind *kind, int own, int bits)
{
    char tag[sizeof kind->tag] = "BLAKE2b";
    if (own > 0 && bits > 0 && own != bits)
        return DIGEST_LENGTH_WRONG;
    bits = own > 0 ? own : bits > 0 ? bits : BLAKE2B_BITS;
    if (bits % 8 != 0 || bits > BLAKE2B_BITS)
        return DIGEST_LENGTH_WRONG;
    if (bits != BLAKE2B_BITS)
        snprintf(tag, sizeof tag, "BLAKE2b-%d", bits);
    *kind = (struct digest_kind){.engine = DIGEST_BLAKE2B, .size = (size_t)bits / 8};
    name_it(kind, tag, tag);
    if (bits == BLAKE2B_BITS && (kind->md = EVP_MD_fetch(NULL, "BLAKE2B-512", NULL)))
        kind->engine = DIGEST_OPENSSL; /* faster */
    ERR_clear_error();
    return DIGEST_KNOWN;
}

static enum digest_answer init_openssl(struct digest_kind *kind, const char *name, int bits)
{
    static const char *const tags[] = {"MD5",    "SHA1",   "SHA224", "SHA256",
                                       "SHA384", "SHA512", "SM3"};
    char tag[sizeof kind->tag];
    *kind = (struct digest_kind){.md = EVP_MD_fetch(NULL, name, NULL)};
    ERR_clear_error();
    if (!kind->md || EVP_MD_get_size(kind->md) <= 0) {
        digest_kind_finish(kind);
        return DIGEST_UNKNOWN;
    }
    snprintf(tag, sizeof tag, "%s", name);
    for (char *at = tag; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (EVP_MD_is_a(kind->md, tags[i]))
            snprintf(tag, sizeof tag, "%s", tags[i]);
    name_it(kind, name, tag);
    kind->size = (size_t)EVP_MD_get_size(kind->md);
    kind->extendable = (EVP_MD_get_flags(kind->md) & EVP_MD_FLAG_XOF) != 0;
    if (bits == 0 || (size_t)bits == 8 * kind->size)
        return DIGEST_KNOWN;
    kind->size = (size_t)bits / 8;
    if (kind->extendable && bits % 8 == 0 && kind->size <= DIGEST_MOST)
        return DIGEST_KNOWN;
    digest_kind_finish(kind);
    return DIGEST_LENGTH_WRONG;
}

enum digest_answer digest_kind_init(struct digest_kind *kind, const char *name, int bits)
{
    if (strcasecmp(name, "crc") == 0) {
        *kind = (struct digest_kind){.engine = DIGEST_CRC, .size = 4};
        name_it(kind, "crc", "CRC");
        return bits == 0 ? DIGEST_KNOWN : DIGEST_LENGTH_WRONG;
    }
    int own = blake2b_bits(name);
    return own >= 0 ? init_blake2b(kind, own, bits) : init_openssl(kind, name, bits);
}

void digest_kind_finish(struct digest_kind *kind)
{
    EVP_MD_free(kind->md);
    kind->md = NULL;
}

const struct digest_kind *digest_set_named(struct digest_set *set, const char *name, size_t length)
{
    char text[sizeof set->kinds[0].name];
    if (length == 0 || length >= sizeof text)
        return NULL;
    memcpy(text, name, length);
    text[length] = '\0';
    for (size_t i = 0; i < set->count; i++)
        if (strcasecmp(set->kinds[i].name, text) == 0 || strcasecmp(set->kinds[i].tag, text) == 0)
            return &set->kinds[i];
    if (set->count == sizeof set->kinds / sizeof set->kinds[0])
        return NULL;
    struct digest_kind *kind = &set->kinds[set->count];
    if (digest_kind_init(kind, text, 0) != DIGEST_KNOWN || kind->engine == DIGEST_CRC)
        return NULL;
    set->count++;
    return kind;
}

const struct digest_kind *digest_set_sized(struct digest_set *set, size_t size)
{
    static const struct {
        size_t size;
        const char *name;
    } usual[] = {{16, "md5"},    {20, "sha1"},   {28, "sha224"},
                 {32, "sha256"}, {48, "sha384"}, {64, "sha512"}};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        if (usual[i].size == size)
            return digest_set_named(set, usual[i].name, strlen(usual[i].name));
    return NULL;
}

void digest_set_finish(struct digest_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        digest_kind_finish(&set->kinds[i]);
    set->count = 0;
}
