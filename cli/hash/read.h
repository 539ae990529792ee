/* What a worker does with one file: opens it, reads it, and sees whether it changed meanwhile. */
#ifndef CLI_HASH_READ_H
#define CLI_HASH_READ_H

#include "batch.h"
#include "cache.h"
#include "digest/hasher.h"

struct reader {
    struct hasher hasher;
    struct cache *cache;
    uint64_t told; /* bytes that the progress function has been told of */
    bool (*progress)(void *context, size_t bytes);
    void *progress_context;
};

/* Once `stop` is set, or Ctrl-C has come, it waits for no input. Returns 0 or -ENOMEM. The reader must stay
 * where it is. */
int reader_init(struct reader *reader, struct cache *cache, thrum_event *stop,
                bool (*progress)(void *context, size_t bytes), void *progress_context);
void reader_finish(struct reader *reader);

/* Fills in the item's state and digest, unless it has a state; does nothing but what is owed if the
 * run is `stopping`. Blocks. */
void read_item(struct reader *reader, const struct batch *batch, struct item *item, bool stopping);

/* Fails all of a batch, as there is no reader, and leaves its folders. */
void batch_fail(struct batch *batch, int error);

#endif
