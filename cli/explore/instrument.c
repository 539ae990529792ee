/* A program that is linked with -fsanitize=thread names the compiler's runtime as a shared library. The loader finds it by
 * its name in a folder of our own, LD_LIBRARY_PATH, where the name leads to libthrum-schedule. That library is preloaded
 * already; the loader sees that it is the same file, and loads nothing. So the functions that the program calls at each
 * access are those of race.c, and the compiler's runtime, which has threads and hooks of its own, is not there.
 *
 * The folder has links only. It lives as long as the command, because a program is loaded once for each job.
 */
#include "instrument.h"

#include "child/preload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const runtimes[] = {
    "libtsan.so.0",                /* gcc 10 */
    "libtsan.so.2",                /* gcc 11 and later */
    "libclang_rt.tsan-x86_64.so",  /* clang -shared-libsan */
    "libclang_rt.tsan-aarch64.so", /* the same */
    "libclang_rt.tsan.so",         /* clang with a folder for each target */
};

static char folder[256];

static int link_all(const char *library)
{
    char path[sizeof folder + 64];
    for (size_t i = 0; i < sizeof runtimes / sizeof *runtimes; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, runtimes[i]);
        if (symlink(library, path) != 0)
            return -errno;
    }
    return 0;
}

static int search_there(void)
{
    const char *others = getenv("LD_LIBRARY_PATH");
    char *list = NULL;
    if (asprintf(&list, "%s%s%s", folder, others && *others ? ":" : "", others ? others : "") < 0)
        return -ENOMEM;
    int rc = setenv("LD_LIBRARY_PATH", list, 1) == 0 ? 0 : -errno;
    free(list);
    return rc;
}

int instrument_open(char *message, size_t size)
{
    char library[PRELOAD_PATH_SIZE];
    const char *where = getenv("TMPDIR");
    if (!preload_find("libthrum-schedule.so", library, sizeof library)) {
        snprintf(message, size, "cannot find libthrum-schedule.so, which is installed with thrum");
        return -ENOENT;
    }
    int length =
        snprintf(folder, sizeof folder, "%s/thrum-XXXXXX", where && *where ? where : "/tmp");
    int rc = length >= (int)sizeof folder ? -ENAMETOOLONG : mkdtemp(folder) ? 0 : -errno;
    if (rc < 0) {
        folder[0] = 0;
        snprintf(message, size, "cannot make a folder for temporary files: %s", strerror(-rc));
        return rc;
    }
    rc = link_all(library);
    if (rc == 0)
        rc = search_there();
    if (rc < 0)
        snprintf(message, size, "cannot link %s in %s: %s", library, folder, strerror(-rc));
    return rc;
}

void instrument_close(void)
{
    char path[sizeof folder + 64];
    if (!folder[0])
        return;
    for (size_t i = 0; i < sizeof runtimes / sizeof *runtimes; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, runtimes[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}
