/* How the time of a piece of work depends on the number of workers. */
#ifndef CLI_TUNE_LAW_H
#define CLI_TUNE_LAW_H

#include <stddef.h>

enum law_kind {
    LAW_WAITING, /* single / N: each worker takes its share */
    LAW_LIMIT, /* the same, but never less than `limit`: cores, or a resource that serves so many at a time */
    LAW_SCALING, /* single * (1 + contention * (N - 1) + coherence * N * (N - 1)) / N */
};

struct law {
    enum law_kind kind;
    double single; /* seconds with one worker */
    double limit;  /* seconds; LAW_LIMIT */
    double contention, coherence;
    double error; /* the root of the mean square of log(measured / law) */
};

/* The law's time for `workers` workers. */
double law_seconds(const struct law *law, double workers);

/* Finds the law that describes the times best. A law with more numbers must earn them. `count` is at least 1; all times
 * are more than 0. */
void law_fit(const double *workers, const double *seconds, size_t count, struct law *ret_law);

/* The smallest of `first` to `last` workers with which the law's time is within `tolerance` (as 0.01) of its least. */
int law_best(const struct law *law, int first, int last, double tolerance);

/* "waiting", "limit", "scaling". */
const char *law_name(enum law_kind kind);

#endif
