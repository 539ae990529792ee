/* The command line of `thrum cluster` as a struct. */
#ifndef CLI_CLUSTER_OPTIONS_H
#define CLI_CLUSTER_OPTIONS_H

#include "command_line.h"
#include "login.h"

struct cluster_options {
    struct cluster_login login;
    const char *pool; /* NULL for all */
    double interval;  /* seconds */
    int times;        /* 0 for the default */
    bool json;
};

extern const struct command_line cluster_line;

/* Reads the command line, as demo_options_parse does. */
enum options_verdict cluster_options_parse(int argc, char **argv, struct cluster_options *ret,
                                           char *message, size_t size);

#endif
