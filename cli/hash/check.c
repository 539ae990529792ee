/* Verifying: `thrum hash -c`.
 *
 * Output, messages and exit status are those of sha256sum (coreutils 9.1), so a script can use
 * either. The files are read in parallel; the verdicts come in the order of the list.
 *
 * With --new-in, the names of all lists are kept. After the last list the trees are walked, and a
 * file that no list names is new.
 */
#include "check.h"

#include "input.h"
#include "interrupt.h"
#include "lines.h"
#include "list_line.h"
#include "progress.h"
#include "trouble.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One list. The source counts lines, the sink counts files. The counts are read when both have
 * ended. */
struct list {
    struct check *check;
    FILE *file;
    bool standard_input; /* the list is */
    const char *name;    /* of the list, for messages */
    struct list_format format;
    int read_error;
    uint64_t proper, improper;                      /* lines */
    uint64_t verified, mismatched, unread, missing; /* files */
};

static int add_line(struct list *list, struct engine *engine, struct folder *here, char *line,
                    size_t length, uint64_t number)
{
    struct check *check = list->check;
    struct list_line read;
    bool proper = list_line_read(&list->format, line, length, &read) &&
                  !(list->standard_input && strcmp(read.name, "-") == 0);
    if (!proper) {
        list->improper++;
        if (check->options->warn)
            trouble_print("%s: %ju: improperly formatted %s%schecksum line", list->name,
                          (uintmax_t)number, list->format.only ? list->format.only->tag : "",
                          list->format.only ? " " : "");
        return 0;
    }
    list->proper++;
    struct item *item = engine_add(engine, here, read.name);
    if (!item || (check->options->tree_count > 0 && name_set_add(&check->names, read.name) < 0))
        return -ENOMEM;
    item->named = true;
    item->kind = read.kind;
    item->standard_input = strcmp(read.name, "-") == 0;
    memcpy(item->wanted, read.digest, sizeof item->wanted);
    engine_added(engine, item);
    return 0;
}

/* An engine_source. */
static int read_list(struct engine *engine, void *context)
{
    struct list *list = context;
    char *line = NULL;
    size_t room = 0;
    uint64_t number = 0;
    struct folder *here = folder_new(AT_FDCWD, NULL, "");
    int rc = here ? 0 : -ENOMEM;
    while (rc == 0 && !engine_stopping(engine)) {
        errno = 0;
        ssize_t length = getline(&line, &room, list->file);
        if (length < 0) {
            if (ferror(list->file))
                list->read_error = -errno;
            else if (errno == ENOMEM)
                rc = -ENOMEM;
            break;
        }
        number++;
        if (length > 0 && line[length - 1] == '\n')
            line[--length] = '\0';
        if (length > 0 && line[length - 1] == '\r')
            line[--length] = '\0';
        if (length > 0 && line[0] != '#')
            rc = add_line(list, engine, here, line, (size_t)length, number);
    }
    free(line);
    if (here) {
        folder_leave(here);
        folder_drop(here);
    }
    return rc;
}

static bool put_verdict(struct check *check, const struct batch *batch, const struct item *item,
                        const char *verdict)
{
    line_put_verdict(line_writer_stream(check->out), batch, item, verdict);
    return line_writer_end(check->out);
}

static bool judge_failed(struct list *list, const struct batch *batch, const struct item *item)
{
    struct check *check = list->check;
    bool missing = item->missing && check->options->tree_count > 0;
    if (item->missing && check->options->ignore_missing)
        return true;
    if (!missing) {
        char *path = path_for_message(batch, item);
        line_writer_flush(check->out);
        trouble_print("%s: %s", path ? path : "a file", thrum_strerror(item->error));
        free(path);
    }
    *(missing ? &list->missing : &list->unread) += 1;
    return check->options->status ||
           put_verdict(check, batch, item, missing ? "MISSING" : "FAILED open or read");
}

/* An engine_sink. */
static bool judge(const struct batch *batch, const struct item *item, void *context)
{
    struct list *list = context;
    const struct hash_options *options = list->check->options;
    progress_clear();
    if (item->state == ITEM_FAILED)
        return judge_failed(list, batch, item);
    bool match = memcmp(item->digest, item->wanted, item->kind->size) == 0;
    list->verified += match;
    list->mismatched += !match;
    if (options->status || (match && options->quiet))
        return true;
    return put_verdict(list->check, batch, item, match ? "OK" : "FAILED");
}

