/* The command line of `thrum bench`. Names of options are hyperfine's where it has them. */
#include "options.h"

#include "../command.h"

#include "measure/timed_command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define INTO(field) offsetof(struct bench_options, field)

enum { ROUNDS_MOST = 100000 };

static bool take_parameter(void *into, const char *value, char *message, size_t size)
{
    struct bench_options *options = into;
    size_t length = strcspn(value, "=");
    bool fine = length > 0 && value[length] == '=' && value[length + 1] &&
                options->parameter_count < PARAMETERS_MOST;
    for (size_t i = 0; fine && i < length; i++)
        fine = isalnum((unsigned char)value[i]) || value[i] == '_';
    if (!fine) {
        command_line_wrong(message, size,
                           "--parameter takes NAME=1..8 or NAME=a,b,c, at most %d times, not '%s'",
                           PARAMETERS_MOST, value);
        return false;
    }
    options->parameters[options->parameter_count++] =
        (struct parameter){.name = value, .name_length = (int)length, .values = value + length + 1};
    return true;
}

static bool take_name(void *into, const char *value, char *message, size_t size)
{
    struct bench_options *options = into;
    if (options->name_count == COMMANDS_MOST) {
        command_line_wrong(message, size, "--name: there are at most %d commands", COMMANDS_MOST);
        return false;
    }
    options->names[options->name_count++] = value;
    return true;
}

static bool take_condition(void *into, const char *value, char *message, size_t size)
{
    struct bench_options *options = into;
    options->conditional = condition_parse(value, &options->condition, message, size);
    return options->conditional;
}

static const struct option_row rows[] = {
    {'r', "rounds", "N", "Run each command N times.",
     "By default rounds go on, ten at least, until the ratios are known to one per cent, or the time of --most "
     "is over.",
     OPTION_COUNT, INTO(rounds), 1, ROUNDS_MOST},
    {'m', "most", "TIME", "Begin no round after TIME; 10 s for each command by default.", NULL,
     OPTION_SECONDS, INTO(most)},
    {'w', "warmup", "N", "Run each command N times first, without measuring; 1 by default.", NULL,
     OPTION_COUNT, INTO(warmup), 0, ROUNDS_MOST},
    {'p', "prepare", "COMMAND", "Run this before each run; it is not measured.", NULL, OPTION_TEXT,
     INTO(prepare), .completion = COMPLETE_COMMAND},
    {'s', "setup", "COMMAND", "Run this once for each command, before its first run.", NULL,
     OPTION_TEXT, INTO(setup), .completion = COMPLETE_COMMAND},
    {'e', "conclude", "COMMAND", "Run this once for each command, after its last run.", NULL,
     OPTION_TEXT, INTO(conclude), .completion = COMPLETE_COMMAND},
    {'P', "parameter", "NAME=VALUES",
     "Measure each command that contains {NAME} with each of the values: 1..8, or a,b,c.",
     "May be given up to four times. In --prepare, --setup and --conclude {NAME} is replaced, too.",
     OPTION_CUSTOM, .take = take_parameter},
    {'n', "name", "NAME", "What to call a command; the first is for the first command.", NULL,
     OPTION_CUSTOM, .take = take_name},
    {'f', "fail-if", "CONDITION", "End with status 3 if this is shown, as in 'ratio > 1.05'.",
     "ratio is the time of a command by that of the first, cpu-ratio the same of processor time; both are asked for "
     "all but the first. time, cpu and memory are asked for each command. < and > are possible. The condition must hold for the whole interval, so that "
     "chance alone seldom fails a build.",
     OPTION_CUSTOM, .take = take_condition},
    {'c', "confidence", "PERCENT", "How sure the intervals are; 99 by default.",
     "With 99, one comparison in a hundred of two equal commands shows a difference that is not there.",
     OPTION_COUNT, INTO(confidence), 50, 99},
    {'S', "shell", "WHEN",
     "Whether /bin/sh reads the commands: auto (the default), always or never.",
     "auto runs a command directly if nothing in it is special to a shell. A shell takes about 1 ms.",
     OPTION_CHOICE, INTO(shell), .choices = shell_uses, .completion = COMPLETE_CHOICES},
    {'i', "ignore-failure", NULL, "Measure commands whose exit status is not 0, too.", NULL,
     OPTION_FLAG, INTO(ignore_failure)},
    {'o', "show-output", NULL, "Show what the commands print.", NULL, OPTION_FLAG,
     INTO(show_output)},
    {'j', "json", "FILE", "Write all results as JSON, each run included; - is standard output.",
     "With - nothing else is printed there.", OPTION_TEXT, INTO(json), .completion = COMPLETE_FILE},
    {0, "csv", "FILE", "Write a line for each run as CSV.", NULL, OPTION_TEXT, INTO(csv),
     .completion = COMPLETE_FILE},
    {'q', "quiet", NULL, "Show no progress, and no warning about a busy machine.", NULL,
     OPTION_FLAG, INTO(quiet)},
    OPTION_ROWS_COMMON,
};

