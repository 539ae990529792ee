/* The same work with different numbers of workers, in turns; and what follows from the times. */
#ifndef CLI_TUNE_SWEEP_H
#define CLI_TUNE_SWEEP_H

#include "law.h"
#include "measure/timed_command.h"

#include <jansson.h>
#include <stdio.h>
#include <thrum.h>

enum { COUNTS_MOST = 64, WORKERS_MOST = 100000 };

/* What keeps more workers from being faster. */
enum limit_cause {
    CAUSE_UNKNOWN,
    CAUSE_WAITING,    /* nothing: the work waits, and each further worker still gains */
    CAUSE_CORES,      /* the cores are busy */
    CAUSE_CONTENTION, /* a lock, or something else that serves few at a time */
    CAUSE_COHERENCE,  /* workers disturb each other: more of them are slower */
    CAUSE_NONE,       /* the number of workers makes no difference */
};

/* One number of workers. */
struct point {
    int workers;
    struct cost *runs;
    size_t run_count, room;
    double seconds; /* the median, without what is due to other programs */
    double cpu;     /* seconds of a processor, a median */
    double others;  /* the share of the cores that other programs took, a median */
    double lost;    /* the share of its time that is due to other programs, a median */
};

/* What is known of the best number. */
struct advice {
    bool known; /* there is enough to fit a law */
    struct law law;
    int best, low,
        high; /* the fewest workers that are within 1 % of the least time, and the interval of that */
    bool clear; /* the interval is narrow enough to name `best` */
    enum limit_cause cause;
    double
        goetz; /* cores * (1 + wait / compute), from the fewest workers; INFINITY if nothing computes */
};

struct sweep {
    struct point points[COUNTS_MOST];
    size_t count;
    int first, last; /* the range from which the best may be taken */
    bool listed;     /* only the numbers in `points` were asked for: none is added */
    int cores, rounds;
    double most; /* seconds after which no round begins; 0 for no bound */
    bool quiet;  /* shows no progress: `measure` does */

    /* Measures the work once. Returns 0, -ECANCELED after an interrupt, or a negative errno with a message. */
    int (*measure)(void *context, int workers, struct cost *ret_cost, thrum_error *ret_error);
    /* Called after each round; may be NULL. Returns 0 or a negative errno with a message. */
    int (*after_round)(void *context, thrum_error *ret_error);
    void *context;
    struct advice advice;
};

/* Reads "1..64" or "1,2,4,8" into the points. A range of more than twelve numbers gets twelve points, spread
 * by factors. False if it makes no sense. */
bool sweep_parse(struct sweep *sweep, const char *text);

/* Measures all, in rounds, and adds points near the best. Then works out the advice. Returns 0, -ECANCELED after an
 * interrupt, when the advice is that of the rounds so far, or a negative errno. */
int sweep_run(struct sweep *sweep, thrum_error *ret_error);
void sweep_finish(struct sweep *sweep);

/* What a run has taken, without what is due to other programs. */
static inline double sweep_seconds(const struct cost *cost)
{
    return cost->seconds - cost->lost;
}

/* Adds a measurement to a point. Returns 0 or -ENOMEM. */
int sweep_add(struct point *point, const struct cost *cost);

/* Works out medians and advice from the runs. Returns 0 or -ENOMEM. */
int sweep_settle(struct sweep *sweep);

/* Prints times as bars with the law beside them, and the advice in words. */
void sweep_report(FILE *out, const struct sweep *sweep);

/* The points with their runs, and the advice; NULL if memory is out. */
json_t *sweep_json(const struct sweep *sweep);

/* A line for each run. Returns 0 or -EIO. */
int sweep_csv(FILE *out, const struct sweep *sweep);

/* The curve as a picture. Returns 0 or -EIO. */
int sweep_svg(FILE *out, const struct sweep *sweep, const char *title);

/* "waiting", "cores" and so on. */
const char *cause_name(enum limit_cause cause);

#endif
