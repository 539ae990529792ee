/* The command line of `thrum run`. */
#include "options.h"

#include "../command.h"

#include "admission.h"
#include "template.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

#define INTO(field) offsetof(struct run_options, field)

enum { JOBS_MAX = 4096, RETRIES_MAX = 1000000 };

static const double default_retry_delay = 0.1;

/* "never", or "soon" and "now", each perhaps with ",fail=N", ",success=N" or ",done=N". */
static bool take_halt(void *into, const char *value, char *message, size_t size)
{
    static const char *const outcomes[] = {
        [HALT_FAIL] = ",fail=", [HALT_SUCCESS] = ",success=", [HALT_DONE] = ",done="};
    struct run_options *options = into;
    size_t length = strcspn(value, ",");
    bool soon = length == 4 && strncmp(value, "soon", length) == 0;
    bool now = length == 3 && strncmp(value, "now", length) == 0;
    bool never = strcmp(value, "never") == 0, sound = value[length] == '\0';
    long count = 1;
    options->halt_outcome = HALT_FAIL;
    for (int i = HALT_FAIL; i <= HALT_DONE && !sound; i++) {
        size_t prefix = strlen(outcomes[i]);
        if (strncmp(value + length, outcomes[i], prefix) != 0)
            continue;
        char *end;
        const char *number = value + length + prefix;
        count = strtol(number, &end, 10);
        sound = *end == '\0' && *number >= '0' && *number <= '9';
        options->halt_outcome = (enum halt_outcome)i;
    }
    if (!sound || count < 1 || count > INT_MAX || !(soon || now || never)) {
        command_line_wrong(message, size,
                           "--halt takes never, soon or now, the last two perhaps with ,fail=N, "
                           ",success=N or ,done=N, not '%s'",
                           value);
        return false;
    }
    options->halt = soon ? HALT_SOON : now ? HALT_NOW : HALT_NEVER;
    options->halt_count = (int)count;
    return true;
}

static bool take_load(void *into, const char *value, char *message, size_t size)
{
    struct run_options *options = into;
    char *end;
    double load = strtod(value, &end);
    bool percent = *end == '%';
    if (*value < '0' || *value > '9' || end[percent] != '\0' || !isfinite(load) || load <= 0) {
        command_line_wrong(message, size,
                           "--load takes a number such as 4, or 75%% of the processors, not '%s'",
                           value);
        return false;
    }
    options->load = percent ? load * thrum_cpu_count() / 100 : load;
    return true;
}

static bool take_memory(void *into, const char *value, char *message, size_t size)
{
    struct run_options *options = into;
    if (admission_parse_size(value, &options->memory))
        return true;
    command_line_wrong(message, size, "--memfree takes a size such as 2G or 512M, not '%s'", value);
    return false;
}

static bool add_source(struct inputs *inputs, struct source source, char *message, size_t size)
{
    if (inputs->count == SOURCES_MOST) {
        command_line_wrong(message, size, "more than %d inputs", SOURCES_MOST);
        return false;
    }
    inputs->sources[inputs->count++] = source;
    return true;
}

static bool take_file(void *into, const char *value, char *message, size_t size)
{
    struct run_options *options = into;
    return add_source(&options->inputs, (struct source){.path = value}, message, size);
}

static const char *const halts[] = {
    "never", "soon", "now", "soon,fail=1", "now,fail=1", "now,success=1", "soon,success=1", NULL};

