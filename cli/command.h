/* The subcommands of `thrum`, for main.c.
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

struct command_line;

struct command {
    const struct command_line *line; /* its name, options and help */
    /* Runs it; argv[0] is the subcommand's name. Returns the exit status. */
    int (*run)(int argc, char **argv);
};

/* All of them; the last has no line. */
extern const struct command commands[];

int bench_run(int argc, char **argv);
int demo_run(int argc, char **argv);
int doctor_run(int argc, char **argv);
int every_run(int argc, char **argv);
int fetch_run(int argc, char **argv);
int hash_run(int argc, char **argv);
int report_run(int argc, char **argv);
int run_run(int argc, char **argv);
int trace_run(int argc, char **argv);
int tune_run(int argc, char **argv);

#endif
