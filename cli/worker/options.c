/* The command line of `thrum worker`. */
#include "options.h"

#include "../command.h"

#include <limits.h>

#define INTO(field) offsetof(struct worker_options, field)

enum { JOBS_MOST = 100000, REPLICAS_MOST = 5 };

const char *const worker_executors[] = {"threads", "processes", "fibers", NULL};

static const struct option_row rows[] = {
    CLUSTER_SERVER_ROW(INTO),
    CLUSTER_LOGIN_ROWS(INTO),
    {'p', "pool", "NAME", "The pool to work for; \"default\" by default.", NULL, OPTION_TEXT,
     INTO(pool)},
    {'e', "executor", "KIND", "Run tasks on threads (the default), processes or fibers.",
     "A task that crashes ends the worker, and its other tasks run again elsewhere. On processes it ends its own process "
     "alone.",
     OPTION_CHOICE, INTO(executor), .choices = worker_executors, .completion = COMPLETE_CHOICES},
    {'j', "jobs", "N", "Tasks at once: the number of processors by default, 256 on fibers.", NULL,
     OPTION_COUNT, INTO(jobs), 1, JOBS_MOST},
    {'r', "registered-only", NULL, "Run only functions that the program registers.",
     "Other functions are named by their place in the program. Who may send tasks then may run any place.",
     OPTION_FLAG, INTO(registered_only)},
    {'c', "commands", NULL, "Run the commands of thrum run --cluster, in place of a PROGRAM.",
     "A client that may publish to the pool may then run any command as the user of the worker.",
     OPTION_FLAG, INTO(commands)},
    {0, "run-limit", "TIME", "Seconds that a task may run; no limit by default.", NULL,
     OPTION_SECONDS, INTO(run_limit)},
    {0, "lease", "TIME", "After this time the task of a silent worker goes to another; 30s.",
     "All clients and workers of a pool should have the same --lease, --max-deliveries, --max-queued and --replicas.",
     OPTION_SECONDS, INTO(lease)},
    {0, "max-deliveries", "N", "A task fails when it has lost N workers; 3 by default.", NULL,
     OPTION_COUNT, INTO(max_deliveries), 1, INT_MAX},
    {0, "max-queued", "N", "Messages that the server keeps for the pool; no bound by default.",
     NULL, OPTION_COUNT, INTO(max_queued), 1, INT_MAX},
    {0, "replicas", "N", "Servers that keep each message; 1 by default.", NULL, OPTION_COUNT,
     INTO(replicas), 1, REPLICAS_MOST},
    OPTION_ROWS_COMMON,
};

static const struct help_section sections[] = {
    {.title = "Program",
     .text =
         "PROGRAM is linked to the shared library libthrum. It is loaded and its constructors run, but not its main: "
         "in its place the worker takes the tasks of functions that PROGRAM has. A static program, one with "
         "set-user-ID and a script are refused; such a program calls thrum_cluster_serve (see docs/cluster.md)."},
    {.title = "Commands",
     .text =
         "With --commands the worker runs commands that thrum run --cluster sends. A command runs in the directory of the "
         "worker, with the environment of the worker and with empty standard input. A client that may publish to the pool "
         "may run any command as the user of the worker: see docs/security.md. The option needs a pool of its own, where "
         "no other worker has another --max-deliveries: a lost worker costs one delivery, and thrum run sends the command "
         "again."},
    {0},
};

static const struct help_term examples[] = {
    {"thrum worker --server nats://10.0.0.1:4222 --pool pages -- ./crawler",
     "Run the tasks that ./crawler and its copies submit to the pool \"pages\"."},
    {"thrum worker --commands --pool build -j 8",
     "Run commands of thrum run --cluster, eight at a time."},
    {"thrum worker --pool images --executor processes -j 8 -- ./resize",
     "Eight processes: a crash costs one task."},
    {0},
};

static const struct help_term environment[] = {
    {"NATS_URL", "The servers, without --server."},
    {0},
};

const struct command_line worker_line = {
    .name = "worker",
    .summary = SUMMARY_worker,
    .title = "run tasks that come from other machines",
    .usages = (const char *const[]){"[OPTION...] [--] PROGRAM [ARGUMENT...]",
                                    "--commands [OPTION...]", NULL},
    .about =
        "Starts a program as a worker of a cluster: it runs tasks that thrum_cluster_new sends through NATS "
        "JetStream. A lost connection does not end the worker.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .environment = environment,
    .fails =
        "The program cannot be a worker, or the server refuses it or is not there at the start.",
    .interrupted =
        "The first SIGTERM, SIGINT or SIGHUP drains the worker: it takes no further task, finishes and "
        "acknowledges those that run, and ends with status 0. A second signal ends it at once; its tasks run again "
        "elsewhere after the lease.",
    .operands = OPERANDS_COMMAND,
    .completion = COMPLETE_COMMAND,
};

enum options_verdict worker_options_parse(int argc, char **argv, struct worker_options *ret,
                                          char *message, size_t size)
{
    int first = 0;
    *ret = (struct worker_options){0};
    enum options_verdict verdict =
        command_line_parse(&worker_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    if (first >= argc && !ret->commands)
        return command_line_wrong(message, size, "no program given");
    if (ret->commands && first < argc)
        return command_line_wrong(message, size, "--commands takes no program: '%s'", argv[first]);
    if (ret->commands && (ret->executor || ret->max_deliveries || ret->run_limit > 0))
        return command_line_wrong(message, size, "--commands has no %s: %s",
                                  ret->executor         ? "--executor"
                                  : ret->max_deliveries ? "--max-deliveries"
                                                        : "--run-limit",
                                  ret->executor         ? "each command is a process"
                                  : ret->max_deliveries ? "thrum run repeats what was lost"
                                                        : "thrum run has --timeout");
    const char *wrong = cluster_login_wrong(&ret->login, ret->pool);
    if (wrong)
        return command_line_wrong(message, size, "%s", wrong);
    ret->words = argv + first;
    return OPTIONS_RUN;
}
