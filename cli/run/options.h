/* What `thrum run` was asked to do: its command line as a struct. */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include "cluster/login.h"
#include "command_line.h"
#include "inputs.h"

enum halt_when { HALT_NEVER, HALT_SOON, HALT_NOW };
enum halt_outcome { HALT_FAIL, HALT_SUCCESS, HALT_DONE };

struct run_options {
    int jobs;           /* at a time; 0 for as many as there are processors */
    int retries;        /* of a job that fails */
    double retry_delay; /* seconds before the first; doubles for each further one */
    double timeout;     /* seconds for each attempt; 0 for none */
    double delay;       /* seconds between starts; 0 for none */
    double load;        /* processes that run, at most; 0 for any number */
    uint64_t memory;    /* bytes that must be available for another job; 0 for none */
    const char *log;    /* --joblog, or NULL */
    enum halt_when halt;
    enum halt_outcome halt_outcome; /* what is counted for that */
    int halt_count;                 /* how many of them */
    bool keep_order, resume, zero, quiet, progress, tag, lines, dry, terminal, direct;
    struct cluster_login login; /* with a server, jobs run on the workers of a cluster */
    const char *pool;           /* of them; NULL for the default */
    const char *columns;
    char **words; /* the command, in argv */
    int word_count;
    struct inputs inputs;
};

extern const struct command_line run_line;

/* Reads the command line, as demo_options_parse does. */
enum options_verdict run_options_parse(int argc, char **argv, struct run_options *ret,
                                       char *message, size_t size);

#endif
