/* Reading.
 *
 * A regular file of known size is read until that many bytes have come. A further read would only
 * report the end; the caller's second fstat shows whether the file has grown. A file of size 0 is
 * read all the same, because the files of /proc report that size.
 *
 * The buffer is large enough for few system calls, and small enough for the processor's cache. The
 * kernel is told that a large file is read from begin to end.
 *
 * A pipe or a terminal may never give anything. Reading it waits by a select, which a stop ends.
 */
#include "hasher.h"

#include "crc.h"

#include <blake2.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <thrum.h>
#include <unistd.h>

enum { BUFFER_SIZE = 256 * 1024, LARGE_FILE = 1024 * 1024 };

struct blake2b {
    blake2b_state state;
};

int hasher_init(struct hasher *hasher)
{
    *hasher = (struct hasher){.context = EVP_MD_CTX_new(), .buffer = malloc(BUFFER_SIZE)};
    /* The state of BLAKE2 must be aligned. */
    if (hasher->context && hasher->buffer &&
        posix_memalign((void **)&hasher->blake2b, 64, sizeof *hasher->blake2b) == 0)
        return 0;
    hasher_finish(hasher);
    return -ENOMEM;
}

void hasher_finish(struct hasher *hasher)
{
    EVP_MD_CTX_free(hasher->context);
    free(hasher->buffer);
    free(hasher->blake2b);
}

int hasher_begin(struct hasher *hasher, const struct digest_kind *kind)
{
    bool fine = true;
    hasher->kind = kind;
    hasher->crc = 0;
    hasher->bytes = 0;
    if (kind->engine == DIGEST_OPENSSL)
        fine = EVP_DigestInit_ex2(hasher->context, kind->md, NULL);
    else if (kind->engine == DIGEST_BLAKE2B)
        fine = blake2b_init(&hasher->blake2b->state, kind->size) == 0;
    return fine ? 0 : -ENOMEM;
}

int hasher_add(struct hasher *hasher, const void *bytes, size_t size)
{
    bool fine = true;
    hasher->bytes += size;
    switch (hasher->kind->engine) {
    case DIGEST_OPENSSL:
        fine = EVP_DigestUpdate(hasher->context, bytes, size);
        break;
    case DIGEST_BLAKE2B:
        fine = blake2b_update(&hasher->blake2b->state, bytes, size) == 0;
        break;
    case DIGEST_CRC:
        hasher->crc = crc_add(hasher->crc, bytes, size);
        break;
    }
    return fine ? 0 : -EIO;
}

int hasher_end(struct hasher *hasher, unsigned char ret_digest[DIGEST_MOST])
{
    const struct digest_kind *kind = hasher->kind;
    bool fine = true;
    if (kind->engine == DIGEST_OPENSSL)
        fine = kind->extendable ? EVP_DigestFinalXOF(hasher->context, ret_digest, kind->size)
                                : EVP_DigestFinal_ex(hasher->context, ret_digest, NULL);
    else if (kind->engine == DIGEST_BLAKE2B)
        fine = blake2b_final(&hasher->blake2b->state, ret_digest, kind->size) == 0;
    else
        for (uint32_t i = 0, crc = crc_end(hasher->crc, hasher->bytes); i < 4; i++)
            ret_digest[i] = (unsigned char)(crc >> (24 - 8 * i));
    return fine ? 0 : -EIO;
}

/* Waits until a read does not wait. Returns 0, or -ECANCELED if a stop was set before. */
static int wait_for_input(const struct hasher *hasher, int descriptor)
{
    thrum_case cases[] = {thrum_case_readable(descriptor), {0}, {0}};
    for (int i = 0; i < 2; i++)
        if (hasher->stop[i])
            cases[1 + i] = thrum_case_event(hasher->stop[i]);
    int index = thrum_select(cases, 3, THRUM_FOREVER);
    return index > 0 ? -ECANCELED : index < 0 ? index : cases[0].code;
}

/* Reads all into the digest that has begun. */
static int take_all(struct hasher *hasher, int descriptor, const struct stat *about)
{
    bool regular = S_ISREG(about->st_mode), large = about->st_size >= LARGE_FILE;
    uint64_t size = regular && about->st_size > 0 ? (uint64_t)about->st_size : UINT64_MAX;
    if (large)
        (void)posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL); /* only advice */
    while (hasher->bytes < size) {
        int rc = regular ? 0 : wait_for_input(hasher, descriptor);
        if (rc < 0)
            return rc;
        ssize_t got = read(descriptor, hasher->buffer, BUFFER_SIZE);
        if (got < 0 && (errno == EINTR || (errno == EAGAIN && !regular)))
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return 0;
        rc = hasher_add(hasher, hasher->buffer, (size_t)got);
        if (rc < 0)
            return rc;
        if ((large || !regular) && hasher->progress &&
            !hasher->progress(hasher->progress_context, (size_t)got) && !regular)
            return -ECANCELED; /* a file ends by itself; a pipe may not */
    }
    return 0;
}

int hasher_read(struct hasher *hasher, const struct digest_kind *kind, int descriptor,
                const struct stat *about, unsigned char ret_digest[DIGEST_MOST],
                uint64_t *ret_bytes)
{
    int rc = hasher_begin(hasher, kind);
    if (rc == 0)
        rc = take_all(hasher, descriptor, about);
    *ret_bytes = hasher->bytes;
    return rc == 0 ? hasher_end(hasher, ret_digest) : rc;
}
