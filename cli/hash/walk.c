/* The walker.
 *
 * It keeps a list of frames in place of recursion, so the depth of a tree has no limit. It goes
 * from one open directory to the next by openat, so the length of a path has none.
 *
 * Open directories. A frame keeps its directory open for the entries that are left. Only the
 * deepest frames do so, KEEP_OPEN at most. On the way back up, a closed directory is opened again
 * as ".." of the directory below, and accepted only if device and inode are the same. If it has
 * been moved meanwhile, the rest of it is skipped, with a message.
 *
 * Every directory costs a permit, which returns when the last file in it has been opened (batch.h).
 * The walker sends on all files that hold permits before it waits for one, and its own frames hold
 * fewer permits than there are.
 *
 * Links. A symbolic link in a tree is skipped. With --follow it is followed, but a directory that
 * is its own ancestor, as the frames show, is not entered. A link that the user named is always
 * followed.
 *
 * Sizes. The workers look at each file when they have opened it, so the walker does not. Only a bar
 * needs the sizes before that.
 *
 * A directory that cannot be entered, and an entry that is no file, become items, too. So their
 * messages appear in the order of the walk.
 */
#include "walk.h"

#include "array.h"
#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEEP_OPEN = 64 };

struct frame {
    struct folder *folder;
    bool open; /* the frame is a user of its folder */
    dev_t device;
    ino_t inode;
    struct listing listing;
    size_t next;
};

struct walker {
    struct engine *engine;
    const struct walk_options *options;
    struct folder *here; /* the working directory */
    struct frame *frames;
    size_t depth, room, keep;
};

/* Adds an item with a message, for what is no file. */
static int add_word(struct walker *walker, struct folder *folder, const char *name,
                    const char *word, int error)
{
    struct item *item = engine_add(walker->engine, folder, name);
    if (!item)
        return -ENOMEM;
    item->state = ITEM_WORD;
    item->word = word;
    item->error = error;
    engine_added(walker->engine, item);
    return 0;
}

static int add_file(struct walker *walker, struct folder *folder, const char *name,
                    const struct stat *about, bool named, bool followed)
{
    struct item *item = engine_add(walker->engine, folder, name);
    if (!item)
        return -ENOMEM;
    item->named = named;
    item->follow = followed;
    if (about && S_ISREG(about->st_mode))
        item->bytes = (uint64_t)about->st_size;
    engine_added(walker->engine, item);
    return 0;
}

/* Closes the directory of the frame that is `keep` above the deepest. */
static void close_upper(struct walker *walker)
{
    if (walker->depth <= walker->keep)
        return;
    struct frame *upper = &walker->frames[walker->depth - 1 - walker->keep];
    if (upper->open)
        folder_leave(upper->folder);
    upper->open = false;
}

static bool is_ancestor(const struct walker *walker, const struct stat *about)
{
    for (size_t i = 0; i < walker->depth; i++)
        if (walker->frames[i].device == about->st_dev && walker->frames[i].inode == about->st_ino)
            return true;
    return false;
}

static char *path_below(const struct folder *folder, const char *name)
{
    size_t length = strlen(name);
    const char *slash = length > 0 && name[length - 1] == '/' ? "" : "/";
    char *path;
    return asprintf(&path, "%s%s%s", folder->path, name, slash) < 0 ? NULL : path;
}

/* Adds a frame for the open directory; takes the descriptor and its permit over. */
static int push(struct walker *walker, struct folder *parent, const char *name, int descriptor,
                const struct stat *about)
{
    bool fits =
        array_has_room(&walker->frames, walker->depth, &walker->room, sizeof *walker->frames);
    struct listing listing = {0};
    char *path = fits ? path_below(parent, name) : NULL;
    struct folder *folder =
        path ? folder_new(descriptor, engine_budget(walker->engine), path) : NULL;
    free(path);
    if (!folder) {
        (void)close(descriptor);
        thrum_semaphore_release(engine_budget(walker->engine), 1);
        return -ENOMEM;
    }
    int rc = listing_read(descriptor, !walker->options->unordered, &listing);
    if (rc < 0) {
        folder_leave(folder);
        folder_drop(folder);
        return rc == -ENOMEM ? rc : add_word(walker, parent, name, "cannot read the directory", rc);
    }
    walker->frames[walker->depth++] =
        (struct frame){folder, true, about->st_dev, about->st_ino, listing, 0};
    close_upper(walker);
    return 0;
}

static int enter(struct walker *walker, struct folder *parent, const char *name, bool follow)
{
    struct stat about;
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
    engine_take_permit(walker->engine);
    int descriptor = openat(parent->descriptor, name, flags);
    if (descriptor >= 0 && fstat(descriptor, &about) == 0 && !is_ancestor(walker, &about))
        return push(walker, parent, name, descriptor, &about);
    int error = descriptor < 0 ? -errno : -ELOOP;
    if (descriptor >= 0)
        (void)close(descriptor);
    thrum_semaphore_release(engine_budget(walker->engine), 1);
    return add_word(walker, parent, name,
                    error == -ELOOP && descriptor >= 0 ? "a symbolic link leads in a circle"
                                                       : "cannot enter the directory",
                    error);
}

