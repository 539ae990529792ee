/* The command line of `thrum explore`. */
#include "options.h"

#include "../command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTO(field) offsetof(struct explore_options, field)

enum { RUNS_MOST = 100000000, JOBS_MOST = 256, DEPTH_MOST = 16, STEPS_MOST = 100000000 };

static const char *const strategy_names[] = {"mix", "random", "pct", "pos", "depth", NULL};

static const char *const memory_names[] = {"auto", "off", "shared", "all", NULL};

static const struct {
    const char *name;
    int number;
} signal_names[] = {{"TERM", SIGTERM}, {"INT", SIGINT},    {"HUP", SIGHUP},   {"QUIT", SIGQUIT},
                    {"USR1", SIGUSR1}, {"USR2", SIGUSR2},  {"ALRM", SIGALRM}, {"CHLD", SIGCHLD},
                    {"CONT", SIGCONT}, {"WINCH", SIGWINCH}};

static bool take_seed(void *into, const char *value, char *message, size_t size)
{
    struct explore_options *options = into;
    char *end;
    errno = 0;
    options->seed = strtoull(value, &end, 10);
    options->has_seed = true;
    if (errno == 0 && *value >= '0' && *value <= '9' && *end == 0)
        return true;
    snprintf(message, size, "--seed takes a number, not '%s'", value);
    return false;
}

/* "TERM", "SIGTERM" or "15". */
static bool take_signal(void *into, const char *value, char *message, size_t size)
{
    struct explore_options *options = into;
    const char *name = strncmp(value, "SIG", 3) == 0 ? value + 3 : value;
    char *end;
    long number = strtol(name, &end, 10);
    if (*name >= '0' && *name <= '9' && *end == 0 && number > 0 && number < NSIG) {
        options->signal = (int)number;
        return true;
    }
    for (size_t i = 0; i < sizeof signal_names / sizeof *signal_names; i++)
        if (strcmp(signal_names[i].name, name) == 0) {
            options->signal = signal_names[i].number;
            return true;
        }
    snprintf(message, size, "--signal takes a signal, such as TERM or 15, not '%s'", value);
    return false;
}

