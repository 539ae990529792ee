/* One file.
 *
 * A file in a tree is opened without following links, except with --follow, and without waiting: a
 * pipe that has taken the file's place must not block. After opening it is checked again, because
 * it may be another file than the walker saw. A file that the user named is opened as by every
 * program.
 *
 * If a file is written to while it is read, its digest may fit no state that it ever had. Its size,
 * modification time or change time shows that. One case escapes: a write through a memory mapping
 * for which the kernel has not updated the times yet.
 */
#include "read.h"

#include "input.h"
#include "interrupt.h"
#include "links.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Reading a file of this size takes longer than passing a batch to another worker. */
enum { LONG_FILE = 128 * 1024 };

static bool tell(void *context, size_t bytes)
{
    struct reader *reader = context;
    reader->told += bytes;
    return reader->progress(reader->context, bytes);
}

int reader_init(struct reader *reader, thrum_event *stop)
{
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

static bool is_cached(struct reader *reader, struct item *item, const struct stat *about)
{
    if (!reader->cache || !cache_get(reader->cache, item->kind, about, item->digest))
        return false;
    item->state = ITEM_DONE;
    item->bytes = (uint64_t)about->st_size;
    return true;
}

/* Reads all bytes. `before` is what fstat gave before. */
static void read_bytes(struct reader *reader, struct item *item, int descriptor,
                       const struct stat *before)
{
    struct stat after;
    if (!S_ISREG(before->st_mode) || before->st_size >= LONG_FILE)
        reader->begin_long(reader->context);
    int rc =
        hasher_read(&reader->hasher, item->kind, descriptor, before, item->digest, &item->bytes);
    if (rc == -ECANCELED)
        return; /* it stays unread */
    item->error = rc;
    item->state = rc < 0 ? ITEM_FAILED : ITEM_DONE;
    if (rc < 0 || !S_ISREG(before->st_mode))
        return;
    if (fstat(descriptor, &after) != 0 || !unchanged(before, &after))
        item->state = ITEM_CHANGED;
    else if (reader->cache)
        cache_put(reader->cache, item->kind, before, item->digest);
}

/* Reads a file with several names, unless another worker does so by another name. */
static void read_link(struct reader *reader, struct item *item, int descriptor,
                      const struct stat *before)
{
    bool first;
    struct link *link = links_find(reader->links, before, &first);
    if (link && !first) {
        link_wait(link, item);
        return;
    }
    read_bytes(reader, item, descriptor, before);
    if (link)
        link_settle(link, item);
}

static void read_open(struct reader *reader, struct item *item, int descriptor)
{
    struct stat about;
    int rc = 0;
    if (fstat(descriptor, &about) != 0)
        rc = -errno;
    else if (S_ISDIR(about.st_mode))
        rc = -EISDIR;
    else if (!item->named && !S_ISREG(about.st_mode))
        rc = -ESTALE; /* it has taken the name of the file that the walker saw */
    else if (item->named && !item->standard_input && !S_ISREG(about.st_mode))
        rc = input_block(descriptor);
    if (rc < 0) {
        item->state = ITEM_FAILED;
        item->error = rc;
        return;
    }
    if (item->standard_input && S_ISREG(about.st_mode) && is_cached(reader, item, &about))
        return;
    if (S_ISREG(about.st_mode) && about.st_nlink > 1 && reader->links)
        read_link(reader, item, descriptor, &about);
    else
        read_bytes(reader, item, descriptor, &about);
}

/* Looks for the file in the cache before opening it, which is faster. */
static bool is_cached_by_name(struct reader *reader, const struct batch *batch, struct item *item)
{
    struct stat about;
    bool follow = item->named || item->follow;
    return reader->cache && !item->standard_input &&
           fstatat(item->folder->descriptor, item_name(batch, item), &about,
                   follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(about.st_mode) && is_cached(reader, item, &about);
}

void read_item(struct reader *reader, const struct batch *batch, struct item *item)
{
    if (item->state != ITEM_WAITING || is_cached_by_name(reader, batch, item))
        return;
    if (item->standard_input) {
        read_open(reader, item, STDIN_FILENO);
        return;
    }
    int descriptor = openat(item->folder->descriptor, item_name(batch, item),
                            INPUT_FLAGS | (item->named || item->follow ? 0 : O_NOFOLLOW));
    if (descriptor < 0) {
        item->state = ITEM_FAILED;
        item->error = -errno;
        item->missing = errno == ENOENT;
        return;
    }
    read_open(reader, item, descriptor);
    (void)close(descriptor); /* of a file that was only read */
}
