/* The command line of `thrum worker` as a struct, and how it reaches the program that becomes a worker. */
#ifndef CLI_WORKER_OPTIONS_H
#define CLI_WORKER_OPTIONS_H

#include "cluster/login.h"
#include "command_line.h"

enum worker_executor { WORKER_THREADS, WORKER_PROCESSES, WORKER_FIBERS };

struct worker_options {
    struct cluster_login login;
    const char *pool;        /* NULL for the default */
    int executor;            /* of enum worker_executor */
    int jobs;                /* tasks at once; 0 for the default */
    double lease, run_limit; /* seconds; 0 for the default */
    int max_deliveries, max_queued, replicas;
    bool registered_only;
    bool commands; /* run commands; there is no program */
    char **words;  /* the program, in argv */
};

extern const struct command_line worker_line;

/* The names of the executors, ended by NULL. */
extern const char *const worker_executors[];

/* Reads the command line, as demo_options_parse does. */
enum options_verdict worker_options_parse(int argc, char **argv, struct worker_options *ret,
                                          char *message, size_t size);

#endif
