/* A directory of our own under $TMPDIR, or /tmp without that.
 *
 * It is flat: files only. So removing it is a loop over its entries rather than a walk, and cannot
 * be led astray by a link that someone placed there: entries are unlinked relative to the opened
 * directory and never followed. mkdtemp makes it accessible to its owner alone.
 *
 * It is removed on every way out that a program can see: the end, a failure, Ctrl-C and a second
 * Ctrl-C. Only SIGKILL leaves it behind, as it would any program's.
 */
#include "scratch.h"

#include "trouble.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIRECTORY_MAX = 512 };
static char directory[DIRECTORY_MAX];

int scratch_make(thrum_error *ret_error)
{
    if (directory[0])
        return 0;
    const char *parent = getenv("TMPDIR");
    if (!parent || !*parent)
        parent = "/tmp";
    char path[DIRECTORY_MAX];
    int length = snprintf(path, sizeof path, "%s/thrum-demo-XXXXXX", parent);
    if (length < 0 || (size_t)length >= sizeof path)
        return trouble(ret_error, -ENAMETOOLONG, "TMPDIR is too long: %.100s...", parent);
    if (!mkdtemp(path))
        return trouble(ret_error, -errno,
                       "cannot make a directory in %.120s: %s; set TMPDIR to one that is writable",
                       parent, thrum_strerror(-errno));
    memcpy(directory, path, sizeof path);
    return 0;
}

void scratch_path(const char *name, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s/%s", directory, name);
}

int scratch_remove(thrum_error *ret_error)
{
    if (!directory[0])
        return 0;
    DIR *open_directory = opendir(directory);
    if (open_directory) {
        struct dirent *entry;
        while ((entry = readdir(open_directory)))
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                (void)unlinkat(dirfd(open_directory), entry->d_name, 0);
        closedir(open_directory);
    }
    int rc = rmdir(directory) == 0 ? 0 : -errno;
    if (rc < 0)
        trouble(ret_error, rc, "cannot remove %s: %s", directory, thrum_strerror(rc));
    directory[0] = '\0';
    return rc;
}
