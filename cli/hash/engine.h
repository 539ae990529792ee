/* The pipeline: a source names files, workers hash them, a sink gets the results in the order of
 * the source, or as they come. */
#ifndef CLI_HASH_ENGINE_H
#define CLI_HASH_ENGINE_H

#include "batch.h"
#include "cache.h"
#include "links.h"

struct engine;

/* Names files by engine_add until there are no more or engine_stopping is true. Runs on a thread of
 * its own. Returns 0 or a negative errno. */
typedef int engine_source(struct engine *engine, void *context);

/* Gets each item that is not ITEM_WAITING, on the thread that called engine_run. Returns false to
 * end the run. */
typedef bool engine_sink(const struct batch *batch, const struct item *item, void *context);

/* Called on the same thread when no result has come for a moment: prints lines that wait. */
typedef void engine_idle(void *context);

struct engine_options {
    const struct digest_kind *digest; /* of items that have no other */
    struct cache *cache;              /* or NULL */
    struct links *links;              /* to read a file with several names once; or NULL */
    bool names_only;                  /* nothing is read */
    int workers;
    bool unordered;
    engine_source *source;
    void *source_context;
    engine_sink *sink;
    engine_idle *idle; /* or NULL; gets the sink's context */
    void *sink_context;
};

/* Runs until all files are done. After Ctrl-C it ends once the files that have begun are done.
 * Returns 0, or a negative errno if the pipeline itself failed. A file that fails is a result.
 * Blocks. */
int engine_run(const struct engine_options *options, thrum_error *ret_error);

/* For the source: adds a file. Fill in the item, then call engine_added. Returns NULL if memory ran
 * out. */
struct item *engine_add(struct engine *engine, struct folder *folder, const char *name);

/* Passes on the item, which is complete. May wait for the workers. */
void engine_added(struct engine *engine, struct item *item);

/* Sends the added items to the workers. */
void engine_flush(struct engine *engine);

/* The permits for open folders, one for each. engine_take_permit takes one. It may wait for
 * workers, so it first sends them the items that hold permits. */
thrum_semaphore *engine_budget(struct engine *engine);
void engine_take_permit(struct engine *engine);

/* The number of permits. */
int engine_permits(const struct engine *engine);

/* True if the run must end. */
bool engine_stopping(struct engine *engine);

#endif
