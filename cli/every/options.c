/* The command line of `thrum every`. */
#include "options.h"

#include "../command.h"

#include <limits.h>
#include <string.h>

#define INTO(field) offsetof(struct every_options, field)

static const char *const overlaps[] = {"skip", "queue", "kill", NULL};

/* A period longer than any run of the program. */
static const double endless = 1e12;

static bool take_changed(void *into, const char *value, char *message, size_t size)
{
    struct every_options *options = into;
    if (options->changed_count == CHANGED_PATHS_MOST || !*value) {
        command_line_wrong(message, size, "--on-change takes a path, at most %d times",
                           CHANGED_PATHS_MOST);
        return false;
    }
    options->changed[options->changed_count++] = value;
    return true;
}

static const struct option_row rows[] = {
    {'c', "on-change", "PATH", "Run when PATH, or anything below it, changes; may be repeated.",
     "TIME may then be omitted. Changes within 50 ms of each other are one change. Changes while the "
     "command runs follow --on-overlap: skip ignores them, so the command may write "
     "below PATH; queue runs the command once more; kill ends the run and starts another.",
     OPTION_CUSTOM, .completion = COMPLETE_FILE, .take = take_changed},
    {'w', "screen", NULL, "Show the output on the whole screen, and mark what has changed.",
     "Output beyond the size of the window is not shown. Control characters are dropped.",
     OPTION_FLAG, INTO(screen)},
    {'a', "align", NULL, "Start at multiples of the period on the wall clock.",
     "With 1h that is each full hour, in UTC. If the wall clock is set, the starts follow it.",
     OPTION_FLAG, INTO(align)},
    {'j', "jitter", "TIME", "Delay each start by a random time up to TIME.",
     "Many machines then do not use one server at the same moment.", OPTION_SECONDS, INTO(jitter)},
    {'o', "on-overlap", "WHAT",
     "If the command still runs when it is due: skip (the default), queue or kill.",
     "skip skips that start and keeps the schedule; queue starts it when the command has ended; kill ends "
     "the running command and all processes that it has started, by SIGTERM and two seconds later by SIGKILL.",
     OPTION_CHOICE, INTO(overlap), .choices = overlaps, .completion = COMPLETE_CHOICES},
    {'n', "times", "N", "End after N runs.", NULL, OPTION_COUNT, INTO(times), 1, INT_MAX},
    {'s', "until-success", NULL, "End once a run has exit status 0.", NULL, OPTION_FLAG,
     INTO(until_success)},
    {'i', "stdin", NULL, "Let the command read standard input, and have the terminal.",
     "Otherwise its standard input is empty. While it has the terminal, Ctrl-C goes to the command; if "
     "Ctrl-C ends the command, thrum every ends, too.",
     OPTION_FLAG, INTO(input)},
    {'q', "quiet", NULL, "Print no message about failed or skipped runs, and no summary.", NULL,
     OPTION_FLAG, INTO(quiet)},
    OPTION_ROWS_COMMON,
};

static const struct help_section sections[] = {
    {.title = "Time",
     .text =
         "TIME is a number with one of the units us, ms, s (the default), m, h and d. Each start is "
         "a multiple of TIME after the first, on the monotonic clock. So starts do not drift, "
         "however long the command takes."},
    {0},
};

static const struct help_term examples[] = {
    {"thrum every 2s -- df -h /", "Run every two seconds."},
    {"thrum every 1h --align -- ./backup.sh", "Run at each full hour."},
    {"thrum every --on-change src -- make", "Run after each change of a file below src."},
    {"thrum every 1s --screen -- ip -s link", "Show the whole screen, with changes marked."},
    {"thrum every 500ms --until-success --times 60 -- curl -fsS http://localhost:8080/ready",
     "Wait until a server is ready, for half a minute."},
    {0},
};

const struct command_line every_line = {
    .name = "every",
    .summary = SUMMARY_every,
    .title = "run a command again and again, without drift",
    .usages =
        (const char *const[]){"TIME [OPTION...] [--] COMMAND [ARGUMENT...]",
                              "--on-change PATH [OPTION...] [--] COMMAND [ARGUMENT...]", NULL},
    .about =
        "Runs a command at once and then each TIME, or when files change. The command runs in a process group "
        "of its own, with empty standard input. thrum every ends when the reader of its output has "
        "gone.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails = "The last run failed, or the command could not be started.",
    .interrupted =
        "After Ctrl-C or SIGTERM no further run starts; thrum every waits for the running command. A second signal "
        "ends the command and all processes that it has started; a third kills them. SIGHUP ends them without "
        "waiting. Ctrl-Z stops the command, too.",
    .operands = OPERANDS_COMMAND,
    .completion = COMPLETE_COMMAND,
    .time_first = true,
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
        bool timed = duration_parse(argv[first], &ret->period);
        if (!timed && ret->changed_count == 0)
            return command_line_wrong(message, size, "a time such as 2s, 500ms or 1.5m, not '%s'",
                                      argv[first]);
        first += timed;
        if (!timed)
            ret->period = endless;
        if (timed && first < argc && strcmp(argv[first], "--") == 0)
            first++;
    }
    if (first >= argc)
        return command_line_wrong(message, size, "no command given");
    if (ret->screen && ret->input)
        return command_line_wrong(message, size, "--screen and --stdin contradict each other");
    if (ret->align && ret->period >= endless)
        return command_line_wrong(message, size, "--align needs a TIME");
    ret->words = argv + first;
    return OPTIONS_RUN;
}