static const struct option_row rows[] = {
    {'j', "jobs", "N", "Jobs at a time; as many as there are processors by default.", NULL,
     OPTION_COUNT, INTO(jobs), 1, JOBS_MAX},
    {'a', "arg-file", "FILE", "Read arguments from FILE, not from standard input; may be repeated.",
     "The same as :::: FILE after the command.", OPTION_CUSTOM, .completion = COMPLETE_FILE,
     .take = take_file},
    {'0', "null", NULL, "Arguments in a file or pipe end with a NUL, not a newline.", NULL,
     OPTION_FLAG, INTO(zero)},
    {'C', "colsep", "REGEX", "Split each argument into columns, for {1}, {2} and so on.",
     "REGEX is an extended regular expression; \\\\t is a tab.", OPTION_TEXT, INTO(columns)},
    {'k', "keep-order", NULL, "Print the output of jobs in the order of their arguments.",
     "By default, it is printed as jobs end.", OPTION_FLAG, INTO(keep_order)},
    {0, "tag", NULL, "Begin each line of output with the arguments and a tab.", NULL, OPTION_FLAG,
     INTO(tag)},
    {0, "line-buffer", NULL, "Print whole lines while a job runs, not all output at its end.",
     "Lines of different jobs are mixed, but with --keep-order those of a job stay together. The "
     "output of each attempt is printed.",
     OPTION_FLAG, INTO(lines)},
    {'u', "ungroup", NULL, "Let jobs write to standard output and error themselves.",
     "Parts of lines may then be mixed.", OPTION_FLAG, INTO(direct)},
    {0, "tty", NULL, "Give each job the terminal; one at a time.",
     "For editors, pagers and programs that ask for a password. While a job has the terminal, "
     "Ctrl-C and Ctrl-Z go to it. Without --tty, a job that reads the terminal is ended, and fails.",
     OPTION_FLAG, INTO(terminal)},
    {'n', "dry-run", NULL, "Print the commands, quoted for a shell, and run none.", NULL,
     OPTION_FLAG, INTO(dry)},
    {'r', "retries", "N", "Retry a job that fails, up to N times.",
     "Only the output of the last attempt is printed.", OPTION_COUNT, INTO(retries), 0,
     RETRIES_MAX},
    {0, "retry-delay", "TIME", "Wait TIME before the first retry; 0.1 s by default.",
     "Each further pause is twice as long, up to a minute.", OPTION_SECONDS, INTO(retry_delay)},
    {'t', "timeout", "TIME", "End an attempt that takes longer; it has then failed.",
     "The job and all processes that it has started get SIGTERM, and SIGKILL two seconds later. TIME is a "
     "number with one of the units us, ms, s (the default), m, h and d.",
     OPTION_SECONDS, INTO(timeout)},
    {0, "delay", "TIME", "Start jobs at least TIME apart.", NULL, OPTION_SECONDS, INTO(delay)},
    {0, "load", "N", "Start no job while N processes run on the machine, or wait for a disk.",
     "N may be a percentage of the number of processors.", OPTION_CUSTOM, .take = take_load},
    {0, "memfree", "SIZE", "Start no job while less than SIZE of memory is available.",
     "SIZE is a number of bytes, or ends with K, M, G or T, which are powers of 1024.",
     OPTION_CUSTOM, .take = take_memory},
    {'l', "joblog", "FILE", "Write a line for each job that has ended.",
     "The columns are those of GNU parallel: Seq, Host, Starttime, JobRuntime, Send, Receive, "
     "Exitval, Signal, Command. In the command, backslash, tab and newline are escaped, and {%} "
     "is not replaced. An existing file that is not such a log is not changed.",
     OPTION_TEXT, INTO(log), .completion = COMPLETE_FILE},
    {0, "resume", NULL, "Skip jobs that have succeeded according to --joblog.",
     "Number and command must be the same as in the log. New lines are appended to it.",
     OPTION_FLAG, INTO(resume)},
    {0, "halt", "WHEN",
     "After a failure, start no further jobs (soon), or also end the others (now).",
     ",fail=N means after N failures, ,success=N after N successes, and ,done=N after N jobs of "
     "either kind. The default is never.",
     OPTION_CUSTOM, .choices = halts, .completion = COMPLETE_CHOICES, .take = take_halt},
    {0, "cluster", "URL", "Run jobs on workers of a cluster: thrum worker --commands.",
     "URL is that of a NATS server, or of several with commas between them. If it is empty, $NATS_URL has it, and "
     "without that nats://127.0.0.1:4222. All users of the machine can read the command line: leave a token in "
     "$NATS_URL. --jobs is then 64 by default, and counts the jobs that run and those that wait for a worker.",
     OPTION_TEXT, INTO(login.server)},
    {0, "pool", "NAME", "The pool of the workers; \"default\" by default.", NULL, OPTION_TEXT,
     INTO(pool)},
    CLUSTER_LOGIN_ROWS(INTO),
    {'q', "quiet", NULL, "Show no progress and no summary.", NULL, OPTION_FLAG, INTO(quiet)},
    {0, "progress", NULL, "Show progress also where standard error is no terminal, as lines.", NULL,
     OPTION_FLAG, INTO(progress)},
    OPTION_ROWS_COMMON,
};

