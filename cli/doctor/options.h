/* What `thrum doctor` was asked to do: its command line as a struct. */
#ifndef CLI_DOCTOR_OPTIONS_H
#define CLI_DOCTOR_OPTIONS_H

#include "command_line.h"

struct doctor_options {
    int pid;          /* 0: not given */
    const char *core; /* or NULL */
    double interval;  /* seconds */
    double watch;     /* seconds; 0: look once */
    bool json, stop, no_lines;
};

extern const struct command_line doctor_line;

enum options_verdict doctor_options_parse(int argc, char **argv, struct doctor_options *ret,
                                          char *message, size_t size);

#endif
