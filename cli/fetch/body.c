/* Bodies.
 *
 * A file is opened with the first byte of a good answer. A URL that answers 404 touches nothing
 * (part.c).
 *
 * Two URLs with one name. The run stores the URL of each name, so the second URL fails before it is
 * fetched. That is only for the message. A name is given by link, which replaces nothing, so the
 * first process gets it.
 *
 * A body to be printed waits until it is complete: in memory, or if it is long, in an unnamed file.
 *
 * A digest is computed as the bytes come. For that, the partial file of another run is read.
 */
#include "body.h"

#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MOST = 65536, PIECE = 16384 };

int body_place_open(struct body_place *place, const char *directory, bool sync,
                    thrum_error *ret_error)
{
    place->files.folder = -1;
    if (place->kind != BODY_FILE)
        return 0;
    return folder_place_open(directory, sync, &place->files, ret_error);
}

void body_place_close(struct body_place *place)
{
    if (place->kind == BODY_FILE)
        folder_place_close(&place->files);
    holders_finish(&place->holders);
}

uint64_t body_place_received(struct body_place *place)
{
    uint64_t bytes = 0;
    thrum_with (&place->lock)
        bytes = place->received;
    return bytes;
}

uint64_t body_place_expected(struct body_place *place, size_t count)
{
    uint64_t bytes = 0;
    thrum_with (&place->lock)
        bytes = place->measured == count ? place->expected : 0;
    return bytes;
}

/* ------------------------------------------------------------------------------------------- names */

/* Sets the error for a name that is taken. Returns -EEXIST. */
static int name_taken(struct body *body, const char *holder)
{
    const char *folder = body->place->files.name;
    if (holder)
        return trouble(
            &body->error, -EEXIST,
            "%.50s/%.60s is the file of %.80s; give this URL another name in the list, or use "
            "--tree",
            folder, body->name, holder);
    return trouble(
        &body->error, -EEXIST,
        "%.80s/%.90s exists already; remove it or give this URL another name in the list", folder,
        body->name);
}

