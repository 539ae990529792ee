/* The command line of `thrum every` as a struct. */
#ifndef CLI_EVERY_OPTIONS_H
#define CLI_EVERY_OPTIONS_H

#include "command_line.h"

enum overlap { OVERLAP_SKIP, OVERLAP_QUEUE, OVERLAP_KILL };

enum { CHANGED_PATHS_MOST = 64 };

struct every_options {
    double period; /* seconds; endless if only changes start a run */
    double jitter; /* seconds; 0 for none */
    int overlap;   /* of enum overlap */
    int times;     /* 0 for no end */
    bool align, until_success, input, quiet, screen;
    const char *changed[CHANGED_PATHS_MOST]; /* --on-change, in argv */
    size_t changed_count;
    char **words; /* the command, in argv */
};

extern const struct command_line every_line;

/* Reads the command line, as demo_options_parse does. */
enum options_verdict every_options_parse(int argc, char **argv, struct every_options *ret,
                                         char *message, size_t size);

#endif
