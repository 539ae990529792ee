/* `thrum hash`: the order of events.
 *
 *   1. read the command line, find the algorithm, open the cache;
 *   2. hold Ctrl-C;
 *   3. run the pipeline (engine.h), printing as results come;
 *   4. write the cache, say what was left undone.
 */
#include "../command.h"
#include "check.h"
#include "engine.h"
#include "interrupt.h"
#include "lines.h"
#include "options.h"
#include "progress.h"
#include "trouble.h"
#include "walk.h"

#include <stdlib.h>
#include <unistd.h>

struct hash {
    struct hash_options options;
    struct digest_kind digest;
    struct line_style style;
    bool to_terminal; /* lines are to be seen as they come */
    bool fine;
    uint64_t hashed;
};

/* Says what is wrong with a file. */
static void tell(const struct hash *hash, const struct batch *batch, const struct item *item)
{
    char *path = path_for_message(batch, item);
    const char *name = path ? path : "a file";
    if (hash->to_terminal)
        fflush(stdout);
    if (item->state == ITEM_CHANGED)
        trouble_print("%s: was changed while it was read", name);
    else if (item->state == ITEM_FAILED)
        trouble_print("%s: %s", name, thrum_strerror(item->error));
    else if (item->error)
        trouble_print("%s: %s: %s", name, item->word, thrum_strerror(item->error));
    else
        trouble_print("%s: %s", name, item->word);
    free(path);
}

/* An engine_sink. */
static bool print(const struct batch *batch, const struct item *item, void *context)
{
    struct hash *hash = context;
    if (hash->to_terminal)
        progress_clear();
    if (item->state != ITEM_DONE)
        tell(hash, batch, item);
    if (item->state == ITEM_DONE || item->state == ITEM_CHANGED)
        hash->hashed++;
    if (item->state == ITEM_FAILED || item->state == ITEM_CHANGED || item->error)
        hash->fine = false;
    if (item->state != ITEM_WORD || item->error)
        line_put(stdout, &hash->style, batch, item);
    return !ferror(stdout);
}

static bool hash_paths(struct hash *hash)
{
    const struct hash_options *options = &hash->options;
    thrum_error error;
    struct cache *cache = NULL;
    if (options->cache && cache_open(options->cache, &hash->digest, &cache, &error) < 0) {
        trouble_print("%s", error.message);
        return false;
    }
    struct walk_options walk_options = {.paths = options->paths,
                                        .count = options->path_count,
                                        .follow = options->follow,
                                        .unordered = options->unordered,
                                        .links = links_new()};
    hash->style = (struct line_style){.form = options->json     ? LINE_JSON
                                              : options->tag    ? LINE_TAG
                                              : options->binary ? LINE_BINARY
                                                                : LINE_TEXT,
                                      .zero = options->zero,
                                      .digest = &hash->digest};
    hash->fine = walk_options.links != NULL;
    if (!hash->fine)
        trouble_print("out of memory");
    else if (engine_run(&(struct engine_options){.digest = &hash->digest,
                                                 .cache = cache,
                                                 .workers = options->workers,
                                                 .unordered = options->unordered,
                                                 .source = walk,
                                                 .source_context = &walk_options,
                                                 .sink = print,
                                                 .sink_context = hash},
                        &error) < 0) {
        trouble_print("%s", error.message);
        hash->fine = false;
    }
    links_free(walk_options.links);
    if (cache_close(cache, &error) < 0) {
        trouble_print("%s", error.message);
        hash->fine = false;
    }
    return hash->fine;
}

static bool check_lists(struct hash *hash)
{
    bool fine = true;
    for (size_t i = 0; i < hash->options.path_count && !interrupt_asked(); i++)
        fine &= check_list(&hash->options, &hash->digest, hash->options.paths[i]);
    return fine;
}

static int run(struct hash *hash)
{
    const struct hash_options *options = &hash->options;
    thrum_error error;
    progress_open(options->quiet || options->status ? PROGRESS_NEVER
                  : options->progress               ? PROGRESS_ALWAYS
                                                    : PROGRESS_AUTO);
    if (interrupt_hold(&error) < 0 || interrupt_watch((struct interrupt_answers){0}, &error) < 0) {
        trouble_print("%s", error.message);
        return STATUS_FAILED;
    }
    hash->to_terminal = isatty(STDOUT_FILENO);
    progress_begin(options->check ? "verifying" : "hashing", "files");
    bool fine = options->check ? check_lists(hash) : hash_paths(hash);
    progress_end();
    if (!interrupt_asked())
        return fine ? STATUS_OK : STATUS_FAILED;
    fflush(stdout);
    if (options->check)
        trouble_print("interrupted by %s; not all was verified",
                      interrupt_name(interrupt_signal()));
    else
        trouble_print("interrupted by %s after %ju files", interrupt_name(interrupt_signal()),
                      (uintmax_t)hash->hashed);
    return STATUS_SIGNAL + interrupt_signal();
}

int hash_run(int argc, char **argv)
{
    struct hash hash = {0};
    char message[256];
    enum options_verdict verdict =
        hash_options_parse(argc, argv, &hash.options, message, sizeof message);
    if (verdict == OPTIONS_RUN && !digest_kind_init(&hash.digest, hash.options.algorithm))
        verdict = command_line_wrong(message, sizeof message,
                                     "--algorithm: OpenSSL has no digest called '%s'",
                                     hash.options.algorithm);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&hash_line, verdict, message);
    if (hash.options.workers == 0)
        hash.options.workers = thrum_cpu_count();
    int status = run(&hash);
    digest_kind_finish(&hash.digest);
    return status;
}