static const struct option_row rows[] = {
    {'r', "runs", "N", "Try N schedules; 1000 by default.", NULL, OPTION_COUNT, INTO(runs), 1,
     RUNS_MOST},
    {'s', "seed", "S", "Run only the schedule with this seed, and print its steps.",
     "A failure prints its seed. The same program, arguments and environment fail again with it.",
     OPTION_CUSTOM, 0, .take = take_seed},
    {0, "schedule", "LIST", "Run only this schedule, and print its steps.",
     "The list has the choices that differ from the usual one: NUMBER:THREAD, with commas. --shrink prints such a "
     "list.",
     OPTION_TEXT, INTO(schedule)},
    {'S', "strategy", "NAME",
     "How schedules are chosen: mix (the default), random, pct, pos or depth.",
     "mix takes pos for four seeds of ten, random for three and pct for three. depth is a depth-first search of all "
     "schedules with at most --bound preemptions, for small programs.",
     OPTION_CHOICE, INTO(strategy), .choices = strategy_names, .completion = COMPLETE_CHOICES},
    {'m', "memory", "WHICH",
     "Where threads switch at accesses to memory: auto (the default), off, shared or all.",
     "shared: at words that several threads use without a common lock, as the first schedules show. all: at each "
     "access. auto: at each access in the first four schedules, and at shared words in two of three after "
     "them; never for depth. On x86-64 only, but for instrumented programs: there these are the accesses that the compiler marks.",
     OPTION_CHOICE, INTO(memory), .choices = memory_names, .completion = COMPLETE_CHOICES},
    {'d', "depth", "N", "For pct: the depth of the bugs to look for; 2 to 4 by default.", NULL,
     OPTION_COUNT, INTO(depth), 1, DEPTH_MOST},
    {'b', "bound", "N", "For depth: at most N preemptions; 2 by default.", NULL, OPTION_COUNT,
     INTO(bound), 0, 100},
    {'j', "jobs", "N", "Run N schedules at the same time; as many as there are cores by default.",
     NULL, OPTION_COUNT, INTO(jobs), 1, JOBS_MOST},
    {'c', "check", "COMMAND", "A run fails also if COMMAND fails.",
     "COMMAND is a command line for the shell. It runs after each run that ended well, with the output of the run as its "
     "input.",
     OPTION_TEXT, INTO(check), .completion = COMPLETE_COMMAND},
    {0, "repeat", "N", "With --seed or --schedule: run it N times, and count the failures.", NULL,
     OPTION_COUNT, INTO(repeat), 1, RUNS_MOST},
    {0, "shrink", NULL, "After a failure, find the fewest departures that still fail.", NULL,
     OPTION_FLAG, INTO(shrink)},
    {'a', "all", NULL, "Do not stop at the first failure; count the failures.", NULL, OPTION_FLAG,
     INTO(all)},
    {'e', "early", NULL, "Let timeouts come early, too.",
     "By default a wait with a time limit times out only when no thread can do anything else.",
     OPTION_FLAG, INTO(early)},
    {'i', "instrument", NULL,
     "Of a program compiled with -fsanitize=thread: use its instrumentation.",
     "Each access to memory is a scheduling point and is checked for races. The program is linked with the runtime of the "
     "compiler as a shared library; that of thrum takes its place. The command ends with an error if the program is "
     "not instrumented so.",
     OPTION_FLAG, INTO(instrument)},
    {0, "no-races", NULL, "Of an instrumented program: a race alone is no failure.", NULL,
     OPTION_FLAG, INTO(no_races)},
    {0, "steps", "N", "End a run after N steps; 100000 by default.",
     "Such a run is counted as unfinished. It is no failure.", OPTION_COUNT, INTO(steps), 10,
     STEPS_MOST},
    {0, "signal", "NAME", "Send this signal when the program waits for something outside.",
     "NAME is a name as TERM, or a number. The signal is sent once in a run, when no thread can go on and one waits for "
     "a signal or input: a program that runs until it gets a signal can then be explored to its end. Without it, the run is "
     "ended there, and counted. That is no failure.",
     OPTION_CUSTOM, 0, .take = take_signal},
    {'p', "patience", "TIME",
     "How long to wait for something outside of the program; 2s by default.", NULL, OPTION_SECONDS,
     INTO(patience)},
    {0, "compute", "TIME",
     "End a run in which a thread computes for TIME without a call; 5s by default.",
     "TIME is processor time of that thread. Such a run is told, but it is no failure.",
     OPTION_SECONDS, INTO(compute)},
    {'o', "show-output", NULL, "Show what the failing run printed.", NULL, OPTION_FLAG,
     INTO(show_output)},
    {'f', "full", NULL, "Print all steps of the schedule, not only the last.", NULL, OPTION_FLAG,
     INTO(full)},
    {'t', "timeline", "FILE", "Write the failing schedule to FILE, as a page with a timeline.",
     "A step is a microsecond there. The page is that of `thrum trace view`.", OPTION_TEXT,
     INTO(timeline), .completion = COMPLETE_FILE},
    {0, "json", NULL, "Print one JSON object instead of text.", NULL, OPTION_FLAG, INTO(json)},
    {'q', "quiet", NULL, "Show no progress.", NULL, OPTION_FLAG, INTO(quiet)},
    OPTION_ROWS_COMMON,
};

static const struct help_term failures[] = {
    {"deadlock", "No thread can go on: they wait for each other, or for a wake-up that was lost."},
    {"crash", "A signal ended the program: a segmentation fault, a failed assertion."},
    {"misuse", "A mutex was used after it was destroyed, or memory after it was freed."},
    {"race",
     "Of an instrumented program: two threads use the same memory, one writes, and nothing orders them."},
    {"exit", "The exit status was not 0."},
    {"check", "The command of --check failed."},
    {0},
};

