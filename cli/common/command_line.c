/* The reading of a command line.
 *
 * getopt_long splits the words, but its messages only name the wrong option. So opterr is off, and
 * our message also names the option that was probably meant (nearest.h).
 *
 * The tables of getopt_long are made from ours for each call. For an option it returns the index of
 * the row plus 256, which is beyond '?' and ':'. So an option without a letter needs no special
 * case.
 *
 * An error that shows only when an operation is tried, such as a file that cannot be written, is a
 * failure at run time and not a wrong command line.
 */
#include "command_line.h"

#include "nearest.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MOST = 40, FIRST_INDEX = 256 };

/* The struct that is filled in, and the buffer for messages. */
struct reading {
    const struct command_line *line;
    void *into;
    char *message;
    size_t size;
};

enum options_verdict command_line_wrong(char *message, size_t size, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(message, size, format, list);
    va_end(list);
    return OPTIONS_WRONG;
}

/* The long option nearest to `word`, or NULL if none is near. */
static const char *nearest_option(const struct command_line *line, const char *word)
{
    const char *names[OPTIONS_MOST];
    size_t count = 0;
    for (const struct option_row *row = line->options; row->name; row++)
        names[count++] = row->name;
    return nearest_word(word, names, count);
}

/* Lists the long options that begin with `word`, with commas between. Returns their number. */
static int list_completions(const struct command_line *line, const char *word, char *ret_text,
                            size_t size)
{
    int count = 0;
    size_t used = 0;
    for (const struct option_row *row = line->options; row->name; row++)
        if (*word && strncmp(row->name, word, strlen(word)) == 0 && used < size)
            used += (size_t)snprintf(ret_text + used, size - used, "%s--%s", count++ ? ", " : "",
                                     row->name);
    return count;
}

/* Makes the message for an option that getopt_long has refused. `word` is the argument that it has
 * read last. For a letter, the word may have other letters, too; optopt is then the letter
 * itself. */
static enum options_verdict unknown_option(const struct reading *reading, const char *word)
{
    char name[64], names[160];
    bool is_long = strncmp(word, "--", 2) == 0;
    if (!is_long && optopt)
        return command_line_wrong(reading->message, reading->size, "unknown option '-%c'", optopt);
    snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
    name[strcspn(name, "=")] = '\0';
    if (is_long && optopt)
        return command_line_wrong(reading->message, reading->size, "--%s takes no value", name);
    if (is_long && list_completions(reading->line, name, names, sizeof names) > 1)
        return command_line_wrong(reading->message, reading->size,
                                  "option '%s' is ambiguous: it may be %s", word, names);
    const char *nearest = is_long ? nearest_option(reading->line, name) : NULL;
    if (nearest)
        return command_line_wrong(reading->message, reading->size,
                                  "unknown option '%s'; did you mean --%s?", word, nearest);
    return command_line_wrong(reading->message, reading->size, "unknown option '%s'", word);
}

static enum options_verdict take_count(const struct reading *reading, const struct option_row *row,
                                       const char *text)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < row->least || number > row->most)
        return command_line_wrong(reading->message, reading->size,
                                  "--%s takes a number from %d to %d, not '%s'", row->name,
                                  row->least, row->most, text);
    *(int *)((char *)reading->into + row->offset) = (int)number;
    return OPTIONS_RUN;
}

bool duration_parse(const char *text, double *ret_seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1},   {"s", 1},    {"ms", 1e-3}, {"us", 1e-6},
                 {"m", 60}, {"h", 3600}, {"d", 86400}};
    if (text[strspn(text, " \t\n+-")] == '\0' || strspn(text, "0123456789.") == 0)
        return false;
    char *end;
    double number = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double seconds = number * units[i].seconds;
        if (strcmp(end, units[i].unit) == 0 && isfinite(seconds) && seconds > 0) {
            *ret_seconds = seconds;
            return true;
        }
    }
    return false;
}

