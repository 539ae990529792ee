/* The command line of `thrum tune`. */
#include "options.h"

#include "../command.h"

#include "sweep.h"

#include <string.h>

#define INTO(field) offsetof(struct tune_options, field)

enum { ROUNDS_MOST = 10000, ROUNDS_USUAL = 7 };

static const struct option_row rows[] = {
    {'w', "workers", "LIST", "The numbers to try: 1..64, or 1,2,4,8; 1..16 by default.",
     "Of a range with more than twelve numbers twelve are tried, spread by factors, and then those next to the "
     "best. The best may be any number of the range. Of a list, only its numbers are tried.",
     OPTION_TEXT, INTO(workers)},
    {'r', "rounds", "N", "Measure each number N times; 7 by default.", NULL, OPTION_COUNT,
     INTO(rounds), 1, ROUNDS_MOST},
    {'m', "most", "TIME", "Begin no round after TIME, once there are three.", NULL, OPTION_SECONDS,
     INTO(most)},
    {0, "warmup", "N", "Run the command N times first, without measuring; 1 by default.",
     "With the smallest number of workers.", OPTION_COUNT, INTO(warmup), 0, ROUNDS_MOST},
    {'p', "prepare", "COMMAND", "Run this before each run; it is not measured.", NULL, OPTION_TEXT,
     INTO(prepare), .completion = COMPLETE_COMMAND},
    {'i', "ignore-failure", NULL, "Measure runs whose exit status is not 0, too.", NULL,
     OPTION_FLAG, INTO(ignore_failure)},
    {'o', "show-output", NULL, "Show what the command prints.", NULL, OPTION_FLAG,
     INTO(show_output)},
    {'j', "json", "FILE", "Write all results as JSON, each run included; - is standard output.",
     "With - nothing else is printed there.", OPTION_TEXT, INTO(json), .completion = COMPLETE_FILE},
    {0, "csv", "FILE", "Write a line for each run as CSV.", NULL, OPTION_TEXT, INTO(csv),
     .completion = COMPLETE_FILE},
    {0, "svg", "FILE", "Draw the times, the law and the best number.", NULL, OPTION_TEXT, INTO(svg),
     .completion = COMPLETE_FILE},
    {'q', "quiet", NULL, "Show no progress, and no warning about a busy machine.", NULL,
     OPTION_FLAG, INTO(quiet)},
    OPTION_ROWS_COMMON,
};

static const struct help_term cause_terms[] = {
    {"waiting", "each further worker still gains"},
    {"cores", "they are busy; more workers would take turns"},
    {"contention", "a lock, or a server that serves few at a time; the cores are not busy"},
    {"coherence", "workers disturb each other: more of them are slower"},
    {0},
};

static const struct help_section sections[] = {
    {.title = "The best number",
     .text =
         "The fewest workers whose time is within 1 % of the least, by the law that fits the times best, with an "
         "interval. If the interval is wide, or no law fits, the answer is that it cannot be told."},
    {.title = "What limits it", .terms = cause_terms},
    {.title = "Laws",
     .text =
         "T(N) = a / N; the same with a least time, which is Goetz's cores x (1 + wait / compute); and the Universal "
         "Scalability Law, a (1 + s (N - 1) + k N (N - 1)) / N. A law with more numbers must earn them.",
     .manual_only = true},
    {0},
};

static const struct help_term examples[] = {
    {"thrum tune -w 1..16 -- make -j {workers} -B", "How many jobs?"},
    {"thrum tune -w 1..200 -- thrum fetch -q -j {workers} --per-host 200 -i urls.txt",
     "How many requests at a time?"},
    {"thrum tune --svg curve.svg './server-test --threads {workers}'", "With a picture."},
    {0},
};

const struct command_line tune_line = {
    .name = "tune",
    .summary = SUMMARY_tune,
    .title = "find out how many workers a command should have",
    .usages = (const char *const[]){"[OPTION...] [--] COMMAND [ARGUMENT...]", NULL},
    .about =
        "Runs a command with different numbers of workers, in turns, and says with how many it is fastest, how sure "
        "that is, and what limits it. {workers} in COMMAND stands for the number. The command must do the "
        "same work each time. A COMMAND of one word with blanks is a command line.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails = "The command could not be run or failed, or results could not be written.",
    .interrupted =
        "Ctrl-C, as well as SIGTERM, ends the rounds once the command that runs has ended, and prints what is "
        "known; a second one ends the command.",
    .operands = OPERANDS_COMMAND,
    .completion = COMPLETE_COMMAND,
};

bool tune_has_workers(const char *text)
{
    return strstr(text, "{workers}") != NULL;
}

enum options_verdict tune_options_parse(int argc, char **argv, struct tune_options *ret,
                                        char *message, size_t size)
{
    int first, standard = 0;
    struct sweep sweep = {0};
    *ret = (struct tune_options){.workers = "1..16", .rounds = ROUNDS_USUAL, .warmup = 1};
    enum options_verdict verdict =
        command_line_parse(&tune_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    ret->words = argv + first;
    ret->word_count = argc - first;
    if (!sweep_parse(&sweep, ret->workers))
        return command_line_wrong(
            message, size,
            "--workers takes a range such as 1..64 or a list such as 1,2,4,8, not '%s'",
            ret->workers);
    if (ret->word_count == 0)
        return command_line_wrong(message, size, "no command given");
    bool found = false;
    for (int i = 0; i < ret->word_count; i++)
        found |= tune_has_workers(ret->words[i]);
    if (!found)
        return command_line_wrong(
            message, size, "the command has no {workers}, which stands for the number to try");
    const char *const files[] = {ret->json, ret->csv, ret->svg};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        standard += files[i] && strcmp(files[i], "-") == 0;
    if (standard > 1)
        return command_line_wrong(message, size,
                                  "only one of --json, --csv and --svg can go to standard output");
    return OPTIONS_RUN;
}
