/* Files for results. */
#include "report_file.h"

#include "trouble.h"

#include <errno.h>
#include <string.h>

int report_file_open(struct report_file *file, const char *option, const char *path,
                     thrum_error *ret_error)
{
    *file = (struct report_file){.option = option, .path = path};
    if (!path)
        return 0;
    file->stream = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (file->stream)
        return 0;
    return trouble(ret_error, -errno, "%s: cannot write %.150s: %s", option, path,
                   thrum_strerror(-errno));
}

int report_file_json(struct report_file *file, json_t *value)
{
    int rc = 0;
    if (file->stream) {
        errno = 0;
        if (!value)
            rc = -ENOMEM;
        else if (json_dumpf(value, file->stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0 ||
                 fputc('\n', file->stream) == EOF)
            rc = errno ? -errno : -EIO;
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
