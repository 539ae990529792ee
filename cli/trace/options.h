/* The command line of `thrum trace` as a struct. */
#ifndef CLI_TRACE_OPTIONS_H
#define CLI_TRACE_OPTIONS_H

#include "command_line.h"

enum trace_mode { TRACE_RECORD, TRACE_VIEW, TRACE_EXPORT, TRACE_DIFF };
enum trace_format { FORMAT_CHROME, FORMAT_PERFETTO };

struct trace_options {
    int mode;     /* of enum trace_mode */
    char **words; /* a program to run, with its arguments */
    const char *file, *other;
    const char *output; /* NULL: standard output, or trace.thrum for a recording */
    int events;         /* of each thread that are kept; 0: not given */
    int format;         /* of enum trace_format */
    bool all, no_lines, json, fail_if_longer;
};

extern const struct command_line trace_line;

enum options_verdict trace_options_parse(int argc, char **argv, struct trace_options *ret,
                                         char *message, size_t size);

#endif
