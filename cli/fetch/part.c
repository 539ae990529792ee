/* Files.
 *
 * A file that is being written has no name (O_TMPFILE). So a killed process leaves nothing, and no
 * file of the user is in danger. When it is complete it gets its name by link, which replaces
 * nothing.
 *
 * A large file for which the server gives a version (ETag or Last-Modified) gets a partial name
 * early, in its directory: ".thrum-fetch-" and a hash of URL and name. So another run can continue
 * it. An extended attribute of the file has URL and version. A file of that name is left alone if
 * it lacks the attribute, is of another URL, or is locked by another process (flock). On a file
 * system without extended attributes, partial files have no names and cannot be resumed.
 *
 * If the system has no O_TMPFILE, or no /proc to name such a file, files have partial names from
 * the beginning. They are made with O_EXCL, by the first free name of a few. No URL gives such a
 * name (address.c), and the user's list must not (is_part_name).
 *
 * Durability. As with curl and wget, the kernel writes a file to the disk when it chooses: after a
 * power cut, a file may have its name and lack its bytes. With --sync the file is written (fsync)
 * before it gets its name. The directories that lead to the name are written after that, and the
 * line of a log comes last. So a name in a log is on the disk. --sync is not the default: on a disk
 * it costs a write of the journal for each file.
 */
#include "part.h"

#include "line_writer.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char prefix[] = ".thrum-fetch-", mark_name[] = "user.thrum.fetch";

enum { RESUME_LEAST = 256 * 1024, NAMES_MOST = 10, MARK_SIZE = 3072 };

/* ---------------------------------------------------------------------------------------- directory */

static const char *link_path(int file, char text[40])
{
    snprintf(text, 40, "/proc/self/fd/%d", file);
    return text;
}

/* True if a file without a name can be created and named. */
static bool can_be_unnamed(int folder)
{
    char path[40];
    int file = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    bool can_be_named = faccessat(AT_FDCWD, link_path(file, path), F_OK, 0) == 0;
    (void)close(file); /* nothing was written */
    return can_be_named;
}

/* Creates a directory and the directories above it. Returns 0 or a negative errno. */
static int make_directories(int folder, const char *path)
{
    char *copy = strdup(path);
    int rc = copy ? 0 : -ENOMEM;
    for (char *at = copy; rc == 0 && at;) {
        at = strchr(at + 1, '/');
        if (at)
            *at = '\0';
        if (mkdirat(folder, copy, 0777) != 0 && errno != EEXIST)
            rc = -errno;
        if (at)
            *at = '/';
    }
    free(copy);
    return rc;
}

/* Writes a directory to the disk. Returns 0 or a negative errno. */
static int sync_directory(int folder, const char *path)
{
    int file = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return -errno;
    int rc = fsync(file) == 0 || errno == EINVAL ? 0 : -errno; /* EINVAL: no disk */
    (void)close(file);                                         /* it was only read */
    return rc;
}

/* Writes the directories that lead to `path` to the disk, the last part excluded. Returns 0 or a
 * negative errno. */
static int sync_directories(int folder, const char *path)
{
    char *copy = strdup(path);
    int rc = copy ? 0 : -ENOMEM;
    for (char *slash; rc == 0 && (slash = strrchr(copy, '/')) && slash > copy;) {
        *slash = '\0';
        rc = sync_directory(folder, copy);
    }
    if (rc == 0)
        rc = sync_directory(folder, *path == '/' ? "/" : ".");
    free(copy);
    return rc;
}

int folder_place_open(const char *name, bool sync, struct folder_place *ret_place,
                      thrum_error *ret_error)
{
    *ret_place = (struct folder_place){.name = name, .folder = -1, .sync = sync};
    int rc = make_directories(AT_FDCWD, name);
    if (rc == 0 && sync)
        rc = sync_directories(AT_FDCWD, name);
    if (rc < 0)
        return trouble(ret_error, rc, "cannot make the directory %.160s: %s", name,
                       thrum_strerror(rc));
    ret_place->folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret_place->folder < 0)
        return trouble(ret_error, -errno, "cannot use the directory %.160s: %s", name,
                       thrum_strerror(-errno));
    ret_place->unnamed = can_be_unnamed(ret_place->folder);
    return 0;
}

void folder_place_close(struct folder_place *place)
{
    if (place->folder >= 0)
        (void)close(place->folder); /* a directory */
    place->folder = -1;
}

/* ---------------------------------------------------------------------------------------------- names */

bool is_part_name(const char *name)
{
    return strncmp(name, prefix, sizeof prefix - 1) == 0;
}

/* The length of the directories in a name: of "" or "host/path/". */
static int directory_length(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? (int)(slash - name) + 1 : 0;
}

/* A partial name of the file, one for each `number`. Free it. NULL if memory ran out. */
static char *partial_name(const struct part *part, int number)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = part->url; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    hash = (hash ^ '\n') * UINT64_C(1099511628211);
    for (const char *at = part->name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    char *text;
    return asprintf(&text, "%.*s%s%016jx-%d.part", directory_length(part->name), part->name, prefix,
                    (uintmax_t)hash, number) < 0
               ? NULL
               : text;
}

