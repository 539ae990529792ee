/* The command line of `thrum report`. */
#include "options.h"

#include "../command.h"

#include <string.h>

#define INTO(field) offsetof(struct report_options, field)

static bool take_condition(void *into, const char *value, char *message, size_t size)
{
    struct report_options *options = into;
    options->conditional = condition_parse(value, &options->condition, message, size);
    if (!options->conditional || options->condition.field == FIELD_RATIO)
        return options->conditional;
    command_line_wrong(message, size,
                       "--fail-if: only the ratio can be asked for, as in 'ratio > 1.05'");
    return false;
}

static const struct option_row rows[] = {
    {'o', "output", "FILE", "Where the page goes; standard output by default.", NULL, OPTION_TEXT,
     INTO(output), .completion = COMPLETE_FILE},
    {'c', "confidence", "PERCENT", "How sure the intervals of compare are; 99 by default.", NULL,
     OPTION_COUNT, INTO(confidence), 50, 99},
    {'f', "fail-if", "CONDITION",
     "With compare: end with status 3 if this is shown, as in 'ratio > 1.05'.",
     "The ratio is new / old. The condition must hold for the whole interval of a line.",
     OPTION_CUSTOM, .take = take_condition},
    {'s', "serve", NULL, "Show the page to browsers of this machine, until Ctrl-C.",
     "It follows the file: thrum demo, bench and tune write theirs while they measure.",
     OPTION_FLAG, INTO(serve)},
    {0, "port", "N", "The port of --serve; any that is free by default.", NULL, OPTION_COUNT,
     INTO(port), 1, 65535},
    OPTION_ROWS_COMMON,
};

static const struct help_section sections[] = {
    {.title = "Comparison",
     .text =
         "Each cell of the table, command or number of workers that both files have gives a line: new by old, with an "
         "interval found by the bootstrap. It is faster or slower only if the interval does not contain 1. That needs "
         "five samples in each file (--repeat or --rounds)."},
    {.title = "Page",
     .text =
         "One file that needs no network: a table, bars with their bounds, curves with the law and the best number, "
         "all samples, and an explorer in which columns are dragged to axes.",
     .manual_only = true},
    {.title = "Serving",
     .text =
         "The server listens at 127.0.0.1 only, and answers only requests that name it so in their Host field.",
     .manual_only = true},
    {0},
};

static const struct help_term examples[] = {
    {"thrum demo --json results.json && thrum report results.json -o report.html",
     "A page for a browser."},
    {"thrum report --serve results.json", "A page that follows a measurement which still runs."},
    {"thrum report compare old.json new.json", "What has changed?"},
    {"thrum report compare old.json new.json --fail-if 'ratio > 1.05'", "For a build."},
    {0},
};

const struct command_line report_line = {
    .name = "report",
    .summary = SUMMARY_report,
    .title = "compare results of thrum demo, bench and tune, or make a page of them",
    .usages = (const char *const[]){"[OPTION...] compare OLD NEW", "[OPTION...] RESULTS",
                                    "--serve [OPTION...] RESULTS", NULL},
    .about =
        "Reads files that thrum demo, bench and tune write with --json. With compare it says what is faster or slower "
        "in the second; otherwise it makes a page for a browser.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails =
        "A file could not be read or written, or the files have nothing in common. The status is 3 if the condition "
        "of --fail-if is shown.",
    .interrupted = "Ctrl-C, as well as SIGTERM, ends it.",
    .operands = OPERANDS_ANY,
    .completion = COMPLETE_FILE,
};

enum options_verdict report_options_parse(int argc, char **argv, struct report_options *ret,
                                          char *message, size_t size)
{
    int first;
    *ret = (struct report_options){.confidence = 99};
    enum options_verdict verdict =
        command_line_parse(&report_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    int count = argc - first;
    if (count >= 1 && strcmp(argv[first], "compare") == 0) {
        if (count != 3)
            return command_line_wrong(message, size,
                                      "compare takes two files of results: OLD and NEW");
        if (ret->output)
            return command_line_wrong(message, size, "--output is for a page; compare prints");
        if (ret->serve)
            return command_line_wrong(message, size, "--serve is for a page; compare prints");
        ret->old = argv[first + 1];
        ret->new = argv[first + 2];
        return OPTIONS_RUN;
    }
    if (count != 1)
        return command_line_wrong(message, size, "give a file of results, or compare OLD NEW");
    if (ret->conditional)
        return command_line_wrong(message, size, "--fail-if is for compare");
    if (ret->serve && ret->output)
        return command_line_wrong(message, size, "--serve has no --output");
    if (ret->serve && strcmp(argv[first], "-") == 0)
        return command_line_wrong(message, size,
                                  "--serve reads a file again and again, not standard input");
    if (ret->port && !ret->serve)
        return command_line_wrong(message, size, "--port is for --serve");
    ret->results = argv[first];
    return OPTIONS_RUN;
}
