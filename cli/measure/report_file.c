/* Files for results.
 *
 * The file is opened when the run begins, so that a wrong path is told at once. JSON is written several times. Each time a new
 * file is written beside it and renamed over it, so a reader never sees a half, and a run that is killed leaves what it
 * wrote last. If the directory allows no further file, the file itself is written anew, and a reader may see a half.
 *
 * A symlink stays: the file that it leads to is replaced. A pipe or a device is written to once, at the end.
 */
#include "report_file.h"

#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written anew disturbs what is measured, if little: once a second is enough for a person. */
static const thrum_time again_after = 1000000000;

int report_file_open(struct report_file *file, const char *option, const char *path,
                     thrum_error *ret_error)
{
    *file = (struct report_file){.option = option, .path = path};
    if (!path)
        return 0;
    file->stream = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (file->stream) {
        struct stat status;
        file->again = file->stream != stdout && fstat(fileno(file->stream), &status) == 0 &&
                      S_ISREG(status.st_mode);
        file->written = thrum_now();
        return 0;
    }
    return trouble(ret_error, -errno, "%s: cannot write %.150s: %s", option, path,
                   thrum_strerror(-errno));
}

bool report_file_due(const struct report_file *file)
{
    return file->again && thrum_now() - file->written > again_after;
}

/* Puts the value into the stream. Returns 0 or a negative errno. */
static int put_json(FILE *stream, const json_t *value)
{
    errno = 0;
    if (json_dumpf(value, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 &&
        fputc('\n', stream) != EOF && fflush(stream) == 0)
        return 0;
    return errno ? -errno : -EIO;
}

static int rewrite(struct report_file *file, const json_t *value)
{
    rewind(file->stream);
    int rc = put_json(file->stream, value);
    if (rc == 0 && ftruncate(fileno(file->stream), ftello(file->stream)) != 0)
        rc = -errno;
    return rc;
}

/* Writes a new file with the permissions of `path`. Returns 0 or a negative errno. */
static int write_new(int descriptor, const char *path, const json_t *value)
{
    struct stat about;
    if (stat(path, &about) == 0)
        (void)fchmod(descriptor, about.st_mode & 0777); /* else it is the owner's alone */
    FILE *stream = fdopen(descriptor, "w");
    if (!stream) {
        int rc = -errno;
        (void)close(descriptor);
        return rc;
    }
    int rc = put_json(stream, value);
    return fclose(stream) != 0 && rc == 0 ? -errno : rc;
}

/* Replaces the file. Returns 0 or a negative errno; -EACCES, -EPERM or -EROFS if there can be no new file. */
static int replace(const char *path, const json_t *value)
{
    char *beside;
    if (asprintf(&beside, "%s.XXXXXX", path) < 0)
        return -ENOMEM;
    int descriptor = mkostemp(beside, O_CLOEXEC), rc = descriptor < 0 ? -errno : 0;
    if (rc == 0) {
        rc = write_new(descriptor, path, value);
        if (rc == 0 && rename(beside, path) != 0)
            rc = -errno;
        if (rc < 0)
            (void)unlink(beside); /* at worst it is left */
    }
    free(beside);
    return rc;
}

/* Writes to a file that may be written again. */
static int write_again(struct report_file *file, const json_t *value)
{
    char *path = realpath(file->path, NULL);
    int rc = path ? replace(path, value) : -EACCES;
    free(path);
    return rc == -EACCES || rc == -EPERM || rc == -EROFS ? rewrite(file, value) : rc;
}

int report_file_json(struct report_file *file, json_t *value)
{
    int rc = 0;
    if (file->stream) {
        rc = !value        ? -ENOMEM
             : file->again ? write_again(file, value)
                           : put_json(file->stream, value);
        file->written = thrum_now();
    }
    json_decref(value);
    return rc;
}

bool report_file_close(struct report_file *file, int rc)
{
    if (!file->stream)
        return true;
    if ((fflush(file->stream) != 0 || ferror(file->stream)) && rc == 0)
        rc = errno ? -errno : -EIO;
    if (file->stream != stdout && fclose(file->stream) != 0 && rc == 0)
        rc = -errno;
    file->stream = NULL;
    if (rc < 0)
        trouble_print("%s: cannot write %s: %s", file->option, file->path, thrum_strerror(rc));
    return rc == 0;
}