static int fail(const struct part *part, int code, const char *what, thrum_error *ret_error)
{
    return trouble(ret_error, code, "%s %.90s/%.110s: %s", what, part->place->name, part->name,
                   thrum_strerror(code));
}

/* The mark: "1\nURL\nVALIDATOR". Returns its length; 0 if it is too long. */
static size_t make_mark(const struct part *part, char mark[MARK_SIZE])
{
    int length = snprintf(mark, MARK_SIZE, "1\n%s\n%s", part->url, part->validator);
    return length < MARK_SIZE ? (size_t)length : 0;
}

/* Reads the validator from the mark of a file. Returns false if there is no mark, or it is of
 * another URL. */
static bool read_mark(struct part *part, int file)
{
    char mark[MARK_SIZE + 1];
    ssize_t length = fgetxattr(file, mark_name, mark, MARK_SIZE);
    size_t url = strlen(part->url);
    if (length < 0 || (size_t)length <= url + 3)
        return false;
    mark[length] = '\0';
    const char *validator = mark + url + 3;
    if (strncmp(mark, "1\n", 2) != 0 || strncmp(mark + 2, part->url, url) != 0 ||
        mark[url + 2] != '\n' || !*validator || strlen(validator) >= VALIDATOR_SIZE)
        return false;
    snprintf(part->validator, VALIDATOR_SIZE, "%s", validator);
    part->marked = true;
    return true;
}

/* ---------------------------------------------------------------------------------------------- a file */

void part_init(struct part *part, const struct folder_place *place, const char *url,
               const char *name)
{
    *part = (struct part){.place = place, .url = url, .name = name, .file = -1};
}

static void forget(struct part *part)
{
    if (part->file >= 0)
        (void)close(part->file); /* its bytes are dropped */
    part->file = -1;
    free(part->partial);
    part->partial = NULL;
    part->size = 0;
    part->marked = false;
    part->validator[0] = '\0';
}

