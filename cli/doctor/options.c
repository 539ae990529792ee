/* The command line of `thrum doctor`. */
#include "options.h"

#include <limits.h>

#define INTO(field) offsetof(struct doctor_options, field)

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
    {'w', "watch", "TIME", "Look again each TIME, and show what changed.",
     "It ends when the process ends (status 0), or when a deadlock is proven: then the whole "
     "report follows. With --json each look is an object on a line of its own.",
     OPTION_SECONDS, INTO(watch)},
    {'j', "json", NULL, "Print one JSON object instead of text.", NULL, OPTION_FLAG, INTO(json)},
    {0, "no-lines", NULL, "Do not look for source files and lines.",
     "Looking for them takes most of the time in a large program with debug information.",
     OPTION_FLAG, INTO(no_lines)},
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
    {.title = "Permission",
     .text = "The system must allow the user to trace the process: the same user, if "
             "/proc/sys/kernel/yama/ptrace_scope is 0 or missing, or root. In a container the "
             "capability SYS_PTRACE is needed.",
     .manual_only = true},
    {0},
};

static const struct help_term examples[] = {
    {"thrum doctor -p 4711", "Why does process 4711 hang?"},
    {"thrum doctor -p $(pidof server) --json | jq .verdict", "The verdict alone, for a script."},
#if defined(__x86_64__)
    {"thrum doctor --core core.4711", "Why did it hang, after kill -ABRT 4711?"},
#endif
    {"thrum doctor -p 4711 --watch 5s", "What moves, every five seconds, until it hangs or ends."},
    {"sudo thrum doctor -p 4711 --stop", "With the stacks of running threads."},
    {0},
};

const struct command_line doctor_line = {
    .name = "doctor",
    .summary = "Explain why a process hangs: threads, locks, owners, deadlocks.",
    .title = "explain why a process hangs",
#if defined(__x86_64__)
    .usages = (const char *const[]){"-p PID [OPTION...]", "--core FILE [OPTION...]", NULL},
#else
    .usages = (const char *const[]){"-p PID [OPTION...]", NULL},
#endif
    .about =
        "Looks at a process that uses threads, and prints what each thread does, what it waits "
        "for, which thread holds that, and all stacks. If threads wait for each other in a "
        "circle, it draws the circle. It works for any program on this machine, and does not "
        "disturb it.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails = "There is no such process, the system does not let this user examine it, or it ended.",
    .interrupted = "A signal ends it at once; the process that it looks at does not notice.",
    .operands = OPERANDS_NONE,
    .operand_hint = "-p PID",
};

enum options_verdict doctor_options_parse(int argc, char **argv, struct doctor_options *ret,
                                          char *message, size_t size)
{
    int first = 0;
    *ret = (struct doctor_options){.interval = 0.3};
    enum options_verdict verdict =
        command_line_parse(&doctor_line, argc, argv, ret, &first, message, size);
    if (verdict == OPTIONS_RUN && ret->core && ret->pid)
        return command_line_wrong(message, size, "--core and --pid exclude each other");
    if (verdict == OPTIONS_RUN && ret->core && (ret->watch > 0 || ret->stop))
        return command_line_wrong(message, size, "--core goes with neither --watch nor --stop");
    if (verdict == OPTIONS_RUN && ret->pid == 0 && !ret->core)
        return command_line_wrong(message, size, "no process given; it is given by -p PID");
    return verdict;
}
