/* `thrum hash`: the order of events.
 *
 *   1. read the command line, find the algorithm, open the cache;
 *   2. hold Ctrl-C;
 *   3. run the pipeline (engine.h) and print results as they come;
 *   4. write the cache, and report an interruption.
 *
 * The digest of a tree is the digest of a list: what `thrum hash -z` prints of its files, with
 * paths from the tree's root. So each tree has a pipeline of its own, whose sink puts lines into a
 * hasher.
 */
#include "../command.h"
#include "check.h"
#include "digest/hasher.h"
#include "engine.h"
#include "interrupt.h"
#include "line_writer.h"
#include "lines.h"
#include "options.h"
#include "progress.h"
#include "trouble.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hash {
    struct hash_options options;
    struct digest_kind digest;
    struct cache *cache;
    struct line_writer *out;
    struct line_style style;
    bool to_terminal; /* standard output is one */
    bool fine;
    uint64_t hashed;
    /* Of a tree, with --tree. */
    struct hasher hasher;
    size_t root_length; /* of its path, with the slash */
    bool whole;         /* all of its files have been read */
};

/* Prints what is wrong with a file. */
static void tell(const struct hash *hash, const struct batch *batch, const struct item *item)
{
    char *path = path_for_message(batch, item);
    const char *name = path ? path : "a file";
    if (hash->to_terminal)
        line_writer_flush(hash->out);
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

/* Counts an item and prints its message. Returns false if it has no valid digest. */
static bool note(struct hash *hash, const struct batch *batch, const struct item *item)
{
    if (hash->to_terminal)
        progress_clear();
    if (item->state != ITEM_DONE)
        tell(hash, batch, item);
    if (item->state == ITEM_DONE || item->state == ITEM_CHANGED)
        hash->hashed++;
    if (item->state == ITEM_FAILED || item->state == ITEM_CHANGED || item->error)
        hash->fine = false;
    return item->state == ITEM_DONE;
}

/* An engine_sink. */
static bool print(const struct batch *batch, const struct item *item, void *context)
{
    struct hash *hash = context;
    note(hash, batch, item);
    if (item->state == ITEM_WORD && !item->error)
        return true;
    line_put(line_writer_stream(hash->out), &hash->style, batch, item);
    return line_writer_end(hash->out);
}

/* An engine_idle. */
static void show_lines(void *context)
{
    const struct hash *hash = context;
    line_writer_flush(hash->out);
}

static bool run_engine(struct hash *hash, char **paths, size_t count, engine_sink *sink)
{
    struct walk_options walk_options = {.paths = paths,
                                        .count = count,
                                        .follow = hash->options.follow,
                                        .unordered = hash->options.unordered,
                                        .no_trees = hash->options.coreutils,
                                        .sizes = progress_draws()};
    thrum_error error;
    struct links *links = links_new();
    int rc = links ? engine_run(&(struct engine_options){.digest = &hash->digest,
                                                         .cache = hash->cache,
                                                         .links = links,
                                                         .workers = hash->options.workers,
                                                         .unordered = hash->options.unordered,
                                                         .source = walk,
                                                         .source_context = &walk_options,
                                                         .sink = sink,
                                                         .idle = show_lines,
                                                         .sink_context = hash},
                                &error)
                   : trouble(&error, -ENOMEM, "out of memory");
    links_free(links);
    if (rc < 0)
        trouble_print("%s", error.message);
    return rc == 0;
}

/* ------------------------------------------------------------------------------------------- trees */

/* An engine_sink: adds the file's line to the digest of the tree. */
static bool add_to_tree(const struct batch *batch, const struct item *item, void *context)
{
    static const char digits[] = "0123456789abcdef";
    struct hash *hash = context;
    char text[2 * DIGEST_MOST + 2];
    size_t length = 0;
    if (!note(hash, batch, item)) {
        hash->whole = hash->whole && item->state == ITEM_WORD && !item->error;
        return true;
    }
    for (size_t i = 0; i < hash->digest.size; i++) {
        text[length++] = digits[item->digest[i] >> 4];
        text[length++] = digits[item->digest[i] & 15];
    }
    text[length++] = ' ';
    text[length++] = ' ';
    const char *folder = item->folder->path + hash->root_length, *name = item_name(batch, item);
    if (hasher_add(&hash->hasher, text, length) < 0 ||
        hasher_add(&hash->hasher, folder, strlen(folder)) < 0 ||
        hasher_add(&hash->hasher, name, strlen(name) + 1) < 0)
        hash->whole = false;
    return true;
}

/* Prints the digest of a tree. Returns false if the output fails. */
static bool hash_tree(struct hash *hash, char *path)
{
    struct folder *here = folder_new(AT_FDCWD, NULL, "");
    struct batch *batch = batch_new();
    struct item *item = here && batch ? batch_add(batch, here, path) : NULL;
    size_t length = strlen(path);
    bool fine = item && hasher_begin(&hash->hasher, &hash->digest) == 0;
    hash->root_length = length + (length > 0 && path[length - 1] != '/');
    hash->whole = fine;
    if (!fine)
        trouble_print("out of memory");
    fine = fine && run_engine(hash, &path, 1, add_to_tree);
    if (fine && hash->whole && !interrupt_asked() && hasher_end(&hash->hasher, item->digest) == 0) {
        item->state = ITEM_DONE;
        line_put(line_writer_stream(hash->out), &hash->style, batch, item);
        line_writer_end(hash->out);
    }
    if (batch)
        batch_free(batch);
    if (here)
        folder_drop(here);
    return fine && !line_writer_failed(hash->out);
}

static bool is_directory(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static bool hash_trees(struct hash *hash)
{
    const struct hash_options *options = &hash->options;
    bool fine = hasher_init(&hash->hasher) == 0;
    if (!fine)
        trouble_print("out of memory");
    for (size_t i = 0; fine && i < options->path_count && !interrupt_asked(); i++)
        fine = is_directory(options->paths[i]) ? hash_tree(hash, options->paths[i])
                                               : run_engine(hash, &options->paths[i], 1, print);
    hasher_finish(&hash->hasher);
    return fine;
}

/* ----------------------------------------------------------------------------------------- the run */

static enum line_form form_of(const struct hash *hash)
{
    const struct hash_options *options = &hash->options;
    return options->json                       ? LINE_JSON
           : options->raw                      ? LINE_RAW
           : hash->digest.engine == DIGEST_CRC ? LINE_CRC
           : options->tag                      ? LINE_TAG
           : options->binary                   ? LINE_BINARY
                                               : LINE_TEXT;
}

static bool hash_paths(struct hash *hash)
{
    const struct hash_options *options = &hash->options;
    hash->style = (struct line_style){.form = form_of(hash),
                                      .zero = options->zero,
                                      .base64 = options->base64,
                                      .unnamed = options->no_path,
                                      .digest = &hash->digest};
    hash->fine = true;
    if (options->raw && !options->tree && is_directory(options->paths[0])) {
        trouble_print("%s: --raw is for one file; with --tree, for one directory",
                      options->paths[0]);
        return false;
    }
    bool ran = options->tree ? hash_trees(hash)
                             : run_engine(hash, options->paths, options->path_count, print);
    return ran && hash->fine;
}

static bool check_lists(struct hash *hash)
{
    const struct hash_options *options = &hash->options;
    struct check check = {.options = options,
                          .digest = options->algorithm || options->coreutils ? &hash->digest : NULL,
                          .cache = hash->cache,
                          .out = hash->out};
    bool fine = true;
    for (size_t i = 0; i < options->path_count && !interrupt_asked(); i++)
        fine &= check_list(&check, options->paths[i]);
    if (options->tree_count > 0 && !interrupt_asked())
        fine &= check_new(&check);
    name_set_finish(&check.names);
    return fine;
}

/* Opens the cache, hashes or verifies, and closes the cache. Returns the exit status. */
static int work(struct hash *hash)
{
    const struct hash_options *options = &hash->options;
    thrum_error error;
    if (options->cache && cache_open(options->cache, &hash->cache, &error) < 0) {
        trouble_print("%s", error.message);
        return STATUS_FAILED;
    }
    progress_begin(options->check ? "verifying" : "hashing", "files");
    bool fine = options->check ? check_lists(hash) : hash_paths(hash);
    progress_end();
    if (cache_close(hash->cache, &error) < 0) {
        trouble_print("%s", error.message);
        fine = false;
    }
    if (!interrupt_asked())
        return fine ? STATUS_OK : STATUS_FAILED;
    line_writer_flush(hash->out);
    if (options->check)
        trouble_print("interrupted by %s; not all was verified",
                      interrupt_name(interrupt_signal()));
    else
        trouble_print("interrupted by %s after %ju files", interrupt_name(interrupt_signal()),
                      (uintmax_t)hash->hashed);
    return STATUS_SIGNAL + interrupt_signal();
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
    hash->out = line_writer_new(STDOUT_FILENO);
    if (hash->out)
        return line_writer_close(hash->out, work(hash));
    trouble_print("out of memory");
    return STATUS_FAILED;
}

/* Finds the algorithm that the options name. */
static enum options_verdict find_digest(struct hash *hash, char *message, size_t size)
{
    const struct hash_options *options = &hash->options;
    const char *name = options->algorithm ? options->algorithm : "sha256";
    switch (digest_kind_init(&hash->digest, name, options->length)) {
    case DIGEST_UNKNOWN:
        return command_line_wrong(message, size, "--algorithm: OpenSSL has no digest called '%s'",
                                  name);
    case DIGEST_LENGTH_WRONG:
        return command_line_wrong(message, size, "--length: %s has no digest of %d bits", name,
                                  options->length);
    default:
        break;
    }
    if (hash->digest.engine != DIGEST_CRC || !(options->check || options->tag || options->tree))
        return OPTIONS_RUN;
    digest_kind_finish(&hash->digest);
    return command_line_wrong(message, size, "--%s is not supported with --algorithm=crc",
                              options->check ? "check"
                              : options->tag ? "tag"
                                             : "tree");
}

/* True with --coreutils: a wrong command line then has status 1. */
static bool is_for_coreutils(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--coreutils") == 0)
            return true;
    return false;
}

int hash_run(int argc, char **argv)
{
    struct hash hash = {0};
    char message[256];
    bool for_coreutils = is_for_coreutils(argc, argv);
    enum options_verdict verdict =
        hash_options_parse(argc, argv, &hash.options, message, sizeof message);
    if (verdict == OPTIONS_RUN)
        verdict = find_digest(&hash, message, sizeof message);
    int status;
    if (verdict != OPTIONS_RUN) {
        status = command_line_answer(&hash_line, verdict, message);
        status = status == STATUS_USAGE && for_coreutils ? STATUS_FAILED : status;
    } else {
        if (hash.options.workers == 0)
            hash.options.workers = thrum_cpu_count();
        status = run(&hash);
        digest_kind_finish(&hash.digest);
    }
    hash_options_finish(&hash.options);
    return status;
}
