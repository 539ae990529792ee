/* Files for results. */
#include "report_file.h"

#include "trouble.h"

#include <errno.h>
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

int report_file_json(struct report_file *file, json_t *value)
{
    int rc = 0;
    if (file->stream) {
        errno = 0;
        if (file->again)
            rewind(file->stream);
        if (!value)
            rc = -ENOMEM;
        else if (json_dumpf(value, file->stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0 ||
                 fputc('\n', file->stream) == EOF)
            rc = errno ? -errno : -EIO;
        if (rc == 0 && file->again &&
            (fflush(file->stream) != 0 ||
             ftruncate(fileno(file->stream), ftello(file->stream)) != 0))
            rc = errno ? -errno : -EIO;
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
