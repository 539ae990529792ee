/* How many files and bytes a folder has, with all folders below it: a scope has a part for each folder in
 * it, and a part reads its folder. Reading waits for the disk, so more workers help than there are
 * processors.
 *
 *     directory_size [FOLDER]
 *
 * A part adds what it finds to its own struct, which its caller has made, so nothing needs a lock.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <thrum.h>

enum { WORKERS = 8 };

static thrum_executor *pool;

struct folder {
    char *path;
    thrum_part part;
    struct folder *next; /* in the same folder */
    long files, bytes;   /* in it and below it */
};

static int walk(void *arg);

/* Adds an entry to what its folder has; a folder becomes a part of the scope. */
static int add(struct folder *parent, struct folder **inside, const char *name, thrum_scope *scope)
{
    size_t size = strlen(parent->path) + strlen(name) + 2;
    char *path = malloc(size);
    struct stat status;
    if (!path)
        return -ENOMEM;
    snprintf(path, size, "%s/%s", parent->path, name);
    int rc = lstat(path, &status) < 0 ? -errno : 0;
    if (rc == 0 && S_ISDIR(status.st_mode)) {
        struct folder *child = calloc(1, sizeof *child);
        if (child) {
            *child = (struct folder){.path = path, .next = *inside};
            *inside = child;
            thrum_scope_start(scope, &child->part, walk, child);
            return 0;
        }
        rc = -ENOMEM;
    } else if (rc == 0 && S_ISREG(status.st_mode)) {
        parent->files++;
        parent->bytes += status.st_size;
    }
    free(path);
    return rc == -ENOENT ? 0 : rc; /* it was removed meanwhile */
}

static int read_entries(struct folder *folder, struct folder **inside, thrum_scope *scope)
{
    DIR *directory = opendir(folder->path);
    if (!directory)
        return -errno;
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = add(folder, inside, entry->d_name, scope);
    closedir(directory);
    return rc;
}

static int walk(void *arg)
{
    struct folder *folder = arg, *inside = NULL;
    thrum_scope scope;
    int rc = thrum_scope_begin(&scope, pool);
    if (rc < 0)
        return rc;
    rc = read_entries(folder, &inside, &scope);
    int rc_inside = thrum_scope_end(&scope);
    while (inside) {
        struct folder *next = inside->next;
        folder->files += inside->files;
        folder->bytes += inside->bytes;
        free(inside->path);
        free(inside);
        inside = next;
    }
    return rc ? rc : rc_inside;
}

int main(int argc, char **argv)
{
    char here[] = ".";
    struct folder top = {.path = argc > 1 ? argv[1] : here};
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = WORKERS});
    if (!pool)
        errx(EXIT_FAILURE, "no memory for a pool");
    int rc = walk(&top);
    thrum_executor_shutdown(pool);
    if (rc < 0)
        errx(EXIT_FAILURE, "%s: %s", top.path, thrum_strerror(rc));
    printf("%ld files, %ld bytes\n", top.files, top.bytes);
    return EXIT_SUCCESS;
}
