/* The command line of `thrum demo`. */
#include "options.h"

#include "../command.h"

#include "micro.h"
#include "rows.h"
#include "tune/sweep.h"

#include <string.h>

/* More is surely a slip: each worker of a pool is a thread of the system. */
enum { WORKERS_MAX = 10000, REPEATS_MAX = 1000, MICRO_ROUNDS_MAX = 101 };

/* Keeps a list. What its names mean depends on --micro, which may come later. */
static bool take_list(void *into, const char *list, char *message, size_t size)
{
    struct demo_options *options = into;
    if (options->only_count == ONLY_MOST) {
        command_line_wrong(message, size, "--only can be given %d times", ONLY_MOST);
        return false;
    }
    options->only[options->only_count++] = list;
    return true;
}

/* Adds the rows of a list with commas, or checks that there are such benchmarks. */
static enum options_verdict read_list(struct demo_options *options, const char *list, char *message,
                                      size_t size)
{
    while (true) {
        char names[128];
        size_t length = strcspn(list, ",");
        int index = options->micro ? micro_has(list, length) - 1 : row_find(list, length);
        if (index < 0 && options->micro) {
            micro_names(names, sizeof names);
            return command_line_wrong(message, size,
                                      "--only: there is no benchmark '%.*s'; there are %s",
                                      (int)length, list, names);
        }
        if (index < 0) {
            row_names(names, sizeof names);
            return command_line_wrong(message, size,
                                      "--only: there is no row '%.*s'; the rows are %s",
                                      (int)length, list, names);
        }
        if (!options->micro)
            options->rows |= UINT32_C(1) << index;
        if (list[length] == '\0')
            return OPTIONS_RUN;
        list += length + 1;
    }
}

const char *const sweep_executors[] = {"threads", "fibers", "processes", NULL};

static const char *const row_words[] = {"story", "http", "file", "cpu", "db", "mixed", NULL};

#define INTO(field) offsetof(struct demo_options, field)

static const struct option_row rows[] = {
    {'q', "quick", NULL, "Divide every latency by ten; all rows take less than 15 s.", NULL,
     OPTION_FLAG, INTO(quick)},
    {'o', "only", "ROW", "Run this row only; a list with commas, or given several times.", NULL,
     OPTION_CUSTOM, .choices = row_words, .completion = COMPLETE_CHOICES, .take = take_list},
    {'w', "workers", "N",
     "Workers of threads(N) and processes(N), tasks at a time of fibers(N); 4 by default.", NULL,
     OPTION_COUNT, INTO(workers), 1, WORKERS_MAX},
    {'r', "repeat", "N", "Measure each cell N times, in turn, and take the median.", NULL,
     OPTION_COUNT, INTO(repeats), 1, REPEATS_MAX},
    {'j', "json", "FILE", "Write the results as JSON; - for standard output, then no table.", NULL,
     OPTION_TEXT, INTO(json), .completion = COMPLETE_FILE},
    {'c', "csv", "FILE", "The same as CSV.", NULL, OPTION_TEXT, INTO(csv),
     .completion = COMPLETE_FILE},
    {0, "sweep", "LIST", "Find out how many workers a row should have: 1..64, or 1,2,4,8.",
     "With --only for the row, and --executor. The method is that of thrum tune; --repeat is the number of rounds, 5 by "
     "default.",
     OPTION_TEXT, INTO(sweep)},
    {0, "executor", "KIND", "The executor of --sweep: threads (the default), fibers or processes.",
     NULL, OPTION_CHOICE, INTO(executor), .choices = sweep_executors,
     .completion = COMPLETE_CHOICES},
    {0, "peer", "PYTHON", "Run the same rows in this Python, such as python3, in turns with ours.",
     "It uses threading, multiprocessing and asyncio of its standard library. A row of the table has its times.",
     OPTION_TEXT, INTO(peer), .completion = COMPLETE_COMMAND},
    {0, "micro", NULL, "Measure single operations, such as a lock, beside their peers.",
     "The rows of ./dev bench; --only takes lock, queue, fiber and so on, --repeat the rounds, 7 by default. A peer that is "
     "not there is left out.",
     OPTION_FLAG, INTO(micro)},
    {0, "svg", "FILE", "Draw the times as bars, each beside its bound.", NULL, OPTION_TEXT,
     INTO(svg), .completion = COMPLETE_FILE},
    {'u', "url", "URL", "Fetch this page, not one from the built-in server.",
     "Its latency is measured by the sequential column.", OPTION_TEXT, INTO(url)},
    {'p', "postgres", "URL", "Query this PostgreSQL, with pg_sleep, not SQLite.",
     "It must allow 50 connections.", OPTION_TEXT, INTO(postgres)},
    {0, "nats", "URL",
     "Add the column cluster(N), on this NATS server; auto starts a server of its own.",
     "Its two workers are processes of this machine. They work for the pool \"demo\", whose streams stay on the server.",
     OPTION_TEXT, INTO(nats)},
    {0, "lose-worker", NULL, "Kill one of the two workers of cluster(N) in the middle of each row.",
     "What it held runs on the other worker a second later. All tasks must end.", OPTION_FLAG,
     INTO(lose_worker)},
    OPTION_ROWS_COMMON,
};

