/* The command line of `thrum doctor`. */
#include "options.h"

#include "../command.h"

#include <limits.h>

#define INTO(field) offsetof(struct doctor_options, field)

static const char *const on_deadlock_names[] = {"report", "abort", "core", NULL};
static const char *const fail_on_names[] = {"nothing", "deadlock", "potential", "leak", NULL};

static const struct option_row rows[] = {
    {'p', "pid", "PID", "The process to examine.", "The number of one of its threads will do.",
     OPTION_COUNT, INTO(pid), 1, INT_MAX},
#if defined(__x86_64__)
    {'c', "core", "FILE", "Examine a core file instead of a process.",
     "Threads have no names there, and nothing is suspected, as a core file shows one moment "
     "only. The program and its libraries are needed, too: those parts that are not in the core "
     "file are read from them.",
     OPTION_TEXT, INTO(core), .completion = COMPLETE_FILE},
#endif
    {'i', "interval", "TIME",
     "How long nothing may move before a deadlock is suspected (default 300ms).",
     "It is waited for only if every thread waits for an object that has no owner. A proven "
     "deadlock is reported at once.",
     OPTION_SECONDS, INTO(interval)},
    {'s', "stop", NULL, "Stop each running thread for a moment, to see its stack.",
     "Threads that sleep are never stopped. A running thread is stopped by ptrace for about a "
     "tenth of a millisecond. If it begins a system call just then, the call may return EINTR.",
     OPTION_FLAG, INTO(stop)},
    {'l', "leaks", NULL, "Search for fibers of thrum that nothing can wake any more.",
     "All threads are stopped by ptrace while the memory of the process is searched for pointers to what the fibers wait "
     "for. Calls that a stop ends, such as epoll_wait, return EINTR. A core file is searched without that. With a PROGRAM the "
     "search comes after half a second, and again after pauses of 1 to 16 s.",
     OPTION_FLAG, INTO(leaks)},
    {'w', "watch", "TIME", "Look again each TIME, and show what changed.",
     "It ends when the process ends (status 0), or when a deadlock is proven: then the whole "
     "report follows. With --json each look is an object on a line of its own.",
     OPTION_SECONDS, INTO(watch)},
    {'j', "json", NULL, "Print one JSON object instead of text.",
     "With a PROGRAM there is one object on a line for each process.", OPTION_FLAG, INTO(json)},
    {0, "no-lines", NULL, "Do not look for source files and lines.",
     "Looking for them takes most of the time in a large program with debug information.",
     OPTION_FLAG, INTO(no_lines)},
    {'o', "output", "FILE", "With a PROGRAM: write the report to FILE, not to standard error.",
     NULL, OPTION_TEXT, INTO(output), .completion = COMPLETE_FILE},
    {'d', "on-deadlock", "WHAT",
     "With a PROGRAM that hangs in a deadlock: report (the default), abort or core.",
     "report writes the report and continues to wait; abort writes it and ends the process by SIGKILL; core ends the "
     "process by SIGABRT, with no limit on the size of its core file.",
     OPTION_CHOICE, INTO(on_deadlock), .choices = on_deadlock_names,
     .completion = COMPLETE_CHOICES},
    {'f', "fail-on", "WHAT",
     "Which findings give status 66: nothing, deadlock, potential (the default) or leak.",
     "Each includes those before it: potential is a deadlock that happened or that can happen; leak is "
     "also a thread that ended and was neither joined nor detached, a failure that nobody asked for, a number of "
     "threads, locks or pending tasks that grows steadily, and what --leaks finds.",
     OPTION_CHOICE, INTO(fail_on), .choices = fail_on_names, .completion = COMPLETE_CHOICES},
    {0, "strict", NULL, "Show cycles of locks that cannot become a deadlock, too, and why.", NULL,
     OPTION_FLAG, INTO(strict)},
    {0, "contention", NULL,
     "Show for which locks the program waited, how long, and for which holders.", NULL, OPTION_FLAG,
     INTO(contention)},
    {0, "advice", NULL, "Say how many workers the program's pools should have, and why.",
     "It is found out from how much a task computes and waits, and from how long the hottest lock is held. For "
     "that, the command looks at the records of the program every 2 ms.",
     OPTION_FLAG, INTO(advice)},
    {0, "rate", "NUMBER", "With --advice: how many workers NUMBER tasks a second need.", NULL,
     OPTION_COUNT, INTO(rate), 1, INT_MAX},
    {0, "folded", "FILE", "Write the waits to FILE as folded stacks, for flame graphs.",
     "A line is a stack, outermost function first, and the microseconds that were waited there.",
     OPTION_TEXT, INTO(folded), .completion = COMPLETE_FILE},
    {0, "suppressions", "FILE", "Do not report the findings that FILE lists.",
     "A line is a kind (as in the report's JSON, or *) and a shell pattern, as in \"cycle "
     "*:my_function\". The pattern is compared with each lock's name and each function of the stacks. "
     "Lines that begin with # are comments.",
     OPTION_TEXT, INTO(suppressions), .completion = COMPLETE_FILE},
    {'t', "trace", "FILE",
     "With a PROGRAM: write the last events of each thread to FILE, for thrum trace view.",
     "These are 16384 events of each thread: locks, waits, system calls that block, tasks. thrum trace records them "
     "without findings, and all of them if wanted.",
     OPTION_TEXT, INTO(trace), .completion = COMPLETE_FILE},
    OPTION_ROWS_COMMON,
};

