/* The command line of `thrum cluster`. */
#include "options.h"

#include "../command.h"

#include <limits.h>
#include <string.h>

#define INTO(field) offsetof(struct cluster_options, field)

static const struct option_row rows[] = {
    CLUSTER_SERVER_ROW(INTO),
    CLUSTER_LOGIN_ROWS(INTO),
    {'p', "pool", "NAME", "Show this pool only.", NULL, OPTION_TEXT, INTO(pool)},
    {'i', "interval", "TIME", "Time from one table to the next, for which rates are; 1s.", NULL,
     OPTION_SECONDS, INTO(interval)},
    {'n', "times", "N", "End after N tables.",
     "On a terminal there is no end by default, and elsewhere one table.", OPTION_COUNT,
     INTO(times), 1, INT_MAX},
    {'j', "json", NULL, "Print each table as a JSON object on a line.",
     "A rate that is not known is null.", OPTION_FLAG, INTO(json)},
    OPTION_ROWS_COMMON,
};

static const struct help_term column_terms[] = {
    {"workers", "workers that answered within a quarter of a second"},
    {"running", "tasks that they hold, of those that they can run at once"},
    {"queued", "messages with tasks that have not ended; a message may have many short tasks"},
    {"out", "of them, with workers"},
    {"again", "of them, delivered more than once: a worker was lost or stopped"},
    {"oldest", "age of the oldest message"},
    {"in/s", "messages that came, a second"},
    {"out/s", "deliveries to workers, a second"},
    {"done/s", "tasks that ended, a second; unknown after a worker has left"},
    {0},
};

static const struct help_section sections[] = {
    {.title = "Columns", .terms = column_terms},
    {0},
};

static const struct help_term examples[] = {
    {"thrum cluster status", "Watch all pools of the server on this machine."},
    {"thrum cluster status --server nats://10.0.0.1:4222 --json", "One look, for a program."},
    {0},
};

static const struct help_term environment[] = {
    {"NATS_URL", "The servers, without --server."},
    {0},
};

const struct command_line cluster_line = {
    .name = "cluster",
    .summary = SUMMARY_cluster,
    .title = "show pools and workers of a cluster",
    .usages = (const char *const[]){"status [OPTION...]", NULL},
    .about =
        "Shows the pools that a NATS server has: workers, tasks that run and wait, and rates. On a terminal the table "
        "is drawn again and again until Ctrl-C.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .environment = environment,
    .fails =
        "The server cannot be reached or refuses the user, there is no such pool, or libthrum-cluster is missing.",
    .interrupted = "SIGINT, SIGTERM and SIGHUP end it.",
    .operands = OPERANDS_ANY,
};

enum options_verdict cluster_options_parse(int argc, char **argv, struct cluster_options *ret,
                                           char *message, size_t size)
{
    int first = 0;
    *ret = (struct cluster_options){.interval = 1};
    enum options_verdict verdict =
        command_line_parse(&cluster_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    if (first == argc || strcmp(argv[first], "status") != 0)
        return command_line_wrong(message, size, "%s%s%s: the only action is 'status'",
                                  first == argc ? "no action given" : "unknown action '",
                                  first == argc ? "" : argv[first], first == argc ? "" : "'");
    if (first + 1 < argc)
        return command_line_wrong(message, size, "'status' takes no operands: '%s'",
                                  argv[first + 1]);
    const char *wrong = cluster_login_wrong(&ret->login, ret->pool);
    if (wrong)
        return command_line_wrong(message, size, "%s", wrong);
    return OPTIONS_RUN;
}