static const struct help_section sections[] = {
    {.title = "Failures", .terms = failures},
    {.title = "How it works",
     .text =
         "A library is preloaded into the program. It lets one thread run at a time, and at each call of a function of "
         "pthreads, C11 threads or semaphores, at each sleep, and at each call for input or output it chooses the thread "
         "that goes on. Sleeps and time limits take no time. The program is loaded once, and forked for each schedule. "
         "Standard input is empty."},
    {.title = "Memory points",
     .text =
         "On x86-64, the program's variables and its own allocations are protected, so each access to them is noticed. Threads "
         "switch at those to words that several threads use without a common lock. An instruction that reads and writes "
         "memory is two accesses, unless it is atomic."},
    {.title = "Instrumented programs",
     .text =
         "Compile and link with -fsanitize=thread and -g (with clang also -shared-libsan), and give --instrument. Then threads "
         "also switch between any two accesses to memory, and races are found: with both stacks, the locks that each thread held, "
         "and the value before and between. Or link without -fsanitize=thread, but with -lthrum-schedule: such a program "
         "needs no option, and behaves otherwise as without instrumentation."},
    {.title = "What is not controlled",
     .text =
         "Variables on stacks and those of shared libraries have no memory points. Without memory points, a thread "
         "that computes for long without a call is stopped by a timer of processor time. Such a run may not be "
         "repeated exactly, and is counted. Processes that the program starts run free. So does what lies outside, "
         "such as a server on the network. A static program, and one with set-user-ID, cannot be explored.",
     .manual_only = true},
    {0},
};

static const struct help_term examples[] = {
    {"thrum explore -- ./test_queue", "Try 1000 schedules of a test."},
    {"thrum explore --seed 8 -- ./test_queue",
     "Repeat the failure that seed 8 gave, and print its steps."},
    {"thrum explore --shrink -r 10000 -- ./test_queue",
     "Find a failure with few switches between threads."},
    {"thrum explore --check 'grep -q \"^total 100$\"' -- ./count", "Say what the right output is."},
    {0},
};

const struct command_line explore_line = {
    .name = "explore",
    .summary = SUMMARY_explore,
    .title = "find and repeat the schedule that breaks a program with threads",
    .usages = (const char *const[]){"[OPTION...] [--] PROGRAM [ARGUMENT...]", NULL},
    .about =
        "Runs a program that uses threads again and again, each time with another order in which its threads take turns. "
        "The first order that makes it fail is printed step by step, with a seed that makes it fail again. The program needs "
        "no preparation; with debug information, lines are shown. The exit status is 66 if a run failed.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails = "The program could not be started or explored.",
    .interrupted = "A signal ends the search; what was found so far is printed.",
    .operands = OPERANDS_COMMAND,
    .completion = COMPLETE_COMMAND,
};

int explore_schedule_parse(const char *text, struct schedule_choice *list)
{
    int count = 0;
    uint64_t last = 0;
    for (const char *at = text; *at; count++) {
        char *end;
        errno = 0;
        unsigned long long index = strtoull(at, &end, 10);
        if (end == at || *end != ':' || errno != 0 || index > UINT32_MAX ||
            (count > 0 && index <= last) || count == SCHEDULE_CHOICES)
            return -1;
        at = end + 1;
        unsigned long long option = strtoull(at, &end, 10);
        if (end == at || errno != 0 || option > UINT32_MAX || (*end && *end != ','))
            return -1;
        list[count] =
            (struct schedule_choice){.index = (uint32_t)index, .option = (uint32_t)option};
        last = index;
        at = *end ? end + 1 : end;
        if (*end && !*at)
            return -1;
    }
    return count;
}

enum options_verdict explore_options_parse(int argc, char **argv, struct explore_options *ret,
                                           char *message, size_t size)
{
    int first;
    *ret = (struct explore_options){
        .runs = 1000, .steps = 100000, .bound = 2, .patience = 2, .compute = 5};
    enum options_verdict verdict =
        command_line_parse(&explore_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    ret->words = argv + first;
    if (first == argc)
        return command_line_wrong(message, size, "no program given");
    if (ret->has_seed && ret->schedule)
        return command_line_wrong(message, size, "--seed and --schedule exclude each other");
    if (ret->repeat && !ret->has_seed && !ret->schedule)
        return command_line_wrong(message, size, "--repeat needs --seed or --schedule");
    if (ret->schedule) {
        struct schedule_choice *list = malloc(SCHEDULE_CHOICES * sizeof *list);
        int count = list ? explore_schedule_parse(ret->schedule, list) : -1;
        free(list);
        if (count < 0)
            return command_line_wrong(
                message, size,
                "--schedule takes a list of NUMBER:THREAD with growing numbers, not '%s'",
                ret->schedule);
    }
    return OPTIONS_RUN;
}