static const char *special_word(mode_t mode)
{
    return S_ISFIFO(mode)   ? "is a pipe; skipped"
           : S_ISSOCK(mode) ? "is a socket; skipped"
                            : "is a device; skipped";
}

static int visit(struct walker *walker, struct folder *folder, const char *name, unsigned char type)
{
    struct stat about;
    bool follow = walker->options->follow && type == DT_LNK;
    if (type == DT_LNK && !follow)
        return 0;
    if (type == DT_DIR)
        return enter(walker, folder, name, false);
    if (type == DT_REG && !walker->options->sizes)
        return add_file(walker, folder, name, NULL, false, false);
    if (fstatat(folder->descriptor, name, &about, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
        return add_file(walker, folder, name, NULL, false,
                        follow); /* opening it gives the reason */
    if (S_ISDIR(about.st_mode))
        return enter(walker, folder, name, follow);
    if (S_ISLNK(about.st_mode))
        return 0;
    if (!S_ISREG(about.st_mode))
        return add_word(walker, folder, name, special_word(about.st_mode), 0);
    return add_file(walker, folder, name, &about, false, follow);
}

/* Opens the directory of a frame again, from the directory below it. Returns 0 or a negative
 * errno. */
static int reopen(struct walker *walker, struct frame *frame, const struct folder *below)
{
    struct stat about;
    engine_take_permit(walker->engine);
    int descriptor = openat(below->descriptor, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = descriptor < 0 || fstat(descriptor, &about) != 0 ? -errno : 0;
    if (rc == 0 && (about.st_dev != frame->device || about.st_ino != frame->inode))
        rc = -ESTALE;
    struct folder *again =
        rc == 0 ? folder_new(descriptor, engine_budget(walker->engine), frame->folder->path) : NULL;
    if (again) {
        folder_drop(frame->folder);
        frame->folder = again;
        frame->open = true;
        return 0;
    }
    if (descriptor >= 0)
        (void)close(descriptor);
    thrum_semaphore_release(engine_budget(walker->engine), 1);
    return rc < 0 ? rc : -ENOMEM;
}

static void frame_finish(struct frame *frame)
{
    if (frame->open)
        folder_leave(frame->folder);
    folder_drop(frame->folder);
    listing_finish(&frame->listing);
}

/* Ends the deepest frame, and opens the directory of the frame above if it is closed. */
static int pop(struct walker *walker)
{
    struct frame *frame = &walker->frames[--walker->depth];
    struct frame *above = walker->depth > 0 ? frame - 1 : NULL;
    int rc = 0;
    if (above && !above->open) /* also without further entries: the frames above need it */
        rc = frame->open ? reopen(walker, above, frame->folder) : -ESTALE;
    frame_finish(frame);
    if (rc == 0 || rc == -ENOMEM)
        return rc;
    above->next = above->listing.count;
    return add_word(walker, above->folder, "", "cannot be read to its end", rc);
}

static int walk_tree(struct walker *walker, const char *path)
{
    int rc = enter(walker, walker->here, path, true);
    while (walker->depth > 0) {
        struct frame *frame = &walker->frames[walker->depth - 1];
        if (rc < 0 || engine_stopping(walker->engine))
            frame_finish(&walker->frames[--walker->depth]);
        else if (frame->next == frame->listing.count)
            rc = pop(walker);
        else {
            const struct entry *entry = &frame->listing.entries[frame->next++];
            rc = visit(walker, frame->folder, frame->listing.text + entry->name, entry->type);
        }
    }
    return rc;
}

static int walk_path(struct walker *walker, const char *path)
{
    struct stat about;
    if (strcmp(path, "-") == 0) {
        struct item *item = engine_add(walker->engine, walker->here, path);
        if (!item)
            return -ENOMEM;
        item->named = item->standard_input = true;
        engine_added(walker->engine, item);
        return 0;
    }
    if (stat(path, &about) != 0)
        return add_file(walker, walker->here, path, NULL, true, true);
    if (S_ISDIR(about.st_mode) && !walker->options->no_trees)
        return walk_tree(walker, path);
    return add_file(walker, walker->here, path, &about, true, true);
}

int walk(struct engine *engine, void *context)
{
    const struct walk_options *options = context;
    struct walker walker = {.engine = engine, .options = options, .keep = KEEP_OPEN};
    if (walker.keep > (size_t)engine_permits(engine) / 2)
        walker.keep = (size_t)engine_permits(engine) / 2;
    walker.here = folder_new(AT_FDCWD, NULL, "");
    int rc = walker.here ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < options->count && !engine_stopping(engine); i++)
        rc = walk_path(&walker, options->paths[i]);
    if (walker.here) {
        folder_leave(walker.here);
        folder_drop(walker.here);
    }
    free(walker.frames);
    return rc;
}
