/* The command line of `thrum trace`. */
#include "options.h"

#include "../command.h"

#include "doctor/preload/ring.h"

#include <string.h>

#define INTO(field) offsetof(struct trace_options, field)

static const char *const formats[] = {"chrome", "perfetto", NULL};

static const struct option_row rows[] = {
    {'o', "output", "FILE",
     "Where the trace goes (trace.thrum), or the page or the export (standard output).", NULL,
     OPTION_TEXT, INTO(output), .completion = COMPLETE_FILE},
    {'a', "all", NULL, "Keep all events, not only the last ones of each thread.",
     "They are read while the program runs, which is not slowed down for that. If it is faster than they can be "
     "written, some are lost. Their number is printed and shown in the page.",
     OPTION_FLAG, INTO(all)},
    {'n', "events", "N", "How many events of each thread are kept; 16384 by default.",
     "It is rounded up to a power of two. An event takes 16 bytes. With --all: how many fit between two reads, 262144 by default.",
     OPTION_COUNT, INTO(events), 1 << RING_BITS_LEAST, 1 << RING_BITS_MOST},
    {0, "no-lines", NULL, "Do not look for source files and lines.", NULL, OPTION_FLAG,
     INTO(no_lines)},
    {'f', "format", "FORMAT", "With export: chrome (the default) or perfetto.",
     "chrome is JSON for chrome://tracing and others; perfetto is a file of Protocol Buffers for ui.perfetto.dev, which is smaller.",
     OPTION_CHOICE, INTO(format), .choices = formats, .completion = COMPLETE_CHOICES},
    {'j', "json", NULL, "With diff: print one JSON object instead of text.", NULL, OPTION_FLAG,
     INTO(json)},
    {0, "fail-if-longer", NULL,
     "With diff: end with status 3 if the waits for a lock are shown to be longer in B.", NULL,
     OPTION_FLAG, INTO(fail_if_longer)},
    OPTION_ROWS_COMMON,
};

static const struct help_term verdicts[] = {
    {"longer, shorter",
     "What a thread waits for each acquisition of the lock in B, on average, is more or less than in A. The "
     "interval of the difference, with a confidence of 99 %, does not contain 0."},
    {"no difference shown", "The interval contains 0."},
    {"cannot tell", "One of the traces has fewer than five parts in which the lock was used."},
    {"only in A, only in B", "The other trace has no wait for it and no acquisition of it."},
    {0},
};

static const struct help_section sections[] = {
    {.title = "Recording",
     .text =
         "A library is preloaded into PROGRAM and into what it starts. Each thread writes what it does with locks, "
         "conditions, semaphores, barriers and threads, and which system calls that may block it is in, into memory that the command shares. The memory "
         "outlives a program that is killed. The status is that of PROGRAM.",
     .manual_only = true},
    {.title = "Page",
     .text =
         "view writes one file that needs no network: a line for each thread, with its waits, its system calls and the locks that it holds; "
         "arrows lead from the thread that ended a wait to the thread that waited. The wheel or + and - zoom, the arrow keys move, / searches.",
     .manual_only = true},
    {.title = "Verdicts of diff",
     .terms = verdicts,
     .text =
         "Locks are compared by name. Each trace is divided into 20 parts of equal length; what differs between the two runs besides the "
         "program, such as the load of the machine, is in the difference."},
    {0},
};

static const struct help_term examples[] = {
    {"thrum trace -- ./server --port 80", "Run it, and keep the last events of each thread."},
    {"thrum trace view trace.thrum -o page.html", "Make a page for a browser."},
    {"thrum trace --all -o all.thrum -- make -j8",
     "Keep all events, also those of child processes."},
    {"thrum trace export all.thrum --format perfetto -o all.pftrace", "For ui.perfetto.dev."},
    {"thrum trace diff before.thrum after.thrum", "Which locks cost more than before?"},
    {0},
};

const struct command_line trace_line = {
    .name = "trace",
    .summary = SUMMARY_trace,
    .title = "record what the threads of a program do, and show it as a timeline",
    .usages =
        (const char *const[]){"[OPTION...] -- PROGRAM [ARGUMENT...]", "view FILE [-o PAGE]",
                              "export FILE [--format FORMAT] [-o FILE]", "diff A B [--json]", NULL},
    .about =
        "Runs a program with threads and records their waits, locks and system calls, at about 20 ns for a lock and its release. "
        "Works for any program that uses pthreads or C11 threads, without a rebuild. view makes a page of a trace, export "
        "a file for other viewers, and diff compares the waits of two runs by lock.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails =
        "A file could not be read or written, or is no trace, or PROGRAM could not be started. With "
        "--fail-if-longer the status is 3 if that is shown.",
    .interrupted = "PROGRAM gets the signal, too. The trace is complete when it has ended.",
    .operands = OPERANDS_ANY,
    .completion = COMPLETE_FILE,
};

static enum options_verdict check_mode(const struct trace_options *options, char *message,
                                       size_t size)
{
    bool records = options->mode == TRACE_RECORD;
    if (!records && (options->all || options->events || options->no_lines))
        return command_line_wrong(
            message, size, "--all, --events and --no-lines are for a program to run: -- PROGRAM");
    if (options->format != FORMAT_CHROME && options->mode != TRACE_EXPORT)
        return command_line_wrong(message, size, "--format is for export");
    if ((options->json || options->fail_if_longer) && options->mode != TRACE_DIFF)
        return command_line_wrong(message, size, "--json and --fail-if-longer are for diff");
    return OPTIONS_RUN;
}

static enum options_verdict take_operands(struct trace_options *options, int count, char **words,
                                          char *message, size_t size)
{
    static const char *const names[] = {"view", "export", "diff"};
    int mode = 0;
    if (count == 0)
        return command_line_wrong(message, size,
                                  "give a program to run after --, or view, export or diff");
    while (mode < 3 && strcmp(words[0], names[mode]) != 0)
        mode++;
    if (mode == 3)
        return command_line_wrong(
            message, size, "'%.100s' is not view, export or diff; a program to run stands after --",
            words[0]);
    options->mode = TRACE_VIEW + mode;
    bool compares = options->mode == TRACE_DIFF;
    if (count != (compares ? 3 : 2))
        return command_line_wrong(
            message, size, compares ? "diff takes two traces: A and B" : "%s takes one trace",
            names[mode]);
    options->file = words[1];
    options->other = compares ? words[2] : NULL;
    return check_mode(options, message, size);
}

enum options_verdict trace_options_parse(int argc, char **argv, struct trace_options *ret,
                                         char *message, size_t size)
{
    int first = 0, end = 1;
    *ret = (struct trace_options){0};
    while (end < argc && strcmp(argv[end], "--") != 0)
        end++;
    enum options_verdict verdict =
        command_line_parse(&trace_line, end, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    if (end == argc)
        return take_operands(ret, end - first, argv + first, message, size);
    if (first < end)
        return command_line_wrong(message, size, "unexpected '%.100s' in front of --", argv[first]);
    if (end + 1 == argc)
        return command_line_wrong(message, size, "no program after --");
    ret->words = argv + end + 1;
    return check_mode(ret, message, size);
}
