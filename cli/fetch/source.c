/* The list is read by read and not by stdio, so a stop ends a wait for a pipe or a terminal.
 *
 * A line is a URL, optionally a digest (sha256:HEX) after blanks, and optionally a name after a
 * tab. Blanks around them are ignored. */
#include "source.h"

#include "input.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM_FIRST = 16384, LINE_MOST = 1024 * 1024 };

int source_init(struct source *ret_source, const struct fetch_options *options,
                struct tally *failed, thrum_error *ret_error)
{
    *ret_source = (struct source){
        .urls = options->urls, .url_count = options->url_count, .file = -1, .failed = failed};
    if (options->input && strcmp(options->input, "-") == 0)
        ret_source->file = STDIN_FILENO;
    else if (options->input)
        ret_source->file = input_open(AT_FDCWD, options->input);
    if (options->input && ret_source->file < 0)
        return trouble(ret_error, ret_source->file, "cannot read the list %.180s: %s",
                       options->input, thrum_strerror(ret_source->file));
    if (options->retry_failed && !(ret_source->log = fopen(options->retry_failed, "re")))
        return trouble(ret_error, -errno, "cannot read the log %.180s: %s", options->retry_failed,
                       thrum_strerror(-errno));
    return 0;
}

void source_finish(struct source *source)
{
    if (source->file > STDIN_FILENO)
        (void)close(source->file);
    if (source->log)
        (void)fclose(source->log);
    json_decref(source->object);
    free(source->buffer);
}

/* Reads some more of the list. Returns the number of bytes, 0 at the end, or a negative errno. */
static ptrdiff_t read_more(struct source *source)
{
    if (source->begin > 0) {
        memmove(source->buffer, source->buffer + source->begin, source->end - source->begin);
        source->end -= source->begin;
        source->begin = 0;
    }
    if (source->end + 1 >= source->room) {
        size_t room = source->room ? 2 * source->room : ROOM_FIRST;
        char *buffer = room <= LINE_MOST ? realloc(source->buffer, room) : NULL;
        if (!buffer)
            return room <= LINE_MOST ? -ENOMEM : -EMSGSIZE;
        source->buffer = buffer;
        source->room = room;
    }
    thrum_case cases[] = {thrum_case_readable(source->file), thrum_case_event(source->stop)};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    if (index == 1)
        return 0;
    if (index < 0 || cases[0].code < 0)
        return index < 0 ? index : cases[0].code;
    ssize_t count;
    do
        count = read(source->file, source->buffer + source->end, source->room - source->end - 1);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return errno == EAGAIN ? read_more(source) : -errno;
    source->end += (size_t)count;
    return count;
}

/* The next line of the list, without its end and with a NUL. Returns 1, 0 at the end, or an
 * errno. */
static int next_line(struct source *source, char **ret_line, size_t *ret_length)
{
    size_t looked = 0;
    for (;;) {
        char *begin = source->buffer + source->begin;
        size_t length = source->end - source->begin;
        char *end = length > looked ? memchr(begin + looked, '\n', length - looked) : NULL;
        if (end) {
            *end = '\0';
            source->begin += (size_t)(end - begin) + 1;
            *ret_line = begin;
            *ret_length = (size_t)(end - begin);
            return 1;
        }
        looked = length;
        ptrdiff_t count = read_more(source);
        if (count < 0)
            return (int)count;
        if (count > 0)
            continue;
        if (source->end == source->begin || thrum_event_is_set(source->stop))
            return 0;
        source->buffer[source->end] = '\0'; /* the last line, without an end */
        *ret_line = source->buffer + source->begin;
        *ret_length = source->end - source->begin;
        source->begin = source->end;
        return 1;
    }
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t length = strlen(text); length > 0 && strchr(" \t\r", text[length - 1]);)
        text[--length] = '\0';
    return text;
}

/* True for "ALGORITHM:HEX". */
static bool is_digest(const char *text)
{
    size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    size_t digits =
        name > 0 && text[name] == ':' ? strspn(text + name + 1, "0123456789abcdefABCDEF") : 0;
    return digits > 0 && text[name + 1 + digits] == '\0';
}

bool source_line_read(char *line, size_t length, struct source_line *ret_line)
{
    *ret_line = (struct source_line){0};
    bool cut = strlen(line) != length;
    line = trim(line);
    if (!cut && (!*line || *line == '#'))
        return false;
    ret_line->url = line;
    if (cut) {
        ret_line->wrong = "the line has a NUL byte";
        return true;
    }
    char *tab = strchr(line, '\t');
    if (tab) {
        *tab = '\0';
        ret_line->name = trim(tab + 1);
    }
    char *blank = line + strcspn(line, " ");
    if (*blank) {
        *blank = '\0';
        ret_line->digest = trim(blank + 1);
        if (!*ret_line->digest)
            ret_line->digest = NULL;
    } else if (tab && is_digest(ret_line->name)) {
        ret_line->digest = ret_line->name; /* a tab is a blank, too */
        ret_line->name = NULL;
    }
    if (ret_line->digest && !is_digest(ret_line->digest))
        ret_line->wrong = "after a URL comes a digest such as sha256:..., and after a tab a name";
    return true;
}

static int next_listed(struct source *source, struct source_line *ret_line)
{
    char *line = NULL;
    size_t length = 0;
    int rc;
    while ((rc = next_line(source, &line, &length)) == 1)
        if (source_line_read(line, length, ret_line))
            return 1;
    return rc;
}

/* The next URL of the log to fetch again. */
static int next_failed(struct source *source, struct source_line *ret_line)
{
    for (;;) {
        json_decref(source->object);
        source->object = log_next(source->log, NULL);
        if (!source->object)
            return ferror(source->log) ? -EIO : 0;
        *ret_line = (struct source_line){
            .url = json_string_value(json_object_get(source->object, "url")),
            .name = json_string_value(json_object_get(source->object, "name")),
            .digest = json_string_value(json_object_get(source->object, "digest"))};
        if (ret_line->digest && !is_digest(ret_line->digest))
            ret_line->wrong = "the log has a malformed digest";
        if (tally_take(source->failed, ret_line->url))
            return 1;
    }
}

int source_next(struct source *source, struct source_line *ret_line)
{
    if (thrum_event_is_set(source->stop))
        return 0;
    if (source->next < source->url_count) {
        *ret_line = (struct source_line){.url = source->urls[source->next++]};
        return 1;
    }
    if (source->file >= 0)
        return next_listed(source, ret_line);
    return source->log ? next_failed(source, ret_line) : 0;
}
