/* The pipeline: a source names files, workers hash them, a sink is given the results in the order of
 * the source, or as they come. */
#ifndef CLI_HASH_ENGINE_H
#define CLI_HASH_ENGINE_H

#include "batch.h"
#include "cache.h"

struct engine;

/* Names files by engine_add until there are no more or engine_stopping is true. Runs on a thread of
 * its own. Returns 0 or a negative errno. */
typedef int engine_source(struct engine *engine, void *context);

/* Is given each item that is not ITEM_WAITING, on the thread that called engine_run. Returns false
 * if there is no point in going on. */
typedef bool engine_sink(const struct batch *batch, const struct item *item, void *context);

/* Is called on the same thread when nothing has come for a moment: what waits may be printed. */
typedef void engine_idle(void *context);

struct engine_options {
    const struct digest_kind *digest; /* of items that have no other */
    struct cache *cache;              /* or NULL */
    bool names_only;                  /* nothing is read */
    int workers;
    bool unordered;
    engine_source *source;
    void *source_context;
    engine_sink *sink;
    engine_idle *idle; /* or NULL; gets the sink's context */
    void *sink_context;
};

/* Runs until all is done, or Ctrl-C has stopped it and what was begun is done. Returns 0; a negative
 * errno if the machinery itself failed (files that fail are results). Blocks. */
int engine_run(const struct engine_options *options, thrum_error *ret_error);

/* For the source: adds a file. The item is to be filled in and then given to engine_added. NULL if
 * memory is out. */
struct item *engine_add(struct engine *engine, struct folder *folder, const char *name);

/* The item is complete. May wait for the workers. */
void engine_added(struct engine *engine, struct item *item);

/* Sends what has been added on its way. */
void engine_flush(struct engine *engine);

/* How many folders may be open: a permit for each. Taking one may wait for workers, so the
 * source calls engine_take_permit, which sends on what they are to be done with first. */
thrum_semaphore *engine_budget(struct engine *engine);
void engine_take_permit(struct engine *engine);

/* The number of permits. */
int engine_permits(const struct engine *engine);

/* True if the run is to end. */
bool engine_stopping(struct engine *engine);

#endif
