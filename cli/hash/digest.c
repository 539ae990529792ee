/* Digests of what a descriptor gives.
 *
 * A regular file whose size is known is read until that many bytes have come, without a further read
 * that would only say "end": whether it has grown meanwhile the caller sees by a second fstat, as he
 * must ask for that anyway. A file that claims to be empty is read all the same: those of /proc do.
 *
 * The buffer is large for large files, so that a read is worth its call, and yet fits the cache
 * that the digest is computed from. The kernel is told when a file will be read from begin to end.
 *
 * A descriptor that may keep us waiting for ever, such as a pipe or a terminal, is waited for in
 * steps of a tenth of a second, so that Ctrl-C is noticed.
 */
#include "digest.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <unistd.h>

enum { BUFFER_SIZE = 256 * 1024, LARGE_FILE = 1024 * 1024 };

bool digest_kind_init(struct digest_kind *kind, const char *name)
{
    /* What coreutils calls them, where it knows them. */
    static const char *const tags[] = {"MD5",    "SHA1",   "SHA224", "SHA256",
                                       "SHA384", "SHA512", "SM3"};
    *kind = (struct digest_kind){.md = EVP_MD_fetch(NULL, name, NULL)};
    ERR_clear_error();
    if (!kind->md)
        return false;
    kind->size = (size_t)EVP_MD_get_size(kind->md);
    snprintf(kind->name, sizeof kind->name, "%s", name);
    snprintf(kind->tag, sizeof kind->tag, "%s", EVP_MD_is_a(kind->md, "BLAKE2B-512") ? "" : name);
    for (size_t i = 0; i < sizeof kind->name && kind->name[i]; i++) {
        kind->name[i] = (char)tolower((unsigned char)kind->name[i]);
        kind->tag[i] = (char)toupper((unsigned char)kind->tag[i]);
    }
    if (!kind->tag[0])
        snprintf(kind->tag, sizeof kind->tag, "BLAKE2b");
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (EVP_MD_is_a(kind->md, tags[i]))
            snprintf(kind->tag, sizeof kind->tag, "%s", tags[i]);
    return kind->size > 0;
}

void digest_kind_finish(struct digest_kind *kind)
{
    EVP_MD_free(kind->md);
}

int hasher_init(struct hasher *hasher, const struct digest_kind *kind)
{
    *hasher =
        (struct hasher){.kind = kind, .context = EVP_MD_CTX_new(), .buffer = malloc(BUFFER_SIZE)};
    if (hasher->context && hasher->buffer)
        return 0;
    hasher_finish(hasher);
    return -ENOMEM;
}

void hasher_finish(struct hasher *hasher)
{
    EVP_MD_CTX_free(hasher->context);
    free(hasher->buffer);
}

/* Waits until a read will not; -ECANCELED if the progress function gives up meanwhile. */
static int wait_for_input(struct hasher *hasher, int descriptor)
{
    static const double look_seconds = 0.1;
    while (true) {
        int rc = thrum_wait_readable(descriptor, thrum_in(look_seconds));
        if (rc != -ETIMEDOUT)
            return rc == -EPERM ? 0 : rc; /* the system need not be able to wait for it */
        if (hasher->progress && !hasher->progress(hasher->progress_context, 0))
            return -ECANCELED;
    }
}

/* Reads all into the digest that has begun. */
static int take_all(struct hasher *hasher, int descriptor, const struct stat *about,
                    uint64_t *ret_bytes)
{
    bool regular = S_ISREG(about->st_mode), large = about->st_size >= LARGE_FILE;
    uint64_t size = regular && about->st_size > 0 ? (uint64_t)about->st_size : UINT64_MAX;
    *ret_bytes = 0;
    if (large)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
    while (*ret_bytes < size) {
        int rc = regular ? 0 : wait_for_input(hasher, descriptor);
        if (rc < 0)
            return rc;
        ssize_t got = read(descriptor, hasher->buffer, BUFFER_SIZE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return 0;
        if (!EVP_DigestUpdate(hasher->context, hasher->buffer, (size_t)got))
            return -EIO;
        *ret_bytes += (uint64_t)got;
        if ((large || !regular) && hasher->progress &&
            !hasher->progress(hasher->progress_context, (size_t)got) && !regular)
            return -ECANCELED; /* a file ends by itself; a pipe may not */
    }
    return 0;
}

int hasher_read(struct hasher *hasher, int descriptor, const struct stat *about,
                unsigned char ret_digest[DIGEST_MOST], uint64_t *ret_bytes)
{
    if (!EVP_DigestInit_ex2(hasher->context, hasher->kind->md, NULL))
        return -ENOMEM;
    int rc = take_all(hasher, descriptor, about, ret_bytes);
    if (rc == 0 && !EVP_DigestFinal_ex(hasher->context, ret_digest, NULL))
        rc = -EIO;
    return rc;
}
