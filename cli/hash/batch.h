/* What goes through the pipeline: batches of files, each file in a folder. */
#ifndef CLI_HASH_BATCH_H
#define CLI_HASH_BATCH_H

#include "digest/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <thrum.h>

/* An open directory that files are opened relative to. Whoever may still open files in it is a
 * user; when the last has left the descriptor is closed. Whoever may still ask for its path has
 * a reference, as every user has. */
struct folder {
    thrum_lock lock; /* over the two counts */
    int users, references;
    int descriptor;          /* or AT_FDCWD, which is not closed */
    thrum_semaphore *budget; /* gets a permit back when the descriptor is closed; may be NULL */
    char path[];             /* what stands before a name in it: "" or "a/b/" */
};

/* A folder with one user, the caller. Takes the descriptor over. NULL if memory is out. */
struct folder *folder_new(int descriptor, thrum_semaphore *budget, const char *path);
void folder_use(struct folder *folder);
/* The user becomes one who only holds a reference. */
void folder_leave(struct folder *folder);
void folder_drop(struct folder *folder);

/* A file with several names, which is read once. Kept by links.c. */
struct link;

enum item_state {
    ITEM_WAITING, /* nothing has been done; it stays so if the run is interrupted */
    ITEM_DONE,
    ITEM_CHANGED, /* done, but the file was written to meanwhile */
    ITEM_FAILED,  /* .error says why */
    ITEM_WORD,    /* no file: .error is 0 or why, and `word` is what to say of it on stderr */
};

struct item {
    struct folder *folder;
    size_t name;      /* in the batch's text */
    const char *word; /* of an ITEM_WORD; constant */
    const struct digest_kind *kind;
    struct link *link; /* if the file has several names; else NULL */
    enum item_state state;
    int error;
    bool link_first; /* this is the name by which it is read */
    bool follow;     /* the walker has followed a symbolic link to it */
    bool named;      /* by the user: a link is followed, and it may be other than a regular file */
    bool standard_input;
    bool missing;      /* failed because there is no such file */
    struct stat about; /* as the walker saw it; st_nlink 0 if it has not looked */
    uint64_t bytes;
    unsigned char digest[DIGEST_MOST];
    unsigned char wanted[DIGEST_MOST]; /* with -c: what the digest should be */
};

enum { BATCH_ITEMS = 64, BATCH_BYTES = 1024 * 1024 };

struct batch {
    uint64_t number; /* in the order of the walk */
    size_t count;
    uint64_t bytes; /* of its files, as far as known */
    char *text;     /* names, each with its end */
    size_t text_size, text_room;
    struct item items[BATCH_ITEMS];
};

struct batch *batch_new(void);

/* Adds a file and becomes a user of the folder for it. NULL if memory is out. The item is zeroed but
 * for folder and name; there must be room. */
struct item *batch_add(struct batch *batch, struct folder *folder, const char *name);

static inline const char *item_name(const struct batch *batch, const struct item *item)
{
    return batch->text + item->name;
}

/* Frees the batch and the references of those of its items that folder_leave was called for. */
void batch_free(struct batch *batch);

#endif
