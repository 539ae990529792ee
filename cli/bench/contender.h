/* The commands that are compared, and what was measured of each. */
#ifndef CLI_BENCH_CONTENDER_H
#define CLI_BENCH_CONTENDER_H

#include "measure/statistics.h"
#include "measure/timed_command.h"
#include "options.h"

#include <thrum.h>

struct contender {
    char *name;
    struct timed_command command, prepare, setup, conclude; /* text is NULL where there is none */
    struct cost *runs;                                      /* one for each round */
    size_t run_count, room;
    struct interval seconds;   /* the median of the wall time */
    double cpu, memory;        /* medians: seconds, bytes */
    struct interval ratio;     /* of its time to that of the first; 1 for the first */
    struct interval cpu_ratio; /* the same of processor time; {0} if it could not be measured */
};

struct contenders {
    struct contender items[COMMANDS_MOST];
    size_t count;
    size_t rounds;     /* that all of them have run */
    double confidence; /* 0 to 1 */
};

/* Fewer rounds than this give no interval: low is 0, high is INFINITY. */
enum { ROUNDS_FOR_INTERVALS = 5 };

enum verdict { VERDICT_NONE, VERDICT_FASTER, VERDICT_SLOWER };

/* Makes them from the command line: each command with each value of its parameters. Returns 0 or a negative errno. */
int contenders_init(struct contenders *all, const struct bench_options *options,
                    thrum_error *ret_error);
void contenders_finish(struct contenders *all);

/* Notes a run. Returns 0 or -ENOMEM. */
int contender_add(struct contender *contender, const struct cost *cost);

/* Works out the figures of the rounds that all have run. Returns 0 or -ENOMEM. */
int contenders_settle(struct contenders *all);

/* What a ratio to the first shows. */
enum verdict verdict_of(const struct interval *ratio);

#endif
