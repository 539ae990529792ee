/* The command line of `thrum bench`.
 *
 * getopt_long does the splitting but not the talking: its own messages name the program and stop
 * there, while a user who mistyped an option is best served by the option that he meant. So opterr
 * is off, and a wrong word is answered with its nearest neighbour by edit distance.
 *
 * Parsing has no effect beyond its result, which makes it testable as a function: no file is opened
 * and nothing is printed here. What can only fail when tried, such as a file that cannot be
 * written, is not a wrong option but a failure at run time.
 */
#include "options.h"

#include "rows.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* More is surely a slip: each worker of a pool is a thread of the system. */
enum { WORKERS_MAX = 10000, REPEATS_MAX = 1000 };

static const struct option long_options[] = {
    {"quick", no_argument, NULL, 'q'},
    {"only", required_argument, NULL, 'o'},
    {"workers", required_argument, NULL, 'w'},
    {"repeat", required_argument, NULL, 'r'},
    {"json", required_argument, NULL, 'j'},
    {"csv", required_argument, NULL, 'c'},
    {"url", required_argument, NULL, 'u'},
    {"postgres", required_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static const char short_options[] = ":qo:w:r:j:c:u:p:hV";

void options_print_help(FILE *out)
{
    fputs(
        "Usage: thrum bench [OPTION...]\n"
        "\n"
        "Runs the same task functions on one executor after another and prints how long each\n"
        "took, beside the bound that no executor can beat and the figure of the Python guide.\n"
        "\n"
        "Rows:\n"
        "  story   50 API calls of 200 ms, one after another and at once\n"
        "  http    100 HTTP requests of 200 ms, to a server that is started for the purpose\n"
        "  file    100 file reads of 10 ms (the time that the disk does not take is slept)\n"
        "  cpu     100 sums of squares, calibrated to 100 ms each\n"
        "  db      50 database queries of 50 ms\n"
        "  mixed   50 HTTP requests of 200 ms and 50 sums of 100 ms\n"
        "\n"
        "Options:\n"
        "  -q, --quick         A tenth of every latency; the whole takes under 15 s.\n"
        "  -o, --only ROW      Run this row only; a list with commas, or given several times.\n"
        "  -w, --workers N     Workers of threads(N), tasks at a time of fibers(N); 4 by default.\n"
        "  -r, --repeat N      Measure each cell N times, in turn, and take the median.\n"
        "  -j, --json FILE     Write the results as JSON; - for standard output, then no table.\n"
        "  -c, --csv FILE      The same as CSV.\n"
        "  -u, --url URL       Fetch this page rather than one from a server of our own.\n"
        "  -p, --postgres URL  Query this PostgreSQL, with pg_sleep, rather than SQLite.\n"
        "  -h, --help          Show this text.\n"
        "  -V, --version       Show the version.\n"
        "\n"
        "Bounds, for W workers:\n"
        "  waits   ceil(N / W) x latency\n"
        "  cpu     the sequential column's processor time / min(W, cores); for that column itself\n"
        "          the calibrated time\n"
        "  mixed   the largest of both and of (waiting + computing) / W\n"
        "\n"
        "threads(best) takes all waits at once and a worker per core for the computing; so does\n"
        "fibers(best). Fibers run on a thread per core, however many they are.\n"
        "Ctrl-C stops and prints what is known so far. Exit status: 0; 1 if anything failed;\n"
        "2 for a wrong option; 128 + the signal's number if stopped.\n",
        out);
}

double options_scale(const struct bench_options *options)
{
    return options->quick ? 0.1 : 1.0;
}

/* Edit distance by Levenshtein's rule. Words longer than the table count as far away. */
static size_t word_distance(const char *a, const char *b)
{
    enum { LONGEST = 31 };
    size_t length_a = strlen(a), length_b = strlen(b), row[LONGEST + 1];
    if (length_a > LONGEST || length_b > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= length_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            size_t least = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < least)
                least = row[j] + 1;
            if (row[j - 1] + 1 < least)
                least = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = least;
        }
    }
    return row[length_b];
}

/* The long option nearest to `word`, or NULL if none is near. */
static const char *nearest_option(const char *word)
{
    const char *nearest = NULL;
    size_t least = 4;
    for (const struct option *o = long_options; o->name; o++) {
        size_t distance = word_distance(word, o->name);
        if (distance < least && distance < strlen(o->name)) {
            least = distance;
            nearest = o->name;
        }
    }
    return nearest;
}

__attribute__((format(printf, 3, 4))) static enum options_verdict wrong(char *message, size_t size,
                                                                        const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(message, size, format, list);
    va_end(list);
    return OPTIONS_WRONG;
}

/* Answers an option that getopt_long has refused; `word` is the argument that it has just read,
 * which for a letter may hold others, but optopt is then the letter itself. */
