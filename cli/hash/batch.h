/* What goes through the pipeline: batches of files, each file in a folder. */
#ifndef CLI_HASH_BATCH_H
#define CLI_HASH_BATCH_H

#include "digest/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <thrum.h>

/* An open directory; files are opened relative to it. A user may still open files in it: when the
 * last user leaves, the descriptor is closed. A reference keeps the path; every user has one. */
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
/* Ends the use; the reference stays. */
void folder_leave(struct folder *folder);
void folder_drop(struct folder *folder);

enum item_state {
    ITEM_WAITING, /* not read; an interrupted run leaves it so */
    ITEM_DONE,
    ITEM_CHANGED, /* done, but the file was written to meanwhile */
    ITEM_FAILED,  /* .error says why */
    ITEM_WORD,    /* no file: `word` is a message for stderr, .error is 0 or its reason */
};

struct item {
    struct folder *folder;
    size_t name;      /* in the batch's text */
    const char *word; /* of an ITEM_WORD; constant */
    const struct digest_kind *kind;
    enum item_state state;
    int error;
    bool follow; /* the walker has followed a symbolic link to it */
    bool named;  /* by the user: a link is followed, and it may be other than a regular file */
    bool standard_input;
    bool missing;   /* failed because there is no such file */
    uint64_t bytes; /* that were read; before that the size that the walker saw, or 0 */
    unsigned char digest[DIGEST_MOST];
    unsigned char wanted[DIGEST_MOST]; /* with -c: what the digest should be */
};

enum { BATCH_ITEMS = 64 };

struct batch {
    uint64_t number; /* in the order of the walk */
    size_t count;
    uint64_t bytes; /* of its files, as far as known */
    char *text;     /* names, each with its end */
    size_t text_size, text_room;

    thrum_lock lock; /* over the next three */
    size_t next;     /* the first item that no worker has taken */
    int holders;     /* workers that have the batch, and offers that wait for one */
    bool offered;    /* an offer waits for a worker */

    struct item items[BATCH_ITEMS];
};

struct batch *batch_new(void);

/* Takes the next item for a worker. Returns NULL if there is none. */
struct item *batch_take(struct batch *batch);

/* Offers the items that are left to another worker. Returns true if the caller must put the batch
 * into the queue; false if no items are left, or an offer is there already. */
bool batch_offer(struct batch *batch);

/* A worker has got the batch from the queue, and is a holder now. */
void batch_begin(struct batch *batch);

/* Withdraws an offer that the queue did not take. The caller is a holder. */
void batch_take_back(struct batch *batch);

/* A worker is done with the batch. Returns true for the last holder: all items are done. */
bool batch_leave(struct batch *batch);

/* Adds a file, which becomes a user of the folder. The item is zero but for folder and name. There
 * must be room. Returns NULL if memory ran out. */
struct item *batch_add(struct batch *batch, struct folder *folder, const char *name);

static inline const char *item_name(const struct batch *batch, const struct item *item)
{
    return batch->text + item->name;
}

/* Frees the batch and the references of its items. folder_leave was called for each. */
void batch_free(struct batch *batch);

#endif
