/* What `thrum tune` was asked to do: its command line as a struct. */
#ifndef CLI_TUNE_OPTIONS_H
#define CLI_TUNE_OPTIONS_H

#include "command_line.h"

struct tune_options {
    const char *workers; /* "1..64" or "1,2,4" */
    int rounds, warmup;
    double most; /* seconds */
    const char *prepare, *json, *csv, *svg;
    bool show_output, ignore_failure, quiet;
    char **words; /* the command, in argv; a single word with blanks is a command line */
    int word_count;
};

extern const struct command_line tune_line;

/* Reads the command line, as demo_options_parse does. */
enum options_verdict tune_options_parse(int argc, char **argv, struct tune_options *ret,
                                        char *message, size_t size);

/* True if the text contains {workers}. */
bool tune_has_workers(const char *text);

#endif