static const struct help_section sections[] = {
    {.title = "Verdicts",
     .text =
         "In each round all commands run once, in a random order, so whatever slows the machine slows all of "
         "them. A ratio is worked out from the runs of one round. The figure is the mean of the logarithms of "
         "these ratios, without the lowest and the highest fifth; its interval is found by the bootstrap. A command is "
         "called faster or slower only if the interval does not contain 1. Otherwise no difference is shown, "
         "and the interval says how large one could be."},
    {.title = "Columns",
     .text =
         "median: of the wall time, with its interval. CPU: the processor time of the command and its children, a median. "
         "memory: the most that one of its processes had, a median; small is less than thrum itself has, as the system counts "
         "no less for a process that thrum starts.",
     .manual_only = true},
    {0},
};

static const struct help_term examples[] = {
    {"thrum bench 'sort big' 'sort -S 1G big'", "Which is faster?"},
    {"thrum bench -P n=1..8 'make -j {n}' -p 'make clean'", "With each number of jobs."},
    {"thrum bench './old' './new' --fail-if 'ratio > 1.05'",
     "End with status 3 if new is slower by 5 %."},
    {"thrum bench --json new.json ./program && thrum report compare old.json new.json",
     "Against an earlier result."},
    {0},
};

const struct command_line bench_line = {
    .name = "bench",
    .summary = SUMMARY_bench,
    .title = "measure commands in turns and say which is faster",
    .usages = (const char *const[]){"[OPTION...] COMMAND...", NULL},
    .about =
        "Runs commands in turns, again and again, and compares their times. Each COMMAND is one word, so it is "
        "quoted. The first is what the others are compared with. Standard input of the commands is empty.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails =
        "A command could not be run or failed, or results could not be written. The status is 3 if "
        "the condition of --fail-if is shown.",
    .interrupted =
        "Ctrl-C, as well as SIGTERM, ends the rounds once the command that runs has ended, and prints what is "
        "known; a second one ends the command.",
    .operands = OPERANDS_ANY,
    .completion = COMPLETE_COMMAND,
};

static enum options_verdict check_whole(const struct bench_options *options, char *message,
                                        size_t size)
{
    if (options->command_count == 0)
        return command_line_wrong(
            message, size, "no command given; the table of executors is printed by 'thrum demo'");
    if (options->command_count > COMMANDS_MOST)
        return command_line_wrong(message, size, "%d commands are the most", COMMANDS_MOST);
    if (options->json && options->csv && strcmp(options->json, "-") == 0 &&
        strcmp(options->csv, "-") == 0)
        return command_line_wrong(message, size,
                                  "--json and --csv cannot both go to standard output");
    if ((options->json && !*options->json) || (options->csv && !*options->csv))
        return command_line_wrong(message, size, "%s takes a file name, not an empty word",
                                  options->json && !*options->json ? "--json" : "--csv");
    if (options->conditional && options->condition.field <= FIELD_CPU_RATIO &&
        options->command_count < 2 && options->parameter_count == 0)
        return command_line_wrong(message, size,
                                  "--fail-if: a ratio needs a second command to compare");
    return OPTIONS_RUN;
}

/* Options that were those of the table of executors until 0.1. */
static bool is_of_demo(const char *word)
{
    return strcmp(word, "--quick") == 0 || strncmp(word, "--only", 6) == 0 ||
           strncmp(word, "--repeat", 8) == 0 || strncmp(word, "--workers", 9) == 0;
}

enum options_verdict bench_options_parse(int argc, char **argv, struct bench_options *ret,
                                         char *message, size_t size)
{
    int first;
    *ret = (struct bench_options){.warmup = 1, .confidence = 99};
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_of_demo(argv[i]))
            return command_line_wrong(
                message, size,
                "%s is an option of 'thrum demo', which prints the table of executors", argv[i]);
    enum options_verdict verdict =
        command_line_parse(&bench_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    ret->commands = argv + first;
    ret->command_count = (size_t)(argc - first);
    return check_whole(ret, message, size);
}
