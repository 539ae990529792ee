/* Bodies.
 *
 * A file is NAME.part until it is whole. Whoever writes it holds a lock on it (flock), so that a second
 * URL with the same name is found out, whichever process fetches it, while what a killed run has left,
 * which nobody holds, is taken over. It gets its name by link, which, unlike rename, replaces nothing;
 * where links are not to be had, by rename after a look.
 *
 * The file is opened with the first byte that is worth keeping, so that a URL that answers 404 touches
 * nothing.
 *
 * Between the lock and the name stands a gap: one who has finished takes his .part away, and another
 * may have opened just that before and lock it then. So after locking it is seen whether the name still
 * leads to the file.
 *
 * A body that is to be printed waits in memory, a long one in an unnamed file, until it is whole.
 */
#include "body.h"

#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MOST = 65536, PART_NAME_SIZE = FILE_NAME_SIZE + 8 };

static const char advice[] = "give one of them another name in the list, after a tab";

int body_place_open(struct body_place *place, thrum_error *ret_error)
{
    place->folder = -1;
    if (place->kind != BODY_FILE)
        return 0;
    if (mkdir(place->directory, 0777) != 0 && errno != EEXIST)
        return trouble(ret_error, -errno, "cannot make the directory %.160s: %s", place->directory,
                       thrum_strerror(-errno));
    place->folder = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->folder < 0)
        return trouble(ret_error, -errno, "cannot use the directory %.160s: %s", place->directory,
                       thrum_strerror(-errno));
    return 0;
}

void body_place_close(struct body_place *place)
{
    if (place->folder >= 0)
        close(place->folder);
}

uint64_t body_place_bytes(struct body_place *place)
{
    uint64_t bytes = 0;
    thrum_with (&place->lock)
        bytes = place->bytes;
    return bytes;
}

static const char *part_name(const struct body *body, char text[PART_NAME_SIZE])
{
    snprintf(text, PART_NAME_SIZE, "%s.part", body->name);
    return text;
}

/* "DIR/NAME" as the log has it. NULL without memory. */
static char *path_of(const struct body *body)
{
    char *path;
    return asprintf(&path, "%s/%s", body->place->directory, body->name) < 0 ? NULL : path;
}

/* Whether a file that is there may be replaced: in a run that goes on with another, if neither has
 * written it as far as is known. */
static bool may_replace(struct body *body)
{
    bool known = true;
    char *path = body->place->known ? path_of(body) : NULL;
    if (!path)
        return false;
    thrum_with (&body->place->lock) {
        const uint32_t *count = tally_of(body->place->known, path);
        known = !count || *count > 0;
    }
    free(path);
    return !known;
}

static void note_path(struct body *body)
{
    char *path = body->place->known ? path_of(body) : NULL;
    if (!path)
        return;
    thrum_with (&body->place->lock) {
        uint32_t *count = tally_of(body->place->known, path);
        if (count)
            *count = 1;
    }
    free(path);
}

static int is_there(struct body *body)
{
    return trouble(
        &body->error, -EEXIST,
        "%.100s/%.80s is there already; remove it, or if another URL has the same name %s",
        body->place->directory, body->name, advice);
}