static const struct help_term placeholders[] = {
    {"{}", "the argument; without any placeholder it comes last"},
    {"{.}", "the argument without its extension"},
    {"{/} {//} {/.}", "its last part, its directory, its last part without extension"},
    {"{2} {2.} {-1}", "the second of several arguments, the same without extension, the last"},
    {"{#}", "the number of the job, from 1"},
    {"{%}", "the number of its slot, from 1 to --jobs: running jobs have different slots"},
    {0},
};

static const struct help_term inputs[] = {
    {"::: WORD...", "the words"},
    {":::: FILE...", "the lines of each file; - is standard input"},
    {":::+ ::::+", "the same, linked: one of its words with one of the input before"},
    {0},
};

static const struct help_section sections[] = {
    {.title = "In COMMAND",
     .terms = placeholders,
     .text = "No shell is involved: an argument stays one word, whatever it contains. To use a "
             "shell, run sh -c '...' sh {}."},
    {.title = "Inputs",
     .terms = inputs,
     .text =
         "Several inputs are combined, each word with each; the last input changes fastest. Linked "
         "inputs end with the shortest."},
    {.title = "On a cluster",
     .text =
         "With --cluster the commands run on machines where thrum worker --commands runs. A command has the directory and the "
         "environment of the worker; nothing of ours is taken over but its words. To set them, use env: env -C DIRECTORY "
         "NAME=VALUE COMMAND. Both outputs and the exit status come back when it has ended, and the log has the name of the "
         "machine. If a worker is lost, its jobs run again on another one, which is said; after three losses a job fails. The "
         "command may go on where the worker was, so a job must bear to run twice. --halt now, the second Ctrl-C and "
         "SIGHUP end jobs on the workers, too; SIGKILL does not.",
     .manual_only = true},
    {0},
};

static const struct help_term examples[] = {
    {"ls *.wav | thrum run -- flac --silent {}", "One job for each line, on all processors."},
    {"thrum run -j 8 -k --retries 3 --timeout 30s -- curl -fsS {} ::: $URLS",
     "Eight at a time, output in order."},
    {"thrum run -- convert {1} -resize {2} {1/.}-{2}.png ::: *.jpg ::: 100 200",
     "Each picture in both sizes."},
    {"thrum run --cluster nats://10.0.0.1:4222 --pool build -k -- ./compile {} ::: *.c",
     "On other machines, where thrum worker --commands --pool build runs."},
    {"thrum run --joblog log --resume -- ./convert {} < list",
     "Repeat it after an interruption: jobs that have succeeded do not run again."},
    {0},
};

const struct command_line run_line = {
    .name = "run",
    .summary = SUMMARY_run,
    .title = "run a command for each of many arguments, several at a time",
    .usages =
        (const char *const[]){"[OPTION...] [--] COMMAND [WORD...] < ARGUMENTS",
                              "[OPTION...] [--] COMMAND [WORD...] ::: ARGUMENT... [::: ...]", NULL},
    .about = "Runs a command for each line of standard input, or for each word after :::. Each job "
             "runs in a process group of its own, with empty standard input. Its output "
             "is printed whole when it has ended.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .environment =
        (const struct help_term[]){{"TMPDIR", "The directory for output until it is printed; "
                                              "/tmp by default."},
                                   {"NATS_URL", "The servers, if the URL of --cluster is empty."},
                                   {0}},
    .fails = "A job failed or could not be run.",
    .interrupted =
        "After Ctrl-C or SIGTERM no further job starts; the command waits for the running jobs. A "
        "second signal ends them and all processes that they have started, by SIGTERM and two seconds later by "
        "SIGKILL. A third kills them at once. SIGHUP ends them without waiting. Ctrl-Z stops the jobs, "
        "too.",
    .operands = OPERANDS_COMMAND,
    .completion = COMPLETE_COMMAND,
};

