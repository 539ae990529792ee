/* Verifying: `thrum hash -c`.
 *
 * What a line may look like, what is printed, what makes the status 1 is sha256sum's (coreutils 9.1),
 * including the words, so that one can stand for the other in a script. The files are read in
 * parallel, the verdicts come in the order of the list.
 *
 * A line: blanks; a backslash if the name is escaped; then either "TAG (name) = digest", with blanks
 * where OpenSSL leaves them out, or digest, a blank, a blank or '*', name; or digest, a blank, name, as
 * BSD's `-r` writes. Whether names of the last form begin with a blank or a star cannot be known from
 * one line: the first line of a list decides for the rest.
 */
#include "check.h"

#include "input.h"
#include "interrupt.h"
#include "lines.h"
#include "progress.h"
#include "trouble.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One list. The source counts lines, the sink counts files; each is read when both are done. */
struct check {
    const struct hash_options *options;
    const struct digest_kind *digest;
    FILE *list;
    bool standard_input; /* the list is */
    const char *name;    /* of the list, for messages */
    enum { REVERSED_UNKNOWN, REVERSED, NOT_REVERSED } reversed;
    int read_error;
    uint64_t proper, improper;             /* lines */
    uint64_t verified, mismatched, unread; /* files */
};

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)tolower((unsigned char)digit);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Reads a digest; true if the text begins with just as many digits as it has. */
static bool take_digest(const struct check *check, const char *text, unsigned char *ret_digest)
{
    for (size_t i = 0; i < check->digest->size; i++) {
        int high = hex_value(text[2 * i]);
        int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0)
            return false;
        ret_digest[i] = (unsigned char)(high << 4 | low);
    }
    return hex_value(text[2 * check->digest->size]) < 0;
}

/* Undoes the escapes in place; false for one that does not exist. */
static bool unescape(char *name)
{
    char *to = name;
    for (; *name; name++) {
        if (*name != '\\') {
            *to++ = *name;
            continue;
        }
        name++;
        if (*name != 'n' && *name != 'r' && *name != '\\')
            return false;
        *to++ = *name == 'n' ? '\n' : *name == 'r' ? '\r' : '\\';
    }
    *to = '\0';
    return true;
}

/* "TAG (name) = digest", after the tag. */
static char *split_tagged(const struct check *check, char *text, bool escaped,
                          unsigned char *ret_digest)
{
    text += *text == ' ';
    if (*text++ != '(')
        return NULL;
    char *end = strrchr(text, ')'), *name = text;
    if (!end)
        return NULL;
    *end++ = '\0';
    end += strspn(end, " \t");
    if (*end++ != '=')
        return NULL;
    end += strspn(end, " \t");
    if (escaped && !unescape(name))
        return NULL;
    return take_digest(check, end, ret_digest) && end[2 * check->digest->size] == '\0' ? name
                                                                                       : NULL;
}

/* The name in a line, and its digest; NULL if it is no line of a list. */
static char *split(struct check *check, char *line, unsigned char *ret_digest)
{
    size_t tag = strlen(check->digest->tag), digits = 2 * check->digest->size;
    line += strspn(line, " \t");
    bool escaped = *line == '\\';
    line += escaped;
    if (strncmp(line, check->digest->tag, tag) == 0 && (line[tag] == ' ' || line[tag] == '('))
        return split_tagged(check, line + tag, escaped, ret_digest);
    if (!take_digest(check, line, ret_digest))
        return NULL;
    line += digits;
    if (*line != ' ' && *line != '\t')
        return NULL;
    line++;
    if (*line == '\0')
        return NULL;
    if (line[1] == '\0' || (*line != ' ' && *line != '*')) {
        if (check->reversed == NOT_REVERSED)
            return NULL;
        check->reversed = REVERSED;
    } else if (check->reversed != REVERSED) {
        check->reversed = NOT_REVERSED;
        line++;
    }
    return escaped && !unescape(line) ? NULL : line;
}

static int add_line(struct check *check, struct engine *engine, struct folder *here, char *line,
                    uint64_t number)
{
    unsigned char digest[DIGEST_MOST];
    const char *name = split(check, line, digest);
    if (name && check->standard_input && strcmp(name, "-") == 0)
        name = NULL;
    if (!name) {
        check->improper++;
        if (check->options->warn)
            trouble_print("%s: %ju: improperly formatted %s checksum line", check->name,
                          (uintmax_t)number, check->digest->tag);
        return 0;
    }
    check->proper++;
    struct item *item = engine_add(engine, here, name);
    if (!item)
        return -ENOMEM;
    item->named = true;
    item->standard_input = strcmp(name, "-") == 0;
    memcpy(item->wanted, digest, sizeof digest);
    engine_added(engine, item);
    return 0;
}