/* An engine_idle. */
static void show_lines(void *context)
{
    const struct list *list = context;
    line_writer_flush(list->check->out);
}

static void warn_of(uint64_t count, const char *one, const char *many)
{
    if (count > 0)
        trouble_print("WARNING: %ju %s", (uintmax_t)count, count == 1 ? one : many);
}

/* Prints the warnings at the end of a list. Returns true if all is well. */
static bool conclude(const struct list *list)
{
    const struct hash_options *options = list->check->options;
    line_writer_flush(list->check->out);
    if (list->read_error < 0) {
        trouble_print("%s: %s", list->name, thrum_strerror(list->read_error));
        return false;
    }
    if (list->proper == 0) {
        trouble_print("%s: no properly formatted checksum lines found", list->name);
        return false;
    }
    if (!options->status) {
        warn_of(list->improper, "line is improperly formatted", "lines are improperly formatted");
        warn_of(list->unread, "listed file could not be read", "listed files could not be read");
        warn_of(list->missing, "listed file is missing", "listed files are missing");
        warn_of(list->mismatched, "computed checksum did NOT match",
                "computed checksums did NOT match");
        if (options->ignore_missing && list->verified == 0)
            trouble_print("%s: no file was verified", list->name);
    }
    return list->mismatched == 0 && list->unread == 0 && list->missing == 0 &&
           (!options->ignore_missing || list->verified > 0) &&
           (!options->strict || list->improper == 0);
}

static int open_list(struct list *list, const char *path)
{
    int file =
        list->standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : input_open(AT_FDCWD, path);
    if (file < 0)
        return list->standard_input ? -errno : file;
    list->file = input_stream(file);
    if (list->file)
        return 0;
    (void)close(file); /* nothing was read */
    return -ENOMEM;
}

bool check_list(struct check *check, const char *path)
{
    struct list list = {.check = check, .name = path, .format.only = check->digest};
    thrum_error error;
    list.standard_input = strcmp(path, "-") == 0;
    if (list.standard_input)
        list.name = "'standard input'";
    int rc = open_list(&list, path);
    if (rc < 0) {
        trouble_print("%s: %s", list.name, thrum_strerror(rc));
        return false;
    }
    rc = engine_run(&(struct engine_options){.cache = check->cache,
                                             .workers = check->options->workers,
                                             .unordered = check->options->unordered,
                                             .source = read_list,
                                             .source_context = &list,
                                             .sink = judge,
                                             .idle = show_lines,
                                             .sink_context = &list},
                    &error);
    (void)fclose(list.file); /* it was only read */
    list_format_finish(&list.format);
    if (rc < 0)
        trouble_print("%s", error.message);
    else if (!interrupt_asked())
        return conclude(&list);
    return false;
}

/* ---------------------------------------------------------------------------------------- new files */

/* An engine_sink. */
static bool judge_new(const struct batch *batch, const struct item *item, void *context)
{
    struct check *check = context;
    const char *folder = item->folder->path, *name = item_name(batch, item);
    if (item->state == ITEM_WORD || item->state == ITEM_FAILED) {
        trouble_print("%s%s: %s", folder, name,
                      item->state == ITEM_WORD ? item->word : thrum_strerror(item->error));
        check->unread += item->error != 0;
        return true;
    }
    if (name_set_has(&check->names, folder, name))
        return true;
    check->fresh++;
    return check->options->status || put_verdict(check, batch, item, "NEW");
}

bool check_new(struct check *check)
{
    const struct hash_options *options = check->options;
    struct walk_options walk_options = {
        .paths = options->trees, .count = options->tree_count, .follow = options->follow};
    thrum_error error = {0};
    bool fine = true;
    /* The lists themselves are not new. */
    for (size_t i = 0; fine && i < options->path_count; i++)
        fine = name_set_add(&check->names, options->paths[i]) == 0;
    if (!fine)
        trouble(&error, -ENOMEM, "out of memory");
    else
        fine = engine_run(&(struct engine_options){.workers = 1,
                                                   .names_only = true,
                                                   .source = walk,
                                                   .source_context = &walk_options,
                                                   .sink = judge_new,
                                                   .sink_context = check},
                          &error) == 0;
    line_writer_flush(check->out);
    if (!fine)
        trouble_print("%s", error.message);
    else if (!options->status)
        warn_of(check->fresh, "file is in no list", "files are in no list");
    return fine && check->fresh == 0 && check->unread == 0;
}
