/* What `thrum bench` was asked to do: its command line as a struct. */
#ifndef CLI_BENCH_OPTIONS_H
#define CLI_BENCH_OPTIONS_H

#include "command_line.h"
#include "condition.h"

#include <stddef.h>

enum { COMMANDS_MOST = 64, PARAMETERS_MOST = 4 };

/* A parameter: {name} stands for each of the values. */
struct parameter {
    const char *name; /* not ended: name_length */
    int name_length;
    const char *values; /* "1..8", or words with commas between */
};

struct bench_options {
    int rounds, warmup; /* rounds 0: until the figures are known well enough */
    int confidence;     /* per cent */
    double most;        /* seconds for the rounds; 0 for 10 for each command */
    const char *prepare, *setup, *conclude;
    const char *json, *csv;
    int shell; /* enum shell_use */
    bool show_output, ignore_failure, quiet;
    struct condition condition;
    bool conditional; /* `condition` is set */
    struct parameter parameters[PARAMETERS_MOST];
    size_t parameter_count;
    const char *names[COMMANDS_MOST];
    size_t name_count;
    char **commands; /* in argv */
    size_t command_count;
};

extern const struct command_line bench_line;

/* Reads the command line, as demo_options_parse does. */
enum options_verdict bench_options_parse(int argc, char **argv, struct bench_options *ret,
                                         char *message, size_t size);

#endif
