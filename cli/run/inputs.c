/* Inputs, with GNU parallel's meaning.
 *
 * Sources are crossed: the last one changes fastest. A linked source advances together with the
 * source before it. Linked sources are one dimension of the product, and the shortest gives its
 * length.
 *
 * A single file is a stream: its jobs start before it has been read to the end (arguments.c). With
 * several sources, each file is read as a whole first, because all but the first are needed again
 * and again.
 */
#include "inputs.h"

#include "array.h"
#include "input.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int say_reading_failed(thrum_error *ret_error, const struct source *source,
                              const struct arguments *arguments, int rc)
{
    const char *name = strcmp(source->path, "-") == 0 ? "standard input" : source->path;
    if (rc == -EILSEQ)
        return trouble(ret_error, rc,
                       "%.150s: line %ju has a NUL byte; use -0 if its arguments end with NUL",
                       name, (uintmax_t)arguments->number);
    if (rc == -EMSGSIZE)
        return trouble(ret_error, rc, "%.150s: argument %ju is longer than 64 MiB", name,
                       (uintmax_t)arguments->number + 1);
    return trouble(ret_error, rc, "cannot read %.150s: %s", name, thrum_strerror(rc));
}

static int open_source(const struct source *source)
{
    if (strcmp(source->path, "-") != 0)
        return input_open(AT_FDCWD, source->path);
    int file = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    return file < 0 ? -errno : file;
}

static int start_reading(struct inputs *inputs, struct source *source, struct arguments *arguments,
                         thrum_error *ret_error)
{
    int file = open_source(source);
    if (file < 0)
        return trouble(ret_error, file, "cannot read %.150s: %s", source->path,
                       thrum_strerror(file));
    int rc = arguments_start(arguments, file, inputs->end, inputs->stop);
    if (rc == 0)
        return 0;
    arguments_finish(arguments);
    (void)close(file);
    return trouble(ret_error, rc, "cannot read %.150s: %s", source->path, thrum_strerror(rc));
}

static int add_word(struct source *source, size_t *room, char *word)
{
    if (!array_has_room(&source->words, source->count, room, sizeof *source->words))
        return -ENOMEM;
    source->words[source->count++] = word;
    return 0;
}

/* Reads a file as a whole into the source. */
static int read_whole(struct inputs *inputs, struct source *source, thrum_error *ret_error)
{
    struct arguments arguments;
    size_t room = 0;
    char *word;
    int rc = start_reading(inputs, source, &arguments, ret_error);
    if (rc < 0)
        return rc;
    source->owned = true;
    while ((rc = arguments_next(&arguments, &word)) == 0)
        if ((rc = add_word(source, &room, word)) < 0) {
            free(word);
            break;
        }
    if (rc != -ENODATA) {
        say_reading_failed(ret_error, source, &arguments, rc);
        eventfd_write(inputs->stop, 1); /* the reading thread may still wait for input */
    }
    arguments_finish(&arguments);
    (void)close(arguments.file);
    return rc == -ENODATA ? 0 : rc;
}

/* The number of combinations. It saturates. */
static uint64_t count_combinations(const struct inputs *inputs)
{
    uint64_t product = 1;
    for (size_t i = 0; i < inputs->count;) {
        uint64_t length = inputs->sources[i].count;
        while (++i < inputs->count && inputs->sources[i].linked)
            if (inputs->sources[i].count < length)
                length = inputs->sources[i].count;
        if (__builtin_mul_overflow(product, length, &product))
            product = UINT64_MAX;
    }
    return product;
}

/* Tabs often separate columns, but POSIX's expressions have no "\\t". */
static int compile_separator(struct inputs *inputs, thrum_error *ret_error)
{
    char text[256];
    size_t length = 0;
    for (const char *at = inputs->columns; *at && length + 1 < sizeof text; at++) {
        bool tab = at[0] == '\\' && at[1] == 't';
        text[length++] = tab ? '\t' : *at;
        at += tab;
    }
    text[length] = '\0';
    int bad = regcomp(&inputs->separator, text, REG_EXTENDED);
    if (bad) {
        char why[120];
        regerror(bad, &inputs->separator, why, sizeof why);
        return trouble(ret_error, -EINVAL, "--colsep: '%.60s' is no regular expression: %s",
                       inputs->columns, why);
    }
    inputs->separating = true;
    return 0;
}