static enum options_verdict unknown_option(const char *word, char *message, size_t size)
{
    char name[64];
    bool is_long = strncmp(word, "--", 2) == 0;
    if (!is_long && optopt)
        return wrong(message, size, "unknown option '-%c'", optopt);
    snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
    name[strcspn(name, "=")] = '\0';
    if (is_long && optopt)
        return wrong(message, size, "--%s takes no value", name);
    const char *nearest = is_long ? nearest_option(name) : NULL;
    if (nearest)
        return wrong(message, size, "unknown option '%s'; did you mean --%s?", word, nearest);
    return wrong(message, size, "unknown option '%s'", word);
}

static enum options_verdict parse_count(const char *option, const char *text, int most,
                                        int *ret_count, char *message, size_t size)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < 1 || number > most)
        return wrong(message, size, "%s takes a number from 1 to %d, not '%s'", option, most, text);
    *ret_count = (int)number;
    return OPTIONS_RUN;
}

/* Adds the rows of a list with commas to `rows`. */
static enum options_verdict parse_rows(const char *list, uint32_t *rows, char *message, size_t size)
{
    while (true) {
        size_t length = strcspn(list, ",");
        int index = row_find(list, length);
        if (index < 0) {
            char names[128];
            row_names(names, sizeof names);
            return wrong(message, size, "--only: there is no row '%.*s'; the rows are %s",
                         (int)length, list, names);
        }
        *rows |= UINT32_C(1) << index;
        if (list[length] == '\0')
            return OPTIONS_RUN;
        list += length + 1;
    }
}

/* One option that getopt_long has recognised. */
static enum options_verdict take_option(int letter, struct bench_options *ret, char *message,
                                        size_t size)
{
    switch (letter) {
    case 'q':
        ret->quick = true;
        return OPTIONS_RUN;
    case 'o':
        return parse_rows(optarg, &ret->rows, message, size);
    case 'w':
        return parse_count("--workers", optarg, WORKERS_MAX, &ret->workers, message, size);
    case 'r':
        return parse_count("--repeat", optarg, REPEATS_MAX, &ret->repeats, message, size);
    case 'j':
        ret->json = optarg;
        return OPTIONS_RUN;
    case 'c':
        ret->csv = optarg;
        return OPTIONS_RUN;
    case 'u':
        ret->url = optarg;
        return OPTIONS_RUN;
    case 'p':
        ret->postgres = optarg;
        return OPTIONS_RUN;
    case 'h':
        return OPTIONS_HELP;
    case 'V':
        return OPTIONS_VERSION;
    default:
        return OPTIONS_WRONG;
    }
}

/* What each option allows by itself but not together, or not as it stands. */
static enum options_verdict check_whole(const struct bench_options *options, char *message,
                                        size_t size)
{
    if (options->json && options->csv && strcmp(options->json, "-") == 0 &&
        strcmp(options->csv, "-") == 0)
        return wrong(message, size, "--json and --csv cannot both go to standard output");
    if ((options->json && !*options->json) || (options->csv && !*options->csv))
        return wrong(message, size, "%s takes a file name, not an empty word",
                     options->json && !*options->json ? "--json" : "--csv");
    if (options->url && strncmp(options->url, "http://", 7) != 0 &&
        strncmp(options->url, "https://", 8) != 0)
        return wrong(message, size,
                     "--url takes an address that begins with http:// or https://, "
                     "not '%s'",
                     options->url);
    if (options->postgres && strncmp(options->postgres, "postgres://", 11) != 0 &&
        strncmp(options->postgres, "postgresql://", 13) != 0)
        return wrong(message, size,
                     "--postgres takes an address such as "
                     "postgresql://user@host/database, not '%s'",
                     options->postgres);
    return OPTIONS_RUN;
}

enum options_verdict options_parse(int argc, char **argv, struct bench_options *ret,
                                   char *ret_message, size_t message_size)
{
    *ret = (struct bench_options){.workers = 4, .repeats = 1};
    optind = 0; /* glibc: start afresh, so that the function may be called again */
    opterr = 0;
    while (true) {
        int letter = getopt_long(argc, argv, short_options, long_options, NULL);
        if (letter == -1)
            break;
        if (letter == '?')
            return unknown_option(argv[optind - 1], ret_message, message_size);
        if (letter == ':')
            return wrong(ret_message, message_size, "%s needs a value", argv[optind - 1]);
        enum options_verdict verdict = take_option(letter, ret, ret_message, message_size);
        if (verdict != OPTIONS_RUN)
            return verdict;
    }
    if (optind < argc)
        return wrong(ret_message, message_size,
                     "unexpected argument '%s'; rows are chosen by --only", argv[optind]);
    if (ret->rows == 0)
        ret->rows = (UINT32_C(1) << row_count()) - 1;
    return check_whole(ret, ret_message, message_size);
}
