/* The command line of `thrum every`. */
#include "options.h"

#include <limits.h>
#include <string.h>

#define INTO(field) offsetof(struct every_options, field)

static const char *const overlaps[] = {"skip", "queue", "kill", NULL};

static const struct option_row rows[] = {
    {'a', "align", NULL, "Start at multiples of the period on the wall clock.",
     "With 1h that is each full hour, in UTC. A wall clock that is set moves the starts.",
     OPTION_FLAG, INTO(align)},
    {'j', "jitter", "TIME", "Start each up to TIME later, at random.",
     "For many machines that would otherwise ask one server at the same moment.", OPTION_SECONDS,
     INTO(jitter)},
    {'o', "on-overlap", "WHAT",
     "If the command still runs when it is due: skip (the default), queue or kill.",
     "skip leaves that start out and keeps the beat; queue makes up for it, back to back; kill ends "
     "the one that runs, with all of its process group, by SIGTERM and two seconds later by SIGKILL.",
     OPTION_CHOICE, INTO(overlap), .choices = overlaps, .completion = COMPLETE_CHOICES},
    {'n', "times", "N", "End after N runs.", NULL, OPTION_COUNT, INTO(times), 1, INT_MAX},
    {'s', "until-success", NULL, "End once a run has exit status 0.", NULL, OPTION_FLAG,
     INTO(until_success)},
    {'i', "stdin", NULL, "Let the command read standard input, and have the terminal.",
     "Otherwise it reads nothing. While it has the terminal, Ctrl-C goes to the command; if that "
     "ends the command, no further one is started.",
     OPTION_FLAG, INTO(input)},
    {'q', "quiet", NULL, "Say nothing of runs that fail or are left out.", NULL, OPTION_FLAG,
     INTO(quiet)},
    OPTION_ROWS_COMMON,
};

static const struct help_section sections[] = {
    {.title = "Time",
     .text = "TIME is a number with one of the units us, ms, s (the default), m, h and d. Starts "
             "are counted from the first, on a clock that nobody sets, so they do not drift, "
             "however long the command takes."},
    {0},
};

static const struct help_term examples[] = {
    {"thrum every 2s -- df -h /", "Every two seconds."},
    {"thrum every 1h --align -- ./backup.sh", "At each full hour."},
    {"thrum every 500ms --until-success --times 60 -- curl -fsS http://localhost:8080/ready",
     "Until a server is ready, for half a minute."},
    {0},
};

const struct command_line every_line = {
    .name = "every",
    .summary = "Run a command again and again, without drift.",
    .title = "run a command again and again, without drift",
    .usages = (const char *const[]){"TIME [OPTION...] [--] COMMAND [ARGUMENT...]", NULL},
    .about =
        "Runs a command, at once and then each TIME. It runs in a process group of its own and "
        "reads nothing from standard input.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails = "The last run failed, or the command could not be started.",
    .interrupted =
        "Ctrl-C, as well as SIGTERM and SIGHUP, ends it once the command that runs has "
        "ended; a second one ends that, with all of its process group; a third kills it.",
    .operands = OPERANDS_COMMAND,
    .completion = COMPLETE_COMMAND,
};

/* The period may stand before the options or after them. */
enum options_verdict every_options_parse(int argc, char **argv, struct every_options *ret,
                                         char *message, size_t size)
{
    int first = 0, skipped = 0;
    *ret = (struct every_options){0};
    if (argc > 1 && duration_parse(argv[1], &ret->period))
        skipped = 1;
    enum options_verdict verdict =
        command_line_parse(&every_line, argc - skipped, argv + skipped, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    first += skipped;
    if (!skipped) {
        if (first == argc)
            return command_line_wrong(message, size, "no time and no command given");
        if (!duration_parse(argv[first], &ret->period))
            return command_line_wrong(message, size, "a time such as 2s, 500ms or 1.5m, not '%s'",
                                      argv[first]);
        first++;
        if (first < argc && strcmp(argv[first], "--") == 0)
            first++;
    }
    if (first >= argc)
        return command_line_wrong(message, size, "no command given");
    ret->words = argv + first;
    return OPTIONS_RUN;
}
