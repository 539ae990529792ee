/* What `thrum run` was asked to do: its command line as a struct. */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include "command_line.h"

enum halt_when { HALT_NEVER, HALT_SOON, HALT_NOW };

struct run_options {
    int jobs;        /* at a time; 0 for as many as there are processors */
    int retries;     /* of a job that fails */
    double timeout;  /* seconds for each attempt; 0 for none */
    const char *log; /* --joblog, or NULL */
    enum halt_when halt;
    int halt_failures; /* how many must fail for that */
    bool keep_order, resume, zero, quiet, progress;
    char **words; /* the command, in argv */
    int word_count;
    char **arguments; /* after :::, ended by NULL; NULL to read standard input */
};

extern const struct command_line run_line;

/* Reads the command line, as options_parse of bench does. */
enum options_verdict run_options_parse(int argc, char **argv, struct run_options *ret,
                                       char *message, size_t size);

#endif
