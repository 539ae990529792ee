/* One file.
 *
 * What lies in a tree is opened without following links (unless the user asked for that, when the
 * walker has seen the other end) and without waiting, so that a pipe that has just taken a file's
 * place holds up nobody; then it is looked at again, as it may be another file than the walker saw.
 * What the user has named is opened as every program would.
 *
 * A file that is written to while it is read has a digest that fits no state it ever had. It shows in
 * size, modification or change time; only an access by a memory mapping that the kernel has not
 * written down yet escapes that.
 */
#include "read.h"

#include "input.h"
#include "interrupt.h"
#include "links.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool tell(void *context, size_t bytes)
{
    struct reader *reader = context;
    reader->told += bytes;
    return reader->progress(reader->progress_context, bytes);
}

int reader_init(struct reader *reader, struct cache *cache, thrum_event *stop,
                bool (*progress)(void *context, size_t bytes), void *progress_context)
{
    *reader =
        (struct reader){.cache = cache, .progress = progress, .progress_context = progress_context};
    int rc = hasher_init(&reader->hasher);
    reader->hasher.progress = tell;
    reader->hasher.progress_context = reader;
    reader->hasher.stop[0] = stop;
    reader->hasher.stop[1] = interrupt_event();
    return rc;
}

void reader_finish(struct reader *reader)
{
    hasher_finish(&reader->hasher);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && same_time(&a->st_mtim, &b->st_mtim) &&
           same_time(&a->st_ctim, &b->st_ctim);
}

/* Another file than the one that the walker saw has taken its name. */
static bool replaced(const struct item *item, const struct stat *now)
{
    return !S_ISREG(now->st_mode) ||
           (item->link && (now->st_dev != item->about.st_dev || now->st_ino != item->about.st_ino));
}

static bool is_cached(struct reader *reader, struct item *item, const struct stat *about)
{
    if (!reader->cache || !cache_get(reader->cache, item->kind, about, item->digest))
        return false;
    item->state = ITEM_DONE;
    item->bytes = (uint64_t)about->st_size;
    return true;
}

static void read_open(struct reader *reader, struct item *item, int descriptor)
{
    struct stat before, after;
    int rc = 0;
    if (fstat(descriptor, &before) != 0)
        rc = -errno;
    else if (S_ISDIR(before.st_mode))
        rc = -EISDIR;
    else if (!item->named && replaced(item, &before))
        rc = -ESTALE;
    else if (S_ISREG(before.st_mode) && item->about.st_nlink == 0 &&
             is_cached(reader, item, &before))
        return;
    if (rc == 0)
        rc = hasher_read(&reader->hasher, item->kind, descriptor, &before, item->digest,
                         &item->bytes);
    if (rc == -ECANCELED)
        return; /* as if it had never been begun */
    item->error = rc;
    item->state = rc < 0 ? ITEM_FAILED : ITEM_DONE;
    if (rc < 0 || !S_ISREG(before.st_mode))
        return;
    if (fstat(descriptor, &after) != 0 || !unchanged(&before, &after))
        item->state = ITEM_CHANGED;
    else if (reader->cache)
        cache_put(reader->cache, item->kind, &before, item->digest);
}

/* Returns a descriptor or a negative errno. */
static int open_item(const struct batch *batch, const struct item *item)
{
    const char *name = item_name(batch, item);
    if (item->named)
        return input_open(item->folder->descriptor, name);
    int descriptor =
        openat(item->folder->descriptor, name,
               O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (item->follow ? 0 : O_NOFOLLOW));
    return descriptor < 0 ? -errno : descriptor;
}

static void read_named(struct reader *reader, const struct batch *batch, struct item *item)
{
    if (item->about.st_nlink > 0 && is_cached(reader, item, &item->about))
        return;
    if (item->standard_input) {
        read_open(reader, item, STDIN_FILENO);
        return;
    }
    int descriptor = open_item(batch, item);
    if (descriptor < 0) {
        item->state = ITEM_FAILED;
        item->error = descriptor;
        item->missing = descriptor == -ENOENT;
        return;
    }
    read_open(reader, item, descriptor);
    (void)close(descriptor); /* of a file that was only read */
}

void read_item(struct reader *reader, const struct batch *batch, struct item *item, bool stopping)
{
    if (item->state != ITEM_WAITING)
        return;
    if (item->link && !item->link_first) {
        link_wait(item->link, item);
        return;
    }
    if (!stopping)
        read_named(reader, batch, item);
    if (item->link)
        link_settle(item->link, item);
}

void batch_fail(struct batch *batch, int error)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (item->state == ITEM_WAITING) {
            item->state = ITEM_FAILED;
            item->error = error;
        }
        if (item->link && item->link_first)
            link_settle(item->link, item);
        folder_leave(item->folder);
    }
}