static enum options_verdict take_seconds(const struct reading *reading,
                                         const struct option_row *row, const char *text)
{
    if (duration_parse(text, (double *)((char *)reading->into + row->offset)))
        return OPTIONS_RUN;
    return command_line_wrong(reading->message, reading->size,
                              "--%s takes a time such as 2s, 500ms or 1.5m, not '%s'", row->name,
                              text);
}

static enum options_verdict take_choice(const struct reading *reading, const struct option_row *row,
                                        const char *text)
{
    char names[160];
    size_t used = 0;
    for (int i = 0; row->choices[i]; i++) {
        if (strcmp(row->choices[i], text) == 0) {
            *(int *)((char *)reading->into + row->offset) = i;
            return OPTIONS_RUN;
        }
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                     row->choices[i]);
    }
    return command_line_wrong(reading->message, reading->size, "--%s takes one of %s, not '%s'",
                              row->name, names, text);
}

/* Takes an option that getopt_long has recognised. */
static enum options_verdict take(const struct reading *reading, const struct option_row *row,
                                 char *value)
{
    void *field = (char *)reading->into + row->offset;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return OPTIONS_RUN;
    case OPTION_COUNT:
        return take_count(reading, row, value);
    case OPTION_TEXT:
        *(const char **)field = value;
        return OPTIONS_RUN;
    case OPTION_SECONDS:
        return take_seconds(reading, row, value);
    case OPTION_CHOICE:
        return take_choice(reading, row, value);
    case OPTION_CUSTOM:
        return row->take(reading->into, value, reading->message, reading->size) ? OPTIONS_RUN
                                                                                : OPTIONS_WRONG;
    case OPTION_HELP:
        return OPTIONS_HELP;
    default:
        return OPTIONS_VERSION;
    }
}

/* getopt_long's tables. A letter leads to its row by strchr, a long name by its value. */
static void make_tables(const struct command_line *line, struct option *longs, char *shorts)
{
    /* A '+' ends the options at the first operand; ':' reports missing values without a message. */
    if (line->operands == OPERANDS_COMMAND)
        *shorts++ = '+';
    *shorts++ = ':';
    for (int i = 0; line->options[i].name; i++) {
        const struct option_row *row = &line->options[i];
        *longs++ = (struct option){row->name, row->value ? required_argument : no_argument, NULL,
                                   FIRST_INDEX + i};
        if (row->letter) {
            *shorts++ = row->letter;
            if (row->value)
                *shorts++ = ':';
        }
    }
    *longs = (struct option){0};
    *shorts = '\0';
}

static const struct option_row *row_of(const struct command_line *line, int what)
{
    if (what >= FIRST_INDEX)
        return &line->options[what - FIRST_INDEX];
    const struct option_row *row = line->options;
    while (row->letter != what)
        row++;
    return row;
}

enum options_verdict command_line_parse(const struct command_line *line, int argc, char **argv,
                                        void *into, int *ret_first, char *message, size_t size)
{
    const struct reading reading = {line, into, message, size};
    struct option longs[OPTIONS_MOST + 1];
    char shorts[2 * OPTIONS_MOST + 3];
    make_tables(line, longs, shorts);
    optind = 0; /* glibc: start afresh, so that the function may be called again */
    opterr = 0;
    for (int what; (what = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        if (what == '?')
            return unknown_option(&reading, argv[optind - 1]);
        if (what == ':')
            return command_line_wrong(message, size, "%s needs a value", argv[optind - 1]);
        enum options_verdict verdict = take(&reading, row_of(line, what), optarg);
        if (verdict != OPTIONS_RUN)
            return verdict;
    }
    if (line->operands == OPERANDS_NONE && optind < argc)
        return command_line_wrong(message, size, "unexpected argument '%s'%s%s", argv[optind],
                                  line->operand_hint ? "; " : "",
                                  line->operand_hint ? line->operand_hint : "");
    *ret_first = optind;
    return OPTIONS_RUN;
}
