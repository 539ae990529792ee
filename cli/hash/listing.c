/* The listing of a directory.
 *
 * The order is that of `find | LC_ALL=C sort`, by bytes. A directory counts as if its name ended
 * with a slash: "a.c" comes before "a/b", because '.' comes before '/'. So the order of a whole
 * walk is the order of its paths.
 *
 * A directory is read as a whole, because it has to be sorted. The memory is that of its names.
 */
#include "listing.h"

#include "array.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int add(struct listing *listing, size_t *used, size_t *text_room, size_t *room,
               const struct dirent *found)
{
    size_t size = strlen(found->d_name) + 1;
    if (*used + size > *text_room) {
        size_t wanted = 2 * (*text_room + size);
        char *text = realloc(listing->text, wanted);
        if (!text)
            return -ENOMEM;
        listing->text = text;
        *text_room = wanted;
    }
    if (!array_has_room(&listing->entries, listing->count, room, sizeof *listing->entries))
        return -ENOMEM;
    listing->entries[listing->count++] = (struct entry){*used, found->d_type};
    memcpy(listing->text + *used, found->d_name, size);
    *used += size;
    return 0;
}

/* Some file systems give names without types. */
static void find_types(int descriptor, struct listing *listing)
{
    struct stat about;
    for (size_t i = 0; i < listing->count; i++) {
        struct entry *entry = &listing->entries[i];
        if (entry->type == DT_UNKNOWN &&
            fstatat(descriptor, listing->text + entry->name, &about, AT_SYMLINK_NOFOLLOW) == 0)
            entry->type = IFTODT(about.st_mode);
    }
}

static int compare(const void *a, const void *b, void *text)
{
    const struct entry *x = a, *y = b;
    const unsigned char *p = (const unsigned char *)text + x->name;
    const unsigned char *q = (const unsigned char *)text + y->name;
    while (*p && *p == *q)
        p++, q++;
    int first = *p ? *p : x->type == DT_DIR ? '/' : 0;
    int second = *q ? *q : y->type == DT_DIR ? '/' : 0;
    return first - second;
}

int listing_read(int descriptor, bool sorted, struct listing *ret)
{
    struct listing listing = {0};
    size_t used = 0, text_room = 0, room = 0;
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0), rc = 0;
    DIR *directory = copy >= 0 ? fdopendir(copy) : NULL;
    if (!directory) {
        rc = -errno;
        if (copy >= 0)
            (void)close(copy);
        return rc;
    }
    while (rc == 0) {
        errno = 0;
        const struct dirent *found = readdir(directory);
        if (!found) {
            rc = -errno;
            break;
        }
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
            rc = add(&listing, &used, &text_room, &room, found);
    }
    closedir(directory);
    if (rc < 0) {
        listing_finish(&listing);
        return rc;
    }
    find_types(descriptor, &listing);
    if (sorted && listing.count > 1)
        qsort_r(listing.entries, listing.count, sizeof *listing.entries, compare, listing.text);
    *ret = listing;
    return 0;
}

void listing_finish(struct listing *listing)
{
    free(listing->text);
    free(listing->entries);
    *listing = (struct listing){0};
}