static const struct help_term row_terms[] = {
    {"story", "50 API calls of 200 ms, one after another and at once"},
    {"http", "100 HTTP requests of 200 ms, to a server that is started for the purpose"},
    {"file", "100 file reads of 10 ms; a read that ends sooner sleeps for the rest"},
    {"cpu", "100 sums of squares, calibrated to 100 ms each"},
    {"db", "50 database queries of 50 ms"},
    {"mixed", "50 HTTP requests of 200 ms and 50 sums of 100 ms"},
    {0},
};

static const struct help_term column_terms[] = {
    {"sequential", "Runs one task at a time in the caller."},
    {"threads(N)", "A pool of N threads."},
    {"threads(best)", "A pool that takes all waits at once and has a worker per core for the "
                      "computing."},
    {"fibers(N)", "N tasks at a time as fibers, on at most one thread per core."},
    {"fibers(best)", "All tasks at once as fibers."},
    {"processes(N)", "A pool of N processes; their start counts."},
    {"cluster(N)",
     "With --nats: two workers with N processes, through a NATS server. Their start does not count."},
    {0},
};

static const struct help_term bound_terms[] = {
    {"waits", "ceil(N / W) x latency"},
    {"cpu", "the sequential column's processor time / min(W, cores); for that column itself the "
            "calibrated time"},
    {"mixed", "the largest of both and of (waiting + computing) / W"},
    {0},
};

static const struct help_section sections[] = {
    {.title = "Rows", .terms = row_terms},
    {.title = "Columns", .terms = column_terms},
    {.title = "Bounds, for W workers", .terms = bound_terms},
    {0},
};

static const struct help_term examples[] = {
    {"thrum demo --quick", "The whole, in a tenth of the time."},
    {"thrum demo --only http --workers 16 --repeat 5 --json -",
     "Requests with 16 workers, five times, for a program to read."},
    {0},
};

static const struct help_term environment[] = {
    {"TMPDIR", "Where the directory for files and database is made; /tmp by default."},
    {0},
};

const struct command_line demo_line = {
    .name = "demo",
    .summary = SUMMARY_demo,
    .title = "run tasks on one executor after another and compare",
    .usages = (const char *const[]){"[OPTION...]", NULL},
    .about = "Runs the same task functions on one executor after another and prints how long each "
             "took, beside the bound that no executor can beat, the ratio of the two, and the "
             "figure of the Python guide. A progress bar is drawn on standard error if that is a "
             "terminal; otherwise each cell gives a line there.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .environment = environment,
    .fails = "Something failed: a server could not be reached, a task failed, a report could not "
             "be written.",
    .interrupted = "Ctrl-C, as well as SIGTERM and SIGHUP, stops and prints what is known so far; "
                   "nothing is left behind. A second one ends it at once.",
    .operands = OPERANDS_NONE,
    .operand_hint = "rows are chosen by --only",
};

double options_scale(const struct demo_options *options)
{
    return options->quick ? 0.1 : 1.0;
}

