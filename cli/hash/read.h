/* A worker's reader: opens a file, reads it, and checks whether it has changed meanwhile. */
#ifndef CLI_HASH_READ_H
#define CLI_HASH_READ_H

#include "batch.h"
#include "cache.h"
#include "digest/hasher.h"
#include "links.h"

struct reader {
    struct hasher hasher;
    struct cache *cache; /* or NULL */
    struct links *links; /* or NULL */
    uint64_t told;       /* bytes that were reported to the progress function */
    /* Called with the bytes of each large piece. Returns false to end the wait for a pipe. */
    bool (*progress)(void *context, size_t bytes);
    /* Called before a file is read that takes long: a large one, or no regular file. */
    void (*begin_long)(void *context);
    void *context; /* of both */
};

/* Prepares the hasher; set the other fields before. Once `stop` is set, or Ctrl-C has come, the
 * reader waits for no input. It must not be moved. Returns 0 or -ENOMEM. */
int reader_init(struct reader *reader, thrum_event *stop);
void reader_finish(struct reader *reader);

/* Fills in the item's state and digest, unless it has a state. Blocks. */
void read_item(struct reader *reader, const struct batch *batch, struct item *item);

#endif