static const struct help_term verdicts[] = {
    {"DEADLOCK",
     "Proven: threads wait for each other in a circle without a time limit, or a thread waits "
     "for a lock whose owner no longer exists. The exit status is 66."},
    {"SUSPECTED",
     "No owner is known, as conditions, semaphores, barriers and readers of a rwlock have none. "
     "But all threads wait without a time limit, none has run for the interval, and no other "
     "process and no signal handler could end a wait. The exit status is 0."},
    {"no deadlock", "None of these. The exit status is 0."},
    {"POTENTIAL",
     "Of a PROGRAM that ran: threads took locks in orders that can make them wait for each other, "
     "even if they did not this time. The exit status is 66. --strict also shows cycles that are "
     "guarded by another lock, ordered by the creation or the end of threads, or of one thread."},
    {0},
};

static const struct help_section sections[] = {
    {.title = "Verdicts", .terms = verdicts},
    {.title = "How it looks",
     .text = "Sleeping threads are not stopped, so none of their system calls is interrupted. The "
             "command copies their stacks from outside, and takes a copy for exact only if the "
             "thread did not run meanwhile. The program needs no preparation and no debug "
             "information; with debug information, lines and more names are shown.",
     .manual_only = true},
    {.title = "Running a program",
     .text =
         "With a PROGRAM a library is preloaded into it and into what it starts. It records the "
         "order in which threads take locks, and costs some nanoseconds for each. The command looks at "
         "the program from outside while it runs, and reports deadlocks as they happen; at "
         "its end it reports those that can happen. The program's output is its own, and its exit status "
         "is passed on if nothing is found.",
     .manual_only = true},
    {.title = "Permission",
     .text = "The system must allow the user to trace the process: the same user, if "
             "/proc/sys/kernel/yama/ptrace_scope is 0 or missing, or root. In a container the "
             "capability SYS_PTRACE is needed.",
     .manual_only = true},
    {0},
};

static const struct help_term examples[] = {
    {"thrum doctor -p 4711", "Explain why process 4711 hangs."},
    {"thrum doctor -p $(pidof server) --json | jq .verdict",
     "Print only the verdict, for a script."},
#if defined(__x86_64__)
    {"thrum doctor --core core.4711", "Explain why it hung, after kill -ABRT 4711."},
#endif
    {"thrum doctor -p 4711 --watch 5s",
     "Show what changes, every five seconds, until it hangs or ends."},
    {"sudo thrum doctor -p 4711 --stop", "Show the stacks of running threads, too."},
    {"thrum doctor -- ./server --port 80", "Find out whether its threads can wait for each other."},
    {"thrum doctor watch balance -p 4711",
     "Show who writes the variable balance; thrum doctor watch --help has the options."},
    {"thrum doctor --on-deadlock abort -o report -- make check", "Run a test that must not hang."},
    {0},
};

const struct command_line doctor_line = {
    .name = "doctor",
    .summary = SUMMARY_doctor,
    .title = "explain why a process hangs",
#if defined(__x86_64__)
    .usages = (const char *const[]){"-p PID [OPTION...]", "--core FILE [OPTION...]",
                                    "[OPTION...] -- PROGRAM [ARGUMENT...]",
                                    "watch SYMBOL -p PID [OPTION...]", NULL},
#else
    .usages = (const char *const[]){"-p PID [OPTION...]", "[OPTION...] -- PROGRAM [ARGUMENT...]",
                                    "watch SYMBOL -p PID [OPTION...]", NULL},
#endif
    .about =
        "Looks at a process that uses threads, and prints what each thread does, what it waits "
        "for, which thread holds that, and all stacks. If threads wait for each other in a "
        "circle, it draws the circle. It works for any program on this machine, and does not "
        "disturb it. With a PROGRAM, runs it, and reports the deadlocks that can happen, too.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails = "There is no such process, the system does not let this user examine it, or it ended; "
             "or a PROGRAM or a file could not be started or opened.",
    .interrupted =
        "A signal ends it at once; the process that it looks at does not notice. A PROGRAM that "
        "it runs gets the signal, too, and the report follows when it has ended.",
    .operands = OPERANDS_COMMAND,
    .completion = COMPLETE_COMMAND,
};

static enum options_verdict check_program(const struct doctor_options *options, char *message,
                                          size_t size)
{
    if (options->pid || options->core)
        return command_line_wrong(message, size,
                                  "a program to run goes with neither --pid nor --core");
    if (options->watch > 0 || options->stop)
        return command_line_wrong(message, size,
                                  "a program to run goes with neither --watch nor --stop");
    return OPTIONS_RUN;
}

static bool only_for_program(const struct doctor_options *options)
{
    return options->output || options->folded || options->suppressions || options->strict ||
           options->contention || options->advice || options->rate || options->trace ||
           options->on_deadlock != ON_DEADLOCK_REPORT || options->fail_on != FAIL_ON_POTENTIAL;
}

enum options_verdict doctor_options_parse(int argc, char **argv, struct doctor_options *ret,
                                          char *message, size_t size)
{
    int first = 0;
    *ret = (struct doctor_options){
        .interval = 0.3, .fail_on = FAIL_ON_POTENTIAL, .ring_bits = RING_BITS};
    enum options_verdict verdict =
        command_line_parse(&doctor_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    if (first < argc) {
        ret->words = argv + first;
        return check_program(ret, message, size);
    }
    if (ret->core && ret->pid)
        return command_line_wrong(message, size, "--core and --pid exclude each other");
    if (ret->core && (ret->watch > 0 || ret->stop))
        return command_line_wrong(message, size, "--core goes with neither --watch nor --stop");
    if (ret->pid == 0 && !ret->core)
        return command_line_wrong(
            message, size,
            "no process given; it is given by -p PID, a program to run by -- PROGRAM");
    if (only_for_program(ret))
        return command_line_wrong(
            message, size,
            "--output, --folded, --suppressions, --strict, --contention, --advice, --rate, --trace, --on-deadlock "
            "and --fail-on are for a program to run: -- PROGRAM");
    return OPTIONS_RUN;
}
