/* The little statistics that a comparison of times needs. */
#ifndef CLI_MEASURE_STATISTICS_H
#define CLI_MEASURE_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

/* An estimate with its interval: low <= middle <= high. */
struct interval {
    double low, middle, high;
};

/* A figure of a sample. It may reorder the values. `count` is at least 1. */
typedef double statistic_fn(double *values, size_t count);

/* The value below which the share `share` (0 to 1) of sorted values lies, by linear interpolation, as
 * statistics.quantiles(method="inclusive") of Python. */
double quantile_of_sorted(const double *values, size_t count, double share);

/* The median. Sorts the values. */
double median_of(double *values, size_t count);

/* The mean without the lowest and the highest fifth, as scipy.stats.trim_mean(values, 0.2). Sorts the values. */
double trimmed_mean_of(double *values, size_t count);

/* The number that a standard normal variable stays below with the given probability, 0 < probability < 1. */
double normal_quantile(double probability);

/* The same for Student's t with `freedom` degrees of freedom, at least 1. */
double student_quantile(double probability, double freedom);

/* A generator of random numbers. Its state is any number; the same state gives the same numbers. */
uint64_t random_next(uint64_t *state);

/* A random index below `count`. */
size_t random_below(uint64_t *state, size_t count);

/* Puts the indices 0 to count - 1 into a random order. */
void random_order(uint64_t *state, size_t *ret_order, size_t count);

/* Estimates a figure and the interval that contains the true one with the given confidence, by resampling the
 * values. Returns 0 or -ENOMEM. */
int bootstrap(const double *values, size_t count, statistic_fn *statistic, double confidence,
              struct interval *ret_interval);

/* The same of the difference of a figure of two samples that have nothing to do with each other: that of the first less
 * that of the second. Returns 0 or -ENOMEM. */
int bootstrap_difference(const double *first, size_t first_count, const double *second,
                         size_t second_count, statistic_fn *statistic, double confidence,
                         struct interval *ret_interval);

/* The interval from figures of resamples, which it sorts. `effective` is how many values of the sample count.
 * `middle` is the figure of the sample itself. */
struct interval interval_of_resamples(double *figures, size_t count, double middle,
                                      double effective, double confidence);

#endif