int inputs_start(struct inputs *inputs, thrum_error *ret_error)
{
    int rc = 0;
    if (inputs->columns && (rc = compile_separator(inputs, ret_error)) < 0)
        return rc;
    inputs->streaming = inputs->count == 1 && inputs->sources[0].path;
    if (inputs->streaming) {
        rc = start_reading(inputs, &inputs->sources[0], &inputs->stream, ret_error);
        inputs->started = rc == 0;
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < inputs->count; i++)
        if (inputs->sources[i].path)
            rc = read_whole(inputs, &inputs->sources[i], ret_error);
    inputs->total = count_combinations(inputs);
    return rc;
}

static int add_field(struct fields *fields, const char *text, size_t length)
{
    char **items = realloc(fields->items, (fields->count + 2) * sizeof *items);
    if (!items)
        return -ENOMEM;
    fields->items = items;
    items[fields->count] = strndup(text, length);
    if (!items[fields->count])
        return -ENOMEM;
    items[++fields->count] = NULL;
    return 0;
}

/* Adds an argument, or its columns. */
static int add_argument(const struct inputs *inputs, struct fields *fields, const char *text)
{
    regmatch_t match;
    int rc = 0;
    /* An empty match separates nothing. */
    while (rc == 0 && inputs->separating && regexec(&inputs->separator, text, 1, &match, 0) == 0 &&
           match.rm_eo > match.rm_so) {
        rc = add_field(fields, text, (size_t)match.rm_so);
        text += match.rm_eo;
    }
    return rc < 0 ? rc : add_field(fields, text, strlen(text));
}

/* Advances to the next combination. The last dimension changes fastest. */
static void advance(struct inputs *inputs)
{
    for (size_t last = inputs->count; last > 0;) {
        size_t first = last - 1;
        while (first > 0 && inputs->sources[first].linked)
            first--;
        bool over = false;
        for (size_t i = first; i < last; i++)
            over |= ++inputs->at[i] >= inputs->sources[i].count;
        if (!over)
            return;
        for (size_t i = first; i < last; i++)
            inputs->at[i] = 0;
        last = first;
    }
}

static int next_combination(struct inputs *inputs, struct fields *fields)
{
    int rc = inputs->given < inputs->total ? 0 : -ENODATA;
    for (size_t i = 0; rc == 0 && i < inputs->count; i++)
        rc = add_argument(inputs, fields, inputs->sources[i].words[inputs->at[i]]);
    if (rc == 0) {
        thrum_with (&inputs->lock)
            inputs->given++;
        advance(inputs);
    }
    return rc;
}

int inputs_next(struct inputs *inputs, struct fields *ret_fields, thrum_error *ret_error)
{
    struct fields fields = {0};
    char *argument = NULL;
    int rc;
    if (inputs->streaming) {
        rc = arguments_next(&inputs->stream, &argument);
        if (rc < 0 && rc != -ENODATA && rc != -ECANCELED)
            return say_reading_failed(ret_error, &inputs->sources[0], &inputs->stream, rc);
        if (rc == 0)
            rc = add_argument(inputs, &fields, argument);
        free(argument);
    } else {
        rc = next_combination(inputs, &fields);
    }
    if (rc == 0) {
        *ret_fields = fields;
        return 0;
    }
    fields_free(&fields);
    if (rc == -ENODATA || rc == -ECANCELED)
        return rc;
    return trouble(ret_error, rc, "cannot take the next argument: %s", thrum_strerror(rc));
}

bool inputs_left(struct inputs *inputs, uint64_t *ret_count)
{
    if (inputs->streaming)
        return arguments_left(&inputs->stream, ret_count);
    thrum_with (&inputs->lock)
        *ret_count = inputs->total - inputs->given;
    return true;
}

void inputs_finish(struct inputs *inputs)
{
    if (inputs->started) {
        arguments_finish(&inputs->stream);
        (void)close(inputs->stream.file);
    }
    for (size_t i = 0; i < inputs->count; i++) {
        for (size_t j = 0; inputs->sources[i].owned && j < inputs->sources[i].count; j++)
            free(inputs->sources[i].words[j]);
        if (inputs->sources[i].owned)
            free(inputs->sources[i].words);
    }
    if (inputs->separating)
        regfree(&inputs->separator);
}

void fields_free(struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        free(fields->items[i]);
    free(fields->items);
    *fields = (struct fields){0};
}
