/* What `thrum explore` was asked to do: its command line as a struct. */
#ifndef CLI_EXPLORE_OPTIONS_H
#define CLI_EXPLORE_OPTIONS_H

#include "command_line.h"

#include "doctor/schedule/region.h"

enum explore_memory { POINTS_AUTO, POINTS_OFF, POINTS_SHARED, POINTS_ALL };

enum explore_strategy { EXPLORE_MIX, EXPLORE_RANDOM, EXPLORE_PCT, EXPLORE_POS, EXPLORE_DEPTH };

struct explore_options {
    int runs, jobs, signal, strategy, memory, depth, steps, bound, repeat;
    bool has_seed, early, all, shrink, json, quiet, full, show_output, no_races, instrument;
    uint64_t seed;
    const char *schedule; /* "12:2,30:1", or NULL */
    const char *check;    /* a command line, or NULL */
    const char *timeline; /* a file, or NULL */
    double patience, compute;
    char **words;
};

extern const struct command_line explore_line;

/* Reads the command line, as demo_options_parse does. */
enum options_verdict explore_options_parse(int argc, char **argv, struct explore_options *ret,
                                           char *message, size_t size);

/* Reads a schedule into `list`, which has room for SCHEDULE_CHOICES. Returns the count, or -1 if it
 * is not a schedule. */
int explore_schedule_parse(const char *text, struct schedule_choice *list);

#endif
