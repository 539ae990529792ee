#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *output_file_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

int output_file_open(void)
{
    const char *folder = output_file_folder();
    char path[4096];
    int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_APPEND, 0600);
    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return file < 0 ? -errno : file;
    /* A file system without such files. */
    if (snprintf(path, sizeof path, "%s/thrum-run-XXXXXX", folder) >= (int)sizeof path)
        return -ENAMETOOLONG;
    file = mkostemp(path, O_CLOEXEC | O_APPEND);
    if (file < 0)
        return -errno;
    (void)unlink(path);
    return file;
}
