/* The command line of `thrum run`. */
#include "options.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define INTO(field) offsetof(struct run_options, field)

enum { JOBS_MAX = 4096, RETRIES_MAX = 1000000 };

/* "soon", "now", each perhaps with ",fail=N". */
static bool take_halt(void *into, const char *value, char *message, size_t size)
{
    struct run_options *options = into;
    size_t length = strcspn(value, ",");
    char *end = NULL;
    long failures = 1;
    if (strncmp(value + length, ",fail=", 6) == 0)
        failures = strtol(value + length + 6, &end, 10);
    bool sound = value[length] == '\0' || (end && *end == '\0' && end > value + length + 6);
    bool soon = length == 4 && strncmp(value, "soon", length) == 0;
    bool now = length == 3 && strncmp(value, "now", length) == 0;
    if (!sound || failures < 1 || failures > INT_MAX || !(soon || now)) {
        command_line_wrong(message, size,
                           "--halt takes soon or now, perhaps with ,fail=N, not '%s'", value);
        return false;
    }
    options->halt = soon ? HALT_SOON : HALT_NOW;
    options->halt_failures = (int)failures;
    return true;
}

static const char *const halts[] = {"soon", "now", "soon,fail=1", "now,fail=1", NULL};

static const struct option_row rows[] = {
    {'j', "jobs", "N", "Jobs at a time; as many as there are processors by default.", NULL,
     OPTION_COUNT, INTO(jobs), 1, JOBS_MAX},
    {'k', "keep-order", NULL, "Print the output of jobs in the order of their arguments.",
     "Without it, as they end.", OPTION_FLAG, INTO(keep_order)},
    {'r', "retries", "N", "Run a job that fails again, up to N times.",
     "Only the output of the last attempt is printed.", OPTION_COUNT, INTO(retries), 0,
     RETRIES_MAX},
    {'t', "timeout", "TIME", "End an attempt that takes longer; it has then failed.",
     "Its process group is sent SIGTERM, and SIGKILL two seconds later. TIME is a number with one of "
     "the units us, ms, s (the default), m, h and d.",
     OPTION_SECONDS, INTO(timeout)},
    {'l', "joblog", "FILE", "Write a line for each job that has ended.",
     "The columns are those of GNU parallel: Seq, Host, Starttime, JobRuntime, Send, Receive, "
     "Exitval, Signal, Command. In the command, backslash, tab and newline are escaped.",
     OPTION_TEXT, INTO(log), .completion = COMPLETE_FILE},
    {0, "resume", NULL, "Leave out jobs that have succeeded according to --joblog.",
     "What the log says counts only if number and command are the same. New lines are added to it.",
     OPTION_FLAG, INTO(resume)},
    {0, "halt", "WHEN",
     "After a failure start no further jobs (soon), or also end the others (now).",
     "With ,fail=N after N failures.", OPTION_CUSTOM, .choices = halts,
     .completion = COMPLETE_CHOICES, .take = take_halt},
    {'0', "null", NULL, "Arguments on standard input end with a NUL, not a newline.", NULL,
     OPTION_FLAG, INTO(zero)},
    {'q', "quiet", NULL, "Show no progress and no summary.", NULL, OPTION_FLAG, INTO(quiet)},
    {0, "progress", NULL, "Show progress also where standard error is no terminal, as lines.", NULL,
     OPTION_FLAG, INTO(progress)},
    OPTION_ROWS_COMMON,
};

static const struct help_term placeholders[] = {
    {"{}", "the argument; without any placeholder it comes last"},
    {"{#}", "the number of the job, from 1"},
    {0},
};

static const struct help_section sections[] = {
    {.title = "In COMMAND",
     .terms = placeholders,
     .text = "No shell is involved: an argument stays one word, whatever is in it. What needs a "
             "shell is run by sh -c '...' sh {}."},
    {0},
};

static const struct help_term examples[] = {
    {"ls *.wav | thrum run -- flac --silent {}", "One job for each line, on all processors."},
    {"thrum run -j 8 -k --retries 3 --timeout 30s -- curl -fsS {} ::: $URLS",
     "Eight at a time, output in order."},
    {"thrum run --joblog log --resume -- ./convert {} < list",
     "To be run again after an interruption: what has succeeded is not done twice."},
    {0},
};

const struct command_line run_line = {
    .name = "run",
    .summary = "Run a command for each of many arguments, several at a time.",
    .title = "run a command for each of many arguments, several at a time",
    .usages = (const char *const[]){"[OPTION...] [--] COMMAND [WORD...] < ARGUMENTS",
                                    "[OPTION...] [--] COMMAND [WORD...] ::: ARGUMENT...", NULL},
    .about = "Runs a command for each line of standard input, or for each word after :::. Each job "
             "runs in a process group of its own and reads nothing from standard input; its output "
             "is printed whole once it has ended.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .environment =
        (const struct help_term[]){{"TMPDIR", "Where output is kept until it is printed; "
                                              "/tmp by default."},
                                   {0}},
    .fails = "A job failed or could not be run.",
    .interrupted =
        "Ctrl-C, as well as SIGTERM and SIGHUP, starts no further jobs and waits for those "
        "that run; a second one ends them, with all of their process groups, by SIGTERM "
        "and two seconds later by SIGKILL; a third kills them at once.",
    .operands = OPERANDS_COMMAND,
    .completion = COMPLETE_COMMAND,
};

enum options_verdict run_options_parse(int argc, char **argv, struct run_options *ret,
                                       char *message, size_t size)
{
    int first;
    *ret = (struct run_options){0};
    enum options_verdict verdict =
        command_line_parse(&run_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    ret->words = argv + first;
    for (int i = first; i < argc && !ret->arguments; i++) {
        if (strcmp(argv[i], ":::") == 0)
            ret->arguments = argv + i + 1;
        else
            ret->word_count++;
    }
    if (ret->word_count == 0)
        return command_line_wrong(message, size, "no command given");
    if (ret->resume && !ret->log)
        return command_line_wrong(message, size, "--resume needs --joblog, to know what was done");
    if (ret->log && !*ret->log)
        return command_line_wrong(message, size, "--joblog takes a file name, not an empty word");
    if (ret->quiet && ret->progress)
        return command_line_wrong(message, size, "--quiet and --progress contradict each other");
    return OPTIONS_RUN;
}
