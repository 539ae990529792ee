/* What `thrum report` was asked to do: its command line as a struct. */
#ifndef CLI_REPORT_OPTIONS_H
#define CLI_REPORT_OPTIONS_H

#include "bench/condition.h"
#include "command_line.h"

struct report_options {
    const char *old, *new; /* files to compare */
    const char *results;   /* a file to make a page of; NULL for a comparison */
    const char *output;    /* where the page goes; NULL for standard output */
    int confidence;        /* per cent */
    bool serve;            /* over HTTP, in place of writing the page */
    int port;              /* of that; 0 for any */
    struct condition condition;
    bool conditional; /* `condition` is set */
};

extern const struct command_line report_line;

/* Reads the command line, as demo_options_parse does. */
enum options_verdict report_options_parse(int argc, char **argv, struct report_options *ret,
                                          char *message, size_t size);

#endif
