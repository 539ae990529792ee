/* The subcommands of `thrum`: their names, and how main.c calls them.
 *
 * Exit status of each:
 *   0         success
 *   1         a failure at run time: an unreachable server, a failed task, a full disk
 *   2         the command line was wrong; nothing was done
 *   128 + N   stopped by signal N, after printing the results so far
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_SIGNAL = 128,
};

/* What `thrum --help` says of each. */
#define SUMMARY_demo    "Run the same tasks on each executor and print the times beside their bounds."
#define SUMMARY_bench   "Measure commands in turns, and say which is faster."
#define SUMMARY_tune    "Find out how many workers a command should have."
#define SUMMARY_report  "Compare results of demo, bench and tune, or make a page of them."
#define SUMMARY_fetch   "Fetch URLs, thousands at once."
#define SUMMARY_hash    "Print or verify digests of files and trees, in parallel."
#define SUMMARY_every   "Run a command again and again, without drift."
#define SUMMARY_run     "Run a command for each of many arguments, several at a time."
#define SUMMARY_doctor  "Explain why a process hangs: threads, locks, owners, deadlocks."
#define SUMMARY_trace   "Record what the threads of a program do, and show it as a timeline."
#define SUMMARY_explore "Run a program with threads under many schedules, until one breaks it."
#define SUMMARY_worker  "Run tasks that come from other machines."
#define SUMMARY_cluster "Show pools, workers and queues of a cluster."

/* COMMANDS_OF_JANSSON: a build without the subcommands that need more libraries than jansson, or load some at run time. */
#ifdef COMMANDS_OF_JANSSON
#define COMMANDS_OF_OTHERS_1(EACH)
#define COMMANDS_OF_OTHERS_2(EACH)
#define COMMANDS_OF_OTHERS_3(EACH)
#else
#define COMMANDS_OF_OTHERS_1(EACH) EACH(demo)
#define COMMANDS_OF_OTHERS_2(EACH) EACH(fetch) EACH(hash)
#define COMMANDS_OF_OTHERS_3(EACH) EACH(worker) EACH(cluster)
#endif

/* EACH(name) for each subcommand, in the order of `thrum --help`. */
#define COMMANDS(EACH)                                                                             \
    COMMANDS_OF_OTHERS_1(EACH)                                                                     \
    EACH(bench)                                                                                    \
    EACH(tune)                                                                                     \
    EACH(report)                                                                                   \
    COMMANDS_OF_OTHERS_2(EACH)                                                                     \
    EACH(every)                                                                                    \
    EACH(run)                                                                                      \
    EACH(doctor)                                                                                   \
    EACH(trace)                                                                                    \
    EACH(explore)                                                                                  \
    COMMANDS_OF_OTHERS_3(EACH)

/* NAME_run runs the subcommand; argv[0] is its name. It returns the exit status. */
#define COMMAND_DECLARE(name) int name##_run(int argc, char **argv);
COMMANDS(COMMAND_DECLARE)

/* Runs a subcommand of COMMANDS, with the output flushed. Returns the exit status. Made in modules.c, or in linked.c. */
int command_run(const char *name, int argc, char **argv);

#endif
