/* Changes, by inotify.
 *
 * A file is watched through its directory, by name: editors write a new file and rename it, and a
 * watch on the old file would see nothing after that. A directory is watched with all directories
 * below it; new ones are added when they appear. If the kernel drops events, that counts as a
 * change, and all directories are read again.
 */
#include "changes.h"

#include "array.h"
#include "trouble.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

struct watch {
    int number;
    char *path; /* of the directory */
    char *name; /* of the file in it; NULL for everything below it */
};

struct changes {
    int descriptor;
    struct watch *watches;
    size_t count, room;
};

static const uint32_t events =
    IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

static int add_watch(struct changes *changes, const char *path, const char *name)
{
    int number = inotify_add_watch(changes->descriptor, path, events | IN_ONLYDIR);
    if (number < 0)
        return -errno;
    for (size_t i = 0; i < changes->count; i++) {
        const struct watch *watch = &changes->watches[i];
        if (watch->number == number && (!watch->name || (name && strcmp(watch->name, name) == 0)))
            return 0; /* known */
    }
    if (!array_has_room(&changes->watches, changes->count, &changes->room,
                        sizeof *changes->watches))
        return -ENOMEM;
    struct watch watch = {number, strdup(path), name ? strdup(name) : NULL};
    if (!watch.path || (name && !watch.name)) {
        free(watch.path);
        free(watch.name);
        return -ENOMEM;
    }
    changes->watches[changes->count++] = watch;
    return 0;
}

/* Watches a directory and those below it. Links are not followed: they might lead back. */
static int add_tree(struct changes *changes, const char *path)
{
    int rc = add_watch(changes, path, NULL);
    DIR *directory = rc == 0 ? opendir(path) : NULL;
    const struct dirent *entry;
    while (rc == 0 && directory && (entry = readdir(directory))) {
        struct stat about;
        char below[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >= (int)sizeof below)
            continue;
        if (lstat(below, &about) == 0 && S_ISDIR(about.st_mode))
            rc = add_tree(changes, below);
        if (rc == -ENOENT || rc == -ENOTDIR || rc == -EACCES)
            rc = 0; /* it is gone, or may not be read */
    }
    if (directory)
        closedir(directory);
    return rc;
}

static int add_path(struct changes *changes, const char *path)
{
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        return add_tree(changes, path);
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    int length = slash ? snprintf(folder, sizeof folder, "%.*s",
                                  slash == path ? 1 : (int)(slash - path), path)
                       : snprintf(folder, sizeof folder, ".");
    if (length >= (int)sizeof folder)
        return -ENAMETOOLONG;
    return add_watch(changes, folder, slash ? slash + 1 : path);
}

int changes_open(const char *const *paths, size_t count, struct changes **ret_changes,
                 thrum_error *ret_error)
{
    struct changes *changes = calloc(1, sizeof *changes);
    if (!changes)
        return trouble(ret_error, -ENOMEM, "out of memory");
    changes->descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int rc = changes->descriptor < 0 ? -errno : 0;
    size_t i = 0;
    for (; rc == 0 && i < count; i++)
        rc = add_path(changes, paths[i]);
    if (rc == 0) {
        *ret_changes = changes;
        return 0;
    }
    changes_close(changes);
    return trouble(ret_error, rc, "--on-change: cannot watch %.150s: %s%s", paths[i ? i - 1 : 0],
                   thrum_strerror(rc), rc == -ENOSPC ? "; raise fs.inotify.max_user_watches" : "");
}

int changes_descriptor(const struct changes *changes)
{
    return changes->descriptor;
}

/* Adds new directories after the kernel has dropped events. */
static void look_again(struct changes *changes)
{
    size_t count = changes->count;
    for (size_t i = 0; i < count; i++) {
        char *path = changes->watches[i].name ? NULL : strdup(changes->watches[i].path);
        if (path)
            add_tree(changes, path);
        free(path);
    }
}

/* True if the event is about what is watched. */
static bool take_event(struct changes *changes, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW) {
        look_again(changes);
        return true;
    }
    if (event->mask & IN_IGNORED || event->len == 0)
        return false;
    bool wanted = false;
    char below[PATH_MAX] = "";
    for (size_t i = 0; i < changes->count; i++) {
        const struct watch *watch = &changes->watches[i];
        if (watch->number != event->wd || (watch->name && strcmp(watch->name, event->name) != 0))
            continue;
        wanted = true;
        if (!watch->name && event->mask & IN_ISDIR && event->mask & (IN_CREATE | IN_MOVED_TO))
            snprintf(below, sizeof below, "%.*s/%s", PATH_MAX - NAME_MAX - 2, watch->path,
                     event->name);
    }
    if (*below)
        add_tree(changes, below);
    return wanted;
}

bool changes_take(struct changes *changes)
{
    _Alignas(struct inotify_event) char piece[16384];
    bool any = false;
    ssize_t got;
    while ((got = read(changes->descriptor, piece, sizeof piece)) > 0)
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const struct inotify_event *)(piece + at);
            any |= take_event(changes, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    return any;
}

void changes_close(struct changes *changes)
{
    if (!changes)
        return;
    if (changes->descriptor >= 0)
        (void)close(changes->descriptor);
    for (size_t i = 0; i < changes->count; i++) {
        free(changes->watches[i].path);
        free(changes->watches[i].name);
    }
    free(changes->watches);
    free(changes);
}
