/* The command line of `thrum every`. */
#include "options.h"

#include <limits.h>
#include <string.h>

#define INTO(field) offsetof(struct every_options, field)

static const char *const overlaps[] = {"skip", "queue", "kill", NULL};

/* What no run of this program lasts. */
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
     "TIME may then be left out. Changes that come within 50 ms of each other are one. Those that "
     "come while the command runs follow --on-overlap: skip forgets them, so that a command may write "
     "below PATH; queue runs the command once more; kill ends the run for another.",
     OPTION_CUSTOM, .completion = COMPLETE_FILE, .take = take_changed},
    {'w', "screen", NULL, "Show the output on the whole screen, with what has changed marked.",
     "Output beyond the size of the window is not shown. Control characters are left out.",
     OPTION_FLAG, INTO(screen)},
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
    {'q', "quiet", NULL, "Print no message about runs that fail or are left out, and no summary.",
     NULL, OPTION_FLAG, INTO(quiet)},
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
    {"thrum every --on-change src -- make", "After each change of a file below src."},
    {"thrum every 1s --screen -- ip -s link", "A display, with what has changed marked."},
    {"thrum every 500ms --until-success --times 60 -- curl -fsS http://localhost:8080/ready",
     "Until a server is ready, for half a minute."},
    {0},
};

const struct command_line every_line = {
    .name = "every",
    .summary = "Run a command again and again, without drift.",
    .title = "run a command again and again, without drift",
    .usages =
        (const char *const[]){"TIME [OPTION...] [--] COMMAND [ARGUMENT...]",
                              "--on-change PATH [OPTION...] [--] COMMAND [ARGUMENT...]", NULL},
    .about =
        "Runs a command, at once and then each TIME, or when files change. It runs in a process group "
        "of its own and reads nothing from standard input. It ends when the reader of its output has "
        "gone.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails = "The last run failed, or the command could not be started.",
    .interrupted =
        "Ctrl-C, as well as SIGTERM, ends it once the command that runs has ended; a second one ends "
        "that, with all that it has started; a third kills it. SIGHUP ends it without waiting. Ctrl-Z stops "
        "the command, too.",
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
