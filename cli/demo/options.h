/* What `thrum demo` was asked to do: its command line as a struct. */
#ifndef CLI_DEMO_OPTIONS_H
#define CLI_DEMO_OPTIONS_H

#include "command_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The executors of --executor, ended by NULL. */
extern const char *const sweep_executors[];

/* How often --only may be given. */
enum { ONLY_MOST = 32 };

struct demo_options {
    bool quick;                  /* a tenth of every latency */
    int workers;                 /* of the columns with a given number; 4 */
    int repeats;                 /* measurements of each cell, of which the median counts; 1 */
    uint32_t rows;               /* bit i is set if rows_all[i] is to run */
    const char *only[ONLY_MOST]; /* the lists of --only, as they were given */
    int only_count;
    bool micro;           /* benchmarks of single operations in place of the rows */
    const char *json;     /* where to, "-" for stdout, or NULL */
    const char *csv;      /* likewise */
    const char *svg;      /* likewise, for a picture */
    const char *url;      /* fetch this instead of from a server of our own, or NULL */
    const char *sweep;    /* numbers of workers to try with one row, or NULL */
    int executor;         /* of the sweep: an index of sweep_executors */
    const char *peer;     /* an interpreter of Python to run the same rows, or NULL */
    const char *postgres; /* query this instead of SQLite, or NULL */
    const char *nats; /* the server of the column cluster(N), "auto" for one of our own, or NULL */
    bool lose_worker; /* kill a worker of that column in each row */
};

extern const struct command_line demo_line;

/* Reads the command line; argv[0] is skipped. With OPTIONS_WRONG `ret_message` names the option
 * and what is wrong with it. The strings of `ret` point into argv. */
enum options_verdict demo_options_parse(int argc, char **argv, struct demo_options *ret,
                                        char *ret_message, size_t message_size);

/* The factor on every latency. */
double options_scale(const struct demo_options *options);

#endif