void part_take_over(struct part *part)
{
    struct stat about, named;
    int folder = part->place->folder;
    part->partial = partial_name(part, 0);
    if (!part->partial)
        return;
    part->file = openat(folder, part->partial, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    /* Between opening and locking, another process may have finished it. */
    if (part->file >= 0 && fstat(part->file, &about) == 0 && S_ISREG(about.st_mode) &&
        about.st_size > 0 && flock(part->file, LOCK_EX | LOCK_NB) == 0 &&
        fstatat(folder, part->partial, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        named.st_ino == about.st_ino && named.st_dev == about.st_dev &&
        read_mark(part, part->file) && fstat(part->file, &about) == 0 &&
        lseek(part->file, about.st_size, SEEK_SET) == about.st_size)
        part->size = (uint64_t)about.st_size;
    else
        forget(part);
}

static int open_unnamed(struct part *part)
{
    char *directory;
    int length = directory_length(part->name);
    if (asprintf(&directory, "%.*s.", length, part->name) < 0)
        return -ENOMEM;
    part->file = openat(part->place->folder, directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    int rc = part->file < 0 ? -errno : 0;
    free(directory);
    return rc;
}

static int open_named(struct part *part)
{
    for (int number = 0; number < NAMES_MOST; number++) {
        part->partial = partial_name(part, number);
        if (!part->partial)
            return -ENOMEM;
        part->file = openat(part->place->folder, part->partial,
                            O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (part->file >= 0)
            return 0;
        int rc = -errno;
        free(part->partial);
        part->partial = NULL;
        if (rc != -EEXIST)
            return rc;
    }
    return -EEXIST;
}

int part_open(struct part *part, thrum_error *ret_error)
{
    if (part->file >= 0)
        return 0;
    int rc = part->place->unnamed ? open_unnamed(part) : open_named(part);
    int length = directory_length(part->name);
    if (rc == -ENOENT && length > 0) {
        char *directory = strndup(part->name, (size_t)length - 1);
        rc = directory ? make_directories(part->place->folder, directory) : -ENOMEM;
        free(directory);
        if (rc == 0)
            rc = part->place->unnamed ? open_unnamed(part) : open_named(part);
    }
    return rc < 0 ? fail(part, rc, "cannot make", ret_error) : 0;
}

/* Lets another run take the file over, if that is possible. */
static void make_resumable(struct part *part)
{
    char mark[MARK_SIZE], path[40];
    size_t length = make_mark(part, mark);
    char *partial = part->partial ? part->partial : partial_name(part, 0);
    part->marked = length > 0 && partial && flock(part->file, LOCK_EX | LOCK_NB) == 0 &&
                   fsetxattr(part->file, mark_name, mark, length, 0) == 0 &&
                   (part->partial || linkat(AT_FDCWD, link_path(part->file, path),
                                            part->place->folder, partial, AT_SYMLINK_FOLLOW) == 0);
    if (part->marked)
        part->partial = partial;
    else
        part->validator[0] = '\0'; /* it is not tried again */
    if (partial != part->partial)
        free(partial);
}

int part_add(struct part *part, const void *bytes, size_t size, thrum_error *ret_error)
{
    int rc = part_open(part, ret_error);
    if (rc < 0)
        return rc;
    rc = write_whole(part->file, bytes, size);
    if (rc < 0)
        return fail(part, rc, "cannot write", ret_error);
    part->size += size;
    if (!part->marked && part->validator[0] && part->size >= RESUME_LEAST)
        make_resumable(part);
    return 0;
}

int part_empty(struct part *part, thrum_error *ret_error)
{
    part->size = 0;
    part->validator[0] = '\0';
    if (part->file < 0)
        return 0;
    /* Another run must not take over bytes of an unknown version. */
    if (part->marked && fremovexattr(part->file, mark_name) != 0)
        return fail(part, -errno, "cannot empty", ret_error);
    part->marked = false;
    if (ftruncate(part->file, 0) != 0 || lseek(part->file, 0, SEEK_SET) != 0)
        return fail(part, -errno, "cannot empty", ret_error);
    return 0;
}

/* True if the file that has the name already holds the same bytes. */
static bool is_same(const struct part *part)
{
    enum { PIECE = 16384 };
    char ours[PIECE], theirs[PIECE];
    struct stat about;
    int file = openat(part->place->folder, part->name,
                      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    bool same = file >= 0 && fstat(file, &about) == 0 && S_ISREG(about.st_mode) &&
                (uint64_t)about.st_size == part->size;
    for (off_t at = 0; same && (uint64_t)at < part->size;) {
        ssize_t count = pread(part->file, ours, PIECE, at);
        for (ssize_t there = 0; same && there < count;) {
            ssize_t got = pread(file, theirs, (size_t)(count - there), at + there);
            same = got > 0 && memcmp(ours + there, theirs, (size_t)got) == 0;
            there += got > 0 ? got : 0;
        }
        same = same && count > 0;
        at += count > 0 ? count : 0;
    }
    /* Another run has written it; that run may not have had --sync. */
    if (same && part->place->sync)
        same = fsync(file) == 0;
    if (file >= 0)
        (void)close(file); /* it was only read */
    return same;
}

/* Moves it from its partial name to its own. Returns 0 or a negative errno. */
static int move_to_name(struct part *part)
{
    int folder = part->place->folder;
    if (renameat2(folder, part->partial, folder, part->name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    /* The file system lacks that flag, and perhaps links. */
    if (linkat(folder, part->partial, folder, part->name, 0) == 0)
        return unlinkat(folder, part->partial, 0) == 0 ? 0 : -errno;
    if (errno != EPERM && errno != ENOTSUP)
        return -errno;
    if (faccessat(folder, part->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return renameat(folder, part->partial, folder, part->name) == 0 ? 0 : -errno;
}

/* Some file systems report errors of writing only when a file is closed. So a copy of the
 * descriptor is closed before the file gets its name. With --sync, the bytes are written to the
 * disk, too. */
static int write_back(const struct part *part)
{
    if (part->place->sync && fsync(part->file) != 0)
        return -errno;
    int copy = fcntl(part->file, F_DUPFD_CLOEXEC, 0);
    return copy >= 0 && close(copy) == 0 ? 0 : -errno;
}

int part_name(struct part *part, bool may_be_there, thrum_error *ret_error)
{
    char path[40];
    int folder = part->place->folder, rc = part_open(part, ret_error);
    if (rc < 0)
        return rc;
    rc = write_back(part);
    if (rc < 0)
        return fail(part, rc, "cannot write", ret_error);
    if (part->marked && fremovexattr(part->file, mark_name) != 0)
        return fail(part, -errno, "cannot finish", ret_error);
    part->marked = false;
    if (part->partial)
        rc = move_to_name(part);
    else if (linkat(AT_FDCWD, link_path(part->file, path), folder, part->name, AT_SYMLINK_FOLLOW) !=
             0)
        rc = -errno;
    if (rc == -EEXIST && may_be_there && is_same(part))
        return 0; /* our own file goes */
    if (rc == -EEXIST)
        return trouble(
            ret_error, rc, "%.90s/%.110s exists already%s", part->place->name, part->name,
            may_be_there ? " with other bytes, and the log does not list it; it is not replaced"
                         : "; remove it or give this URL another name in the list");
    if (rc < 0)
        return fail(part, rc, "cannot name", ret_error);
    part->whole = true;
    if (!part->place->sync)
        return 0;
    rc = sync_directories(folder, part->name);
    return rc < 0 ? fail(part, rc, "cannot write to the disk the name of", ret_error) : 0;
}

void part_finish(struct part *part, bool resumed)
{
    bool keep = resumed && part->marked && part->size > 0;
    if (part->partial && !part->whole && !keep)
        (void)unlinkat(part->place->folder, part->partial, 0); /* at worst it is left */
    forget(part);
}