/* Reserves the name. Returns 0 or -EEXIST. */
static int take_name(struct body *body)
{
    struct body_place *place = body->place;
    int rc = 0;
    thrum_with (&place->lock) {
        const char *holder = holders_take(&place->holders, body->name, body->url);
        body->holds = !holder;
        if (holder)
            rc = name_taken(body, holder);
    }
    if (rc == 0 && !place->again &&
        faccessat(place->files.folder, body->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        rc = name_taken(body, NULL);
    return rc;
}

static void give_name(struct body *body)
{
    if (body->holds)
        thrum_with (&body->place->lock)
            holders_give(&body->place->holders, body->name, body->url);
    body->holds = false;
}

static int set_name(struct body *body, const char *name)
{
    char *copy = name ? strdup(name) : NULL;
    if (name && !copy)
        return trouble(&body->error, -ENOMEM, "out of memory");
    if (!name)
        return trouble(&body->error, -ENAMETOOLONG,
                       "its name is too long for a file; give it another in the list, after a tab");
    give_name(body);
    free(body->name);
    body->name = copy;
    part_init(&body->part, &body->place->files, body->url, body->name);
    return take_name(body);
}

/* ----------------------------------------------------------------------------------------- digests */

static int fail_memory(struct body *body)
{
    return trouble(&body->error, -ENOMEM, "out of memory");
}

/* Begins the digest with the bytes that the file already has. */
static int begin_digest(struct body *body)
{
    if (!body->hasher)
        return 0;
    if (hasher_begin(body->hasher, body->wanted.kind) < 0)
        return fail_memory(body);
    char piece[PIECE];
    for (uint64_t at = 0; at < body->bytes;) {
        ssize_t count = pread(body->part.file, piece, PIECE, (off_t)at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0 || hasher_add(body->hasher, piece, (size_t)count) < 0)
            return trouble(&body->error, -EIO, "cannot read what came earlier: %s",
                           thrum_strerror(count < 0 ? -errno : -EIO));
        at += (uint64_t)count;
    }
    return 0;
}

static int compare_digest(struct body *body)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[DIGEST_MOST];
    char text[2 * DIGEST_MOST + 1] = "";
    const struct digest_kind *kind = body->wanted.kind;
    if (!body->hasher)
        return 0;
    if (hasher_end(body->hasher, digest) < 0)
        return fail_memory(body);
    if (memcmp(digest, body->wanted.bytes, kind->size) == 0)
        return 0;
    for (size_t i = 0; i < kind->size; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    return trouble(&body->error, -EBADMSG, "its %s is %s, which is not what the list says",
                   kind->name, text);
}

/* ------------------------------------------------------------------------------------------- texts */

/* An unnamed file for what does not fit into memory. */
static int open_spool(struct body *body)
{
    const char *directory = getenv("TMPDIR");
    char path[512];
    if (!directory || !*directory)
        directory = "/tmp";
    body->spool = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (body->spool < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        snprintf(path, sizeof path, "%s/thrum-fetch-XXXXXX", directory);
        body->spool = mkostemp(path, O_CLOEXEC);
        if (body->spool >= 0 && unlink(path) != 0)
            return -errno;
    }
    if (body->spool < 0)
        return trouble(&body->error, -errno, "cannot make a file in %.150s (see TMPDIR): %s",
                       directory, thrum_strerror(-errno));
    return 0;
}

static int spill(struct body *body)
{
    int rc = open_spool(body);
    if (rc == 0)
        rc = write_whole(body->spool, body->text, body->text_size);
    body->text_size = 0;
    return rc;
}

static int add_to_text(struct body *body, const void *bytes, size_t size)
{
    int rc = body->spool < 0 && body->text_size + size > TEXT_MOST ? spill(body) : 0;
    if (rc == 0 && body->spool >= 0)
        rc = write_whole(body->spool, bytes, size);
    if (rc < 0 && body->error.code == 0)
        trouble(&body->error, rc, "cannot keep what comes: %s", thrum_strerror(rc));
    if (body->spool >= 0 || rc < 0)
        return rc;
    if (body->text_size + size > body->room) {
        size_t room = 2 * (body->text_size + size);
        char *text = realloc(body->text, room);
        if (!text)
            return fail_memory(body);
        body->text = text;
        body->room = room;
    }
    memcpy(body->text + body->text_size, bytes, size);
    body->text_size += size;
    return 0;
}

/* --------------------------------------------------------------------------------------- interface */

int body_begin(struct body *body, struct body_place *place, const char *url, const char *name,
               const struct body_digest *wanted)
{
    *body = (struct body){.place = place, .url = url, .spool = -1, .part.file = -1};
    body->wanted = *wanted;
    if (wanted->kind) {
        body->hasher = malloc(sizeof *body->hasher);
        if (!body->hasher || hasher_init(body->hasher) < 0) {
            free(body->hasher);
            body->hasher = NULL;
            return fail_memory(body);
        }
    }
    int rc = place->kind == BODY_FILE ? set_name(body, name) : 0;
    if (rc == 0 && place->kind == BODY_FILE) {
        part_take_over(&body->part);
        body->bytes = body->part.size;
    }
    return rc < 0 ? rc : begin_digest(body);
}

int body_rename(struct body *body, const char *name)
{
    if (body->place->kind != BODY_FILE || strcmp(name, body->name) == 0)
        return 0;
    part_finish(&body->part, false);
    body->bytes = 0;
    int rc = set_name(body, name);
    return rc < 0 ? rc : begin_digest(body);
}

void body_expect(struct body *body, int64_t length)
{
    if (length < 0 || body->measured)
        return;
    body->measured = true;
    thrum_with (&body->place->lock) {
        body->place->expected += (uint64_t)length;
        body->place->measured++;
    }
}

void body_set_validator(struct body *body, const char *validator)
{
    if (body->place->kind == BODY_FILE && validator && strlen(validator) < VALIDATOR_SIZE)
        snprintf(body->part.validator, VALIDATOR_SIZE, "%s", validator);
    else
        body->part.validator[0] = '\0';
}

uint64_t body_resumable(const struct body *body, const char **ret_validator)
{
    if (body->place->kind != BODY_FILE || !body->part.validator[0] || body->part.size == 0)
        return 0;
    *ret_validator = body->part.validator;
    return body->part.size;
}

bool body_add(struct body *body, const void *bytes, size_t size)
{
    int rc = 0;
    if (body->place->kind == BODY_FILE)
        rc = part_add(&body->part, bytes, size, &body->error);
    else if (body->place->kind == BODY_PRINT)
        rc = add_to_text(body, bytes, size);
    if (rc == 0 && body->hasher && hasher_add(body->hasher, bytes, size) < 0)
        rc = fail_memory(body);
    body->bytes += size;
    thrum_with (&body->place->lock)
        body->place->received += size;
    return rc == 0;
}

int body_empty(struct body *body)
{
    body->bytes = 0;
    body->text_size = 0;
    int rc = body->place->kind == BODY_FILE ? part_empty(&body->part, &body->error) : 0;
    if (rc == 0 && body->spool >= 0 &&
        (ftruncate(body->spool, 0) != 0 || lseek(body->spool, 0, SEEK_SET) < 0))
        rc = trouble(&body->error, -errno, "cannot empty a file: %s", thrum_strerror(-errno));
    return rc < 0 ? rc : begin_digest(body);
}

int body_keep(struct body *body)
{
    if (body->empty)
        return 0;
    int rc = compare_digest(body);
    if (rc < 0) {
        body->part.marked = false; /* nothing to go on from */
        return rc;
    }
    if (body->place->kind != BODY_FILE)
        return 0;
    rc = part_name(&body->part, body->place->again, &body->error);
    body->holds = body->holds && rc != 0; /* once it is there, the name stays with the URL */
    return rc;
}

int body_print(struct body *body, struct line_writer *out)
{
    char piece[PIECE];
    if (body->place->kind != BODY_PRINT || body->empty)
        return 0;
    if (body->spool < 0) {
        line_writer_bytes(out, body->text, body->text_size);
        return 0;
    }
    for (uint64_t at = 0; at < body->bytes && !line_writer_failed(out);) {
        ssize_t count = pread(body->spool, piece, PIECE, (off_t)at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return trouble(&body->error, count < 0 ? -errno : -EIO,
                           "cannot read back what came: %s",
                           thrum_strerror(count < 0 ? -errno : -EIO));
        line_writer_bytes(out, piece, (size_t)count);
        at += (uint64_t)count;
    }
    return 0;
}

void body_finish(struct body *body)
{
    if (body->place->kind == BODY_FILE && body->name) {
        give_name(body);
        part_finish(&body->part, true);
    }
    if (body->spool >= 0)
        (void)close(body->spool); /* it has been read */
    if (body->hasher)
        hasher_finish(body->hasher);
    free(body->hasher);
    free(body->text);
    free(body->name);
    body->hasher = NULL;
    body->text = body->name = NULL;
    body->spool = -1;
}