/* An engine_source. */
static int read_list(struct engine *engine, void *context)
{
    struct check *check = context;
    char *line = NULL;
    size_t room = 0;
    uint64_t number = 0;
    struct folder *here = folder_new(AT_FDCWD, NULL, "");
    int rc = here ? 0 : -ENOMEM;
    while (rc == 0 && !engine_stopping(engine)) {
        errno = 0;
        ssize_t length = getline(&line, &room, check->list);
        if (length < 0) {
            if (ferror(check->list))
                check->read_error = -errno;
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
            rc = add_line(check, engine, here, line, number);
    }
    free(line);
    if (here) {
        folder_leave(here);
        folder_drop(here);
    }
    return rc;
}

/* An engine_sink. */
static bool judge(const struct batch *batch, const struct item *item, void *context)
{
    struct check *check = context;
    const struct hash_options *options = check->options;
    progress_clear();
    if (item->state == ITEM_FAILED) {
        if (item->missing && options->ignore_missing)
            return true;
        char *path = path_for_message(batch, item);
        fflush(stdout);
        trouble_print("%s: %s", path ? path : "a file", thrum_strerror(item->error));
        free(path);
        check->unread++;
        if (!options->status)
            line_put_verdict(stdout, batch, item, "FAILED open or read");
        return !ferror(stdout);
    }
    bool match = memcmp(item->digest, item->wanted, check->digest->size) == 0;
    check->verified += match;
    check->mismatched += !match;
    if (!options->status && (!match || !options->quiet))
        line_put_verdict(stdout, batch, item, match ? "OK" : "FAILED");
    return !ferror(stdout);
}

static void warn_of(uint64_t count, const char *one, const char *many)
{
    if (count > 0)
        trouble_print("WARNING: %ju %s", (uintmax_t)count, count == 1 ? one : many);
}

/* What is said at the end of a list. */
static bool conclude(const struct check *check)
{
    fflush(stdout);
    if (check->read_error < 0) {
        trouble_print("%s: %s", check->name, thrum_strerror(check->read_error));
        return false;
    }
    if (check->proper == 0) {
        trouble_print("%s: no properly formatted checksum lines found", check->name);
        return false;
    }
    if (!check->options->status) {
        warn_of(check->improper, "line is improperly formatted", "lines are improperly formatted");
        warn_of(check->unread, "listed file could not be read", "listed files could not be read");
        warn_of(check->mismatched, "computed checksum did NOT match",
                "computed checksums did NOT match");
        if (check->options->ignore_missing && check->verified == 0)
            trouble_print("%s: no file was verified", check->name);
    }
    return check->mismatched == 0 && check->unread == 0 &&
           (!check->options->ignore_missing || check->verified > 0) &&
           (!check->options->strict || check->improper == 0);
}

static int open_list(struct check *check, const char *path)
{
    int file = check->standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                     : input_open(AT_FDCWD, path);
    if (file < 0)
        return check->standard_input ? -errno : file;
    check->list = input_stream(file);
    if (check->list)
        return 0;
    close(file);
    return -ENOMEM;
}

bool check_list(const struct hash_options *options, const struct digest_kind *digest,
                const char *path)
{
    struct check check = {.options = options, .digest = digest, .name = path};
    thrum_error error;
    check.standard_input = strcmp(path, "-") == 0;
    if (check.standard_input)
        check.name = "'standard input'";
    int rc = open_list(&check, path);
    if (rc < 0) {
        trouble_print("%s: %s", check.name, thrum_strerror(rc));
        return false;
    }
    rc = engine_run(&(struct engine_options){.digest = digest,
                                             .workers = options->workers,
                                             .unordered = options->unordered,
                                             .source = read_list,
                                             .source_context = &check,
                                             .sink = judge,
                                             .sink_context = &check},
                    &error);
    fclose(check.list);
    if (rc < 0)
        trouble_print("%s", error.message);
    else if (!interrupt_asked())
        return conclude(&check);
    return false;
}