/* What each option allows by itself but not together, or not as it stands. */
static enum options_verdict check_whole(const struct demo_options *options, char *message,
                                        size_t size)
{
    if (options->lose_worker && !options->nats)
        return command_line_wrong(message, size, "--lose-worker needs --nats");
    if (options->lose_worker && options->workers < 2)
        return command_line_wrong(message, size, "--lose-worker needs --workers 2 or more");
    if (options->nats && (!*options->nats || options->peer))
        return command_line_wrong(message, size,
                                  options->peer ? "--nats has no --peer"
                                                : "--nats takes a URL or auto, not an empty word");
    if (options->peer && (!*options->peer || options->url || options->postgres))
        return command_line_wrong(message, size,
                                  *options->peer ? "--peer has no --url and no --postgres"
                                                 : "--peer takes a program, not an empty word");
    const char *const files[] = {options->json, options->csv, options->svg};
    static const char *const names[] = {"--json", "--csv", "--svg"};
    const char *standard = NULL;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i] && !*files[i])
            return command_line_wrong(message, size, "%s takes a file name, not an empty word",
                                      names[i]);
        if (!files[i] || strcmp(files[i], "-") != 0)
            continue;
        if (standard)
            return command_line_wrong(message, size, "%s and %s cannot both go to standard output",
                                      standard, names[i]);
        standard = names[i];
    }
    if (options->url && strncmp(options->url, "http://", 7) != 0 &&
        strncmp(options->url, "https://", 8) != 0)
        return command_line_wrong(message, size,
                                  "--url takes an address that begins with http:// or https://, "
                                  "not '%s'",
                                  options->url);
    if (options->postgres && strncmp(options->postgres, "postgres://", 11) != 0 &&
        strncmp(options->postgres, "postgresql://", 13) != 0)
        return command_line_wrong(message, size,
                                  "--postgres takes an address such as "
                                  "postgresql://user@host/database, not '%s'",
                                  options->postgres);
    return OPTIONS_RUN;
}

/* What --sweep needs and excludes. */
static enum options_verdict check_sweep(const struct demo_options *options, char *message,
                                        size_t size)
{
    struct sweep sweep = {0};
    if (!options->sweep)
        return OPTIONS_RUN;
    if (!sweep_parse(&sweep, options->sweep))
        return command_line_wrong(
            message, size,
            "--sweep takes a range such as 1..64 or a list such as 1,2,4,8, not '%s'",
            options->sweep);
    if (options->rows == 0 || (options->rows & (options->rows - 1)) != 0)
        return command_line_wrong(message, size,
                                  "--sweep needs one row: --only http, for instance");
    const char *other = options->peer ? "--peer" : options->nats ? "--nats" : NULL;
    return other ? command_line_wrong(message, size, "--sweep has no %s", other) : OPTIONS_RUN;
}

/* What --micro excludes. */
static enum options_verdict check_micro(const struct demo_options *options, char *message,
                                        size_t size)
{
    const char *other = options->sweep      ? "--sweep"
                        : options->peer     ? "--peer"
                        : options->svg      ? "--svg"
                        : options->csv      ? "--csv"
                        : options->url      ? "--url"
                        : options->postgres ? "--postgres"
                        : options->nats     ? "--nats"
                                            : NULL;
    if (other)
        return command_line_wrong(message, size, "--micro has no %s", other);
    if (options->repeats > MICRO_ROUNDS_MAX)
        return command_line_wrong(message, size, "--micro takes --repeat up to %d",
                                  MICRO_ROUNDS_MAX);
    if (options->json && (!*options->json || strcmp(options->json, "-") == 0))
        return command_line_wrong(message, size, "--micro takes a file for --json");
    return OPTIONS_RUN;
}

enum options_verdict demo_options_parse(int argc, char **argv, struct demo_options *ret,
                                        char *ret_message, size_t message_size)
{
    int first;
    *ret = (struct demo_options){.workers = 4, .repeats = 1};
    enum options_verdict verdict =
        command_line_parse(&demo_line, argc, argv, ret, &first, ret_message, message_size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    for (int i = 0; i < ret->only_count && verdict == OPTIONS_RUN; i++)
        verdict = read_list(ret, ret->only[i], ret_message, message_size);
    if (verdict == OPTIONS_RUN && ret->micro)
        return check_micro(ret, ret_message, message_size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    verdict = check_sweep(ret, ret_message, message_size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    if (ret->rows == 0)
        ret->rows = (UINT32_C(1) << row_count()) - 1;
    return check_whole(ret, ret_message, message_size);
}