/* The kind of input that a word announces; false if it is none. */
static bool is_separator(const char *word, bool *ret_files, bool *ret_linked)
{
    size_t colons = strspn(word, ":");
    *ret_files = colons == 4;
    *ret_linked = word[colons] == '+';
    return (colons == 3 || colons == 4) && word[colons + *ret_linked] == '\0';
}

/* Takes the inputs that follow the command. */
static bool take_inputs(struct run_options *options, char **argv, char *message, size_t size)
{
    bool files, linked, fine = true;
    while (fine && *argv && is_separator(*argv, &files, &linked)) {
        struct source list = {.words = ++argv, .linked = linked};
        bool other_files, other_linked;
        for (; *argv && !is_separator(*argv, &other_files, &other_linked); argv++) {
            list.count++;
            if (files && fine)
                fine = add_source(&options->inputs,
                                  (struct source){.path = *argv, .linked = linked}, message, size);
        }
        if (!files && fine)
            fine = add_source(&options->inputs, list, message, size);
        if (files && list.count == 0) {
            command_line_wrong(message, size,
                               ":::: needs the name of a file, or - for standard input");
            return false;
        }
    }
    return fine;
}

/* What makes no sense where jobs run elsewhere, or only there. */
static enum options_verdict check_cluster(const struct run_options *options, char *message,
                                          size_t size)
{
    bool remote = options->login.server;
    const char *local = options->terminal     ? "--tty"
                        : options->direct     ? "--ungroup"
                        : options->lines      ? "--line-buffer"
                        : options->load > 0   ? "--load"
                        : options->memory > 0 ? "--memfree"
                                              : NULL;
    const char *far = options->pool ? "--pool" : cluster_login_given(&options->login);
    const char *wrong = cluster_login_wrong(&options->login, options->pool);
    if (remote && local)
        return command_line_wrong(message, size, "--cluster runs jobs elsewhere: no %s with it",
                                  local);
    if (!remote && far)
        return command_line_wrong(message, size, "%s needs --cluster", far);
    return wrong ? command_line_wrong(message, size, "%s", wrong) : OPTIONS_RUN;
}

static enum options_verdict check(struct run_options *options, char *message, size_t size)
{
    const char *refused;
    if (options->word_count == 0)
        return command_line_wrong(message, size, "no command given");
    for (int i = 0; i < options->word_count; i++)
        if (template_refuses(options->words[i], &refused))
            return command_line_wrong(message, size, "there is no placeholder '%s ... =}'",
                                      refused);
    if (options->resume && !options->log)
        return command_line_wrong(message, size, "--resume needs --joblog, to know what was done");
    if (options->log && !*options->log)
        return command_line_wrong(message, size, "--joblog takes a file name, not an empty word");
    if (options->quiet && options->progress)
        return command_line_wrong(message, size, "--quiet and --progress contradict each other");
    if (options->terminal && options->jobs > 1)
        return command_line_wrong(message, size, "--tty runs one job at a time, not %d",
                                  options->jobs);
    if ((options->terminal || options->direct) && (options->tag || options->lines))
        return command_line_wrong(message, size, "%s leaves output alone: no %s with it",
                                  options->terminal ? "--tty" : "--ungroup",
                                  options->tag ? "--tag" : "--line-buffer");
    if (options->columns && !*options->columns)
        return command_line_wrong(message, size,
                                  "--colsep takes the separator of columns, such as ','");
    return check_cluster(options, message, size);
}

enum options_verdict run_options_parse(int argc, char **argv, struct run_options *ret,
                                       char *message, size_t size)
{
    int first;
    bool files, linked;
    *ret = (struct run_options){.retry_delay = default_retry_delay};
    enum options_verdict verdict =
        command_line_parse(&run_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    ret->words = argv + first;
    while (first + ret->word_count < argc &&
           !is_separator(ret->words[ret->word_count], &files, &linked))
        ret->word_count++;
    if (!take_inputs(ret, ret->words + ret->word_count, message, size))
        return OPTIONS_WRONG;
    if (ret->inputs.count == 0)
        add_source(&ret->inputs, (struct source){.path = "-"}, message, size);
    ret->inputs.sources[0].linked = false; /* there is nothing before it */
    ret->inputs.end = ret->zero ? '\0' : '\n';
    ret->inputs.columns = ret->columns;
    return check(ret, message, size);
}