int body_begin(struct body *body, struct body_place *place, const char *name)
{
    *body = (struct body){.place = place, .name = name, .file = -1};
    if (place->kind != BODY_FILE)
        return 0;
    if (!*name)
        return trouble(&body->error, -ENAMETOOLONG,
                       "its name is too long for a file; give it another in the list, after a tab");
    if (faccessat(place->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 && !may_replace(body))
        return is_there(body);
    return 0;
}

/* ------------------------------------------------------------------------------------------- files */

static int fail_file(struct body *body, int code, const char *what)
{
    return trouble(&body->error, code, "%s %.100s/%.80s.part: %s", what, body->place->directory,
                   body->name, thrum_strerror(code));
}

/* Opens the .part and locks it. Returns 0 or a negative errno. */
static int open_part(struct body *body)
{
    char part[PART_NAME_SIZE];
    struct stat ours, named;
    int folder = body->place->folder;
    for (;;) {
        int file = openat(folder, part_name(body, part),
                          O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
        if (file < 0)
            return fail_file(body, -errno, "cannot make");
        body->file = file;
        if (fstat(file, &ours) != 0 || !S_ISREG(ours.st_mode))
            return fail_file(body, -EEXIST, "cannot use");
        if (flock(file, LOCK_EX | LOCK_NB) != 0)
            return trouble(&body->error, -EEXIST,
                           "another URL is being written to %.100s/%.80s; %s",
                           body->place->directory, body->name, advice);
        if (fstatat(folder, part, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
            named.st_ino == ours.st_ino && named.st_dev == ours.st_dev)
            break;
        close(file); /* it has been finished meanwhile */
        body->file = -1;
    }
    body->locked = true;
    if (ours.st_size > 0 && ftruncate(body->file, 0) != 0)
        return fail_file(body, -errno, "cannot empty");
    return 0;
}

static int write_all(int file, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = write(file, bytes, size);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0) {
            bytes += count;
            size -= (size_t)count;
        }
    }
    return 0;
}

static int add_to_file(struct body *body, const void *bytes, size_t size)
{
    int rc = body->locked ? 0 : open_part(body);
    if (rc < 0)
        return rc;
    rc = write_all(body->file, bytes, size);
    return rc < 0 ? fail_file(body, rc, "cannot write") : 0;
}

/* Gives the file its name. Returns 0 or a negative errno. */
static int name_file(struct body *body)
{
    char part[PART_NAME_SIZE];
    int folder = body->place->folder;
    part_name(body, part);
    bool replace = may_replace(body);
    int rc = replace ? -EPERM : linkat(folder, part, folder, body->name, 0) == 0 ? 0 : -errno;
    if (rc == 0) {
        unlinkat(folder, part, 0); /* at worst two names are left */
        return 0;
    }
    if (rc == -EEXIST)
        return is_there(body);
    /* No links here, or a file to be replaced. */
    if (!replace && faccessat(folder, body->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return is_there(body);
    return renameat(folder, part, folder, body->name) == 0 ? 0
                                                           : fail_file(body, -errno, "cannot name");
}

/* -------------------------------------------------------------------------------------------- texts */

static int spill(struct body *body)
{
    const char *directory = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/thrum-fetch-XXXXXX",
             directory && *directory ? directory : "/tmp");
    body->file = mkostemp(path, O_CLOEXEC);
    if (body->file < 0)
        return -errno;
    unlink(path);
    int rc = write_all(body->file, body->text, body->size);
    body->size = 0;
    return rc;
}

static int add_to_text(struct body *body, const void *bytes, size_t size)
{
    int rc = body->file < 0 && body->size + size > TEXT_MOST ? spill(body) : 0;
    if (rc == 0 && body->file >= 0)
        rc = write_all(body->file, bytes, size);
    if (body->file >= 0 || rc < 0)
        return rc < 0 ? trouble(&body->error, rc, "cannot keep what comes: %s", thrum_strerror(rc))
                      : 0;
    if (body->size + size > body->room) {
        size_t room = 2 * (body->size + size);
        char *text = realloc(body->text, room);
        if (!text)
            return trouble(&body->error, -ENOMEM, "out of memory");
        body->text = text;
        body->room = room;
    }
    memcpy(body->text + body->size, bytes, size);
    body->size += size;
    return 0;
}

/* --------------------------------------------------------------------------------------- interface */

bool body_add(struct body *body, const void *bytes, size_t size)
{
    int rc = 0;
    if (body->place->kind == BODY_FILE)
        rc = add_to_file(body, bytes, size);
    else if (body->place->kind == BODY_PRINT)
        rc = add_to_text(body, bytes, size);
    body->bytes += size;
    thrum_with (&body->place->lock)
        body->place->bytes += size;
    return rc == 0;
}

int body_again(struct body *body)
{
    body->bytes = 0;
    body->size = 0;
    if (body->file < 0)
        return 0;
    if (ftruncate(body->file, 0) != 0 || lseek(body->file, 0, SEEK_SET) < 0)
        return trouble(&body->error, -errno, "cannot empty a file: %s", thrum_strerror(-errno));
    return 0;
}

int body_keep(struct body *body)
{
    if (body->place->kind != BODY_FILE)
        return 0;
    int rc = body->locked ? 0 : open_part(body);
    if (rc == 0)
        rc = name_file(body);
    if (rc < 0)
        return rc;
    note_path(body);
    body->locked = false;
    rc = close(body->file) == 0 ? 0 : -errno;
    body->file = -1;
    return rc < 0 ? fail_file(body, rc, "cannot close") : 0;
}

bool body_print(struct body *body, FILE *out)
{
    char piece[16384];
    if (body->place->kind != BODY_PRINT)
        return true;
    if (body->file < 0)
        return fwrite(body->text, 1, body->size, out) == body->size;
    off_t at = 0;
    ssize_t count;
    while ((count = pread(body->file, piece, sizeof piece, at)) > 0) {
        if (fwrite(piece, 1, (size_t)count, out) != (size_t)count)
            return false;
        at += count;
    }
    return count == 0;
}

void body_finish(struct body *body)
{
    char part[PART_NAME_SIZE];
    if (body->locked)
        unlinkat(body->place->folder, part_name(body, part), 0);
    if (body->file >= 0)
        close(body->file);
    free(body->text);
    body->text = NULL;
    body->file = -1;
    body->locked = false;
}
