/* The command line of `thrum doctor` as a struct. */
#ifndef CLI_DOCTOR_OPTIONS_H
#define CLI_DOCTOR_OPTIONS_H

#include "command_line.h"

struct doctor_options {
    int pid;          /* 0: not given */
    const char *core; /* or NULL */
    double interval;  /* seconds */
    double watch;     /* seconds; 0: look once */
    bool json, stop, leaks, no_lines;

    char **words;             /* a program to run, with its arguments, in argv; or NULL */
    const char *output;       /* where its report goes; NULL: standard error */
    const char *folded;       /* where waits go as folded stacks; or NULL */
    const char *suppressions; /* a file; or NULL */
    int on_deadlock;          /* of enum on_deadlock */
    int fail_on;              /* of enum fail_on */
    bool strict, contention, advice;
    int rate;          /* tasks a second that are wanted; 0: not given */
    const char *trace; /* a file for events; or NULL */

    /* `thrum trace` is the same command without findings. */
    bool trace_only, trace_all;
    unsigned ring_bits; /* with `trace` */
};

enum on_deadlock { ON_DEADLOCK_REPORT, ON_DEADLOCK_ABORT, ON_DEADLOCK_CORE };

/* The findings that give exit status 66; each includes those before it. */
enum fail_on { FAIL_ON_NOTHING, FAIL_ON_DEADLOCK, FAIL_ON_POTENTIAL, FAIL_ON_LEAK };

enum { RING_BITS = 14 }; /* of the flight recorder */

extern const struct command_line doctor_line;

enum options_verdict doctor_options_parse(int argc, char **argv, struct doctor_options *ret,
                                          char *message, size_t size);

#endif
